import type { MicrophoneSettings } from "./audio/microphone.ts";
import { isAssistant, type HomeAssistant } from "./home-assistant.ts";
import { recallMicrophone } from "./memory.ts";
import { textsIn, type TextKey } from "./texts.ts";

export type Size = "full" | "compact" | "button";

/** A card as it stands in a dashboard. */
export interface CardConfig {
  type: string;
  entity?: string;
  name?: string;
  size?: Size;
  hands_free?: boolean;
  /** True: the turns of `entity`. A satellite's entity: only the turns from there. */
  watch?: boolean | string;
  language?: string;
  echo_cancellation?: boolean;
  noise_suppression?: boolean;
  auto_gain_control?: boolean;
  /** The name under which automations speak at this page, as at a satellite. */
  screen?: string;
}

/** What Home Assistant's own form asks for. */
export function cardForm(language: string): object {
  const say = textsIn(language);
  return {
    schema: [
      {
        name: "entity",
        required: true,
        selector: { entity: { filter: { domain: "conversation", integration: "azure_realtime_audio" } } },
      },
      {
        name: "",
        type: "grid",
        schema: [
          { name: "name", selector: { text: {} } },
          {
            name: "size",
            selector: {
              select: {
                mode: "dropdown",
                options: (["full", "compact", "button"] as const).map((value) => ({
                  value,
                  label: say(`form_size_${value}`),
                })),
              },
            },
          },
        ],
      },
      { name: "hands_free", default: true, selector: { boolean: {} } },
      { name: "watch", selector: { boolean: {} } },
      { name: "screen", selector: { text: {} } },
      {
        name: "microphone",
        type: "expandable",
        flatten: true,
        title: say("form_microphone"),
        schema: [
          { name: "echo_cancellation", default: true, selector: { boolean: {} } },
          { name: "noise_suppression", default: true, selector: { boolean: {} } },
          { name: "auto_gain_control", default: true, selector: { boolean: {} } },
          { name: "language", selector: { language: {} } },
        ],
      },
    ],
    computeLabel: ({ name }: { name: string }) => (name ? say(`form_${name}` as TextKey) : ""),
  };
}

/** How the microphone is opened. */
export function microphoneSettings(config: CardConfig): MicrophoneSettings {
  const deviceId = recallMicrophone();
  return {
    echoCancellation: config.echo_cancellation ?? true,
    noiseSuppression: config.noise_suppression ?? true,
    autoGainControl: config.auto_gain_control ?? true,
    ...(deviceId && { deviceId }),
  };
}

/** A config for an assistant of this house. */
export function stubConfig(hass: HomeAssistant): Partial<CardConfig> {
  const entity = Object.keys(hass.states).find((id) => isAssistant(hass, id));
  return entity ? { entity } : {};
}

/** @throws Error A sentence for the person who wrote the config. */
export function checkConfig(config: CardConfig): void {
  if (config.entity && !config.entity.startsWith("conversation.")) {
    throw new Error("entity: choose the conversation entity of an assistant");
  }
  if (config.size && !["full", "compact", "button"].includes(config.size)) {
    throw new Error("size: full, compact or button");
  }
}
