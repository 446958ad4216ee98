"""Small talk at random over a connection that keeps breaking: ``python -m tests.fuzz.conversation``.

Stops with an AssertionError at the first difference between what the service knew before a
loss and what it knows after; Hypothesis says how little it takes.
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random
import sys
import time

import aiohttp
from hypothesis import HealthCheck, given, seed, settings, strategies as st

from custom_components.azure_realtime_audio.realtime import (
    RealtimeClient,
    RealtimeOptions,
    WebSocketOptions,
)
from tests.realtime.random_conversation import RandomConversation

from .session import KEY, PREVIEW, emulated

_DIALECTS = {"GA": None, "preview": PREVIEW}
# As many as Hypothesis has chance enough for in one conversation.
_PER_CONVERSATION = 100
_OFTEN = WebSocketOptions(
    max_reconnect_attempts=1_000, reconnect_delay=0.01, max_reconnect_delay=0.01
)


async def random_conversation(
    api_version: str | None, random: Random
) -> RandomConversation:
    """Have one conversation, with an emulator of its own."""
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(emulated())
        client = RealtimeClient(
            RealtimeOptions(
                host_name=emulator.url,
                deployment=emulator.deployment,
                api_key=KEY,
                api_version=api_version,
                session_config={
                    "turn_detection": None,
                    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
                },
            ),
            session=await stack.enter_async_context(aiohttp.ClientSession()),
            websocket_options=_OFTEN,
        )
        await stack.enter_async_context(client)
        talk = RandomConversation(emulator, client, random)
        for _ in range(_PER_CONVERSATION):
            await talk.go_on()
        return talk


def conversations(
    api_version: str | None, operations: int, first: int
) -> list[RandomConversation]:
    """Have conversations until so much has been done; ``first`` is the seed."""
    talks = []

    @seed(first)
    @settings(
        max_examples=-(-operations // _PER_CONVERSATION),
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(random=st.randoms(use_true_random=False))
    def talk(random: Random) -> None:
        talks.append(asyncio.run(random_conversation(api_version, random)))

    having: Callable[[], None] = talk
    having()
    return talks


def main() -> None:
    """Talk in each dialect, and tell what it came to."""
    parser = argparse.ArgumentParser(
        prog="script/fuzz --conversation", description=__doc__
    )
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for dialect, api_version in _DIALECTS.items():
        begun = time.monotonic()
        talks = conversations(
            api_version, arguments.operations // len(_DIALECTS), arguments.seed
        )
        sys.stdout.write(
            f"{dialect}: {len(talks) * _PER_CONVERSATION} operations in {len(talks)} "
            f"conversations (seed {arguments.seed}), "
            f"{sum(talk.reconnects for talk in talks)} losses, "
            f"{sum(talk.compared for talk in talks)} items told again: none lost, "
            f"none doubled; {time.monotonic() - begun:.0f} s\n"
        )


if __name__ == "__main__":
    main()
