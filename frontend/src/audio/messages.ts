// What a page and its worklets say to each other. The worklets cannot be imported outside the audio thread.
import type { Progress } from "./playback-queue.ts";

export const PLAYBACK = "azure-realtime-audio-playback";
export const CAPTURE = "azure-realtime-audio-capture";

/** What the page tells the playback. */
export type PlaybackCommand =
  | { type: "push"; item: string; samples: Int16Array<ArrayBuffer> }
  | { type: "complete"; item: string }
  | { type: "pause" | "resume" | "drop" };

/** What the playback tells the page, in seconds of sound put out. */
export interface PlaybackReport {
  item: string;
  seconds: number;
  state: Progress["state"];
  level: number;
}

/** A piece of what the microphone hears, and how loud it is. */
export interface Captured {
  samples: Int16Array<ArrayBuffer>;
  level: number;
}
