"""The reference client's surface, on both dialects, against the emulator."""

import asyncio
from base64 import b64encode
import math
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    CommandTimeoutError,
    ConnectionLostError,
    ConnectionState,
    Dialect,
    InvalidAudioError,
    InvalidConfigError,
    ModelStatus,
    NotConnectedError,
    RealtimeClient,
)
from custom_components.azure_realtime_audio.realtime.audio import ulaw_decode
from emulator import Emulator, Reply
from emulator.faults import ORDERS

from .conftest import KEY, MakeClient

SPEECH = bytes(48_000)  # one second
TURN_ON = {
    "type": "function",
    "name": "turn_on",
    "description": "Turn something on",
    "parameters": {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    },
}


def user_text(text: str) -> dict[str, Any]:
    """Return a user's message."""
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def record(client: RealtimeClient, event: str) -> list[Any]:
    """Collect every such event from now on."""
    events: list[Any] = []
    client.on(event, events.append)
    return events


async def next_event(
    client: RealtimeClient, event: str, **fields: Any
) -> dict[str, Any]:
    """Wait for the next such event, with these fields."""
    future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def listener(event: Any) -> None:
        if not future.done() and event.items() >= fields.items():
            future.set_result(event)

    unsubscribe = client.on(event, listener)
    try:
        async with asyncio.timeout(5):
            return await future
    finally:
        unsubscribe()


async def status(client: RealtimeClient, wanted: ModelStatus) -> None:
    """Wait for a status."""
    if client.status is not wanted:
        await next_event(client, "status_changed", status=wanted)


# --- Session


async def test_init_tells_the_session_once(
    make_client: MakeClient, api_version: str | None
) -> None:
    """``init`` has the session that is in force, in one form for both dialects."""
    client = make_client(
        api_version=api_version,
        session_config={"voice": "shimmer", "instructions": "Be brief"},
    )
    inits, states = record(client, "init"), record(client, "connection_changed")
    assert (client.is_initialized, client.state) == (False, "closed")
    async with client:
        await client.connect()  # is connected already
        assert (client.is_initialized, client.state) == (True, "open")
        assert client.session_id
        assert client.dialect is (Dialect.PREVIEW if api_version else Dialect.GA)
        await client.update_session({"instructions": "Be long"})
        (session,) = inits
        assert session["instructions"] == "Be brief"
        assert session["audio"]["output"]["voice"] == "shimmer"
        assert client.current_session["instructions"] == "Be long"
    assert (client.is_initialized, client.state) == (False, "closed")
    assert [event["state"] for event in states] == [
        "connecting",
        "open",
        "closing",
        "closed",
    ]
    assert client.session_id is None


