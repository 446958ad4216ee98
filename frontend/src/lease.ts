const CHANNEL = "azure-realtime-audio-microphone";

/**
 * The right to the microphone. One card has it, of all cards in all tabs of this browser: two would
 * hear each other. Who asks last, has it, since a person has just tapped there.
 */
export class MicrophoneLease {
  private channel: BroadcastChannel | undefined;

  constructor(private readonly onTaken: () => void) {}

  get isHeld(): boolean {
    return this.channel !== undefined;
  }

  take(): void {
    if (typeof BroadcastChannel === "undefined") return;
    this.release();
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = () => {
      this.release();
      this.onTaken();
    };
    // No other message exists: each is somebody else's "now it is mine". A channel does not hear itself.
    this.channel.postMessage("taken");
  }

  release(): void {
    this.channel?.close();
    this.channel = undefined;
  }
}
