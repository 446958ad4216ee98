"""A client and the emulator, with damaged frames between them on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
import logging
from random import Random
from typing import Any

import aiohttp

from custom_components.azure_realtime_audio.errors import response_failure
from custom_components.azure_realtime_audio.realtime import (
    ConnectionState,
    RealtimeClient,
    RealtimeError,
    RealtimeOptions,
    Response,
    WebSocketOptions,
)
from emulator import Emulator, Reply, Session
from tests.conftest import API_KEY

from .mutation import Event, Frame, Mutator

type Send = Callable[[Iterable[Frame]], Coroutine[Any, Any, None]]

KEY = API_KEY * 2
PREVIEW = "2025-04-01-preview"
SPEECH = bytes(9600)  # 200 ms
# Commands that wait while the frames come, so that acknowledgements can be forged.
_SWALLOWED = (
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.truncate",
    "response.create",
    "session.update",
)
_MESSAGE = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "hello"}],
}


def emulated() -> Emulator:
    """Return an emulator that is as fast as it can be."""
    return Emulator(api_key=KEY, deployment="fuzz", speed=0, first_audio_ms=0)


@asynccontextmanager
async def connected(
    emulator: Emulator, api_version: str | None
) -> AsyncIterator[tuple[RealtimeClient, Session]]:
    """Connect a client, and return it with the emulator's end."""
    async with aiohttp.ClientSession() as http:
        client = RealtimeClient(
            RealtimeOptions(
                host_name=emulator.url,
                deployment="fuzz",
                api_key=KEY,
                api_version=api_version,
                session_config={"voice": "alloy", "turn_detection": None},
            ),
            session=http,
            websocket_options=WebSocketOptions(
                command_timeout=30.0, max_reconnect_attempts=0
            ),
        )
        async with client:
            yield client, emulator.sessions[-1]


async def record(emulator: Emulator, api_version: str | None) -> list[Event]:
    """Return what the service says in the course of a long conversation."""
    async with connected(emulator, api_version) as (client, session):
        emulator.hears.append("hello")
        emulator.replies += [
            Reply(text="Hello, how are you?"),
            Reply(tool_calls=[("turn_on", {"name": "lamp"})]),
            Reply(text="In writing.", audio=False),
            Reply(status="failed", error={"code": "server_error", "message": "No"}),
            Reply(text="One. Two.", items=2, status="incomplete"),
        ]
        await client.append_pcm(SPEECH)
        await client.commit_audio()
        for _ in range(5):
            response = await (await client.create_response()).done()
            if response.audio_ms:
                await client.truncate_item(response.item_ids[0], 0, 10)
        item_id = await client.create_conversation_item(_MESSAGE)
        await client.delete_item(item_id)
        await client.append_pcm(SPEECH)
        await client.clear_audio_buffer()
        await client.update_session({"instructions": "Be brief"})
        with suppress(RealtimeError):
            await client.delete_item("nowhere")
        return [*session.sent]