async def test_key_goes_in_the_header_only(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A key in a URL would end in a log."""
    (handshake,) = emulator.handshakes
    assert handshake.headers["api-key"] == KEY
    assert KEY not in str(handshake.query)
    assert KEY not in repr(client) + repr(client.options)


async def test_token_goes_in_place_of_the_key(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A Microsoft Entra token is asked for at each connection."""

    async def provide() -> str:
        return KEY

    await make_client(api_key="", token_provider=provide).connect()
    (handshake,) = emulator.handshakes
    assert handshake.headers["Authorization"] == f"Bearer {KEY}"
    assert "api-key" not in handshake.headers


async def test_update_session_changes_what_is_given(client: RealtimeClient) -> None:
    """A null is sent as null; what is absent stays as it was."""
    await client.update_session(
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": 700}}
    )
    assert (
        client.current_session["audio"]["input"]["turn_detection"][
            "silence_duration_ms"
        ]
        == 700
    )
    await client.update_session({"audio": {"input": {"turn_detection": None}}})
    assert client.current_session["audio"]["input"]["turn_detection"] is None
    assert client.current_session["audio"]["output"]["voice"] == "alloy"


async def test_bad_session_is_named_before_anything_is_sent(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The error names the key, and the session does not notice."""
    updates = emulator.sessions[0].received.of("session.update")
    with pytest.raises(InvalidConfigError) as raised:
        await client.update_session({"voice": "fable"})
    assert raised.value.key == "voice"
    assert emulator.sessions[0].received.of("session.update") == updates


async def test_refused_update_changes_nothing(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A refused setting is reported with its code, and is not sent again."""
    await client.create_conversation_item(user_text("hello"))
    response = await client.create_response()
    await response.done()
    with pytest.raises(CommandError) as raised:
        await client.update_session({"voice": "echo"})
    assert raised.value.code == "cannot_update_voice"
    assert client.current_session["audio"]["output"]["voice"] == "alloy"
    emulator.sessions[0].abort()
    await next_event(client, "session.updated")
    assert client.current_session["audio"]["output"]["voice"] == "alloy"


async def test_service_that_speaks_the_other_dialect_is_understood(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """The frame that arrives decides."""
    emulator.faults.add("wrong_dialect")
    client = make_client(api_version=api_version)
    await client.connect()
    assert client.dialect is (Dialect.GA if api_version else Dialect.PREVIEW)
    assert client.current_session["audio"]["output"]["voice"] == "alloy"
    await client.create_conversation_item(user_text("hello"))
    response = await client.create_response()
    assert (await response.done()).transcript


# --- Text and audio turns


async def test_typed_question_spoken_answer(client: RealtimeClient) -> None:
    """The answer arrives in pieces of words and sound."""
    item_id = await client.create_conversation_item(user_text("hello"))
    assert item_id
    response = await client.create_response()
    active = client.active_response
    assert active is response
    kinds = {delta.kind async for delta in response}
    assert kinds == {"audio", "transcript"}
    assert client.active_response is not active
    assert response.status == "completed"
    assert response.transcript
    assert response.audio_ms > 100
    assert response.usage is not None
    assert (
        response.usage["total_tokens"]
        == response.usage["input_tokens"] + response.usage["output_tokens"]
    )


async def test_text_answer(emulator: Emulator, client: RealtimeClient) -> None:
    """A response can be had in writing, with instructions of its own."""
    emulator.replies.append(Reply(text="Good morning to you"))
    response = await client.create_response(
        {"modalities": ["text"], "instructions": "Greet"}
    )
    await response.done()
    assert response.text == "Good morning to you"
    assert response.audio == b""
    assert client.status == "idle"


async def test_manual_audio_turn(emulator: Emulator, client: RealtimeClient) -> None:
    """The app says when a turn ends; the status follows the turn."""
    emulator.replies.append(Reply(text="Yes"))
    statuses = record(client, "status_changed")
    await client.append_audio(b64encode(SPEECH[:24_000]).decode())
    await client.append_pcm(SPEECH[:24_000])
    assert client.status == "listening"
    item_id = await client.commit_audio()
    assert client.status == "thinking"
    response = await client.create_response()
    await response.done()
    assert client.status == "speaking"
    client.set_model_speak_done()
    client.set_model_speak_done()
    assert [event["status"] for event in statuses] == [
        "listening",
        "thinking",
        "speaking",
        "idle",
    ]
    assert emulator.sessions[0].conversation.find(item_id) is not None


async def test_speaking_ends_with_the_audio(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The duration of the reply ends SPEAKING if the app does not report the end of playback."""
    emulator.replies.append(Reply(text="Yes", pcm=SPEECH[: 48 * 150]))
    began = asyncio.get_running_loop().time()
    response = await client.create_response()
    await response.done()
    assert client.status == "speaking"
    await status(client, ModelStatus.IDLE)
    assert asyncio.get_running_loop().time() - began >= 0.15


async def test_cleared_audio_is_forgotten(client: RealtimeClient) -> None:
    """Clearing ends the turn before it was one."""
    await client.append_pcm(SPEECH)
    await client.clear_audio_buffer()
    assert client.status == "idle"
    with pytest.raises(CommandError) as raised:
        await client.commit_audio()
    assert raised.value.code == "input_audio_buffer_commit_empty"
    await client.append_pcm(SPEECH)
    assert client.status == "listening"
    assert await client.commit_audio()


async def test_server_vad_turn(
    make_client: MakeClient, api_version: str | None
) -> None:
    """The service finds the turn and answers by itself."""
    client = make_client(
        api_version=api_version,
        session_config={
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300}
        },
    )
    await client.connect()
    statuses = record(client, "status_changed")
    tone = (b"\x00\x30" * 12 + b"\x00\xd0" * 12) * 1000
    await client.append_pcm(tone + bytes(48_000))
    done = await next_event(client, "response.done")
    assert done["response"]["status"] == "completed"
    assert [event["status"] for event in statuses] == [
        "listening",
        "thinking",
        "speaking",
    ]


@pytest.mark.parametrize(
    ("audio", "error"), [("no base64!", "base64"), ("AAA", "base64"), ("x" * 16, None)]
)
async def test_append_checks_base64(
    client: RealtimeClient, audio: str, error: str | None
) -> None:
    """Audio that is not base64 is never sent."""
    if error is None:
        await client.append_audio(audio)
        return
    with pytest.raises(InvalidAudioError):
        await client.append_audio(audio)


async def test_append_is_bounded(client: RealtimeClient) -> None:
    """The service takes 15 MiB in one event, and no half samples."""
    with pytest.raises(InvalidAudioError):
        await client.append_pcm(bytes(12 * 1024 * 1024))
    with pytest.raises(InvalidAudioError):
        await client.append_pcm(b"\0")


async def test_other_sample_rates_are_resampled(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A second of 16 kHz stays a second, to the last sample, in chunks of any size."""
    second = bytes(32_000)
    for start in range(0, len(second), 320):
        await client.append_pcm(second[start : start + 320], sample_rate=16_000)
    item_id = await client.commit_audio()
    item = emulator.sessions[0].conversation.find(item_id)
    assert item is not None
    assert len(item.audio) == 48_000


async def test_g711_sessions_take_pcm_too(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """The client encodes what the session wants, and counts its time right."""
    client = make_client(
        api_version=api_version,
        session_config={
            "turn_detection": None,
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "g711_ulaw",
        },
    )
    await client.connect()
    await client.append_pcm(SPEECH)
    await client.commit_audio()
    appended = emulator.sessions[0].received.of("input_audio_buffer.append")
    assert sum(len(event["audio"]) * 3 // 4 for event in appended) in range(7998, 8003)
    emulator.replies.append(Reply(text="Yes", pcm=SPEECH))
    response = await client.create_response()
    await response.done()
    assert response.audio_ms == 1000
    assert len(ulaw_decode(response.audio)) == 16_000


# --- Tools


async def test_tool_call_and_continuation(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A call is told with its arguments; its output leads to the spoken answer."""
    await client.update_session({"tools": [TURN_ON], "tool_choice": "auto"})
    emulator.replies.append(Reply(tool_calls=[("turn_on", {"name": "lamp"})]))
    response = await client.create_response()
    await response.done()
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("turn_on", '{"name": "lamp"}')
    assert client.status == "thinking"
    await client.create_conversation_item(
        {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": '{"ok": true}',
        }
    )
    emulator.replies.append(Reply(text="The lamp is on"))
    response = await client.create_response()
    assert (await response.done()).transcript == "The lamp is on"


async def test_output_of_an_unknown_call_is_refused(client: RealtimeClient) -> None:
    """The service knows which calls it made."""
    with pytest.raises(CommandError) as raised:
        await client.create_conversation_item(
            {"type": "function_call_output", "call_id": "call_x", "output": "{}"}
        )
    assert raised.value.code == "invalid_tool_call_id"


# --- Conversation items


async def test_items_are_placed_deleted_and_truncated(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Items go where they were sent, and spoken ones can be cut."""
    last = await client.create_conversation_item(user_text("two"))
    first = await client.create_conversation_item(user_text("one"), "root")
    middle = await client.create_conversation_item(
        {"id": "my_item", **user_text("and")}, first
    )
    assert middle == "my_item"
    conversation = emulator.sessions[0].conversation
    assert [item.id for item in conversation] == [first, middle, last]
    await client.delete_item(middle)
    assert [item.id for item in conversation] == [first, last]
    response = await client.create_response()
    await response.done()
    (spoken,) = response.item_ids
    await client.truncate_item(spoken, 0, 50)
    with pytest.raises(CommandError, match="already shorter"):
        await client.truncate_item(spoken, 0, 60_000)


@pytest.mark.parametrize("fault", ["unknown_keys", "null_error_codes"])
async def test_refusals_have_their_code(
    emulator: Emulator, client: RealtimeClient, fault: str
) -> None:
    """Also where an old service leaves it out."""
    emulator.faults.add(fault)
    with pytest.raises(CommandError) as raised:
        await client.delete_item("item_nobody")
    assert raised.value.code == "item_delete_invalid_item_id"
    with pytest.raises(CommandError) as raised:
        await client.truncate_item("item_nobody", 0, 10)
    assert raised.value.code == "item_truncate_invalid_item_id"


async def test_error_without_event_id_finds_its_command(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Some gateways do not tell which command an error is about."""
    emulator.faults.add("no_ack:conversation.item.delete")
    emulator.faults.add("no_ack:input_audio_buffer.clear")
    session = emulator.sessions[0]

    async def refuse(command: str, message: str) -> None:
        await session.wait_for(command)
        error = {"type": "invalid_request_error", "message": message}
        await session.send({"type": "error", "error": error})

    clear = asyncio.create_task(client.clear_audio_buffer())
    delete = asyncio.create_task(client.delete_item("item_nobody"))
    await refuse("conversation.item.delete", "Error deleting item: no such item")
    with pytest.raises(CommandError, match="no such item"):
        await delete
    await refuse("input_audio_buffer.clear", "Who knows")
    with pytest.raises(CommandError, match="Who knows"):
        await clear


@pytest.mark.parametrize("chosen", [{}, {"id": None}, {"id": "item_ours"}])
async def test_service_may_choose_the_ids(
    emulator: Emulator, client: RealtimeClient, chosen: dict[str, str | None]
) -> None:
    """Some gateways do not keep the client's: theirs is the item's, unless the caller has one."""
    emulator.faults.add("no_ack:conversation.item.create")
    item = {**user_text("hello"), **chosen}
    create = asyncio.create_task(client.create_conversation_item(item))
    session = emulator.sessions[0]
    await session.wait_for("conversation.item.create")
    said = {
        "id": "item_said",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    for item in (said, {**user_text("hello"), "id": "item_theirs"}):
        await session.send({"type": "conversation.item.added", "item": item})
    item_id = chosen.get("id") or "item_theirs"
    assert await create == item_id
    assert client.item_ids == ["item_said", item_id]


async def test_missing_acknowledgement_is_bounded(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A command that is never answered raises, and the session goes on."""
    client = make_client({"command_timeout": 0.3})
    await client.connect()
    emulator.faults.add("no_ack:conversation.item.create", times=1)
    with pytest.raises(CommandTimeoutError) as raised:
        await client.create_conversation_item(user_text("hello"))
    assert raised.value.command == "conversation.item.create"
    await client.create_conversation_item(user_text("hello"))


NESTED: list[Any] = []
for _ in range(500):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "value",
    [2**64, "\ud800", {math.nan: 1}, {1: 2}, {1}, NESTED],
    ids=["long", "half a character", "NaN", "number", "set", "nested"],
)
async def test_what_json_cannot_carry(
    emulator: Emulator, client: RealtimeClient, value: Any
) -> None:
    """The caller hears of a value that JSON has no word for, and nothing is sent or waits."""
    tool = {**TURN_ON, "parameters": {"default": value}}
    part = {"type": "input_text", "text": "hello", "x": value}
    aside = {**user_text("hello"), "x": value}
    received = emulator.sessions[0].received
    sent = len(received)
    for command, key in (
        (client.create_conversation_item({**user_text(""), "id": value}), "item.id"),
        (
            client.create_conversation_item({**user_text(""), "content": [part]}),
            "item.content[0].x",
        ),
        (
            client.create_conversation_item(user_text("hello"), value),
            "previous_item_id",
        ),
        (client.delete_item(value), "item_id"),
        (client.truncate_item(value, 0, 1), "item_id"),
        (client.truncate_item("item_1", value, 1), "content_index"),
        (client.truncate_item("item_1", 0, value), "audio_end_ms"),
        (client.create_response({"tools": [tool]}), "tools[0].parameters"),
        (
            client.create_response({"conversation": "none", "input": [aside]}),
            "input[0].x",
        ),
        (client.update_session({"tools": [tool]}), "tools[0].parameters"),
    ):
        with pytest.raises(InvalidConfigError) as raised:
            await command
        assert raised.value.key == key
    await client.create_conversation_item(user_text("hello"))
    assert len(received) == sent + 1
    await (await client.create_response()).done()


async def test_text_that_json_cannot_carry(
    emulator: Emulator, make_client: MakeClient, client: RealtimeClient
) -> None:
    """Such text is refused anywhere in the settings; the refused update changes nothing."""
    for command, key in (
        (client.create_conversation_item(user_text("\ud800")), "item"),
        (client.create_response({"instructions": "\ud800"}), "response"),
        (client.update_session({"instructions": "\ud800"}), "session"),
        (
            make_client(session_config={"instructions": "\ud800"}).connect(),
            "session",
        ),
    ):
        with pytest.raises(InvalidConfigError, match="surrogates") as raised:
            await command
        assert raised.value.key == key
    await client.update_session({"instructions": "Be brief"})
    await (await client.create_response()).done()


# --- What a service may do


@pytest.mark.parametrize(
    "fault",
    [
        "unknown_events",
        "unknown_keys",
        "truncated_json",
        "binary_frame",
        *(f"reordered_events:{order}" for order in ORDERS),
        "schema_2024",
        "string_status_details",
        "no_usage",
        "no_rate_limits",
        "no_expires_at",
    ],
)
async def test_quirks_cost_nothing(
    emulator: Emulator, make_client: MakeClient, api_version: str | None, fault: str
) -> None:
    """A turn works although the service adds, leaves out or mixes up fields."""
    emulator.faults.add(fault)
    client = make_client(api_version=api_version)
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    emulator.replies.append(Reply(text="Hello to you"))
    response = await client.create_response()
    await response.done()
    assert response.transcript == "Hello to you"
    assert response.audio
    (item_id,) = response.item_ids
    await client.truncate_item(item_id, 0, 10)


async def test_events_that_never_come(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A response is found by its first output and complete with its last event."""
    emulator.faults.add("no_ack:response.create")
    create = asyncio.create_task(client.create_response())
    session = emulator.sessions[0]
    await session.wait_for("response.create")
    item = {
        "id": "item_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Hello"}],
    }
    await session.send(
        {"type": "response.output_item.added", "response_id": "resp_1", "item": item}
    )
    response = await create
    await session.send(
        {
            "type": "response.done",
            "response": {"id": "resp_1", "status": "completed", "output": [item]},
        }
    )
    assert (await response.done()).transcript == "Hello"


async def test_sound_may_be_the_first_that_is_heard_of_a_response(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Speaking begins with the first sound, although earlier events were lost."""
    heard: list[Any] = []
    client.once("response.audio.delta", heard.append)
    for _ in range(2):
        await emulator.sessions[0].send(
            {
                "type": "response.output_audio.delta",
                "response_id": "resp_1",
                "item_id": "item_1",
                "content_index": 0,
                "delta": "AAAA",
            }
        )
    await status(client, ModelStatus.SPEAKING)
    await client.create_conversation_item(user_text("hello"))
    assert client.active_response is not None
    assert client.active_response.audio == bytes(6)
    assert len(heard) == 1


async def test_nonsense_is_ignored(emulator: Emulator, client: RealtimeClient) -> None:
    """Neither a frame that is no event nor an event without its parts ends the session."""
    session = emulator.sessions[0]
    for frame in ("[]", "null", "{}", '{"type": 7}', '"text"', "{"):
        await session.send_frame(frame)
    for event_type in (
        "response.created",
        "response.output_audio.delta",
        "conversation.item.added",
        "input_audio_buffer.committed",
        "session.updated",
        "error",
    ):
        await session.send({"type": event_type})
    for response_id, item_id in ((7, "item_1"), ("resp_1", 7)):
        delta = {"response_id": response_id, "item_id": item_id, "delta": "AAAA"}
        for _ in range(2):  # the first that is heard of a response, and another
            await session.send({"type": "response.output_audio.delta", **delta})
    await client.create_conversation_item(user_text("hello"))
    assert client.state is ConnectionState.OPEN
    assert client.active_response is None


async def test_error_events_hide_the_key(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A service that repeats the key, wherever, does not put it before people."""
    errors = record(client, "error")
    error = {"message": f"Incorrect API key: {KEY}", "code": f"bad {KEY}", "type": "t"}
    await emulator.sessions[0].send({"type": "error", "error": error, "x": KEY})
    await client.create_conversation_item(user_text("hello"))
    assert errors[0]["error"]["message"] == "Incorrect API key: ***"
    assert KEY not in str(errors)


@pytest.mark.parametrize("key", ["a", "event_id", "response_id", "x"])
@pytest.mark.parametrize("sound", [SPEECH, b"", bytes(3)], ids=len)
async def test_sound_hides_the_key(
    emulator: Emulator, client: RealtimeClient, key: str, sound: bytes
) -> None:
    """The key is not looked for in the sound itself, but in all that comes with it."""
    heard = record(client, "response.output_audio.delta")
    ids = {"response_id": "resp_1", "item_id": "item_1"}
    delta = {**ids, key: f"key {KEY}", "delta": b64encode(sound).decode(), "z": KEY}
    for event in (delta, dict(reversed(delta.items()))):
        await emulator.sessions[0].send(
            {"type": "response.output_audio.delta", **event}
        )
    await client.create_conversation_item(user_text("hello"))
    assert [event[key] for event in heard] == ["key ***", "key ***"]
    assert KEY not in str(heard)


async def test_listeners_can_be_ended(client: RealtimeClient) -> None:
    """``off`` and ``off_all`` mean it."""
    heard = record(client, "status_changed")
    everything = record(client, "*")  # of the service
    client.off("status_changed")
    await client.append_pcm(SPEECH)
    client.off_all()
    await client.clear_audio_buffer()
    assert heard == []
    assert everything == []


# --- The connection


async def test_commands_need_a_connection(make_client: MakeClient) -> None:
    """Nothing is queued for a session that is not there."""
    client = make_client()
    for command in (
        client.append_pcm(SPEECH),
        client.commit_audio(),
        client.create_conversation_item(user_text("hello")),
        client.create_response(),
        client.update_session({"voice": "echo"}),
    ):
        with pytest.raises(NotConnectedError):
            await command
    await client.close()


async def test_close_ends_what_waits(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """No caller waits for an answer that cannot come any more."""
    emulator.replies.append(Reply(text="A long story", hold=asyncio.Event()))
    emulator.faults.add("no_ack:conversation.item.create")
    response = await client.create_response()
    create = asyncio.Task(
        client.create_conversation_item(user_text("hello")), eager_start=True
    )
    await client.close()
    with pytest.raises(ConnectionLostError):
        await create
    with pytest.raises(ConnectionLostError):
        await response.done()
    assert client.status == "idle"
