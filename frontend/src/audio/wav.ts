const PCM = 1;
const EXTENSIBLE = 0xfffe;
// Streams whose length nobody knows say the most there is.
const UNKNOWN_BYTES = 0x7fffffff;

/** The sound of a WAV while its bytes come in: 16-bit PCM, mixed to mono. */
export class WavReader {
  /** Samples a second, once the header has been read. */
  rate = 0;
  /** Whether the bytes are something else, for the browser to decode. */
  isForeign = false;
  private waiting = new Uint8Array();
  private channels = 0;
  /** Bytes of sound that are still to come. */
  private left: number | undefined;

  /** Takes bytes and returns the samples that are complete by now. */
  push(bytes: Uint8Array): Int16Array<ArrayBuffer> {
    if (this.isForeign) return new Int16Array();
    this.waiting = joined(this.waiting, bytes);
    if (!this.isKnown) this.readHeader();
    return this.isKnown && !this.isForeign ? this.takeSamples() : new Int16Array();
  }

  /** Whether the header has been read. */
  get isKnown(): boolean {
    return this.left !== undefined;
  }

  private readHeader(): void {
    const view = new DataView(this.waiting.buffer, this.waiting.byteOffset, this.waiting.byteLength);
    if (view.byteLength < 12) return;
    this.isForeign = name(view, 0) !== "RIFF" || name(view, 8) !== "WAVE";
    let start = 12;
    while (!this.isForeign && start + 8 <= view.byteLength) {
      const size = view.getUint32(start + 4, true);
      const content = start + 8;
      if (name(view, start) === "data") {
        this.isForeign = !this.channels;
        this.left = size === 0 || size >= UNKNOWN_BYTES ? Infinity : size;
        this.waiting = this.waiting.slice(content);
        return;
      }
      if (content + size > view.byteLength) return;
      if (name(view, start) === "fmt ") this.readFormat(view, content);
      start = content + size + (size % 2);
    }
  }

  private readFormat(view: DataView, start: number): void {
    const isPcm = [PCM, EXTENSIBLE].includes(view.getUint16(start, true));
    this.isForeign = !isPcm || view.getUint16(start + 14, true) !== 16;
    this.channels = view.getUint16(start + 2, true);
    this.rate = view.getUint32(start + 4, true);
  }

  private takeSamples(): Int16Array<ArrayBuffer> {
    const width = 2 * this.channels;
    const count = Math.floor(Math.min(this.waiting.length, this.left!) / width);
    const samples = new Int16Array(count);
    const view = new DataView(this.waiting.buffer, this.waiting.byteOffset, count * width);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let channel = 0; channel < this.channels; channel++) sum += view.getInt16(i * width + 2 * channel, true);
      samples[i] = sum / this.channels;
    }
    this.waiting = this.waiting.slice(count * width);
    this.left! -= count * width;
    return samples;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function name(view: DataView, start: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + start, 4));
}
