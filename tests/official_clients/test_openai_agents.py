"""OpenAI's agents SDK for Python, told Azure's address and header as its configuration allows."""

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.realtime.model import RealtimePlaybackTracker
import pytest

from emulator import Emulator, Reply

from .conftest import DEPLOYMENT, KEY, speech


async def get_weather(location: str) -> str:
    """Tell the weather.

    Args:
        location: The town.

    """
    return json.dumps({"weather": "sunny", "location": location})


class House:
    """A session of the SDK, and what it told its application."""

    def __init__(
        self, session: RealtimeSession, playback: RealtimePlaybackTracker
    ) -> None:
        """Listen to a session."""
        self.session = session
        self.playback = playback
        self.seen: list[Any] = []
        self._events = aiter(session)

    async def until(self, kind: str) -> Any:
        """Return the next event of a kind."""
        async with asyncio.timeout(5):
            while (event := await anext(self._events)).type != kind:
                self.seen.append(event)
        self.seen.append(event)
        return event

    async def say(self, pcm: bytes) -> None:
        """Send audio in chunks of 100 ms, as a microphone does."""
        for at in range(0, len(pcm), 4800):
            await self.session.send_audio(pcm[at : at + 4800])

    async def reply(self) -> tuple[str, int]:
        """Return the words of the next reply, and how many ms of sound it has."""
        start = len(self.seen)
        await self.until("agent_end")
        raw = [e.data for e in self.seen[start:] if e.type == "raw_model_event"]
        words = "".join(e.delta for e in raw if e.type == "transcript_delta")
        return words, sum(len(e.data) for e in raw if e.type == "audio") // 48

    async def is_heard(self, milliseconds: int) -> str:
        """Tell the SDK that so much of the next reply has been played; return its item."""
        audio = await self.until("audio")
        self.playback.on_play_ms(audio.item_id, audio.content_index, milliseconds)
        item_id: str = audio.item_id
        return item_id


@pytest.fixture
async def house(emulator: Emulator) -> AsyncIterator[House]:
    """Open a session, which must end without an error on either side."""
    agent = RealtimeAgent(
        name="House", instructions="Be brief", tools=[function_tool(get_weather)]
    )
    # Its default, semantic_vad, has been seen to hear nothing on Azure (livekit/agents#6871).
    audio = {
        "input": {
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "interrupt_response": True},
        },
        "output": {"voice": "marin"},
    }
    runner = RealtimeRunner(
        agent,
        config={
            "tracing_disabled": True,
            "model_settings": {"model_name": DEPLOYMENT, "audio": audio},
        },
    )
    playback = RealtimePlaybackTracker()
    session = await runner.run(
        model_config={
            "url": f"ws://{emulator.host_name}/openai/v1/realtime?model={DEPLOYMENT}",
            "headers": {"api-key": KEY},
            "playback_tracker": playback,
        }
    )
    async with session:
        house = House(session, playback)
        yield house
    house.seen += [event async for event in session]
    assert [event for event in house.seen if event.type == "error"] == []
    assert emulator.sessions[0].sent.of("error") == []


async def test_typed_turn(house: House) -> None:
    """A typed question, a spoken answer."""
    await house.session.send_message("say good morning")
    assert await house.reply() == ("good morning", len("good morning") * 40)


async def test_spoken_turn(emulator: Emulator, house: House) -> None:
    """Server VAD, a transcript of what was said, a spoken answer."""
    emulator.hears.append("say good night")
    await house.say(speech())
    assert await house.reply() == ("good night", len("good night") * 40)
    raw = [event.data for event in house.seen if event.type == "raw_model_event"]
    heard = [e for e in raw if e.type == "input_audio_transcription_completed"]
    assert [e.transcript for e in heard] == ["say good night"]


async def test_tool(house: House) -> None:
    """The SDK runs the agent's tool and goes on with what it returned."""
    await house.session.send_message("what is the weather in Bern?")
    called = await house.until("tool_end")
    assert json.loads(called.arguments) == {"location": "Bern"}
    words = ""
    while not words:  # the response that called the tool may still have to end
        words, _ = await house.reply()
    assert "sunny" in words


async def test_barge_in(emulator: Emulator, house: House) -> None:
    """The service cancels, the SDK truncates to what was played, and talk goes on."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    await house.session.send_message("tell me a story")
    item_id = await house.is_heard(60)
    emulator.hears.append("say good bye")
    await house.say(speech())
    await house.until("audio_interrupted")
    await house.until("agent_end")
    assert (await house.reply())[0] == "good bye"
    (truncated,) = emulator.sessions[0].sent.of("conversation.item.truncated")
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 60)


async def test_interrupt(emulator: Emulator, house: House) -> None:
    """Stopped by a button, the SDK truncates a reply that it leaves the service to finish."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="one two three", hold=hold))
    await house.session.send_message("tell me a story")
    item_id = await house.is_heard(60)
    await house.session.interrupt()
    await house.until("audio_interrupted")
    session = emulator.sessions[0]
    await session.sent.wait_for("conversation.item.truncated")
    hold.set()
    await house.until("agent_end")
    await house.session.send_message("say good bye")
    assert (await house.reply())[0] == "good bye"
    item = session.conversation.retrieve(item_id)
    assert len(item.audio) == 60 * 48
    assert session.received.of("response.cancel") == []
