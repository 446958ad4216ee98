import type { LiveEvent, Started, Status, Step, TurnSource, WatchEvent, WatchStarted } from "./contract.ts";

export interface PersonLine {
  kind: "person";
  id: string;
  text: string;
  final: boolean;
  /** A picture that goes with the words, as a data URL. */
  picture?: string;
  /** Put there by the card, until Home Assistant tells the item's own id. */
  pending?: boolean;
}

export interface ReplyLine {
  kind: "reply";
  id: string;
  text: string;
  textComplete: boolean;
  /** Whether the words are also heard here. Otherwise all of them are shown as heard. */
  voiced: boolean;
  /** Sound that has arrived, in ms. */
  soundMs: number;
  soundComplete: boolean;
  playedMs: number;
  /** Characters that count as heard; this number only grows. */
  heard: number;
  /** Where a person cut the reply, in ms of its sound. */
  cutMs?: number;
}

export interface ToolLine {
  kind: "tool";
  id: string;
  name: string;
  title?: string;
  arguments: unknown;
  result?: unknown;
  error: boolean;
  entities: string[];
  ms?: number;
  /** When the call was told, in ms of the page's clock. */
  calledAt: number;
}

export type Line = PersonLine | ReplyLine | ToolLine;

/** What a turn took and cost, over all its responses. */
export interface Numbers {
  firstSoundMs?: number;
  tokens?: number;
  cachedTokens?: number;
  cost?: { amount: number; currency: string };
}

export interface Problem {
  message: string;
  canRetry: boolean;
}

export interface Conversation {
  name: string;
  status: Status;
  /** A person has just cut a reply short. */
  interrupted: boolean;
  voiced: boolean;
  lines: readonly Line[];
  numbers: Numbers;
  steps: readonly Step[];
  source?: TurnSource;
  problem?: Problem;
}

/** What the card tells itself. */
export type OwnEvent =
  | { type: "sound"; item_id: string; ms: number }
  | { type: "played"; item_id: string; ms: number }
  | { type: "said"; text: string; picture?: string }
  | { type: "problem"; message: string; canRetry: boolean }
  | { type: "problem_solved" }
  | { type: "halted" }
  | { type: "cleared" };

export type TalkEvent = Exclude<LiveEvent, { type: "audio" }> | WatchEvent | Started | WatchStarted | OwnEvent;

const MOST_LINES = 80;
// Until a reply is complete its words are ahead of its sound: no voice says more than this.
const MOST_CHARACTERS_A_MS = 0.019;

export function emptyConversation(voiced: boolean): Conversation {
  return { name: "", status: "idle", interrupted: false, voiced, lines: [], numbers: {}, steps: [] };
}

/** What a conversation is after an event. Changes nothing that it is given. */
export function reduce(talk: Conversation, event: TalkEvent, now = 0): Conversation {
  switch (event.type) {
    case "started":
      return start(talk, event);
    case "status":
      return { ...talk, status: event.status, interrupted: talk.interrupted && event.status === "listening" };
    case "turn_started":
      return { ...talk, source: event.source, numbers: {}, steps: [] };
    case "speech_started":
      return begin(talk, event.item_id);
    case "speech_stopped":
      return talk;
    case "false_interruption":
      return without(talk, (line) => line.id === event.item_id);
    case "user_text":
      return hear(talk, event);
    case "said":
      return say(talk, event);
    case "text":
    case "text_done":
      return write(talk, event);
    case "sound":
      return changeReply(talk, event.item_id, (line) => ({ soundMs: line.soundMs + event.ms }));
    case "audio_done":
      return changeReply(talk, event.item_id, () => ({ soundMs: event.duration_ms, soundComplete: true }));
    case "played":
      return changeReply(talk, event.item_id, () => ({ playedMs: event.ms }));
    case "interrupted":
      return cut(talk, event);
    case "tool_call":
      return append(talk, {
        kind: "tool",
        id: event.call_id,
        name: event.name,
        ...(event.title && { title: event.title }),
        arguments: event.arguments,
        error: false,
        entities: [],
        calledAt: now,
      });
    case "tool_result":
      return changeLine(talk, event.call_id, (line) =>
        line.kind === "tool"
          ? { ...line, result: event.result, error: event.error, entities: event.entities, ms: event.ms }
          : line,
      );
    case "response_done":
      return { ...talk, numbers: add(talk.numbers, event) };
    case "turn_done":
      return without({ ...talk, steps: event.steps }, (line) => line.kind === "person" && !line.text && !line.picture);
    case "error":
      return { ...talk, problem: { message: event.message, canRetry: event.can_retry } };
    case "problem":
      return { ...talk, problem: { message: event.message, canRetry: event.canRetry } };
    case "problem_solved":
      return solved(talk);
    case "halted":
      return halt(talk);
    case "ended":
      return { ...talk, status: event.reason === "failed" ? "away" : "idle" };
    case "cleared":
      return { ...emptyConversation(talk.voiced), name: talk.name };
    default:
      return talk; // a newer Home Assistant may tell more
  }
}

/** Splits a reply into what was heard and what was not yet, between two words. */
export function heardAndUnheard(line: ReplyLine): [heard: string, unheard: string] {
  if (!line.voiced || line.cutMs !== undefined) return [line.text, ""];
  return [line.text.slice(0, line.heard), line.text.slice(line.heard)];
}

function start(talk: Conversation, event: Started | WatchStarted): Conversation {
  const started = { ...solved(talk), name: event.name, status: event.status };
  if (!("history" in event) || talk.lines.length) return started;
  const lines = event.history.map(
    ({ role, text }, index): Line =>
      role === "user"
        ? { kind: "person", id: `history-${index}`, text, final: true }
        : { ...newReply(`history-${index}`, false), text, textComplete: true },
  );
  return { ...started, lines };
}

