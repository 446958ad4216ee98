"""Gateways that leave keys out, count events oddly or call things by long names."""

import asyncio
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    ConnectionState,
    InvalidConfigError,
    RealtimeClient,
    ResponseActiveError,
)
from custom_components.azure_realtime_audio.realtime.protocol.items import short_id
from emulator import Emulator, Reply
from emulator.faults import ODDITIES

from .conftest import MakeClient
from .test_client import TURN_ON, next_event, user_text

# What may come of a response that nobody has asked for.
STRAY = (
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.function_call_arguments.delta",
    "response.output_item.done",
    "response.mood.updated",
)
FAULTS = (
    "missing_keys",
    "missing_keys:conversation.item.added/item",
    "missing_keys:conversation.item.done/item.id",
    "missing_keys:response.created/response",
    "missing_keys:response.output_item.added/item",
    "missing_keys:response.output_item.done/item",
    "missing_keys:response.done/response",
    "missing_keys:response.done/response.id",
    "missing_keys:session.updated/session",
    "odd_done",
    *(f"odd_done:{oddity}" for oddity in ODDITIES),
    *(f"stray_response:{event_type}" for event_type in STRAY),
    "constant_event_ids",
    "null_event_ids",
)


async def lose(emulator: Emulator, client: RealtimeClient) -> None:
    """Lose the connection, and have another."""
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[-1].abort()
    await lost
    await client.connect()


@pytest.mark.parametrize("fault", FAULTS)
async def test_oddity(emulator: Emulator, make_client: MakeClient, fault: str) -> None:
    """Turns, a loss and the next turn go as they ever do, and the next session knows all."""
    emulator.faults.add(fault)
    client = make_client(
        session_config={"turn_detection": None, "tools": [TURN_ON]},
        websocket_options={"command_timeout": 5.0},
    )
    async with asyncio.timeout(4):  # nothing waits for its time-out
        await client.connect()
        emulator.replies += [
            Reply(text="Ha ha ha ha", tool_calls=[("turn_on", {"name": "lamp"})]),
            Reply(text="It is on."),
        ]
        await client.create_conversation_item(user_text("The lamp, please"))
        response = await (await client.create_response()).done()
        assert response.transcript == "Ha ha ha ha"
        (call,) = response.tool_calls
        assert call.arguments == '{"name": "lamp"}'
        await lose(emulator, client)
        await client.create_conversation_item(
            {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}
        )
        response = await (await client.create_response()).done()
        assert response.transcript == "It is on."
        await lose(emulator, client)
        assert [item.text for item in emulator.sessions[-1].conversation] == [
            "The lamp, please",
            "Ha ha ha ha",
            "",  # the call
            "{}",
            "It is on.",
        ]
        assert client.state is ConnectionState.OPEN


@pytest.mark.parametrize("event_type", STRAY)
@pytest.mark.parametrize("turn_detection", [None, {"type": "server_vad"}])
async def test_stray_event(
    emulator: Emulator,
    make_client: MakeClient,
    event_type: str,
    turn_detection: dict[str, Any] | None,
) -> None:
    """One event of an unknown response keeps nobody from asking for one."""
    client = make_client(session_config={"turn_detection": turn_detection})
    await client.connect()
    emulator.faults.add(f"stray_response:{event_type}")
    await client.update_session({"instructions": "Be brief"})
    await emulator.sessions[0].sent.wait_for(event_type)
    emulator.replies.append(Reply(text="Here I am."))
    response = await (await client.create_response()).done(5)
    assert response.transcript == "Here I am."
    assert client.active_response is None


