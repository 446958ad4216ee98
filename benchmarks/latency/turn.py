"""One turn through an Assist pipeline, and when its answer began."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
import time
from typing import Any

import numpy as np

from script.home_assistant import HomeAssistant, SetupError

SILENCE_SECONDS = 0.5  # of turn detection, as an assistant has it
SPEECH = (
    (12_000 * np.sin(2 * np.pi * 220 * np.arange(9600) / 16_000))
    .astype("<i2")
    .tobytes()
)
MICROPHONE_RATE = 16_000


def holds_sound(sound: bytes) -> bool:
    """Return whether a file's first bytes are more than its header."""
    match sound[:4]:
        case b"RIFF":
            at = sound.find(b"data", 12)
            return 0 < at < len(sound) - 8
        case b"fLaC":
            return b"\xff\xf8" in sound[42:]
        case _ if sound[:3] == b"ID3":
            return sound.find(b"\xff", 10) > 0
        case _:
            return len(sound) > 4


@dataclass
class Times:
    """The times of one turn, in ms after ``started``.

    A spoken turn has started when turn detection could first know its end, a typed turn when it
    was sent.
    """

    started: float = 0.0  # of time.monotonic
    heard: float = 0.0
    streamed: float = 0.0
    sounded: float = 0.0
    written: float = 0.0  # the first words of a typed turn's answer
    conversation_id: str = ""

    def end_of_speech(self) -> None:
        """Begin to count."""
        self.started = time.monotonic() + SILENCE_SECONDS

    def now(self) -> float:
        """Return the time."""
        return (time.monotonic() - self.started) * 1000


async def spoken_turn(
    home: HomeAssistant, events: AsyncGenerator[dict[str, Any]]
) -> Times:
    """Say something to a run that has begun, and fetch the reply to its end."""
    times = Times()
    url = ""
    microphone = playing = None

    def listen(handler: int) -> asyncio.Task[None]:
        return asyncio.create_task(home.speak(handler, SPEECH, times.end_of_speech))

    async for event in events:
        data = event["data"] or {}
        match event["type"]:
            case "microphone":
                microphone = listen(event["data"])
            case "run-start":
                url = data["tts_output"]["url"]
                times.conversation_id = data["conversation_id"]
                handler = (data.get("runner_data") or {}).get("stt_binary_handler_id")
                if handler is not None:  # core's own command
                    microphone = listen(handler)
            case "stt-end":
                times.heard = times.now()
                assert microphone
                microphone.cancel()
            case "intent-progress" | "tts-end":
                # A reply that is not streamed is fetched when it is complete.
                if playing is None and (
                    data.get("tts_start_streaming") or event["type"] == "tts-end"
                ):
                    times.streamed = times.now()
                    playing = asyncio.create_task(_play(home, url, times))
            case "error":
                raise SetupError(f"The pipeline failed: {data['message']}")
            case "run-end":
                break
    assert playing
    await playing
    return times


async def _play(home: HomeAssistant, url: str, times: Times) -> None:
    """Fetch a reply, and note when there is something to hear."""
    sound = b""
    async for data in home.fetch(url):
        sound += data
        if not times.sounded and holds_sound(sound):
            times.sounded = times.now()
    if not times.sounded:
        raise SetupError("The reply is silent.")


async def typed_turn(
    home: HomeAssistant, pipeline: str, conversation_id: str | None
) -> Times:
    """Type something into the Assist dialog, and read the answer to its end."""
    times = Times(started=time.monotonic())
    events = await home.events(
        "assist_pipeline/run",
        start_stage="intent",
        end_stage="intent",
        pipeline=pipeline,
        conversation_id=conversation_id,
        input={"text": "What is it?"},
    )
    async for event in events:
        data = event["data"] or {}
        match event["type"]:
            case "run-start":
                times.conversation_id = data["conversation_id"]
            case "intent-progress":
                delta = data.get("chat_log_delta", {})
                if delta.get("content") and not times.written:
                    times.written = times.now()
            case "intent-end":
                response = data["intent_output"]["response"]
                if response["response_type"] == "error":
                    raise SetupError(response["speech"]["plain"]["speech"])
            case "error":
                raise SetupError(f"The pipeline failed: {data['message']}")
            case "run-end":
                break
    if not times.written:
        raise SetupError("The answer is empty.")
    return times
