// The little of Home Assistant's frontend that the card uses.

export interface EntityState {
  entity_id: string;
  state: string;
  attributes: { friendly_name?: string; icon?: string; device_class?: string; [name: string]: unknown };
}

export interface Connection {
  socket?: WebSocket;
  connected: boolean;
  subscribeMessage<Event>(
    callback: (event: Event) => void,
    message: { type: string; [name: string]: unknown },
    options?: { resubscribe?: boolean },
  ): Promise<() => Promise<void>>;
  sendMessagePromise<Result>(message: { type: string; [name: string]: unknown }): Promise<Result>;
  addEventListener(event: "ready" | "disconnected", listener: () => void): void;
  removeEventListener(event: "ready" | "disconnected", listener: () => void): void;
}

export interface HomeAssistant {
  connection: Connection;
  states: Record<string, EntityState>;
  entities: Record<string, { platform?: string; name?: string } | undefined>;
  language: string;
  locale?: { language: string };
  themes?: { darkMode?: boolean };
  formatEntityState?(state: EntityState): string;
}

export const DOMAIN = "azure_realtime_audio";

/** Opens Home Assistant's dialog about an entity. */
export function showEntity(element: HTMLElement, entityId: string): void {
  element.dispatchEvent(
    new CustomEvent("hass-more-info", { bubbles: true, composed: true, detail: { entityId } }),
  );
}

/** The media players that are there, by name. */
export function mediaPlayers(hass: HomeAssistant): { id: string; name: string }[] {
  return Object.values(hass.states)
    .filter(({ entity_id, state }) => entity_id.startsWith("media_player.") && state !== "unavailable")
    .map(({ entity_id, attributes }) => ({ id: entity_id, name: attributes.friendly_name ?? entity_id }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** Whether an entity is an assistant: the conversation entity of our platform. */
export function isAssistant(hass: HomeAssistant, entityId: string): boolean {
  return entityId.startsWith("conversation.") && hass.entities[entityId]?.platform === DOMAIN;
}
