import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBase64, loudness, toFloat, toPcm } from "../src/audio/format.ts";

test("PCM16 comes back from floats as it was", () => {
  const samples = Int16Array.of(0, 1, -1, 1000, -20_000, 32_767, -32_767);
  const back = toPcm(toFloat(samples));
  samples.forEach((sample, i) => assert.ok(Math.abs(sample - back[i]!) <= 1));
});

test("floats louder than full scale are clipped", () => {
  assert.deepEqual([...toPcm(Float32Array.of(2, -2))], [32_767, -32_767]);
});

test("base64 is little endian", () => {
  const bytes = Buffer.from(Int16Array.of(1, -2, 300).buffer);
  assert.deepEqual([...decodeBase64(bytes.toString("base64"))], [1, -2, 300]);
});

test("silence has no loudness, a full square has all of it", () => {
  assert.equal(loudness(new Float32Array(10)), 0);
  assert.equal(loudness(new Float32Array()), 0);
  assert.equal(loudness(Float32Array.of(1, -1)), 1);
});
