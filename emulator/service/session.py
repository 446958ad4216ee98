"""One websocket: its configuration, its conversation and the commands of its client."""

import asyncio
from collections.abc import Coroutine, Mapping
import contextlib
import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMessage, WSMsgType, web

from ..faults import Wire
from ..model import brain
from ..model.reply import Reply
from ..wire import schema
from ..wire.conversation import Conversation, Item
from ..wire.dialect import Dialect
from ..wire.errors import InvalidRequest
from ..wire.events import Event, EventLog
from ..wire.ids import new_id
from ..wire.usage import Tokens, text_tokens, transcription_usage
from ..wire.validation import Check, anything, audio, integer, nullable, record, text
from .input_audio import InputAudio
from .responses import Response

if TYPE_CHECKING:
    from ..server import Emulator

_RATE_LIMITS_DELAY = (
    0.04  # seconds after response.done (captured on OpenAI GA, 2026-09)
)


def _command(required: tuple[str, ...] = (), /, **fields: Check) -> Check:
    return record({"type": text, "event_id": text, **fields}, required=required)


# What the live service lists as supported, less the types of other kinds of session.
_COMMANDS: dict[str, Check] = {
    "session.update": _command(("session",), session=anything),
    "session.close": _command(),
    "input_audio_buffer.append": _command(("audio",), audio=audio),
    "input_audio_buffer.commit": _command(),
    "input_audio_buffer.clear": _command(),
    "conversation.item.create": _command(
        ("item",), item=anything, previous_item_id=nullable(text)
    ),
    "conversation.item.retrieve": _command(("item_id",), item_id=text),
    "conversation.item.truncate": _command(
        ("item_id", "content_index", "audio_end_ms"),
        item_id=text,
        content_index=integer(0),
        audio_end_ms=integer(0),
    ),
    "conversation.item.delete": _command(("item_id",), item_id=text),
    "response.create": _command(response=nullable(anything)),
    "response.cancel": _command(response_id=nullable(text)),
}


