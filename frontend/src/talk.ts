import { Microphone, microphoneError } from "./audio/microphone.ts";
import type { Played } from "./audio/player.ts";
import { microphoneSettings, type CardConfig } from "./config.ts";
import { LiveConnection } from "./connection.ts";
import type { CommandError, LiveEvent, Started } from "./contract.ts";
import type { HomeAssistant } from "./home-assistant.ts";
import { MicrophoneLease } from "./lease.ts";
import { forgetConversation, recallConversation, rememberConversation } from "./memory.ts";
import { NoSound } from "./no-sound.ts";
import { ReplySound } from "./reply-sound.ts";
import { problemKey, type Say } from "./texts.ts";
import { emptyConversation, reduce, type Conversation, type TalkEvent } from "./turns.ts";

export type Phase = "off" | "starting" | "on" | "reconnecting";

export interface TalkHost {
  hass: HomeAssistant;
  config: CardConfig;
  say: Say;
  changed(): void;
}

// People let go with the last syllable, which takes a moment from the microphone to here.
const TAIL_MS = 200;
// So long a hidden page in which nobody speaks keeps the microphone.
const HIDDEN_MS = 60_000;

/** A spoken conversation in this page: microphone, session and sound, from the first tap to the end. */
export class Talk {
  conversation: Conversation = emptyConversation(true);
  phase: Phase = "off";
  takesImages = false;
  /** The media player at which answers are heard, instead of here. */
  player: string | undefined;
  /** Push to talk: a person is holding the button. */
  isHolding = false;
  private handsFree = true;
  /** A held turn is under way, in a talk that was hands-free before and will be after it. */
  private isHandsFreeLater = false;
  private tailTimer: number | undefined;
  /** A held turn ended before its session had started. */
  private isEndDue = false;
  private connection: LiveConnection | undefined;
  private sound: ReplySound | undefined;
  private noSound: NoSound | undefined;
  private microphone: Microphone | undefined;
  private readonly lease = new MicrophoneLease(() => this.leaseTaken());
  private opening: Promise<void> | undefined;
  private someoneSpeaks = false;
  private isAside = false;
  private hiddenTimer: number | undefined;
  /** Grows with each end, so that what was begun before it comes to nothing. */
  private life = 0;
  private onRetry: (() => void) | undefined;

  constructor(private host: TalkHost) {}

  /** Goes on in another card. */
  moveTo(host: TalkHost): void {
    this.host = host;
  }

  get hasMicrophone(): boolean {
    return this.microphone !== undefined;
  }

  get isHandsFree(): boolean {
    return this.handsFree;
  }

  get isMuted(): boolean {
    return this.microphone?.muted ?? false;
  }

  get isSilenced(): boolean {
    return this.phase === "on" && (this.sound?.player.isSilenced ?? false);
  }

  /** How loud the person and the reply are, 0 to 1. */
  get levels(): { person: number; reply: number } {
    const hears = this.handsFree || this.isHolding;
    return { person: hears ? (this.microphone?.level ?? 0) : 0, reply: this.sound?.level ?? 0 };
  }

  /** Begins to talk, hands-free or by a held button. To be called in a person's tap. */
  async start(handsFree: boolean): Promise<void> {
    this.solve();
    this.handsFree = handsFree;
    this.connect(handsFree);
    await this.openAudio(true);
  }

  /** Ends the talk. The conversation can be gone on with. */
  stop(): void {
    this.life++;
    this.connection?.close();
    this.connection = undefined;
    this.closeMicrophone();
    this.sound?.close();
    this.sound = this.noSound = undefined;
    this.opening = undefined;
    this.isHolding = this.isEndDue = this.someoneSpeaks = this.isHandsFreeLater = false;
    window.clearTimeout(this.tailTimer);
    this.tailTimer = undefined;
    this.phase = "off";
    document.removeEventListener("visibilitychange", this.visibilityChanged);
    window.clearTimeout(this.hiddenTimer);
    this.apply({ type: "halted" });
  }

