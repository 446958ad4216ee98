import type { PipelineEvent, ScreenEvent, ScreenMessage, CommandError } from "./contract.ts";
import { sendFrame } from "./connection.ts";
import { DOMAIN, type HomeAssistant } from "./home-assistant.ts";
import type { ScreenSound, SoundEvent } from "./screen-sound.ts";
import { problemKey, type Say, type TextKey } from "./texts.ts";
import { emptyConversation, reduce, type Conversation, type TalkEvent } from "./turns.ts";

export interface ScreenHost {
  hass: HomeAssistant;
  say: Say;
  changed(): void;
  /** Something is said here that the person's own talk is not to hear. */
  setTalkAside(isAside: boolean): void;
  /** The microphone is needed. */
  endTalk(): void;
}

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;
// Refusals that may pass by themselves: Home Assistant has just begun, or the assistant is loaded anew.
const PASSING = ["unavailable", "not_found", "unknown_command", "screen_not_ready", "timeout"];

/** A page with a name: a satellite of Home Assistant's, at which automations speak, as long as it is open. */
export class Screen {
  /** What was said here by automations, and to them. */
  conversation: Conversation = emptyConversation(true);
  /** Whether the conversation is the one to show: it is, from an announcement until the person talks. */
  isShown = false;
  private unsubscribe: (() => Promise<void>) | undefined;
  private connected: Extract<ScreenEvent, { type: "connected" }> | undefined;
  /** Grows with each subscription, so that what an old one brings late is known as such. */
  private attempt = 0;
  private isOpen = false;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private retryMs = FIRST_RETRY_MS;
  private listening: string | undefined;
  private playing: string | undefined;
  private line = "";

  constructor(
    private readonly host: ScreenHost,
    readonly entity: string,
    readonly name: string,
    private readonly sound: ScreenSound,
  ) {}

  /** Whether something is said or heard here now. */
  get isBusy(): boolean {
    return this.playing !== undefined || this.listening !== undefined;
  }

  get levels(): { person: number; reply: number } {
    return this.sound.levels;
  }

  start(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.sound.open();
    const { connection } = this.host.hass;
    connection.addEventListener("ready", this.socketReady);
    connection.addEventListener("disconnected", this.socketLost);
    void this.subscribe();
  }

  stop(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { connection } = this.host.hass;
    connection.removeEventListener("ready", this.socketReady);
    connection.removeEventListener("disconnected", this.socketLost);
    this.leave();
    this.sound.close();
  }

  /** A person wants quiet: ends what is said, or what is listened to. */
  halt(): void {
    this.sound.stop();
    if (this.listening) this.endListening();
    void this.send({ type: "stop" });
  }

  /** Forgets what was said, unless it is still being said: the person's own talk is to be shown. */
  hide(): void {
    if (!this.isShown || this.isBusy) return;
    this.isShown = false;
    this.conversation = emptyConversation(true);
  }

  retry(): void {
    this.apply({ type: "problem_solved" });
    if (!this.connected) void this.subscribe();
  }

  solve(): void {
    this.apply({ type: "problem_solved" });
  }

  private async subscribe(): Promise<void> {
    const attempt = ++this.attempt;
    clearTimeout(this.retryTimer);
    try {
      const unsubscribe = await this.host.hass.connection.subscribeMessage<ScreenEvent>(
        (event) => attempt === this.attempt && this.receive(event),
        { type: `${DOMAIN}/screen/connect`, entity_id: this.entity, name: this.name },
        { resubscribe: false }, // core's way tries once, when the assistant may not be loaded yet
      );
      if (attempt === this.attempt) this.unsubscribe = unsubscribe;
      else void unsubscribe().catch(() => undefined);
    } catch (error) {
      // A number is the library's own: the socket was lost, and comes back.
      if (attempt === this.attempt && typeof error !== "number") this.refused((error ?? {}) as Partial<CommandError>);
    }
  }

  private refused({ code = "unknown", message }: Partial<CommandError>): void {
    if (PASSING.includes(code)) return this.subscribeLater();
    const { say } = this.host;
    const key = problemKey(code);
    this.problem(key ? say(key) : message || say("problem_failed", { reason: code }));
  }

  private subscribeLater(): void {
    this.retryTimer = setTimeout(() => void this.subscribe(), this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, LAST_RETRY_MS);
  }

