"""The table of states, and what the client tells of it."""

import asyncio
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    ConnectionLostError,
    ConnectionState,
    RealtimeClient,
)
from custom_components.azure_realtime_audio.realtime.protocol import commands
from custom_components.azure_realtime_audio.realtime.protocol.live_session import (
    Renewal,
)
from custom_components.azure_realtime_audio.realtime.supervisor import (
    TRANSITIONS,
    Change,
    State,
)
from emulator import Emulator, Reply

from .conftest import MakeClient
from .test_client import SPEECH, next_event, record, user_text

TASK = "realtime gpt-realtime"


def test_every_state_has_a_way_in_and_out() -> None:
    """And every change leads somewhere."""
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert set(TRANSITIONS) == reached == set(State)
    assert {change for row in TRANSITIONS.values() for change in row} == set(Change)
    assert {renewal.value for renewal in Renewal} < set(Change)


def test_every_state_but_closed_can_be_closed() -> None:
    """At any time."""
    for state, row in TRANSITIONS.items():
        assert (Change.CLOSE in row) is (state is not State.CLOSED)


async def test_closed_in_the_moment_of_a_loss(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A client that could come back is closed all the same."""
    client = make_client()
    await client.connect()
    await client.append_pcm(SPEECH)
    closing: list[asyncio.Task[None]] = []
    client.once(
        "status_changed",
        lambda _: closing.append(asyncio.Task(client.close(), eager_start=True)),
    )
    closed = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CLOSED)
    )
    emulator.sessions[0].abort()
    (task,) = [each for each in asyncio.all_tasks() if each.get_name() == TASK]
    await closed
    await closing[0]
    assert task.exception() is None
    assert len(emulator.handshakes) == 1
    await client.connect()


async def test_speech_that_is_given_up(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The app is told that nobody will hear it, and once."""
    client = make_client({"reconnect_delay": 5.0})
    await client.connect()
    dropped = record(client, "speech_dropped")
    await client.append_pcm(SPEECH)
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[0].abort()
    await lost
    assert dropped == []
    await client.close()
    (event,) = dropped
    assert isinstance(event["error"], ConnectionLostError)


async def test_speech_that_is_given_up_with_the_connection(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Where no other connection comes, the app is told why."""
    client = make_client({"max_reconnect_attempts": 1})
    await client.connect()
    await client.append_pcm(SPEECH)
    emulator.faults.add("http_503")
    given_up = asyncio.ensure_future(next_event(client, "speech_dropped"))
    closed = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CLOSED)
    )
    emulator.sessions[0].abort()
    assert str((await given_up)["error"]) == str((await closed)["error"])


async def test_current_session_is_a_copy(client: RealtimeClient) -> None:
    """Its changes are the caller's own."""
    session_id = client.session_id
    client.current_session["id"] = "mine"
    client.current_session["audio"].clear()
    assert client.session_id == session_id
    assert client.current_session["audio"]


async def test_tools_that_will_not_return(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The model is idle, unless it is making a response."""
    emulator.replies.append(Reply(tool_calls=[("turn_on", {"name": "lamp"})]))
    await (await client.create_response()).done()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="A long story", audio=False, hold=hold))
    response = await client.create_response()
    client.abandon_tool_calls()
    assert str(client.status) == "thinking"
    hold.set()
    await response.done()
    emulator.replies.append(Reply(tool_calls=[("turn_on", {"name": "lamp"})]))
    await (await client.create_response()).done()
    assert str(client.status) == "thinking"
    client.abandon_tool_calls()
    assert str(client.status) == "idle"


async def test_commands_in_one_go(emulator: Emulator, client: RealtimeClient) -> None:
    """All are sent before any is awaited, and each has its own outcome."""
    # The client's methods undo the rest when one command is refused: only a replay uses each outcome.
    channel = await client._supervisor.channel()  # noqa: SLF001
    emulator.faults.add("no_ack:conversation.item.create")
    item: dict[str, Any] = {"id": "item_1", **user_text("hello")}
    sending = asyncio.create_task(
        channel.send_all(
            [
                commands.create_item(channel.live, item),
                commands.create_item(channel.live, {"id": "item_2", "x": 2**64}),
                commands.delete_item(channel.live, "item_nobody"),
                commands.clear_audio(),
            ]
        )
    )
    session = emulator.sessions[0]
    await session.received.wait_for("input_audio_buffer.clear")
    assert not sending.done()
    await session.send({"type": "conversation.item.added", "item": item})
    created, unsendable, refused, cleared = await sending
    assert (created, cleared) == ("item_1", None)
    assert unsendable.key == "item"
    assert isinstance(refused, CommandError)
    assert refused.code == "item_delete_invalid_item_id"


async def test_commands_in_one_go_on_a_dead_socket(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Each is lost."""
    client = make_client()
    await client.connect()
    # The client's methods wait for the next connection: this needs the channel of the lost one.
    channel = await client._supervisor.channel()  # noqa: SLF001
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[0].abort()
    await lost
    outcomes = await channel.send_all(
        [commands.clear_audio(), commands.delete_item(channel.live, "item_1")]
    )
    assert [type(each) for each in outcomes] == [ConnectionLostError] * 2


@pytest.mark.parametrize("is_first", [True, False])
async def test_one_who_gives_up_connecting(
    emulator: Emulator, make_client: MakeClient, is_first: bool
) -> None:
    """A first connection is not tried any more; one that was lost is, and nothing is lost."""
    client = make_client()
    if not is_first:
        await client.connect()
        await client.create_conversation_item(user_text("hello"))
        emulator.faults.add("no_ack:session.update")
        emulator.sessions[0].abort()
        await next_event(client, "connection_changed")
    else:
        emulator.faults.add("no_ack:session.update")
    connecting = asyncio.Task(client.connect(), eager_start=True)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    emulator.faults.clear()
    if is_first:
        assert client.state is ConnectionState.CLOSED
        return
    assert client.state is ConnectionState.CONNECTING
    await client.connect()
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


async def test_conversation_that_another_client_goes_on_with(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The first client has none then; the second tells its session."""
    client = make_client()
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    conversation = client.take_record()
    assert client.item_ids == []
    other = make_client(record=conversation)
    await other.connect()
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


async def test_cancelled_twice(emulator: Emulator, client: RealtimeClient) -> None:
    """The second caller waits for the end as well."""
    emulator.replies.append(Reply(text="A long story", hold=asyncio.Event()))
    response = await client.create_response()
    ends = await asyncio.gather(response.cancel(), response.cancel())
    assert list(ends) == [True, True]
    cancels = emulator.sessions[0].received.of("response.cancel")
    assert len(cancels) == 1
