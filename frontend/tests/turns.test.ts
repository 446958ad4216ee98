import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyConversation, heardAndUnheard, reduce, type Conversation, type ReplyLine, type TalkEvent } from "../src/turns.ts";

const WORDS = "Why did the light bulb go to school? It wanted to be brighter.";

function after(...events: TalkEvent[]): Conversation {
  return events.reduce((talk, event) => reduce(talk, event, 1000), emptyConversation(true));
}

function watched(...events: TalkEvent[]): Conversation {
  return events.reduce((talk, event) => reduce(talk, event), emptyConversation(false));
}

const reply = (talk: Conversation): ReplyLine => talk.lines.find((line) => line.kind === "reply")!;
const texts = (talk: Conversation): string[] =>
  talk.lines.map((line) => (line.kind === "tool" ? line.name : line.text));

const joke: TalkEvent[] = [
  { type: "text", item_id: "a", response_id: "r", delta: WORDS.slice(0, 20) },
  { type: "text_done", item_id: "a", text: WORDS },
  { type: "sound", item_id: "a", ms: 2000 },
  { type: "sound", item_id: "a", ms: 2000 },
  { type: "audio_done", item_id: "a", duration_ms: 4000 },
];

test("a person's words grow in one bubble", () => {
  const talk = after(
    { type: "speech_started", item_id: "u" },
    { type: "user_text", item_id: "u", text: "turn on", final: false },
    { type: "user_text", item_id: "u", text: "turn on the light", final: true },
  );
  assert.deepEqual(talk.lines, [{ kind: "person", id: "u", text: "turn on the light", final: true }]);
});

test("words that are written down late stay before the reply to them", () => {
  const talk = after(
    { type: "speech_started", item_id: "u" },
    { type: "text", item_id: "a", response_id: "r", delta: "Hello." },
    { type: "user_text", item_id: "u", text: "hi", final: true },
  );
  assert.deepEqual(texts(talk), ["hi", "Hello."]);
});

test("a cough leaves no bubble", () => {
  const talk = after({ type: "speech_started", item_id: "u" }, { type: "false_interruption", item_id: "u" });
  assert.deepEqual(talk.lines, []);
});

test("speech without words leaves no bubble", () => {
  const talk = after(
    { type: "speech_started", item_id: "u" },
    { type: "user_text", item_id: "u", text: "", final: true },
  );
  assert.deepEqual(talk.lines, []);
});

test("words are heard as their sound leaves the speaker", () => {
  assert.deepEqual(heardAndUnheard(reply(after(...joke))), ["", WORDS]);
  const half = after(...joke, { type: "played", item_id: "a", ms: 2000 });
  assert.deepEqual(heardAndUnheard(reply(half)), [
    "Why did the light bulb go to school?",
    " It wanted to be brighter.",
  ]);
  const all = after(...joke, { type: "played", item_id: "a", ms: 4000 });
  assert.deepEqual(heardAndUnheard(reply(all)), [WORDS, ""]);
});

test("heard words stay heard when the text grows", () => {
  const before = after(
    { type: "text", item_id: "a", response_id: "r", delta: "Why did " },
    { type: "sound", item_id: "a", ms: 1000 },
    { type: "played", item_id: "a", ms: 900 },
  );
  const later = reduce(before, { type: "sound", item_id: "a", ms: 9000 });
  assert.ok(reply(later).heard >= reply(before).heard);
  assert.ok(reply(before).heard > 0);
});

test("a reply that was cut ends where it was heard to, whatever comes late", () => {
  const talk = after(
    ...joke,
    { type: "interrupted", item_id: "a", audio_end_ms: 2217, text: "Why did the light" },
    { type: "text", item_id: "a", response_id: "r", delta: " bulb" },
    { type: "text_done", item_id: "a", text: WORDS },
  );
  assert.deepEqual(heardAndUnheard(reply(talk)), ["Why did the light", ""]);
  assert.equal(reply(talk).cutMs, 2217);
  assert.equal(talk.interrupted, true);
});

test("a reply that was cut before its first word leaves no bubble", () => {
  const talk = after(...joke, { type: "interrupted", item_id: "a", audio_end_ms: 0, text: "" });
  assert.deepEqual(talk.lines, []);
});

