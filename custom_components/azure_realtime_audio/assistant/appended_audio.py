"""What actions have appended to a conversation, until it is a turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..realtime import BYTES_PER_SECOND, RealtimeClient, RealtimeError
from .timing import Timing


class AppendedAudio:
    """The pieces since the last commit: one append after the other, each wholly or not at all."""

    def __init__(self, client: RealtimeClient, timing: Timing) -> None:
        """Begin with nothing appended."""
        self.lock = asyncio.Lock()
        self._client = client
        self._timing = timing
        self._pieces: list[tuple[bytes, int]] = []
        self._size = 0
        self._has_all = True
        self._is_left = False
        self._number = 0  # of the turn

    def __bool__(self) -> bool:
        """Return whether something was appended that is no turn yet."""
        return bool(self._pieces)

    async def async_append(self, pcm: bytes, sample_rate: int) -> None:
        """Append PCM16 mono of ``sample_rate`` Hz. Raises RealtimeError."""
        await self._client.append_pcm(pcm, sample_rate=sample_rate)
        self._keep(pcm, sample_rate)

    def _keep(self, pcm: bytes, sample_rate: int) -> None:
        """Keep a piece, as far as there is room, to say it again without what follows."""
        self._size += len(pcm)
        if self._size > self._timing.max_audio * BYTES_PER_SECOND:
            self._has_all = False
        self._pieces.append((pcm if self._has_all else b"", sample_rate))

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncIterator[None]:
        """Append inside. If that fails, or is cancelled, what it has appended is taken back.

        Half a sentence must not be taken for the whole. The service can only throw away
        everything; so what was there before is appended anew.
        """
        async with self.lock:
            if self._is_left:
                await self.async_drop()
            number, before = self._number, len(self._pieces)
            try:
                yield
            except HomeAssistantError, RealtimeError, asyncio.CancelledError:
                if number != self._number:  # the service has found a turn meanwhile
                    before = 0
                if len(self._pieces) > before:
                    await self._async_take_back(before)
                raise

    async def _async_take_back(self, before: int) -> None:
        kept = self._pieces[:before] if self._has_all else []
        with suppress(RealtimeError):
            await self.async_drop()
        with suppress(RealtimeError):
            for pcm, sample_rate in kept:
                await self.async_append(pcm, sample_rate)

    @callback
    def async_leave(self) -> None:
        """Note that a reply was asked for without what is here: it is no part of what follows."""
        self._is_left = bool(self._pieces)

    async def async_drop(self) -> None:
        """Throw away everything. Raises RealtimeError."""
        self.async_gone()
        await self._client.clear_audio_buffer()

    @callback
    def async_gone(self) -> None:
        """Note that the buffer is empty: it is a turn now, or was thrown away."""
        self._pieces = []
        self._size = 0
        self._has_all = True
        self._is_left = False
        self._number += 1
