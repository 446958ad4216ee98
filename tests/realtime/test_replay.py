"""What is told again after a loss: the conversation as it was, in writing."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    CommandTimeoutError,
    ConnectionLostError,
    ConnectionState,
    RealtimeClient,
    RealtimeError,
)
from custom_components.azure_realtime_audio.realtime.protocol.conversation_record import (
    MAX_CHARACTERS,
    MAX_ITEMS,
    UNTRANSCRIBED,
    ConversationRecord,
)
from emulator import Emulator, Reply

from .conftest import MakeClient
from .random_conversation import RandomConversation
from .test_client import SPEECH, next_event, record, user_text

WRITTEN_DOWN = {
    "turn_detection": None,
    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
}


@given(random=st.randoms(use_true_random=False))
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,  # script/fuzz --conversation goes where no suite has gone
    # The fixtures have no state but the emulator's, of which each example takes a new session.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_both_sides_know_the_same(
    emulator: Emulator,
    make_client: MakeClient,
    api_version: str | None,
    random: Random,
) -> None:
    """Whatever happens: none lost, none doubled, all in order."""
    often = {"max_reconnect_attempts": 1000, "max_reconnect_delay": 0.01}
    async with make_client(
        often, session_config=WRITTEN_DOWN, api_version=api_version
    ) as client:
        talk = RandomConversation(emulator, client, random)
        for _ in range(25):
            await talk.go_on()


@pytest.fixture
async def client(make_client: MakeClient, api_version: str | None) -> RealtimeClient:
    """Return a connected client that gets what is spoken in writing, of each dialect."""
    client = make_client(session_config=WRITTEN_DOWN, api_version=api_version)
    await client.connect()
    return client


async def lose_connection(emulator: Emulator, client: RealtimeClient) -> None:
    """Cut the connection and wait for the next one."""
    opened = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.OPEN)
    )
    emulator.sessions[-1].abort()
    await opened


def said(emulator: Emulator) -> list[str]:
    """Return what the newest session's conversation says."""
    return [item.text for item in emulator.sessions[-1].conversation]