test("a tool is what it did", () => {
  const talk = after(
    { type: "tool_call", call_id: "c", name: "HassTurnOn", arguments: { name: "light" } },
    { type: "tool_result", call_id: "c", name: "HassTurnOn", error: false, result: {}, entities: ["light.kitchen"], ms: 12 },
  );
  assert.deepEqual(talk.lines, [
    {
      kind: "tool",
      id: "c",
      name: "HassTurnOn",
      arguments: { name: "light" },
      result: {},
      error: false,
      entities: ["light.kitchen"],
      ms: 12,
      calledAt: 1000,
    },
  ]);
});

test("the numbers of a turn are those of all its responses", () => {
  const response = (latency_ms: number, total_tokens: number, amount: number): TalkEvent => ({
    type: "response_done",
    response_id: "r",
    status: "completed",
    latency_ms,
    usage: { input_tokens: 0, output_tokens: 0, total_tokens, cached_tokens: 5 },
    cost: { amount, currency: "USD" },
  });
  const talk = after(response(400, 100, 0.25), response(900, 50, 0.5));
  assert.deepEqual(talk.numbers, {
    firstSoundMs: 400,
    tokens: 150,
    cachedTokens: 10,
    cost: { amount: 0.75, currency: "USD" },
  });
  assert.deepEqual(reduce(talk, { type: "speech_started", item_id: "u" }).numbers, {});
});

test("typed words stand once, though Home Assistant tells them too", () => {
  const talk = after(
    { type: "said", text: "hello" },
    { type: "user_text", item_id: "u", text: "hello", final: true },
  );
  assert.deepEqual(talk.lines, [{ kind: "person", id: "u", text: "hello", final: true }]);
});

test("what was said before stands there when a talk is gone on with, and only once", () => {
  const started: TalkEvent = {
    type: "started",
    session: "s",
    binary_handler_id: 1,
    conversation_id: "c",
    sample_rate: 24_000,
    name: "Kitchen",
    status: "listening",
    takes_images: false,
    history: [
      { role: "user", text: "hi" },
      { role: "assistant", text: "Hello." },
    ],
  };
  const talk = after(started, started);
  assert.deepEqual(texts(talk), ["hi", "Hello."]);
  assert.equal(talk.name, "Kitchen");
  assert.deepEqual(heardAndUnheard(reply(talk)), ["Hello.", ""]);
});

test("a reply that is only watched is shown as heard", () => {
  assert.deepEqual(heardAndUnheard(reply(watched(...joke))), [WORDS, ""]);
});

test("an error is gone with the next word", () => {
  const talk = after({ type: "error", message: "No.", can_retry: true });
  assert.deepEqual(talk.problem, { message: "No.", canRetry: true });
  assert.equal(reduce(talk, { type: "speech_started", item_id: "u" }).problem, undefined);
});

test("an event of a newer Home Assistant changes nothing", () => {
  const talk = after(...joke);
  assert.equal(reduce(talk, { type: "novelty" } as unknown as TalkEvent), talk);
});

test("an hour of talk keeps the last eighty lines", () => {
  const lines = Array.from({ length: 500 }, (_, i): TalkEvent => ({ type: "user_text", item_id: `${i}`, text: "x", final: true }));
  const talk = after(...lines);
  assert.equal(talk.lines.length, 80);
  assert.equal(talk.lines.at(-1)!.id, "499");
});

test("a reply of which the sound will not come any more ends where it was heard to", () => {
  const talk = after(...joke, { type: "played", item_id: "a", ms: 2000 }, { type: "halted" });
  const [heard, unheard] = heardAndUnheard(reply(talk));
  assert.ok(heard && heard.length < WORDS.length && WORDS.startsWith(heard));
  assert.equal(unheard, "");
  assert.equal(reply(talk).cutMs, 2000);
  assert.equal(talk.status, "idle");
});

test("a reply of which nothing was heard is gone, and one that was heard whole stays, when the sound ends", () => {
  assert.deepEqual(after(...joke, { type: "halted" }).lines, []);
  assert.deepEqual(texts(after(...joke, { type: "played", item_id: "a", ms: 4000 }, { type: "halted" })), [WORDS]);
});
