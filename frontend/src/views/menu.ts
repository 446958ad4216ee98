import { html, nothing, type TemplateResult } from "lit";
import type { Say, TextKey } from "../texts.ts";

export interface Option {
  id: string;
  name: string;
}

/** One of several, or undefined for what is usual. */
export interface Choice {
  icon: string;
  label: string;
  usual: string;
  options: readonly Option[];
  chosen: string | undefined;
  choose(id: string | undefined): void;
}

export interface MenuView {
  say: Say;
  choices: readonly Choice[];
  /** The choice of which the options are shown. */
  opened: string | undefined;
  open(label: string | undefined): void;
  canStartAnew: boolean;
  startAnew(): void;
  check(): void;
  showAssistant(): void;
  close(): void;
}

function choiceView(view: MenuView, choice: Choice): TemplateResult {
  const { icon, label, usual, options, chosen } = choice;
  const isOpen = view.opened === label;
  const option = (id: string | undefined, name: string): TemplateResult =>
    html`<button
      role="menuitemradio"
      aria-checked=${id === chosen}
      @click=${() => {
        view.close();
        choice.choose(id);
      }}
    >
      <ha-icon icon=${id === chosen ? "mdi:radiobox-marked" : "mdi:radiobox-blank"}></ha-icon>${name}
    </button>`;
  return html`<button role="menuitem" aria-expanded=${isOpen} @click=${() => view.open(isOpen ? undefined : label)}>
      <ha-icon icon=${icon}></ha-icon>${label}
    </button>
    ${isOpen
      ? html`<div class="options" role="group" aria-label=${label}>
          ${option(undefined, usual)}${options.map(({ id, name }) => option(id, name))}
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
    ${view.choices.filter(({ options }) => options.length).map((choice) => choiceView(view, choice))}
    ${item("mdi:stethoscope", "menu_check", view.check)}
    ${item("mdi:information-outline", "menu_settings", view.showAssistant)}
  </div>`;
}
