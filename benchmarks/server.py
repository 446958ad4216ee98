"""A Realtime server with prepared frames, for a process of its own.

It says just enough for every client to complete the two things that are measured: appending audio
up to a commit, and receiving one spoken response. How long that response is and how fast it comes
is asked for in the metadata of ``response.create``: ``deltas``, and ``interval_us`` between them.

It speaks the websocket protocol itself, because it must be faster than the clients: with a server
that lags behind, their sends only fill a buffer and cost nothing. It listens on two ports, without
TLS and with the certificate of its only argument.
"""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from enum import IntEnum
from hashlib import sha1
import itertools
import json
import re
import ssl
import struct
import sys
from typing import Any, override

DELTA_BYTES = 4800  # PCM16 of one audio delta: 100 ms at 24 kHz
_LONGEST_COMMAND = 1000  # bytes; longer frames are appends, and are not read

_EVENT_NUMBERS = itertools.count()
_AUDIO = b64encode(bytes(range(240)) * (DELTA_BYTES // 240))

_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455

_SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_bench",
    "model": "bench",
    "output_modalities": ["audio"],
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "alloy"}},
}


class Opcode(IntEnum):
    """The kind of a websocket frame."""

    TEXT = 0x1
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Session(asyncio.Protocol):
    """One client, from its handshake until it leaves."""

    def __init__(self) -> None:
        """Wait for the handshake."""
        self._numbers = itertools.count()
        self._rest = b""
        self._is_open = False
        self._speaking: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        position = 0 if self._is_open else self._upgrade(data)
        while self._is_open and (end := _frame_end(data, position)) <= len(data):
            if end - position <= _LONGEST_COMMAND:
                self._take(data[position:end])
            position = end
        self._rest = data[position:]

    def _upgrade(self, request: bytes) -> int:
        """Answer a whole request; return its length, 0 while it is incomplete."""
        head, separator, _ = request.partition(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        if not separator or not key:
            return 0
        accept = b64encode(sha1(key[1] + _ACCEPT_SUFFIX).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._transport.write(_event("session.created", session=_SESSION))
        self._is_open = True
        return len(head) + len(separator)

    def _take(self, frame: bytes) -> None:
        mask_at = 4 if frame[1] & 0x7F == 126 else 2
        mask = itertools.cycle(frame[mask_at : mask_at + 4])
        masked = frame[mask_at + 4 :]
        payload = bytes(byte ^ key for byte, key in zip(masked, mask, strict=False))
        match frame[0] & 0x0F:
            case Opcode.TEXT:
                self._obey(json.loads(payload))
            case Opcode.PING:
                self._transport.write(_frame(Opcode.PONG, payload))
            case Opcode.CLOSE:
                self._transport.write(_frame(Opcode.CLOSE, payload))
                self._transport.close()

    def _obey(self, command: dict[str, Any]) -> None:
        number = next(self._numbers)
        match command["type"]:
            case "session.update":
                self._transport.write(_event("session.updated", session=_SESSION))
            case "input_audio_buffer.commit":
                self._transport.writelines(_committed(number))
            case "response.create":
                asked = command["response"]["metadata"]
                self._speaking = asyncio.create_task(
                    self._speak(
                        _spoken_response(number, int(asked["deltas"])),
                        interval=int(asked["interval_us"]) / 1e6,
                    )
                )

    async def _speak(self, events: Iterator[bytes], interval: float) -> None:
        for event in events:
            self._transport.write(event)
            if len(event) > DELTA_BYTES:
                await asyncio.sleep(interval)


def _frame_end(data: bytes, start: int) -> int:
    """Return where the client's frame at ``start`` ends: beyond incomplete data."""
    length = data[start + 1] & 0x7F if len(data) > start + 1 else 0
    extended = {126: 2, 127: 8}.get(length, 0)
    mask_at = start + 2 + extended
    if extended:
        length = int.from_bytes(data[start + 2 : mask_at])
    return mask_at + 4 + length


def _committed(number: int) -> list[bytes]:
    item = _item(number, "user")
    return [
        _event("input_audio_buffer.committed", item_id=item["id"]),
        _event("conversation.item.added", item=item),
        _event("conversation.item.done", item=item),
    ]


def _spoken_response(number: int, deltas: int) -> Iterator[bytes]:
    """Yield the events of a response that speaks ``deltas`` times 100 ms."""
    response = {"object": "realtime.response", "id": f"resp_{number}", "output": []}
    item = _item(number, "assistant")
    of_response = {"response_id": response["id"], "output_index": 0}
    of_part = of_response | {"item_id": item["id"], "content_index": 0}
    yield _event("response.created", response=response | {"status": "in_progress"})
    yield _event("response.output_item.added", **of_response, item=item)
    yield _event("conversation.item.added", item=item)
    yield _event("response.content_part.added", **of_part, part={"type": "audio"})
    fields = b",".join(
        b'"%b":%b' % (k.encode(), json.dumps(v).encode()) for k, v in of_part.items()
    )
    for _ in range(deltas):
        yield _audio_delta(fields)
    yield _event("response.output_audio.done", **of_part)
    yield _event("response.content_part.done", **of_part, part={"type": "audio"})
    yield _event("response.output_item.done", **of_response, item=item)
    yield _event("conversation.item.done", item=item)
    yield _event("response.done", response=response | {"status": "completed"})


def _item(number: int, role: str) -> dict[str, Any]:
    return {"id": f"item_{number}", "type": "message", "role": role, "content": []}


def _event(kind: str, **fields: Any) -> bytes:
    event = {"type": kind, "event_id": f"event_{next(_EVENT_NUMBERS)}", **fields}
    return _frame(Opcode.TEXT, json.dumps(event, separators=(",", ":")).encode())


def _audio_delta(fields: bytes) -> bytes:
    """Return a delta, without a JSON encoder because the clients wait for the first delta."""
    return _frame(
        Opcode.TEXT,
        b'{"type":"response.output_audio.delta","event_id":"event_%d",%b,"delta":"%b"}'
        % (next(_EVENT_NUMBERS), fields, _AUDIO),
    )


def _frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, length) + payload
    return struct.pack("!BBH", 0x80 | opcode, 126, length) + payload


async def main(certificate: str) -> None:
    """Serve on free ports of 127.0.0.1, print them, and go on until killed."""
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    servers = [
        await loop.create_server(Session, "127.0.0.1", 0, ssl=context, backlog=500)
        for context in (None, tls)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
