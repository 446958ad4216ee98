"""The speech of a person when the connection is lost."""

import asyncio
from base64 import b64encode
from typing import Any

import orjson
import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionLostError,
    ConnectionState,
    ModelStatus,
    NotConnectedError,
    QuotaExceededError,
    RealtimeClient,
)
from emulator import Emulator, Reply

from .conftest import Clock, MakeClient
from .test_client import next_event, user_text

REFUSAL = "refuse:input_audio_buffer.append"
VAD = {"type": "server_vad", "silence_duration_ms": 300, "create_response": False}
TONE = (b"\x00\x30" * 12 + b"\x00\xd0" * 12) * 400  # 400 ms
CHUNKS = [bytes([number, 0]) * 2_400 for number in range(1, 7)]  # 100 ms each


async def lose(emulator: Emulator, client: RealtimeClient) -> asyncio.Task[Any]:
    """Cut the connection; returns what ends when there is another one."""
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    opened = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.OPEN)
    )
    emulator.sessions[-1].abort()
    await lost
    return opened


async def committed(emulator: Emulator, client: RealtimeClient) -> bytes:
    """End the turn; return the audio that the service has heard of it."""
    await client.commit_audio()
    return bytes([*emulator.sessions[-1].conversation][-1].audio)


async def test_no_word_is_lost(emulator: Emulator, client: RealtimeClient) -> None:
    """Before, while and after: one turn, in order, and not what was committed before."""
    await client.append_pcm(bytes(9_600))
    await client.commit_audio()
    for chunk in CHUNKS[:2]:
        await client.append_pcm(chunk)
    opened = await lose(emulator, client)
    for chunk in CHUNKS[2:4]:
        await client.append_pcm(chunk)
    assert client.status is ModelStatus.LISTENING
    await opened
    assert client.status is ModelStatus.LISTENING
    for chunk in CHUNKS[4:]:
        await client.append_pcm(chunk)
    assert await committed(emulator, client) == b"".join(CHUNKS)