class LoggedErrors(logging.Handler):
    """Collects what the library logs as an error: a bug of ours, not the service's."""

    def __init__(self, failures: list[str]) -> None:
        """Add each error to ``failures``."""
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a line, with its traceback."""
        self._failures.append(logging.Formatter().format(record))


class Reader:
    """Reads all that a client shows after every event, as its users do."""

    def __init__(self, client: RealtimeClient) -> None:
        """Listen to everything. ``failures`` are what a user would have run into."""
        self.failures: list[str] = []
        self._client = client
        client.on("*", self._on_event)

    def _on_event(self, event: Mapping[str, Any]) -> None:
        event_type = event["type"]
        if event_type.endswith(".delta"):
            return  # there may be many deltas: reading all of them each time is too slow
        try:
            self._read()
        except Exception as err:  # noqa: BLE001  # the very thing that is looked for
            self.failures.append(f"{err!r} after {event}"[:2000])

    def _read(self) -> None:
        client = self._client
        assert isinstance(client.current_session.get("id"), str | None)
        audio_input = (client.current_session.get("audio") or {}).get("input") or {}
        assert isinstance(audio_input.get("transcription"), dict | None)
        assert repr(client)
        if (response := client.active_response) is not None:
            read_response(response)


def read_response(response: Response) -> None:
    """Read what a response has, and check that it is what it should be."""
    assert isinstance(response.text + response.transcript + response.status, str)
    assert isinstance(response.audio, bytes)
    assert response.audio_ms >= 0
    assert all(isinstance(item_id, str) for item_id in response.audio_ms_by_item)
    assert all(isinstance(item_id, str) for item_id in response.item_ids)
    assert isinstance(response.usage, dict | None)
    assert isinstance(response.metadata, dict)
    assert isinstance(response.status_details, dict | None)
    assert response.id in repr(response)
    response_failure(response)
    for call in response.tool_calls:
        assert isinstance(call.name + call.call_id + call.arguments + call.item_id, str)


async def attack(
    emulator: Emulator,
    client: RealtimeClient,
    session: Session,
    recorded: list[Event],
    random: Random,
    count: int,
) -> None:
    """Send damaged frames to a client, and see that it works as before.

    Raises AssertionError with the first event that harmed it.
    """
    mutator = Mutator(recorded, random)
    async with under_attack(emulator, client, session) as send:
        for _ in range(0, count, 100):
            await send([mutator.frame() for _ in range(100)])


@asynccontextmanager
async def under_attack(
    emulator: Emulator, client: RealtimeClient, session: Session
) -> AsyncIterator[Send]:
    """Have commands wait for what is sent; afterwards the client works as before.

    Yields what sends frames, and raises AssertionError with the first that did harm.
    """
    reader = Reader(client)
    for event_type in _SWALLOWED:
        emulator.faults.add(f"no_ack:{event_type}")
    commands = [
        asyncio.ensure_future(_ended(make, kind)) for make, kind in _waiting(client)
    ]

    async def send(frames: Iterable[Frame]) -> None:
        await session.send_frame(*frames)
        await _seen(client, session)
        assert not reader.failures, reader.failures[0]
        assert client.state is ConnectionState.OPEN

    logger = logging.getLogger("custom_components.azure_realtime_audio.realtime")
    logged_errors = LoggedErrors(reader.failures)
    logger.addHandler(logged_errors)
    try:
        yield send
    finally:
        logger.removeHandler(logged_errors)
    emulator.faults.clear()
    for command in commands:
        command.cancel()
    for ended in await asyncio.gather(*commands, return_exceptions=True):
        assert not isinstance(ended, Exception), ended
    await _repair(client, session)
    await _converse(emulator, client)
    client.off_all()


def _waiting(
    client: RealtimeClient,
) -> list[tuple[Callable[[], Coroutine[Any, Any, Any]], type | None]]:
    """Return commands, and the type that each returns."""
    return [
        (client.commit_audio, str),
        (client.clear_audio_buffer, None),
        (lambda: client.create_conversation_item(_MESSAGE), str),
        (lambda: client.delete_item("item_1"), None),
        (lambda: client.truncate_item("item_1", 0, 1), None),
        (client.create_response, Response),
        (lambda: client.update_session({"instructions": "Be long"}), None),
    ]


async def _ended(
    make: Callable[[], Coroutine[Any, Any, Any]], kind: type | None
) -> None:
    """Run a command: what it raises is of the family, what it returns is of its kind."""
    with suppress(RealtimeError):
        result = await make()
        assert result is None if kind is None else isinstance(result, kind)


async def _seen(client: RealtimeClient, session: Session) -> None:
    """Wait until the client has read all that was sent."""
    seen = asyncio.Event()
    client.once("fuzz.seen", lambda _: seen.set())
    await session.send({"type": "fuzz.seen"})
    async with asyncio.timeout(10):
        await seen.wait()


async def _repair(client: RealtimeClient, session: Session) -> None:
    """Take back what was forged: the session, and responses that never end.

    The commands that were given up keep their places until they are acknowledged.
    """
    item = {**_MESSAGE, "id": "item_of_the_service"}
    for acknowledgement in (
        {"type": "input_audio_buffer.committed", "item_id": "item_said"},
        {"type": "input_audio_buffer.cleared"},
        {"type": "conversation.item.added", "item": item},
        {"type": "conversation.item.deleted", "item_id": "item_1"},
        {
            "type": "conversation.item.truncated",
            "item_id": "item_1",
            "content_index": 0,
            "audio_end_ms": 1,
        },
        {"type": "response.created", "response": {"id": "resp_of_the_service"}},
    ):
        await session.send(acknowledgement)
    for event_type in ("session.created", "session.updated"):
        await session.send(session.sent.of(event_type)[0])
    await _seen(client, session)
    while client.active_response is not None:
        await client.cancel_response()


async def _converse(emulator: Emulator, client: RealtimeClient) -> None:
    """Have a turn, as ever."""
    emulator.replies.clear()
    emulator.replies.append(Reply(text="Still here."))
    await client.append_pcm(SPEECH)
    await client.commit_audio()
    response = await (await client.create_response()).done(10)
    assert response.transcript == "Still here."
    assert response.audio_ms > 0
    read_response(response)
