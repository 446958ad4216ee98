import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScreenEvent } from "../src/contract.ts";
import type { Connection, HomeAssistant } from "../src/home-assistant.ts";
import type { ScreenSound, SoundEvent } from "../src/screen-sound.ts";
import { Screen } from "../src/screen.ts";
import { textsIn } from "../src/texts.ts";

Object.assign(globalThis, { WebSocket: { OPEN: 1 } });

type Message = { type: string; [name: string]: unknown };

/** Home Assistant, as far as a screen knows it. */
class FakeHome {
  readonly requests: Message[] = [];
  readonly sent: unknown[] = [];
  readonly frames: Uint8Array[] = [];
  ended = 0;
  refusal: unknown;
  tell: (event: ScreenEvent) => void = () => undefined;
  private readonly listeners = new Map<string, () => void>();

  readonly connection = {
    connected: true,
    socket: { readyState: 1, bufferedAmount: 0, send: (frame: Uint8Array) => this.frames.push(frame) },
    subscribeMessage: async (callback: (event: ScreenEvent) => void, message: Message) => {
      this.requests.push(message);
      if (this.refusal) throw this.refusal;
      this.tell = callback;
      const id = `screen-${this.requests.length}`;
      callback({ type: "connected", screen: id, satellite_id: "assist_satellite.hall", binary_handler_id: 3, sample_rate: 24_000 });
      return async () => void this.ended++;
    },
    sendMessagePromise: async ({ screen, message }: Message) => void this.sent.push({ screen, ...(message as object) }),
    addEventListener: (name: string, listener: () => void) => this.listeners.set(name, listener),
    removeEventListener: (name: string) => this.listeners.delete(name),
  } as unknown as Connection;

  emit(name: "ready" | "disconnected"): void {
    this.listeners.get(name)?.();
  }
}

/** A loudspeaker that plays until it is told to end, and a microphone. */
class FakeSound implements ScreenSound {
  readonly levels = { person: 0, reply: 0 };
  readonly played: (string | undefined)[][] = [];
  tell: (event: SoundEvent) => void = () => undefined;
  end: () => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;
  hear: ((samples: Int16Array<ArrayBuffer>) => void) | undefined;
  lose: () => void = () => undefined;
  refusal: unknown;
  isOpen = false;

  open(): void {
    this.isOpen = true;
  }

  play(url: string, preannounceUrl: string | undefined, tell: (event: SoundEvent) => void): Promise<void> {
    this.stop();
    this.played.push([url, preannounceUrl]);
    this.tell = tell;
    return new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  }

  stop(): void {
    this.end();
  }

  async listen(onFrame: (samples: Int16Array<ArrayBuffer>) => void, onLost: () => void): Promise<void> {
    if (this.refusal) throw this.refusal;
    this.hear = onFrame;
    this.lose = onLost;
  }

  closeMicrophone(): void {
    this.hear = undefined;
  }

  close(): void {
    this.isOpen = false;
  }
}

interface Stage {
  home: FakeHome;
  sound: FakeSound;
  screen: Screen;
  /** Whether the person's own talk is aside, and how often it was ended. */
  talk: { isAside: boolean; ends: number };
}

