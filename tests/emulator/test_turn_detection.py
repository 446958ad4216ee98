"""Server VAD, barge-in and idle timeouts."""

import asyncio

import pytest

from emulator import Emulator, Reply
from emulator.service.turn_detection import SpeechStarted, SpeechStopped, TurnDetector
from emulator.wire.schema import SERVER_VAD

from .conftest import PREVIEW, Connect, silence, tone


def detect(pcm: bytes, **config: float) -> list[SpeechStarted | SpeechStopped]:
    """Run a detector over audio."""
    return list(TurnDetector({**SERVER_VAD, **config}, 0).feed(pcm))


def test_speech_and_silence() -> None:
    """Speech starts where it is loud and stops after enough silence."""
    found = detect(silence(500) + tone(400) + silence(500))
    assert found == [SpeechStarted(500), SpeechStopped(1100)]
    later = detect(silence(500) + tone(400) + silence(500), silence_duration_ms=400)
    assert later[1] == SpeechStopped(1300)


def test_threshold() -> None:
    """A higher threshold asks for louder speech; a click is not speech."""
    quiet = tone(400, amplitude=700)
    assert not detect(quiet, threshold=0.9)
    assert detect(quiet, threshold=0.2)
    assert not detect(silence(100) + tone(40) + silence(100))


def test_hysteresis() -> None:
    """Speech that grows quieter goes on."""
    found = detect(tone(300) + tone(400, amplitude=400) + silence(300))
    assert found == [SpeechStarted(0), SpeechStopped(900)]


async def test_a_turn(emulator: Emulator, connect: Connect) -> None:
    """The whole turn happens by itself, in the service's order."""
    client = await connect()
    emulator.hears.append("good evening")
    await client.say(silence(600) + tone(500) + silence(400))
    await client.until("response.done")
    assert client.types()[1:7] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped, committed, added = client.seen[1:5]
    assert started["audio_start_ms"] == 300  # 600 less the prefix padding
    assert stopped["audio_end_ms"] == 1300  # the end of speech and 200 ms
    assert (
        started["item_id"]
        == stopped["item_id"]
        == committed["item_id"]
        == added["item"]["id"]
    )
    item = emulator.sessions[0].conversation.find(started["item_id"])
    assert item
    assert len(item.audio) == (1300 - 300) * 48


async def test_without_create_response(emulator: Emulator, connect: Connect) -> None:
    """The turn is cut, but the client asks for the answer."""
    client = await connect()
    await client.detect_turns(create_response=False)
    await client.say(tone(300) + silence(300))
    await client.until("conversation.item.done")
    await client.send("response.create", response={"metadata": {"mine": "yes"}})
    created = await client.until("response.created")
    assert created["response"]["metadata"] == {"mine": "yes"}


@pytest.mark.parametrize("path", [None, PREVIEW])
async def test_barge_in(emulator: Emulator, connect: Connect, path: str | None) -> None:
    """Speech ends the response: open parts are done, the item is incomplete; then truncate."""
    client = await (connect(path) if path else connect())
    emulator.replies.append(Reply(text="a long answer", hold=asyncio.Event()))
    await client.send("response.create")
    spoke = await client.until(
        f"response.{'output_' if path is None else ''}audio.delta"
    )
    client.seen.clear()
    await client.say(tone(200))
    done = (await client.until("response.done"))["response"]
    assert client.types()[0] == "input_audio_buffer.speech_started"
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_tokens"] > 0
    place = {"item_id": spoke["item_id"], "content_index": 0, "audio_end_ms": 60}
    await client.send("conversation.item.truncate", **place)
    truncated = await client.until("conversation.item.truncated")
    assert truncated.items() >= place.items()


