import type { EntityState, HomeAssistant } from "../home-assistant.ts";

// Home Assistant's own element for it is internal. These are its icons for what a voice is asked about most.
const ICONS: Record<string, string> = {
  alarm_control_panel: "mdi:shield",
  automation: "mdi:robot",
  binary_sensor: "mdi:radiobox-blank",
  button: "mdi:gesture-tap-button",
  calendar: "mdi:calendar",
  camera: "mdi:video",
  climate: "mdi:thermostat",
  cover: "mdi:window-shutter",
  fan: "mdi:fan",
  humidifier: "mdi:air-humidifier",
  input_boolean: "mdi:toggle-switch-variant",
  lawn_mower: "mdi:robot-mower",
  light: "mdi:lightbulb",
  lock: "mdi:lock",
  media_player: "mdi:cast",
  person: "mdi:account",
  scene: "mdi:palette",
  script: "mdi:script-text",
  sensor: "mdi:eye",
  switch: "mdi:toggle-switch-variant",
  timer: "mdi:timer-outline",
  todo: "mdi:clipboard-list",
  vacuum: "mdi:robot-vacuum",
  valve: "mdi:pipe-valve",
  water_heater: "mdi:thermometer",
  weather: "mdi:weather-partly-cloudy",
};

const DEVICE_CLASS_ICONS: Record<string, string> = {
  temperature: "mdi:thermometer",
  humidity: "mdi:water-percent",
  power: "mdi:flash",
  energy: "mdi:lightning-bolt",
  battery: "mdi:battery",
  motion: "mdi:motion-sensor",
  door: "mdi:door",
  window: "mdi:window-closed",
};

const ACTIVE = ["on", "open", "opening", "playing", "unlocked", "cleaning", "heat", "cool", "home"];

export function iconOf(state: EntityState | undefined, entityId: string): string {
  const { icon, device_class: deviceClass } = state?.attributes ?? {};
  return icon ?? DEVICE_CLASS_ICONS[deviceClass ?? ""] ?? ICONS[entityId.split(".")[0]!] ?? "mdi:bookmark";
}

export function nameOf(state: EntityState | undefined, entityId: string): string {
  return state?.attributes.friendly_name ?? entityId;
}

/** The state in the words that Home Assistant shows. */
export function stateOf(hass: HomeAssistant, state: EntityState | undefined): string {
  if (!state) return "";
  return hass.formatEntityState?.(state) ?? state.state;
}

export function isActive(state: EntityState | undefined): boolean {
  return state !== undefined && ACTIVE.includes(state.state);
}
