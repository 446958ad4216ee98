"""Only ``close`` ends a conversation, and ``close`` always does."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Literal

import orjson
import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionLostError,
    ConnectionState,
    NotConnectedError,
    RealtimeClient,
)
from emulator import Emulator

from .conftest import Clock, MakeClient
from .test_client import SPEECH, next_event, record, user_text

SECOND = SPEECH[::-1]


def becomes(client: RealtimeClient, state: ConnectionState) -> asyncio.Future[Any]:
    """Return what ends with this state of the connection."""
    return asyncio.ensure_future(next_event(client, "connection_changed", state=state))


def begun[T](coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task that has gone as far as it can without waiting."""
    return asyncio.Task(coroutine, eager_start=True)


async def given_up(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def told(emulator: Emulator, client: RealtimeClient) -> list[str]:
    """Return what the service's newest conversation says, once it knows all."""
    await client.clear_audio_buffer()
    return [item.text for item in emulator.sessions[-1].conversation]


async def away(emulator: Emulator, client: RealtimeClient) -> None:
    """Lose the connection to a service that neither accepts nor refuses handshakes."""
    lost = becomes(client, ConnectionState.CONNECTING)
    emulator.flowing.clear()
    emulator.sessions[-1].abort()
    await lost


# --- Giving up is not closing


async def test_first_connection_given_up_by_one(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The connection goes on for the other callers, even if the first one has given up."""
    client = make_client()
    emulator.flowing.clear()
    waiting = [begun(client.connect()) for _ in range(3)]
    await given_up(waiting.pop(0))
    await given_up(waiting.pop())
    assert client.state is ConnectionState.CONNECTING
    emulator.flowing.set()
    await waiting[0]
    assert client.is_initialized
    assert len(emulator.handshakes) == 1


async def test_first_connection_given_up_by_all(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The try ends with its last caller; a caller in that moment gets another connection."""
    client = make_client()
    emulator.flowing.clear()
    waiting = [begun(client.connect()) for _ in range(2)]
    closed = becomes(client, ConnectionState.CLOSED)
    for task in waiting:
        task.cancel()
    newcomer: asyncio.Task[None] | None = None
    while newcomer is None:
        await asyncio.sleep(0)  # one step of the callers that give up
        if any(task.done() for task in waiting):
            newcomer = begun(client.connect())
    await closed
    emulator.flowing.set()
    await newcomer
    assert client.is_initialized


async def test_first_connection_given_up_as_it_opens(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A connection that opens in the moment in which its only caller gives up is closed."""
    client = make_client()
    connecting = begun(client.connect())

    def give_up(event: Mapping[str, Any]) -> None:
        if event["state"] is ConnectionState.OPEN:
            connecting.cancel()

    client.on("connection_changed", give_up)
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert client.state is ConnectionState.CLOSED
    assert emulator.sessions[0].closed


async def test_first_connection_that_a_command_waits_for(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A command that waits for the connection counts as a caller."""
    client = make_client()
    emulator.flowing.clear()
    connecting = begun(client.connect())
    creating = begun(client.create_conversation_item(user_text("hello")))
    await given_up(connecting)
    emulator.flowing.set()
    await creating
    assert await told(emulator, client) == ["hello"]


async def test_first_connection_that_is_in_use(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A command that has begun needs the connection, although it does not wait for it any more."""
    client = make_client()
    emulator.faults.add("late_ack:session.update*1")
    await client.connect(configured=False)
    creating = begun(client.create_conversation_item(user_text("hello")))
    await given_up(begun(client.connect()))
    await creating
    assert await told(emulator, client) == ["hello"]


async def test_reconnection_given_up(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Nothing is lost of what was said and is being said, and it goes on by itself."""
    await client.create_conversation_item(user_text("hello"))
    await client.append_pcm(SPEECH)
    dropped = record(client, "speech_dropped")
    await away(emulator, client)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.connect()
    await client.append_pcm(SECOND)
    opened = becomes(client, ConnectionState.OPEN)
    emulator.flowing.set()
    await opened
    await client.commit_audio()
    written, spoken = emulator.sessions[-1].conversation
    assert written.text == "hello"
    assert spoken.audio == SPEECH + SECOND
    assert dropped == []


@pytest.mark.parametrize("seconds", [7.0, 15.0])
async def test_renewal_given_up(
    emulator: Emulator, make_client: MakeClient, clock: Clock, seconds: float
) -> None:
    """A planned move to another session goes on as well, and may take its time."""
    client = make_client(
        {"renew_after": 60.0}, session_config={"turn_detection": {"type": "server_vad"}}
    )
    await client.connect()
    await client.append_pcm(SPEECH)
    moves = becomes(client, ConnectionState.CONNECTING)
    emulator.flowing.clear()
    for passed in (60.0, 1.0, 1.0):  # the session is left when it has been quiet
        await clock.advance(passed)
    await moves
    await given_up(begun(client.connect()))
    await clock.advance(seconds)
    await client.append_pcm(SECOND)
    emulator.flowing.set()
    await client.connect()
    await client.commit_audio()
    appended = emulator.sessions[-1].received.of("input_audio_buffer.append")
    assert b"".join(b64decode(event["audio"]) for event in appended) == SPEECH + SECOND


async def test_connection_after_a_fatal_loss_given_up(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The tries end with their only caller, the conversation does not."""
    await client.create_conversation_item(user_text("hello"))
    closed = becomes(client, ConnectionState.CLOSED)
    await emulator.sessions[-1].close(3000)
    await closed
    emulator.flowing.clear()
    await given_up(begun(client.connect()))
    assert client.state is ConnectionState.CLOSED
    emulator.flowing.set()
    await client.connect()
    assert await told(emulator, client) == ["hello"]


# --- Close is


async def after_a_fatal_loss(emulator: Emulator, client: RealtimeClient) -> None:
    """Have the service end the connection for good."""
    closed = becomes(client, ConnectionState.CLOSED)
    await emulator.sessions[-1].close(3000)
    await closed


async def after_the_last_try(emulator: Emulator, client: RealtimeClient) -> None:
    """Have the client give up."""
    emulator.faults.add("http_429:86400000*1")
    closed = becomes(client, ConnectionState.CLOSED)
    emulator.sessions[-1].abort()
    await closed


async def while_it_is_away(emulator: Emulator, client: RealtimeClient) -> None:
    """Have the client try."""
    await away(emulator, client)


async def while_it_is_open(emulator: Emulator, client: RealtimeClient) -> None:
    """Have nothing happen."""


@pytest.mark.parametrize(
    "moment",
    [after_a_fatal_loss, after_the_last_try, while_it_is_away, while_it_is_open],
)
async def test_close_forgets(
    emulator: Emulator,
    client: RealtimeClient,
    moment: Callable[[Emulator, RealtimeClient], Any],
) -> None:
    """The next session is told nothing, whenever that was."""
    await client.create_conversation_item(user_text("hello"))
    await client.append_pcm(SPEECH)
    await moment(emulator, client)
    await client.close()
    assert client.item_ids == []
    with pytest.raises(NotConnectedError):
        await client.append_pcm(SPEECH)
    emulator.flowing.set()
    await client.connect()
    assert await told(emulator, client) == []
    assert emulator.sessions[-1].received.of("input_audio_buffer.append") == []


async def test_what_comes_while_it_is_closed(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Events that come during the close belong to the conversation that has ended."""
    closing: list[asyncio.Task[None]] = []
    client.once(
        "conversation.item.added", lambda _: closing.append(begun(client.close()))
    )
    ended = becomes(client, ConnectionState.CLOSED)
    items = [{"id": f"item_{number}", **user_text("hello")} for number in range(2)]
    await emulator.sessions[-1].send_frame(
        *(
            orjson.dumps({"type": "conversation.item.added", "item": item}).decode()
            for item in items
        )
    )
    await ended
    await closing[0]
    assert client.item_ids == []
    await client.connect()
    assert await told(emulator, client) == []


async def test_connect_while_it_is_closed(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """connect() waits for the end of the old conversation, and begins a new one."""
    await client.create_conversation_item(user_text("hello"))
    closing = begun(client.close())
    assert client.state is ConnectionState.CLOSING
    await asyncio.gather(client.connect(), client.connect(configured=False))
    assert closing.done()
    assert await told(emulator, client) == []
    assert len(emulator.sessions) == 2
    assert emulator.sessions[0].close_code == 1000


async def test_closed_while_somebody_waits_for_the_end(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The last call counts: a close cancels a connect() that came before it."""
    closing = begun(client.close())
    connecting = begun(client.connect())
    await client.close()
    await closing
    with pytest.raises(NotConnectedError):
        await connecting
    assert client.state is ConnectionState.CLOSED
    assert len(emulator.handshakes) == 1


class Doorbell(asyncio.Event):
    """A gate for handshakes that stays closed, and tells when a client has come."""

    def __init__(self) -> None:
        """Begin without a client."""
        super().__init__()
        self.has_rung = asyncio.Event()

    async def wait(self) -> Literal[True]:
        """Wait to be let in."""
        self.has_rung.set()
        return await super().wait()


async def test_closed_as_a_try_runs_out_of_time(
    emulator: Emulator, make_client: MakeClient, clock: Clock
) -> None:
    """A close takes effect although a time-out cancels the handshake at the same moment."""
    client = make_client({"connect_timeout": 10.0})
    await client.connect()
    emulator.flowing = doorbell = Doorbell()
    emulator.sessions[-1].abort()
    await doorbell.has_rung.wait()
    closing: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    # After the time-out, in the same turn of the loop.
    loop.call_later(11.5, lambda: closing.append(begun(client.close())))
    await clock.advance(12.0)
    async with asyncio.timeout(5):
        await closing[0]
    assert client.state is ConnectionState.CLOSED
    emulator.flowing.set()
    assert len(emulator.sessions) == 1


async def test_closed_before_another_try(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A connect() whose connection turns out to be lost does not try again after a close."""
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting: list[asyncio.Task[None]] = []

    def moment(event: Any) -> None:
        # In the step that closes the connection, before any task is told.
        if event["state"] is ConnectionState.CLOSED and not lost.done():
            waiting.append(begun(client.close()))
            lost.set_result(None)

    await client.append_pcm(SPEECH)
    client.once("status_changed", lambda _: waiting.append(begun(client.connect())))
    client.on("connection_changed", moment)
    await emulator.sessions[-1].close(3000)
    await lost
    connected, closed = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(connected, NotConnectedError)
    assert closed is None
    assert client.state is ConnectionState.CLOSED
    assert len(emulator.handshakes) == 1


async def test_close_that_is_given_up(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A cancelled close() closes the client all the same."""
    await client.create_conversation_item(user_text("hello"))
    closed = becomes(client, ConnectionState.CLOSED)
    await given_up(begun(client.close()))
    await closed
    await client.connect()
    assert await told(emulator, client) == []


async def test_close_that_is_given_up_before_connecting_begins(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A cancelled close() also ends a connect() that began in the same step."""
    client = make_client()
    connecting, closing = begun(client.connect()), begun(client.close())
    await given_up(closing)
    with pytest.raises(NotConnectedError):
        await connecting
    await client.connect()
    assert len(emulator.handshakes) == 1


async def test_closed_as_soon_as_it_connects(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A listener that hears of a connection may be the one to close it."""
    client = make_client()
    closing: list[asyncio.Task[None]] = []
    client.once("connection_changed", lambda _: closing.append(begun(client.close())))
    with pytest.raises(NotConnectedError):
        await client.connect()
    await closing[0]
    assert client.state is ConnectionState.CLOSED
    assert emulator.handshakes == []


async def test_response_and_command_end_with_it(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Nothing waits for ever for what a closed conversation will not say."""
    emulator.faults.add("no_ack:conversation.item.create*1")
    creating = begun(client.create_conversation_item(user_text("hello")))
    await emulator.sessions[0].wait_for("conversation.item.create")
    await client.close()
    with pytest.raises(ConnectionLostError):
        await creating
