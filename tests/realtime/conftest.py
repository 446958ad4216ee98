"""A client of each dialect, connected to the emulator over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConversationRecord,
    Dialect,
    RealtimeClient,
    RealtimeOptions,
    WebSocketOptions,
)
from emulator import Emulator
from tests.conftest import API_KEY

KEY = API_KEY * 2
DEPLOYMENT = "gpt-realtime"
PREVIEW = "2025-04-01-preview"
MANUAL = {"voice": "alloy", "turn_detection": None}

type MakeClient = Callable[..., RealtimeClient]


@pytest.fixture
async def emulator(socket_enabled: None) -> AsyncIterator[Emulator]:
    """Run an emulator with a cheap voice, as fast as it can."""
    async with Emulator(
        api_key=KEY, deployment=DEPLOYMENT, speed=0, first_audio_ms=0
    ) as emulator:
        yield emulator


@pytest.fixture
async def make_client(emulator: Emulator) -> AsyncIterator[MakeClient]:
    """Make clients of the emulator, closed at the end."""
    clients: list[RealtimeClient] = []
    async with aiohttp.ClientSession() as session:

        def make(
            websocket_options: dict[str, Any] | None = None,
            *,
            is_kept: bool = True,
            record: ConversationRecord | None = None,
            **options: Any,
        ) -> RealtimeClient:
            settings: dict[str, Any] = {
                "host_name": emulator.url,
                "deployment": DEPLOYMENT,
                "api_key": KEY,
                "session_config": MANUAL,
            }
            client = RealtimeClient(
                RealtimeOptions(**settings | options),
                session=session,
                record=record,
                websocket_options=WebSocketOptions(
                    **{"command_timeout": 2.0, "reconnect_delay": 0.01}
                    | (websocket_options or {})
                ),
            )
            if is_kept:
                clients.append(client)
            return client

        yield make
        for client in clients:
            await client.close()


class Clock:
    """The loop's clock, which can be put on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be right, so far."""
        self._loop = asyncio.get_running_loop()
        self._ahead = 0.0
        right = self._loop.time
        monkeypatch.setattr(self._loop, "time", lambda: right() + self._ahead)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass at once, and what it brings happen."""
        passed = self._loop.create_future()
        self._loop.call_later(seconds, passed.set_result, None)
        self._ahead += seconds
        await passed


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have a clock in hand."""
    return Clock(monkeypatch)


@pytest.fixture(params=[Dialect.GA, Dialect.PREVIEW])
def api_version(request: pytest.FixtureRequest) -> str | None:
    """Return the API version of each dialect in turn."""
    return PREVIEW if request.param is Dialect.PREVIEW else None


@pytest.fixture
async def client(make_client: MakeClient, api_version: str | None) -> RealtimeClient:
    """Return a connected client with turn detection off, of each dialect in turn."""
    client = make_client(api_version=api_version)
    await client.connect()
    return client
