"""The way out of one session: its events, its close frame, and the faults on the wire."""

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any

from aiohttp import WSMsgType, web

from ..faults import Wire
from ..settings import Settings
from ..wire.dialect import Dialect
from ..wire.errors import InvalidRequest
from ..wire.events import Event, EventLog
from ..wire.ids import new_id


class Outbox:
    """Sends frames in order: only the task of `write` sends on the socket, pongs excepted."""

    def __init__(
        self, settings: Settings, dialect: Dialect, request: web.Request
    ) -> None:
        """Prepare the socket of a request."""
        self.socket = web.WebSocketResponse(
            protocols=("realtime",),
            autoping=False,
            compress=False,
            max_msg_size=0,
            timeout=1,
        )
        self.sent = EventLog(keep=settings.keep_events)
        self.pongs = EventLog(keep=settings.keep_events)
        self.closed = False
        self.close_code: int | None = None
        self.is_silent = False
        self._settings = settings
        self._dialect = dialect
        self._request = request
        self._wire = Wire(settings.faults)
        # Each with the time at which it is to be sent.
        self._frames: asyncio.Queue[
            tuple[float, str | bytes | asyncio.Future[None] | _Close]
        ] = asyncio.Queue()

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event, in the session's dialect and with the faults that are on."""
        event = {"type": event_type, "event_id": new_id("event"), **fields}
        for worded in self._dialect.events(event):
            for frame in self._wire.frames(worded):
                if isinstance(frame, dict):
                    self.sent.record(frame)
                    frame = json.dumps(frame)
                self._put(frame)

    def _put(self, frame: str | bytes | asyncio.Future[None] | _Close) -> None:
        due = 0.0
        if (milliseconds := self._settings.faults.take("round_trip")) is not None:
            now = asyncio.get_running_loop().time()
            due = now + float(milliseconds or 200) / 1000
        self._frames.put_nowait((due, frame))

    def refuse(self, refusal: InvalidRequest, event_id: str | None = None) -> None:
        """Send a refusal of the client event with this id."""
        error = refusal.event(event_id)
        self.emit(error["type"], error=error["error"])

    async def send(self, event: Event) -> None:
        """Send an event unchanged; return when it is on the wire."""
        self.sent.record(event)
        await self.send_frame(json.dumps(event))

    async def send_frame(self, *frames: str | bytes) -> None:
        """Send frames that need not be events; return when they are on the wire."""
        for frame in frames:
            self._put(frame)
        await self._flushed()

    async def pong(self, data: bytes) -> None:
        """Answer a ping, unless a fault forbids that."""
        faults = self._settings.faults
        if self.is_silent or faults.take("no_pong") is not None:
            return
        if (seconds := faults.take("slow_pong")) is not None:
            await asyncio.sleep(float(seconds or 1))  # the fault is a slow network
        with contextlib.suppress(ConnectionError):
            await self.socket.pong(data)
            self.pongs.record({"type": "pong"})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, after every frame before it."""
        self._put(_Close(code, reason))
        await self._flushed()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        cut(self._request)

    async def end(self, manner: str) -> None:
        """End the connection in a manner of the fault `ends_at`, after every frame before it."""
        await self._flushed()
        if manner == "silence":
            self.is_silent = True
        elif manner in ("1006", "reset"):
            cut(self._request, reset=manner == "reset")
        elif manner == "1005":
            await self.socket.send_frame(b"", WSMsgType.CLOSE)
            cut(self._request)
        elif manner[:4].isdigit():
            code, _, reason = manner.partition(":")
            await self.close(int(code), reason or "fault")
        else:
            self.refuse(InvalidRequest("The service gives up.", manner))
            await self.close(1011, "fault")

    async def reached(self, stage: str) -> bool:
        """End the connection if a fault names this stage; return whether it has ended."""
        manner = self._settings.faults.hits("ends_at", stage)
        if manner is not None:
            await self.end(manner)
        return manner is not None

    async def write(self) -> None:
        """Send the frames until `finish`."""
        while True:
            due, frame = await self._frames.get()
            if frame is _END:
                break
            if not self.closed:
                await _wait_until(due)
                await self._settings.flowing.wait()
            with contextlib.suppress(ConnectionError):
                match frame:
                    case str() | bytes() if self.is_silent:
                        pass
                    case str():
                        await self.socket.send_str(frame)
                    case bytes():
                        await self.socket.send_bytes(frame)
                    case _Close():
                        self.close_code = frame.code
                        await self.socket.close(
                            code=frame.code, message=frame.reason.encode()
                        )
                    case asyncio.Future() if not frame.done():
                        frame.set_result(None)
        self.close_code = self.close_code or self.socket.close_code
        self.sent.end()

    def finish(self) -> None:
        """End `write` after the frames that wait; the client has left."""
        self._put(_END)
        self.closed = True

    async def _flushed(self) -> None:
        if self.closed:
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(written)
        await written


async def _wait_until(due: float) -> None:
    wait = due - asyncio.get_running_loop().time()
    if wait > 0:
        await asyncio.sleep(wait)  # the fault is a long way to the client


class _Close:
    """A close frame in the outbox."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


_END = _Close(0, "")  # the end of the outbox, which is not sent


def cut(request: web.Request, *, reset: bool = False) -> None:
    """Close the TCP connection under a request: with a FIN, or with a reset."""
    if (transport := request.transport) is None:
        return
    if reset:
        linger = struct.pack("ii", 1, 0)  # a close without lingering sends a reset
        tcp: socket.socket = transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
