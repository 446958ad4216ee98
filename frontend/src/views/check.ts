import { html, type TemplateResult } from "lit";
import type { Finding } from "../check.ts";
import type { Say } from "../texts.ts";

export interface CheckView {
  say: Say;
  /** Undefined while the check runs. */
  findings: Finding[] | undefined;
  isCopied: boolean;
  close(): void;
  again(): void;
  copy(): void;
}

/** What stands between a person and a talk, in one list. */
export function checkView({ say, findings, isCopied, close, again, copy }: CheckView): TemplateResult {
  return html`<section class="check" aria-label=${say("check_title")}>
    <div class="check-list" role="list" tabindex="0" aria-busy=${!findings}>
      ${(findings ?? []).map(
        ({ key, value, isGood }) => html`<div role="listitem" class=${isGood === false ? "bad" : ""}>
          <ha-icon
            icon=${isGood === undefined ? "mdi:circle-small" : isGood ? "mdi:check-circle-outline" : "mdi:alert-circle-outline"}
          ></ha-icon>
          <span>${say(key)}</span><b>${value}</b>
        </div>`,
      )}
    </div>
    <div class="actions">
      <button class="text" ?disabled=${!findings} @click=${copy}>${say(isCopied ? "check_copied" : "check_copy")}</button>
      <button class="text" ?disabled=${!findings} @click=${again}>${say("check_again")}</button>
      <button class="text" @click=${close}>${say("close")}</button>
    </div>
  </section>`;
}