  private receive(event: ScreenEvent): void {
    switch (event.type) {
      case "connected":
        this.connected = event;
        this.retryMs = FIRST_RETRY_MS;
        break;
      case "announce":
        this.show();
        if (event.text) this.apply({ type: "text_done", item_id: event.id, text: event.text });
        void this.play(event.id, event.id, event.url, event.preannounce_url);
        break;
      case "listen":
        void this.listen(event.id);
        break;
      case "listen_end":
        if (event.id === this.listening) this.endListening();
        break;
      case "pipeline":
        this.follow(event.event);
        break;
      case "taken_over":
        this.leave();
        this.problem(this.host.say("problem_screen_taken", { name: this.name }));
        break;
      case "ended":
        this.leave();
        this.subscribeLater();
        break;
    }
  }

  private follow(event: PipelineEvent): void {
    const item_id = `reply-${this.line}`;
    switch (event.type) {
      case "user_text":
        this.apply({ type: "user_text", item_id: this.line, text: event.text, final: true });
        this.setStatus("thinking");
        break;
      case "text":
        this.apply({ type: "text", item_id, response_id: this.line, delta: event.delta });
        break;
      case "text_done":
        this.apply({ type: "text_done", item_id, text: event.text });
        break;
      case "reply":
        void this.play(event.id, item_id, event.url);
        break;
      case "error":
        this.apply({ type: "problem", message: event.message, canRetry: false });
        break;
      case "end":
        if (!this.isBusy) this.setStatus("idle");
        break;
    }
  }

  private async play(id: string, item_id: string, url: string, preannounce?: string): Promise<void> {
    this.playing = id;
    this.host.setTalkAside(true);
    this.setStatus("speaking");
    const tell = (event: SoundEvent): void => this.apply({ ...event, item_id });
    try {
      await this.sound.play(url, preannounce, tell);
      void this.send({ type: "done", id });
    } catch (error) {
      this.tellProblem(error, "screen_silent");
      void this.send({ type: "failed", id, failure: "sound" });
    }
    if (this.playing !== id) return; // the next announcement plays already
    this.playing = undefined;
    this.host.setTalkAside(false);
    if (!this.listening) this.setStatus("idle");
  }

  private async listen(id: string): Promise<void> {
    this.host.endTalk();
    this.show();
    this.listening = this.line = id;
    this.setStatus("listening");
    try {
      await this.sound.listen(
        (samples) => this.hear(samples),
        () => this.deaf(id, { failure: "unplugged" }),
      );
    } catch (error) {
      this.deaf(id, error);
    }
    if (this.listening !== id) this.sound.closeMicrophone();
  }

  private hear(samples: Int16Array<ArrayBuffer>): void {
    const { socket } = this.host.hass.connection;
    if (this.listening && this.connected && socket) sendFrame(socket, this.connected.binary_handler_id, samples);
  }

  private deaf(id: string, error: unknown): void {
    if (this.listening !== id) return;
    this.endListening();
    this.setStatus("idle");
    this.tellProblem(error, "unsupported");
    void this.send({ type: "failed", id, failure: "microphone" });
  }

  private endListening(): void {
    this.listening = undefined;
    this.sound.closeMicrophone();
    this.setStatus("idle");
  }

  /** Ends what goes on: nobody hears of it any more. */
  private leave(): void {
    this.attempt++;
    this.connected = undefined;
    void this.unsubscribe?.().catch(() => undefined); // a lost socket has ended the screen already
    this.unsubscribe = undefined;
    clearTimeout(this.retryTimer);
    this.sound.stop();
    if (this.listening) this.endListening();
  }

  /** What the assistant's automations wait for no more is refused, and of no concern here. */
  private async send(message: ScreenMessage): Promise<void> {
    const screen = this.connected?.screen;
    if (!screen) return;
    const command = { type: `${DOMAIN}/screen/send`, screen, message };
    await this.host.hass.connection.sendMessagePromise(command).catch(() => undefined);
  }

  private show(): void {
    this.isShown = true;
    this.apply({ type: "problem_solved" });
  }

  private problem(message: string): void {
    this.isShown = true;
    this.apply({ type: "problem", message, canRetry: true });
  }

  /** Shows why nothing was heard: an error of ours has the word for it. */
  private tellProblem(error: unknown, otherwise: string): void {
    const { failure = otherwise } = error as { failure?: string };
    const message = this.host.say(`problem_${failure}` as TextKey, { name: this.name });
    this.apply({ type: "problem", message, canRetry: false });
  }

  private setStatus(status: Conversation["status"]): void {
    this.apply({ type: "status", status });
  }

  private apply(event: TalkEvent): void {
    this.conversation = reduce(this.conversation, event, Date.now());
    this.host.changed();
  }

  private readonly socketLost = (): void => {
    this.unsubscribe = undefined;
    this.leave();
  };

  private readonly socketReady = (): void => {
    this.retryMs = FIRST_RETRY_MS;
    void this.subscribe();
  };
}
