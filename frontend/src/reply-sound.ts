import { decodeBase64, WIRE_RATE } from "./audio/format.ts";
import { Player, type Played } from "./audio/player.ts";

const REPORT_MS = 250;
// The browser's echo canceller needs so long to get to know the sound of the room.
const WARM_UP_MS = 300;

/** The sound of the replies in this page, and what has been heard of it. */
export class ReplySound {
  private lastReport = 0;
  private last: Played = { item: "", ms: 0, state: "ended" };
  private response = "";
  private paused = false;
  private playing = false;
  private warmUpEnd = 0;

  private constructor(
    readonly player: Player,
    private readonly onHeard: (played: Played, tell: boolean) => void,
  ) {}

  /**
   * To be called in a person's tap.
   * @param onHeard Takes what has left the speaker, and whether Home Assistant is to be told now.
   */
  static async open(
    onHeard: (played: Played, tell: boolean) => void,
    openPlayer: (onPlayed: (played: Played) => void) => Promise<Player> = Player.open,
  ): Promise<ReplySound> {
    const sound: ReplySound = new ReplySound(await openPlayer((played) => sound.report(played)), onHeard);
    return sound;
  }

  /** Whether what the microphone hears now may be the beginning of the reply itself. */
  get isWarmingUp(): boolean {
    return performance.now() < this.warmUpEnd;
  }

  get level(): number {
    return this.player.level;
  }

  /** Takes a piece of a reply and returns its length in ms. */
  push(item: string, response: string, audio: string, someoneSpeaks: boolean): number {
    if (this.paused && response !== this.response) this.drop(); // a reply nobody said the end of
    this.response = response;
    const samples = decodeBase64(audio);
    const ms = (samples.length / WIRE_RATE) * 1000;
    if (!this.playing && !someoneSpeaks && this.warmUpEnd !== Infinity) this.warmUpEnd = Infinity;
    this.player.push(item, samples);
    return ms;
  }

  complete(item: string): void {
    this.player.complete(item);
  }

  pause(): void {
    this.paused = true;
    this.player.pause();
  }

  resume(): void {
    this.paused = false;
    this.player.resume();
  }

  drop(): void {
    this.paused = false;
    this.playing = false;
    this.warmUpEnd = 0;
    this.player.drop();
  }

  close(): void {
    this.player.close();
  }

  private report(played: Played): void {
    const now = performance.now();
    if (!this.playing && played.state === "playing") this.warmUpEnd = Math.min(this.warmUpEnd, now + WARM_UP_MS);
    this.playing = played.state !== "ended";
    const isSame = played.item === this.last.item;
    // After a pause the way to the speaker is empty, and full again a moment later.
    const ms = isSame ? Math.max(played.ms, this.last.ms) : played.ms;
    const tell = played.state !== "playing" || !isSame || now - this.lastReport >= REPORT_MS;
    if (tell) this.lastReport = now;
    this.last = { ...played, ms };
    this.onHeard(this.last, tell);
  }
}
