"""Spoken turns on loopback: what Home Assistant and the models cost, where the network costs nothing.

The columns, in ms: what each model takes until its first output; speech-to-text has ended; the
pipeline says that the reply can be fetched; the first byte of its sound, header aside. Beside the
integration's own pipeline (native), the table has a chain of three models that take the same time each.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from statistics import median, quantiles
import time
from typing import Any

from emulator import Reply

from .house import LETTER_SECONDS, SPEED, House
from .turn import Times, spoken_turn

TARGET_MS = 100

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


async def take_turn(house: House, cell: Cell, reply: str) -> Times:
    """Say something and fetch the reply to its end."""
    events = await house.home.events(
        "chain/run",
        pipeline=cell.pipeline,
        output=OUTPUTS[cell.output],
        model_seconds=cell.model_ms / 1000,
        round_trip=0,
        reply=reply,
        reply_seconds=len(reply) * LETTER_SECONDS,
        speed=SPEED,
    )
    return await spoken_turn(house.home, events)


async def bench(house: House, native: str, rounds: int) -> None:
    """Take all turns and print the table; ``native`` is the integration's own pipeline."""
    cells = [
        Cell("native", native, 0, reply, output)
        for output in OUTPUTS
        for reply in REPLIES
    ] + [
        Cell(name, pipeline, model_ms, reply, "mp3")
        for model_ms in (0, 300)
        for reply in REPLIES
        for name, pipeline in (("native", native), ("chain", house.chain))
        if model_ms or pipeline is house.chain
    ]
    print(
        "\nOn loopback; medians and p95 in ms. "
        f"To start ffmpeg takes {await ffmpeg_start():.0f} ms here."
    )
    print(HEADER)
    house.emulator.replies = deque()
    for cell in cells:
        house.emulator.first_audio_ms = cell.model_ms
        # The first turn warms up. No reply comes twice: Home Assistant would know it.
        for number in range(rounds + 1):
            reply = f"{REPLIES[cell.reply]}{number}"
            house.emulator.replies.append(Reply(text=reply))
            times = await take_turn(house, cell, reply)
            house.emulator.replies.clear()
            if number:
                cell.turns.append(times)
        print(cell.show(), flush=True)
    house.emulator.first_audio_ms = 0


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
