/** What the playback tells: how much of an item has been put out, in samples. */
export interface Progress {
  item: string;
  samples: number;
  state: "playing" | "paused" | "ended";
}

interface Item {
  id: string;
  pieces: Float32Array[];
  /** Samples in `pieces` that have been put out. */
  offset: number;
  waiting: number;
  played: number;
  complete: boolean;
}

const FIRST_FILL_SECONDS = 0.06;
const MOST_FILL_SECONDS = 0.4;

/**
 * The sound of a reply between network and speaker: a jitter buffer of items, played without a gap.
 *
 * Runs in the audio thread, knows nothing of it, and counts each item in samples that were put out.
 * Sound begins once the buffer is full enough. When it runs dry, the buffer takes more before it goes on.
 */
export class PlaybackQueue {
  private items: Item[] = [];
  private waiting = 0;
  private paused = false;
  private filling = true;
  private fill: number;
  private gain = 0;
  private progress: Progress[] = [];

  constructor(private readonly rate: number) {
    this.fill = FIRST_FILL_SECONDS * rate;
  }

  /** Whether sound is put out, or was until a pause. */
  get isPlaying(): boolean {
    return this.items.length > 0 && !this.filling;
  }

  push(id: string, samples: Float32Array): void {
    if (!samples.length) return;
    const item = this.find(id);
    item.pieces.push(samples);
    item.waiting += samples.length;
    this.waiting += samples.length;
  }

  /** Says that an item has no more samples to come. */
  complete(id: string): void {
    const item = this.items.find((each) => each.id === id);
    if (!item) return;
    item.complete = true;
    this.endPlayedItems();
  }

  /** Falls silent within the next buffer that is read. */
  pause(): void {
    if (!this.items.length) return;
    this.paused = true;
    if (this.gain === 0) this.report("paused");
  }

  resume(): void {
    this.paused = false;
  }

  /** Forgets all that has not been put out. */
  drop(): void {
    this.items = [];
    this.waiting = 0;
    this.paused = false;
    this.filling = true;
    this.gain = 0;
  }

  /** Fills a buffer with the next samples, or with silence. */
  read(output: Float32Array): void {
    output.fill(0);
    if (this.filling) this.filling = !this.isFull();
    if (this.filling || (this.paused && this.gain === 0)) return;
    const starving = this.waiting <= output.length && !this.items.at(-1)!.complete;
    this.copy(output);
    this.fade(output, this.paused || starving ? 0 : 1);
    if (this.paused) this.report("paused");
    this.endPlayedItems();
    if (starving) {
      this.filling = true;
      this.fill = Math.min(this.fill * 2, MOST_FILL_SECONDS * this.rate);
    }
  }

  /** How far the item is that plays now. */
  get position(): Progress | undefined {
    const item = this.items[0];
    return item && { item: item.id, samples: item.played, state: this.paused ? "paused" : "playing" };
  }

  /** What has happened since the last call: pauses that have come into force, items that have ended. */
  takeProgress(): Progress[] {
    const progress = this.progress;
    if (progress.length) this.progress = [];
    return progress;
  }

  private find(id: string): Item {
    let item = this.items.find((each) => each.id === id);
    if (!item) {
      // Items come one after the other.
      for (const earlier of this.items) earlier.complete = true;
      item = { id, pieces: [], offset: 0, waiting: 0, played: 0, complete: false };
      this.items.push(item);
    }
    return item;
  }

  private isFull(): boolean {
    const first = this.items[0];
    return first !== undefined && this.waiting > 0 && (first.complete || this.waiting >= this.fill);
  }

  private copy(output: Float32Array): void {
    let filled = 0;
    for (const item of this.items) {
      while (filled < output.length && item.waiting) {
        const piece = item.pieces[0]!;
        const part = piece.subarray(item.offset, item.offset + output.length - filled);
        output.set(part, filled);
        filled += part.length;
        item.offset += part.length;
        item.played += part.length;
        item.waiting -= part.length;
        this.waiting -= part.length;
        if (item.offset === piece.length) {
          item.pieces.shift();
          item.offset = 0;
        }
      }
      // The next item waits for the rest of an item that is not complete.
      if (filled === output.length || !item.complete) break;
    }
  }

  /** Ramps over this buffer from the gain before it, so that neither a pause nor a gap clicks. */
  private fade(output: Float32Array, target: number): void {
    if (this.gain === 1 && target === 1) return;
    const step = (target - this.gain) / output.length;
    for (let i = 0; i < output.length; i++) output[i]! *= this.gain + step * (i + 1);
    this.gain = target;
  }

  private endPlayedItems(): void {
    let first = this.items[0];
    while (first?.complete && first.waiting === 0) {
      this.items.shift();
      this.progress.push({ item: first.id, samples: first.played, state: "ended" });
      first = this.items[0];
    }
    if (!first) this.restart();
  }

  private restart(): void {
    this.filling = true;
    this.gain = 0;
    this.paused = false;
  }

  private report(state: Progress["state"]): void {
    const item = this.items[0];
    if (item) this.progress.push({ item: item.id, samples: item.played, state });
  }
}
