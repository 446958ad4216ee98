import { WIRE_RATE } from "./format.ts";
import { PLAYBACK, type PlaybackCommand, type PlaybackReport } from "./messages.ts";
import { addWorklet } from "./worklets.ts";
import source from "worklet:./playback-worklet.ts";

export interface Played {
  item: string;
  /** What has left the speaker of the item, in ms. */
  ms: number;
  state: "playing" | "paused" | "ended";
}

/** Plays replies. One a page of talk: its context is also the one that the microphone is read with. */
export class Player {
  /** How loud the reply is now, 0 to 1. */
  level = 0;

  private constructor(
    readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
    private readonly onPlayed: (played: Played) => void,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => this.report(data);
    node.connect(context.destination);
  }

  /** To be called in a person's tap: browsers let no page make a sound before. */
  static async open(onPlayed: (played: Played) => void): Promise<Player> {
    const context = newContext();
    try {
      void context.resume();
      await addWorklet(context, source);
      const node = new AudioWorkletNode(context, PLAYBACK, { numberOfInputs: 0, outputChannelCount: [1] });
      return new Player(context, node, onPlayed);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /** Whether the browser keeps the sound back, until a tap or until a call has ended. */
  get isSilenced(): boolean {
    return this.context.state !== "running";
  }

  async wake(): Promise<void> {
    if (this.isSilenced) await this.context.resume();
  }

  push(item: string, samples: Int16Array<ArrayBuffer>): void {
    this.tell({ type: "push", item, samples }, [samples.buffer]);
  }

  complete(item: string): void {
    this.tell({ type: "complete", item });
  }

  /** Silence within two render quanta (11 ms at 24 kHz); `onPlayed` then tells the exact position. */
  pause(): void {
    this.tell({ type: "pause" });
  }

  resume(): void {
    this.tell({ type: "resume" });
  }

  drop(): void {
    this.level = 0;
    this.tell({ type: "drop" });
  }

  close(): void {
    this.node.disconnect();
    void this.context.close();
  }

  private tell(command: PlaybackCommand, transfer: Transferable[] = []): void {
    this.node.port.postMessage(command, transfer);
  }

  private report({ item, seconds, state, level }: PlaybackReport): void {
    this.level = state === "playing" ? level : 0;
    // What has been put out is on its way to the speaker for a moment, and cannot be called back:
    // a pause does not take it away.
    const onItsWay = state === "playing" ? (this.context.outputLatency || 0) + this.context.baseLatency : 0;
    this.onPlayed({ item, ms: Math.max(0, (seconds - onItsWay) * 1000), state });
  }
}

function newContext(): AudioContext {
  try {
    return new AudioContext({ sampleRate: WIRE_RATE, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" }); // the worklets resample
  }
}
