"""What one person says in a live session: an item of the conversation, and its words."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from homeassistant.core import callback

# Shorter speech is no word: the press of a key, a cough.
SHORTEST_WORD_MS: Final = 400

type TellWords = Callable[[str, bool], None]


class LiveSpeech:
    """One utterance, as the service tells of it.

    ``has_started`` says whether the service hears it, or has; ``ended_at`` is the event
    loop's time of its end.
    """

    def __init__(self, *, was_ended_by_hand: bool = False) -> None:
        """Begin with nothing known."""
        self.was_ended_by_hand = was_ended_by_hand
        self.item_id: str | None = None
        self.transcript: str | None = None
        self.has_started = False
        self.started_at: float | None = None
        self.ended_at: float | None = None
        # What turn detection leaves before and behind it; None if that is not known.
        self.padding_ms: int | None = None
        self.silence_ms: int | None = None
        self._start_ms: int | None = None
        self._end_ms: int | None = None
        self._words = ""
        self._tell: TellWords | None = None
        loop = asyncio.get_running_loop()
        self._transcribed: asyncio.Future[None] = loop.create_future()

    # What the service tells

    @callback
    def start(self, item_id: str, audio_start_ms: int | None) -> None:
        """Note that the service hears it, again perhaps."""
        self.has_started = True
        self.item_id = item_id
        self._start_ms = audio_start_ms
        self.started_at = asyncio.get_running_loop().time()

    @callback
    def stop(self, audio_end_ms: int | None) -> None:
        """Note that the service has heard its end."""
        self._end_ms = audio_end_ms
        self.ended_at = asyncio.get_running_loop().time()

    @callback
    def commit(self, item_id: str) -> None:
        """Note that it is an item."""
        self.item_id = item_id
        if self.ended_at is None:
            self.ended_at = asyncio.get_running_loop().time()

    @callback
    def add_words(self, words: str) -> None:
        """Take in the next words of the transcript."""
        self._words += words
        if self._tell:
            self._tell(self._words, False)

    @callback
    def transcribe(self, transcript: str | None) -> None:
        """Take in the whole transcript; None if there will be none."""
        self.transcript = (transcript or "").strip() or None
        if not self._transcribed.done():
            self._transcribed.set_result(None)
        if self._tell and self.transcript:
            self._tell(self.transcript, True)

    @callback
    def tell_words(self, tell: TellWords) -> None:
        """Tell the words to somebody as they come, and those that are known."""
        self._tell = tell
        if self.transcript:
            tell(self.transcript, True)
        elif self._words:
            tell(self._words, False)

    # What it is

    @property
    def is_transcribed(self) -> bool:
        """Whether the words are known, or known to be unknown."""
        return self._transcribed.done()

    @property
    def duration_ms(self) -> int | None:
        """How long somebody spoke, without the silence around it; None if that is not told."""
        if self._start_ms is None or self._end_ms is None:
            return None
        if self.padding_ms is None or self.silence_ms is None:
            return None
        around = self.padding_ms + self.silence_ms
        return max(0, self._end_ms - self._start_ms - around)

    @property
    def is_short(self) -> bool:
        """Whether it is too short to be a word."""
        return (ms := self.duration_ms) is not None and ms < SHORTEST_WORD_MS

    async def async_wait_for_transcript(
        self, until: asyncio.Future[Any], seconds: float
    ) -> None:
        """Wait for the transcript, until something else happens, or for so long."""
        await asyncio.wait(
            (self._transcribed, until),
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )

    async def async_transcribed(self, seconds: float) -> None:
        """Wait for the transcript, for so long."""
        await asyncio.wait((self._transcribed,), timeout=seconds)
