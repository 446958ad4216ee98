"""An emulator and raw websocket clients of it."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

import aiohttp
import numpy as np
import pytest

from emulator import Emulator

KEY = "0123456789abcdef"
GA = "/openai/v1/realtime?model=house"
PREVIEW = "/openai/realtime?api-version=2025-04-01-preview&deployment=house"

type Connect = Callable[..., Awaitable[Client]]


def tone(milliseconds: int, amplitude: int = 6000) -> bytes:
    """Return a PCM16 24 kHz tone, which energy VAD takes for speech."""
    time = np.arange(milliseconds * 24) / 24000
    return bytes((amplitude * np.sin(2 * np.pi * 300 * time)).astype("<i2").tobytes())


def silence(milliseconds: int) -> bytes:
    """Return PCM16 24 kHz silence."""
    return bytes(milliseconds * 48)


class Client:
    """A websocket client that knows nothing but JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Wrap an open socket."""
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def send(self, event_type: str, **fields: Any) -> None:
        """Send a client event."""
        await self.socket.send_json({"type": event_type, **fields})

    async def say(self, pcm: bytes, chunk_ms: int = 100) -> None:
        """Append audio in chunks, as a microphone does."""
        for at in range(0, len(pcm), chunk_ms * 48):
            chunk = base64.b64encode(pcm[at : at + chunk_ms * 48]).decode()
            await self.send("input_audio_buffer.append", audio=chunk)

    async def ask(self, text: str, **response: Any) -> None:
        """Add a user's text and ask for a response."""
        await self.send(
            "conversation.item.create",
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            },
        )
        await self.send("response.create", response=response)

    async def next(self) -> dict[str, Any]:
        """Return the next event."""
        event: dict[str, Any] = await self.socket.receive_json(timeout=5)
        self.seen.append(event)
        return event

    async def until(self, event_type: str) -> dict[str, Any]:
        """Return the next event of a type; those before it are in `seen`."""
        while (event := await self.next())["type"] != event_type:
            pass
        return event

    async def saw(self, event_type: str) -> dict[str, Any]:
        """Return the first event of a type, seen already or still to come."""
        seen = (event for event in self.seen if event["type"] == event_type)
        return next(seen, None) or await self.until(event_type)

    async def update(self, **session: Any) -> dict[str, Any]:
        """Update a GA session; return what is effective now."""
        await self.send("session.update", session={"type": "realtime", **session})
        updated: dict[str, Any] = (await self.until("session.updated"))["session"]
        return updated

    async def detect_turns(self, **turn_detection: Any) -> None:
        """Choose turn detection on a GA session; without arguments, none."""
        chosen = {"type": "server_vad", **turn_detection} if turn_detection else None
        await self.update(audio={"input": {"turn_detection": chosen}})

    async def error(self) -> dict[str, Any]:
        """Return the next refusal."""
        refused: dict[str, Any] = (await self.until("error"))["error"]
        return refused

    async def close_frame(self) -> tuple[int, str | None]:
        """Return code and reason of the close frame that comes next."""
        message = await self.socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, message.extra

    def types(self, *, of_response: bool = False) -> list[str]:
        """Return the types seen, repeated deltas once."""
        types: list[str] = []
        for event in self.seen:
            if not types or types[-1] != event["type"]:
                types.append(event["type"])
        return types[types.index("response.created") :] if of_response else types

    async def __aenter__(self) -> Self:
        """Do nothing."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close."""
        await self.socket.close()


@pytest.fixture
async def emulator(socket_enabled: None) -> AsyncIterator[Emulator]:
    """Run an emulator with a cheap voice, as fast as it can."""
    async with Emulator(
        api_key=KEY, deployment="house", speed=0, first_audio_ms=0
    ) as emulator:
        yield emulator


@pytest.fixture
async def connect(emulator: Emulator) -> AsyncIterator[Connect]:
    """Open sessions; by default in the GA dialect, and past `session.created`."""
    async with aiohttp.ClientSession() as session:

        async def open_session(path: str = GA, *, greeted: bool = True) -> Client:
            socket = await session.ws_connect(
                f"{emulator.url}{path}", headers={"api-key": KEY}, max_msg_size=0
            )
            client = Client(socket)
            if greeted:
                await client.until("session.created")
            return client

        yield open_session
