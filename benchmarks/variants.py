"""The ways to speak with the server that are compared.

Each variant moves the same frames over the same wire: it appends audio and commits it, and it takes
one spoken response as PCM. Only how it does so differs.
"""

from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import ssl
from time import perf_counter
from typing import Any, Final, Protocol, Self, override

import aiohttp
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
import orjson

from custom_components.azure_realtime_audio.realtime import (
    RealtimeClient,
    RealtimeOptions,
)

from .server import DELTA_BYTES

API_KEY = "a key as long as Azure's: 0123456"
DEPLOYMENT = "bench"

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'


@dataclass(frozen=True)
class Address:
    """Where the server listens; ``tls`` trusts its certificate."""

    port: int
    tls: ssl.SSLContext | None = None

    @classmethod
    def trusting(cls, certificate: Path, port: int) -> Self:
        """Return an address where this certificate is used."""
        return cls(port, ssl.create_default_context(cafile=certificate))

    def url(self, scheme: str) -> str:
        """Return the beginning of a URL, such as ``ws://127.0.0.1:1234``."""
        return f"{scheme}{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def http(self) -> aiohttp.ClientSession:
        """Return an HTTP session that opens websockets to the server."""
        connector = aiohttp.TCPConnector(ssl=self.tls or True, limit=0)
        return aiohttp.ClientSession(connector=connector)


class Variant(Protocol):
    """One open session."""

    async def append(self, pcm: bytes, count: int) -> None:
        """Append the same PCM ``count`` times."""

    async def commit(self) -> None:
        """Make an item of the audio, and wait for the acknowledgement."""

    async def receive(self, asked: dict[str, str]) -> float:
        """Ask for a spoken response and take in all of it.

        Returns the seconds from the question to the first piece of audio.
        """


class BareSocket(Variant):
    """aiohttp alone: a prepared frame out, text frames in, nothing parsed."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take an open websocket."""
        self._websocket = websocket
        self._frames: dict[bytes, str] = {}

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        if pcm not in self._frames:
            audio = b64encode(pcm).decode()
            self._frames[pcm] = _event("input_audio_buffer.append", audio=audio)
        frame = self._frames[pcm]
        for _ in range(count):
            await self._websocket.send_str(frame)

    @override
    async def commit(self) -> None:
        await self._websocket.send_str(_event("input_audio_buffer.commit"))
        while "conversation.item.done" not in (await self._websocket.receive()).data:
            pass

    @override
    async def receive(self, asked: dict[str, str]) -> float:
        start, first = perf_counter(), 0.0
        await self._websocket.send_str(
            _event("response.create", response={"metadata": asked})
        )
        while not (text := (await self._websocket.receive()).data).startswith(
            '{"type":"response.done"'
        ):
            if not first and len(text) > DELTA_BYTES:
                first = perf_counter()
        return first - start


class ByHand(Variant):
    """The least that a client has to do for PCM: base64, and one JSON parse a frame."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take an open websocket whose frames stay bytes."""
        self._websocket = websocket

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        for _ in range(count):
            audio = b2a_base64(pcm, newline=False)
            await self._send(_APPEND + audio + b'"}')

    @override
    async def commit(self) -> None:
        await self._send(_event("input_audio_buffer.commit").encode())
        while b"conversation.item.done" not in (await self._websocket.receive()).data:
            pass

    @override
    async def receive(self, asked: dict[str, str]) -> float:
        start, first = perf_counter(), 0.0
        await self._send(
            _event("response.create", response={"metadata": asked}).encode()
        )
        while True:
            event = orjson.loads((await self._websocket.receive()).data)
            if event["type"] == "response.output_audio.delta":
                a2b_base64(event["delta"])
                first = first or perf_counter()
            elif event["type"] == "response.done":
                return first - start

    async def _send(self, frame: bytes) -> None:
        await self._websocket.send_frame(frame, aiohttp.WSMsgType.TEXT)


