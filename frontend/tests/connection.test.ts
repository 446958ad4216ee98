import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveConnection } from "../src/connection.ts";
import type { CommandError, LiveEvent, Started } from "../src/contract.ts";
import { FakeConnection, settled } from "./fake-connection.ts";

(globalThis as { WebSocket?: unknown }).WebSocket ??= { OPEN: 1 }; // Node.js 20 has none

function connect(fake = new FakeConnection()): {
  fake: FakeConnection;
  live: LiveConnection;
  events: (Started | LiveEvent)[];
  refusals: CommandError[];
  losses: () => number;
} {
  const events: (Started | LiveEvent)[] = [];
  const refusals: CommandError[] = [];
  let lost = 0;
  const live = new LiveConnection(
    fake,
    { entity_id: "conversation.kitchen", hands_free: true },
    {
      onEvent: (event) => events.push(event),
      onLost: () => lost++,
      onRefused: (error) => refusals.push(error),
    },
  );
  return { fake, live, events, refusals, losses: () => lost };
}

test("the microphone goes to the session's handler, little endian", () => {
  const { fake, live } = connect();
  fake.start();
  live.sendAudio(Int16Array.of(1, -2));
  assert.deepEqual([...fake.frames[0]!], [7, 1, 0, 254, 255]);
});

test("what is said before the session stands is sent once it does, in order", () => {
  const { fake, live } = connect();
  live.sendAudio(Int16Array.of(1));
  live.sendAudio(Int16Array.of(2));
  assert.equal(fake.frames.length, 0);
  fake.start();
  assert.deepEqual(
    fake.frames.map((frame) => frame[1]),
    [1, 2],
  );
});

test("eight seconds are kept of what is said too early", () => {
  const { fake, live } = connect();
  for (let i = 0; i < 500; i++) live.sendAudio(Int16Array.of(i));
  fake.start();
  assert.equal(fake.frames.length, 400);
});

test("a network that is too slow loses sound instead of heaping it up", () => {
  const { fake, live } = connect();
  fake.start();
  Object.assign(fake.socket, { bufferedAmount: 100_000 });
  live.sendAudio(Int16Array.of(1));
  assert.equal(fake.frames.length, 0);
});

test("after a lost socket the conversation goes on", async () => {
  const { fake, live, losses } = connect();
  fake.start();
  live.setHandsFree(false);
  fake.lose();
  assert.equal(losses(), 1);
  await live.send({ type: "interrupt" });
  assert.deepEqual(fake.messages, [{ type: "hands_free", on: false }], "nobody is there to be told");
  fake.come();
  assert.deepEqual(fake.requests[1], {
    type: "azure_realtime_audio/live/start",
    entity_id: "conversation.kitchen",
    conversation_id: "c1",
    hands_free: false,
  });
});

test("what an old socket brings late is not heard", () => {
  const { fake, events } = connect();
  fake.start();
  const before = events.length;
  fake.lose();
  fake.emit({ type: "status", status: "speaking" });
  assert.equal(events.length, before);
});

test("a change of mind while the session starts is told when it has started", () => {
  const { fake, live } = connect();
  live.setHandsFree(false);
  assert.deepEqual(fake.messages, []);
  fake.start();
  assert.deepEqual(fake.messages, [{ type: "hands_free", on: false }]);
});

test("a refusal is told with its code", async () => {
  const fake = new FakeConnection();
  fake.refusal = { code: "unauthorized", message: "No." };
  const { refusals } = connect(fake);
  await settled();
  assert.deepEqual(refusals, [{ code: "unauthorized", message: "No." }]);
});

test("a position that is refused is no matter for a person", async () => {
  const { fake, live, refusals } = connect();
  fake.start();
  fake.refusal = { code: "not_found", message: "" };
  await live.send({ type: "playback", item_id: "a", played_ms: 1, state: "playing" });
  assert.deepEqual(refusals, []);
  await live.send({ type: "text", text: "hello" });
  assert.equal(refusals.length, 1);
});

test("a request that a lost socket swallowed is no refusal", async () => {
  const fake = new FakeConnection();
  fake.refusal = 3; // the library's ERR_CONNECTION_LOST
  const { refusals } = connect(fake);
  await settled();
  assert.deepEqual(refusals, []);
});

test("nothing is left of a closed connection", async () => {
  const { fake, live, events } = connect();
  await settled();
  fake.start();
  const before = events.length;
  live.close();
  assert.equal(fake.unsubscribed, 1);
  assert.equal(fake.listening, 0);
  fake.emit({ type: "status", status: "speaking" });
  fake.come();
  assert.equal(events.length, before);
  assert.equal(fake.requests.length, 1);
});

test("a connection that is closed while it is made unsubscribes when it is there", async () => {
  const { fake, live } = connect();
  live.close();
  await settled();
  assert.equal(fake.unsubscribed, 1);
});
