"""Print how long a spoken turn takes, from the last byte of speech to the first of the reply.

A real Home Assistant runs the stock Assist pipeline. The microphone goes up as fast as one speaks,
and the reply is fetched from /api/tts_proxy as soon as the pipeline says so. What turn detection
waits for, to be sure that nobody speaks, is taken off: no model is faster than that.

The columns, in ms: what each model takes until its first output; speech-to-text has ended; the
pipeline says that the reply can be fetched; the first byte of its sound, header aside. Beside the
integration's own pipeline (native), a chain of three models that take the same time each.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
import tempfile
import time
from typing import Any

from homeassistant.const import __version__ as home_assistant_version
import numpy as np

from emulator import Emulator, Reply
from script.home_assistant import (
    HomeAssistant,
    SetupError,
    free_port,
    home_assistant,
    run_home_assistant,
    seed,
)

DOMAIN = "azure_realtime_audio"
CHAIN = Path(__file__).parent / "chain"
SILENCE_SECONDS = 0.5  # of turn detection, as an assistant has it
SPEED = 8.0  # of the reply's sound, in multiples of real time
LETTER_SECONDS = 0.04  # of the emulator's voice
TARGET_MS = 100

SPEECH = (
    (12_000 * np.sin(2 * np.pi * 220 * np.arange(9600) / 16_000))
    .astype("<i2")
    .tobytes()
)

REPLIES = {
    "one word": "Certainly",
    "long": " ".join(["It is somewhat cloudy today, with a little rain at night"] * 4),
}
SATELLITE = {"preferred_sample_rate": 16_000, "preferred_sample_channels": 1}
OUTPUTS: dict[str, dict[str, Any]] = {
    "wav": {"preferred_format": "wav"},
    "wav 16 kHz": {
        "preferred_format": "wav",
        **SATELLITE,
        "preferred_sample_bytes": 2,
    },
    "mp3": {"preferred_format": "mp3"},
    "flac": {"preferred_format": "flac", **SATELLITE, "preferred_sample_rate": 48_000},
}


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
    """What happened when in one turn, in ms after turn detection could first know its end."""

    started: float = 0.0
    heard: float = 0.0
    streamed: float = 0.0
    sounded: float = 0.0

    def end_of_speech(self) -> None:
        """Begin to count."""
        self.started = time.monotonic() + SILENCE_SECONDS

    def now(self) -> float:
        """Return the time."""
        return (time.monotonic() - self.started) * 1000


@dataclass
class Cell:
    """A pipeline with its models' latency, how it replies and in which format."""

    name: str
    pipeline: str
    model_ms: int
    reply: str
    output: str
    turns: list[Times] = field(default_factory=list)

    @property
    def is_target(self) -> bool:
        """Whether the target applies: our own, where the model costs nothing."""
        return self.name == "native" and not self.model_ms

    def show(self) -> str:
        """Return a row."""
        sounded = [turn.sounded for turn in self.turns]
        p95 = quantiles(sounded, n=20, method="inclusive")[-1]
        return (
            f"{self.name:<8}{self.model_ms:5}  {self.reply:<9} {self.output:<11}"
            f"{median(turn.heard for turn in self.turns):7.0f}"
            f"{median(turn.streamed for turn in self.turns):9.0f}"
            f"{median(sounded):9.0f}{p95:6.0f}"
            f"{TARGET_MS if self.is_target else '':>8}"
        )


HEADER = "pipeline model reply     output       heard  fetched    sound   p95  target"


async def take_turn(house: HomeAssistant, cell: Cell, reply: str) -> Times:
    """Say something and fetch the reply to its end."""
    times = Times()
    events = await house.events(
        "chain/run",
        pipeline=cell.pipeline,
        output=OUTPUTS[cell.output],
        model_seconds=cell.model_ms / 1000,
        reply=reply,
        reply_seconds=len(reply) * LETTER_SECONDS,
        speed=SPEED,
    )
    url = ""
    microphone = playing = None
    async for event in events:
        data = event["data"] or {}
        match event["type"]:
            case "microphone":
                microphone = asyncio.create_task(
                    house.speak(event["data"], SPEECH, times.end_of_speech)
                )
            case "run-start":
                url = data["tts_output"]["url"]
            case "stt-end":
                times.heard = times.now()
                assert microphone
                microphone.cancel()
            case "intent-progress" | "tts-end":
                # A reply that is not streamed is fetched when it is there.
                if playing is None and (
                    data.get("tts_start_streaming") or event["type"] == "tts-end"
                ):
                    times.streamed = times.now()
                    playing = asyncio.create_task(play(house, url, times))
            case "error":
                raise SetupError(f"The pipeline failed: {data['message']}")
            case "run-end":
                break
    assert playing
    await playing
    return times


