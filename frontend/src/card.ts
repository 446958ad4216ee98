import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { microphones } from "./audio/microphone.ts";
import { check, reportOf, type Finding } from "./check.ts";
import { cardForm, checkConfig, microphoneSettings, stubConfig, type CardConfig } from "./config.ts";
import { handOver, takeOver } from "./handover.ts";
import { mediaPlayers, showEntity, type HomeAssistant } from "./home-assistant.ts";
import { recallMicrophone, rememberMicrophone } from "./memory.ts";
import type { OrbState } from "./orb.ts";
import { shrinkPicture } from "./pictures.ts";
import { PageSound } from "./screen-sound.ts";
import { Screen } from "./screen.ts";
import { styles } from "./styles.ts";
import { Talk } from "./talk.ts";
import { textsIn, type Say, type TextKey } from "./texts.ts";
import { heardAndUnheard, type Conversation } from "./turns.ts";
import { barView } from "./views/bar.ts";
import { checkView } from "./views/check.ts";
import { conversationView } from "./views/conversation.ts";
import { footView } from "./views/foot.ts";
import { menuView, type Choice, type Option } from "./views/menu.ts";
import { remaining, timerEnd } from "./views/timers.ts";
import { Watch } from "./watch.ts";

/** The live card: full, a row, or a mere button; or the screen of a satellite. */
export class LiveCard extends LitElement {
  static override readonly styles = styles;

  static getConfigForm(): object {
    return cardForm(document.documentElement.lang || "en");
  }

  static getStubConfig(hass: HomeAssistant): Partial<CardConfig> {
    return stubConfig(hass);
  }

  @property({ attribute: false }) hass!: HomeAssistant;
  /** Set by Home Assistant: where the card stands. */
  @property({ reflect: true }) layout?: string;
  /** Set by Home Assistant: the card stands in an editor, and is no screen there. */
  @property({ attribute: false }) preview?: boolean;
  @state() config!: CardConfig;
  @state() private isMenuOpen = false;
  @state() private openedChoice: string | undefined;
  @state() private microphones: readonly Option[] = [];
  @state() private isFallOpen = false;
  @state() private isExpanded = false;
  @state() private isChecking = false;
  @state() private findings: Finding[] | undefined;
  @state() private isCopied = false;
  @query(".talk") private readonly log: HTMLElement | null | undefined;
  @query("dialog") private readonly dialog: HTMLDialogElement | null | undefined;
  private talk = new Talk(this);
  private watch: Watch | undefined;
  private screen: Screen | undefined;
  private clock: number | undefined;
  private isAtEnd = true;

  setConfig(config: CardConfig): void {
    checkConfig(config);
    const isOther = this.config && (config.entity !== this.config.entity || config.watch !== this.config.watch);
    this.config = config;
    if (!isOther) return;
    this.talk.stop();
    this.talk = new Talk(this);
    this.watch?.stop();
    this.watch = undefined;
    this.screen?.stop();
    this.screen = undefined;
  }

  getCardSize(): number {
    return { full: 9, compact: 2, button: 1 }[this.size];
  }

  getGridOptions(): object {
    if (this.size === "button") return { columns: 6, rows: 1, min_columns: 4 };
    if (this.size === "compact") return { columns: 12, rows: "auto", min_columns: 6 };
    return { columns: 12, rows: 8, min_columns: 6, min_rows: 5 };
  }

  get say(): Say {
    return textsIn(this.config?.language || this.language);
  }

  /** Draws again: talk and watch tell when something has changed. */
  changed(): void {
    this.requestUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.talk = takeOver(this.key, this) ?? this.talk;
    if (this.hasUpdated) {
      this.watch?.start();
      this.screen?.start();
    }
    window.addEventListener("keyup", this.keyUp);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("keyup", this.keyUp);
    window.clearInterval(this.clock);
    this.clock = undefined;
    this.watch?.stop();
    this.screen?.stop();
    handOver(this.key, this.talk);
    this.talk = new Talk(this);
  }

  /** What tells one card of a page from another. */
  private get key(): string {
    return JSON.stringify(this.config);
  }

  private get size(): "full" | "compact" | "button" {
    return this.config?.size ?? "full";
  }

  private get language(): string {
    return this.hass?.locale?.language ?? this.hass?.language ?? "en";
  }

  private get conversation(): Conversation {
    return (this.watch ?? this.shownScreen ?? this.talk).conversation;
  }

  /** The screen, while what automations say here is to be shown, not the person's own talk. */
  private get shownScreen(): Screen | undefined {
    return this.talk.phase === "off" && this.screen?.isShown ? this.screen : undefined;
  }

  private get isHandsFree(): boolean {
    return this.config.hands_free ?? true;
  }

