"""The proxy that the round trips are measured with is as far away as it says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
import ssl
import time

import pytest

from benchmarks.certificate import LOOPBACK, write_certificate
from benchmarks.delay_proxy import DelayProxy

ROUND_TRIP = 0.2  # seconds
TRIES = 3  # the quickest counts: a busy machine only adds to the time


@pytest.fixture
async def echo(socket_enabled: None) -> AsyncIterator[int]:
    """Run a service that says everything again; yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def said_again(
    proxy: DelayProxy, certificate: Path | None = None
) -> tuple[float, float, bytes]:
    """Say something twice; return how long each took at best, and all that came."""
    firsts, seconds, data = zip(
        *[await _said_again(proxy, certificate) for _ in range(TRIES)], strict=True
    )
    return min(firsts), min(seconds), min(data)


async def _said_again(
    proxy: DelayProxy, certificate: Path | None
) -> tuple[float, float, bytes]:
    context = None
    if certificate:
        context = ssl.create_default_context(cafile=certificate)
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port, ssl=context)
    writer.write(b"first")
    data = await reader.readexactly(5)
    first = time.monotonic()
    for piece in (b"sec", b"ond"):
        writer.write(piece)
        await writer.drain()
    data += await reader.readexactly(6)
    second = time.monotonic()
    writer.close()
    return first - started, second - first, data


async def test_distance(echo: int) -> None:
    """To connect costs one round trip, and each answer another; both change at any time."""
    async with DelayProxy(echo) as proxy:
        assert sum((await said_again(proxy))[:2]) < ROUND_TRIP
        proxy.round_trip = ROUND_TRIP
        first, second, data = await said_again(proxy)
        assert first == pytest.approx(2 * ROUND_TRIP, abs=ROUND_TRIP / 2)
        assert second == pytest.approx(ROUND_TRIP, abs=ROUND_TRIP / 2)
        assert data == b"firstsecond"


async def test_tls(echo: int, tmp_path: Path) -> None:
    """TLS adds a round trip of its own, and only to the opening."""
    certificate = write_certificate(tmp_path)
    async with DelayProxy(echo, certificate=certificate) as proxy:
        proxy.round_trip = ROUND_TRIP
        first, second, data = await said_again(proxy, certificate)
        assert first == pytest.approx(3 * ROUND_TRIP, abs=ROUND_TRIP / 2)
        assert second == pytest.approx(ROUND_TRIP, abs=ROUND_TRIP / 2)
        assert data == b"firstsecond"


async def test_changed_while_open(echo: int) -> None:
    """Bytes that were sent before the delay shrinks are not overtaken by later bytes."""
    async with DelayProxy(echo) as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"1")
        assert await reader.readexactly(1) == b"1"
        proxy.round_trip = ROUND_TRIP
        writer.write(b"2")
        await asyncio.sleep(ROUND_TRIP / 8)  # the network carries it
        proxy.round_trip = 0.0
        started = time.monotonic()
        writer.write(b"3")
        assert await reader.readexactly(2) == b"23"
        assert time.monotonic() - started < ROUND_TRIP
        writer.close()
