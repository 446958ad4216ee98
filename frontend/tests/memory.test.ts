import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import {
  forgetConversation,
  recallConversation,
  recallMicrophone,
  rememberConversation,
  rememberMicrophone,
} from "../src/memory.ts";

const kept = new Map<string, string>();
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
  removeItem: (key: string) => kept.delete(key),
};

beforeEach(() => {
  kept.clear();
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
});

test("each assistant's conversation is remembered", () => {
  rememberConversation("conversation.a", "one");
  rememberConversation("conversation.b", "two");
  assert.equal(recallConversation("conversation.a"), "one");
  forgetConversation("conversation.a");
  assert.equal(recallConversation("conversation.a"), undefined);
  assert.equal(recallConversation("conversation.b"), "two");
});

test("a conversation that Home Assistant has forgotten is forgotten", () => {
  mock.timers.enable({ apis: ["Date"] });
  rememberConversation("conversation.a", "one");
  mock.timers.tick(6 * 60_000);
  assert.equal(recallConversation("conversation.a"), undefined);
  mock.timers.reset();
});

for (const damaged of ["", "{", "[]", "null", '{"id":3,"at":1}', '{"id":"x","at":"now"}']) {
  test(`what another page has left there does no harm: ${damaged}`, () => {
    kept.set("azure-realtime-audio-conversation-conversation.a", damaged);
    assert.equal(recallConversation("conversation.a"), undefined);
  });
}

test("a browser that stores nothing begins anew", () => {
  Object.defineProperty(globalThis, "localStorage", {
    get: () => {
      throw new Error("SecurityError");
    },
    configurable: true,
  });
  rememberConversation("conversation.a", "one");
  assert.equal(recallConversation("conversation.a"), undefined);
});

test("the choice of a microphone is remembered until it is taken back", () => {
  assert.equal(recallMicrophone(), undefined);
  rememberMicrophone("second");
  assert.equal(recallMicrophone(), "second");
  rememberMicrophone(undefined);
  assert.equal(recallMicrophone(), undefined);
});
