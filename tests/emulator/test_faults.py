"""Every fault does what the table says."""

import asyncio
import json
import re
from time import monotonic
from typing import Any

import aiohttp
import pytest

from emulator import FAULTS, Emulator, Reply
from emulator.faults import ODDITIES, Faults

from .conftest import GA, KEY, PREVIEW, Client, Connect, silence, tone


async def answered(client: Client) -> dict[str, Any]:
    """Have a short spoken answer; return the response."""
    await client.ask("say one two three")
    response: dict[str, Any] = (await client.until("response.done"))["response"]
    return response


def test_switching() -> None:
    """Faults last, or are used up; arguments and counts are read from the name."""
    faults = Faults(("http_401*2", "slow_pong:3", "ends_at:response.create/4000"))
    faults.add("ends_at:audio/1006*2")
    assert [faults.take("http_401") for _ in range(3)] == ["", "", None]
    assert [faults.take("slow_pong") for _ in range(2)] == ["3", "3"]
    assert [faults.hits("ends_at", "audio") for _ in range(3)] == ["1006", "1006", None]
    assert faults.hits("ends_at", "response.create") == "4000"
    assert faults.hits("ends_at", "response.cancel") is None
    faults.remove("slow_pong:3")
    assert faults.take("slow_pong") is None
    faults.add("ends_at:audio/1006")
    faults.remove("ends_at:audio/1006")
    assert faults.hits("ends_at", "audio") is None
    assert faults.hits("ends_at", "response.create") == "4000"
    faults.clear()
    assert faults.hits("ends_at", "response.create") is None
    with pytest.raises(ValueError, match="no_such_fault"):
        faults.add("no_such_fault")


def test_every_fault_is_tested_by_name(request: pytest.FixtureRequest) -> None:
    """A fault that no test switches on is a promise without proof."""
    tests = "".join(path.read_text() for path in request.path.parent.glob("test_*.py"))
    untested = [name for name in FAULTS if not re.search(rf'"{name}[":*]', tests)]
    assert untested == []


async def test_no_session_created(emulator: Emulator, connect: Connect) -> None:
    """The session is there, and answers, but did not greet."""
    emulator.faults.add("no_session_created")
    client = await connect(greeted=False)
    await client.update(instructions="x")
    assert client.types() == ["session.updated"]


@pytest.mark.parametrize(
    ("path", "key"), [(GA, "modalities"), (PREVIEW, "output_modalities")]
)
async def test_wrong_dialect(
    emulator: Emulator, connect: Connect, path: str, key: str
) -> None:
    """The path does not say which dialect is spoken."""
    emulator.faults.add("wrong_dialect")
    assert key in (await connect(path)).seen[0]["session"]


@pytest.mark.parametrize(
    ("fault", "within"), [("no_pong", False), ("slow_pong:0.1", True)]
)
async def test_pongs(emulator: Emulator, fault: str, within: bool) -> None:
    """Pings are answered late or never."""
    emulator.faults.add(fault)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{emulator.url}{GA}", headers={"api-key": KEY}, autoping=False
        ) as socket,
    ):
        await socket.receive_json()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await socket.ping(b"x")
        if within:
            message = await socket.receive(timeout=5)
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"x")
            assert loop.time() - began >= 0.1
        else:
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.2)


async def test_session_expires(emulator: Emulator, connect: Connect) -> None:
    """An error, then 1001 with a reason that names it."""
    emulator.faults.add("session_expires:0.05")
    client = await connect()
    error = await client.error()
    assert error["code"] == "session_expired"
    assert error["message"] == "Your session hit the maximum duration of 60 minutes."
    code, reason = await client.close_frame()
    assert code == 1001
    assert reason
    assert "session_expired" in reason


async def test_session_has_an_end(emulator: Emulator, connect: Connect) -> None:
    """Without any fault a session lasts as long as it says."""
    emulator.session_seconds, emulator.clock_rate = 10, 100
    client = await connect()
    assert (await client.error())["code"] == "session_expired"


