import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../src/config.ts";
import { textsIn } from "../src/texts.ts";
import { money, seconds } from "../src/views/numbers.ts";
import { remaining, timerEnd } from "../src/views/timers.ts";
import type { ToolLine } from "../src/turns.ts";

function call(name: string, given: unknown, error = false): ToolLine {
  return { kind: "tool", id: "c", name, arguments: given, error, entities: [], calledAt: 1000 };
}

test("a timer that was started ends when it was told to", () => {
  assert.equal(timerEnd(call("HassStartTimer", { minutes: 2, seconds: 5 })), 126_000);
  assert.equal(timerEnd(call("assist__HassStartTimer", { hours: 1 })), 3_601_000);
});

test("what is no timer has no end", () => {
  assert.equal(timerEnd(call("HassTurnOn", { minutes: 2 })), undefined);
  assert.equal(timerEnd(call("HassStartTimer", { minutes: 2 }, true)), undefined);
  assert.equal(timerEnd(call("HassStartTimer", "broken")), undefined);
  assert.equal(timerEnd(call("HassStartTimer", null)), undefined);
});

test("what is left of a timer counts down to nothing", () => {
  assert.equal(remaining(245_000, 0), "4:05");
  assert.equal(remaining(3_725_000, 0), "1:02:05");
  assert.equal(remaining(900, 0), "0:01");
  assert.equal(remaining(0, 0), "");
});

test("times are as exact as a person cares", () => {
  assert.deepEqual([412, 2217, 14_400].map(seconds), ["0.41 s", "2.2 s", "14 s"]);
});

test("fractions of a cent are seen, and an unknown currency too", () => {
  assert.equal(money({ amount: 0.0093, currency: "USD" }, "en"), "$0.0093");
  assert.equal(money({ amount: 0.5, currency: "??" }, "en"), "0.50 ??");
});

test("a language that is not there is English, and values stand in their places", () => {
  assert.equal(textsIn("xx-YY")("timer_left", { time: "4:05" }), "4:05 left");
});

test("a config that cannot work is refused with a sentence", () => {
  const type = "custom:azure-realtime-audio-card";
  checkConfig({ type });
  checkConfig({ type, entity: "conversation.kitchen", size: "compact" });
  assert.throws(() => checkConfig({ type, entity: "light.kitchen" }), /entity/);
  assert.throws(() => checkConfig({ type, size: "huge" as "full" }), /size/);
});
