"""One session with the service: a conversation's own, or one that conversations share."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
import re
from typing import Any, Protocol

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..chat.history import History
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
from .session_key import SessionKey, SessionPurpose
from .timing import Timing

_DIGITS = re.compile(r"\d+")


class CreateTask(Protocol):
    """Starts a task that ends with the config entry."""

    def __call__[ResultT](
        self, target: Coroutine[Any, Any, ResultT], name: str
    ) -> asyncio.Task[ResultT]:
        """Start the task."""


class ConversationSession:
    """A client, what it has been told, and who may use it now."""

    def __init__(
        self,
        hass: HomeAssistant,
        key: SessionKey,
        client: RealtimeClient,
        history: History,
        timing: Timing,
        create_task: CreateTask,
        on_idle: Callable[[ConversationSession], None],
    ) -> None:
        """Begin unconnected. ``on_idle`` is called when the session has been unused for a while."""
        self.key = key
        self.client = client
        self.history = history
        self.created_at = dt_util.utcnow()
        self.is_listening = False
        # What actions have set in it: it stays, whatever the assistant's settings say.
        self.own_settings: dict[str, Any] = {}
        self._hass = hass
        self._timing = timing
        self._create_task = create_task
        self._on_idle = on_idle
        self._turn = asyncio.Lock()
        self._work_count = 0
        self._settings: tuple[str, Sequence[Mapping[str, Any]]] | None = None
        self._idle_timer: CALLBACK_TYPE | None = None
        self._undoing: asyncio.Task[None] | None = None
        self._closed = False
        client.on("connection_changed", self._on_connection_changed)

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation whose own session it is."""
        return None if isinstance(self.key, SessionPurpose) else self.key

    @property
    def is_busy(self) -> bool:
        """Whether a person speaks, or a turn or a response is in progress."""
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
    def async_touch(self) -> None:
        """Put off the end of an idle session."""
        self._stop_idle_timer()
        if not self._closed:
            self._idle_timer = async_call_later(
                self._hass, self._timing.session_idle, self._on_timer
            )

    async def async_connect(self) -> None:
        """Be connected, or wait for a reconnection that is under way, for a while.

        Raises RealtimeError.
        """
        if self._closed:
            raise NotConnectedError
        try:
            async with asyncio.timeout(self._timing.connect_wait):
                await self.client.connect()
        except TimeoutError:
            raise CannotConnectError from None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the conversation for oneself. Raises ConversationBusyError."""
        try:
            async with asyncio.timeout(self._timing.turn_wait):
                await self._turn.acquire()
        except TimeoutError:
            raise ConversationBusyError from None
        with self.busy():
            try:
                yield
            finally:
                self._turn.release()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Be busy inside, in responses and the tools between them.

        When the last user leaves, a model that still waits for the result of a tool is idle:
        no result will come.
        """
        self._work_count += 1
        try:
            yield
        finally:
            self._work_count -= 1
            self.async_touch()
            if not self.is_busy:
                self.client.abandon_tool_calls()

    async def async_apply_settings(
        self, instructions: str, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        """Give the session its instructions and function tools, if they are new to it.

        Raises RealtimeError.
        """
        if self._settings != (instructions, tools):
            await self.client.update_session(
                {"instructions": instructions, "tools": tools}
            )
            self._settings = (instructions, tools)

    def has_settings(
        self, instructions: str, tools: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Whether the session has these settings.

        Digits are not compared, because the instructions may contain the current time.
        """
        if self._settings is None or self._settings[1] != tools:
            return False
        return _DIGITS.sub("", self._settings[0]) == _DIGITS.sub("", instructions)

    async def async_create_response(self, config: Mapping[str, Any]) -> Response:
        """Let the model begin to answer. Raises RealtimeError.

        A caller that is cancelled meanwhile leaves no response behind: the response is
        cancelled as soon as it begins, and the next one waits for that.
        """
        if self._undoing is not None:
            await asyncio.wait((self._undoing,))
        creating = self._create_task(
            self._async_create_response(config), "create a response"
        )
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            self._undoing = self._create_task(
                self._async_undo(creating), "cancel a response"
            )
            raise

    async def _async_create_response(self, config: Mapping[str, Any]) -> Response:
        try:
            return await self.client.create_response(config)
        except ConnectionLostError, NotConnectedError:
            # Safe to retry: the response died with the lost session, and the new session has
            # the history.
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
        async with self.cancel_on_exit(response):
            yield response

    @asynccontextmanager
    async def cancel_on_exit(self, response: Response) -> AsyncIterator[Response]:
        """Leave nothing behind of a response that is given up."""
        try:
            yield response
        finally:
            if not response.is_done:
                with suppress(RealtimeError):
                    await response.cancel()
            if not response.is_out_of_band:
                self.history.mark_orphaned(response.item_ids)

    @callback
    def async_take(self) -> KeptConversation | None:
        """Return the conversation, which is to go on in another session, if there is any."""
        if self.conversation_id is None or not self.client.item_ids:
            return None
        kept = KeptConversation(self.client.take_record(), self.history)
        self.history = History()
        return kept

    async def async_close(self) -> None:
        """Close the socket and stop the timer. The session cannot be used afterwards."""
        self._closed = True
        self._stop_idle_timer()
        await self.client.close()
        self.client.off_all()
        self._settings = None

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        match event["state"]:
            case ConnectionState.CLOSING:
                self.history.clear()
            case ConnectionState.OPEN:
                # Items survive a reconnect, but unfinished turns do not: their items are
                # orphans.
                self.history.mark_orphaned(self.client.item_ids)

    @callback
    def _on_timer(self, _: datetime) -> None:
        self._idle_timer = None
        if self.is_busy:
            self.async_touch()
        else:
            self._on_idle(self)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer()
            self._idle_timer = None
