"""Home Assistant's process, measured from outside and, by the observer, from inside."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import os
from pathlib import Path
import time

import numpy as np
from numpy.typing import NDArray

from emulator import Emulator
from script.home_assistant import HomeAssistant

EVERY_SECONDS = 2.0
_OBJECTS_EVERY = 15  # samples
_TICKS = os.sysconf("SC_CLK_TCK")

type FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The readings at one moment."""

    at: float
    rss_mb: float
    cpu_seconds: float
    files: int
    sockets: int
    tasks: int
    live_sessions: int  # of the service
    # Read only together with the objects: the use of the C library's heap and of Python's own.
    heap_mb: float = 0.0
    blocks: int = 0
    objects: dict[str, int] = field(default_factory=dict)

    def row(self) -> str:
        """Return the sample as a line of a table."""
        counts = " ".join(f"{kind} {count}" for kind, count in self.objects.items())
        in_use = f"in use {self.heap_mb:.1f} MB of heap, {self.blocks} blocks; {counts}"
        return (
            f"RSS {self.rss_mb:6.1f} MB, tasks {self.tasks:4}, sockets {self.sockets:4}, "
            f"other files {self.files:3}, sessions of the service {self.live_sessions:3}; "
            f"{in_use if self.objects else ''}"
        )


class Gauges:
    """Reads the gauges again and again."""

    def __init__(self, pid: int, house: HomeAssistant, emulator: Emulator) -> None:
        """Watch a process."""
        self.samples: list[Sample] = []
        self._process = Path("/proc") / str(pid)
        self._house = house
        self._emulator = emulator

    async def read_for_ever(self) -> None:
        """Take a sample every few seconds, objects now and then, until cancelled."""
        while True:
            await self.read(objects=len(self.samples) % _OBJECTS_EVERY == 0)
            await asyncio.sleep(EVERY_SECONDS)

    async def read(self, *, objects: bool = False) -> Sample:
        """Take a sample."""
        census: dict[str, int] = await self._house.command(
            "observer/census", objects=objects
        )
        # The service keeps the sessions that have ended; here they would pile up.
        live = [session for session in self._emulator.sessions if not session.closed]
        self._emulator.sessions[:] = live
        sample = self._sample(census.pop("tasks"), len(live), census)
        self.samples.append(sample)
        return sample

    def _sample(
        self, tasks: int, live_sessions: int, objects: dict[str, int]
    ) -> Sample:
        """Add what can be seen from outside."""
        status = (self._process / "status").read_text()
        rss_kb = int(status.partition("VmRSS:")[2].split()[0])
        times = (self._process / "stat").read_text().rpartition(")")[2].split()
        sockets = files = 0
        for file in (self._process / "fd").iterdir():
            try:
                is_socket = str(file.readlink()).startswith("socket:")
            except FileNotFoundError:
                continue
            sockets += is_socket
            files += not is_socket
        return Sample(
            at=time.monotonic(),
            rss_mb=rss_kb / 1024,
            cpu_seconds=(int(times[11]) + int(times[12])) / _TICKS,
            files=files,
            sockets=sockets,
            tasks=tasks,
            live_sessions=live_sessions,
            heap_mb=objects.pop("heap", 0) / 1024**2,
            blocks=objects.pop("blocks", 0),
            objects=objects,
        )

    def between(self, start: float, end: float) -> Sequence[Sample]:
        """Return the samples of a time."""
        return [sample for sample in self.samples if start <= sample.at <= end]


def slope(
    samples: Sequence[Sample], value: Callable[[Sample], float], block_seconds: float
) -> tuple[float, float]:
    """Return the growth of a value per minute, and its standard error.

    The growth is that of the best-fitting line, for values that go up and down.
    """
    minutes, means = _blocks(samples, value, block_seconds)
    if len(means) < 3:
        return 0.0, float("inf")
    (rise, _), covariance = np.polyfit(minutes, means, 1, cov=True)
    return float(rise), float(np.sqrt(covariance[0, 0]))


def drift(
    samples: Sequence[Sample], value: Callable[[Sample], float], block_seconds: float
) -> tuple[float, float]:
    """Return the growth of a value per minute, and its standard error.

    The growth is the mean of the steps, for values that stay at each new level. A line through a
    single step would look as sure of its rise as a line through many.
    """
    minutes, means = _blocks(samples, value, block_seconds)
    if len(means) < 3:
        return 0.0, float("inf")
    steps = np.diff(means) / np.diff(minutes)
    return float(steps.mean()), float(steps.std(ddof=1) / np.sqrt(len(steps)))


def _blocks(
    samples: Sequence[Sample], value: Callable[[Sample], float], block_seconds: float
) -> tuple[FloatArray, FloatArray]:
    """Return the mean time, in minutes, and the mean value of each block of time.

    The means even out the ups and downs of objects that are kept for a while.
    """
    blocks: dict[int, list[Sample]] = {}
    for sample in samples:
        blocks.setdefault(int((sample.at - samples[0].at) / block_seconds), []).append(
            sample
        )
    minutes, means = (
        np.array([np.mean([of(each) for each in block]) for block in blocks.values()])
        for of in (lambda sample: sample.at / 60, value)
    )
    return minutes, means
