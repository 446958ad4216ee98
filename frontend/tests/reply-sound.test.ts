import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { Played, Player } from "../src/audio/player.ts";
import { ReplySound } from "../src/reply-sound.ts";

const AUDIO = Buffer.from(new Int16Array(2400).buffer).toString("base64"); // 100 ms
let now = 0;

beforeEach(() => {
  now = 1000;
  mock.method(performance, "now", () => now);
});

/** A sound whose speaker is the test. */
async function open(): Promise<{
  sound: ReplySound;
  commands: string[];
  heard: (Played & { tell: boolean })[];
  report(played: Played): void;
}> {
  const commands: string[] = [];
  const heard: (Played & { tell: boolean })[] = [];
  let report: (played: Played) => void = () => undefined;
  const note = (name: string) => () => void commands.push(name);
  const player = {
    level: 0,
    push: note("push"),
    complete: note("complete"),
    pause: note("pause"),
    resume: note("resume"),
    drop: note("drop"),
    close: note("close"),
  } as unknown as Player;
  const sound = await ReplySound.open(
    (played, tell) => heard.push({ ...played, tell }),
    async (onPlayed) => {
      report = onPlayed;
      return player;
    },
  );
  return { sound, commands, heard, report: (played) => report(played) };
}

const playing = (ms: number, item = "a"): Played => ({ item, ms, state: "playing" });

test("a piece of a reply is as long as its samples", async () => {
  const { sound } = await open();
  assert.equal(sound.push("a", "r", AUDIO, false), 100);
});

test("the microphone is not to hear the first 300 ms of a reply", async () => {
  const { sound, report } = await open();
  assert.equal(sound.isWarmingUp, false);
  sound.push("a", "r", AUDIO, false);
  now += 500; // the buffer fills
  assert.equal(sound.isWarmingUp, true);
  report(playing(0));
  now += 290;
  assert.equal(sound.isWarmingUp, true);
  sound.push("a", "r", AUDIO, false);
  now += 20;
  assert.equal(sound.isWarmingUp, false);
});

test("each reply that begins in silence warms up, and none while somebody speaks", async () => {
  const { sound, report } = await open();
  sound.push("a", "r", AUDIO, false);
  report(playing(0));
  now += 400;
  report({ item: "a", ms: 100, state: "ended" });
  sound.push("b", "r2", AUDIO, true);
  assert.equal(sound.isWarmingUp, false);
  sound.push("b", "r2", AUDIO, false);
  assert.equal(sound.isWarmingUp, true);
});

test("a reply that is dropped lets the microphone hear again", async () => {
  const { sound } = await open();
  sound.push("a", "r", AUDIO, false);
  sound.drop();
  assert.equal(sound.isWarmingUp, false);
});

test("Home Assistant is told four times a second, and at once of a pause, an end and a new item", async () => {
  const { heard, report } = await open();
  const told = (): number[] => heard.filter(({ tell }) => tell).map(({ ms }) => ms);
  for (const ms of [0, 100, 200, 300]) {
    report(playing(ms));
    now += 100;
  }
  assert.deepEqual(told(), [0, 300]);
  report({ item: "a", ms: 320, state: "paused" });
  report({ item: "a", ms: 330, state: "ended" });
  report(playing(5, "b"));
  assert.deepEqual(told(), [0, 300, 320, 330, 5]);
});

test("what was heard is never less after a pause", async () => {
  const { heard, report } = await open();
  report({ item: "a", ms: 500, state: "paused" });
  report(playing(470)); // 30 ms are on their way to the speaker again
  assert.deepEqual(
    heard.map(({ ms }) => ms),
    [500, 500],
  );
});

test("a reply that nobody told the end of makes room for the next", async () => {
  const { sound, commands } = await open();
  sound.push("a", "r", AUDIO, false);
  sound.pause();
  sound.push("a", "r", AUDIO, false);
  assert.deepEqual(commands, ["push", "pause", "push"], "it may still be resumed");
  sound.push("b", "r2", AUDIO, false);
  assert.deepEqual(commands.slice(3), ["drop", "push"]);
});
