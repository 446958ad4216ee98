"""How much of a reply has left the speaker of a browser, as the browser tells."""

import asyncio
from typing import Final, Literal, Protocol

from homeassistant.core import callback

from ..realtime import BYTES_PER_SECOND, Listeners

type PlaybackState = Literal["playing", "paused", "ended"]

# How much sound the browser is given before it has been played, in ms. Everything that waits
# for a slow browser waits here, where it is held only once.
MAX_AHEAD_MS: Final = 20_000


class BrowserDoesNotReadError(Exception):
    """The browser has not told for a long time what it plays, nor that it pauses."""


class HeardPlayback(Protocol):
    """How much of a reply was heard, wherever that is played."""

    @property
    def has_sound(self) -> bool:
        """Whether there is anything to hear."""

    @property
    def is_over(self) -> bool:
        """Whether everything there is so far has been heard."""

    def heard_ms(self, item_id: str) -> int:
        """Return how much of an item was heard."""

    def note_sent(self, item_id: str, size: int) -> None:
        """Note that there are so many bytes more of an item."""

    def sent_ms(self, item_id: str) -> int:
        """Return how long the item is, as far as it is there."""

    def report(self, item_id: str, played_ms: int, state: PlaybackState) -> None:
        """Take in what a browser tells."""

    def stop(self) -> None:
        """Let nobody wait for what will not be played; what was heard is still taken in."""

    async def async_room(self) -> None:
        """Wait until more may be sent. Raises BrowserDoesNotReadError."""

    async def async_played(self) -> None:
        """Wait until all has been heard."""

    async def async_paused(self, seconds: float) -> None:
        """Wait until it is known where the playback has paused, for so many seconds."""


class CardPlayback:
    """The items of one reply: how long each is, and how much of it was heard."""

    def __init__(self, patience: float) -> None:
        """Begin with nothing; a browser is given up that tells nothing for so many seconds."""
        self._patience = patience
        self._sent: dict[str, int] = {}  # bytes
        self._played: dict[str, int] = {}
        self._ended: set[str] = set()
        self._state: PlaybackState = "playing"
        self._is_stopped = False
        self._changes: Listeners[()] = Listeners("the playback")

    @callback
    def note_sent(self, item_id: str, size: int) -> None:
        """Note that the browser has been sent so many bytes of an item."""
        self._sent[item_id] = self._sent.get(item_id, 0) + size
        self._ended.discard(item_id)

    @callback
    def report(self, item_id: str, played_ms: int, state: PlaybackState) -> None:
        """Take in what the browser tells."""
        if item_id not in self._sent:
            return
        for earlier in self._sent:
            if earlier == item_id:
                break
            self._ended.add(earlier)  # items are played one after the other
        self._played[item_id] = played_ms
        if state == "ended":
            self._ended.add(item_id)
        self._state = state
        self._changes.notify()

    def sent_ms(self, item_id: str) -> int:
        """Return how long the item is, as far as it has been sent."""
        return self._sent.get(item_id, 0) * 1000 // BYTES_PER_SECOND

    def heard_ms(self, item_id: str) -> int:
        """Return how much of an item was heard, as the browser told last."""
        whole = self.sent_ms(item_id)
        if item_id in self._ended:
            return whole
        return min(whole, self._played.get(item_id, 0))

    @property
    def has_sound(self) -> bool:
        """Whether anything has been sent."""
        return bool(self._sent)

    @property
    def ahead_ms(self) -> int:
        """How much the browser has that has not been heard."""
        return sum(
            self.sent_ms(item_id) - self.heard_ms(item_id)
            for item_id in self._sent
            if item_id not in self._ended
        )

    @property
    def is_over(self) -> bool:
        """Whether everything that was sent has been heard."""
        return self._ended.issuperset(self._sent)

    @callback
    def stop(self) -> None:
        """Let nobody wait for what will not be played; what was heard is still taken in."""
        self._is_stopped = True
        self._changes.notify()

    async def async_room(self) -> None:
        """Wait until the browser may be sent more. Raises BrowserDoesNotReadError."""
        while self.ahead_ms >= MAX_AHEAD_MS and not self._is_stopped:
            await self._async_change(self._patience)

    async def async_played(self) -> None:
        """Wait until all has been heard; a browser that never tells is not waited for long."""
        while not self.is_over and not self._is_stopped:
            try:
                await self._async_change(self.ahead_ms / 1000 + self._patience)
            except BrowserDoesNotReadError:
                return

    async def async_paused(self, seconds: float) -> None:
        """Wait until the browser has told where it has paused, for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._state == "playing" and not self.is_over:
                    await self._changes.wait()
        except TimeoutError:
            return

    async def _async_change(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(None if self._state == "paused" else seconds):
                await self._changes.wait()
        except TimeoutError:
            raise BrowserDoesNotReadError from None
