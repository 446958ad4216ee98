"""Audio formats. Inside the emulator everything is PCM16, mono, little endian, 24 kHz."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 24000
PCM_BYTES_PER_MS = 48
_G711_RATIO = 3  # 24 kHz over 8 kHz


def duration_ms(pcm: bytes | bytearray) -> int:
    """Return the length of PCM16 24 kHz audio in whole milliseconds."""
    return len(pcm) // PCM_BYTES_PER_MS


def decode(data: bytes, kind: str) -> bytes:
    """Turn what a client sent (`audio/pcm`, `audio/pcmu`, `audio/pcma`) into PCM16 24 kHz."""
    if kind == "audio/pcm":
        return data
    narrow: NDArray[np.int16] = _g711_samples(kind)[np.frombuffer(data, np.uint8)]
    return bytes(np.repeat(narrow, _G711_RATIO))


def encode(pcm: bytes, kind: str) -> bytes:
    """Turn PCM16 24 kHz into an output format."""
    if kind == "audio/pcm":
        return pcm
    samples = np.frombuffer(pcm, "<i2")
    whole = samples[: len(samples) // _G711_RATIO * _G711_RATIO]
    narrow = whole.reshape(-1, _G711_RATIO).mean(axis=1).astype(np.int16)
    return bytes(_g711_bytes(kind)[narrow.astype(np.int32) + 32768])


def level(pcm: bytes | bytearray) -> float:
    """Return the root mean square of the samples, 0 to 32767."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(samples * samples))) if len(samples) else 0.0


@cache
def _g711_samples(kind: str) -> NDArray[np.int16]:
    """Return the sample of each of the 256 code bytes (ITU-T G.711)."""
    codes = np.arange(256, dtype=np.int32)
    if kind == "audio/pcmu":
        codes ^= 0xFF
        magnitude = ((((codes & 0x0F) << 3) + 132) << ((codes & 0x70) >> 4)) - 132
        positive = (codes & 0x80) == 0
    else:
        codes ^= 0x55
        segment = (codes & 0x70) >> 4
        base = ((codes & 0x0F) << 4) + 8
        magnitude = np.where(
            segment == 0, base, (base + 256) << np.maximum(segment - 1, 0)
        )
        positive = (codes & 0x80) != 0
    return np.where(positive, magnitude, -magnitude).astype(np.int16)


@cache
def _g711_bytes(kind: str) -> NDArray[np.uint8]:
    """Return the nearest code byte of each of the 65536 samples, lowest sample first."""
    samples = _g711_samples(kind).astype(np.int32)
    order = np.argsort(samples, kind="stable")
    ranked = samples[order]
    wanted = np.arange(-32768, 32768)
    below = np.clip(np.searchsorted(ranked, wanted, side="right") - 1, 0, 254)
    is_nearer = wanted - ranked[below] <= ranked[below + 1] - wanted
    nearest: NDArray[np.uint8] = order[np.where(is_nearer, below, below + 1)].astype(
        np.uint8
    )
    return nearest
