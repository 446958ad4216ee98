import { LiveBadge } from "./badge.ts";
import { LiveCard } from "./card.ts";
import { isAssistant, type HomeAssistant } from "./home-assistant.ts";
import { BADGE, CARD, ORB } from "./names.ts";
import { Orb } from "./orb.ts";
import { textsIn } from "./texts.ts";

interface Offer {
  type: string;
  name: string;
  description: string;
  preview?: boolean;
  getEntitySuggestion?(hass: HomeAssistant, entityId: string): { config: object } | null;
}

declare global {
  interface Window {
    customCards?: Offer[];
    customBadges?: Offer[];
  }
}

/** Defines an element once: two versions of this module may be in one page after an update. */
function define(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}

/** Adds to a list of Home Assistant's, once. The frontend keeps the very array that it has found first. */
function offer(list: Offer[], item: Offer): void {
  if (!list.some(({ type }) => type === item.type)) list.push(item);
}

define(ORB, Orb);
define(CARD, LiveCard);
define(BADGE, LiveBadge);

const say = textsIn(document.documentElement.lang || navigator.language);

offer((window.customCards ??= []), {
  type: CARD,
  name: say("card_name"),
  description: say("card_description"),
  preview: true,
  getEntitySuggestion: (hass, entityId) =>
    isAssistant(hass, entityId) ? { config: { type: `custom:${CARD}`, entity: entityId } } : null,
});

offer((window.customBadges ??= []), {
  type: BADGE,
  name: say("badge_name"),
  description: say("badge_description"),
  preview: true,
});
