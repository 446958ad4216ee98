import { WIRE_RATE, loudness, toPcm } from "./format.ts";
import { CAPTURE, type Captured } from "./messages.ts";
import { Resampler } from "./resampler.ts";

const FRAME = 0.02 * WIRE_RATE;

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, WIRE_RATE);
  private readonly frame = new Float32Array(FRAME);
  private filled = 0;

  override process(inputs: Float32Array[][]): boolean {
    const heard = inputs[0]?.[0];
    if (heard) this.collect(this.resampler.process(heard));
    return true;
  }

  private collect(samples: Float32Array): void {
    let taken = 0;
    while (taken < samples.length) {
      const part = samples.subarray(taken, taken + FRAME - this.filled);
      this.frame.set(part, this.filled);
      this.filled += part.length;
      taken += part.length;
      if (this.filled === FRAME) this.post();
    }
  }

  private post(): void {
    const captured: Captured = { samples: toPcm(this.frame), level: loudness(this.frame) };
    this.port.postMessage(captured, [captured.samples.buffer]);
    this.filled = 0;
  }
}

registerProcessor(CAPTURE, Capture);
