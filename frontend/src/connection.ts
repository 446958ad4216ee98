import type { CommandError, LiveEvent, LiveMessage, Started } from "./contract.ts";
import { DOMAIN, type Connection } from "./home-assistant.ts";

export interface LiveRequest {
  entity_id: string;
  conversation_id?: string;
  language?: string;
  hands_free: boolean;
  /** The name of the screen on which the person talks. */
  screen?: string;
}

export interface LiveListener {
  onEvent(event: Started | LiveEvent): void;
  /** The socket is gone. The connection waits for it and goes on with the conversation. */
  onLost(): void;
  /** Home Assistant refuses. */
  onRefused(error: CommandError): void;
}

// What a slow network may hold back of the microphone, in bytes: two seconds.
const MOST_WAITING_BYTES = 96_000;
// What is heard before the session stands, in frames of 20 ms: eight seconds.
const MOST_EARLY_FRAMES = 400;

/** Sends a piece of the microphone to a binary handler; a network that is too slow loses it. */
export function sendFrame(socket: WebSocket, handler: number, samples: Int16Array<ArrayBuffer>): void {
  if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MOST_WAITING_BYTES) return;
  const frame = new Uint8Array(1 + samples.byteLength);
  frame[0] = handler;
  frame.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), 1);
  socket.send(frame);
}

/** A live session, over Home Assistant's own websocket, which outlives that socket. */
export class LiveConnection {
  private started: Started | undefined;
  private early: Int16Array<ArrayBuffer>[] = [];
  private unsubscribe: (() => Promise<void>) | undefined;
  private closed = false;
  /** Hands-free was changed after the request was sent. */
  private isBehind = false;
  /** Grows with each subscription, so that what an old one brings late is known as such. */
  private attempt = 0;

  constructor(
    private readonly connection: Connection,
    private request: LiveRequest,
    private readonly listener: LiveListener,
  ) {
    connection.addEventListener("ready", this.socketReady);
    connection.addEventListener("disconnected", this.socketLost);
    void this.subscribe();
  }

  get hasStarted(): boolean {
    return this.started !== undefined;
  }

  get conversationId(): string | undefined {
    return this.request.conversation_id;
  }

  /** Sends 20 to 200 ms of the microphone. Until the session stands they are kept. */
  sendAudio(samples: Int16Array<ArrayBuffer>): void {
    const socket = this.connection.socket;
    if (!this.started || !socket) {
      this.early.push(samples);
      if (this.early.length > MOST_EARLY_FRAMES) this.early.shift();
      return;
    }
    sendFrame(socket, this.started.binary_handler_id, samples);
  }

  /** Sends a message; a refusal goes to the listener. Without a session the message is dropped. */
  async send(message: LiveMessage): Promise<void> {
    const session = this.started?.session;
    if (!session) return;
    try {
      await this.connection.sendMessagePromise({ type: `${DOMAIN}/live/send`, session, message });
    } catch (error) {
      if (this.started?.session === session && message.type !== "playback") this.refused(error);
    }
  }

  get isHandsFree(): boolean {
    return this.request.hands_free;
  }

  /** Changes who says when a turn ends, in this session and in those after a loss of the socket. */
  setHandsFree(on: boolean): void {
    this.request = { ...this.request, hands_free: on };
    this.isBehind = !this.started;
    void this.send({ type: "hands_free", on });
  }

  close(): void {
    this.closed = true;
    this.attempt++;
    this.started = undefined;
    this.early = [];
    this.connection.removeEventListener("ready", this.socketReady);
    this.connection.removeEventListener("disconnected", this.socketLost);
    void this.unsubscribe?.().catch(() => undefined); // a lost socket has ended the session already
  }

  private async subscribe(): Promise<void> {
    const attempt = ++this.attempt;
    this.isBehind = false;
    try {
      const unsubscribe = await this.connection.subscribeMessage<Started | LiveEvent>(
        (event) => attempt === this.attempt && this.receive(event),
        { type: `${DOMAIN}/live/start`, ...this.request },
        { resubscribe: false }, // core's way would repeat the request without the conversation
      );
      if (attempt === this.attempt) this.unsubscribe = unsubscribe;
      else void unsubscribe().catch(() => undefined);
    } catch (error) {
      // A number is the library's own: the socket was lost, and comes back.
      if (attempt === this.attempt && typeof error !== "number") this.refused(error);
    }
  }

  private receive(event: Started | LiveEvent): void {
    if (event.type !== "started") return this.listener.onEvent(event);
    this.started = event;
    this.request = { ...this.request, conversation_id: event.conversation_id };
    if (this.isBehind) this.setHandsFree(this.request.hands_free);
    this.listener.onEvent(event); // says first whose turn it is
    const early = this.early;
    this.early = [];
    for (const samples of early) this.sendAudio(samples);
  }

  private refused(error: unknown): void {
    const { code, message } = (error ?? {}) as Partial<CommandError>;
    this.listener.onRefused({ code: code ?? "unknown", message: message ?? "" });
  }

  private readonly socketLost = (): void => {
    this.attempt++;
    this.started = undefined;
    this.unsubscribe = undefined;
    this.early = [];
    this.listener.onLost();
  };

  private readonly socketReady = (): void => {
    if (!this.closed) void this.subscribe();
  };
}
