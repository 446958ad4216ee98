"""`python -m emulator`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import sys

import aiohttp

from .conftest import KEY


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the emulator as a process; stop it if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "emulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def test_serves(socket_enabled: None) -> None:
    """The emulator prints its address, serves, and ends when told to."""
    arguments = [
        "--api-key",
        KEY,
        "--deployment",
        "house",
        "--fault",
        "no_usage",
        "--voice",
        "tone",
    ]
    async with running(*arguments, "--ears", "script", "--base-path", "/g") as process:
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on ws://127.0.0.1:")
        url = f"{line.split()[-1]}/openai/v1/realtime?model=house"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers={"api-key": KEY}) as socket,
        ):
            assert (await socket.receive_json())["type"] == "session.created"
            process.terminate()
            assert (await socket.receive()).data == 1001
        assert await process.wait() == 0


async def test_unknown_fault() -> None:
    """A fault that does not exist is refused."""
    async with running(
        "--api-key", KEY, "--deployment", "d", "--fault", "rain"
    ) as process:
        _, errors = await process.communicate()
        assert "no fault is called rain" in errors.decode()
        assert process.returncode == 2
