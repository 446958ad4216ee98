"""The model's voice: PCM16 24 kHz for a text."""

import asyncio
import ctypes
from functools import cache, lru_cache
import threading
from typing import Protocol

import espeakng_loader
import numpy as np

from .audio import RATE
from .touch_tones import dialed

_TONE_MS_PER_LETTER = 40
_WORDS_PER_MINUTE = 160
_PAUSE = bytes(RATE * 2 // 5)  # 200 ms between words

# Constants of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_RETRIEVAL = 1
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_PARAMETER_RATE = 1

_VARIANTS = {
    "alloy": "f2",
    "ash": "m1",
    "ballad": "m3",
    "cedar": "m7",
    "coral": "f4",
    "echo": "m2",
    "marin": "f1",
    "sage": "f3",
    "shimmer": "f5",
    "verse": "m4",
}


class Voice(Protocol):
    """Turns text into speech."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return PCM16 24 kHz mono. `speed` is the session's, 0.25 to 1.5."""


class ToneVoice:
    """A tone, 40 ms for each letter: cheap, and the same every time."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return a 440 Hz tone as long as the text."""
        return _tone(round(len(text) * _TONE_MS_PER_LETTER / speed))


class TouchToneVoice:
    """Dials the numbers of a text, and hums its words: what it says can be told by its sound."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return the words, each of which begins with a tenth of a second."""
        words = (word.strip(".,:;!?") for word in text.split())
        return b"".join(
            (dialed(word) if word.isdecimal() else _hummed(word)) + _PAUSE
            for word in words
        )


def _hummed(word: str) -> bytes:
    tone = _tone(len(word) * _TONE_MS_PER_LETTER)
    return tone + bytes(-len(tone) % (RATE // 5))


class EspeakVoice:
    """Speech by espeak-ng, made in a thread; what was said before is remembered."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return the text in English; each Realtime voice has a sound of its own."""
        return await asyncio.to_thread(_spoken, text, _VARIANTS.get(voice, "f2"), speed)


@lru_cache(maxsize=256)
def _tone(milliseconds: int) -> bytes:
    time = np.arange(milliseconds * RATE // 1000) / RATE
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()


@lru_cache(maxsize=256)
def _spoken(text: str, variant: str, speed: float) -> bytes:
    spoken = _espeak().say(text, variant, speed)
    wanted = len(spoken) * RATE // _espeak().rate
    positions = np.arange(wanted) * (_espeak().rate / RATE)
    resampled = np.interp(positions, np.arange(len(spoken)), spoken)
    return bytes(resampled.astype("<i2").tobytes())


@cache
def _espeak() -> _Espeak:
    return _Espeak()


class _Espeak:
    """The library, which has one global state: one text at a time in a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lock = threading.Lock()
        self._samples: list[int] = []
        # ctypes does not keep the callback alive.
        self._callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )(self._take)
        data_path = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_RETRIEVAL, 0, data_path, _INITIALIZE_DONT_EXIT
        )
        if self.rate <= 0:
            raise RuntimeError("espeak-ng cannot find its data")
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, variant: str, speed: float) -> list[int]:
        """Return the samples of a text, at `rate`."""
        encoded = text.encode() + b"\0"
        with self._lock:
            self._samples = []
            self._library.espeak_ng_SetRandSeed(1)  # breath is made of random numbers
            self._library.espeak_SetVoiceByName(f"en-us+{variant}".encode())
            wpm = round(_WORDS_PER_MINUTE * speed)
            self._library.espeak_SetParameter(_PARAMETER_RATE, wpm, 0)
            self._library.espeak_Synth(
                encoded, len(encoded), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
            self._library.espeak_Synchronize()
            return self._samples

    def _take(
        self, samples: ctypes.Array[ctypes.c_short], count: int, _events: int
    ) -> int:
        if samples:
            self._samples += samples[:count]
        return 0
