"""What the person was saying when the connection was lost."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionState,
    ModelStatus,
    NotConnectedError,
    RealtimeClient,
    client as client_module,
)
from emulator import Emulator

from .conftest import MakeClient
from .test_client import next_event

CHUNKS = [bytes([number, 0]) * 2_400 for number in range(1, 7)]  # 100 ms each


async def lose(emulator: Emulator, client: RealtimeClient) -> asyncio.Task[Any]:
    """Cut the connection; returns what ends when there is another one."""
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    opened = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.OPEN)
    )
    emulator.sessions[-1].abort()
    await lost
    return opened


async def committed(emulator: Emulator, client: RealtimeClient) -> bytes:
    """End what the person says; return what the service has heard of it."""
    await client.commit_audio()
    return bytes([*emulator.sessions[-1].conversation][-1].audio)


async def test_no_word_is_lost(emulator: Emulator, client: RealtimeClient) -> None:
    """Before, while and after: one turn, in order, and not what was committed before."""
    await client.append_pcm(bytes(9_600))
    await client.commit_audio()
    for chunk in CHUNKS[:2]:
        await client.append_pcm(chunk)
    opened = await lose(emulator, client)
    for chunk in CHUNKS[2:4]:
        await client.append_pcm(chunk)
    assert client.status is ModelStatus.LISTENING
    await opened
    assert client.status is ModelStatus.LISTENING
    for chunk in CHUNKS[4:]:
        await client.append_pcm(chunk)
    assert await committed(emulator, client) == b"".join(CHUNKS)


async def test_nobody_has_noticed_yet(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """What is said into a dead socket is kept like what is said after it."""
    client = make_client()
    await client.connect()
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[-1].abort()
    with pytest.raises(ConnectionError):
        await emulator.sessions[-1].sent.wait_for("nothing of the kind")
    for number in range(50):  # the reader notices somewhere among these
        pcm = bytes([number, 0]) * 480
        if number % 2:
            await client.append_audio(b64encode(pcm).decode())
        else:
            await client.append_pcm(pcm)
    await lost
    await client.connect()
    heard = b"".join(bytes([number, 0]) * 480 for number in range(50))
    assert await committed(emulator, client) == heard


async def test_lost_twice(emulator: Emulator, client: RealtimeClient) -> None:
    """What was said again is not said for good before it is committed."""
    await client.append_pcm(CHUNKS[0])
    emulator.faults.add("ends_at:input_audio_buffer.append/1006*1")
    await (await lose(emulator, client))
    await client.connect()
    await client.append_pcm(CHUNKS[1])
    await (await lose(emulator, client))
    assert await committed(emulator, client) == b"".join(CHUNKS[:2])


async def test_what_was_cleared_stays_so(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A turn that is given up while the connection comes back is not heard later."""
    await client.append_pcm(CHUNKS[0])
    opened = await lose(emulator, client)
    with pytest.raises(NotConnectedError):
        await client.clear_audio_buffer()
    await opened
    assert emulator.sessions[-1].received.of("input_audio_buffer.append") == []
    await client.append_pcm(CHUNKS[1])
    assert await committed(emulator, client) == CHUNKS[1]


async def test_too_late(
    emulator: Emulator, client: RealtimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while nobody waits for an answer any more."""
    monkeypatch.setattr(client_module, "KEPT_AFTER_LOSS", 0.0)
    await client.append_pcm(CHUNKS[0])
    opened = await lose(emulator, client)
    with pytest.raises(NotConnectedError):
        await client.append_pcm(CHUNKS[1])
    await opened
    await client.append_pcm(CHUNKS[2])
    assert await committed(emulator, client) == CHUNKS[2]


async def test_the_last_minute_is_kept(
    emulator: Emulator, client: RealtimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever never commits costs bounded memory."""
    monkeypatch.setattr(client_module, "MAX_SOUND", 2 * 6_400)
    for chunk in CHUNKS:
        await client.append_pcm(chunk)
    await (await lose(emulator, client))
    assert await committed(emulator, client) == b"".join(CHUNKS[-2:])