async def test_no_interruption(emulator: Emulator, connect: Connect) -> None:
    """Without interrupt_response the answer goes on, and the new turn finds it active."""
    client = await connect()
    await client.detect_turns(interrupt_response=False)
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="a long answer", hold=hold))
    await client.send("response.create")
    await client.until("response.output_audio.delta")
    await client.say(tone(300) + silence(300))
    assert (await client.error())["code"] == "conversation_already_has_active_response"
    hold.set()
    assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_after_the_response_only_speech_started(
    emulator: Emulator, connect: Connect
) -> None:
    """When generation is over there is nothing to cancel."""
    client = await connect()
    await client.ask("hello")
    await client.until("rate_limits.updated")
    client.seen.clear()
    await client.say(tone(200))
    await client.until("input_audio_buffer.speech_started")
    await client.send("response.cancel")
    assert (await client.error())["code"] == "response_cancel_not_active"
    assert client.types() == ["input_audio_buffer.speech_started", "error"]


async def test_idle_timeout(
    emulator: Emulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent user is spoken to, after the reply has been played."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    emulator.clock_rate = 2
    client = await connect()
    await client.detect_turns(idle_timeout_ms=30_000)
    emulator.replies.append(Reply(text="hm", pcm=silence(30_000)))
    await client.send("response.create")
    await client.until("response.done")
    # 15 s of playback, then 15 s of patience: looked at 10 s before they end, and 10 s after.
    monkeypatch.setattr(loop, "time", lambda: clock() + 20)
    await client.update(instructions="Be patient.")
    assert "input_audio_buffer.timeout_triggered" not in client.types()
    monkeypatch.setattr(loop, "time", lambda: clock() + 40)
    triggered = await client.until("input_audio_buffer.timeout_triggered")
    committed = await client.until("input_audio_buffer.committed")
    assert committed["item_id"] == triggered["item_id"]
    await client.until("response.created")


async def test_idle_timeout_stops_during_a_response(
    emulator: Emulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model speaks, the service does not wait for the user."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    client = await connect()
    await client.detect_turns(idle_timeout_ms=30_000)
    hold = asyncio.Event()
    emulator.replies += [Reply(text="hm"), Reply(text="a long answer", hold=hold)]
    await client.send("response.create")
    await client.until("response.done")
    await client.send("response.create")
    await client.until("response.created")
    monkeypatch.setattr(loop, "time", lambda: clock() + 60)
    await client.update(instructions="Be patient.")
    assert "input_audio_buffer.timeout_triggered" not in client.types()
    hold.set()
    await client.until("response.done")


async def test_semantic_vad_hears_nothing(emulator: Emulator, connect: Connect) -> None:
    """Semantic VAD is accepted and echoed, and never finds a turn: as Azure was seen to behave."""
    client = await connect()
    chosen = {"type": "semantic_vad", "eagerness": "high"}
    session = await client.update(audio={"input": {"turn_detection": chosen}})
    assert session["audio"]["input"]["turn_detection"].items() >= chosen.items()
    await client.say(tone(500) + silence(500))
    await client.send("input_audio_buffer.commit")
    await client.until("input_audio_buffer.committed")
    assert not client.types().count("input_audio_buffer.speech_started")


async def test_commit_while_speaking(emulator: Emulator, connect: Connect) -> None:
    """A client may end the turn that turn detection has begun."""
    client = await connect()
    await client.say(tone(300))
    started = await client.until("input_audio_buffer.speech_started")
    await client.send("input_audio_buffer.commit")
    committed = await client.until("input_audio_buffer.committed")
    assert committed["item_id"] == started["item_id"]
    await client.send("input_audio_buffer.commit")
    assert (await client.error())["code"] == "input_audio_buffer_commit_empty"


async def test_clear(emulator: Emulator, connect: Connect) -> None:
    """A cleared buffer has nothing to commit."""
    client = await connect()
    await client.detect_turns()
    await client.say(tone(500))
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    await client.send("input_audio_buffer.commit")
    error = await client.error()
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["message"] == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
        "audio, but buffer only has 0.00ms of audio."
    )
