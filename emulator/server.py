"""The server: the address it listens on, its settings and the sessions it has had."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from .service.handshake import chosen_dialect, not_found, refusal, turned_away
from .service.outbox import cut
from .service.session import Session
from .settings import Settings


@dataclass(frozen=True)
class Handshake:
    """A request for a session, and the HTTP status it got."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    status: int


@dataclass(kw_only=True, eq=False)
class Emulator(Settings):
    """An Azure OpenAI Realtime resource with one realtime deployment.

    The emulator is an async context manager. Its settings may be changed while it runs, but for
    `host`, `port`, `base_path`, `voice` and `ears`. Port 0 chooses a free port.
    """

    host: str = "127.0.0.1"
    port: int = 0
    base_path: str = ""
    sessions: list[Session] = field(default_factory=list, repr=False)
    handshakes: list[Handshake] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Prepare a server that does not listen yet."""
        super().__post_init__()
        self._runner: web.AppRunner | None = None
        self._arrival = asyncio.Event()
        self._stopping = asyncio.Event()
        self._handed_out = 0

    @property
    def host_name(self) -> str:
        """Return `host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return `ws://host:port`, with the base path if there is one."""
        return f"ws://{self.host_name}{self.base_path}"

    async def start(self) -> None:
        """Load the ears and listen; `port` is then the real one."""
        await self.ears_of_model.load()
        app = web.Application()
        app.router.add_get(f"{self.base_path}/openai/v1/realtime", self._ga)
        app.router.add_get(f"{self.base_path}/openai/realtime", self._preview)
        app.router.add_route("*", "/{path:.*}", not_found)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every session (1001) and stop listening."""
        self._stopping.set()
        live = [session for session in self.sessions if not session.closed]
        await asyncio.gather(
            *(session.close(1001, "server shutting down") for session in live)
        )
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop."""
        await self.stop()

    async def stall(self, seconds: float) -> None:
        """Stand still for `seconds`: the service reads, answers and sends nothing, and ends no socket."""
        self.flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.flowing.set()

    async def next_session(self, *, seconds: float = 10) -> Session:
        """Return the oldest session that this method has not returned yet; wait until there is one.

        Raises TimeoutError after `seconds`.
        """
        async with asyncio.timeout(seconds):
            while len(self.sessions) <= self._handed_out:
                await self._arrival.wait()
        self._handed_out += 1
        return self.sessions[self._handed_out - 1]

    async def _ga(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, ga=True)

    async def _preview(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, ga=False)

    async def _serve(self, request: web.Request, *, ga: bool) -> web.StreamResponse:
        await self.flowing.wait()
        if request.transport is None:
            return web.Response()  # the client has gone meanwhile
        if (manner := self.faults.hits("ends_at", "connect")) is not None:
            if manner == "silence":
                await self._stopping.wait()
            cut(request, reset=manner == "reset")
            return web.Response()
        if refused := refusal(self, request, ga=ga):
            self._note(request, refused.status)
            return refused
        session = Session(self, chosen_dialect(request, self.faults), request)
        await session.socket.prepare(request)
        self._note(request, 101)
        if not await turned_away(self, session.socket):
            self.sessions.append(session)
            self._arrival.set()
            self._arrival = asyncio.Event()
            await session.run()
        return session.socket

    def _note(self, request: web.Request, status: int) -> None:
        self.handshakes.append(
            Handshake(request.path, request.query, request.headers, status)
        )
