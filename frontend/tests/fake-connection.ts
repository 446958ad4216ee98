import type { LiveEvent, LiveMessage, Started } from "../src/contract.ts";
import type { Connection } from "../src/home-assistant.ts";

type Listener = () => void;

/** Home Assistant's connection, whose other end is the test. */
export class FakeConnection implements Connection {
  connected = true;
  readonly requests: { type: string; [name: string]: unknown }[] = [];
  readonly messages: LiveMessage[] = [];
  readonly frames: Uint8Array[] = [];
  unsubscribed = 0;
  refusal: unknown;
  private tell: ((event: Started | LiveEvent) => void) | undefined;
  private readonly listeners = { ready: new Set<Listener>(), disconnected: new Set<Listener>() };

  readonly socket = {
    readyState: 1,
    bufferedAmount: 0,
    send: (frame: Uint8Array) => this.frames.push(frame),
  } as unknown as WebSocket;

  async subscribeMessage<Event>(callback: (event: Event) => void, message: { type: string }): Promise<() => Promise<void>> {
    this.requests.push(message);
    if (this.refusal !== undefined) throw this.refusal;
    this.tell = callback as (event: Started | LiveEvent) => void;
    return async () => void this.unsubscribed++;
  }

  async sendMessagePromise<Result>(message: { type: string; message?: LiveMessage }): Promise<Result> {
    this.messages.push(message.message!);
    if (this.refusal !== undefined) throw this.refusal;
    return undefined as Result;
  }

  addEventListener(event: "ready" | "disconnected", listener: Listener): void {
    this.listeners[event].add(listener);
  }

  removeEventListener(event: "ready" | "disconnected", listener: Listener): void {
    this.listeners[event].delete(listener);
  }

  start(fields: Partial<Started> = {}): void {
    this.emit({
      type: "started",
      session: "s1",
      binary_handler_id: 7,
      conversation_id: "c1",
      sample_rate: 24_000,
      name: "Kitchen",
      status: "idle",
      takes_images: false,
      history: [],
      ...fields,
    });
  }

  emit(event: Started | LiveEvent): void {
    this.tell?.(event);
  }

  lose(): void {
    for (const listener of this.listeners.disconnected) listener();
  }

  come(): void {
    for (const listener of this.listeners.ready) listener();
  }

  get listening(): number {
    return this.listeners.ready.size + this.listeners.disconnected.size;
  }
}

/** Lets what was promised happen. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
