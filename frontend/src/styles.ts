import { css } from "lit";

export const styles = css`
  :host {
    display: block;
    height: 100%;
    --hear: var(--primary-color, #03a9f4);
    --voice: var(--azure-realtime-audio-voice-color, #7c5cff);
    --text: var(--primary-text-color, #141414);
    --quiet: color-mix(in srgb, var(--text) 66%, transparent);
    --soft: color-mix(in srgb, var(--text) 6%, transparent);
    --line: var(--divider-color, rgba(0, 0, 0, 0.12));
    --error: var(--error-color, #db4437);
    --tone: var(--hear);
    color: var(--text);
    font-size: 14px;
    line-height: 1.45;
  }
  ha-card {
    display: flex;
    flex-direction: column;
    height: 100%;
    box-sizing: border-box;
    overflow: clip; /* "hidden" could still be scrolled sideways, by a focus for example */
    position: relative;
    outline: none;
  }
  :host(:not([layout])) .full {
    min-height: 460px;
    max-height: 680px;
  }
  .thinking,
  .speaking {
    --tone: var(--voice);
  }
  button,
  input {
    font: inherit;
    color: inherit;
    border: 0;
    margin: 0;
    background: none;
  }
  button {
    cursor: pointer;
    padding: 0;
    -webkit-tap-highlight-color: transparent;
  }
  button:disabled {
    cursor: default;
    opacity: 0.5;
  }
  :is(button, input, [tabindex]):focus-visible,
  ha-card:focus-visible::after {
    outline: 2px solid var(--hear);
    outline-offset: 2px;
  }
  ha-card:focus-visible::after {
    content: "";
    position: absolute;
    inset: 3px;
    border-radius: inherit;
    pointer-events: none;
  }
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  .head {
    display: flex;
    align-items: center;
    gap: 8px;
    padding-block: 10px 0;
    padding-inline: 16px 6px;
    min-height: 40px;
    position: relative;
    z-index: 1;
  }
  .name {
    margin: 0;
    font-weight: 500;
    font-size: 16px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .state {
    margin-inline-start: auto;
    color: var(--quiet);
    font-size: 13px;
    display: flex;
    gap: 7px;
    align-items: center;
    white-space: nowrap;
  }
  .dot {
    flex: none;
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--quiet);
    transition: background 0.4s;
  }
  .listening .dot,
  .thinking .dot,
  .speaking .dot {
    background: var(--tone);
    box-shadow: 0 0 0 3px color-mix(in srgb, var(--tone) 22%, transparent);
  }
  .away .dot {
    background: var(--error);
  }

  .stage {
    flex: none;
    display: grid;
    place-items: center;
    position: relative;
    --orb: 172px;
    height: calc(var(--orb) + 20px);
    transition: height 0.5s cubic-bezier(0.3, 0, 0.1, 1);
  }
  .stage::before {
    content: "";
    position: absolute;
    inset: -60px 0 -70px;
    background: radial-gradient(50% 50% at 50% 50%, color-mix(in srgb, var(--tone) 16%, transparent), transparent);
    opacity: 0;
    transition: opacity 0.8s;
    pointer-events: none;
  }
  :is(.listening, .thinking, .speaking) .stage::before {
    opacity: 1;
  }
  .stage azure-realtime-audio-orb {
    width: var(--orb);
    transition: width 0.5s cubic-bezier(0.3, 0, 0.1, 1);
  }
  .talking .stage {
    --orb: 128px;
  }
  .watching.talking .stage {
    --orb: 92px;
  }

  .talk {
    flex: 1 1 auto;
    min-height: 0;
    position: relative;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    display: flex;
    flex-direction: column;
    gap: 8px;
    padding: 4px 16px 12px;
    outline-offset: -2px !important;
  }
  .talk::before {
    content: "";
    margin-top: auto;
  }
  .talking .talk {
    mask-image: linear-gradient(transparent, black 14px);
  }
  .hint {
    margin: 0 0 4px;
    text-align: center;
    color: var(--quiet);
  }
  .bubble {
    max-width: 84%;
    box-sizing: border-box;
    padding: 8px 13px;
    border-radius: 18px;
    overflow-wrap: anywhere;
    flex: none;
    position: relative;
    animation: arrive 0.28s ease-out;
  }
  @keyframes arrive {
    from {
      opacity: 0;
      transform: translateY(6px);
    }
  }
  .person {
    align-self: flex-end;
    background: color-mix(in srgb, var(--hear) 20%, var(--card-background-color, white));
    border-end-end-radius: 5px;
  }
  .reply {
    align-self: flex-start;
    background: var(--soft);
    border-end-start-radius: 5px;
  }
  .words {
    white-space: pre-line;
  }
  .bubble img {
    display: block;
    max-width: 100%;
    height: 140px; /* known before it has loaded, or the end of the talk would move away */
    object-fit: cover;
    border-radius: 10px;
    margin: 0 0 4px;
  }
  .unheard {
    color: color-mix(in srgb, var(--text) 62%, transparent);
  }
  .cut {
    display: inline-block;
    width: 2px;
    height: 1.05em;
    margin-inline-start: 3px;
    vertical-align: -0.16em;
    border-radius: 1px;
    background: var(--voice);
  }
  .dots {
    display: inline-block;
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: currentColor;
    opacity: 0.5;
    margin-inline-start: 6px;
    animation: pulse 1.1s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.15;
    }
  }

  .did {
    align-self: flex-start;
    max-width: 100%;
    box-sizing: border-box;
    display: flex;
    gap: 9px;
    align-items: center;
    text-align: start;
    font-size: 13px;
    padding-block: 2px;
    padding-inline: 3px 10px;
    border-radius: 16px;
    color: var(--quiet);
    flex: none;
    animation: arrive 0.28s ease-out;
  }
  button.did:hover {
    background: var(--soft);
  }
  .did b {
    color: var(--text);
    font-weight: 500;
  }
  .did .icon {
    flex: none;
    width: 26px;
    height: 26px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    background: var(--soft);
    color: var(--quiet);
    --mdc-icon-size: 16px;
  }
  .did .icon.active {
    background: color-mix(in srgb, var(--hear) 22%, transparent);
    color: color-mix(in srgb, var(--hear) 70%, var(--text));
  }
  .did .icon.active.light {
    background: color-mix(in srgb, var(--state-light-on-color, #ffc107) 38%, transparent);
    color: color-mix(in srgb, var(--state-light-on-color, #ffc107) 45%, var(--text));
  }
  .did.running .icon {
    animation: pulse 1.2s ease-in-out infinite;
  }
  .did.failed .icon {
    background: color-mix(in srgb, var(--error) 16%, transparent);
    color: var(--error);
  }
  .time {
    color: var(--quiet);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
    unicode-bidi: plaintext;
  }

  .problem {
    flex: none;
    margin: 0 12px 12px;
    padding-block: 10px;
    padding-inline: 14px 6px;
    border-radius: 12px;
    background: color-mix(in srgb, var(--error) 11%, transparent);
    display: flex;
    gap: 4px;
    align-items: center;
    animation: arrive 0.28s ease-out;
  }
  .problem span {
    flex: 1;
  }
  .text {
    flex: none;
    min-height: 36px;
    padding: 4px 10px;
    border-radius: 18px;
    font-weight: 500;
    color: color-mix(in srgb, var(--hear) 55%, var(--text));
  }
  .text:hover {
    background: var(--soft);
  }

  .foot {
    flex: none;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 14px;
    padding: 6px 16px;
    width: 100%;
    box-sizing: border-box;
    text-align: start;
    font-size: 12px;
    color: var(--quiet);
    outline-offset: -2px !important;
  }
  .foot b {
    unicode-bidi: isolate;
    direction: ltr;
    font-weight: 500;
    color: var(--text);
    font-variant-numeric: tabular-nums;
  }
  .unfold {
    margin-inline-start: auto;
    --mdc-icon-size: 16px;
  }
  .fall {
    flex: none;
    padding: 2px 16px 10px;
    display: flex;
    flex-direction: column;
    gap: 4px;
    font-size: 12px;
    color: var(--quiet);
  }
  .fall > div {
    display: grid;
    grid-template-columns: 78px 1fr 46px;
    align-items: center;
    gap: 8px;
  }
  .fall .time {
    text-align: end;
  }
  .track {
    position: relative;
    height: 12px;
    border-radius: 4px;
    background: var(--soft);
  }
  .step {
    position: absolute;
    height: 100%;
    min-width: 2px;
    border-radius: 4px;
    background: var(--quiet);
  }
  .step.speech {
    background: var(--hear);
  }
  .step.model {
    background: var(--voice);
  }
  .step.tool {
    background: #ff8a65;
  }
  .step.voice {
    background: color-mix(in srgb, var(--voice) 65%, white);
  }

  .bar {
    flex: none;
    display: flex;
    align-items: center;
    gap: 6px;
    border-top: 1px solid var(--line);
    padding: 9px 12px;
  }
  .field {
    flex: 1;
    min-width: 0;
    display: flex;
    align-items: center;
    height: 42px;
    border-radius: 21px;
    background: var(--soft);
    padding-inline-start: 2px;
  }
  .field input[type="text"] {
    flex: 1;
    min-width: 0;
    height: 100%;
    padding: 0 14px;
    border-radius: 21px;
    font-size: 14px;
    outline-offset: -2px;
    text-overflow: ellipsis;
  }
  .field input::placeholder {
    color: var(--quiet);
    opacity: 1;
  }
  .ib {
    flex: none;
    width: 42px;
    height: 42px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    color: var(--quiet);
    --mdc-icon-size: 22px;
    transition:
      background 0.25s,
      color 0.25s;
  }
  .ib:hover {
    background: var(--soft);
  }
  .ib.on {
    background: color-mix(in srgb, var(--error) 16%, transparent);
    color: var(--error);
  }
  .mic {
    width: 50px;
    height: 50px;
    --mdc-icon-size: 25px;
    color: color-mix(in srgb, var(--hear) 60%, var(--text));
    background: color-mix(in srgb, var(--hear) 16%, transparent);
    touch-action: none;
    user-select: none;
    -webkit-user-select: none;
    -webkit-touch-callout: none;
  }
  .mic:hover {
    background: color-mix(in srgb, var(--hear) 26%, transparent);
  }
  .mic.live {
    background: color-mix(in srgb, var(--tone) 86%, black);
    color: white;
    box-shadow: 0 2px 10px color-mix(in srgb, var(--tone) 45%, transparent);
  }
  .mic.held {
    transform: scale(1.1);
  }

  .menu {
    position: absolute;
    z-index: 3;
    inset-block-start: 48px;
    inset-inline-end: 8px;
    display: flex;
    flex-direction: column;
    min-width: 200px;
    padding: 6px 0;
    border-radius: 12px;
    background: var(--card-background-color, white);
    border: 1px solid var(--line);
    box-shadow: 0 6px 24px rgba(0, 0, 0, 0.25);
    animation: arrive 0.15s ease-out;
  }
  .menu button {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 10px 16px;
    text-align: start;
    outline-offset: -2px !important;
    --mdc-icon-size: 20px;
  }
  .menu button:hover {
    background: var(--soft);
  }
  .menu ha-icon {
    color: var(--quiet);
  }
  .options {
    display: flex;
    flex-direction: column;
    max-height: 176px;
    overflow-y: auto;
    padding-inline-start: 12px;
  }

  .check {
    flex: 1;
    min-height: 0;
    display: flex;
    flex-direction: column;
    border-top: 1px solid var(--line);
  }
  .check-list {
    flex: 1;
    overflow-y: auto;
    padding: 8px 16px;
    outline-offset: -2px !important;
  }
  .check-list > div {
    display: flex;
    gap: 8px;
    padding: 5px 0;
    align-items: start;
    --mdc-icon-size: 18px;
    color: var(--quiet);
  }
  .check-list ha-icon {
    flex: none;
    color: var(--success-color, #2f9e5b);
  }
  .check-list .bad ha-icon {
    color: var(--error);
  }
  .check-list b {
    margin-inline-start: auto;
    font-weight: 500;
    color: var(--text);
    text-align: end;
    overflow-wrap: anywhere;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    padding: 6px 8px;
    border-top: 1px solid var(--line);
  }

  .row {
    flex-direction: row;
    align-items: center;
    gap: 12px;
    padding-block: 6px;
    padding-inline: 10px 12px;
    min-height: 68px;
  }
  .row azure-realtime-audio-orb {
    flex: none;
    width: 52px;
  }
  .summary {
    flex: 1;
    min-width: 0;
    text-align: start;
    border-radius: 8px;
  }
  .summary :is(.name, .last) {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .summary .name {
    font-size: 14px;
  }
  .last {
    color: var(--quiet);
    font-size: 13px;
  }
  .last.bad {
    color: color-mix(in srgb, var(--error) 75%, var(--text));
  }
  .pill {
    display: inline-flex;
    flex-direction: row;
    align-items: center;
    width: auto;
    height: auto;
    max-width: 100%;
    border-radius: 30px;
  }
  .pill button {
    display: flex;
    align-items: center;
    gap: 10px;
    padding-block: 5px;
    padding-inline: 8px 20px;
    border-radius: inherit;
    min-width: 0;
    font-weight: 500;
  }
  .pill azure-realtime-audio-orb {
    width: 46px;
    flex: none;
  }
  .pill span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  :host([small]) .pill button {
    padding-block: 2px;
    padding-inline: 5px 14px;
    gap: 7px;
    font-size: 13px;
  }
  :host([small]) .pill azure-realtime-audio-orb {
    width: 32px;
  }

  dialog {
    border: 0;
    padding: 0;
    width: min(440px, 100vw);
    height: min(680px, 100dvh);
    max-width: none;
    max-height: none;
    background: none;
    color: inherit;
    overflow: visible;
  }
  dialog::backdrop {
    background: rgba(0, 0, 0, 0.45);
  }
  dialog .full {
    max-height: none !important;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before {
      animation: none !important;
      transition: none !important;
    }
  }
`;
