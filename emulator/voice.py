"""The model's voice: PCM16 24 kHz for a text."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from .audio import RATE

_TONE_MS_PER_LETTER = 40


class Voice(Protocol):
    """Turns text into speech."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return PCM16 24 kHz mono. `speed` is the session's, 0.25 to 1.5."""


class ToneVoice:
    """A tone, 40 ms for each letter: cheap, and the same every time."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return a 440 Hz tone as long as the text."""
        return _tone(round(len(text) * _TONE_MS_PER_LETTER / speed))


@lru_cache(maxsize=256)
def _tone(milliseconds: int) -> bytes:
    time = np.arange(milliseconds * RATE // 1000) / RATE
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()
