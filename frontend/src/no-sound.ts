import { WIRE_RATE } from "./audio/format.ts";

const TELL_MS = 1000;

/**
 * A page that can make no sound, as all that are not secure: replies are only read there. Home Assistant
 * sends no more than what is ahead of a listener by some seconds, so what comes counts as heard.
 */
export class NoSound {
  private item = "";
  private ms = 0;
  private toldMs = 0;

  constructor(private readonly onHeard: (item: string, ms: number, state: "playing" | "ended") => void) {}

  /** Takes a piece of a reply, as base64 of 16 bits a sample. */
  push(item: string, audio: string): void {
    if (item !== this.item) {
      this.item = item;
      this.ms = this.toldMs = 0;
    }
    this.ms += ((audio.length * 3) / 4 / 2 / WIRE_RATE) * 1000;
    if (this.ms < this.toldMs + TELL_MS) return;
    this.toldMs = this.ms;
    this.onHeard(item, this.ms, "playing");
  }

  /** Takes the end of a reply, and its length. */
  complete(item: string, ms: number): void {
    this.onHeard(item, ms, "ended");
  }
}