async def play(house: HomeAssistant, url: str, times: Times) -> None:
    """Fetch a reply, and note when there is something to hear."""
    sound = b""
    async for data in house.fetch(url):
        sound += data
        if not times.sounded and holds_sound(sound):
            times.sounded = times.now()
    if not times.sounded:
        raise SetupError("The reply is silent.")


async def bench(rounds: int) -> None:
    """Take all turns and print the table."""
    async with running_house() as (house, emulator):
        native = await set_up_native(house, emulator.url)
        chain = await set_up_chain(house)
        cells = [
            Cell("native", native, 0, reply, output)
            for output in OUTPUTS
            for reply in REPLIES
        ] + [
            Cell(name, pipeline, model_ms, reply, "mp3")
            for model_ms in (0, 300)
            for reply in REPLIES
            for name, pipeline in (("native", native), ("chain", chain))
            if model_ms or pipeline is chain
        ]
        print(
            f"\nHome Assistant {home_assistant_version}; medians and p95 in ms. "
            f"To start ffmpeg takes {await ffmpeg_start():.0f} ms here."
        )
        print(HEADER)
        for cell in cells:
            emulator.first_audio_ms = cell.model_ms
            # The first turn warms up. No reply comes twice: Home Assistant would know it.
            for number in range(rounds + 1):
                reply = f"{REPLIES[cell.reply]}{number}"
                emulator.replies.append(Reply(text=reply))
                times = await take_turn(house, cell, reply)
                emulator.replies.clear()
                if number:
                    cell.turns.append(times)
            print(cell.show(), flush=True)


async def ffmpeg_start() -> float:
    """Return how long an ffmpeg that does nothing runs, in ms: core starts one per reply."""
    taken = []
    for _ in range(5):
        start = time.monotonic()
        ffmpeg = await asyncio.create_subprocess_exec(
            "ffmpeg", "-version", stdout=asyncio.subprocess.DEVNULL
        )
        await ffmpeg.wait()
        taken.append((time.monotonic() - start) * 1000)
    return median(taken)


async def set_up_native(house: HomeAssistant, url: str) -> str:
    """Set the integration up as a user does; return the pipeline that it made."""
    done = await house.fill_in(
        "config/config_entries/flow",
        {"handler": DOMAIN},
        {"host_name": url, "deployment": "bench", "api_key": "bench"},
    )
    await house.entry_loaded(done["result"]["entry_id"])
    answer = await house.command("assist_pipeline/pipeline/list")
    pipeline_id: str = answer["pipelines"][-1]["id"]
    return pipeline_id


async def set_up_chain(house: HomeAssistant) -> str:
    """Set the chain up, and make a pipeline of it."""
    done = await house.rest("POST", "config/config_entries/flow", {"handler": "chain"})
    await house.entry_loaded(done["result"]["entry_id"])
    pipeline = await house.command(
        "assist_pipeline/pipeline/create",
        name="Chain",
        language="en",
        conversation_engine="conversation.chain",
        conversation_language="en",
        stt_engine="stt.chain",
        stt_language="en",
        tts_engine="tts.chain",
        tts_language="en",
        **dict.fromkeys(("tts_voice", "wake_word_entity", "wake_word_id")),
    )
    pipeline_id: str = pipeline["id"]
    return pipeline_id


@asynccontextmanager
async def running_house() -> AsyncGenerator[tuple[HomeAssistant, Emulator]]:
    """Run Home Assistant in a process of its own; the emulator shares that of the satellite."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-realtime-"))
        )
        config, port = folder / "config", free_port()
        seed(config, port)
        (config / "custom_components" / CHAIN.name).symlink_to(CHAIN)
        emulator = await stack.enter_async_context(
            Emulator(
                api_key="bench", deployment="bench", speed=SPEED, keep_events=False
            )
        )
        starting = await stack.enter_async_context(
            run_home_assistant(config, folder / "home-assistant.log")
        )
        house = await stack.enter_async_context(
            home_assistant(f"http://127.0.0.1:{port}", starting)
        )
        yield house, emulator


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        prog="script/bench latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=10, help="default %(default)s")
    asyncio.run(bench(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