async def test_no_expires_at(emulator: Emulator, connect: Connect) -> None:
    """A client cannot count on being told."""
    emulator.faults.add("no_expires_at", times=1)
    assert (await connect()).seen[0]["session"]["expires_at"] is None
    assert (await connect()).seen[0]["session"]["expires_at"]


async def test_no_ack(emulator: Emulator, connect: Connect) -> None:
    """A command is swallowed, others are not."""
    emulator.faults.add("no_ack:input_audio_buffer.clear")
    client = await connect()
    await client.send("input_audio_buffer.clear")
    await client.update(instructions="x")
    assert "input_audio_buffer.cleared" not in client.types()
    await emulator.sessions[0].wait_for("input_audio_buffer.clear")


async def test_late_ack(emulator: Emulator, connect: Connect) -> None:
    """A command is done late."""
    emulator.faults.add("late_ack:input_audio_buffer.clear")
    client = await connect()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    assert loop.time() - began >= 0.3


async def test_refuse(emulator: Emulator, connect: Connect) -> None:
    """A command fails in the server."""
    emulator.faults.add("refuse:response.create")
    client = await connect()
    await client.send("response.create", event_id="r")
    error = await client.error()
    assert (error["type"], error["event_id"]) == ("server_error", "r")


async def test_null_error_codes(emulator: Emulator, connect: Connect) -> None:
    """Older services said it in words only."""
    emulator.faults.add("null_error_codes")
    client = await connect()
    await client.send("response.cancel")
    error = await client.error()
    assert (error["code"], error["message"][:19]) == (None, "Cancellation failed")


async def test_null_error_event_ids(emulator: Emulator, connect: Connect) -> None:
    """Some gateways do not say which client event they refuse."""
    emulator.faults.add("null_error_event_ids")
    client = await connect()
    await client.send("response.cancel", event_id="c")
    assert (await client.error())["event_id"] is None


async def test_unknown_events_and_keys(emulator: Emulator, connect: Connect) -> None:
    """Nothing a client may choke on."""
    emulator.faults.add("unknown_events")
    emulator.faults.add("unknown_keys")
    client = await connect()
    assert client.seen[0]["session"]["x_novelty"]
    await answered(client)
    assert "response.mood.updated" in client.types()
    assert all(
        "x_novelty" in e for e in client.seen if e["type"] != "response.mood.updated"
    )


async def test_broken_frames(emulator: Emulator, connect: Connect) -> None:
    """Half a JSON text and a binary frame, before the response."""
    emulator.faults.add("truncated_json")
    emulator.faults.add("binary_frame")
    client = await connect()
    await client.send("response.create")
    assert (
        await client.socket.receive(timeout=5)
    ).data == '{"type": "response.created", "respo'
    assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.BINARY
    await client.until("response.done")


async def test_huge_event(emulator: Emulator, connect: Connect) -> None:
    """More than most clients take in one message."""
    emulator.faults.add("huge_event")
    client = await connect()
    await client.send("response.create")
    assert len((await client.until("response.novel.added"))["novel"]) == 20 * 2**20
    await client.until("response.done")


@pytest.mark.parametrize(
    ("what", "event_type"),
    [
        ("unknown", "response.novel.added"),
        ("item", "conversation.item.added"),
        ("transcript", "response.output_audio_transcript.delta"),
        ("audio", "response.output_audio.delta"),
    ],
)
async def test_huge_things(
    emulator: Emulator, connect: Connect, what: str, event_type: str
) -> None:
    """Something known can have that size too."""
    emulator.faults.add(f"huge_event:{what}*1")
    client = await connect()
    await client.send("response.create")
    event = await client.until(event_type)
    assert len(json.dumps(event)) > 20 * 2**20
    assert event.get("response_id") == next(
        (e["response"]["id"] for e in client.seen if e["type"] == "response.created"),
        None,
    )
    await client.until("response.done")


async def test_flood(emulator: Emulator, connect: Connect) -> None:
    """Many events at once."""
    emulator.faults.add("flood:100")
    client = await connect()
    await client.send("response.create")
    await client.until("response.created")
    drops = [e for e in client.seen if e["type"] == "response.drop.added"]
    assert len(drops) == 100


