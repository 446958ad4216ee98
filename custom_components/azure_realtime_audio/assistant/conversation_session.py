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
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..chat.history import History
from ..errors import ConversationBusyError
from ..realtime import (
    CannotConnectError,
    Changes,
    CommandError,
    ConnectionLostError,
    ConnectionState,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    Response,
    SessionConfig,
)
from .briefing import Briefing
from .floor import Floor
from .kept_conversations import KeptConversation
from .session_key import SessionKey, SessionPurpose
from .timing import Timing


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
        turn_detection: Mapping[str, Any],
        timing: Timing,
        create_task: CreateTask,
        on_idle: Callable[[ConversationSession], None],
    ) -> None:
        """Begin unconnected. ``turn_detection`` is how the service finds the end of a turn.

        ``on_idle`` is called when the session has been unused for a while.
        """
        self.key = key
        self.client = client
        self.history = history
        self.created_at = dt_util.utcnow()
        self.is_listening = False
        # What actions have set in it: it stays, whatever the assistant's settings say.
        self.own_settings: dict[str, Any] = {}
        # What an action was last shown of the assistant's own: to set it is to undo.
        self.shown_settings: dict[str, Any] = {}
        # Called with each response that the service begins by itself because an action has
        # turned that on.
        self.on_own_answer: Callable[[Response], None] | None = None
        self._hass = hass
        self._turn_detection = turn_detection
        self._timing = timing
        self._create_task = create_task
        self._on_idle = on_idle
        self._turn = asyncio.Lock()
        self._work_count = 0
        self._connecting_count = 0
        self._has_begun = False
        self._told: tuple[str, Sequence[Mapping[str, Any]]] | None = None
        self._answers_alone = False
        self._own_answer: asyncio.Future[Response] | None = None
        self._has_heard = False
        self._carried_ids: list[str] = []
        self._idle_timer: CALLBACK_TYPE | None = None
        self._undoing: asyncio.Task[None] | None = None
        self._floor: Floor | None = None
        self._closed = False
        client.on("connection_changed", self._on_connection_changed)
        client.on("input_audio_buffer.committed", self._on_committed)
        client.on("response.created", self._on_response_created)

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation whose own session it is."""
        return self.key if isinstance(self.key, str) else None

    @property
    def is_busy(self) -> bool:
        """Whether a person speaks, or a turn or a response is in progress."""
        return (
            self.is_listening
            or self._work_count > 0
            or self.client.active_response is not None
        )

    @property
    def is_unused(self) -> bool:
        """Whether it was never connected, has nothing to go on with, and nobody waits for it."""
        return not (self._has_begun or self._connecting_count or self.client.item_ids)

    @property
    def floor(self) -> Floor:
        """Who of those that call actions has the conversation."""
        if self._floor is None:
            self._floor = floor = Floor(self._hass, self.client, self._timing)
            self.client.on("input_audio_buffer.cleared", floor.async_buffer_emptied)
            self.client.on("input_audio_buffer.committed", floor.async_buffer_emptied)
        return self._floor

    @property
    def has_caller(self) -> bool:
        """Whether somebody who calls actions is in the middle of something."""
        return self._floor is not None and not self._floor.is_free

    @property
    def turn_detection(self) -> Mapping[str, Any] | None:
        """How the service finds the end of a turn, but for answering by itself; None: by hand."""
        return self._turn_detection or None

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
                self._hass, self._idle_seconds, self._on_timer
            )

    @property
    def _idle_seconds(self) -> float:
        if self.conversation_id is None and self.key is not SessionPurpose.AHEAD:
            return self._timing.session_idle
        if self.client.item_ids:
            return self._timing.session_idle
        return self._timing.silent_idle

    async def async_connect(self) -> None:
        """Be connected, or wait for a reconnection that is under way, for a while.

        A conversation does not wait for its configuration to be acknowledged: what it is
        told follows in the same go. Raises RealtimeError.
        """
        if self._closed:
            raise NotConnectedError
        self._connecting_count += 1
        try:
            async with asyncio.timeout(self._timing.connect_wait):
                await self.client.connect(configured=self.conversation_id is None)
        except TimeoutError:
            raise CannotConnectError from None
        finally:
            self._connecting_count -= 1
        self._has_begun = True

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

    async def async_tell(
        self,
        briefing: Briefing | None,
        *,
        clears_audio: bool = False,
        answers_alone: bool | None = None,
    ) -> None:
        """Let the model know something before a person has finished.

        ``clears_audio`` throws away what was heard before. ``answers_alone`` says whether
        the service answers by itself what it hears; None leaves that as it is. Raises
        RealtimeError.
        """
        with self._telling(briefing, answers_alone) as changes:
            changes = replace(changes, clears_audio=clears_audio)
            if changes:
                await self.client.apply(changes)

    async def async_ask(
        self, config: Mapping[str, Any], briefing: Briefing | None = None
    ) -> Response:
        """Let the model answer what the briefing tells it. Raises RealtimeError."""
        with self._telling(briefing) as changes:
            return await self.client.create_response(config, after=changes)

    @contextmanager
    def _telling(
        self, briefing: Briefing | None, answers_alone: bool | None = None
    ) -> Iterator[Changes]:
        """Yield the changes that are new to the model. They count as told when the context is left."""
        self._mark_carried_items()
        told, alone = self._told, self._answers_alone
        settings: dict[str, Any] = {}
        if briefing is not None and told != (briefing.instructions, briefing.tools):
            told = briefing.instructions, briefing.tools
            settings |= {"instructions": briefing.instructions, "tools": briefing.tools}
        if answers_alone not in (None, alone):
            alone = bool(answers_alone)
            settings["turn_detection"] = {
                **self._turn_detection,
                "create_response": alone,
            }
        changes = Changes(session=SessionConfig(settings) if settings else None)
        if briefing is None or briefing.contents is None:
            yield changes
        else:
            with self.history.telling(
                briefing.contents,
                frozenset(self.client.item_ids),
                is_before=briefing.is_before,
                function_names=briefing.function_names,
            ) as missing:
                yield replace(missing, session=changes.session)
        self._told, self._answers_alone = told, alone

    async def async_detect_turns(
        self, turn_detection: Mapping[str, Any] | None
    ) -> None:
        """Let the service find the end of a turn in another way; None: by hand.

        The service does not answer by itself until it is told to. Raises RealtimeError.
        """
        self._turn_detection = turn_detection or {}
        self._answers_alone = False
        await self.client.update_session({"turn_detection": turn_detection})

    # The service's own answers

    @callback
    def async_expect_answer(self) -> asyncio.Future[Response]:
        """Return a future of the service's own answer to the next words.

        The caller answers for that response, until the caller cancels the future.
        """
        self._own_answer = asyncio.get_running_loop().create_future()
        self._has_heard = False
        return self._own_answer

    @callback
    def _on_committed(self, _: Mapping[str, Any]) -> None:
        self._has_heard = True

    @callback
    def _on_response_created(self, event: Mapping[str, Any]) -> None:
        response = self.client.active_response
        if response is None or response.id != event["response"]["id"]:
            return
        if response.was_asked_for:
            return
        if self.on_own_answer is not None:
            self.on_own_answer(response)
            return
        if not self._answers_alone:
            return
        own = self._own_answer
        if own is not None and not own.done() and self._has_heard:
            own.set_result(response)
        else:
            self._create_task(self._async_take_back(response), "stop an answer")

    async def _async_take_back(self, response: Response) -> None:
        """Take back an answer to words that no turn has claimed."""
        with suppress(RealtimeError):
            await response.cancel()
            await self.client.apply(Changes(deleted=response.item_ids))
        self.history.mark_orphaned(self.client.item_ids)

    # Responses

    async def async_create_response(
        self, config: Mapping[str, Any], briefing: Briefing | None = None
    ) -> Response:
        """Let the model begin to answer what the briefing tells it. Raises RealtimeError.

        A caller that is cancelled meanwhile leaves no response behind: the response is
        cancelled as soon as it begins, and the next one waits for that.
        """
        if self._undoing is not None:
            await asyncio.wait((self._undoing,))
        creating = self._create_task(
            self._async_create_response(config, briefing), "create a response"
        )
        try:
            # Not shielded: a shield logs the error of what nobody waits for any more.
            await asyncio.wait((creating,))
        except asyncio.CancelledError:
            self._undoing = self._create_task(
                self._async_undo(creating), "cancel a response"
            )
            raise
        return creating.result()

    async def _async_create_response(
        self, config: Mapping[str, Any], briefing: Briefing | None
    ) -> Response:
        try:
            return await self.async_ask(config, briefing)
        except ConnectionLostError, NotConnectedError:
            # Safe to retry: the response died with the lost session, and the new session has
            # the history.
            await self.async_connect()
            return await self.async_ask(config, briefing)

    async def _async_undo(self, creating: asyncio.Future[Response]) -> None:
        with suppress(RealtimeError):
            response = await creating
            await response.cancel()
            for item_id in response.item_ids:
                with suppress(CommandError):  # the service did not keep it
                    await self.client.delete_item(item_id)

    @asynccontextmanager
    async def response(
        self, config: Mapping[str, Any], briefing: Briefing | None = None
    ) -> AsyncIterator[Response]:
        """Let the model answer, and leave no response behind. Raises RealtimeError."""
        response = await self.async_create_response(config, briefing)
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
        if self._floor is not None:
            self._floor.async_close()
        await self.client.close()
        self.client.off_all()
        self.on_own_answer = None
        self._told = None

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        match event["state"]:
            case ConnectionState.CLOSING:
                self.history.clear()
            case ConnectionState.CONNECTING:
                self._carried_ids = self.client.item_ids
            case ConnectionState.OPEN:
                self._mark_carried_items()

    def _mark_carried_items(self) -> None:
        """Let items that came from the last connection go, unless the chat log has them.

        Items survive a loss, but unfinished turns do not. Turns of which the end came with
        the loss are in the chat log by now.
        """
        carried, self._carried_ids = self._carried_ids, []
        self.history.mark_orphaned(carried)

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
