import { toFloat, toPcm, WIRE_RATE } from "./format.ts";
import { Resampler } from "./resampler.ts";
import { WavReader } from "./wav.ts";

/**
 * Reads the sound at an address as samples for the player, a WAV as it comes, others once they are whole.
 * @throws What the browser throws, and Error for an answer without sound.
 */
export async function readSound(
  response: Response,
  context: BaseAudioContext,
  push: (samples: Int16Array<ArrayBuffer>) => void,
): Promise<void> {
  if (!response.ok || !response.body) throw new Error(`The sound is not there: ${response.status}`);
  const wav = new WavReader();
  const whole: Uint8Array<ArrayBuffer>[] = [];
  let resampler: Resampler | undefined;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (wav.isForeign || !wav.isKnown) whole.push(value);
    const samples = wav.push(value);
    if (!samples.length) continue;
    resampler ??= new Resampler(wav.rate, WIRE_RATE);
    push(wav.rate === WIRE_RATE ? samples : toPcm(resampler.process(toFloat(samples))));
  }
  if (wav.isForeign) push(await decode(whole, context));
}

async function decode(pieces: Uint8Array<ArrayBuffer>[], context: BaseAudioContext): Promise<Int16Array<ArrayBuffer>> {
  const sound = await context.decodeAudioData(await new Blob(pieces).arrayBuffer());
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((sample, i) => (mono[i]! += sample / sound.numberOfChannels));
  }
  return toPcm(new Resampler(sound.sampleRate, WIRE_RATE).process(mono));
}
