// Home Assistant's two elements that the card uses, near enough to look at the card without it.

const ICONS: Record<string, string> = {
  "alert-circle-outline":
    "M11 15h2v2h-2zm0-8h2v6h-2zm1-5a10 10 0 1 0 0 20 10 10 0 0 0 0-20m0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16",
  "camera-outline":
    "M4 4h3l2-2h6l2 2h3a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6c0-1.1.9-2 2-2m0 2v12h16V6zm8 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8",
  "chart-gantt": "M2 5h8v3H2zm5 5h8v3H7zm5 5h10v3H12z",
  "check-circle-outline":
    "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20m0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16m4.6-12.4L10 14.2l-2.6-2.6L6 13l4 4 8-8z",
  close: "M19 6.4 17.6 5 12 10.6 6.4 5 5 6.4 10.6 12 5 17.6 6.4 19 12 13.4 17.6 19 19 17.6 13.4 12z",
  "dots-vertical": "M12 16a2 2 0 1 1 0 4 2 2 0 0 1 0-4m0-6a2 2 0 1 1 0 4 2 2 0 0 1 0-4m0-6a2 2 0 1 1 0 4 2 2 0 0 1 0-4",
  lightbulb: "M12 2a7 7 0 0 0-4 12.7V17c0 .6.4 1 1 1h6c.6 0 1-.4 1-1v-2.3A7 7 0 0 0 12 2M9 21c0 .6.4 1 1 1h4c.6 0 1-.4 1-1v-1H9z",
  microphone:
    "M12 2a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V5a3 3 0 0 1 3-3m7 9a7 7 0 0 1-6 6.93V21h-2v-3.07A7 7 0 0 1 5 11h2a5 5 0 0 0 10 0z",
  "microphone-off":
    "M19 11c0 1.2-.3 2.3-.9 3.3l-1.2-1.3c.3-.6.4-1.2.4-2zm-4 .2L9 5.2V5a3 3 0 0 1 6 0v6zM4.3 3 21 19.7 19.7 21l-4.2-4.2c-.8.5-1.6.8-2.5 1V21h-2v-3.2c-3.3-.5-6-3.3-6-6.8h1.7c0 3 2.5 5.1 5.3 5.1.8 0 1.6-.2 2.3-.5L12 14a3 3 0 0 1-3-3v-.7L3 4.3z",
  send: "M2 21 23 12 2 3v7l15 2-15 2z",
  stop: "M6 6h12v12H6z",
  thermometer: "M15 13V5a3 3 0 0 0-6 0v8a5 5 0 1 0 6 0m-3-9a1 1 0 0 1 1 1v3h-2V5a1 1 0 0 1 1-1",
};

class Icon extends HTMLElement {
  static readonly observedAttributes = ["icon"];

  attributeChangedCallback(): void {
    const path = ICONS[(this.getAttribute("icon") ?? "").replace("mdi:", "")] ?? "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16";
    this.style.cssText = "display:inline-flex;width:var(--mdc-icon-size,24px);height:var(--mdc-icon-size,24px)";
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.innerHTML = `<svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="${path}"/></svg>`;
  }
}

class Card extends HTMLElement {
  connectedCallback(): void {
    if (this.shadowRoot) return;
    this.attachShadow({ mode: "open" }).innerHTML = `<style>:host{display:block;background:var(--card-background-color);
      border:1px solid var(--divider-color);border-radius:12px;color:var(--primary-text-color)}</style><slot></slot>`;
  }
}

customElements.define("ha-icon", Icon);
customElements.define("ha-card", Card);
