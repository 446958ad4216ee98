import type { Talk, TalkHost } from "./talk.ts";

// After each loss of its socket Home Assistant builds its dashboards anew, and the card with them:
// the card that then stands in the same place goes on with the talk. Where none comes, the talk ends.
const KEPT_MS = 1000;

interface Kept {
  key: string;
  talk: Talk;
  timer: number;
}

let kept: Kept[] = [];

/** Keeps the talk of a card that has left the page, for the card that takes its place. */
export function handOver(key: string, talk: Talk): void {
  const timer = window.setTimeout(() => {
    kept = kept.filter((each) => each.talk !== talk);
    talk.stop();
  }, KEPT_MS);
  kept.push({ key, talk, timer });
}

/** Gives a new card the talk that one with the same key has left. */
export function takeOver(key: string, host: TalkHost): Talk | undefined {
  const found = kept.find((each) => each.key === key);
  if (!found) return undefined;
  window.clearTimeout(found.timer);
  kept = kept.filter((each) => each !== found);
  found.talk.moveTo(host);
  return found.talk;
}
