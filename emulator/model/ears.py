"""The model's ears: the words in PCM16 24 kHz."""

import asyncio
from collections import deque
from functools import cache, lru_cache
import threading
from typing import Any, Protocol

import numpy as np
from pocketsphinx import Decoder

from ..wire.audio import RATE
from ..wire.conversation import Item
from .phrases import House, grammar, is_sentence, sayable
from .touch_tones import heard

_SPHINX_RATE = 16000
_SILENCE = bytes(_SPHINX_RATE // 2)  # 250 ms: the decoder wants some around the words
_PIECE = _SPHINX_RATE // 5  # bytes in 100 ms
_ENGLISH = "_default"  # pocketsphinx's name for the language model it starts with
_CHANNEL = "channel"
_CHANNEL_GRAMMAR = "#JSGF V1.0; grammar channel; public <word> = hello;"


class Ears(Protocol):
    """Turn speech into text."""

    async def load(self) -> None:
        """Prepare, so that the first turn is not slower than the others."""

    async def hear(self, item: Item, likely: dict[str, Any]) -> str:
        """Return what an item says; tools and instructions of the session say what is likely."""


class ScriptedEars:
    """Hear the lines of a test, one for each item; after the last line, always a greeting."""

    def __init__(self, script: deque[str]) -> None:
        """Share the script with the test that fills it."""
        self._script = script
        self._heard: dict[str, str] = {}

    async def load(self) -> None:
        """Need nothing."""

    async def hear(self, item: Item, likely: dict[str, Any]) -> str:
        """Return the line of an item, which stays the same."""
        if item.id not in self._heard:
            self._heard[item.id] = self._script.popleft() if self._script else "hello"
        return self._heard[item.id]


class TouchToneEars:
    """Hear dialed digits: as cheaply as from a script, and from every item."""

    async def load(self) -> None:
        """Need nothing."""

    async def hear(self, item: Item, likely: dict[str, Any]) -> str:
        """Return the digits, and `*` as a word."""
        return " ".join(heard(bytes(item.audio)).replace("*", "star ").split())


class SphinxEars:
    """Hear with pocketsphinx, in a thread."""

    async def load(self) -> None:
        """Load the model."""
        await asyncio.to_thread(_sphinx)

    async def hear(self, item: Item, likely: dict[str, Any]) -> str:
        """Return a sentence of the house if it is one, else the nearest English."""
        names = (tool["name"] for tool in likely["tools"] if tool["type"] == "function")
        house = House.described_in(likely["instructions"])
        pcm = bytes(item.audio)
        return await asyncio.to_thread(
            lambda: _sphinx().hear(pcm, tuple(dict.fromkeys(names)), house)
        )


@cache
def _sphinx() -> _Sphinx:
    return _Sphinx()


class _Sphinx:
    """The decoder, which hears one utterance at a time. A second to load, once in a process."""

    def __init__(self) -> None:
        self._decoder = Decoder(
            samprate=_SPHINX_RATE, fwdflat=False, bestpath=False, loglevel="FATAL"
        )
        self._decoder.add_jsgf_string(_CHANNEL, _CHANNEL_GRAMMAR)
        self._lock = threading.Lock()
        self._grammars: dict[str, str] = {}
        self._recognize = lru_cache(maxsize=256)(self._recognized)

    def hear(self, pcm: bytes, tool_names: tuple[str, ...], house: House) -> str:
        """Return the words; those of a conversation are asked for again in every response."""
        with self._lock:
            return self._recognize(pcm, tool_names, house)

    def _recognized(self, pcm: bytes, tool_names: tuple[str, ...], house: House) -> str:
        """Recognize by the grammar of the house, or by the English model."""
        speech = _SILENCE + _resampled(pcm) + _SILENCE
        phrases = sayable(tool_names)
        self._learn_channel(speech)
        words = self._decoded(
            self._search_for(grammar(phrases, house, self._knows)), speech
        )
        if is_sentence(words, phrases, house):
            return words
        return self._decoded(_ENGLISH, speech)

    def _knows(self, word: str) -> bool:
        return self._decoder.lookup_word(word) is not None

    def _search_for(self, jsgf: str) -> str:
        if jsgf not in self._grammars:
            self._grammars[jsgf] = f"house{len(self._grammars)}"
            self._decoder.add_jsgf_string(self._grammars[jsgf], jsgf)
        return self._grammars[jsgf]

    def _learn_channel(self, speech: bytes) -> None:
        """Hear the whole at once, for one word, so that the decoder knows how it sounds.

        Before that the decoder forgets how earlier utterances sounded, which it would else mix
        in: the words would depend on the utterances before them.
        """
        self._decoder.reinit_feat()
        self._decoder.activate_search(_CHANNEL)
        self._decoder.start_utt()
        self._decoder.process_raw(speech, full_utt=True)
        self._decoder.end_utt()

    def _decoded(self, search: str, speech: bytes) -> str:
        """Decode in pieces: each holds the interpreter lock, and an event loop wants it too."""
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        for at in range(0, len(speech), _PIECE):
            self._decoder.process_raw(speech[at : at + _PIECE])
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


def _resampled(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2")
    wanted = len(samples) * _SPHINX_RATE // RATE
    positions = np.arange(wanted) * (RATE / _SPHINX_RATE)
    return bytes(
        np.interp(positions, np.arange(len(samples)), samples).astype("<i2").tobytes()
    )
