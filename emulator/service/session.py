"""One websocket: its configuration, its conversation and the commands of its client."""

import asyncio
from collections.abc import Coroutine, Mapping
import time
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from ..settings import Settings
from ..wire import schema
from ..wire.conversation import Conversation, Item
from ..wire.dialect import Dialect
from ..wire.errors import InvalidRequest
from ..wire.events import Event, EventLog
from ..wire.ids import new_id
from .commands import checked, parsed
from .configuration import check_model, check_voice, merged
from .input_audio import InputAudio
from .mind import Mind
from .outbox import Outbox
from .running_responses import RunningResponses
from .transcription import transcribe

# Seconds after response.done (captured on OpenAI GA, 2026-09).
_RATE_LIMITS_DELAY = 0.04


class Session:
    """A realtime session. Tests read its logs and make it say things of their own."""

    def __init__(
        self, settings: Settings, dialect: Dialect, request: web.Request
    ) -> None:
        """Prepare a session; `run` serves it."""
        self.settings = settings
        self.dialect = dialect.name
        self.headers: Mapping[str, str] = request.headers
        self.id = new_id("sess")
        self.config = schema.default_session(settings.model)
        self.conversation = Conversation()
        self.mind = Mind(settings)
        self.received = EventLog(keep=settings.keep_events)
        self._dialect = dialect
        self._outbox = Outbox(settings, dialect, request)
        self.socket = self._outbox.socket
        self.sent = self._outbox.sent
        self.pongs = self._outbox.pongs
        self._input = InputAudio(self)
        self._responses = RunningResponses(self, self._input, dialect, self._start)
        self._expires_at = time.time() + settings.session_seconds
        self._tasks: set[asyncio.Task[Any]] = set()
        self._group = asyncio.TaskGroup()

    @property
    def closed(self) -> bool:
        """Say whether the session has ended."""
        return self._outbox.closed

    @property
    def close_code(self) -> int | None:
        """Return the code of the close frame, once the session has ended."""
        return self._outbox.close_code

    async def send(self, event: Event) -> None:
        """Send an event unchanged; return when it is on the wire."""
        await self._outbox.send(event)

    async def send_frame(self, *frames: str | bytes) -> None:
        """Send frames that need not be events; return when they are on the wire."""
        await self._outbox.send_frame(*frames)

    async def wait_for(
        self, event_type: str, count: int = 1, *, seconds: float = 10
    ) -> Event:
        """Return the `count`-th client event of a type, waiting until it has come."""
        return await self.received.wait_for(event_type, count, seconds=seconds)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, after everything emitted so far."""
        await self._outbox.close(code, reason)

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        self._outbox.abort()

    async def end(self, manner: str) -> None:
        """End the connection in a manner of the fault `ends_at`."""
        await self._outbox.end(manner)

    async def run(self) -> None:
        """Serve the socket until either side ends it."""
        async with self._group:
            writer = self._group.create_task(self._outbox.write())
            try:
                await self._greet()
                await self._read()
            finally:
                self._input.stop_idling()
                for task in self._tasks:
                    task.cancel()
                self._outbox.finish()
                self.received.end()
                await writer

    # The parts of a session use these methods (SessionPort).

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event, in the session's dialect and with the faults that are on."""
        self._outbox.emit(event_type, **fields)

    async def reached(self, stage: str) -> bool:
        """End the connection if a fault names this stage; return whether it has ended."""
        return await self._outbox.reached(stage)

    def committed(self, item: Item) -> None:
        """Add a spoken item of the user to the conversation and transcribe it."""
        previous = self.conversation.add(item)
        self.emit(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=item.id
        )
        self._announce(item, previous)
        self._start(transcribe(self, item))

    def answer(self) -> None:
        """Respond to a turn that turn detection has found."""
        faults = self.settings.faults
        if faults.take("no_answer") is not None:
            return
        if (seconds := faults.take("late_answer")) is not None:
            self._start(self._answer_later(float(seconds or 0.3)))
        else:
            self._answer()

    def _answer(self) -> None:
        try:
            self._responses.create({})
        except InvalidRequest as refusal:
            self._outbox.refuse(refusal)

    async def _answer_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # the fault is a service that answers late
        self._answer()

    async def interrupt(self) -> None:
        """Cancel the response that the user interrupts."""
        await self._responses.interrupt()

    def ended(self, response_id: str, audio_ms: int) -> None:
        """Make room for the next response; `audio_ms` is the length of the ended one's audio."""
        self._responses.ended(response_id, audio_ms)
        if self.settings.faults.take("no_rate_limits") is None:
            self._start(self._tell_rate_limits())

    # The life of the session.

    async def _greet(self) -> None:
        if await self.reached("created"):
            return
        if self.settings.faults.take("no_session_created") is not None:
            return
        self.emit("session.created", session=self._session())
        self.emit(
            "conversation.created",
            conversation={
                "id": self.conversation.id,
                "object": "realtime.conversation",
            },
        )
        self._start(self._expire())

    async def _read(self) -> None:
        async for message in self.socket:
            await self.settings.flowing.wait()
            if message.type is WSMsgType.PING:
                self._start(self._outbox.pong(message.data))
            elif not self._outbox.is_silent:
                await self._receive(message)

    async def _expire(self) -> None:
        seconds = self.settings.session_seconds / self.settings.clock_rate
        if (argument := self.settings.faults.take("session_expires")) is not None:
            seconds = float(argument or 1)
        await asyncio.sleep(seconds)  # the life of a session
        message = "Your session hit the maximum duration of 60 minutes."
        self._outbox.refuse(InvalidRequest(message, "session_expired"))
        await self.close(1001, f"session_expired: {message}")

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside the reader, for as long as the session lives."""
        task: asyncio.Task[Any] = self._group.create_task(coroutine, eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # The commands of the client.

    async def _receive(self, message: WSMessage) -> None:
        event_id = None
        try:
            event = parsed(message)
            self.received.record(event)
            if isinstance(event.get("event_id"), str):
                event_id = event["event_id"]
            if not await self._disturbed(event, event_id):
                await self._handle(checked(event))
        except InvalidRequest as refusal:
            self._outbox.refuse(refusal, event_id)

    async def _disturbed(self, event: Event, event_id: str | None) -> bool:
        """Apply the faults that name this client event; return whether to ignore the event."""
        faults = self.settings.faults
        event_type = str(event.get("type"))
        if faults.hits("late_ack", event_type) is not None:
            await asyncio.sleep(0.3)  # the fault is a service that acknowledges late
        if faults.hits("no_ack", event_type) is not None:
            return True
        if await self.reached(event_type):
            return True
        if (message := faults.hits("refuse", event_type)) is not None:
            error = {
                "type": "server_error",
                "code": None,
                "message": message or "The server had an error",
            }
            self.emit("error", error={**error, "param": None, "event_id": event_id})
            return True
        return False

    async def _handle(self, command: dict[str, Any]) -> None:
        match command["type"]:
            case "session.update":
                self._update(command["session"])
            case "session.close":
                await self.close()
            case "input_audio_buffer.append":
                await self._input.append(command["audio"])
            case "input_audio_buffer.commit":
                self._input.commit()
            case "input_audio_buffer.clear":
                self._input.clear()
            case "conversation.item.create":
                self._create_item(command["item"], command.get("previous_item_id"))
            case "conversation.item.retrieve":
                item = self.conversation.retrieve(command["item_id"])
                self.emit(
                    "conversation.item.retrieved", item=item.wire(with_audio=True)
                )
            case "conversation.item.truncate":
                place = {
                    k: command[k] for k in ("item_id", "content_index", "audio_end_ms")
                }
                self.conversation.truncate(**place)
                self.emit("conversation.item.truncated", **place)
            case "conversation.item.delete":
                self.conversation.delete(command["item_id"])
                self.emit("conversation.item.deleted", item_id=command["item_id"])
            case "response.create":
                self._responses.create(command.get("response") or {})
            case "response.cancel":
                await self._responses.cancel(command.get("response_id"))

    def _update(self, raw: Any) -> None:
        patch = self._dialect.session_patch(raw)
        check_model(self.settings, patch, "session")
        config = merged(self.config, patch)
        check_voice(self, config)
        detection_changes = (
            config["audio"]["input"]["turn_detection"]
            != self.config["audio"]["input"]["turn_detection"]
        )
        self.config = config
        if detection_changes:
            self._input.reset_detection()
        self.emit("session.updated", session=self._session())

    def _create_item(self, raw: Any, previous_item_id: str | None) -> None:
        wire = self._dialect.item(raw)
        self.conversation.check_ids(wire)
        if self.settings.faults.take("chosen_ids") is not None:
            wire = {**wire, "id": self.settings.new_id("item")}
        item = Item.created(wire)
        previous = self.conversation.add(item, previous_item_id)
        self._announce(item, previous)

    # The events of the session.

    def _session(self) -> dict[str, Any]:
        session = {"id": self.id, "expires_at": int(self._expires_at), **self.config}
        if self.settings.faults.take("no_expires_at") is not None:
            session["expires_at"] = None
        return session

    def _announce(self, item: Item, previous: str | None) -> None:
        for event_type in ("conversation.item.added", "conversation.item.done"):
            self.emit(event_type, previous_item_id=previous, item=item.wire())

    async def _tell_rate_limits(self) -> None:
        await asyncio.sleep(_RATE_LIMITS_DELAY)  # as the service does
        limit = {
            "name": "tokens",
            "limit": 10000,
            "remaining": 9500,
            "reset_seconds": 0.3,
        }
        self.emit("rate_limits.updated", rate_limits=[limit])
