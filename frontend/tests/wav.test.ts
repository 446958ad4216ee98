import assert from "node:assert/strict";
import { test } from "node:test";
import { readSound } from "../src/audio/address.ts";
import { WavReader } from "../src/audio/wav.ts";

interface Format {
  rate?: number;
  channels?: number;
  bits?: number;
  tag?: number;
  bytes?: number;
  extra?: boolean;
}

function wav(samples: number[], { rate = 24_000, channels = 1, bits = 16, tag = 1, bytes, extra }: Format = {}): Uint8Array<ArrayBuffer> {
  const list = extra ? 8 + 4 : 0;
  const file = new Uint8Array(44 + list + 2 * samples.length);
  const view = new DataView(file.buffer);
  const write = (at: number, text: string): void => [...text].forEach((letter, i) => (file[at + i] = letter.charCodeAt(0)));
  write(0, "RIFF");
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, tag, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint16(34, bits, true);
  if (extra) {
    write(36, "LIST");
    view.setUint32(40, 3, true); // an odd chunk has a byte more
  }
  write(36 + list, "data");
  view.setUint32(40 + list, bytes ?? 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + list + 2 * i, sample, true));
  return file;
}

function read(file: Uint8Array, piece: number): { reader: WavReader; samples: number[] } {
  const reader = new WavReader();
  const samples: number[] = [];
  for (let start = 0; start < file.length; start += piece) samples.push(...reader.push(file.slice(start, start + piece)));
  return { reader, samples };
}

const RAMP = Array.from({ length: 50 }, (_, i) => i * 100 - 2500);

test("a WAV that comes byte by byte loses no sample", () => {
  const { reader, samples } = read(wav(RAMP, { extra: true }), 1);
  assert.deepEqual(samples, RAMP);
  assert.equal(reader.rate, 24_000);
});

test("a WAV of unknown length goes to its end", () => {
  for (const bytes of [0, 0xffffffff]) assert.deepEqual(read(wav(RAMP, { bytes }), 33).samples, RAMP);
});

test("what follows the sound is not heard", () => {
  assert.deepEqual(read(wav(RAMP, { bytes: 20 }), 64).samples, RAMP.slice(0, 10));
});

test("two channels are mixed", () => {
  assert.deepEqual(read(wav([100, 300, -50, 50], { channels: 2 }), 3).samples, [200, 0]);
});

test("what is no 16-bit PCM is left to the browser", () => {
  for (const file of [new TextEncoder().encode("ID3 and more of an MP3"), wav(RAMP, { bits: 24 }), wav(RAMP, { tag: 3 })]) {
    const { reader, samples } = read(file, 7);
    assert.equal(reader.isForeign, true);
    assert.deepEqual(samples, []);
  }
});

const answer = (pieces: Uint8Array<ArrayBuffer>[]): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        controller.close();
      },
    }),
  );

test("what the browser has to decode is handed over whole", async () => {
  const encoded = new TextEncoder().encode("ID3 and more of an MP3");
  let decoded = new Uint8Array();
  const context = {
    decodeAudioData: async (data: ArrayBuffer) => {
      decoded = new Uint8Array(data);
      const channels = [new Float32Array([0.5, -0.5]), new Float32Array([0.5, 0.5])];
      return { length: 2, sampleRate: 24_000, numberOfChannels: 2, getChannelData: (i: number) => channels[i] };
    },
  } as unknown as BaseAudioContext;
  const samples: number[] = [];
  await readSound(answer([encoded.slice(0, 3), encoded.slice(3, 5), encoded.slice(5)]), context, (more) => samples.push(...more));
  assert.deepEqual(decoded, encoded);
  assert.deepEqual(samples, [Math.round(0.5 * 0x7fff), 0]);
});

test("another rate is resampled, and an answer without sound is an error", async () => {
  const context = {} as BaseAudioContext;
  let count = 0;
  await readSound(answer([wav(Array<number>(4800).fill(1000), { rate: 48_000 })]), context, (more) => (count += more.length));
  assert.ok(Math.abs(count - 2400) < 40, `${count}`);
  await assert.rejects(readSound(new Response("no", { status: 404 }), context, () => undefined));
});
