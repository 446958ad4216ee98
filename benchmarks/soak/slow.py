"""The memory that long replies cost when they come at once and players stop reading.

The integration keeps each reply whole, and core's memory of replies keeps it encoded. So a round may
cost the length of its replies, up to the integration's limit for one reply. A second round, when core
has forgotten the first, may cost no more than that again.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from custom_components.azure_realtime_audio.realtime.audio import BYTES_PER_SECOND
from custom_components.azure_realtime_audio.realtime.protocol.response_feed import (
    MAX_SIZE,
)
from emulator import Emulator, Reply
from script.home_assistant import HomeAssistant

from .gauges import Gauges, Sample
from .results import Results
from .satellite import Manners, Satellite

READERS = 4
KEEP_SECONDS = 10.0
# An ordinary long reply, and one that does not end by itself before the limit.
MINUTES = (5, 20)
ROUNDS = 2
_STOP_SECONDS = 30.0
_EVERY_SECONDS = 0.5
# Before 2026.11, core converts from 48 kHz and stereo: four times the model's PCM.
_COPIES = 1 + 4
_SLACK_MB = 60
_SPREAD = 1.1


async def slow_consumers(
    home: HomeAssistant, emulator: Emulator, pipeline: str, gauges: Gauges
) -> list[str]:
    """Let players stop reading; print the memory that this costs and return the failures."""
    await home.command("observer/shorten", seconds=KEEP_SECONDS)
    emulator.speed, emulator.first_audio_ms = 0, 0
    failures = []
    print(f"\n{READERS} players that stop reading, replies at once")
    for minutes in MINUTES:
        size_mb = minutes * 60 * BYTES_PER_SECOND / 1024**2
        kept_mb = min(size_mb, MAX_SIZE / 1024**2)
        bound_mb = READERS * _COPIES * kept_mb + _SLACK_MB
        before = await gauges.read()
        peaks = []
        for _ in range(ROUNDS):
            async with _peak(gauges) as samples:
                await _round(home, emulator, pipeline, minutes)
            peaks.append(max(sample.rss_mb for sample in samples) - before.rss_mb)
            await asyncio.sleep(2 * KEEP_SECONDS + 5)
            # The C library keeps fragments of this round, which would count for the next.
            await home.command("observer/trim")
        after = await gauges.read()
        print(
            f"  {minutes:3} min, {size_mb:.0f} MB each: RSS {before.rss_mb:.0f} MB before, "
            + ", ".join(f"+{peak:.0f} MB" for peak in peaks)
            + f" at the most, {after.rss_mb - before.rss_mb:+.0f} MB after; "
            f"bound +{bound_mb:.0f} MB"
        )
        if max(peaks) > bound_mb:
            failures.append(f"Replies of {minutes} min cost {max(peaks):.0f} MB")
        if peaks[-1] > _SPREAD * peaks[0] + _SLACK_MB:
            failures.append(f"Replies of {minutes} min cost more each time: {peaks}")
        if after.rss_mb > before.rss_mb + _SLACK_MB:
            failures.append(f"Replies of {minutes} min are not forgotten")
    return failures


async def _round(
    home: HomeAssistant, emulator: Emulator, pipeline: str, minutes: int
) -> None:
    pcm = bytes(minutes * 60 * BYTES_PER_SECOND)
    emulator.replies.extend(Reply(text="Listen", pcm=pcm) for _ in range(READERS))
    manners = Manners(stops_reading_for=_STOP_SECONDS, talks_over_after=1)
    readers = [
        Satellite(number, home, pipeline, Results(), 0) for number in range(READERS)
    ]
    await asyncio.gather(*(reader.one_turn(manners) for reader in readers))
    emulator.replies.clear()


@asynccontextmanager
async def _peak(gauges: Gauges) -> AsyncGenerator[list[Sample]]:
    """Collect samples as long as the context lasts."""
    samples: list[Sample] = []

    async def collect() -> None:
        while True:
            samples.append(await gauges.read())
            await asyncio.sleep(_EVERY_SECONDS)

    collecting = asyncio.create_task(collect())
    try:
        yield samples
    finally:
        collecting.cancel()
        with suppress(asyncio.CancelledError):
            await collecting
