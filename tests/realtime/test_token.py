"""A token that does not come, or is none: a clear error in time, everywhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CannotConnectError,
    ConnectionState,
    RealtimeClient,
)
from emulator import Emulator
from tests.leaks import find_leak

from .conftest import KEY, MakeClient
from .test_client import SPEECH, user_text
from .test_close import becomes, begun

PATIENCE = {"connect_timeout": 0.1, "max_reconnect_attempts": 2}


async def _raises() -> str:
    raise RuntimeError("The token service is away")


def _raises_at_once() -> Awaitable[str]:
    raise RuntimeError("The token service is away")


async def _is_cancelled() -> str:
    raise asyncio.CancelledError


async def _hangs() -> str:
    await asyncio.get_running_loop().create_future()
    return KEY


async def _hangs_on() -> str:
    """Take no notice of being cancelled, and fail in the end."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
    raise RuntimeError("The token service is away")


async def _is_nothing() -> Any:
    return None


async def _is_empty() -> str:
    return ""


async def _is_another_thing() -> Any:
    return KEY.encode()


def _is_no_coroutine() -> Any:
    return KEY


PROVIDERS = [
    _raises,
    _raises_at_once,
    _is_cancelled,
    _hangs,
    _hangs_on,
    _is_nothing,
    _is_empty,
    _is_another_thing,
    _is_no_coroutine,
]


class Provider:
    """A token provider that can be made to hang or raise."""

    def __init__(self, provide: Callable[[], Awaitable[str]] | None = None) -> None:
        """Begin with the right token, or another behaviour."""
        self.provide = provide

    def __call__(self) -> Awaitable[str]:
        """Return what is awaited for the token."""
        return self.provide() if self.provide else self._right()

    async def _right(self) -> str:
        return KEY


@pytest.mark.parametrize("provide", PROVIDERS)
async def test_first_connection(
    emulator: Emulator, make_client: MakeClient, provide: Callable[[], Awaitable[str]]
) -> None:
    """connect() fails without a token, says why, and works once there is one."""
    provider = Provider(provide)
    client = make_client(PATIENCE, api_key="", token_provider=provider)
    async with asyncio.timeout(5):
        with pytest.raises(CannotConnectError, match="token") as raised:
            await client.connect()
    assert find_leak(f"{raised.value!r} {vars(raised.value)}", [KEY]) is None
    if provide in {_raises, _raises_at_once}:
        assert isinstance(raised.value.__cause__, RuntimeError)
    assert client.state is ConnectionState.CLOSED
    assert emulator.handshakes == []
    provider.provide = None
    await client.connect()


@pytest.fixture
async def provider() -> Provider:
    """Have a provider that can be spoilt."""
    return Provider()


@pytest.fixture
async def talk(make_client: MakeClient, provider: Provider) -> RealtimeClient:
    """Return a connected client that asks for tokens, with something said."""
    client = make_client(
        {**PATIENCE, "renew_after": 0.2, "quiet_check": 0.02},
        api_key="",
        token_provider=provider,
    )
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    return client


@pytest.mark.parametrize("provide", PROVIDERS)
@pytest.mark.parametrize("is_lost", [True, False])
async def test_later_connection(
    emulator: Emulator,
    talk: RealtimeClient,
    provider: Provider,
    provide: Callable[[], Awaitable[str]],
    is_lost: bool,
) -> None:
    """A loss or a renewal counts its tries; then the conversation waits for a token."""
    provider.provide = provide
    closed = becomes(talk, ConnectionState.CLOSED)
    if is_lost:
        emulator.sessions[-1].abort()
    event = await closed
    assert isinstance(event["error"], CannotConnectError)
    assert "token" in str(event["error"])
    assert len(emulator.handshakes) == 1
    provider.provide = None
    await talk.connect()
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


async def test_token_that_comes_late(
    emulator: Emulator, make_client: MakeClient, provider: Provider
) -> None:
    """A reconnection goes on with the first try that has a token, and no word is lost."""
    client = make_client(
        {**PATIENCE, "max_reconnect_attempts": 5}, api_key="", token_provider=provider
    )
    await client.connect()
    await client.append_pcm(SPEECH)
    tries = 0

    async def third_time() -> str:
        nonlocal tries
        tries += 1
        return KEY if tries == 3 else await _hangs()

    provider.provide = third_time
    opened = becomes(client, ConnectionState.OPEN)
    emulator.sessions[-1].abort()
    await opened
    await client.commit_audio()
    (spoken,) = emulator.sessions[-1].conversation
    assert spoken.audio == SPEECH


async def test_closed_while_a_token_is_awaited(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The provider is cancelled and not waited for."""
    cancelled = asyncio.Event()

    async def hangs() -> str:
        try:
            return await _hangs()
        finally:
            cancelled.set()

    client = make_client(api_key="", token_provider=hangs)
    connecting = begun(client.connect())
    await asyncio.sleep(0)
    await client.close()
    await cancelled.wait()
    assert client.state is ConnectionState.CLOSED
    await asyncio.gather(connecting, return_exceptions=True)
