"""The model's voice: PCM16 24 kHz for a text."""

from _ctypes import dlclose
import asyncio
import ctypes
from functools import lru_cache
import threading
from typing import Protocol

import espeakng_loader
import numpy as np

from ..wire.audio import RATE
from .touch_tones import dialed

_TONE_MS_PER_LETTER = 40
_WORDS_PER_MINUTE = 160
_PAUSE = bytes(RATE * 2 // 5)  # 200 ms between words

# Constants of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
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
    """Dials the numbers of a text and hums its words, so that a test can read the sound."""

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
    """Speech by espeak-ng, made in a thread; a cache keeps the last texts."""

    async def say(self, text: str, *, voice: str, speed: float) -> bytes:
        """Return the text in English; each Realtime voice has a sound of its own."""
        return await asyncio.to_thread(_spoken, text, _VARIANTS.get(voice, "f2"), speed)


@lru_cache(maxsize=256)
def _tone(milliseconds: int) -> bytes:
    time = np.arange(milliseconds * RATE // 1000) / RATE
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()


@lru_cache(maxsize=256)
def _spoken(text: str, variant: str, speed: float) -> bytes:
    with _one_at_a_time:
        rate, spoken = synthesized(text, variant, round(_WORDS_PER_MINUTE * speed))
    wanted = len(spoken) * RATE // rate
    positions = np.arange(wanted) * (rate / RATE)
    resampled = np.interp(positions, np.arange(len(spoken)), spoken)
    return bytes(resampled.astype("<i2").tobytes())


_one_at_a_time = threading.Lock()  # the library has one global state


def synthesized(
    text: str, variant: str, words_per_minute: int
) -> tuple[int, list[int]]:
    """Return the sample rate and the samples of a text.

    The library is loaded anew for each text, which takes a millisecond. It never resets where in
    its table of pitch flutter it is: the same text would sound a little different each time, and
    be heard otherwise in the end.
    """
    samples: list[int] = []

    def take(some: ctypes.Array[ctypes.c_short], count: int, _events: int) -> int:
        if some:
            samples.extend(some[:count])
        return 0

    # ctypes does not keep the callback alive.
    callback = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )(take)
    encoded = text.encode() + b"\0"
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        rate: int = library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS,
            0,
            espeakng_loader.get_data_path().encode(),
            _INITIALIZE_DONT_EXIT,
        )
        if rate <= 0:
            raise RuntimeError("espeak-ng cannot find its data")
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(1)  # breath is made of random numbers
        library.espeak_SetVoiceByName(f"en-us+{variant}".encode())
        library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
        library.espeak_Synth(
            encoded, len(encoded), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        library.espeak_Terminate()
    finally:
        dlclose(library._handle)  # noqa: SLF001  # ctypes has no other way
    return rate, samples
