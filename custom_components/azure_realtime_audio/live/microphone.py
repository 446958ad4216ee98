"""The microphone of a browser, on its way to the service."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..realtime import (
    BYTES_PER_SECOND,
    InvalidAudioError,
    NotConnectedError,
    RealtimeClient,
)

# What may wait for a service that takes it slower than it is said.
_MAX_WAITING: Final = 10 * BYTES_PER_SECOND
# One append: so much of what waits is sent together.
_MAX_APPEND: Final = BYTES_PER_SECOND // 2


class Microphone:
    """Sends up what a browser sends, 24 kHz PCM16 mono, as long as somebody is listened to.

    What is said before the session is open is kept, of that the last seconds.
    """

    def __init__(self, on_overflow: CALLBACK_TYPE) -> None:
        """Begin closed; ``on_overflow`` is called when the service is far too slow."""
        self._on_overflow = on_overflow
        self._waiting = bytearray()
        self._is_open = False
        self._is_held = True
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    @callback
    def open(self, *, held: bool = False) -> None:
        """Take what is said from now on; ``held`` keeps it until ``release``."""
        self._is_open = True
        self._is_held |= held

    @callback
    def close(self) -> None:
        """Take nothing any more; what was said is still sent."""
        self._is_open = False

    @callback
    def hold(self) -> None:
        """Keep what is said until ``release``."""
        self._is_held = True

    @callback
    def release(self) -> None:
        """Send what is kept, and what follows."""
        self._is_held = False
        self._changed.set()

    @callback
    def drop(self) -> None:
        """Throw away what waits."""
        self._waiting.clear()
        self._drained.set()

    @callback
    def put(self, pcm: bytes) -> None:
        """Take a frame of the browser. One with half a sample is passed over."""
        if not self._is_open or not pcm or len(pcm) % 2:
            return
        self._waiting += pcm
        self._drained.clear()
        surplus = len(self._waiting) - _MAX_WAITING
        if surplus > 0:
            if self._is_held:
                del self._waiting[:surplus]
            else:
                self.drop()
                self._on_overflow()
                return
        self._changed.set()

    async def async_drained(self) -> None:
        """Wait until all that was taken is sent."""
        await self._drained.wait()

    async def async_send(self, client: Callable[[], RealtimeClient | None]) -> None:
        """Send what comes to the client of the moment, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting and not self._is_held:
                piece = bytes(self._waiting[:_MAX_APPEND])
                del self._waiting[: len(piece)]
                if (open_client := client()) is not None:
                    # Without a connection nobody is listened to.
                    with suppress(InvalidAudioError, NotConnectedError):
                        await open_client.append_pcm(piece)
            if not self._waiting:
                self._drained.set()
