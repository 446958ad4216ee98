"""Pipecat's realtime service for Azure, in a pipeline as its bots have one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.workers.runner import WorkerRunner
import pytest

from emulator import Emulator, Reply

from .conftest import DEPLOYMENT, KEY, speech


async def get_weather(params: FunctionCallParams, location: str) -> None:
    """Tell the weather.

    Args:
        params: What Pipecat knows of the call.
        location: The town.

    """
    await params.result_callback({"weather": "sunny", "location": location})


class Witness(FrameProcessor):  # type: ignore[misc] # Pipecat is not where types are checked
    """Keeps what passes a place of the pipeline."""

    def __init__(self) -> None:
        """Have seen nothing."""
        super().__init__()
        self.frames: list[Frame] = []
        self._passed = asyncio.Condition()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep a frame, and let it pass."""
        await super().process_frame(frame, direction)
        async with self._passed:
            self.frames.append(frame)
            self._passed.notify_all()
        await self.push_frame(frame, direction)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what has passed fulfils a condition."""
        async with asyncio.timeout(5), self._passed:
            await self._passed.wait_for(condition)

    def of[T: Frame](self, kind: type[T]) -> list[T]:
        """Return the frames of a kind."""
        return [frame for frame in self.frames if isinstance(frame, kind)]

    def words(self) -> str:
        """Return what the model has said so far."""
        return "".join(frame.text for frame in self.of(TTSTextFrame))

    def audio_ms(self) -> int:
        """Return how much sound there was so far."""
        return sum(len(frame.audio) for frame in self.of(TTSAudioRawFrame)) // 48


class House:
    """A bot: its pipeline, and what passed before and behind the service."""

    def __init__(self, emulator: Emulator, tools: list[Any]) -> None:
        """Prepare a bot for an emulator."""
        self.before, self.behind = Witness(), Witness()
        self.context = LLMContext(tools=tools)
        transcription = InputAudioTranscription(model="gpt-4o-mini-transcribe")
        settings = AzureRealtimeLLMService.Settings(
            model=DEPLOYMENT,
            system_instruction="Be brief",
            session_properties=SessionProperties(
                audio=AudioConfiguration(input=AudioInput(transcription=transcription))
            ),
        )
        service = AzureRealtimeLLMService(
            api_key=KEY,
            base_url=f"ws://{emulator.host_name}/openai/v1/realtime",
            settings=settings,
        )
        aggregators = LLMContextAggregatorPair(self.context)
        parts = [self.before, service, self.behind]
        self.worker = PipelineWorker(
            Pipeline([aggregators.user(), *parts, aggregators.assistant()])
        )
        self.errors: list[ErrorFrame] = []
        self.started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", self._started)
        self.worker.add_event_handler("on_pipeline_error", self._erred)

    async def _started(self, _worker: PipelineWorker, _frame: Frame) -> None:
        self.started.set()

    async def _erred(self, _worker: PipelineWorker, frame: ErrorFrame) -> None:
        self.errors.append(frame)

    async def ask(self, text: str) -> None:
        """Begin the conversation with a user's text."""
        self.context.add_message({"role": "user", "content": text})
        await self.worker.queue_frame(LLMRunFrame())

    async def speak(self) -> None:
        """Speak as somebody does: the bot is interrupted before the turn ends."""
        known = len(self.before.of(InterruptionFrame))
        spoken = speech()
        await self._say(spoken[: -600 * 48])
        await self.before.until(lambda: len(self.before.of(InterruptionFrame)) > known)
        await self._say(spoken[-600 * 48 :])

    async def _say(self, pcm: bytes) -> None:
        """Queue audio in frames of 20 ms, as a transport does."""
        for at in range(0, len(pcm), 960):
            await self.worker.queue_frame(
                InputAudioRawFrame(pcm[at : at + 960], 24000, 1)
            )

    async def heard_something(self) -> None:
        """Wait for sound, and for some of it to be played: to 0 ms nothing can be cut."""
        await self.behind.until(lambda: bool(self.behind.of(TTSAudioRawFrame)))
        # Pipecat truncates to the time that has passed since the first sound, so that time
        # itself has to pass. The test asks for some of it, and for no exact length.
        await asyncio.sleep(0.05)


@pytest.fixture
async def house(emulator: Emulator) -> AsyncIterator[House]:
    """Run a bot, which must end without an error on either side."""
    house = House(emulator, [get_weather])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(house.worker)
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(5):
        await house.started.wait()
    yield house
    await runner.cancel()
    await running
    assert house.errors == []
    (session,) = emulator.sessions
    assert session.sent.of("error") == []
    assert session.headers["api-key"] == KEY


async def test_typed_turn(house: House) -> None:
    """A message of the context, and a spoken reply with its transcript."""
    await house.ask("say good morning")
    await house.behind.until(lambda: bool(house.behind.of(LLMFullResponseEndFrame)))
    assert house.behind.words() == "good morning"
    assert house.behind.audio_ms() == len("good morning") * 40


async def test_spoken_turn(emulator: Emulator, house: House) -> None:
    """Server VAD ends the turn, transcribes it, and replies."""
    emulator.hears.append("say good night")
    await house.speak()
    await house.behind.until(lambda: bool(house.behind.of(LLMFullResponseEndFrame)))
    assert house.behind.words() == "good night"
    assert house.behind.audio_ms() == len("good night") * 40
    await house.before.until(lambda: bool(house.before.of(TranscriptionFrame)))
    (transcription,) = house.before.of(TranscriptionFrame)
    assert transcription.text == "say good night"


async def test_tool(house: House) -> None:
    """The service runs the bot's tool, and the model goes on with what it returned."""
    await house.ask("what is the weather in Bern?")
    await house.behind.until(lambda: "sunny" in house.behind.words())
    (result,) = house.behind.of(FunctionCallResultFrame)
    assert result.arguments == {"location": "Bern"}


async def test_barge_in(emulator: Emulator, house: House) -> None:
    """The model is cancelled, the bot truncates to what can have been played, and talk goes on."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    await house.ask("tell me a story")
    await house.heard_something()
    emulator.hears.append("say good bye")
    await house.speak()
    await house.behind.until(lambda: house.behind.words().endswith("good bye"))
    (truncated,) = emulator.sessions[0].sent.of("conversation.item.truncated")
    assert 0 < truncated["audio_end_ms"] <= 100


async def test_interruption(emulator: Emulator, house: House) -> None:
    """A bot that interrupts itself truncates a reply that the service goes on with."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="one two three", hold=hold))
    await house.ask("tell me a story")
    await house.heard_something()
    await house.worker.queue_frame(InterruptionFrame())
    (session,) = emulator.sessions
    truncated = await session.sent.wait_for("conversation.item.truncated")
    hold.set()
    await session.sent.wait_for("response.done")
    item = session.conversation.retrieve(truncated["item_id"])
    assert len(item.audio) == truncated["audio_end_ms"] * 48
    emulator.hears.append("say good bye")
    await house.speak()
    await house.behind.until(lambda: house.behind.words().endswith("good bye"))