function begin(talk: Conversation, id: string): Conversation {
  if (talk.lines.some((line) => line.id === id)) return talk;
  return append(newTurn(talk), { kind: "person", id, text: "", final: false });
}

function newTurn(talk: Conversation): Conversation {
  return { ...solved(talk), numbers: {}, steps: [] };
}

function hear(talk: Conversation, event: { item_id: string; text: string; final: boolean }): Conversation {
  const { item_id: id, text, final } = event;
  const known = talk.lines.find((line) => line.id === id);
  if (known) {
    if (final && !text) return without(talk, (line) => line === known);
    return changeLine(talk, id, (line) => (line.kind === "person" ? { ...line, text, final } : line));
  }
  const pending = talk.lines.find((line) => line.kind === "person" && line.pending && [text, ""].includes(line.text));
  if (pending) return changeLine(talk, pending.id, (line) => withId(line as PersonLine, id, text, final));
  return text ? append(newTurn(talk), { kind: "person", id, text, final }) : talk;
}

function withId({ pending: _, ...line }: PersonLine, id: string, text: string, final: boolean): PersonLine {
  return { ...line, id, text, final };
}

function say(talk: Conversation, { text, picture }: { text: string; picture?: string }): Conversation {
  const id = `said-${talk.lines.length}-${text.length}`;
  const line: PersonLine = { kind: "person", id, text, final: true, pending: true };
  return append(newTurn(talk), picture ? { ...line, picture } : line);
}

function write(
  talk: Conversation,
  event: { type: "text"; item_id: string; delta: string } | { type: "text_done"; item_id: string; text: string },
): Conversation {
  const known = talk.lines.some((line) => line.id === event.item_id);
  const whole = known ? talk : append(talk, newReply(event.item_id, talk.voiced));
  return changeReply(whole, event.item_id, (line) =>
    event.type === "text" ? { text: line.text + event.delta } : { text: event.text, textComplete: true },
  );
}

function newReply(id: string, voiced: boolean): ReplyLine {
  return {
    kind: "reply",
    id,
    text: "",
    textComplete: false,
    voiced,
    soundMs: 0,
    soundComplete: false,
    playedMs: 0,
    heard: 0,
  };
}

function cut(talk: Conversation, event: Extract<LiveEvent, { type: "interrupted" }>): Conversation {
  const interrupted = { ...talk, interrupted: true };
  if (event.item_id === null) return interrupted; // before its first sound
  if (!event.text) return without(interrupted, (line) => line.id === event.item_id);
  return changeLine(interrupted, event.item_id, (line) =>
    line.kind === "reply" ? { ...line, text: event.text, textComplete: true, cutMs: event.audio_end_ms } : line,
  );
}

/** Ends the reply that is being played where it was heard to: what is missing will not come any more. */
function halt(talk: Conversation): Conversation {
  const lines = talk.lines.map((line) =>
    line.kind === "reply" && line.voiced && line.cutMs === undefined && line.heard < line.text.length
      ? { ...line, text: line.text.slice(0, line.heard), textComplete: true, cutMs: line.playedMs }
      : line,
  );
  return without({ ...talk, status: "idle", lines }, (line) => line.kind === "reply" && !line.text);
}

function changeReply(talk: Conversation, id: string, change: (line: ReplyLine) => Partial<ReplyLine>): Conversation {
  const known = talk.lines.some((line) => line.id === id);
  const whole = known ? talk : append(talk, newReply(id, talk.voiced));
  return changeLine(whole, id, (line) => {
    // What follows an interruption was on its way already, and is not for anyone's ears.
    if (line.kind !== "reply" || line.cutMs !== undefined) return line;
    const changed = { ...line, ...change(line) };
    return { ...changed, heard: Math.max(line.heard, countHeard(changed)) };
  });
}

function countHeard(line: ReplyLine): number {
  const { text, playedMs, soundMs } = line;
  if (!playedMs || !soundMs) return 0;
  const complete = line.soundComplete && line.textComplete;
  if (complete && playedMs >= soundMs - 40) return text.length;
  const rate = complete ? text.length / soundMs : Math.min(text.length / soundMs, MOST_CHARACTERS_A_MS);
  const end = text.indexOf(" ", Math.floor(playedMs * rate));
  return end < 0 ? text.length : end;
}

function add(numbers: Numbers, event: Extract<LiveEvent, { type: "response_done" }>): Numbers {
  const sum = { ...numbers };
  if (sum.firstSoundMs === undefined && event.latency_ms !== null) sum.firstSoundMs = event.latency_ms;
  if (event.usage) {
    sum.tokens = (sum.tokens ?? 0) + event.usage.total_tokens;
    sum.cachedTokens = (sum.cachedTokens ?? 0) + (event.usage.cached_tokens ?? 0);
  }
  if (event.cost) sum.cost = { ...event.cost, amount: (sum.cost?.amount ?? 0) + event.cost.amount };
  return sum;
}

function solved({ problem: _, ...talk }: Conversation): Conversation {
  return talk;
}

function append(talk: Conversation, line: Line): Conversation {
  return { ...talk, lines: [...talk.lines, line].slice(-MOST_LINES) };
}

function without(talk: Conversation, unwanted: (line: Line) => boolean): Conversation {
  return { ...talk, lines: talk.lines.filter((line) => !unwanted(line)) };
}

function changeLine(talk: Conversation, id: string, change: (line: Line) => Line): Conversation {
  return { ...talk, lines: talk.lines.map((line) => (line.id === id ? change(line) : line)) };
}
