import assert from "node:assert/strict";
import { test } from "node:test";
import { MicrophoneLease } from "../src/lease.ts";

/** Waits for a channel's message, which takes a turn of the event loop or two. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("the card that was tapped last has the microphone", async () => {
  const taken: string[] = [];
  const first = new MicrophoneLease(() => taken.push("first"));
  const second = new MicrophoneLease(() => taken.push("second"));
  first.take();
  assert.equal(first.isHeld, true);
  second.take();
  await until(() => taken.length > 0);
  assert.deepEqual(taken, ["first"]);
  assert.deepEqual([first.isHeld, second.isHeld], [false, true]);

  first.take();
  await until(() => taken.length > 1);
  assert.deepEqual(taken, ["first", "second"]);
  first.release();
});

test("a card that has given the microphone back is not told of others", async () => {
  let told = 0;
  const first = new MicrophoneLease(() => told++);
  first.take();
  first.release();
  const second = new MicrophoneLease(() => told++);
  second.take();
  await new Promise((resolve) => setTimeout(resolve, 20)); // for what must not come
  assert.equal(told, 0);
  second.release();
});
