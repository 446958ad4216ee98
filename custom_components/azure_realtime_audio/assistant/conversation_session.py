"""One session with the service: a conversation's own, or one that is shared."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from enum import Enum
import re
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..chat.history import History
from ..const import SESSION_IDLE
from ..errors import ConversationBusyError
from ..realtime import (
    CannotConnectError,
    CommandError,
    ConnectionLostError,
    ConnectionState,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    Response,
)
from .kept_conversations import KeptConversation

if TYPE_CHECKING:
    from .assistant import Assistant

_DIGITS = re.compile(r"\d+")

# Seconds that a turn waits for its connection.
CONNECT_WAIT: Final = 20.0
# Seconds that a second turn of the same conversation waits for the first.
TURN_WAIT: Final = 10.0


class Shared(Enum):
    """The sessions that are no conversation's own."""

    ACTIONS = "actions"
    READING = "reading"


type SessionKey = str | Shared


class AssistantSession:
    """One conversation with the service: that of a chat, or a shared one."""

    def __init__(
        self,
        assistant: Assistant,
        key: SessionKey,
        client: RealtimeClient,
        history: History,
    ) -> None:
        """Begin unconnected. ``key`` is the conversation id, or what shares the session."""
        self.assistant = assistant
        self.key = key
        self.client = client
        self.created_at = dt_util.utcnow()
        self.history = history
        self.is_listening = False
        self._turn = asyncio.Lock()
        self._work_count = 0
        self._told: tuple[str, Sequence[Mapping[str, Any]]] | None = None
        self._idle_timer: CALLBACK_TYPE | None = None
        self._undoing: asyncio.Future[None] | None = None
        self._closed = False
        client.on("connection_changed", self._on_connection_changed)

    @property
    def is_busy(self) -> bool:
        """Whether somebody speaks, or a turn or a response is in progress."""
        return (
            self.is_listening
            or self._work_count > 0
            or self.client.active_response is not None
        )

    @property
    def transcribes(self) -> bool:
        """Whether the service writes down what it hears."""
        audio_input = (self.client.current_session.get("audio") or {}).get(
            "input"
        ) or {}
        return bool(audio_input.get("transcription"))

    @callback
    def async_used(self) -> None:
        """Put off the end of an idle session."""
        self._stop_idle_timer()
        if not self._closed:
            self._idle_timer = async_call_later(
                self.assistant.hass, SESSION_IDLE, self._on_idle
            )

    async def async_connect(self) -> None:
        """Be connected, or wait for a reconnection that is under way, for a while.

        Raises RealtimeError.
        """
        if self._closed:
            raise NotConnectedError
        try:
            async with asyncio.timeout(CONNECT_WAIT):
                await self.client.connect()
        except TimeoutError:
            raise CannotConnectError from None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the conversation for oneself. Raises ConversationBusyError."""
        try:
            async with asyncio.timeout(TURN_WAIT):
                await self._turn.acquire()
        except TimeoutError:
            raise ConversationBusyError("Another turn is in progress") from None
        with self.at_work():
            try:
                yield
            finally:
                self._turn.release()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be busy inside, in responses and the tools between them.

        Whoever leaves has no more to ask: a model that still waits for the result of a tool
        is idle.
        """
        self._work_count += 1
        try:
            yield
        finally:
            self._work_count -= 1
            self.async_used()
            if not self.is_busy:
                self.client.abandon_tool_calls()

    async def async_tell(
        self, instructions: str, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        """Give the session its instructions and function tools, if they are new to it.

        Raises RealtimeError.
        """
        if self._told != (instructions, tools):
            await self.client.update_session(
                {"instructions": instructions, "tools": tools}
            )
            self._told = (instructions, tools)

    def was_told(self, instructions: str, tools: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the session has these, but for the figures: the time of day goes on."""
        if self._told is None or self._told[1] != tools:
            return False
        return _DIGITS.sub("", self._told[0]) == _DIGITS.sub("", instructions)

    async def async_create_response(self, config: Mapping[str, Any]) -> Response:
        """Let the model begin to answer. Raises RealtimeError.

        Whoever is cancelled meanwhile leaves no response behind: it is cancelled as soon as
        it begins, and the next one waits for that.
        """
        if self._undoing is not None:
            await asyncio.wait((self._undoing,))
        creating = self.assistant.async_create_task(
            self._async_create_response(config), "create a response"
        )
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            self._undoing = self.assistant.async_create_task(
                self._async_undo(creating), "cancel a response"
            )
            raise

    async def _async_create_response(self, config: Mapping[str, Any]) -> Response:
        try:
            return await self.client.create_response(config)
        except ConnectionLostError, NotConnectedError:
            # Nothing was begun that is left, and the next session knows what was said.
            await self.async_connect()
            return await self.client.create_response(config)

    async def _async_undo(self, creating: asyncio.Future[Response]) -> None:
        with suppress(RealtimeError):
            response = await creating
            await response.cancel()
            for item_id in response.item_ids:
                with suppress(CommandError):  # the service did not keep it
                    await self.client.delete_item(item_id)

    @asynccontextmanager
    async def response(self, config: Mapping[str, Any]) -> AsyncIterator[Response]:
        """Let the model answer, and leave no response behind. Raises RealtimeError."""
        response = await self.async_create_response(config)
        async with self.attend(response):
            yield response

    @asynccontextmanager
    async def attend(self, response: Response) -> AsyncIterator[Response]:
        """Leave nothing behind of a response that is given up."""
        try:
            yield response
        finally:
            if not response.is_done:
                with suppress(RealtimeError):
                    await response.cancel()
            if not response.is_out_of_band:
                self.history.leave(response.item_ids)

    @callback
    def async_take(self) -> KeptConversation | None:
        """Return the conversation, which is to go on in another session, if there is any."""
        if not self.client.item_ids:
            return None
        kept = KeptConversation(self.client.take_record(), self.history)
        self.history = History()
        return kept

    async def async_close(self) -> None:
        """Close the socket and stop the timer."""
        self._closed = True
        self._stop_idle_timer()
        await self.client.close()
        self.client.off_all()
        self._told = None

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        match event["state"]:
            case ConnectionState.CLOSING:
                self.history.clear()
            case ConnectionState.OPEN:
                # The conversation is as it was. What a turn had begun is no turn's now.
                self.history.leave(self.client.item_ids)

    @callback
    def _on_idle(self, _: datetime) -> None:
        self._idle_timer = None
        if self.is_busy:
            self.async_used()
        else:
            self.assistant.async_end_session(self)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer()
            self._idle_timer = None