  /** Push to talk begins: with the first hold so does the session. */
  async hold(): Promise<void> {
    if (this.isHolding) return;
    this.isHolding = true;
    this.endTail();
    this.sound?.pause();
    if (this.phase === "off" || !this.microphone) return await this.start(false); // begins when it has started
    if (this.handsFree) {
      this.setHandsFree(false);
      this.isHandsFreeLater = true;
    }
    this.host.changed();
    void this.connection?.send({ type: "turn", action: "begin" });
  }

  /** Push to talk ends, a moment later. */
  release(): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    this.tailTimer = window.setTimeout(() => this.endTail(), TAIL_MS);
    this.host.changed();
  }

  private endTail(): void {
    if (this.tailTimer === undefined) return;
    window.clearTimeout(this.tailTimer);
    this.tailTimer = undefined;
    if (this.connection?.hasStarted) void this.connection.send({ type: "turn", action: "end" });
    else this.isEndDue = true;
  }

  /** Tells of a turn that was held, or still is, while the session was being started. */
  private tellEarlyTurn(): void {
    if (!this.isHolding && this.tailTimer === undefined && !this.isEndDue) return;
    void this.connection?.send({ type: "turn", action: "begin" });
    if (!this.isEndDue) return;
    this.isEndDue = false;
    // What was heard early is sent first.
    queueMicrotask(() => void this.connection?.send({ type: "turn", action: "end" }));
  }

  /** Goes back to hands-free once the held turn has its answer: not before, or its last sound is another turn. */
  private resumeHandsFree(): void {
    if (!this.isHandsFreeLater || this.isHolding) return;
    this.setHandsFree(true);
  }

  setHandsFree(on: boolean): void {
    this.handsFree = on;
    this.isHandsFreeLater = false;
    this.connection?.setHandsFree(on);
    this.host.changed();
  }

  /** Has answers heard at a media player, or here, from the next one on. */
  playAt(player: string | undefined): void {
    this.player = player;
    this.conversation = { ...this.conversation, voiced: player === undefined };
    void this.connection?.send({ type: "output", media_player: player ?? null });
    this.host.changed();
  }

  setMuted(muted: boolean): void {
    if (this.microphone) this.microphone.muted = muted;
    this.host.changed();
  }

  /** Pauses the talk while something else is heard here, which its microphone is not to hear. */
  setAside(isAside: boolean): void {
    if (this.isAside === isAside) return;
    this.isAside = isAside;
    if (isAside) this.sound?.pause();
    else if (!this.someoneSpeaks) this.sound?.resume();
  }

  /** Stops the reply. Nothing is asked. */
  interrupt(): void {
    this.sound?.pause();
    void this.connection?.send({ type: "interrupt" });
  }

  async sendText(text: string): Promise<void> {
    this.solve();
    this.sound?.pause();
    this.apply({ type: "said", text });
    await this.ensureSession();
    await this.connection?.send({ type: "text", text });
  }

  async sendPicture(dataUrl: string, text: string): Promise<void> {
    this.solve();
    this.sound?.pause();
    this.apply({ type: "said", text, picture: dataUrl });
    await this.ensureSession();
    await this.connection?.send({ type: "image", data_url: dataUrl, ...(text && { text }) });
  }

  /** Begins a conversation in which nothing has been said. */
  startAnew(): void {
    this.stop();
    forgetConversation(this.entity);
    this.apply({ type: "cleared" });
  }

  retry(): void {
    const again = this.onRetry;
    this.solve();
    again?.();
  }

  solve(): void {
    this.onRetry = undefined;
    this.apply({ type: "problem_solved" });
  }

  /** Shows a sentence, with a way out if there is one. */
  problem(message: string, retry?: () => void): void {
    this.onRetry = retry;
    this.apply({ type: "problem", message, canRetry: retry !== undefined });
  }

  async wake(): Promise<void> {
    await this.sound?.player.wake();
    this.host.changed();
  }

  private get entity(): string {
    return this.host.config.entity ?? "";
  }

  private async ensureSession(): Promise<void> {
    this.connect(false);
    await this.openAudio(false);
    await this.ready;
  }

  private ready: Promise<void> = Promise.resolve();
  private isReady: () => void = () => undefined;

  private connect(handsFree: boolean): void {
    if (this.connection) return;
    this.phase = "starting";
    this.ready = new Promise((resolve) => (this.isReady = resolve));
    document.addEventListener("visibilitychange", this.visibilityChanged);
    const conversation = recallConversation(this.entity);
    const language = this.host.config.language;
    this.connection = new LiveConnection(
      this.host.hass.connection,
      {
        entity_id: this.entity,
        hands_free: handsFree,
        ...(conversation && { conversation_id: conversation }),
        ...(language && { language }),
        ...(this.host.config.screen && { screen: this.host.config.screen }),
      },
      {
        onEvent: (event) => this.receive(event),
        onLost: () => this.lost(),
        onRefused: (error) => this.refused(error),
      },
    );
    this.host.changed();
  }

  /** Opens the sound, and the microphone if it is wanted; both stay as they are if they are open. */
  private async openAudio(withMicrophone: boolean): Promise<void> {
    const life = this.life;
    try {
      this.opening ??= this.openSound();
      await this.opening;
      if (life === this.life && withMicrophone && !this.microphone) await this.openMicrophone(life);
    } catch (error) {
      if (life !== this.life) return;
      if (!withMicrophone) return this.goOnWithoutSound();
      const { failure } = microphoneError(error);
      const handsFree = this.handsFree;
      this.stop();
      this.problem(this.host.say(`problem_${failure}`), () => void this.start(handsFree));
    }
  }

  /** Typed words are answered in writing where a page can make no sound. */
  private goOnWithoutSound(): void {
    this.opening = undefined;
    this.noSound = new NoSound((item_id, ms, state) => {
      void this.connection?.send({ type: "playback", item_id, played_ms: Math.round(ms), state });
    });
    this.conversation = { ...this.conversation, voiced: false };
  }

  private async openSound(): Promise<void> {
    const life = this.life;
    const sound = await ReplySound.open((played, tell) => this.heard(played, tell));
    if (life !== this.life) return sound.close();
    this.sound = sound;
    this.noSound = undefined;
    this.conversation = { ...this.conversation, voiced: this.player === undefined };
    sound.player.context.addEventListener("statechange", () => this.host.changed());
  }

  private async openMicrophone(life: number): Promise<void> {
    this.lease.take();
    const microphone = await Microphone.open(
      this.sound!.player.context,
      microphoneSettings(this.host.config),
      (samples) => this.sendAudio(samples),
      () => this.unplugged(),
    );
    if (life !== this.life || !this.lease.isHeld) return microphone.close();
    this.microphone = microphone;
    if (this.handsFree && !this.connection?.isHandsFree) this.setHandsFree(true); // it began with typed words
    this.host.changed();
  }

  /** Hears a person with another microphone from now on, if there is one open. */
  async changeMicrophone(): Promise<void> {
    if (!this.microphone) return;
    this.closeMicrophone();
    await this.openAudio(true);
  }

  private closeMicrophone(): void {
    this.microphone?.close();
    this.microphone = undefined;
    this.lease.release();
  }

  private sendAudio(samples: Int16Array<ArrayBuffer>): void {
    const isHeld = this.isHolding || this.tailTimer !== undefined;
    if (!this.handsFree && !isHeld) return;
    if (this.isAside || (this.sound?.isWarmingUp && !isHeld)) samples.fill(0);
    this.connection?.sendAudio(samples);
  }

  private heard(played: Played, tell: boolean): void {
    this.apply({ type: "played", item_id: played.item, ms: played.ms });
    if (!tell) return;
    const played_ms = Math.round(played.ms);
    void this.connection?.send({ type: "playback", item_id: played.item, played_ms, state: played.state });
  }

  private receive(event: Started | LiveEvent): void {
    switch (event.type) {
      case "started":
        this.phase = "on";
        this.takesImages = event.takes_images;
        rememberConversation(this.entity, event.conversation_id);
        if (this.player) this.playAt(this.player);
        this.tellEarlyTurn();
        this.isReady();
        break;
      case "speech_started":
        this.someoneSpeaks = true;
        this.sound?.pause();
        break;
      case "speech_stopped":
        this.someoneSpeaks = false;
        break;
      case "false_interruption":
        this.someoneSpeaks = false;
        if (!this.isAside) this.sound?.resume();
        break;
      case "interrupted":
        this.sound?.drop();
        break;
      case "audio":
        if (!this.sound) return this.noSound?.push(event.item_id, event.audio);
        this.resumeHandsFree();
        this.apply({
          type: "sound",
          item_id: event.item_id,
          ms: this.sound.push(event.item_id, event.response_id, event.audio, this.someoneSpeaks),
        });
        return;
      case "audio_done":
        this.sound?.complete(event.item_id);
        this.noSound?.complete(event.item_id, event.duration_ms);
        break;
      case "turn_done":
        rememberConversation(this.entity, this.connection?.conversationId);
        this.resumeHandsFree();
        break;
      case "error":
        this.problem(event.message, event.can_retry ? () => void this.start(this.handsFree) : undefined);
        return;
      case "ended":
        this.ended(event);
        return;
    }
    this.apply(event);
  }

  private ended({ reason, message }: Extract<LiveEvent, { type: "ended" }>): void {
    const handsFree = this.handsFree;
    const again = (): void => void this.start(handsFree);
    this.stop();
    const { say } = this.host;
    if (reason === "taken_over") this.problem(say("problem_taken"), again);
    else if (reason === "unloaded") this.problem(say("problem_unavailable"), again);
    else if (reason === "failed") {
      this.apply({ type: "status", status: "away" });
      this.problem(message || say("problem_service_away"), again);
    }
  }

  private lost(): void {
    this.phase = "reconnecting";
    this.someoneSpeaks = false;
    this.sound?.drop();
    this.apply({ type: "halted" });
  }

  private refused({ code, message }: CommandError): void {
    const handsFree = this.handsFree;
    if (this.phase !== "on") this.stop();
    const key = problemKey(code);
    const { say } = this.host;
    this.problem(message || say(key ?? "problem_failed", { reason: code }), () => void this.start(handsFree));
    if (code === "unavailable") this.apply({ type: "status", status: "away" });
  }

  private unplugged(): void {
    this.closeMicrophone();
    this.problem(this.host.say("problem_unplugged"), () => void this.start(this.handsFree));
  }

  private leaseTaken(): void {
    const handsFree = this.handsFree;
    this.stop();
    this.problem(this.host.say("problem_taken"), () => void this.start(handsFree));
  }

  /** A phone that was locked gives the sound back by itself or not at all; a tab has no such right. */
  private readonly visibilityChanged = (): void => {
    window.clearTimeout(this.hiddenTimer);
    if (!document.hidden) {
      void this.wake();
      return;
    }
    const closeIfQuiet = (): void => {
      if (!this.microphone) return;
      if (this.someoneSpeaks || this.conversation.status === "speaking" || this.conversation.status === "thinking") {
        this.hiddenTimer = window.setTimeout(closeIfQuiet, HIDDEN_MS);
        return;
      }
      const handsFree = this.handsFree;
      this.stop();
      this.problem(this.host.say("problem_hidden"), () => void this.start(handsFree));
    };
    this.hiddenTimer = window.setTimeout(closeIfQuiet, HIDDEN_MS);
  };

  private apply(event: TalkEvent): void {
    this.conversation = reduce(this.conversation, event, Date.now());
    this.host.changed();
  }
}
