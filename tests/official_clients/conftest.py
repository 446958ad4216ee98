"""An emulator for other people's clients, a voice to talk to it, and a way to run JavaScript."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import json
import os
from pathlib import Path
import signal
import sys
from typing import Any

import numpy as np
import pytest

from emulator import Emulator

KEY = "0123456789abcdef"
DEPLOYMENT = "house"
PREVIEW = "2025-04-01-preview"

# Node.js comes from a wheel, into the environment that runs these tests.
_NODE = Path(sys.executable).with_name("node")

type RunNode = Callable[..., Awaitable[Any]]


def speech(milliseconds: int = 500) -> bytes:
    """Return PCM16 24 kHz that energy VAD takes for a spoken turn: a tone, then silence."""
    time = np.arange(milliseconds * 24) / 24000
    tone = (6000 * np.sin(2 * np.pi * 300 * time)).astype("<i2").tobytes()
    return bytes(tone + bytes(600 * 48))


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Run an emulator with a cheap voice, as fast as it can."""
    async with Emulator(
        api_key=KEY, deployment=DEPLOYMENT, speed=0, first_audio_ms=0
    ) as emulator:
        yield emulator


@pytest.fixture
def run_node(emulator: Emulator) -> RunNode:
    """Return a function that runs one scenario of a JavaScript client of the emulator."""

    async def run(program: str, scenario: str) -> Any:
        """Return what the program prints, which is JSON."""
        process = await asyncio.create_subprocess_exec(
            _NODE,
            Path(__file__).with_name(program),
            scenario,
            emulator.host_name,
            KEY,
            DEPLOYMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(30):
                printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                # The wheel's `node` is a Python program, whose child is the real Node.js.
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        assert process.returncode == 0, complaints.decode()
        return json.loads(printed)

    return run