async def test_long_ids(emulator: Emulator, connect: Connect) -> None:
    """The service takes its own long ids back, and no client's."""
    emulator.faults.add("long_ids")
    emulator.replies.append(Reply(tool_calls=[("turn_on", {})]))
    client = await connect()
    await client.send("response.create")
    (call,) = (await client.until("response.done"))["response"]["output"]
    assert (len(call["id"]), len(call["call_id"])) == (53, 53)
    output = {"type": "function_call_output", "output": "{}"}
    for call_id, event_type in (
        (call["call_id"], "conversation.item.added"),
        (f"{call['call_id']}s", "error"),
    ):
        item = {**output, "call_id": call_id}
        await client.send("conversation.item.create", item=item)
        await client.until(event_type)
    assert client.seen[-1]["error"]["code"] == "string_above_max_length"


async def test_round_trip(emulator: Emulator, connect: Connect) -> None:
    """What is sent at once is answered at once, a while later; the service reads meanwhile."""
    client = await connect()
    emulator.faults.add("round_trip:500")
    begun = monotonic()
    for _ in range(5):
        await client.send("input_audio_buffer.clear")
    await client.say(silence(100))
    await emulator.sessions[-1].wait_for("input_audio_buffer.append")
    for _ in range(5):
        await client.until("input_audio_buffer.cleared")
    assert 0.5 <= monotonic() - begun < 5 * 0.5


async def test_chosen_ids(emulator: Emulator, connect: Connect) -> None:
    """An item is not called what the client has called it."""
    emulator.faults.add("chosen_ids")
    client = await connect()
    item = {"id": "item_1", "type": "message", "role": "user", "content": []}
    await client.send("conversation.item.create", item=item)
    added = await client.until("conversation.item.added")
    assert added["item"]["id"] != "item_1"


@pytest.mark.parametrize(
    ("fault", "event_id"),
    [("constant_event_ids", "event_of_a_gateway"), ("null_event_ids", None)],
)
async def test_event_ids_that_tell_nothing(
    emulator: Emulator, connect: Connect, fault: str, event_id: str | None
) -> None:
    """Two pieces of a reply are the same frame, if they say the same."""
    emulator.faults.add(fault)
    client = await connect()
    await client.ask("say no no", output_modalities=["text"])
    await client.until("response.done")
    assert {event["event_id"] for event in client.seen} == {event_id}
    deltas = [e for e in client.seen if e["type"] == "response.output_text.delta"]
    assert all("obfuscation" not in delta for delta in deltas)


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("missing_keys", ("conversation.item.added", "item", "type")),
        (
            "missing_keys:conversation.item.added/item.role",
            ("conversation.item.added", "item", "role"),
        ),
        (
            "missing_keys:response.done/response.output",
            ("response.done", "response", "output"),
        ),
        ("missing_keys:response.created/response", ("response.created", "response")),
        (
            "missing_keys:response.output_audio.delta/item_id",
            ("response.output_audio.delta", "item_id"),
        ),
    ],
)
async def test_missing_keys(
    emulator: Emulator, connect: Connect, fault: str, path: tuple[str, ...]
) -> None:
    """The events are there, but for a key."""
    emulator.faults.add(fault)
    client = await connect()
    await client.ask("say one")
    await client.until("response.done")
    event_type, *holders, key = path
    events = [event for event in client.seen if event["type"] == event_type]
    assert events
    for event in events:
        for holder in holders:
            event = event[holder]
        assert key not in event


@pytest.mark.parametrize("which", ["", *ODDITIES])
async def test_odd_done(emulator: Emulator, connect: Connect, which: str) -> None:
    """The end of a response is odd in one thing, or in those that were seen first."""
    emulator.faults.add(f"odd_done:{which}" if which else "odd_done")
    client = await connect()
    response = await answered(client)
    for name in (which,) if which else ("usage", "output", "metadata"):
        for key, value in ODDITIES[name].items():
            assert response[key] == value


