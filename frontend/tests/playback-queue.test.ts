import assert from "node:assert/strict";
import { test } from "node:test";
import { PlaybackQueue, type Progress } from "../src/audio/playback-queue.ts";

const RATE = 24_000;
const QUANTUM = 128;

/** Reads so many quanta; returns all samples, and what was told. */
function play(queue: PlaybackQueue, quanta: number): { samples: number[]; told: Progress[] } {
  const samples: number[] = [];
  const told: Progress[] = [];
  for (let i = 0; i < quanta; i++) {
    const output = new Float32Array(QUANTUM);
    queue.read(output);
    samples.push(...output);
    told.push(...queue.takeProgress());
  }
  return { samples, told };
}

const constant = (length: number, value = 0.5): Float32Array => new Float32Array(length).fill(value);
const loudSamples = (samples: number[]): number => samples.filter((sample) => sample !== 0).length;

test("sound waits until the buffer has 60 ms", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE * 0.05));
  assert.equal(loudSamples(play(queue, 4).samples), 0);
  queue.push("a", constant(RATE * 0.05));
  assert.equal(loudSamples(play(queue, 4).samples), 4 * QUANTUM);
});

test("a short item that is complete does not wait", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(300));
  queue.complete("a");
  const { samples, told } = play(queue, 4);
  assert.equal(loudSamples(samples), 300);
  assert.deepEqual(told, [{ item: "a", samples: 300, state: "ended" }]);
});

test("pieces and items follow each other without a gap, and every sample counts for its item", () => {
  const queue = new PlaybackQueue(RATE);
  for (let i = 0; i < 10; i++) queue.push("a", constant(333));
  queue.push("b", constant(1000, -0.25));
  queue.complete("b");
  const { samples, told } = play(queue, 40);
  assert.equal(samples.lastIndexOf(0.5), 3329);
  assert.equal(samples.indexOf(-0.25), 3330);
  assert.equal(loudSamples(samples), 4330);
  assert.deepEqual(told, [
    { item: "a", samples: 3330, state: "ended" },
    { item: "b", samples: 1000, state: "ended" },
  ]);
});

test("a pause is silence after one quantum, and tells what was played", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE));
  play(queue, 10);
  queue.pause();
  const { samples, told } = play(queue, 10);
  assert.equal(samples.findLastIndex((sample) => sample !== 0) < QUANTUM, true);
  assert.deepEqual(told, [{ item: "a", samples: 11 * QUANTUM, state: "paused" }]);
  assert.deepEqual(queue.position, { item: "a", samples: 11 * QUANTUM, state: "paused" });
});

test("a pause fades, so that it does not click", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE));
  play(queue, 10);
  queue.pause();
  const { samples } = play(queue, 1);
  samples.forEach((sample, i) => assert.ok(Math.abs(sample - (samples[i - 1] ?? 0.5)) < 0.01));
});

test("a reply goes on where it was paused", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", Float32Array.from({ length: RATE }, (_, i) => i));
  play(queue, 10);
  queue.pause();
  play(queue, 5);
  queue.resume();
  play(queue, 1);
  const { samples } = play(queue, 1);
  assert.equal(samples[0], 12 * QUANTUM);
});

test("a pause before the first sound tells that nothing was played", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE));
  queue.pause();
  assert.deepEqual(play(queue, 3), {
    samples: Array<number>(3 * QUANTUM).fill(0),
    told: [{ item: "a", samples: 0, state: "paused" }],
  });
});

test("a pause with nothing to play is none for the next reply", () => {
  const queue = new PlaybackQueue(RATE);
  queue.pause();
  queue.push("a", constant(RATE));
  assert.ok(loudSamples(play(queue, 3).samples) > 0);
});

test("what was dropped is not heard, and a new reply is", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE));
  play(queue, 3);
  queue.pause();
  play(queue, 1);
  queue.drop();
  assert.equal(loudSamples(play(queue, 5).samples), 0);
  queue.complete("a"); // comes late
  queue.push("b", constant(RATE, 0.25));
  assert.equal(play(queue, 5).samples.includes(0.25), true);
});

test("a buffer that ran dry takes more before it goes on, and loses no sample", () => {
  const queue = new PlaybackQueue(RATE);
  const piece = RATE * 0.08;
  queue.push("a", constant(piece));
  const first = play(queue, 20);
  assert.equal(first.samples.findLastIndex((sample) => sample !== 0), piece - 2, "the last sample has faded to nothing");
  queue.push("a", constant(piece));
  assert.equal(loudSamples(play(queue, 3).samples), 0, "80 ms are less than 120");
  queue.push("a", constant(piece));
  queue.complete("a");
  assert.deepEqual(play(queue, 40).told, [{ item: "a", samples: 3 * piece, state: "ended" }]);
});

test("an end that is told after the last sample still ends the item", () => {
  const queue = new PlaybackQueue(RATE);
  queue.push("a", constant(RATE * 0.1));
  play(queue, 40);
  queue.complete("a");
  assert.deepEqual(queue.takeProgress(), [{ item: "a", samples: 2400, state: "ended" }]);
  assert.equal(queue.position, undefined);
});