  private get name(): string {
    const { entity, name, watch } = this.config;
    const shown = typeof watch === "string" ? watch : entity;
    return name || this.conversation.name || this.hass.states[shown ?? ""]?.attributes.friendly_name || this.say("talk");
  }

  /** Why there is nobody to talk with. */
  private get obstacle(): string | undefined {
    const { entity } = this.config;
    if (!entity) return this.say("problem_missing");
    if (this.hass.states[entity]?.state === "unavailable") return this.say("problem_unavailable");
    return this.hass.states[entity] ? undefined : this.say("problem_not_found");
  }

  private get orbState(): OrbState {
    const { status } = this.conversation;
    if (this.obstacle && this.talk.phase === "off") return "away";
    if (this.watch || this.shownScreen) return status;
    if (this.talk.phase === "off") return status === "away" ? "away" : "idle";
    if (this.talk.phase !== "on") return "thinking";
    if (this.talk.isHolding) return "listening";
    if (status === "idle" && this.talk.hasMicrophone && this.talk.isHandsFree) return "listening";
    return status;
  }

  private get stateText(): string {
    const { status, interrupted } = this.conversation;
    const { talk, say } = this;
    if (this.watch || this.shownScreen) return say(`status_${status}`);
    if (this.orbState === "away") return say("status_away");
    if (talk.phase !== "on") return say(`status_${talk.phase}`);
    if (interrupted) return say("status_interrupted");
    if (talk.isMuted && this.orbState === "listening") return say("status_muted");
    if (this.orbState === "idle" && talk.hasMicrophone) return say("status_hold");
    return say(`status_${this.orbState}` as TextKey);
  }

  protected override shouldUpdate(changed: PropertyValues<this>): boolean {
    if (!this.hass || !this.config) return false;
    const old = changed.get("hass");
    return changed.size !== 1 || !old || this.concerns(old);
  }

  /** Home Assistant sets `hass` at every change of any state in the house. */
  private concerns(old: HomeAssistant): boolean {
    const { hass, config, conversation } = this;
    if (old.language !== hass.language || old.locale !== hass.locale || old.themes !== hass.themes) return true;
    const shown = [config.entity ?? ""];
    for (const line of conversation.lines) if (line.kind === "tool") shown.push(...line.entities);
    return shown.some((id) => old.states[id] !== hass.states[id]);
  }

  protected override willUpdate(): void {
    const { watch, entity } = this.config;
    if (watch && entity && !this.watch) {
      this.watch = new Watch(this, entity, typeof watch === "string" ? watch : undefined);
      this.watch.start();
    }
    this.updateScreen();
    if (this.talk.phase !== "off") this.screen?.hide();
    const log = this.log;
    this.isAtEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  }

  private updateScreen(): void {
    const { entity } = this.config;
    const name = this.preview ? "" : this.config.screen?.trim();
    if (this.screen?.name === (name || undefined) && (!name || this.screen?.entity === entity)) return;
    this.screen?.stop();
    this.screen = undefined;
    if (!name || !entity) return;
    this.screen = new Screen(this, entity, name, new PageSound(() => microphoneSettings(this.config)));
    this.screen.start();
  }

  /** For the screen: something is said here that the person's own talk is not to hear. */
  setTalkAside(isAside: boolean): void {
    this.talk.setAside(isAside);
  }

  /** For the screen: the microphone is needed for another. */
  endTalk(): void {
    this.talk.stop();
  }

  protected override updated(): void {
    if (this.log && this.isAtEnd) this.log.scrollTop = this.log.scrollHeight;
    if (this.dialog && !this.dialog.open) this.dialog.showModal();
    this.runClock();
  }

  private runClock(): void {
    const now = Date.now();
    const isCounting = this.conversation.lines.some((line) => {
      const end = line.kind === "tool" ? timerEnd(line) : undefined;
      return end !== undefined && remaining(end, now) !== "";
    });
    if (isCounting && this.clock === undefined) this.clock = window.setInterval(() => this.changed(), 1000);
    if (!isCounting && this.clock !== undefined) {
      window.clearInterval(this.clock);
      this.clock = undefined;
    }
  }

  protected override render(): TemplateResult {
    switch (this.size) {
      case "compact":
        return html`${this.renderRow()}${this.renderDialog()}`;
      case "button":
        return html`${this.renderPill()}${this.renderDialog()}`;
      default:
        return this.renderFull();
    }
  }

