"""LiveKit's realtime model, configured as LiveKit documents it for Azure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
import json
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.agents.metrics import RealtimeModelMetrics
from livekit.plugins.openai import realtime
import pytest

from emulator import Emulator, Reply

from .conftest import DEPLOYMENT, KEY, PREVIEW, speech


async def get_weather(location: str) -> str:
    """Tell the weather.

    Args:
        location: The town.

    """
    return json.dumps({"weather": "sunny", "location": location})


class House:
    """A session of LiveKit's model, and what it told its agent."""

    def __init__(self, session: realtime.RealtimeSession) -> None:
        """Listen to a session."""
        self.session = session
        self.errors: list[Any] = []
        self.transcripts: asyncio.Queue[str] = asyncio.Queue()
        self.metrics: asyncio.Queue[RealtimeModelMetrics] = asyncio.Queue()
        self.generations: asyncio.Queue[llm.GenerationCreatedEvent] = asyncio.Queue()
        session.on("error", self.errors.append)
        session.on("input_audio_transcription_completed", self._transcribed)
        session.on("metrics_collected", self._measured)
        session.on("generation_created", self.generations.put_nowait)

    def _transcribed(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            self.transcripts.put_nowait(event.transcript)

    def _measured(self, metrics: RealtimeModelMetrics) -> None:
        if metrics.request_id:  # not those of the connection
            self.metrics.put_nowait(metrics)

    def say(self, pcm: bytes) -> None:
        """Push audio in frames of 10 ms, as a room does."""
        for at in range(0, len(pcm), 480):
            data = pcm[at : at + 480]
            self.session.push_audio(rtc.AudioFrame(data, 24000, 1, len(data) // 2))

    async def write(self, text: str) -> None:
        """Add a user's text to the chat context."""
        context = self.session.chat_ctx.copy()
        context.add_message(role="user", content=text)
        await self.session.update_chat_ctx(context)


async def soon[T](result: Awaitable[T]) -> T:
    """Await something that is due within seconds."""
    async with asyncio.timeout(5):
        return await result


async def said(generation: llm.GenerationCreatedEvent) -> tuple[str, int]:
    """Return the words of a generation, and how many ms of sound it has."""
    words, samples = "", 0
    async with asyncio.timeout(5):
        async for message in generation.message_stream:
            words += "".join([delta async for delta in message.text_stream])
            async for frame in message.audio_stream:
                samples += frame.samples_per_channel
    return words, samples // 24


@pytest.fixture(params=[None, PREVIEW], ids=["ga", "preview"])
async def house(
    emulator: Emulator, request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    """Open a session in each dialect; it must end without an error."""
    async with aiohttp.ClientSession() as http_session:
        model = realtime.RealtimeModel.with_azure(
            azure_deployment=DEPLOYMENT,
            azure_endpoint=f"http://{emulator.host_name}",
            api_key=KEY,
            api_version=request.param,
            voice="shimmer",
            http_session=http_session,
        )
        house = House(model.session())
        yield house
        await house.session.aclose()
        assert house.errors == []
        assert [each.dialect for each in emulator.sessions] == [
            "preview" if request.param else "ga"
        ]


async def test_typed_turn(house: House) -> None:
    """A message of the chat context, and a spoken reply with its transcript."""
    await house.write("say good morning")
    generation = await soon(house.session.generate_reply())
    assert await said(generation) == ("good morning", len("good morning") * 40)
    assert generation.user_initiated
    assert (await soon(house.metrics.get())).output_tokens > 0


async def test_spoken_turn(emulator: Emulator, house: House) -> None:
    """Server VAD ends the turn, transcribes it, and replies."""
    emulator.hears.append("say good night")
    house.say(speech())
    words, milliseconds = await said(await soon(house.generations.get()))
    assert (words, milliseconds) == ("good night", len(words) * 40)
    assert await soon(house.transcripts.get()) == "say good night"


async def test_tool(house: House) -> None:
    """The call, its output through the chat context, and the reply to that."""
    await house.session.update_tools([llm.function_tool(get_weather)])
    await house.write("what is the weather in Bern?")
    generation = await soon(house.session.generate_reply())
    async with asyncio.timeout(5):
        (call,) = [call async for call in generation.function_stream]
    assert (call.name, json.loads(call.arguments)) == (
        "get_weather",
        {"location": "Bern"},
    )
    context = house.session.chat_ctx.copy()
    output = await get_weather(**json.loads(call.arguments))
    context.items.append(
        llm.FunctionCallOutput(
            call_id=call.call_id, name=call.name, output=output, is_error=False
        )
    )
    await house.session.update_chat_ctx(context)
    words, _ = await said(await soon(house.session.generate_reply()))
    assert "sunny" in words


async def test_interruption(emulator: Emulator, house: House) -> None:
    """A reply is cancelled, cut to what was played, and the next one goes through."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    generation = await soon(house.session.generate_reply())
    async with asyncio.timeout(5):
        message = await anext(aiter(generation.message_stream))
        await anext(aiter(message.audio_stream))
    house.session.interrupt()
    assert (await soon(house.metrics.get())).cancelled
    house.session.truncate(
        message_id=message.message_id, modalities=["audio"], audio_end_ms=60
    )
    await house.write("say good bye")
    assert (await said(await soon(house.session.generate_reply())))[0] == "good bye"
    (truncated,) = emulator.sessions[0].sent.of("conversation.item.truncated")
    assert truncated["item_id"] == message.message_id
