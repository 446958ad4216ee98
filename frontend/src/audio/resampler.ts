const ZERO_CROSSINGS = 12;
const STEPS_PER_CROSSING = 256;

/** The right half of a sinc with a Hann window, and one entry more to interpolate towards. */
const SINC = (() => {
  const table = new Float32Array(ZERO_CROSSINGS * STEPS_PER_CROSSING + 2);
  for (let i = 0; i < table.length; i++) {
    const x = i / STEPS_PER_CROSSING;
    if (x >= ZERO_CROSSINGS) break;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / ZERO_CROSSINGS);
    table[i] = (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)) * window;
  }
  return table;
})();

/** Changes the sample rate of a stream, piece by piece, without a seam between the pieces. */
export class Resampler {
  private readonly step: number;
  private readonly cutoff: number;
  private readonly reach: number;
  private kept: Float32Array;
  /** Where the next output sample is, in samples of what is kept. */
  private position: number;

  constructor(
    private readonly from: number,
    private readonly to: number,
  ) {
    this.step = from / to;
    // A little below the lower of the two Nyquist frequencies, since the filter is not infinitely steep.
    this.cutoff = Math.min(1, to / from) * 0.94;
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.kept = new Float32Array(this.reach);
    this.position = this.reach;
  }

  /** Takes samples at the old rate and returns the samples at the new rate that are complete by now. */
  process(input: Float32Array): Float32Array {
    if (this.from === this.to) return input;
    const samples = new Float32Array(this.kept.length + input.length);
    samples.set(this.kept);
    samples.set(input, this.kept.length);
    const last = samples.length - this.reach;
    const count = Math.max(0, Math.ceil((last - this.position) / this.step));
    const output = new Float32Array(count);
    for (let i = 0; i < count; i++) output[i] = this.interpolate(samples, this.position + i * this.step);
    this.position += count * this.step;
    const unneeded = Math.max(0, Math.floor(this.position) - this.reach);
    this.kept = samples.slice(unneeded);
    this.position -= unneeded;
    return output;
  }

  private interpolate(samples: Float32Array, position: number): number {
    const first = Math.max(0, Math.ceil(position - this.reach));
    const last = Math.min(samples.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let i = first; i <= last; i++) {
      const x = Math.abs(position - i) * this.cutoff * STEPS_PER_CROSSING;
      const index = Math.floor(x);
      if (index > SINC.length - 2) continue;
      const left = SINC[index]!;
      sum += samples[i]! * (left + (SINC[index + 1]! - left) * (x - index));
    }
    return sum * this.cutoff;
  }
}