  private renderFull(): TemplateResult {
    const { conversation, say, hass } = this;
    const classes = [
      "full",
      this.orbState,
      conversation.lines.length || this.isChecking ? "talking" : "",
      this.watch ? "watching" : "",
    ];
    return html`<ha-card class=${classes.join(" ")} @keydown=${this.keyDown} tabindex="-1">
      <div class="head">
        <h2 class="name">${this.name}</h2>
        <span class="state" role="status"><span class="dot"></span>${this.stateText}</span>
        ${this.renderHeadButton()}
      </div>
      ${this.isMenuOpen ? this.renderMenu() : nothing}
      <div class="stage">${this.renderOrb()}</div>
      ${this.isChecking
        ? this.renderCheck()
        : html`
            ${this.watch?.conversation.source ? this.renderSource() : nothing}
            ${conversationView({ hass, say, conversation, hint: this.hint, showEntity: (id) => showEntity(this, id) })}
            ${this.renderProblem()}
            ${footView(conversation, say, this.language, {
              isOpen: this.isFallOpen,
              toggle: () => (this.isFallOpen = !this.isFallOpen),
            })}
            ${this.watch ? nothing : this.renderBar()}
          `}
    </ha-card>`;
  }

  private get hint(): string {
    if (this.obstacle || this.conversation.problem) return "";
    if (this.watch) return this.say("hint_watch");
    if (this.talk.phase === "on" && this.talk.hasMicrophone && this.talk.isHandsFree) return this.say("hint_talking");
    return this.say(this.isHandsFree ? "hint_tap" : "hint_hold");
  }

  private renderOrb(): TemplateResult {
    return html`<azure-realtime-audio-orb
      state=${this.orbState}
      .levels=${() => (this.screen?.isBusy ? this.screen : this.talk).levels}
    ></azure-realtime-audio-orb>`;
  }

  private renderHeadButton(): TemplateResult {
    const { say } = this;
    const [icon, label, act] = this.isExpanded
      ? ["mdi:close", say("close"), () => this.collapse()]
      : ["mdi:dots-vertical", say("menu"), () => this.openMenu(!this.isMenuOpen)];
    const isMenu = !this.isExpanded;
    return html`<button
      class="ib"
      aria-label=${label as string}
      aria-haspopup=${isMenu ? "menu" : nothing}
      aria-expanded=${isMenu ? this.isMenuOpen : nothing}
      @click=${act}
    >
      <ha-icon icon=${icon as string}></ha-icon>
    </button>`;
  }

  private openMenu(open: boolean): void {
    this.isMenuOpen = open;
    this.openedChoice = undefined;
    if (open && !this.watch) void microphones().then((found) => (this.microphones = found));
  }

  private get choices(): Choice[] {
    const { say } = this;
    return [
      {
        icon: "mdi:speaker",
        label: say("menu_output"),
        usual: say("output_here"),
        options: mediaPlayers(this.hass),
        chosen: this.talk.player,
        choose: (id) => this.talk.playAt(id),
      },
      {
        icon: "mdi:microphone-settings",
        label: say("menu_microphone"),
        usual: say("microphone_usual"),
        options: this.microphones,
        chosen: recallMicrophone(),
        choose: (id) => {
          rememberMicrophone(id);
          void this.talk.changeMicrophone();
        },
      },
    ];
  }

  private renderMenu(): TemplateResult {
    return menuView({
      say: this.say,
      canStartAnew: !this.watch,
      startAnew: () => {
        this.screen?.hide();
        this.talk.startAnew();
      },
      check: () => void this.runCheck(),
      showAssistant: () => showEntity(this, this.config.entity ?? ""),
      choices: this.watch ? [] : this.choices,
      opened: this.openedChoice,
      open: (label) => (this.openedChoice = label),
      close: () => this.openMenu(false),
    });
  }

  private renderSource(): TemplateResult {
    const source = this.watch!.conversation.source!;
    const shown = this.hass.states[source.entity_id ?? ""]?.attributes.friendly_name;
    const name = source.name || shown;
    const words = name ? this.say("turn_at", { name }) : this.say(`turn_${source.kind}`);
    return html`<p class="hint" dir="auto">${words}</p>`;
  }

  private renderCheck(): TemplateResult {
    return checkView({
      say: this.say,
      findings: this.findings,
      isCopied: this.isCopied,
      close: () => (this.isChecking = false),
      again: () => void this.runCheck(),
      copy: () => void this.copyReport(),
    });
  }

  private renderProblem(): TemplateResult | typeof nothing {
    const { say, talk } = this;
    if (talk.isSilenced && !this.watch) {
      return problemView(say("problem_silenced"), say("wake"), () => void talk.wake());
    }
    const { problem } = this.conversation;
    if (problem) {
      const retry = (): void => (this.watch ?? this.shownScreen ?? talk).retry();
      if (problem.canRetry) return problemView(problem.message, say("retry"), retry);
      return problemView(problem.message, say("dismiss"), () => (this.shownScreen ?? talk).solve());
    }
    return this.obstacle ? problemView(this.obstacle) : nothing;
  }