async def test_nobody_has_noticed_yet(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Speech into a dead socket is kept like speech after the loss."""
    client = make_client()
    await client.connect()
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[-1].abort()
    with pytest.raises(ConnectionError):
        await emulator.sessions[-1].sent.wait_for("nothing of the kind")
    for number in range(50):  # the reader notices somewhere among these
        pcm = bytes([number, 0]) * 480
        if number % 2:
            await client.append_audio(b64encode(pcm).decode())
        else:
            await client.append_pcm(pcm)
    await lost
    await client.connect()
    heard = b"".join(bytes([number, 0]) * 480 for number in range(50))
    assert await committed(emulator, client) == heard


async def test_lost_twice(emulator: Emulator, client: RealtimeClient) -> None:
    """Speech that was sent again is kept until it is committed."""
    await client.append_pcm(CHUNKS[0])
    emulator.faults.add("ends_at:input_audio_buffer.append/1006*1")
    await (await lose(emulator, client))
    await client.connect()
    await client.append_pcm(CHUNKS[1])
    await (await lose(emulator, client))
    assert await committed(emulator, client) == b"".join(CHUNKS[:2])


async def test_what_was_cleared_stays_so(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A turn that is given up while the connection comes back is not heard later."""
    await client.append_pcm(CHUNKS[0])
    opened = await lose(emulator, client)
    with pytest.raises(NotConnectedError):
        await client.clear_audio_buffer()
    await opened
    assert emulator.sessions[-1].received.of("input_audio_buffer.append") == []
    await client.append_pcm(CHUNKS[1])
    assert await committed(emulator, client) == CHUNKS[1]


async def test_audio_goes_on_while_the_buffer_is_cleared(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """What is said before the acknowledgement comes is not cleared: a loss does not cost it."""
    await client.append_pcm(CHUNKS[0])
    emulator.faults.add("round_trip")
    session = emulator.sessions[-1]
    clearing = asyncio.create_task(client.clear_audio_buffer())
    await session.wait_for("input_audio_buffer.clear")
    for chunk in CHUNKS[1:3]:
        await client.append_pcm(chunk)
    await clearing
    assert client.status is ModelStatus.LISTENING
    emulator.faults.clear()
    await (await lose(emulator, client))
    await client.append_pcm(CHUNKS[3])
    assert await committed(emulator, client) == b"".join(CHUNKS[1:4])


async def test_audio_goes_on_while_it_is_committed(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """What is said before the acknowledgement comes is of the next turn, after a loss too."""
    client = make_client(session_config={"turn_detection": None})
    await client.connect()
    await client.append_pcm(CHUNKS[0])
    emulator.faults.add("round_trip")
    session = emulator.sessions[-1]
    committing = asyncio.create_task(client.commit_audio())
    await session.wait_for("input_audio_buffer.commit")
    for chunk in CHUNKS[1:3]:
        await client.append_pcm(chunk)
    await committing
    emulator.faults.clear()
    await (await lose(emulator, client))
    await client.append_pcm(CHUNKS[3])
    await client.commit_audio()
    heard = [bytes(item.audio) for item in emulator.sessions[-1].conversation]
    assert heard == [CHUNKS[0], b"".join(CHUNKS[1:4])]


async def test_resampler_goes_on_while_the_buffer_is_cleared(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """No sample is missing where the acknowledgement comes between two pieces."""
    emulator.faults.add("round_trip")
    session = emulator.sessions[-1]
    clearing = asyncio.create_task(client.clear_audio_buffer())
    await session.wait_for("input_audio_buffer.clear")
    await client.append_pcm(TONE, sample_rate=16_000)
    await clearing
    emulator.faults.clear()
    await client.append_pcm(TONE, sample_rate=16_000)
    heard = await committed(emulator, client)
    await client.append_pcm(TONE * 2, sample_rate=16_000)
    assert heard == await committed(emulator, client)


@pytest.mark.parametrize("away", [4.5, 9.5, 25.0])
async def test_as_long_as_a_connection_is_under_way(
    emulator: Emulator, client: RealtimeClient, clock: Clock, away: float
) -> None:
    """However long that takes: of 25 s the first try has used up 10."""
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    await client.append_pcm(CHUNKS[0])
    emulator.flowing.clear()  # the service neither accepts nor refuses handshakes
    emulator.sessions[-1].abort()
    await lost
    await clock.advance(away)
    await client.append_pcm(CHUNKS[1])
    emulator.flowing.set()
    await client.connect()
    await client.append_pcm(CHUNKS[2])
    assert await committed(emulator, client) == b"".join(CHUNKS[:3])


async def test_bounded_by_size(emulator: Emulator, client: RealtimeClient) -> None:
    """Of speech without a connection the last minute is kept."""
    opened = await lose(emulator, client)
    second = bytes([7, 0]) * 24_000
    await client.append_pcm(CHUNKS[0])
    for _ in range(60):
        await client.append_pcm(second)
    await opened
    assert await committed(emulator, client) == 60 * second


# --- The service refuses a piece of it


def becomes_open(client: RealtimeClient) -> asyncio.Future[Any]:
    """Return what ends when there is another connection."""
    return asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.OPEN)
    )


def is_refused(client: RealtimeClient) -> asyncio.Future[Any]:
    """Return what ends with the next error."""
    return asyncio.ensure_future(next_event(client, "error"))


async def test_refused_pieces(
    emulator: Emulator, client: RealtimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The sentence is said again from its beginning, to another session, in order."""
    caplog.set_level("DEBUG")
    await client.create_conversation_item(user_text("hello"))
    for _ in range(
        2
    ):  # two sentences: what is refused of one is not held against the next
        opened = becomes_open(client)
        await client.append_pcm(CHUNKS[0])
        emulator.faults.add(f"{REFUSAL}*2")
        for chunk in CHUNKS[1:4]:
            await client.append_pcm(chunk)
        await opened
        assert client.status is ModelStatus.LISTENING
        for chunk in CHUNKS[4:]:
            await client.append_pcm(chunk)
        assert await committed(emulator, client) == b"".join(CHUNKS)
    assert len(emulator.sessions) == 3
    assert emulator.sessions[0].closed
    assert "has not taken a piece" not in caplog.text
    assert len(emulator.sessions[-1].conversation) == 3


async def test_piece_that_is_refused_again(
    emulator: Emulator, client: RealtimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A piece that the service always refuses does not move the client from session to session."""
    caplog.set_level("DEBUG")
    refused, opened = is_refused(client), becomes_open(client)
    emulator.faults.add(f"{REFUSAL}*2")
    await client.append_pcm(CHUNKS[0])
    await refused
    refused_again = is_refused(client)
    await opened
    await refused_again
    assert "has not taken a piece" in caplog.text
    for chunk in CHUNKS[1:]:
        await client.append_pcm(chunk)
    assert await committed(emulator, client) == b"".join(CHUNKS[1:])
    assert len(emulator.sessions) == 2


async def test_refused_beside_an_answer(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """An answer that is being given is worth more than a piece of what is said meanwhile."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="A long story", hold=hold))
    response = await client.create_response()
    emulator.faults.add(f"{REFUSAL}*1")
    await client.append_pcm(CHUNKS[0])
    await is_refused(client)
    hold.set()
    assert (await response.done()).transcript == "A long story"
    assert len(emulator.sessions) == 1


async def test_refused_before_an_answer(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Nor is it lost if it has been asked for already."""
    emulator.faults.add("late_ack:input_audio_buffer.append*1")
    emulator.faults.add(f"{REFUSAL}*1")
    await client.append_pcm(CHUNKS[0])
    response = await client.create_response()
    await response.done()
    assert len(emulator.sessions[0].sent.of("error")) == 1
    assert len(emulator.sessions) == 1


async def after_a_sentence(
    make_client: MakeClient, api_version: str | None
) -> RealtimeClient:
    """Return a client to whose service something was said, of which it found the end."""
    client = make_client(
        session_config={"turn_detection": VAD}, api_version=api_version
    )
    await client.connect()
    ended = asyncio.ensure_future(next_event(client, "input_audio_buffer.committed"))
    await client.append_pcm(TONE + bytes(24_000))
    await ended
    return client


async def test_refused_after_the_end_of_speech(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """Where the service has found the end it is about to answer; what follows is silence."""
    client = await after_a_sentence(make_client, api_version)
    emulator.faults.add(f"{REFUSAL}*1")
    await client.append_pcm(CHUNKS[0])
    await is_refused(client)
    await (await client.create_response()).done()
    assert len(emulator.sessions) == 1


async def test_refused_with_turn_detection(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """Of what the service has already made a turn of nothing is said again."""
    client = await after_a_sentence(make_client, api_version)
    started = asyncio.ensure_future(
        next_event(client, "input_audio_buffer.speech_started")
    )
    await client.append_pcm(TONE[:9_600])
    await started
    opened = becomes_open(client)
    emulator.faults.add(f"{REFUSAL}*1")
    await client.append_pcm(TONE[9_600:])
    await opened
    ended = asyncio.ensure_future(next_event(client, "input_audio_buffer.committed"))
    await client.append_pcm(bytes(24_000))
    await ended
    session = emulator.sessions[-1]
    assert len(emulator.sessions) == 2
    assert [item.id for item in session.conversation] == client.item_ids
    *_, item = session.conversation
    assert item.audio.startswith(TONE)


async def test_refused_and_already_a_turn(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A late refusal of a committed piece starts no new session: the piece is not sent again."""
    await client.append_pcm(CHUNKS[0])
    await client.commit_audio()
    await (await client.create_response()).done()
    assert client.status is ModelStatus.SPEAKING
    await emulator.sessions[0].send(
        {"type": "error", "error": {"type": "server_error", "event_id": "append"}}
    )
    await client.create_conversation_item(user_text("hello"))
    assert len(emulator.sessions) == 1


@pytest.mark.parametrize("event_id", [None, "event_of_somebody"])
async def test_refusal_of_something_else(
    emulator: Emulator, client: RealtimeClient, event_id: str | None
) -> None:
    """An error without the event id of an append is not taken for a refused piece."""
    await client.append_pcm(CHUNKS[0])
    await emulator.sessions[0].send(
        {"type": "error", "error": {"type": "server_error", "event_id": event_id}}
    )
    assert await committed(emulator, client) == CHUNKS[0]
    assert len(emulator.sessions) == 1


async def test_refused_for_good(emulator: Emulator, client: RealtimeClient) -> None:
    """No other session is tried where none can help: the connection ends by itself."""
    closed = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CLOSED)
    )
    await client.append_pcm(CHUNKS[0])
    error = {"type": "x", "code": "insufficient_quota", "event_id": "append"}
    refused = is_refused(client)
    await emulator.sessions[0].send({"type": "error", "error": error})
    await refused
    assert client.state is ConnectionState.OPEN
    await emulator.sessions[0].close(1011)
    assert isinstance((await closed)["error"], QuotaExceededError)
    assert len(emulator.handshakes) == 1


async def test_refused_at_the_last_moment(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A sentence that was ended meanwhile is ended again on the new session: whole, and once."""
    emulator.faults.add("late_ack:input_audio_buffer.commit*1")
    await client.append_pcm(CHUNKS[0])
    emulator.faults.add(f"{REFUSAL}*1")
    await client.append_pcm(CHUNKS[1])
    with pytest.raises(ConnectionLostError):
        await client.commit_audio()
    await client.connect()
    assert await committed(emulator, client) == b"".join(CHUNKS[:2])
    assert len(emulator.sessions[-1].conversation) == 1


async def test_refused_while_it_becomes_a_turn(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Events of the old session count to its end: the sentence is whole, and there once."""
    opened = becomes_open(client)
    emulator.faults.add("no_ack:input_audio_buffer.commit*1")
    await client.append_pcm(CHUNKS[0])
    ending = asyncio.create_task(client.commit_audio())
    session = emulator.sessions[0]
    await session.received.wait_for("input_audio_buffer.commit")
    error = {"type": "server_error", "event_id": "append"}
    commit = {"type": "input_audio_buffer.committed", "item_id": "item_1"}
    await session.send_frame(
        *(
            orjson.dumps(each).decode()
            for each in ({"type": "error", "error": error}, commit)
        )
    )
    assert await ending == "item_1"
    await opened
    (item,) = emulator.sessions[-1].conversation
    assert (item.id, bytes(item.audio)) == ("item_1", CHUNKS[0])
    await client.append_pcm(CHUNKS[1])
    assert await committed(emulator, client) == CHUNKS[1]


async def test_lost_as_soon_as_it_is_a_turn(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A commit that the service has acknowledged survives the loss of the item's own event."""
    opened = becomes_open(client)
    emulator.faults.add("no_ack:input_audio_buffer.commit*1")
    await client.append_pcm(CHUNKS[0])
    ending = asyncio.create_task(client.commit_audio())
    session = emulator.sessions[0]
    await session.received.wait_for("input_audio_buffer.commit")
    await session.send({"type": "input_audio_buffer.committed", "item_id": "item_1"})
    session.abort()
    assert await ending == "item_1"
    await opened
    (item,) = emulator.sessions[-1].conversation
    assert (item.id, bytes(item.audio)) == ("item_1", CHUNKS[0])