async def test_the_service_knows_best(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A response that the client knows only a piece of is one all the same, if the service says so."""
    emulator.faults.add("stray_response")
    await client.update_session({"instructions": "Be brief"})
    emulator.faults.clear()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Still here.", hold=hold))
    emulator.faults.add("no_ack:response.create")
    session = emulator.sessions[0]
    creating = asyncio.create_task(client.create_response())
    await session.wait_for("response.create")
    refusal = {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response in progress",
    }
    await session.send({"type": "error", "error": refusal})
    with pytest.raises(ResponseActiveError):
        await creating


@pytest.mark.parametrize("fault", ["constant_event_ids", "null_event_ids"])
async def test_equal_pieces(
    emulator: Emulator, make_client: MakeClient, fault: str
) -> None:
    """Where the ids of events tell nothing, what comes twice was said twice."""
    emulator.faults.add(fault)
    client = make_client(session_config={"output_modalities": ["text"]})
    await client.connect()
    emulator.replies.append(Reply(text="no no no no"))
    response = await (await client.create_response()).done(5)
    assert [delta.text for delta in response.deltas] == ["no", " no", " no", " no"]


async def test_refusal_without_a_name(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A refusal that names no command is that of the one which is not acknowledged."""
    emulator.faults.add("no_ack:conversation.item.create")
    emulator.faults.add("no_ack:session.update")
    session = emulator.sessions[0]
    creating = asyncio.create_task(
        client.create_conversation_item({**user_text("a"), "id": "item_1"})
    )
    updating = asyncio.create_task(client.update_session({"instructions": "b"}))
    await session.wait_for("session.update", 2)
    refusal = {"type": "invalid_request_error", "code": None, "message": "Nein."}
    await session.send({"type": "error", "error": refusal})
    item = {**user_text("a"), "id": "item_1"}
    await session.send({"type": "conversation.item.added", "item": item})
    assert await creating == "item_1"
    with pytest.raises(CommandError, match="Nein"):
        await updating


LONG = "chatcmpl-tool-0123456789abcdef0123456789abcdef"


async def test_long_ids_of_a_client(emulator: Emulator, client: RealtimeClient) -> None:
    """Whoever chose a long id goes on with it, in this session and after a loss."""
    call = {"type": "function_call", "call_id": LONG, "name": "a", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": LONG, "output": "{}"}
    item_ids = [f"{LONG}-{number}" for number in range(3)]
    for item_id, item in zip(item_ids, (user_text("one"), call, output), strict=True):
        created = client.create_conversation_item({**item, "id": item_id})
        assert await created == item_id
    behind = await client.create_conversation_item(user_text("two"), item_ids[0])
    assert client.item_ids == [item_ids[0], behind, *item_ids[1:]]
    for text in ("three", "four"):
        held = [*emulator.sessions[-1].conversation]
        assert {item.fields.get("call_id") for item in held if item.fields} == {
            held[-1].fields["call_id"]
        }
        await client.create_conversation_item(user_text(text), item_ids[0])
        await lose(emulator, client)
    held = [*emulator.sessions[-1].conversation]
    assert [item.text for item in held] == ["one", "four", "three", "two", "", "{}"]
    response = await client.create_response(
        {
            "input": [
                {"type": "item_reference", "id": item_ids[0]},
                {**user_text("aside"), "id": LONG},
                call,
                output,
            ]
        }
    )
    assert (await response.done(5)).status == "completed"
    for item_id in item_ids:
        await client.delete_item(item_id)
    assert not {*item_ids} & {*client.item_ids}
    assert len(emulator.sessions[-1].conversation) == len(client.item_ids)


async def test_long_ids_of_a_service(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """What was handed out goes on working in sessions whose service did not make it."""
    emulator.faults.add("long_ids")
    await client.append_pcm(bytes(9_600))
    said = await client.commit_audio()
    emulator.replies.append(
        Reply(text="Wait.", tool_calls=[("turn_on", {}), ("turn_on", {"a": 1})])
    )
    response = await (await client.create_response()).done(5)
    first, second = response.tool_calls
    assert min(map(len, (said, first.call_id, *response.item_ids))) > 32

    async def answer(call_id: str) -> None:
        await client.create_conversation_item(
            {"type": "function_call_output", "call_id": call_id, "output": "{}"}
        )

    await answer(first.call_id)  # in the session in which it was made
    emulator.faults.clear()
    for _ in range(2):
        await lose(emulator, client)
        assert client.item_ids[:2] == [said, response.item_ids[0]]
    await answer(second.call_id)
    await client.create_conversation_item(user_text("And?"), response.item_ids[0])
    await client.delete_item(said)
    kinds = [item.role or item.type for item in emulator.sessions[-1].conversation]
    assert kinds == [
        "assistant",
        "user",
        *["function_call"] * 2,
        *["function_call_output"] * 2,
    ]
    await lose(emulator, client)
    again = [item.role or item.type for item in emulator.sessions[-1].conversation]
    assert again == kinds


@pytest.mark.parametrize("conversation", ["auto", "none"])
async def test_long_ids_in_the_input_of_a_response(
    emulator: Emulator, client: RealtimeClient, conversation: str
) -> None:
    """A call is called what the session calls it: the service's own, or one that is given along."""
    emulator.faults.add("long_ids")
    emulator.replies.append(Reply(tool_calls=[("turn_on", {})]))
    response = await (await client.create_response()).done(5)
    (call,) = response.tool_calls
    given = {"type": "function_call", "call_id": LONG, "name": "a", "arguments": "{}"}
    output = {"type": "function_call_output", "output": "{}"}
    items = [
        {"type": "item_reference", "id": response.item_ids[0]},
        {**output, "call_id": call.call_id},
        given,
        {**output, "call_id": LONG},
    ]

    async def ask() -> list[str | None]:
        config = {"conversation": conversation, "input": items}
        assert (await (await client.create_response(config)).done(5)).text is not None
        sent = emulator.sessions[-1].received.of("response.create")[-1]["response"]
        return [item.get("call_id") for item in sent["input"]]

    _, of_service, of_given, of_output = await ask()
    assert of_service == call.call_id
    assert of_given == of_output != LONG
    await lose(emulator, client)
    told = emulator.sessions[-1].conversation.find(short_id(response.item_ids[0]))
    assert told is not None
    assert (await ask())[1] == told.fields["call_id"]


async def test_long_ids_that_json_cannot_carry(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """They are refused before anything is sent, like short ones."""
    odd = "\ud800" * 40
    call = {"type": "function_call", "call_id": odd, "name": "a", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": odd, "output": "{}"}
    sent = len(emulator.sessions[0].received)
    for command in (
        client.create_conversation_item({**user_text("a"), "id": odd}),
        client.create_conversation_item(user_text("a"), odd),
        client.create_conversation_item(call),
        client.create_conversation_item(output),
        client.delete_item(odd),
        client.truncate_item(odd, 0, 1),
        client.create_response({"input": [call]}),
        client.create_response({"input": [{"type": "item_reference", "id": odd}]}),
    ):
        with pytest.raises(InvalidConfigError):
            await command
    assert len(emulator.sessions[0].received) == sent


async def test_ids_of_the_services_choice(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A new session calls an item something else; those who know the item need not know that."""
    emulator.faults.add("chosen_ids")
    one = await client.create_conversation_item(user_text("one"))
    two = await client.create_conversation_item({**user_text("two"), "id": "item_2"})
    assert two == "item_2"
    assert client.item_ids == [one, two]
    for _ in range(2):
        await lose(emulator, client)
        assert client.item_ids == [one, two]
    await client.delete_item(one)
    await client.create_conversation_item(user_text("three"), two)
    held = [item.text for item in emulator.sessions[-1].conversation]
    assert held == ["two", "three"]


def longest(value: Any) -> int:
    """Return the length of the longest text in a value."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return max((longest(part) for part in parts), default=0)
    return len(value) if isinstance(value, str) else 0


@pytest.mark.parametrize("what", ["transcript", "item", "unknown"])
async def test_huge_text(emulator: Emulator, client: RealtimeClient, what: str) -> None:
    """A text of 20 MiB goes to nobody whole: not to listeners, readers, or the next session."""
    lengths: list[int] = []
    client.on("*", lambda event: lengths.append(longest(dict(event))))
    emulator.faults.add(f"huge_event:{what}*1")
    emulator.replies.append(Reply(text="Hello."))
    response = await (await client.create_response()).done(10)
    assert response.transcript.endswith("Hello.")
    transcript = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": response.item_ids[0],
        "transcript": "x" * 20 * 2**20,
    }
    await emulator.sessions[0].send(transcript)
    await lose(emulator, client)
    said = [longest([item.content]) for item in emulator.sessions[-1].conversation]
    assert 1_000 < max(lengths) <= 128 * 1024
    assert max(len(response.transcript), *said) <= 128 * 1024


async def test_huge_sound_is_no_text(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Base64 is not cut: a recording that is asked for comes whole."""
    sound = "AAAA" * 2**18
    heard: list[int] = []
    client.on("conversation.item.retrieved", lambda e: heard.append(longest(dict(e))))
    item = {
        "id": "item_1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": sound}],
    }
    await emulator.sessions[0].send(
        {"type": "conversation.item.retrieved", "item": item}
    )
    await client.update_session({"instructions": "Be brief"})
    assert heard == [len(sound)]
