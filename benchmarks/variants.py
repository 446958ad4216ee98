"""The ways to speak with the server that are compared.

Each variant moves the same frames over the same wire: it appends audio and commits it, and it takes
one spoken response as PCM. Only how it does so differs.
"""

from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
import json
from typing import Any, Protocol, override

import aiohttp
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
import orjson

from custom_components.azure_realtime_audio.realtime import (
    RealtimeClient,
    RealtimeOptions,
)

API_KEY = "bench"
DEPLOYMENT = "bench"

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'


class Variant(Protocol):
    """One open session."""

    async def append(self, pcm: bytes, count: int) -> None:
        """Append the same PCM ``count`` times, then commit and wait for the acknowledgement."""

    async def receive(self, asked: dict[str, str]) -> int:
        """Ask for a spoken response and return the number of bytes that arrived."""


class BareSocket(Variant):
    """aiohttp alone: a prepared frame out, text frames in, nothing parsed."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take an open websocket."""
        self._websocket = websocket

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        frame = _event("input_audio_buffer.append", audio=b64encode(pcm).decode())
        for _ in range(count):
            await self._websocket.send_str(frame)
        await self._websocket.send_str(_event("input_audio_buffer.commit"))
        while "conversation.item.done" not in (await self._websocket.receive()).data:
            pass

    @override
    async def receive(self, asked: dict[str, str]) -> int:
        await self._websocket.send_str(
            _event("response.create", response={"metadata": asked})
        )
        received = 0
        while not (text := (await self._websocket.receive()).data).startswith(
            '{"type":"response.done"'
        ):
            received += len(text)
        return received


class ByHand(Variant):
    """The least that whoever wants PCM has to do: base64, and one JSON parse a frame."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take an open websocket whose frames stay bytes."""
        self._websocket = websocket

    @override
    async def append(self, pcm: bytes, count: int) -> None:
        for _ in range(count):
            audio = b2a_base64(pcm, newline=False)
            await self._send(_APPEND + audio + b'"}')
        await self._send(_event("input_audio_buffer.commit").encode())
        while b"conversation.item.done" not in (await self._websocket.receive()).data:
            pass

    @override
    async def receive(self, asked: dict[str, str]) -> int:
        await self._send(
            _event("response.create", response={"metadata": asked}).encode()
        )
        received = 0
        while True:
            event = orjson.loads((await self._websocket.receive()).data)
            if event["type"] == "response.output_audio.delta":
                received += len(a2b_base64(event["delta"]))
            elif event["type"] == "response.done":
                return received

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
        await self._client.commit_audio()

    @override
    async def receive(self, asked: dict[str, str]) -> int:
        received = 0
        async for delta in await self._client.create_response({"metadata": asked}):
            received += len(delta.audio)
        self._client.set_model_speak_done()
        return received


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
        await self._connection.input_audio_buffer.commit()
        async for event in self._connection:
            if event.type == "conversation.item.done":
                return

    @override
    async def receive(self, asked: dict[str, str]) -> int:
        await self._connection.response.create(response={"metadata": asked})
        received = 0
        async for event in self._connection:
            if event.type == "response.output_audio.delta":
                received += len(b64decode(event.delta))
            elif event.type == "response.done":
                break
        return received


@asynccontextmanager
async def bare_socket(port: int) -> AsyncGenerator[BareSocket]:
    """Open the variant that everything is compared with."""
    async with _websocket(port, decode_text=True) as websocket:
        yield BareSocket(websocket)


@asynccontextmanager
async def by_hand(port: int) -> AsyncGenerator[ByHand]:
    """Open the variant that tells how little is possible."""
    async with _websocket(port, decode_text=False) as websocket:
        yield ByHand(websocket)


@asynccontextmanager
async def _websocket(
    port: int, *, decode_text: bool
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse[bool]]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"ws://127.0.0.1:{port}/openai/v1/realtime?model={DEPLOYMENT}",
            compress=0,
            max_msg_size=0,
            decode_text=decode_text,
        ) as websocket,
    ):
        yield websocket


@asynccontextmanager
async def client(port: int) -> AsyncGenerator[Client]:
    """Open a RealtimeClient."""
    options = RealtimeOptions(
        host_name=f"ws://127.0.0.1:{port}", deployment=DEPLOYMENT, api_key=API_KEY
    )
    async with (
        aiohttp.ClientSession() as session,
        RealtimeClient(options, session=session) as connected,
    ):
        yield Client(connected)


@asynccontextmanager
async def openai_sdk(port: int) -> AsyncGenerator[OpenAISdk]:
    """Open a connection of the openai package."""
    base = f"127.0.0.1:{port}/openai/v1"
    async with (
        AsyncOpenAI(
            api_key=API_KEY,
            base_url=f"http://{base}",
            websocket_base_url=f"ws://{base}",
        ) as sdk,
        sdk.realtime.connect(model=DEPLOYMENT) as connection,
    ):
        yield OpenAISdk(connection)


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def _ignore(event: Mapping[str, Any]) -> None:
    """Listen, as an application does."""