@pytest.mark.parametrize(
    "event_type",
    ["response.output_text.delta", "response.output_item.added", "response.created"],
)
async def test_stray_response(
    emulator: Emulator, connect: Connect, event_type: str
) -> None:
    """Something of a response comes that nobody has asked for, and that never ends."""
    emulator.faults.add(f"stray_response:{event_type}*1")
    client = await connect()
    await client.update(instructions="x")
    stray = await client.next()
    assert stray["type"] == event_type
    assert "resp_stray" in json.dumps(stray)
    await answered(client)
    assert "resp_stray" not in json.dumps(client.seen[-1])


async def test_doubled_events(emulator: Emulator, connect: Connect) -> None:
    """Everything twice, but not the audio."""
    emulator.faults.add("doubled_events")
    client = await connect()
    await answered(client)
    await client.until("response.done")
    counts = [e["event_id"] for e in client.seen if "audio.delta" not in e["type"]]
    assert len(counts) == 2 * len(set(counts))
    audio = [e["event_id"] for e in client.seen if "audio.delta" in e["type"]]
    assert len(audio) == len(set(audio))


@pytest.mark.parametrize("path", [GA, PREVIEW])
async def test_reordered_events(
    emulator: Emulator, connect: Connect, path: str
) -> None:
    """Pairs change places, and nothing is lost."""
    normal = await connect(path)
    await answered(normal)
    emulator.faults.add("reordered_events")
    odd = await connect(path)
    await answered(odd)
    assert sorted(odd.types()) == sorted(normal.types())
    prefix = "response.output_" if path == GA else "response."
    expected = [f"{prefix}audio_transcript.done", f"{prefix}audio.done"]
    assert [kind for kind in odd.types() if kind in expected] == expected
    if path == GA:
        assert odd.types().index("response.output_item.done") < (
            len(odd.types()) - odd.types()[::-1].index("conversation.item.done") - 1
        )


@pytest.mark.parametrize("path", [GA, PREVIEW])
@pytest.mark.parametrize(
    ("order", "first", "late"),
    [
        ("created", "response.output_item.added", ["response.created"]),
        (
            "done",
            "response.done",
            [
                "response.audio.done",
                "response.output_audio.done",
                "response.audio_transcript.done",
                "response.output_audio_transcript.done",
                "response.content_part.done",
                "response.function_call_arguments.done",
                "response.output_item.done",
            ],
        ),
        (
            "committed",
            "conversation.item.added",
            ["input_audio_buffer.committed"],
        ),
        (
            "transcript",
            "conversation.item.input_audio_transcription.completed",
            ["conversation.item.added", "conversation.item.done"],
        ),
    ],
)
async def test_orders(
    emulator: Emulator,
    connect: Connect,
    path: str,
    order: str,
    first: str,
    late: list[str],
) -> None:
    """What belongs together comes in another order, and all of it comes."""
    session: dict[str, Any] = {
        "type": "realtime",
        "audio": {"input": {"transcription": {"model": "whisper"}}},
    }
    if path == PREVIEW:
        session = {"input_audio_transcription": {"model": "whisper"}}
        added = "conversation.item.created"
        late = [added if each == "conversation.item.added" else each for each in late]
        first = added if first == "conversation.item.added" else first
    turns = []
    for fault in (None, f"reordered_events:{order}"):
        client = await connect(path)
        await client.send("session.update", session=session)
        await client.until("session.updated")
        if fault:
            emulator.faults.add(fault)
        emulator.hears.append("hello")
        emulator.replies.append(Reply(text="Well", tool_calls=[("turn_on", {})]))
        await client.say(tone(300))
        await client.send("input_audio_buffer.commit")
        await client.saw("conversation.item.input_audio_transcription.completed")
        await client.send("response.create")
        await client.until("rate_limits.updated")
        turns.append([event["type"] for event in client.seen])
    normal, odd = turns
    assert sorted(odd) == sorted(normal)
    for kind in set(late) & set(normal):
        assert normal.index(kind) < normal.index(first)
        assert odd.index(kind) > odd.index(first)


async def test_schema_2024(emulator: Emulator, connect: Connect) -> None:
    """The first schema had other keys in two events."""
    emulator.faults.add("schema_2024")
    client = await connect(PREVIEW)
    await client.ask("say one", modalities=["text"])
    assert (await client.until("response.text.done"))["value"] == "one"
    await client.until("rate_limits.updated")
    item_id = (await answered(client))["output"][0]["id"]
    await client.until("rate_limits.updated")
    await client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10
    )
    assert (await client.until("conversation.item.truncated"))["index"] == 0


