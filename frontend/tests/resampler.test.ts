import assert from "node:assert/strict";
import { test } from "node:test";
import { loudness } from "../src/audio/format.ts";
import { Resampler } from "../src/audio/resampler.ts";

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
}

function inPieces(resampler: Resampler, samples: Float32Array, size: number): Float32Array {
  const pieces: number[] = [];
  for (let i = 0; i < samples.length; i += size) pieces.push(...resampler.process(samples.subarray(i, i + size)));
  return Float32Array.from(pieces);
}

for (const [from, to] of [
  [48_000, 24_000],
  [44_100, 24_000],
  [16_000, 24_000],
  [24_000, 44_100],
] as const) {
  test(`a tone keeps its pitch and loudness from ${from} to ${to} Hz`, () => {
    const output = inPieces(new Resampler(from, to), tone(440, from, 1), 128);
    assert.ok(Math.abs(output.length - to) < 60, `${output.length} samples`);
    const middle = output.subarray(200, output.length - 200);
    let crossings = 0;
    for (let i = 1; i < middle.length; i++) if (middle[i - 1]! < 0 && middle[i]! >= 0) crossings++;
    assert.ok(Math.abs(crossings - (440 * middle.length) / to) <= 1, `${crossings} periods`);
    assert.ok(Math.abs(loudness(middle) - 0.5 / Math.SQRT2) < 0.005, `${loudness(middle)}`);
  });
}

test("what the new rate cannot hold does not come back as another tone", () => {
  const output = inPieces(new Resampler(48_000, 24_000), tone(15_000, 48_000, 0.5), 128);
  assert.ok(loudness(output.subarray(200, output.length - 200)) < 0.005);
});

test("pieces of any size make the same stream", () => {
  const samples = tone(700, 44_100, 0.3);
  const whole = new Resampler(44_100, 24_000).process(samples);
  const pieces = inPieces(new Resampler(44_100, 24_000), samples, 77);
  assert.equal(pieces.length, whole.length);
  assert.ok(pieces.every((sample, i) => Math.abs(sample - whole[i]!) < 1e-4));
});

test("the same rate changes nothing", () => {
  const samples = tone(440, 24_000, 0.1);
  assert.equal(new Resampler(24_000, 24_000).process(samples), samples);
});
