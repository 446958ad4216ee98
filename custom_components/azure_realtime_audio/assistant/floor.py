"""Automations that share a conversation use it one after the other, from first word to answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..errors import ConversationInUseError
from ..realtime import Listeners, ModelStatus, RealtimeClient
from .appended_audio import AppendedAudio
from .caller import Caller
from .timing import Timing


class Floor:
    """Lets callers speak in a conversation one after the other.

    A caller has the floor from its first word to the end of the reply, or until it has
    done nothing for a while. Others wait for that in the order they came.
    """

    def __init__(
        self, hass: HomeAssistant, client: RealtimeClient, timing: Timing
    ) -> None:
        """Begin with nobody who speaks."""
        self.audio = AppendedAudio(client, timing)
        # Whether the caller has said something that no reply was asked for yet.
        self.has_said = False
        self._hass = hass
        self._client = client
        self._timing = timing
        self._caller: Caller | None = None
        self._is_over = True
        self._actions = 0
        self._replies = 0
        self._queue = asyncio.Lock()
        self._changes: Listeners[()] = Listeners("a conversation of actions")
        self._timer: CALLBACK_TYPE | None = None
        self._is_closed = False

    @property
    def is_free(self) -> bool:
        """Whether nobody has the conversation."""
        return self._is_over and not (self._actions or self._replies)

    @asynccontextmanager
    async def turn(
        self, caller: Caller, *, is_word: bool, is_kept: bool = True
    ) -> AsyncIterator[None]:
        """Have the conversation inside, and afterwards too if it ``is_kept``.

        ``is_word`` says that this begins or goes on with what the caller has to say: who
        might be somebody else then is. Raises ConversationInUseError and RealtimeError.
        """
        await self._async_take(caller, is_word)
        goes_on, before = not self._is_over, self._caller
        self._actions += 1
        self._stop_timer()
        try:
            if is_kept and not goes_on:
                self._caller, self._is_over = caller, False
                if before is not None and not before.is_same(caller):
                    await self._async_drop()
            yield
        finally:
            self._actions -= 1
            self._rest()

    async def _async_take(self, caller: Caller, is_word: bool) -> None:
        if self._has(caller, is_word) or (self.is_free and not self._queue.locked()):
            return
        try:
            async with asyncio.timeout(self._timing.floor_wait), self._queue:
                while not (self.is_free or self._has(caller, is_word)):
                    await self._changes.wait()
        except TimeoutError:
            raise ConversationInUseError from None

    def _has(self, caller: Caller, is_word: bool) -> bool:
        if self._caller is None or self._is_over:
            return False
        if is_word:
            return self._caller.is_same(caller)
        return self._caller.may_be_same(caller)

    async def _async_drop(self) -> None:
        """Throw away what the caller before has appended and never committed."""
        self.has_said = False
        if self.audio:
            await self.audio.async_drop()

    # --- Replies

    async def async_begin_reply(self) -> None:
        """Note that a reply is asked for. What was said waits for the reply before.

        Raises ConversationInUseError.
        """
        if self.has_said:
            try:
                async with asyncio.timeout(self._timing.floor_wait):
                    while self._replies:
                        await self._changes.wait()
            except TimeoutError:
                raise ConversationInUseError from None
        self.async_reply_begun()

    @callback
    def async_reply_begun(self) -> None:
        """Note that a reply has begun: it answers all that was said."""
        self.has_said = False
        self._replies += 1

    @callback
    def async_reply_ended(self) -> None:
        """Let others speak, unless the caller has said something new meanwhile."""
        self._replies -= 1
        if not self._replies and not self.has_said:
            self._is_over = True
        self._rest()

    # --- Pauses

    @callback
    def async_buffer_emptied(self, _: Mapping[str, Any]) -> None:
        """Note that what was appended is a turn, or was thrown away."""
        self.audio.async_gone()
        self._rest()

    @callback
    def async_close(self) -> None:
        """End the conversation; those who wait find it closed."""
        self._is_closed = True
        self._is_over = True
        self._stop_timer()
        self._changes.notify()

    def _rest(self) -> None:
        """Wait for the caller to go on, but not for ever."""
        self._stop_timer()
        self._changes.notify()
        if self._is_closed or self._actions or self._replies:
            return
        is_thinking = self._client.status is ModelStatus.THINKING
        if is_thinking or not self._is_over:
            self._timer = async_call_later(
                self._hass, self._timing.floor_pause, self._on_pause
            )

    @callback
    def _on_pause(self, _: datetime) -> None:
        self._timer = None
        self._is_over = True
        self._client.abandon_tool_calls()
        self._changes.notify()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer()
            self._timer = None
