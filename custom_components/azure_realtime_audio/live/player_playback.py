"""How much of a reply a media player has played, as far as anybody here can know."""

import asyncio
from contextlib import suppress
from typing import Final

from homeassistant.core import callback

from ..realtime import BYTES_PER_SECOND
from ..voice.playback import Playback
from .card_playback import PlaybackState

# How often it is looked whether a player has come to the end, in seconds.
_LOOK: Final = 0.25


class PlayerPlayback:
    """A reply at a media player, which does not report: a HeardPlayback.

    Playback is taken to begin with the first byte that the player fetches.
    """

    def __init__(self, patience: float) -> None:
        """Begin with nothing; a player that fetches nothing is waited for so many seconds."""
        self._patience = patience
        self._playback = Playback()
        self._sizes: dict[str, int] = {}  # bytes
        self._given = 0
        self._began: float | None = None
        self._stopped = asyncio.Event()

    @callback
    def note_given(self, item_id: str | None, pcm: bytes) -> None:
        """Note what the player has fetched; silence is of no item."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        self._playback.note(item_id, pcm)
        self._given += len(pcm)

    @callback
    def note_sent(self, item_id: str, size: int) -> None:
        """Note that there are so many bytes more of an item."""
        self._sizes[item_id] = self._sizes.get(item_id, 0) + size

    @callback
    def report(self, item_id: str, played_ms: int, state: PlaybackState) -> None:
        """Take in nothing: the browser plays nothing of this."""

    def sent_ms(self, item_id: str) -> int:
        """Return how long the item is, as far as it is there."""
        return self._sizes.get(item_id, 0) * 1000 // BYTES_PER_SECOND

    def heard_ms(self, item_id: str) -> int:
        """Return how much of an item was heard."""
        return min(self.sent_ms(item_id), self._playback.heard_ms().get(item_id, 0))

    @property
    def has_sound(self) -> bool:
        """Whether there is anything to hear."""
        return bool(self._sizes)

    @property
    def is_over(self) -> bool:
        """Whether everything there is so far has been heard."""
        if not self._sizes:
            return True
        if self._began is None or self._given < sum(self._sizes.values()):
            return False
        ends = self._began + self._given / BYTES_PER_SECOND
        return asyncio.get_running_loop().time() >= ends

    @callback
    def stop(self) -> None:
        """Note that the player is being stopped: nothing more is heard from now on."""
        self._playback.stop()
        self._stopped.set()

    async def async_room(self) -> None:
        """Wait for nothing: the player fetches what it wants."""

    async def async_played(self) -> None:
        """Wait until all has been heard; a player that fetches nothing is not waited for long."""
        loop = asyncio.get_running_loop()
        given, until = self._given, loop.time() + self._patience
        while not self.is_over and not self._stopped.is_set():
            with suppress(TimeoutError):  # the clock is all that tells
                async with asyncio.timeout(_LOOK):
                    await self._stopped.wait()
            if self._given > given:
                given = self._given
                until = loop.time() + self._patience + given / BYTES_PER_SECOND
            if loop.time() > until:
                return

    async def async_paused(self, seconds: float) -> None:
        """Wait for nothing: a player does not report."""