/** Lets what was begun go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function connected(refusal?: unknown): Promise<Stage> {
  const home = new FakeHome();
  home.refusal = refusal;
  const sound = new FakeSound();
  const talk = { isAside: false, ends: 0 };
  const host = {
    hass: { connection: home.connection } as HomeAssistant,
    say: textsIn("en"),
    changed: () => undefined,
    setTalkAside: (isAside: boolean) => void (talk.isAside = isAside),
    endTalk: () => void talk.ends++,
  };
  const screen = new Screen(host, "conversation.house", "Hall", sound);
  screen.start();
  await settled();
  return { home, sound, screen, talk };
}

const words = (screen: Screen): string[] =>
  screen.conversation.lines.map((line) => (line.kind === "tool" ? line.name : `${line.kind}: ${line.text}`));

const ANNOUNCEMENT: ScreenEvent = {
  type: "announce",
  id: "a",
  url: "/api/tts_proxy/a.wav",
  preannounce_url: "/chime.mp3",
  text: "Dinner is ready.",
};

test("a page asks to be the screen of its name, and ends with the card", async () => {
  const { home, sound, screen } = await connected();
  assert.deepEqual(home.requests, [
    { type: "azure_realtime_audio/screen/connect", entity_id: "conversation.house", name: "Hall" },
  ]);
  assert.equal(sound.isOpen, true);
  screen.stop();
  assert.equal(home.ended, 1);
  assert.equal(sound.isOpen, false);
});

test("an announcement is shown and played, the talk aside, and its end is told", async () => {
  const { home, sound, screen, talk } = await connected();
  home.tell(ANNOUNCEMENT);
  assert.deepEqual(sound.played, [["/api/tts_proxy/a.wav", "/chime.mp3"]]);
  assert.equal(screen.isShown, true);
  assert.equal(screen.conversation.status, "speaking");
  assert.equal(talk.isAside, true);
  assert.deepEqual(words(screen), ["reply: Dinner is ready."]);
  sound.tell({ type: "sound", ms: 900 });
  sound.tell({ type: "audio_done", duration_ms: 900 });
  sound.tell({ type: "played", ms: 900 });
  const [line] = screen.conversation.lines;
  assert.equal(line?.kind === "reply" && line.heard, "Dinner is ready.".length);
  assert.deepEqual(home.sent, []);
  sound.end();
  await settled();
  assert.deepEqual(home.sent, [{ screen: "screen-1", type: "done", id: "a" }]);
  assert.equal(talk.isAside, false);
  assert.equal(screen.isBusy, false);
  assert.equal(screen.conversation.status, "idle");
});

test("a browser that makes no sound is told to the automation and to the person", async () => {
  const { home, sound, screen } = await connected();
  home.tell(ANNOUNCEMENT);
  sound.fail(new Error("silenced"));
  await settled();
  assert.deepEqual(home.sent, [{ screen: "screen-1", type: "failed", id: "a", failure: "sound" }]);
  assert.match(screen.conversation.problem?.message ?? "", /screen Hall could not be played/);
  home.tell(ANNOUNCEMENT);
  assert.equal("problem" in screen.conversation, false);
  sound.fail({ failure: "silenced" });
  await settled();
  assert.match(screen.conversation.problem?.message ?? "", /keeps the sound back/);
});

test("the newest announcement is the one that is heard", async () => {
  const { home, sound, screen, talk } = await connected();
  home.tell(ANNOUNCEMENT);
  home.tell({ type: "announce", id: "b", url: "/b.wav", text: "" });
  await settled();
  assert.equal(screen.isBusy, true);
  assert.equal(talk.isAside, true);
  sound.end();
  await settled();
  assert.deepEqual(home.sent, [
    { screen: "screen-1", type: "done", id: "a" },
    { screen: "screen-1", type: "done", id: "b" },
  ]);
  assert.equal(talk.isAside, false);
});

test("a question opens the microphone, which is heard until the words have ended", async () => {
  const { home, sound, screen, talk } = await connected();
  home.tell({ type: "listen", id: "l", purpose: "question", text: "Who is there?" });
  await settled();
  assert.equal(talk.ends, 1);
  assert.equal(screen.conversation.status, "listening");
  sound.hear?.(new Int16Array([1, -1]));
  assert.deepEqual(home.frames.map((frame) => [...frame]), [[3, 1, 0, 255, 255]]);
  home.tell({ type: "listen_end", id: "l" });
  home.tell({ type: "pipeline", event: { type: "user_text", text: "It is me" } });
  home.tell({ type: "pipeline", event: { type: "end" } });
  assert.equal(sound.hear, undefined);
  assert.deepEqual(words(screen), ["person: It is me"]);
  assert.equal(screen.conversation.status, "idle");
});

test("a conversation is shown with both sides, and its reply is played", async () => {
  const { home, sound, screen } = await connected();
  home.tell({ type: "listen", id: "l", purpose: "conversation", text: "" });
  await settled();
  home.tell({ type: "listen_end", id: "l" });
  home.tell({ type: "pipeline", event: { type: "user_text", text: "Where is it?" } });
  assert.equal(screen.conversation.status, "thinking");
  home.tell({ type: "pipeline", event: { type: "text", delta: "In the " } });
  home.tell({ type: "pipeline", event: { type: "reply", id: "r", url: "/r.wav" } });
  home.tell({ type: "pipeline", event: { type: "text_done", text: "In the cellar." } });
  home.tell({ type: "pipeline", event: { type: "end" } });
  assert.equal(screen.conversation.status, "speaking");
  assert.deepEqual(words(screen), ["person: Where is it?", "reply: In the cellar."]);
  sound.end();
  await settled();
  assert.deepEqual(home.sent, [{ screen: "screen-1", type: "done", id: "r" }]);
  assert.equal(screen.conversation.status, "idle");
});

test("a page that may not listen says so, and why", async () => {
  const { home, sound, screen } = await connected();
  sound.refusal = { failure: "not_allowed" };
  home.tell({ type: "listen", id: "l", purpose: "question", text: "" });
  await settled();
  assert.deepEqual(home.sent, [{ screen: "screen-1", type: "failed", id: "l", failure: "microphone" }]);
  assert.match(screen.conversation.problem?.message ?? "", /may not use the microphone/);
  assert.equal(screen.isBusy, false);
});

test("a microphone that is unplugged or taken is told", async () => {
  const { home, sound, screen } = await connected();
  home.tell({ type: "listen", id: "l", purpose: "question", text: "" });
  await settled();
  sound.lose();
  assert.deepEqual(home.sent, [{ screen: "screen-1", type: "failed", id: "l", failure: "microphone" }]);
  assert.equal(screen.isBusy, false);
});

test("a microphone that opens after its question is closed", async () => {
  const { home, sound } = await connected();
  home.tell({ type: "listen", id: "l", purpose: "question", text: "" });
  home.tell({ type: "listen_end", id: "l" });
  await settled();
  assert.equal(sound.hear, undefined);
});

test("a person ends an announcement and what is listened to", async () => {
  const { home, sound, screen } = await connected();
  home.tell(ANNOUNCEMENT);
  screen.halt();
  await settled();
  home.tell({ type: "listen", id: "l", purpose: "question", text: "" });
  await settled();
  screen.halt();
  assert.equal(sound.hear, undefined);
  assert.deepEqual(home.sent, [
    { screen: "screen-1", type: "stop" },
    { screen: "screen-1", type: "done", id: "a" },
    { screen: "screen-1", type: "stop" },
  ]);
});

test("a name that another page has taken is taken back only by a person", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { home, screen } = await connected();
  home.tell({ type: "taken_over" });
  assert.equal(home.ended, 1);
  assert.match(screen.conversation.problem?.message ?? "", /Another page is the screen Hall/);
  context.mock.timers.tick(600_000);
  assert.equal(home.requests.length, 1);
  screen.retry();
  await settled();
  assert.equal(home.requests.length, 2);
  assert.equal(screen.conversation.problem, undefined);
});

test("an assistant that is loaded anew gets its screen back", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { home } = await connected();
  home.refusal = { code: "unavailable", message: "" };
  home.tell({ type: "ended" });
  context.mock.timers.tick(2_000);
  await settled();
  context.mock.timers.tick(3_999);
  assert.equal(home.requests.length, 2);
  home.refusal = undefined;
  context.mock.timers.tick(1);
  await settled();
  assert.equal(home.requests.length, 3);
  home.tell(ANNOUNCEMENT);
  assert.equal(home.sent.length, 0);
});

test("a lost socket ends what goes on, and the screen comes back with it", async () => {
  const { home, sound, screen } = await connected();
  home.tell({ type: "listen", id: "l", purpose: "question", text: "" });
  await settled();
  const before = home.tell;
  home.emit("disconnected");
  assert.equal(sound.hear, undefined);
  before(ANNOUNCEMENT); // comes late
  assert.deepEqual(sound.played, []);
  home.emit("ready");
  await settled();
  assert.equal(home.requests.length, 2);
  assert.equal(screen.isBusy, false);
});

test("a refusal that only a person can mend is shown once", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { home, screen } = await connected({ code: "too_many_screens", message: "There are 32 named screens already." });
  assert.equal(screen.conversation.problem?.message, "There are 32 named screens already.");
  context.mock.timers.tick(600_000);
  assert.equal(home.requests.length, 1);
});