  private renderBar(): TemplateResult {
    const { say, talk } = this;
    return barView({
      say,
      talk,
      isHandsFree: this.isHandsFree,
      isDisabled: this.obstacle !== undefined && talk.phase === "off",
      isSpeaking: this.conversation.status === "speaking",
      isBusy: this.screen?.isBusy ?? false,
      tap: () => this.tap(),
      sendText: (text) => void talk.sendText(text),
      sendPicture: (file, text) => void this.sendPicture(file, text),
    });
  }

  private renderRow(): TemplateResult {
    const { say, talk, conversation } = this;
    const { problem } = conversation;
    const obstacle = this.obstacle ?? problem?.message;
    return html`<ha-card class="row ${this.orbState}" @keydown=${this.keyDown} tabindex="-1">
      ${this.renderOrb()}
      <button class="summary" aria-label="${this.name}: ${say("expand")}" @click=${() => (this.isExpanded = true)}>
        <span class="name">${this.name}</span>
        <span class="last ${obstacle ? "bad" : ""}" dir="auto">${obstacle ?? (lastWords(conversation) || this.stateText)}</span>
      </button>
      <span class="sr" role="status">${obstacle ?? this.stateText}</span>
      ${this.watch
        ? nothing
        : barView({
            say,
            talk,
            isHandsFree: this.isHandsFree,
            isDisabled: this.obstacle !== undefined && talk.phase === "off",
            isSpeaking: conversation.status === "speaking",
            isBusy: this.screen?.isBusy ?? false,
            tap: () => this.tap(),
          })}
    </ha-card>`;
  }

  private renderPill(): TemplateResult {
    const { say, talk } = this;
    const label = talk.phase === "off" ? this.config.name || say("talk") : this.stateText;
    const words = this.conversation.problem?.message ?? label;
    return html`<ha-card class="pill ${this.orbState}" @keydown=${this.keyDown}>
      <button
        aria-label="${this.name}: ${words}"
        title=${this.obstacle ?? nothing}
        ?disabled=${this.obstacle !== undefined}
        @click=${() => this.tap()}
      >
        ${this.renderOrb()}<span>${words}</span>
      </button>
      <span class="sr" role="status">${talk.phase === "off" ? "" : words}</span>
    </ha-card>`;
  }

  private renderDialog(): TemplateResult | typeof nothing {
    if (!this.isExpanded) return nothing;
    return html`<dialog
      aria-label=${this.name}
      @close=${() => (this.isExpanded = false)}
      @click=${(event: Event) => event.target === this.dialog && this.collapse()}
    >
      ${this.renderFull()}
    </dialog>`;
  }

  private collapse(): void {
    this.dialog?.close();
    this.isExpanded = false;
  }

  private tap(): void {
    const { talk } = this;
    if (this.screen?.isBusy) this.screen.halt();
    else if (talk.phase === "on" && this.conversation.status === "speaking") talk.interrupt();
    else if (talk.phase === "off" || !talk.hasMicrophone) void talk.start(true);
    else if (!talk.isHandsFree) talk.setHandsFree(true);
    else talk.stop();
  }

  /** Space talks as long as it is held, wherever in the card the focus is, but in a field or on a button. */
  private readonly keyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.openMenu(false);
    const target = event.composedPath()[0];
    if (event.key !== " " || target instanceof HTMLInputElement || target instanceof HTMLButtonElement) return;
    event.preventDefault();
    if (event.repeat || this.watch || this.obstacle) return;
    void this.talk.hold();
  };

  private readonly keyUp = (event: KeyboardEvent): void => {
    if (event.key === " ") this.talk.release();
  };

  private async sendPicture(file: File, text: string): Promise<void> {
    try {
      await this.talk.sendPicture(await shrinkPicture(file), text);
    } catch {
      this.talk.problem(this.say("problem_picture"));
    }
  }

  private async runCheck(): Promise<void> {
    this.isChecking = true;
    this.isCopied = false;
    this.findings = undefined;
    this.findings = await check(this.hass, this.config.entity ?? "", this.say);
  }

  private async copyReport(): Promise<void> {
    const report = reportOf(this.findings ?? [], this.say);
    await navigator.clipboard.writeText(report).then(
      () => (this.isCopied = true),
      () => window.prompt(this.say("check_copy"), report),
    );
  }
}

function problemView(message: string, label?: string, act?: () => void): TemplateResult {
  return html`<div class="problem" role="alert">
    <span dir="auto">${message}</span>${label ? html`<button class="text" @click=${act}>${label}</button>` : nothing}
  </div>`;
}

/** What was said last, for the one line of a row. */
function lastWords({ lines }: Conversation): string {
  const last = lines.findLast((line) => line.kind !== "tool" && line.text);
  if (!last || last.kind === "tool") return "";
  return last.kind === "person" ? last.text : heardAndUnheard(last)[0] || last.text;
}
