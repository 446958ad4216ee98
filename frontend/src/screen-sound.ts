import { readSound } from "./audio/address.ts";
import { WIRE_RATE } from "./audio/format.ts";
import { Microphone, microphoneError, type MicrophoneSettings } from "./audio/microphone.ts";
import { Player, type Played } from "./audio/player.ts";
import { MicrophoneLease } from "./lease.ts";

/** What becomes of a sound, as the conversation is told it, without the item. */
export type SoundEvent =
  | { type: "sound"; ms: number }
  | { type: "audio_done"; duration_ms: number }
  | { type: "played"; ms: number };

/** The loudspeaker and the microphone of a named screen. */
export interface ScreenSound {
  readonly levels: { person: number; reply: number };
  /** Makes ready, so that the next tap anywhere lets the page make sounds. */
  open(): void;
  /** Plays what stands at an address, to its end or until `stop`. @throws SilencedError, and others. */
  play(url: string, preannounceUrl: string | undefined, tell: (event: SoundEvent) => void): Promise<void>;
  /** Ends what is played. */
  stop(): void;
  /** Opens the microphone. @throws MicrophoneError, SilencedError */
  listen(onFrame: (samples: Int16Array<ArrayBuffer>) => void, onLost: () => void): Promise<void>;
  closeMicrophone(): void;
  close(): void;
}

// So long a browser may take to let a page make a sound, which it does at once or not at all.
const WAKE_MS = 2_000;
const BEFORE = "before";
const SOUND = "sound";

/** The browser keeps the sound back until a tap. */
export class SilencedError extends Error {
  readonly failure = "silenced";
}

interface Playing {
  tell: (event: SoundEvent) => void;
  abort: AbortController;
  end: () => void;
}

/** The sound of a page in a browser. */
export class PageSound implements ScreenSound {
  private player: Promise<Player> | undefined;
  private opened: Player | undefined;
  private playing: Playing | undefined;
  private microphone: Microphone | undefined;
  private readonly lease = new MicrophoneLease(() => this.onLost?.());
  private onLost: (() => void) | undefined;
  /** Grows with each end of listening, so that a microphone that opens late is closed. */
  private life = 0;

  constructor(private readonly settings: () => MicrophoneSettings) {}

  get levels(): { person: number; reply: number } {
    return { person: this.microphone?.level ?? 0, reply: this.opened?.level ?? 0 };
  }

  open(): void {
    document.addEventListener("pointerdown", this.tapped);
  }

  async play(url: string, preannounceUrl: string | undefined, tell: (event: SoundEvent) => void): Promise<void> {
    this.stop();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const playing: Playing = { tell, abort: new AbortController(), end };
    this.playing = playing;
    try {
      await Promise.race([this.playAll(playing, url, preannounceUrl), ended]);
      await ended;
    } finally {
      if (this.playing === playing) this.stop();
    }
  }

  stop(): void {
    const { playing } = this;
    this.playing = undefined;
    if (!playing) return;
    playing.abort.abort();
    this.opened?.drop();
    playing.end();
    this.rest();
  }

  async listen(onFrame: (samples: Int16Array<ArrayBuffer>) => void, onLost: () => void): Promise<void> {
    this.closeMicrophone();
    const { life } = this;
    let player: Player;
    try {
      player = await this.awake();
    } catch (error) {
      throw error instanceof SilencedError ? error : microphoneError(error);
    }
    if (life !== this.life) return;
    this.lease.take();
    this.onLost = onLost;
    const microphone = await Microphone.open(player.context, this.settings(), onFrame, onLost);
    if (life !== this.life) return microphone.close();
    this.microphone = microphone;
  }

  closeMicrophone(): void {
    this.life++;
    this.microphone?.close();
    this.microphone = undefined;
    this.onLost = undefined;
    this.lease.release();
    this.rest();
  }

  close(): void {
    document.removeEventListener("pointerdown", this.tapped);
    this.stop();
    this.closeMicrophone();
    void this.player?.then((player) => player.close()).catch(() => undefined);
    this.player = this.opened = undefined;
  }

  private async playAll(playing: Playing, url: string, preannounceUrl: string | undefined): Promise<void> {
    const player = await this.awake();
    const { signal } = playing.abort;
    // The speech is asked for first: it is being made while the chime plays.
    const speech = fetch(url, { signal }).catch(() => undefined);
    if (preannounceUrl) await this.playChime(playing, player, preannounceUrl);
    const response = await speech;
    if (!response) return playElsewhere(playing, url);
    let count = 0;
    await readSound(response, player.context, (samples) => {
      count += samples.length;
      playing.tell({ type: "sound", ms: (samples.length / WIRE_RATE) * 1000 });
      this.push(playing, player, SOUND, samples);
    });
    playing.tell({ type: "audio_done", duration_ms: (count / WIRE_RATE) * 1000 });
    if (!count) playing.end();
    player.complete(SOUND);
  }

  /** Plays what draws attention. An announcement without is better than none. */
  private async playChime(playing: Playing, player: Player, url: string): Promise<void> {
    try {
      const chime = await fetch(url, { signal: playing.abort.signal });
      await readSound(chime, player.context, (samples) => this.push(playing, player, BEFORE, samples));
    } catch {
      // The speech follows.
    }
    player.complete(BEFORE);
  }

  private push(playing: Playing, player: Player, item: string, samples: Int16Array<ArrayBuffer>): void {
    if (this.playing === playing) player.push(item, samples);
  }

  private report({ item, ms, state }: Played): void {
    const { playing } = this;
    if (!playing || item !== SOUND) return;
    playing.tell({ type: "played", ms });
    if (state === "ended") playing.end();
  }

  /** The player, when it may be heard. @throws If the browser keeps the sound back. */
  private async awake(): Promise<Player> {
    this.player ??= Player.open((played) => this.report(played));
    const player = (this.opened = await this.player);
    const tooLate = new Promise<void>((resolve) => setTimeout(resolve, WAKE_MS));
    await Promise.race([player.wake(), tooLate]);
    if (player.isSilenced) throw new SilencedError();
    return player;
  }

  /** Lets the sound card sleep while there is nothing to hear. */
  private rest(): void {
    if (!this.playing && !this.microphone) void this.opened?.context.suspend().catch(() => undefined);
  }

  /** A tap anywhere in the page is enough for a browser that lets no page make a sound by itself. */
  private readonly tapped = (): void => {
    document.removeEventListener("pointerdown", this.tapped);
    void this.awake()
      .then(() => this.rest())
      .catch(() => document.addEventListener("pointerdown", this.tapped));
  };
}

/** Plays what another server does not let a page read, but lets it play. */
async function playElsewhere({ tell, abort, end }: Playing, url: string): Promise<void> {
  const element = new Audio(url);
  abort.signal.addEventListener("abort", () => element.pause());
  const ended = new Promise<void>((resolve, reject) => {
    element.onended = () => resolve();
    element.onerror = () => reject(new Error("The sound cannot be played"));
  });
  await element.play();
  await ended;
  tell({ type: "audio_done", duration_ms: 1 });
  tell({ type: "played", ms: 1 });
  end();
}