class Session:
    """A realtime session. Tests read its logs and make it say things of their own."""

    def __init__(
        self, emulator: Emulator, dialect: Dialect, request: web.Request
    ) -> None:
        """Prepare a session; `run` serves it."""
        self.emulator = emulator
        self.faults = emulator.faults
        self.dialect = dialect.name
        self.headers: Mapping[str, str] = request.headers
        self.query: Mapping[str, str] = request.query
        self.id = new_id("sess")
        self.config = schema.default_session(emulator.model)
        self.conversation = Conversation()
        self.received = EventLog(keep=emulator.keep_events)
        self.sent = EventLog(keep=emulator.keep_events)
        self.pongs = EventLog(keep=emulator.keep_events)
        self.closed = False
        self.close_code: int | None = None
        self._is_silent = False
        self.socket = web.WebSocketResponse(
            protocols=("realtime",),
            autoping=False,
            compress=False,
            max_msg_size=0,
            timeout=1,
        )
        self._dialect = dialect
        self._request = request
        self._wire = Wire(emulator.faults)
        self._input = InputAudio(self)
        self._active: Response | None = None
        self._out_of_band: dict[str, Response] = {}
        self._cached: set[Item] = set()
        self._expires_at = time.time() + emulator.session_seconds
        self._tasks: set[asyncio.Task[Any]] = set()
        self._outbox: asyncio.Queue[str | bytes | asyncio.Future[None] | _Close] = (
            asyncio.Queue()
        )
        self._group = asyncio.TaskGroup()

    async def send(self, event: Event) -> None:
        """Send any event as it is; returns when it is on the wire."""
        self.sent.record(event)
        self._outbox.put_nowait(json.dumps(event))
        await self._flushed()

    async def send_frame(self, *frames: str | bytes) -> None:
        """Send frames that need not be events."""
        for frame in frames:
            self._outbox.put_nowait(frame)
        await self._flushed()

    async def wait_for(
        self, event_type: str, count: int = 1, *, seconds: float = 10
    ) -> Event:
        """Return the `count`-th client event of a type, waiting until it has come."""
        return await self.received.wait_for(event_type, count, seconds=seconds)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame, after everything emitted so far."""
        self._outbox.put_nowait(_Close(code, reason))
        await self._flushed()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        cut(self._request)

    async def end(self, manner: str) -> None:
        """End the connection as `ends_at` names it, after everything emitted so far."""
        await self._flushed()
        if manner == "silence":
            self._is_silent = True
        elif manner in ("1006", "reset"):
            cut(self._request, reset=manner == "reset")
        elif manner == "1005":
            await self.socket.send_frame(b"", WSMsgType.CLOSE)
            cut(self._request)
        elif manner.isdigit():
            await self.close(int(manner), "fault")
        else:
            self.refuse(InvalidRequest("The service gives up.", manner))
            await self.close(1011, "fault")

    async def reached(self, stage: str) -> bool:
        """End the connection if a fault says so at this stage; True: it has ended."""
        manner = self.faults.hits("ends_at", stage)
        if manner is not None:
            await self.end(manner)
        return manner is not None

    async def run(self) -> None:
        """Serve the socket until either side ends it."""
        async with self._group:
            writer = self._group.create_task(self._write())
            try:
                await self._greet()
                await self._read()
            finally:
                self._input.stop_idling()
                for task in self._tasks:
                    task.cancel()
                self._outbox.put_nowait(_END)
                self.closed = True
                self.received.end()
                await writer
                self.close_code = self.close_code or self.socket.close_code
                self.sent.end()

    # What the parts of a session use.

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event, in the session's dialect and with the faults that are on."""
        event = {"type": event_type, "event_id": new_id("event"), **fields}
        for worded in self._dialect.events(event):
            for frame in self._wire.frames(worded):
                if isinstance(frame, dict):
                    self.sent.record(frame)
                    frame = json.dumps(frame)
                self._outbox.put_nowait(frame)

    def refuse(self, refusal: InvalidRequest, event_id: str | None = None) -> None:
        """Send a refusal."""
        error = refusal.event(event_id)
        self.emit(error["type"], error=error["error"])

    def committed(self, item: Item) -> None:
        """Add a user's spoken item and listen to it."""
        previous = self.conversation.add(item)
        self.emit(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=item.id
        )
        self._announce(item, previous)
        self._start(self._transcribe(item))

    def answer(self) -> None:
        """Respond to a turn that turn detection found."""
        try:
            self._create_response({})
        except InvalidRequest as refusal:
            self.refuse(refusal)

    async def interrupt(self) -> None:
        """Cancel the response that the user talks over."""
        if self._active:
            await self._active.cancel("turn_detected")

    async def plan(self, config: dict[str, Any], context: list[Item]) -> Reply:
        """Decide what a response says: what a test forces, or what the brain finds."""
        if self.emulator.replies:
            return self.emulator.replies.popleft()
        lines = [
            brain.Line(
                item.type, item.role, item.fields, await self._words(item, config)
            )
            for item in context
        ]
        return brain.think(lines, config)

    def input_tokens(
        self, config: dict[str, Any], context: list[Item]
    ) -> tuple[Tokens, Tokens]:
        """Return what a response read, and how much of that an earlier one had read."""
        setup = Tokens(
            text=text_tokens(config["instructions"] + json.dumps(config["tools"]))
        )
        cached = sum(
            (item.tokens for item in context if item in self._cached), Tokens()
        )
        if self._cached:
            cached += setup
        self._cached.update(context)
        return sum((item.tokens for item in context), setup), cached

    def ended(self, response: Response) -> None:
        """Make room for the next response."""
        if response is self._active:
            self._active = None
            self._input.idle_from(response.audio_ms)
        self._out_of_band.pop(response.id, None)
        if self.faults.take("no_rate_limits") is None:
            self._start(self._tell_rate_limits())

    # The socket.

    async def _greet(self) -> None:
        if await self.reached("created"):
            return
        if self.faults.take("no_session_created") is not None:
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
            await self.emulator.flowing.wait()
            if message.type is WSMsgType.PING:
                self._start(self._pong(message.data))
            elif not self._is_silent:
                await self._receive(message)

    async def _pong(self, data: bytes) -> None:
        if self._is_silent or self.faults.take("no_pong") is not None:
            return
        if (seconds := self.faults.take("slow_pong")) is not None:
            await asyncio.sleep(float(seconds or 1))
        with contextlib.suppress(ConnectionError):
            await self.socket.pong(data)
            self.pongs.record({"type": "pong"})

    async def _write(self) -> None:
        """Send what lies in the outbox; only this task writes events."""
        while (frame := await self._outbox.get()) is not _END:
            if not self.closed:
                await self.emulator.flowing.wait()
            with contextlib.suppress(ConnectionError):
                match frame:
                    case str() | bytes() if self._is_silent:
                        pass
                    case str():
                        await self.socket.send_str(frame)
                    case bytes():
                        await self.socket.send_bytes(frame)
                    case _Close():
                        self.close_code = frame.code
                        await self.socket.close(
                            code=frame.code, message=frame.reason.encode()
                        )
                    case asyncio.Future() if not frame.done():
                        frame.set_result(None)

    async def _flushed(self) -> None:
        if self.closed:
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox.put_nowait(written)
        await written

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the reader, for as long as the session lives."""
        task: asyncio.Task[Any] = self._group.create_task(coroutine, eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Commands.

    async def _receive(self, message: WSMessage) -> None:
        event_id = None
        try:
            event = _parse(message)
            self.received.record(event)
            if isinstance(event.get("event_id"), str):
                event_id = event["event_id"]
            if not await self._disturbed(event, event_id):
                await self._handle(event)
        except InvalidRequest as refusal:
            self.refuse(refusal, event_id)

    async def _disturbed(self, event: Event, event_id: str | None) -> bool:
        """Apply the faults that name this client event; True: it is not to be handled."""
        event_type = str(event.get("type"))
        if self.faults.hits("late_ack", event_type) is not None:
            await asyncio.sleep(0.3)
        if self.faults.hits("no_ack", event_type) is not None:
            return True
        if await self.reached(event_type):
            return True
        if self.faults.hits("refuse", event_type) is not None:
            error = {
                "type": "server_error",
                "code": None,
                "message": "The server had an error",
            }
            self.emit("error", error={**error, "param": None, "event_id": event_id})
            return True
        return False

    async def _handle(self, event: Event) -> None:
        if "type" not in event:
            raise InvalidRequest(
                "Missing required parameter: 'type'.",
                "missing_required_parameter",
                "type",
            )
        if event["type"] not in _COMMANDS:
            supported = ", ".join(f"'{name}'" for name in _COMMANDS)
            raise InvalidRequest(
                f"Invalid value: '{event['type']}'. Supported values are: {supported}.",
                "invalid_value",
                "type",
            )
        fields = _COMMANDS[event["type"]](event, "")
        match event["type"]:
            case "session.update":
                self._update(fields["session"])
            case "session.close":
                await self.close()
            case "input_audio_buffer.append":
                await self._input.append(fields["audio"])
            case "input_audio_buffer.commit":
                self._input.commit()
            case "input_audio_buffer.clear":
                self._input.clear()
            case "conversation.item.create":
                self._create_item(fields["item"], fields.get("previous_item_id"))
            case "conversation.item.retrieve":
                item = self.conversation.retrieve(fields["item_id"])
                self.emit(
                    "conversation.item.retrieved", item=item.wire(with_audio=True)
                )
            case "conversation.item.truncate":
                place = {
                    k: fields[k] for k in ("item_id", "content_index", "audio_end_ms")
                }
                self.conversation.truncate(**place)
                self.emit("conversation.item.truncated", **place)
            case "conversation.item.delete":
                self.conversation.delete(fields["item_id"])
                self.emit("conversation.item.deleted", item_id=fields["item_id"])
            case "response.create":
                self._create_response(fields.get("response") or {})
            case "response.cancel":
                await self._cancel_response(fields.get("response_id"))

    def _update(self, raw: Any) -> None:
        patch = self._dialect.session_patch(raw)
        self._check_model_can(patch, "session")
        config = _merged(self.config, patch)
        self._check_voice(config)
        detection_changes = (
            config["audio"]["input"]["turn_detection"]
            != self.config["audio"]["input"]["turn_detection"]
        )
        self.config = config
        if detection_changes:
            self._input.reset_detection()
        self.emit("session.updated", session=self._session())

    def _create_item(self, raw: Any, previous_item_id: str | None) -> None:
        item = Item.created(self._dialect.item(raw))
        previous = self.conversation.add(item, previous_item_id)
        self._announce(item, previous)

    def _create_response(self, raw: dict[str, Any]) -> None:
        patch = self._dialect.response_patch(raw)
        self._check_model_can(patch, "response")
        in_conversation = patch.get("conversation") != "none"
        if in_conversation and self._active:
            raise InvalidRequest(
                "Conversation already has an active response in progress: "
                f"{self._active.id}. Wait until the response is finished before creating a "
                "new one.",
                "conversation_already_has_active_response",
            )
        given = patch.pop("input", None)
        config = _merged(
            {**self.config, "conversation": "auto", "metadata": None}, patch
        )
        if in_conversation:
            self._check_voice(config)
        config["own_instructions"] = patch.get("instructions")
        items = None if given is None else [self._given_item(item) for item in given]
        response = Response(self, config, items)
        if in_conversation:
            self._input.stop_idling()
            self._active = response
        else:
            self._out_of_band[response.id] = response
        response.task = self._start(response.generate())

    async def _cancel_response(self, response_id: str | None) -> None:
        response = self._active
        if response_id is not None and (response is None or response.id != response_id):
            response = self._out_of_band.get(response_id)
        if response is None:
            raise InvalidRequest(
                "Cancellation failed: no active response found",
                "response_cancel_not_active",
            )
        if (seconds := self.faults.take("late_cancel")) is not None:
            self._start(self._cancel_later(response, float(seconds or 0.5)))
        else:
            await response.cancel("client_cancelled")

    async def _cancel_later(self, response: Response, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if response.status == "in_progress":
            await response.cancel("client_cancelled")
        else:
            with contextlib.suppress(InvalidRequest):
                await self._cancel_response(response.id)

    # Checks that need the session.

    def _check_model_can(self, patch: dict[str, Any], where: str) -> None:
        if patch.get("reasoning") and not self.emulator.reasons:
            raise InvalidRequest(
                f"Unsupported option for this model: '{where}.reasoning'.",
                "invalid_parameter",
                f"{where}.reasoning",
            )

    def _check_voice(self, config: dict[str, Any]) -> None:
        changes = (
            config["audio"]["output"]["voice"]
            != self.config["audio"]["output"]["voice"]
        )
        if changes and self.conversation.has_model_audio:
            raise InvalidRequest(
                "Cannot update a conversation's voice if assistant audio is present.",
                "cannot_update_voice",
            )

    def _given_item(self, wire: dict[str, Any]) -> Item:
        """Return an item of a response's own input."""
        if wire["type"] != "item_reference":
            return Item.created(wire)
        found = self.conversation.find(wire["id"])
        if found is None:
            raise InvalidRequest(
                f"Error referencing item: the item with id '{wire['id']}' does not exist.",
                "item_reference_invalid_item_id",
            )
        return found

    # The rest.

    def _session(self) -> dict[str, Any]:
        session = {"id": self.id, "expires_at": int(self._expires_at), **self.config}
        if self.faults.take("no_expires_at") is not None:
            session["expires_at"] = None
        return session

    def _announce(self, item: Item, previous: str | None) -> None:
        for event_type in ("conversation.item.added", "conversation.item.done"):
            self.emit(event_type, previous_item_id=previous, item=item.wire())

    async def _words(self, item: Item, config: dict[str, Any]) -> str:
        """Return what an item says; session and response both say what is likely."""
        if item.role == "user" and item.audio:
            likely = {
                "tools": [*self.config["tools"], *config["tools"]],
                "instructions": f"{self.config['instructions']}\n{config['instructions']}",
            }
            return await self.emulator.ears_of_model.hear(item, likely)
        return item.text

    async def _transcribe(self, item: Item) -> None:
        wanted = self.config["audio"]["input"]["transcription"]
        if wanted is None or self.faults.take("no_transcription") is not None:
            return
        if (seconds := self.faults.take("transcription_late")) is not None:
            await asyncio.sleep(float(seconds or 1))
        transcript = await self._words(item, self.config)
        prefix = "conversation.item.input_audio_transcription"
        ids = {"item_id": item.id, "content_index": 0}
        known = wanted.get("model") in self.emulator.transcription_deployments
        if not known or self.faults.take("transcription_failed") is not None:
            message = f"Input transcription failed for item '{item.id}'."
            error = {
                "type": "server_error",
                "code": None,
                "message": message,
                "param": None,
            }
            self.emit(f"{prefix}.failed", **ids, error=error)
            return
        for word in transcript.split():
            self.emit(f"{prefix}.delta", **ids, delta=f"{word} ")
        assert item.content is not None
        item.content[0]["transcript"] = transcript
        self.emit(
            f"{prefix}.completed",
            **ids,
            transcript=transcript,
            usage=transcription_usage(wanted["model"], item.audio, transcript),
        )

    async def _tell_rate_limits(self) -> None:
        await asyncio.sleep(_RATE_LIMITS_DELAY)
        limit = {
            "name": "tokens",
            "limit": 10000,
            "remaining": 9500,
            "reset_seconds": 0.3,
        }
        self.emit("rate_limits.updated", rate_limits=[limit])

    async def _expire(self) -> None:
        seconds = self.emulator.session_seconds / self.emulator.clock_rate
        if (argument := self.faults.take("session_expires")) is not None:
            seconds = float(argument or 1)
        await asyncio.sleep(seconds)
        message = "Your session hit the maximum duration of 60 minutes."
        self.refuse(InvalidRequest(message, "session_expired"))
        await self.close(1001, f"session_expired: {message}")


