import { WIRE_RATE, loudness, toFloat } from "./format.ts";
import { PLAYBACK, type PlaybackCommand, type PlaybackReport } from "./messages.ts";
import { PlaybackQueue, type Progress } from "./playback-queue.ts";
import { Resampler } from "./resampler.ts";

const REPORT_SECONDS = 0.04;

class Playback extends AudioWorkletProcessor {
  private readonly queue = new PlaybackQueue(sampleRate);
  private resampler = new Resampler(WIRE_RATE, sampleRate);
  private sinceReport = 0;
  private level = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlaybackCommand>) => this.follow(data);
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [left, ...others] = outputs[0]!;
    if (!left) return true;
    this.queue.read(left);
    for (const channel of others) channel.set(left);
    this.level = Math.max(this.level, loudness(left));
    this.sinceReport += left.length;
    this.tell();
    return true;
  }

  private follow(command: PlaybackCommand): void {
    switch (command.type) {
      case "push":
        this.queue.push(command.item, this.resampler.process(toFloat(command.samples)));
        break;
      case "complete":
        this.queue.complete(command.item);
        break;
      case "drop":
        this.resampler = new Resampler(WIRE_RATE, sampleRate);
        this.queue.drop();
        break;
      default:
        this.queue[command.type]();
    }
  }

  private tell(): void {
    for (const progress of this.queue.takeProgress()) this.post(progress);
    if (this.sinceReport < REPORT_SECONDS * sampleRate) return;
    const position = this.queue.position;
    if (position?.state === "playing" && this.queue.isPlaying) this.post(position);
    this.sinceReport = 0;
    this.level = 0;
  }

  private post({ item, samples, state }: Progress): void {
    const report: PlaybackReport = { item, seconds: samples / sampleRate, state, level: this.level };
    this.port.postMessage(report);
  }
}

registerProcessor(PLAYBACK, Playback);
