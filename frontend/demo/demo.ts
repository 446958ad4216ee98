// A wall of cards in all their states, and one card to talk to (?live) whose other end is the page itself.
import "./stand-ins.ts";
import "../src/main.ts";
import type { LiveCard } from "../src/card.ts";
import type { CardConfig } from "../src/config.ts";
import type { LiveEvent } from "../src/contract.ts";
import type { Talk } from "../src/talk.ts";
import { reduce, type TalkEvent } from "../src/turns.ts";
import { ENTITY, fakeHass, FakeConnection, tone } from "./fake-hass.ts";

const question = "turn on the kitchen light and tell me a joke";
const joke = "It is on. Why did the light bulb go to school? It wanted to be brighter.";
const usage = { input_tokens: 1300, output_tokens: 165, total_tokens: 1465, cached_tokens: 1024 };
const said: TalkEvent = { type: "user_text", item_id: "u1", text: question, final: true };
const done: TalkEvent[] = [
  { type: "tool_call", call_id: "c1", name: "HassTurnOn", arguments: { name: "kitchen light" } },
  { type: "tool_result", call_id: "c1", name: "HassTurnOn", error: false, result: {}, entities: ["light.kitchen"], ms: 210 },
];
const cost = { amount: 0.0093, currency: "USD" };
const answered: TalkEvent = {
  type: "response_done",
  response_id: "r1",
  status: "completed",
  latency_ms: 410,
  usage,
  cost,
};
const steps = [
  { name: "speech", start_ms: 0, end_ms: 1900 },
  { name: "end_of_turn", start_ms: 1900, end_ms: 2500 },
  { name: "model", start_ms: 2500, end_ms: 3050 },
  { name: "tool", start_ms: 3050, end_ms: 3260 },
  { name: "voice", start_ms: 3420, end_ms: 4900 },
] as const;

interface Scene {
  config?: Partial<CardConfig>;
  events?: TalkEvent[];
  /** As if a person were talking. */
  isLive?: boolean;
  isMissing?: boolean;
  height?: number;
}

const speaking: TalkEvent[] = [
  said,
  ...done,
  { type: "text_done", item_id: "a1", text: joke },
  { type: "audio_done", item_id: "a1", duration_ms: 5000 },
  { type: "played", item_id: "a1", ms: 3150 },
  answered,
  { type: "status", status: "speaking" },
];

const scenes: Scene[] = [
  {},
  {
    isLive: true,
    events: [
      { type: "text_done", item_id: "a0", text: "The front door is locked." },
      { type: "played", item_id: "a0", ms: 0 },
      { type: "audio_done", item_id: "a0", duration_ms: 100 },
      { type: "played", item_id: "a0", ms: 100 },
      { type: "speech_started", item_id: "u1" },
      { type: "user_text", item_id: "u1", text: "turn on the kitchen light and", final: false },
      { type: "status", status: "listening" },
    ],
  },
  { isLive: true, events: [said, ...done, { type: "status", status: "thinking" }] },
  { isLive: true, events: speaking },
  {
    isLive: true,
    events: [
      ...speaking,
      { type: "status", status: "listening" },
      { type: "interrupted", item_id: "a1", audio_end_ms: 2217, text: "It is on. Why did the light bulb go to school?" },
      { type: "speech_started", item_id: "u2" },
      { type: "user_text", item_id: "u2", text: "no, something about cats", final: false },
    ],
  },
  {
    events: [
      { type: "user_text", item_id: "u1", text: "is it going to rain", final: true },
      { type: "status", status: "away" },
      { type: "problem", message: "Azure cannot be reached. The conversation is kept.", canRetry: true },
    ],
  },
  {
    config: { watch: true, name: "Voice PE, living room" },
    events: [
      { type: "turn_started", turn_id: "t", source: { kind: "satellite", name: "Voice PE" } },
      { type: "user_text", item_id: "u1", text: "how warm is it upstairs", final: true },
      { type: "tool_call", call_id: "c1", name: "GetLiveContext", arguments: {} },
      { type: "tool_result", call_id: "c1", name: "GetLiveContext", error: false, result: {}, entities: ["sensor.bedroom"], ms: 42 },
      { type: "text_done", item_id: "a1", text: "It is twenty-one and a half degrees in the bedroom." },
      { type: "turn_done", turn_id: "t", steps: [...steps] },
      answered,
      { type: "status", status: "speaking" },
    ],
  },
  { isMissing: true },
  {
    config: { size: "compact" },
    height: 0,
    isLive: true,
    events: [
      { type: "speech_started", item_id: "u1" },
      { type: "user_text", item_id: "u1", text: "turn on the kitchen light and", final: false },
      { type: "status", status: "listening" },
    ],
  },
  { config: { size: "compact" }, height: 0 },
  { config: { size: "button" }, height: 0 },
  { config: { size: "button" }, height: 0, isLive: true, events: [{ type: "status", status: "speaking" }] },
];

/** The card's own conversation, which nothing but a talk may change. */
function stage(card: LiveCard, scene: Scene): void {
  const inside = card as unknown as { talk: Talk; watch?: { conversation: Talk["conversation"] } };
  const { talk } = inside;
  if (scene.isLive) {
    talk.phase = "on";
    talk.takesImages = true;
    Object.defineProperty(talk, "hasMicrophone", { value: true });
    Object.defineProperty(talk, "levels", { value: { person: 0.08, reply: 0.12 } });
  }
  const target = inside.watch ?? talk;
  target.conversation = (scene.events ?? []).reduce((all, event) => reduce(all, event, Date.now()), target.conversation);
  card.changed();
}

async function addCard(parent: HTMLElement, scene: Scene, connection = new FakeConnection()): Promise<LiveCard> {
  const card = document.createElement("azure-realtime-audio-card") as LiveCard;
  if (scene.height !== 0) {
    card.layout = "grid";
    card.style.height = `${scene.height ?? 504}px`;
  } else card.style.height = "auto";
  card.setConfig({ type: "custom:azure-realtime-audio-card", entity: ENTITY, ...scene.config });
  card.hass = fakeHass(connection);
  if (scene.isMissing) card.hass = { ...card.hass, states: {} };
  parent.append(card);
  await card.updateComplete;
  await new Promise((resolve) => setTimeout(resolve)); // the watch has begun
  return card;
}

const query = new URLSearchParams(location.search);
document.documentElement.dir = query.get("dir") ?? "ltr";
document.body.className = query.has("dark") ? "dark" : "";
const wall = document.getElementById("wall")!;
if (query.has("live")) {
  const connection = new FakeConnection();
  const config = Object.fromEntries([...query].filter(([name]) => ["size"].includes(name)));
  const card = await addCard(wall, { height: Number(query.get("height") ?? 504), config }, connection);
  Object.assign(window, { card, connection, tone, emit: (...events: LiveEvent[]) => connection.emit(...events) });
} else {
  for (const scene of scenes) stage(await addCard(wall, scene), scene);
  if (query.has("unfold")) {
    for (const card of wall.children) card.shadowRoot?.querySelector<HTMLElement>("button.foot")?.click();
  }
}
document.body.dataset.ready = "";
