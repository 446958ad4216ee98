import { CAPTURE, type Captured } from "./messages.ts";
import { addWorklet } from "./worklets.ts";
import source from "worklet:./capture-worklet.ts";

export interface MicrophoneSettings {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
  deviceId?: string;
}

/** Why there is no microphone, in words of our own: browsers use names that tell a person nothing. */
export type MicrophoneFailure = "insecure" | "not_allowed" | "no_device" | "in_use" | "unsupported";

export class MicrophoneError extends Error {
  constructor(
    readonly failure: MicrophoneFailure,
    cause?: unknown,
  ) {
    super(failure, { cause });
  }
}

/** Why a page has no microphone, or no sound: one that is not secure has none of the browser's worklets. */
export function microphoneError(error: unknown): MicrophoneError {
  if (error instanceof MicrophoneError) return error;
  return new MicrophoneError(window.isSecureContext ? "unsupported" : "insecure", error);
}

const FAILURES: Record<string, MicrophoneFailure> = {
  NotAllowedError: "not_allowed",
  SecurityError: "not_allowed",
  NotFoundError: "no_device",
  OverconstrainedError: "no_device",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

/** An open microphone, heard in frames of 20 ms. */
export class Microphone {
  /** How loud it is now, 0 to 1. */
  level = 0;
  private isMuted = false;

  private constructor(
    private readonly stream: MediaStream,
    private readonly track: MediaStreamTrack,
    private readonly node: AudioWorkletNode,
    private readonly ownContext: AudioContext | undefined,
    private readonly onFrame: (samples: Int16Array<ArrayBuffer>) => void,
    private readonly onLost: () => void,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<Captured>) => this.hear(data);
    track.addEventListener("ended", this.lost);
  }

  /**
   * Asks for permission where needed.
   * @param context Where the microphone is read, if its rate is to the browser's taste.
   * @throws MicrophoneError
   */
  static async open(
    context: AudioContext,
    settings: MicrophoneSettings,
    onFrame: (samples: Int16Array<ArrayBuffer>) => void,
    onLost: () => void,
  ): Promise<Microphone> {
    const stream = await askForStream(settings);
    const track = stream.getAudioTracks()[0]!;
    let own: AudioContext | undefined;
    try {
      let input: MediaStreamAudioSourceNode;
      try {
        input = context.createMediaStreamSource(stream);
      } catch {
        // Firefox reads a microphone at the device's own rate only. The worklet resamples.
        own = new AudioContext({ latencyHint: "interactive" });
        input = own.createMediaStreamSource(stream);
      }
      await addWorklet(own ?? context, source);
      const node = new AudioWorkletNode(own ?? context, CAPTURE, { numberOfOutputs: 0, channelCount: 1 });
      input.connect(node);
      return new Microphone(stream, track, node, own, onFrame, onLost);
    } catch (error) {
      track.stop();
      void own?.close();
      throw microphoneError(error);
    }
  }

  get muted(): boolean {
    return this.isMuted;
  }

  /** A muted microphone stays open, and hears nothing. */
  set muted(muted: boolean) {
    this.isMuted = muted;
    this.track.enabled = !muted;
    if (muted) this.level = 0;
  }

  close(): void {
    this.track.removeEventListener("ended", this.lost);
    this.node.port.onmessage = null;
    this.node.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
    void this.ownContext?.close();
  }

  private readonly lost = (): void => this.onLost();

  private hear({ samples, level }: Captured): void {
    this.level = this.isMuted ? 0 : level;
    this.onFrame(samples);
  }
}

/** The microphones that a person may choose from; browsers name them only after a permission. */
export async function microphones(): Promise<{ id: string; name: string }[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId, label }) => kind === "audioinput" && label && deviceId && deviceId !== "default")
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}

async function askForStream({ deviceId, ...processing }: MicrophoneSettings): Promise<MediaStream> {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new MicrophoneError("insecure");
  const audio: MediaTrackConstraints = { ...processing, channelCount: 1 };
  try {
    if (!deviceId) return await navigator.mediaDevices.getUserMedia({ audio });
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, deviceId: { exact: deviceId } } });
    } catch (error) {
      // The chosen microphone is not there: any other is better than none.
      if (!(error instanceof DOMException) || !["OverconstrainedError", "NotFoundError"].includes(error.name)) throw error;
      return await navigator.mediaDevices.getUserMedia({ audio });
    }
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new MicrophoneError(FAILURES[name] ?? "unsupported", error);
  }
}
