import type { LiveEvent, LiveMessage, Started, WatchEvent, WatchStarted } from "../src/contract.ts";
import type { Connection, EntityState, HomeAssistant } from "../src/home-assistant.ts";

type Told = Started | LiveEvent | WatchStarted | WatchEvent;
export const ENTITY = "conversation.kitchen_voice";

/** A connection whose other end is the page itself. */
export class FakeConnection implements Connection {
  connected = true;
  /** Bytes of microphone audio that were sent. */
  heardBytes = 0;
  loudest = 0;
  readonly requests: { type: string; [name: string]: unknown }[] = [];
  readonly messages: (LiveMessage & { at: number })[] = [];
  refusal: { code: string; message: string } | undefined;
  private tell: ((event: Told) => void) | undefined;
  private readonly listeners = { ready: new Set<() => void>(), disconnected: new Set<() => void>() };

  readonly socket = {
    readyState: WebSocket.OPEN,
    bufferedAmount: 0,
    send: (frame: Uint8Array): void => {
      this.heardBytes += frame.length - 1;
      const samples = new Int16Array(frame.slice(1).buffer);
      for (const sample of samples) this.loudest = Math.max(this.loudest, Math.abs(sample));
    },
  } as unknown as WebSocket;

  async subscribeMessage<Event>(
    callback: (event: Event) => void,
    message: { type: string; [name: string]: unknown },
  ): Promise<() => Promise<void>> {
    this.requests.push(message);
    if (this.refusal) throw this.refusal;
    this.tell = callback as (event: Told) => void;
    this.emit({
      type: "started",
      session: "session-1",
      binary_handler_id: 7,
      conversation_id: "conversation-1",
      sample_rate: 24000,
      name: "Kitchen voice",
      status: "listening",
      takes_images: true,
      history: [],
    });
    return async () => {
      this.tell = undefined;
    };
  }

  async sendMessagePromise<Result>(message: { type: string; [name: string]: unknown }): Promise<Result> {
    if (message.type.endsWith("/check")) {
      return {
        reachable: true,
        dialect: "ga",
        model: "gpt-realtime",
        round_trip_ms: 41,
        version: "0.1.0",
        home_assistant: "2026.11.0",
      } as Result;
    }
    this.messages.push({ ...(message.message as LiveMessage), at: performance.now() });
    return undefined as Result;
  }

  addEventListener(event: "ready" | "disconnected", listener: () => void): void {
    this.listeners[event].add(listener);
  }

  removeEventListener(event: "ready" | "disconnected", listener: () => void): void {
    this.listeners[event].delete(listener);
  }

  emit(...events: Told[]): void {
    for (const event of events) this.tell?.(event);
  }

  lose(): void {
    this.tell = undefined;
    for (const listener of this.listeners.disconnected) listener();
  }

  return(): void {
    for (const listener of this.listeners.ready) listener();
  }
}

export function fakeHass(connection: FakeConnection): HomeAssistant {
  const states: EntityState[] = [
    { entity_id: ENTITY, state: "unknown", attributes: { friendly_name: "Kitchen voice" } },
    { entity_id: "light.kitchen", state: "On", attributes: { friendly_name: "Kitchen light" } },
    {
      entity_id: "sensor.bedroom",
      state: "21.5 °C",
      attributes: { friendly_name: "Bedroom", device_class: "temperature" },
    },
  ];
  return {
    connection,
    states: Object.fromEntries(states.map((state) => [state.entity_id, state])),
    entities: { [ENTITY]: { platform: "azure_realtime_audio" } },
    language: "en",
    locale: { language: "en" },
  };
}

/** So many seconds of a voice-like tone, as Home Assistant sends it. */
export function tone(seconds: number, hertz = 180): string {
  const samples = new Int16Array(Math.round(seconds * 24_000));
  for (let i = 0; i < samples.length; i++) {
    const t = i / 24_000;
    const syllable = 0.55 + 0.45 * Math.sin(2 * Math.PI * 3.1 * t);
    samples[i] = 9000 * syllable * Math.sin(2 * Math.PI * hertz * t);
  }
  const bytes = new Uint8Array(samples.buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