async def test_spoken_turn_becomes_text(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """What both said is known to the new session; of the model's words, those heard."""
    emulator.hears.append("Is the door locked?")
    emulator.replies.append(Reply(text="It is. Shall I open it?", pcm=bytes(48_000)))
    written = asyncio.ensure_future(
        next_event(client, "conversation.item.input_audio_transcription.completed")
    )
    await client.append_pcm(SPEECH)
    await client.commit_audio()
    await written
    response = await (await client.create_response()).done()
    await client.truncate_item(response.item_ids[0], 0, 250)
    ids = client.item_ids
    await lose_connection(emulator, client)
    assert said(emulator) == ["Is the door locked?", "It is."]
    assert client.item_ids == ids == [i.id for i in emulator.sessions[-1].conversation]
    assert emulator.sessions[-1].received.of("response.create") == []


async def test_what_nobody_wrote_down_is_said_again(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """What a person said is told as sound, as far as that is kept: the newest of it."""
    client = make_client(
        session_config=WRITTEN_DOWN,
        api_version=api_version,
        record=ConversationRecord(max_sound=3 * 9_700),
    )
    await client.connect()
    emulator.faults.add("no_transcription")
    sounds = [bytes([number, 0]) * 4_800 for number in range(1, 6)]  # 200 ms each
    for sound in sounds:
        # In pieces that are no whole groups of base64.
        await client.append_pcm(sound[:4_000])
        await client.append_pcm(sound[4_000:])
        await client.commit_audio()
    await client.delete_item(client.item_ids[-1])
    ids = client.item_ids
    for _ in range(2):
        await lose_connection(emulator, client)
        items = list(emulator.sessions[-1].conversation)
        assert [item.id for item in items] == ids
        assert [item.text for item in items] == [UNTRANSCRIBED, UNTRANSCRIBED, "", ""]
        assert [bytes(item.audio) for item in items[2:]] == sounds[2:4]


async def test_a_long_conversation_is_told_in_parts(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A part follows when the one before it has arrived: there is not all of it in memory."""
    record = ConversationRecord(batch_size=20_000)
    client = make_client({"command_timeout": 1.0}, record=record)
    await client.connect()
    emulator.faults.add("no_transcription")
    for _ in range(5):
        await client.append_pcm(bytes(9_600))  # 12,800 characters of base64
        await client.commit_audio()
    emulator.faults.add("no_ack:conversation.item.create*1")
    await lose_connection(emulator, client)
    _, begun, whole = emulator.sessions
    assert len(begun.received.of("conversation.item.create")) == 2
    assert [item.id for item in whole.conversation] == client.item_ids
    assert len(client.item_ids) == 5


async def test_interrupted_in_mid_sentence(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A truncation counts by what had been said when the person interrupted."""
    reply = Reply(text="one two", pcm=bytes(9_600), hold=asyncio.Event())
    emulator.replies.append(reply)
    speaking = asyncio.ensure_future(next_event(client, "response.output_audio.delta"))
    response = await client.create_response()
    await speaking
    await client.truncate_item(response.item_ids[0], 0, 50)
    await response.cancel()
    await lose_connection(emulator, client)
    assert said(emulator) == ["on"]  # of "one" in 100 ms


# What becomes of a command, and whether the next session is told what it was to take back.
ENDS = pytest.mark.parametrize(
    ("fault", "error", "is_told"),
    [
        ("no_ack:{}*1", CommandTimeoutError, False),
        ("ends_at:{}/1006*1", ConnectionLostError, False),
        ("ends_at:{}/1011*1", ConnectionLostError, False),
        ("refuse:{}*1", CommandError, True),
    ],
)


async def next_session_after(
    emulator: Emulator,
    client: RealtimeClient,
    command: Coroutine[Any, Any, None],
    error: type[RealtimeError],
) -> list[str]:
    """Let a command fail; return what the next session is told."""
    opened = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.OPEN)
    )
    with pytest.raises(error):
        await command
    if error is CommandError:  # the session lives on
        emulator.sessions[-1].abort()
    await opened
    return said(emulator)


@ENDS
@pytest.mark.parametrize("is_speaking", [True, False])
async def test_truncation_that_is_not_acknowledged(
    emulator: Emulator,
    make_client: MakeClient,
    api_version: str | None,
    fault: str,
    error: type[RealtimeError],
    is_told: bool,
    is_speaking: bool,
) -> None:
    """The model is told what was heard, whatever became of the command."""
    client = make_client({"command_timeout": 1.0}, api_version=api_version)
    await client.connect()
    hold = asyncio.Event() if is_speaking else None
    emulator.replies.append(Reply(text="one two", pcm=bytes(9_600), hold=hold))
    speaking = asyncio.ensure_future(next_event(client, "response.output_audio.delta"))
    response = await client.create_response()
    await speaking
    if not is_speaking:
        await response.done()
    emulator.faults.add(fault.format("conversation.item.truncate"))
    command = client.truncate_item(response.item_ids[0], 0, 50)
    words = await next_session_after(emulator, client, command, error)
    whole = "one" if is_speaking else "one two"
    assert words == [whole if is_told else "on"]


@ENDS
async def test_deletion_that_is_not_acknowledged(
    emulator: Emulator,
    make_client: MakeClient,
    api_version: str | None,
    fault: str,
    error: type[RealtimeError],
    is_told: bool,
) -> None:
    """What was to be gone is not told again."""
    client = make_client({"command_timeout": 1.0}, api_version=api_version)
    await client.connect()
    item_id = await client.create_conversation_item(user_text("forget it"))
    await client.create_conversation_item(user_text("hello"))
    emulator.faults.add(fault.format("conversation.item.delete"))
    command = client.delete_item(item_id)
    words = await next_session_after(emulator, client, command, error)
    assert words == (["forget it", "hello"] if is_told else ["hello"])
    assert client.item_ids == [item.id for item in emulator.sessions[-1].conversation]


async def test_what_cannot_be_told_again(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A refused item does not stop the others, and the conversation goes on without it."""
    for text in ("a", "b", "c"):
        await client.create_conversation_item(user_text(text))
    emulator.faults.add("refuse:conversation.item.create*1")
    await lose_connection(emulator, client)
    assert sorted(said(emulator)) == ["b", "c"]
    await client.create_conversation_item(user_text("d"))
    await lose_connection(emulator, client)
    assert said(emulator) == ["b", "c", "d"]


async def test_lost_again_while_telling(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A connection that breaks in the middle of it takes nothing along."""
    for text in ("a", "b"):
        await client.create_conversation_item(user_text(text))
    emulator.faults.add("ends_at:conversation.item.create/1006*1")
    await lose_connection(emulator, client)
    assert len(emulator.sessions) == 3
    assert said(emulator) == ["a", "b"]


async def test_conversation_survives_a_fatal_loss(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """What the client could not help ends the connection, not the conversation."""
    await client.create_conversation_item(user_text("hello"))
    closed = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CLOSED)
    )
    await emulator.sessions[-1].close(3000)
    await closed
    await client.connect()
    assert said(emulator) == ["hello"]


async def test_close_ends_the_conversation(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A client that was closed begins a new conversation."""
    await client.create_conversation_item(user_text("hello"))
    await client.close()
    await client.connect()
    assert (said(emulator), client.item_ids) == ([], [])


async def test_tool_outlives_the_connection(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The call is told again, so that its output has its place; it is not made again."""
    emulator.replies.append(Reply(tool_calls=[("turn_on", {"name": "lamp"})]))
    response = await (await client.create_response()).done()
    (call,) = response.tool_calls
    await lose_connection(emulator, client)
    await client.create_conversation_item(
        {"type": "function_call_output", "call_id": call.call_id, "output": "done"}
    )
    called, output = emulator.sessions[-1].conversation
    assert called.fields == {
        "call_id": call.call_id,
        "name": "turn_on",
        "arguments": '{"name": "lamp"}',
    }
    assert (called.id, output.text) == (call.item_id, "done")
    assert client.active_response is None


async def test_echo_that_leaves_things_out(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The client knows what it sent."""
    emulator.faults.add("no_ack:conversation.item.create*1")
    creating = asyncio.ensure_future(
        client.create_conversation_item({"id": "item_1", **user_text("hello")})
    )
    session = emulator.sessions[-1]
    await session.wait_for("conversation.item.create")
    name = "added" if client.dialect == "ga" else "created"
    echo = {"id": "item_1", "type": "message", "role": "user", "status": "completed"}
    await session.send({"type": f"conversation.item.{name}", "item": echo})
    await creating
    await lose_connection(emulator, client)
    assert said(emulator) == ["hello"]


def added(number: int, **item: Any) -> dict[str, Any]:
    """Return the service's word of a new item."""
    item = {"id": f"item_{number}", **user_text(f"{number}"), **item}
    return {"type": "conversation.item.added", "item": item}


def test_oldest_go_first() -> None:
    """The record is bounded by the number of items and by their size; the newest stays."""
    conversation = ConversationRecord()
    for number in range(MAX_ITEMS + 2):
        conversation.feed(added(number))
    assert len(conversation.item_ids) == MAX_ITEMS
    assert conversation.item_ids[0] == "item_2"
    image = {"type": "input_image", "image_url": "x" * (MAX_CHARACTERS // 2)}
    conversation.feed(added(1000, content=[image]))
    assert len(conversation.item_ids) == MAX_ITEMS
    conversation.feed(added(1001, content=[image]))
    assert conversation.item_ids == ["item_1001"]
    conversation.feed(added(1002, content=[image, image]))
    assert [item["content"] for item in conversation.items()] == [[image, image]]


def test_what_no_event_can_have() -> None:
    """An item that is too big to be told again does not make the others go."""
    conversation = ConversationRecord()
    conversation.feed(added(1))
    huge = user_text("x" * 20 * 2**20)
    for event_type in ("added", "done"):
        event = added(2, **huge)
        conversation.feed({**event, "type": f"conversation.item.{event_type}"})
    conversation.feed(
        {"type": "conversation.item.truncated", "item_id": "item_2", "audio_end_ms": 1}
    )
    conversation.record_sent({"id": "item_2", **huge}, None)
    conversation.feed(added(3))
    assert conversation.item_ids == ["item_1", "item_3"]


def test_ids_that_the_service_gave() -> None:
    """A client may not choose an id that long."""
    conversation = ConversationRecord()
    item_id = "item_of_somebody_who_likes_to_make_long_names"
    conversation.committed(item_id, None, [bytes(3), bytes(1)])
    assert conversation.wire_id(item_id) == item_id
    for _ in range(2):
        (item,) = conversation.items()
        conversation.begin_to_tell(item["id"])
        assert len(conversation.wire_id(item["id"])) == 32
        assert conversation.item_ids == [item_id]
        assert item["content"] == [{"type": "input_audio", "audio": "AAAAAA=="}]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "mcp_list_tools", "server_label": "a", "tools": []},
        {
            "type": "function_call",
            "status": "incomplete",
            "arguments": "{",
            "name": "a",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
        {"role": "assistant", "content": []},
    ],
)
def test_what_nobody_can_create(item: dict[str, Any]) -> None:
    """Such items stay behind."""
    conversation = ConversationRecord()
    conversation.feed(added(0, **item))
    assert list(conversation.items()) == []


def test_events_of_items_unheard_of() -> None:
    """Events of unknown items change nothing."""
    conversation = ConversationRecord()
    conversation.feed(added(0))
    for event in (
        {"type": "conversation.item.deleted", "item_id": "item_1"},
        {"type": "conversation.item.truncated", "item_id": "x", "audio_end_ms": 1},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_1",
            "content_index": 0,
            "transcript": "hello",
        },
    ):
        conversation.feed(event)
    assert [item["content"][0]["text"] for item in conversation.items()] == ["0"]


async def test_doubled_events_count_once(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A listener hears a doubled event once, and the words are there once."""
    emulator.faults.add("doubled_events")
    emulator.replies.append(
        Reply(text="It is on.", audio=False, tool_calls=[("turn_on", {})])
    )
    heard = record(client, "*")
    await client.create_conversation_item(user_text("hello"))
    response = await (await client.create_response()).done()
    assert (response.text, len(response.tool_calls)) == ("It is on.", 1)
    # Preview tells in one event what GA tells in two.
    kinds = [(event["type"], event.get("event_id")) for event in heard]
    assert len(set(kinds)) == len(kinds)
    emulator.faults.clear()
    await lose_connection(emulator, client)
    assert said(emulator) == ["hello", "It is on.", ""]


async def test_events_without_an_id_are_never_the_same(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Some gateways give none."""
    heard = record(client, "rate_limits.updated")
    for _ in range(2):
        await emulator.sessions[-1].send({"type": "rate_limits.updated"})
    await client.create_conversation_item(user_text("hello"))
    assert len(heard) == 2