class Client(Variant):
    """The client library, with its status and listeners in place."""

    def __init__(self, client: RealtimeClient) -> None:
        """Take a connected client."""
        self._client = client
        client.on("status_changed", _ignore)
        client.on("response.done", _ignore)

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        for _ in range(count):
            await self._client.append_pcm(pcm)

    @override
    async def commit(self) -> None:
        await self._client.commit_audio()

    @override
    async def receive(self, asked: dict[str, str]) -> float:
        start, first = perf_counter(), 0.0
        async for _ in await self._client.create_response({"metadata": asked}):
            first = first or perf_counter()
        self._client.set_model_speak_done()
        return first - start


class OpenAISdk(Variant):
    """The openai package."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        """Take an open connection."""
        self._connection = connection

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        for _ in range(count):
            await self._connection.input_audio_buffer.append(
                audio=b64encode(pcm).decode()
            )

    @override
    async def commit(self) -> None:
        await self._connection.input_audio_buffer.commit()
        async for event in self._connection:
            if event.type == "conversation.item.done":
                return

    @override
    async def receive(self, asked: dict[str, str]) -> float:
        start, first = perf_counter(), 0.0
        await self._connection.response.create(response={"metadata": asked})
        async for event in self._connection:
            if event.type == "response.output_audio.delta":
                b64decode(event.delta)
                first = first or perf_counter()
            elif event.type == "response.done":
                break
        return first - start


@asynccontextmanager
async def _bare_socket(address: Address) -> AsyncGenerator[Variant]:
    async with _websocket(address, decode_text=True) as websocket:
        yield BareSocket(websocket)


@asynccontextmanager
async def _by_hand(address: Address) -> AsyncGenerator[Variant]:
    async with _websocket(address, decode_text=False) as websocket:
        yield ByHand(websocket)


@asynccontextmanager
async def _websocket(
    address: Address, *, decode_text: bool
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse[bool]]:
    async with (
        address.http() as session,
        websocket(session, address, decode_text=decode_text) as opened,
    ):
        yield opened


def websocket(
    session: aiohttp.ClientSession, address: Address, *, decode_text: bool
) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse[bool]]:
    """Open a websocket of aiohttp."""
    return session.ws_connect(
        f"{address.url('ws')}/openai/v1/realtime?model={DEPLOYMENT}",
        compress=0,
        max_msg_size=0,
        decode_text=decode_text,
    )


def realtime_client(session: aiohttp.ClientSession, address: Address) -> RealtimeClient:
    """Return a client, not connected."""
    options = RealtimeOptions(
        host_name=address.url("ws"), deployment=DEPLOYMENT, api_key=API_KEY
    )
    return RealtimeClient(options, session=session)


@asynccontextmanager
async def _client(address: Address) -> AsyncGenerator[Variant]:
    async with (
        address.http() as session,
        realtime_client(session, address) as connected,
    ):
        yield Client(connected)


@asynccontextmanager
async def _openai_sdk(address: Address) -> AsyncGenerator[Variant]:
    tls: Any = {"ssl": address.tls} if address.tls else {}
    async with (
        AsyncOpenAI(
            api_key=API_KEY,
            base_url=f"{address.url('http')}/openai/v1",
            websocket_base_url=f"{address.url('ws')}/openai/v1",
        ) as sdk,
        sdk.realtime.connect(
            model=DEPLOYMENT,
            websocket_connection_options=tls,
        ) as connection,
    ):
        yield OpenAISdk(connection)


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def _ignore(event: Mapping[str, Any]) -> None:
    """Listen, as an application does."""


BARE: Final = "bare aiohttp"
BY_HAND: Final = "by hand: base64 and JSON"
CLIENT: Final = "RealtimeClient"
SDK: Final = "openai SDK"

# The base of each ratio, the least possible cost, our client, and the usual client.
VARIANTS: Mapping[str, Callable[[Address], AbstractAsyncContextManager[Variant]]] = {
    BARE: _bare_socket,
    BY_HAND: _by_hand,
    CLIENT: _client,
    SDK: _openai_sdk,
}