@pytest.mark.parametrize(
    ("manner", "code"),
    [
        ("1000", 1000),
        ("1005", 0),  # so aiohttp tells a close frame without a code
        ("1006", None),
        ("reset", None),
        ("3000", 3000),
        ("insufficient_quota", 1011),
    ],
)
async def test_manners_to_end(
    emulator: Emulator, connect: Connect, manner: str, code: int | None
) -> None:
    """With a close frame or without; an error may go before it."""
    emulator.faults.add(f"ends_at:thinking/{manner}", times=1)
    client = await connect()
    await client.ask("say one")
    await client.until("response.created")
    if manner == "insufficient_quota":
        assert (await client.error())["code"] == manner
    message = await client.socket.receive(timeout=5)
    if code is None:
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert client.socket.close_code == 1006
    else:
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, code)


async def test_silence(emulator: Emulator, connect: Connect) -> None:
    """The socket stays open, and nobody is at the other end any more."""
    emulator.faults.add("ends_at:thinking/silence", times=1)
    client = await connect()
    await client.ask("say one")
    await client.until("response.created")
    await client.socket.ping()
    await client.send("input_audio_buffer.clear")
    with pytest.raises(TimeoutError):
        await client.socket.receive(timeout=0.2)
    assert not client.socket.closed


@pytest.mark.parametrize(
    ("stage", "last"),
    [
        ("created", None),
        ("speech", "input_audio_buffer.speech_started"),
        ("thinking", "response.created"),
        ("audio", "response.output_audio.delta"),
        ("text", "response.output_text.delta"),
        ("arguments", "response.function_call_arguments.delta"),
        ("tool", "response.done"),
        ("idle", "response.done"),
        ("response.create", "conversation.item.done"),
    ],
)
async def test_stages_to_end_at(
    emulator: Emulator, connect: Connect, stage: str, last: str | None
) -> None:
    """Nothing comes after that stage."""
    emulator.faults.add(f"ends_at:{stage}/1012", times=1)
    client = await connect(greeted=False)
    if stage == "speech":
        await client.detect_turns(silence_duration_ms=200)
        await client.say(tone(500))
    if stage in ("arguments", "tool"):
        arguments = {"what": "is longer than a delta or two"}
        emulator.replies.append(Reply(tool_calls=[("look", arguments)]))
    if stage not in ("created", "speech"):
        modality = "text" if stage == "text" else "audio"
        await client.ask("say one two three four five", output_modalities=[modality])
    while (message := await client.socket.receive(timeout=5)).type is (
        aiohttp.WSMsgType.TEXT
    ):
        client.seen.append(message.json())
    assert client.socket.close_code == 1012
    assert client.types()[-1:] == ([last] if last else [])
    if stage in ("audio", "text", "arguments"):
        assert [event["type"] for event in client.seen].count(str(last)) == 3


async def test_reason_of_a_close(emulator: Emulator, connect: Connect) -> None:
    """A close frame may say why."""
    emulator.faults.add("ends_at:created/1008:session_limit_reached", times=1)
    client = await connect(greeted=False)
    assert await client.close_frame() == (1008, "session_limit_reached")


async def test_silence_at_connect(emulator: Emulator, connect: Connect) -> None:
    """A server may take the connection and say nothing."""
    emulator.faults.add("ends_at:connect/silence", times=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connect(), 0.1)