class _Close:
    """A close frame in the outbox."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


def cut(request: web.Request, *, reset: bool = False) -> None:
    """Close the TCP connection under a request: with a FIN, or with a reset."""
    if (transport := request.transport) is None:
        return
    if reset:
        linger = struct.pack("ii", 1, 0)  # none: what is closed then is reset
        tcp: socket.socket = transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


_END = _Close(0, "")  # the outbox ends here; nothing is sent


def _parse(message: WSMessage) -> Event:
    if message.type is WSMsgType.BINARY:
        raise InvalidRequest(
            "Invalid event: expected a text WebSocket message, but got a binary one.",
            "invalid_event",
        )
    try:
        event = json.loads(message.data)
    except ValueError as err:
        raise InvalidRequest(
            f"Invalid event: failed to parse JSON value ({err}). "
            "Please ensure your event is valid JSON.",
            "invalid_json",
        ) from err
    if not isinstance(event, dict):
        raise InvalidRequest("Invalid event: expected a JSON object.", "invalid_json")
    return event


# Below these keys an update replaces single fields; everything else it replaces whole.
_NESTED = ("audio", "input", "output")


def _merged(config: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(config)
    for key, value in patch.items():
        merged[key] = _merged(config[key], value) if key in _NESTED else value
    return merged
