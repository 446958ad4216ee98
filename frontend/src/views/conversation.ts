import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { HomeAssistant } from "../home-assistant.ts";
import type { Say } from "../texts.ts";
import { heardAndUnheard, type Conversation, type Line, type PersonLine, type ReplyLine, type ToolLine } from "../turns.ts";
import { iconOf, isActive, nameOf, stateOf } from "./entity.ts";
import { seconds } from "./numbers.ts";
import { remaining, timerEnd } from "./timers.ts";

export interface ConversationView {
  hass: HomeAssistant;
  say: Say;
  conversation: Conversation;
  hint: string;
  showEntity(entityId: string): void;
}

const MOST_ENTITIES = 4;

/** What both sides have said, and what was done. */
export function conversationView(view: ConversationView): TemplateResult {
  const { conversation, say, hint } = view;
  return html`<div
    class="talk"
    role="log"
    aria-live=${conversation.voiced ? "off" : "polite"}
    aria-label=${say("conversation")}
    tabindex="0"
  >
    ${conversation.lines.length
      ? repeat(
          conversation.lines,
          (line) => line.id,
          (line) => lineView(view, line),
        )
      : hint && html`<p class="hint" dir="auto">${hint}</p>`}
  </div>`;
}

function lineView(view: ConversationView, line: Line): TemplateResult | typeof nothing {
  switch (line.kind) {
    case "person":
      return personView(view, line);
    case "reply":
      return line.text ? replyView(view, line) : nothing;
    case "tool":
      return toolView(view, line);
  }
}

function personView({ say }: ConversationView, line: PersonLine): TemplateResult {
  return html`<div class="bubble person ${line.final ? "" : "growing"}">
    <span class="sr">${say("you")}: </span>
    ${line.picture ? html`<img src=${line.picture} alt=${say("picture_of_yours")} />` : nothing}
    <span class="words" dir="auto">${line.text}</span>${line.final ? nothing : html`<i class="dots" aria-hidden="true"></i>`}
  </div>`;
}

function replyView({ say }: ConversationView, line: ReplyLine): TemplateResult {
  const [heard, unheard] = heardAndUnheard(line);
  const isCut = line.cutMs !== undefined;
  return html`<div class="bubble reply">
    <span class="sr">${say("assistant")}: </span
    ><span class="words" dir="auto">${heard}<span class="unheard">${unheard}</span></span
    >${isCut ? html`<span class="cut" title="${say("cut_at")} ${seconds(line.cutMs!)}"></span>` : nothing}
  </div>`;
}

function toolView(view: ConversationView, line: ToolLine): TemplateResult {
  const { say } = view;
  const isRunning = line.ms === undefined;
  const entities = line.entities.slice(0, MOST_ENTITIES);
  const more = line.entities.length - entities.length;
  const time = isRunning ? say("tool_running") : seconds(line.ms!);
  if (!entities.length || line.error) {
    return html`<div class="did ${line.error ? "failed" : ""} ${isRunning ? "running" : ""}">
      <span class="icon"
        ><ha-icon icon=${line.error ? "mdi:alert-circle-outline" : timerEnd(line) ? "mdi:timer-outline" : "mdi:auto-fix"}></ha-icon
      ></span>
      <span class="what"><b>${line.title ?? readable(line.name)}</b> ${toolOutcome(view, line)}</span>
      <span class="time">${time}</span>
    </div>`;
  }
  return html`${entities.map((id, index) => {
    const isLast = index === entities.length - 1;
    return entityView(view, id, isLast ? time : "", isLast && more > 0 ? `+${more}` : "");
  })}`;
}

function toolOutcome({ say }: ConversationView, line: ToolLine): string {
  const end = timerEnd(line);
  if (end !== undefined) {
    const left = remaining(end, Date.now());
    return left ? say("timer_left", { time: left }) : say("timer_over");
  }
  if (line.error) return say("tool_failed");
  return line.ms === undefined ? "" : say("tool_done");
}

function entityView({ hass, showEntity }: ConversationView, id: string, time: string, more: string): TemplateResult {
  const state = hass.states[id];
  return html`<button class="did" @click=${() => showEntity(id)}>
    <span class="icon ${isActive(state) ? "active" : ""} ${id.split(".")[0]}"
      ><ha-icon icon=${iconOf(state, id)}></ha-icon
    ></span>
    <span class="what"><b>${nameOf(state, id)}</b> ${stateOf(hass, state)}</span>
    ${more ? html`<span class="more">${more}</span>` : nothing}
    <span class="time">${time}</span>
  </button>`;
}

/** `HassTurnOn` and `get_weather` as words. */
function readable(name: string): string {
  const words = name
    .replace(/^.*__/, "")
    .replace(/^Hass/, "")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase()
    .trim();
  return words ? words[0]!.toUpperCase() + words.slice(1) : name;
}
