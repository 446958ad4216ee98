import { html, nothing, type TemplateResult } from "lit";
import type { Say } from "../texts.ts";
import type { Conversation } from "../turns.ts";
import { count, money, seconds } from "./numbers.ts";

/** The one line of numbers, from which the waterfall of the turn unfolds. */
export function footView(
  { numbers, steps, lines, interrupted, voiced }: Conversation,
  say: Say,
  language: string,
  unfold: { isOpen: boolean; toggle(): void },
): TemplateResult | typeof nothing {
  const cut = interrupted ? lines.findLast((line) => line.kind === "reply") : undefined;
  const cutMs = cut?.kind === "reply" ? cut.cutMs : undefined;
  const parts = [
    cutMs !== undefined ? html`<span>${say("cut_at")} <b>${(cutMs / 1000).toFixed(2)} s</b>, ${say("what_you_heard")}</span>` : nothing,
    numbers.firstSoundMs !== undefined ? html`<span>${say(voiced ? "first_sound" : "first_word")} <b>${seconds(numbers.firstSoundMs)}</b></span>` : nothing,
    numbers.tokens !== undefined ? html`<span><b>${count(numbers.tokens, language)}</b> ${say("tokens")}</span>` : nothing,
    numbers.cost ? html`<span><b>${money(numbers.cost, language)}</b></span>` : nothing,
  ].filter((part) => part !== nothing);
  if (!parts.length && !steps.length) return nothing;
  if (!steps.length) return html`<div class="foot">${parts}</div>`;
  return html`<button class="foot" aria-expanded=${unfold.isOpen} @click=${unfold.toggle}>
      ${parts}
      <ha-icon class="unfold" icon="mdi:chart-gantt" title=${say("waterfall")}></ha-icon>
      <span class="sr">${say("waterfall")}</span>
    </button>
    ${unfold.isOpen ? waterfallView(steps, say) : nothing}`;
}

type Steps = Conversation["steps"];

/** Each step of a turn as a bar on one scale of time. */
export function waterfallView(steps: Steps, say: Say): TemplateResult {
  const begin = Math.min(...steps.map((step) => step.start_ms));
  const length = Math.max(1, Math.max(...steps.map((step) => step.end_ms)) - begin);
  return html`<div class="fall" role="list" aria-label=${say("waterfall")}>
    ${steps.map(({ name, start_ms, end_ms }) => {
      const start = ((start_ms - begin) / length) * 100;
      const width = ((end_ms - start_ms) / length) * 100;
      return html`<div role="listitem">
        <span>${say(`step_${name}`)}</span>
        <span class="track"
          ><span class="step ${name}" style="inset-inline-start:${start.toFixed(1)}%;width:${width.toFixed(1)}%"></span
        ></span>
        <span class="time">${seconds(end_ms - start_ms)}</span>
      </div>`;
    })}
  </div>`;
}
