import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { cardForm, checkConfig, stubConfig, type CardConfig } from "./config.ts";
import type { HomeAssistant } from "./home-assistant.ts";
import { CARD } from "./names.ts";

/** The card as a badge: its button, small enough for the head of a dashboard. */
export class LiveBadge extends LitElement {
  @property({ attribute: false }) hass!: HomeAssistant;
  @state() private config!: CardConfig;

  static override readonly styles = css`
    :host {
      display: block;
      --ha-card-box-shadow: none;
    }
  `;

  static getConfigForm(): object {
    return cardForm(document.documentElement.lang || "en");
  }

  static getStubConfig(hass: HomeAssistant): Partial<CardConfig> {
    return stubConfig(hass);
  }

  setConfig(config: CardConfig): void {
    checkConfig(config);
    this.config = config;
    this.card?.setConfig(this.cardConfig);
  }

  private card: (HTMLElement & { hass: HomeAssistant; setConfig(config: CardConfig): void }) | undefined;

  private get cardConfig(): CardConfig {
    return { ...this.config, type: `custom:${CARD}`, size: "button" };
  }

  protected override render(): TemplateResult | typeof nothing {
    if (!this.hass || !this.config) return nothing;
    if (!this.card) {
      this.card = document.createElement(CARD) as NonNullable<LiveBadge["card"]>;
      this.card.setAttribute("small", "");
      this.card.setConfig(this.cardConfig);
    }
    this.card.hass = this.hass;
    return html`${this.card}`;
  }
}
