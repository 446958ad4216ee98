"""The model's ears: the words in PCM16 24 kHz."""

import asyncio
from collections import deque
from functools import cache
import threading
from typing import Any, Protocol

import numpy as np
from pocketsphinx import Decoder

from .audio import RATE
from .phrases import House, grammar, is_sentence, sayable

_SPHINX_RATE = 16000
_SILENCE = bytes(_SPHINX_RATE // 2)  # 250 ms: the decoder wants some around the words
_ENGLISH = "_default"  # pocketsphinx's name for the language model it starts with


class Ears(Protocol):
    """Turn speech into text."""

    async def load(self) -> None:
        """Prepare, so that the first turn is not slower than the others."""

    async def hear(self, pcm: bytes, session: dict[str, Any]) -> str:
        """Return what was said. The session's tools and instructions say what is likely."""


class ScriptedEars:
    """Hear what a test wrote down, in order; then always the same greeting."""

    def __init__(self, script: deque[str]) -> None:
        """Share the script with who fills it."""
        self._script = script

    async def load(self) -> None:
        """Need nothing."""

    async def hear(self, pcm: bytes, session: dict[str, Any]) -> str:
        """Return the next line of the script."""
        return self._script.popleft() if self._script else "hello"


class SphinxEars:
    """Hear with pocketsphinx, in a thread."""

    async def load(self) -> None:
        """Load the model."""
        await asyncio.to_thread(_sphinx)

    async def hear(self, pcm: bytes, session: dict[str, Any]) -> str:
        """Return a sentence of the house if it is one, else the nearest English."""
        return await asyncio.to_thread(
            _recognized, pcm, session["tools"], session["instructions"]
        )


def _recognized(pcm: bytes, tools: list[dict[str, Any]], instructions: str) -> str:
    return _sphinx().hear(
        pcm,
        [tool["name"] for tool in tools if tool["type"] == "function"],
        House.described_in(instructions),
    )


@cache
def _sphinx() -> _Sphinx:
    return _Sphinx()


class _Sphinx:
    """The decoder, which hears one utterance at a time. A second to load, once in a process."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=_SPHINX_RATE, loglevel="FATAL")
        self._lock = threading.Lock()
        self._grammars: dict[str, str] = {}

    def hear(self, pcm: bytes, tool_names: list[str], house: House) -> str:
        """Return the words: by the grammar of the house, or by the English model."""
        speech = _SILENCE + _resampled(pcm) + _SILENCE
        phrases = sayable(tool_names)
        with self._lock:
            search = self._search_for(grammar(phrases, house, self._knows))
            words = self._decoded(search, speech)
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

    def _decoded(self, search: str, speech: bytes) -> str:
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        self._decoder.process_raw(speech, full_utt=True)
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
