import { html, nothing, type TemplateResult } from "lit";
import type { Say, TextKey } from "../texts.ts";

export interface Player {
  id: string;
  name: string;
}

export interface MenuView {
  say: Say;
  /** The media players at which answers can be heard, and the one at which they are. */
  players: readonly Player[];
  player: string | undefined;
  isChoosingPlayer: boolean;
  choosePlayer(): void;
  playAt(player: string | undefined): void;
  canStartAnew: boolean;
  startAnew(): void;
  check(): void;
  showAssistant(): void;
  close(): void;
}

function playersView(view: MenuView): TemplateResult {
  const { say } = view;
  const choice = (player: string | undefined, name: string): TemplateResult =>
    html`<button
      role="menuitemradio"
      aria-checked=${player === view.player}
      @click=${() => {
        view.close();
        view.playAt(player);
      }}
    >
      <ha-icon icon=${player === view.player ? "mdi:radiobox-marked" : "mdi:radiobox-blank"}></ha-icon>${name}
    </button>`;
  return html`<button role="menuitem" aria-expanded=${view.isChoosingPlayer} @click=${view.choosePlayer}>
      <ha-icon icon="mdi:speaker"></ha-icon>${say("menu_output")}
    </button>
    ${view.isChoosingPlayer
      ? html`<div class="players" role="group" aria-label=${say("menu_output")}>
          ${choice(undefined, say("output_here"))}${view.players.map(({ id, name }) => choice(id, name))}
        </div>`
      : nothing}`;
}

/** What is needed seldom. */
export function menuView(view: MenuView): TemplateResult {
  const item = (icon: string, key: TextKey, act: () => void): TemplateResult =>
    html`<button
      role="menuitem"
      @click=${() => {
        view.close();
        act();
      }}
    >
      <ha-icon icon=${icon}></ha-icon>${view.say(key)}
    </button>`;
  return html`<div class="menu" role="menu" aria-label=${view.say("menu")}>
    ${view.canStartAnew ? item("mdi:chat-plus-outline", "menu_new", view.startAnew) : nothing}
    ${view.players.length ? playersView(view) : nothing}
    ${item("mdi:stethoscope", "menu_check", view.check)}
    ${item("mdi:information-outline", "menu_settings", view.showAssistant)}
  </div>`;
}
