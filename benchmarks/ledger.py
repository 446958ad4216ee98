"""Small talk at random over a connection that keeps breaking, to see that nothing is lost or doubled.

``python -m benchmarks.ledger`` stops with an AssertionError at the first difference between
what the service knew before a loss and what it knows after.
"""

import argparse
import asyncio
from random import Random
import time

import aiohttp

from custom_components.azure_realtime_audio.realtime import (
    RealtimeClient,
    RealtimeOptions,
    WebSocketOptions,
)
from emulator import Emulator
from tests.realtime.small_talk import SmallTalk

KEY = "0123456789abcdef0123456789abcdef"
API_VERSIONS = {"GA": None, "preview": "2025-04-01-preview"}
OFTEN = WebSocketOptions(
    max_reconnect_attempts=1_000_000, reconnect_delay=0.01, max_reconnect_delay=0.01
)


async def main(operations: int, seed: int) -> None:
    """Talk in each dialect, and print what it came to."""
    for dialect, api_version in API_VERSIONS.items():
        started = time.monotonic()
        talk = await small_talk(api_version, operations // len(API_VERSIONS), seed)
        print(
            f"{dialect}: {operations // len(API_VERSIONS)} operations (seed {seed}), "
            f"{talk.reconnects} losses, {talk.compared} items told again: none lost, "
            f"none doubled; {time.monotonic() - started:.0f} s"
        )


async def small_talk(api_version: str | None, operations: int, seed: int) -> SmallTalk:
    """Talk with an emulator of its own."""
    async with (
        Emulator(
            api_key=KEY,
            deployment="gpt-realtime",
            speed=0,
            first_audio_ms=0,
            keep_events=False,
        ) as emulator,
        aiohttp.ClientSession() as session,
        RealtimeClient(
            RealtimeOptions(
                host_name=emulator.url,
                deployment="gpt-realtime",
                api_key=KEY,
                api_version=api_version,
                session_config={
                    "turn_detection": None,
                    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
                },
            ),
            session=session,
            websocket_options=OFTEN,
        ) as client,
    ):
        talk = SmallTalk(emulator, client, Random(seed))
        for _ in range(operations):
            await talk.go_on()
        return talk


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.operations, arguments.seed))
