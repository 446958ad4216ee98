/** Samples a second on the wire to and from Home Assistant. */
export const WIRE_RATE = 24_000;

/** PCM16 as floats from -1 to 1. */
export function toFloat(samples: Int16Array): Float32Array {
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) floats[i] = samples[i]! / 0x8000;
  return floats;
}

/** Floats as PCM16; what is louder than full scale is clipped. */
export function toPcm(floats: Float32Array): Int16Array<ArrayBuffer> {
  const samples = new Int16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    samples[i] = Math.round(Math.max(-1, Math.min(1, floats[i]!)) * 0x7fff);
  }
  return samples;
}

/** The samples of a base64 text with PCM16, little endian. A last odd byte is left out. */
export function decodeBase64(text: string): Int16Array<ArrayBuffer> {
  const bytes = atob(text);
  const samples = new Int16Array(bytes.length >> 1);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
  }
  return samples;
}

/** How loud samples are: their root mean square, 0 to 1. */
export function loudness(floats: Float32Array): number {
  if (!floats.length) return 0;
  let sum = 0;
  for (const sample of floats) sum += sample * sample;
  return Math.sqrt(sum / floats.length);
}
