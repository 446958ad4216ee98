"""A TCP proxy with a chosen delay: each byte takes half a round trip.

Loopback hides every wait for the other side. Behind this proxy such a wait costs what it costs in
a house that is far from its cloud. Bandwidth, loss and the slow start of TCP are not simulated.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
import ssl
from typing import Self

from .certificate import LOOPBACK

_READ_BYTES = 65_536

type _Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class DelayProxy:
    """Passes TCP connections on to a port of this machine; an async context manager.

    ``round_trip`` (seconds) may change at any time, and applies to the bytes that come from then
    on; bytes never overtake each other. Opening a connection costs one round trip, as the
    handshake of TCP does. With ``certificate`` (a file of ``certificate.write_certificate``) clients speak TLS,
    whose own handshake passes the delay too; the port behind is still spoken to without TLS.
    """

    def __init__(self, port: int, *, certificate: Path | None = None) -> None:
        """Prepare a proxy that does not listen yet; ``port`` is that of the service behind."""
        self.round_trip = 0.0
        self.port = 0
        self._target = port
        self._certificate = certificate
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Return the host name that a user types, such as ws://127.0.0.1:40123."""
        return f"{'wss' if self._certificate else 'ws'}://{LOOPBACK}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen; ``port`` is then the real one."""
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            # The far end of the network, where the service's TLS ends.
            self._target = await self._listen(self._end_tls(self._target), context)
        self.port = await self._listen(self._delay(self._target))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Cut what is open and stop listening."""
        await self._stack.aclose()

    async def _listen(
        self, serve: _Serve, tls_context: ssl.SSLContext | None = None
    ) -> int:
        """Listen on a free port; return it."""
        open_connections: set[asyncio.Task[None]] = set()

        async def connected(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            task = asyncio.current_task()
            assert task
            open_connections.add(task)
            try:
                with suppress(OSError, asyncio.CancelledError):
                    await serve(reader, writer)
            finally:
                open_connections.discard(task)
                writer.transport.abort()

        async def stop() -> None:
            server.close()
            for task in open_connections:
                task.cancel()
            await asyncio.gather(*open_connections, return_exceptions=True)
            await server.wait_closed()

        server = await asyncio.start_server(connected, LOOPBACK, 0, ssl=tls_context)
        self._stack.push_async_callback(stop)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _delay(self, port: int) -> _Serve:
        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            opened_at = asyncio.get_running_loop().time() + self.round_trip
            await _join(reader, writer, port, lambda: self.round_trip / 2, opened_at)

        return serve

    def _end_tls(self, port: int) -> _Serve:
        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await _join(reader, writer, port, lambda: 0.0, 0.0)

        return serve


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    port: int,
    delay: Callable[[], float],
    opened_at: float,
) -> None:
    """Carry bytes between a client and the port behind, until one of them hangs up."""
    far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(reader, far_writer, delay, opened_at))
            group.create_task(_carry(far_reader, writer, delay, 0.0))
    except* OSError:  # one side has gone
        pass
    finally:
        far_writer.transport.abort()


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    delay: Callable[[], float],
    opened_at: float,
) -> None:
    """Carry one direction: each piece as it was read, in order, and the end after all of them.

    ``opened_at`` (the loop's time) is when the sender could send its first byte.
    """
    loop = asyncio.get_running_loop()
    on_their_way = asyncio.Queue[tuple[float, bytes]]()

    async def deliver() -> None:
        while (piece := await on_their_way.get())[1]:
            due, data = piece
            if (seconds := due - loop.time()) > 0:
                await asyncio.sleep(seconds)
            writer.write(data)
            await writer.drain()
        if (seconds := piece[0] - loop.time()) > 0:
            await asyncio.sleep(seconds)
        if writer.can_write_eof():
            writer.write_eof()
        else:  # TLS knows no half-closed connection
            writer.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(deliver())
        data = b"."
        while data:
            data = await reader.read(_READ_BYTES)
            on_their_way.put_nowait((max(loop.time(), opened_at) + delay(), data))
