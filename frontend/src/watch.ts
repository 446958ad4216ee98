import type { CommandError, WatchEvent, WatchStarted } from "./contract.ts";
import { DOMAIN, type HomeAssistant } from "./home-assistant.ts";
import { problemKey, type Say } from "./texts.ts";
import { emptyConversation, reduce, type Conversation, type TalkEvent } from "./turns.ts";

/** The turns that others have with an assistant: a satellite, the Assist dialog, another card. */
export class Watch {
  conversation: Conversation = emptyConversation(false);
  private unsubscribe: Promise<() => Promise<void>> | undefined;
  /** Whether the turn that goes on now is one to show. */
  private isShown = true;

  constructor(
    private readonly host: { hass: HomeAssistant; say: Say; changed(): void },
    readonly entity: string,
    private readonly satellite: string | undefined,
  ) {}

  /** Home Assistant's own connection subscribes anew after a loss. */
  start(): void {
    if (this.unsubscribe) return;
    this.unsubscribe = this.host.hass.connection.subscribeMessage<WatchStarted | WatchEvent>(
      (event) => this.receive(event),
      { type: `${DOMAIN}/watch`, entity_id: this.entity },
    );
    this.unsubscribe.catch((error: unknown) => this.refused(error as CommandError));
  }

  stop(): void {
    void this.unsubscribe?.then((unsubscribe) => unsubscribe()).catch(() => undefined);
    this.unsubscribe = undefined;
  }

  retry(): void {
    this.stop();
    this.apply({ type: "problem_solved" });
    this.start();
  }

  private receive(event: WatchStarted | WatchEvent): void {
    if (event.type === "turn_started" && this.satellite) {
      this.isShown = event.source.entity_id === this.satellite;
    }
    if (event.type === "error") this.apply({ type: "problem", message: event.message, canRetry: false });
    else if (event.type !== "audio" && (this.isShown || event.type === "started")) this.apply(event);
  }

  private refused({ code, message }: CommandError): void {
    this.unsubscribe = undefined;
    const key = problemKey(code);
    const { say } = this.host;
    this.apply({
      type: "problem",
      message: key ? say(key) : say("problem_failed", { reason: message || code }),
      canRetry: true,
    });
  }

  private apply(event: TalkEvent): void {
    this.conversation = reduce(this.conversation, event, Date.now());
    this.host.changed();
  }
}
