import { html, nothing, type TemplateResult } from "lit";
import type { Say, TextKey } from "../texts.ts";

export interface MenuView {
  say: Say;
  canStartAnew: boolean;
  startAnew(): void;
  check(): void;
  showAssistant(): void;
  close(): void;
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
    ${item("mdi:stethoscope", "menu_check", view.check)}
    ${item("mdi:information-outline", "menu_settings", view.showAssistant)}
  </div>`;
}
