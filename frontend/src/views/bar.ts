import { html, nothing, type TemplateResult } from "lit";
import type { Talk } from "../talk.ts";
import type { Say } from "../texts.ts";

export interface BarView {
  say: Say;
  talk: Talk;
  isHandsFree: boolean;
  isDisabled: boolean;
  isSpeaking: boolean;
  /** Whether an automation speaks or listens here, which a tap ends. */
  isBusy: boolean;
  tap(): void;
  /** Without it there is no field: the bar of a row. */
  sendText?(text: string): void;
  sendPicture?(file: File, text: string): void;
}

/** What a hand needs: the field, and the microphone where the thumb is. */
export function barView(view: BarView): TemplateResult {
  if (!view.sendText) return html`${muteButton(view)}${talkButton(view)}`;
  return html`<form class="bar" @submit=${(event: SubmitEvent) => submit(view, event)}>
    <div class="field">
      <input
        type="text"
        name="text"
        autocomplete="off"
        enterkeyhint="send"
        placeholder=${view.say("type")}
        aria-label=${view.say("type")}
        ?disabled=${view.isDisabled}
      />
      ${view.talk.takesImages ? pictureButton(view) : nothing}
    </div>
    ${muteButton(view)}${talkButton(view)}
  </form>`;
}

function submit(view: BarView, event: SubmitEvent): void {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  const text = takeText(form);
  if (text) view.sendText!(text);
}

function takeText(form: HTMLFormElement): string {
  const field = form.elements.namedItem("text") as HTMLInputElement;
  const text = field.value.trim();
  field.value = "";
  return text;
}

function pictureButton(view: BarView): TemplateResult {
  const choose = (event: Event): void => {
    (event.currentTarget as HTMLElement).parentElement!.querySelector<HTMLInputElement>("[type=file]")!.click();
  };
  const send = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file) view.sendPicture!(file, takeText(input.form!));
  };
  return html`<button type="button" class="ib" aria-label=${view.say("picture")} title=${view.say("picture")} @click=${choose}>
      <ha-icon icon="mdi:camera-outline"></ha-icon></button
    ><input type="file" accept="image/*" hidden aria-hidden="true" tabindex="-1" @change=${send} />`;
}

function muteButton({ talk, say }: BarView): TemplateResult | typeof nothing {
  if (talk.phase !== "on" || !talk.hasMicrophone) return nothing;
  const label = say(talk.isMuted ? "unmute" : "mute");
  return html`<button
    type="button"
    class="ib ${talk.isMuted ? "on" : ""}"
    aria-label=${label}
    title=${label}
    aria-pressed=${talk.isMuted}
    @click=${() => talk.setMuted(!talk.isMuted)}
  >
    <ha-icon icon="mdi:microphone-off"></ha-icon>
  </button>`;
}

function talkButton(view: BarView): TemplateResult {
  const { talk, say } = view;
  if (!view.isHandsFree && !view.isBusy) return holdButton(view);
  const isLive = talk.phase !== "off" && talk.hasMicrophone && (talk.isHandsFree || talk.isHolding);
  const isStop = view.isBusy || (talk.phase === "on" && view.isSpeaking);
  const label = say(isStop ? "stop" : isLive ? "end" : "start");
  return html`<button
    type="button"
    class="ib mic ${isLive || view.isBusy ? "live" : ""}"
    aria-label=${label}
    title=${label}
    ?disabled=${view.isDisabled}
    @click=${view.tap}
  >
    <ha-icon icon=${isStop ? "mdi:stop" : "mdi:microphone"}></ha-icon>
  </button>`;
}

function holdButton({ talk, say, isDisabled }: BarView): TemplateResult {
  const hold = (event: PointerEvent): void => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    void talk.hold();
  };
  const isHoldKey = ({ key }: KeyboardEvent): boolean => key === " " || key === "Enter";
  return html`<button
    type="button"
    class="ib mic ${talk.isHolding ? "live held" : ""}"
    aria-label=${say("hold")}
    title=${say("hold")}
    aria-pressed=${talk.isHolding}
    ?disabled=${isDisabled}
    @pointerdown=${hold}
    @pointerup=${() => talk.release()}
    @pointercancel=${() => talk.release()}
    @contextmenu=${(event: Event) => event.preventDefault()}
    @keydown=${(event: KeyboardEvent) => {
      if (isHoldKey(event) && !event.repeat) void talk.hold();
    }}
    @keyup=${(event: KeyboardEvent) => {
      if (isHoldKey(event)) talk.release();
    }}
  >
    <ha-icon icon="mdi:microphone"></ha-icon>
  </button>`;
}