async def test_end_at_connect(emulator: Emulator) -> None:
    """The TCP connection ends where an answer to the handshake should be."""
    request = f"GET {GA} HTTP/1.1\r\nHost: {emulator.host_name}\r\n\r\n".encode()
    for manner in ("1006", "reset"):
        emulator.faults.add(f"ends_at:connect/{manner}", times=1)
        reader, writer = await asyncio.open_connection(emulator.host, emulator.port)
        writer.write(request)
        if manner == "reset":
            with pytest.raises(ConnectionResetError):
                await reader.read()
        else:
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        ("response_failed", "failed", (None, None)),
        ("response_rate_limited", "failed", (None, "rate_limit_exceeded")),
        ("response_quota", "failed", (None, "insufficient_quota")),
        ("response_incomplete", "incomplete", ("max_output_tokens", None)),
        ("content_filter", "incomplete", ("content_filter", None)),
        ("response_empty", "completed", (None, None)),
    ],
)
async def test_responses(
    emulator: Emulator,
    connect: Connect,
    fault: str,
    status: str,
    told: tuple[str | None, ...],
) -> None:
    """Responses end as badly as wanted."""
    emulator.faults.add(fault)
    response = await answered(await connect())
    details = response["status_details"] or {}
    assert response["status"] == status
    assert (details.get("reason"), details.get("error", {}).get("code")) == told
    assert bool(response["output"]) is (status == "incomplete")


async def test_response_stalls(emulator: Emulator, connect: Connect) -> None:
    """A response that never ends can still be cancelled."""
    emulator.faults.add("response_stalls")
    client = await connect()
    await client.ask("say one two three four five")
    for _ in range(3):
        await client.until("response.output_audio.delta")
    with pytest.raises(TimeoutError):
        await client.socket.receive(timeout=0.2)


async def test_string_status_details(emulator: Emulator, connect: Connect) -> None:
    """Details may be a bare string."""
    emulator.faults.add("string_status_details")
    emulator.faults.add("content_filter")
    response = await answered(await connect())
    assert response["status_details"] == "content_filter"


async def test_no_usage_no_rate_limits(emulator: Emulator, connect: Connect) -> None:
    """Neither can be counted on."""
    emulator.faults.add("no_usage")
    emulator.faults.add("no_rate_limits")
    client = await connect()
    assert (await answered(client))["usage"] is None
    with pytest.raises(TimeoutError):
        await client.socket.receive(timeout=0.2)


async def test_own_answers(emulator: Emulator, connect: Connect) -> None:
    """Turn detection begins its response late, or none at all."""
    client = await connect()
    emulator.faults.add("no_answer", times=1)
    await client.say(tone(300) + silence(400))
    await client.until("input_audio_buffer.committed")
    emulator.faults.add("late_answer:0.05", times=1)
    await client.say(tone(300) + silence(400))
    await client.until("input_audio_buffer.committed")
    assert "response.created" not in client.types()
    await client.until("response.created")
    await client.until("response.done")


async def test_late_cancel(emulator: Emulator, connect: Connect) -> None:
    """Deltas go on after the cancel; a cancel may also come too late."""
    emulator.faults.add("late_cancel:0.05")
    emulator.speed = 4
    client = await connect()
    for milliseconds, status in ((4000, "cancelled"), (150, "completed")):
        emulator.replies.append(Reply(text="long", pcm=silence(milliseconds)))
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        client.seen.clear()
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == status
        assert "response.output_audio.delta" in client.types()


async def test_a_test_speaks_for_the_server(
    emulator: Emulator, connect: Connect
) -> None:
    """Any event, frame, close or cut can be made by hand."""
    client = await connect()
    session = await emulator.next_session()
    await session.send({"type": "anything", "x": 1})
    assert await client.next() == {"type": "anything", "x": 1}
    await session.send_frame("not JSON")
    assert (await client.socket.receive(timeout=5)).data == "not JSON"
    await session.close(4001, "bye")
    assert await client.close_frame() == (4001, "bye")
    with pytest.raises(ConnectionError):
        await session.wait_for("response.create")
    second = await connect()
    other = await emulator.next_session()
    with pytest.raises(TimeoutError):
        await other.wait_for("response.create", seconds=0.01)
    other.abort()
    await second.socket.receive(timeout=5)
    assert second.socket.close_code == 1006


async def test_standing_still(emulator: Emulator, connect: Connect) -> None:
    """Nothing is answered while the service stands still, and everything after."""
    client = await connect()
    stalled = asyncio.create_task(emulator.stall(0.2), eager_start=True)
    assert not emulator.flowing.is_set()
    await client.update(instructions="Be brief.")
    assert emulator.flowing.is_set()
    await stalled
