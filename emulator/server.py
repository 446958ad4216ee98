"""The server: where it listens, how it behaves, and the sessions it has had."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from aiohttp import web

from .faults import Faults
from .model.ears import Ears, ScriptedEars, SphinxEars, TouchToneEars
from .model.reply import Reply
from .model.voice import EspeakVoice, ToneVoice, TouchToneVoice, Voice
from .service.handshake import chosen_dialect, not_found, refusal, turned_away
from .service.session import Session, cut

_TRANSCRIBERS = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1", "whisper")


@dataclass(frozen=True)
class Handshake:
    """A request for a session, and the HTTP status it got."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    status: int


@dataclass(kw_only=True, eq=False)
class Emulator:
    """An Azure OpenAI Realtime resource with one realtime deployment.

    Use it as an async context manager. Its fields may be changed while it runs. `speed` is how
    many times faster than real time audio is made (0: at once). `first_audio_ms` is the time
    from `response.created` to the first output. `clock_rate` makes idle timeouts and the
    session's life pass faster. `voice` and `ears` are cheap and scripted unless chosen real.
    `keep_events` is for tests; a server that runs for hours would drown in audio.
    """

    api_key: str = field(repr=False)
    deployment: str
    model: str = "gpt-realtime"
    host: str = "127.0.0.1"
    port: int = 0
    base_path: str = ""
    preview_only: bool = False
    transcription_deployments: tuple[str, ...] = _TRANSCRIBERS
    other_deployments: tuple[str, ...] = (
        "gpt-4o",
        "gpt-realtime-translate",
        *_TRANSCRIBERS,
    )
    speed: float = 8.0
    first_audio_ms: int = 20
    session_seconds: float = 3600
    clock_rate: float = 1.0
    voice: Literal["tone", "espeak", "touch_tones"] = "tone"
    ears: Literal["script", "sphinx", "touch_tones"] = "script"
    keep_events: bool = True
    faults: Faults = field(default_factory=Faults)
    replies: deque[Reply] = field(default_factory=deque)
    hears: deque[str] = field(default_factory=deque)
    sessions: list[Session] = field(default_factory=list, repr=False)
    handshakes: list[Handshake] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Choose voice and ears."""
        self.voice_of_model = self._chosen_voice()
        self.ears_of_model = self._chosen_ears()
        self.flowing = asyncio.Event()  # cleared while the service stands still
        self.flowing.set()
        self._runner: web.AppRunner | None = None
        self._arrival = asyncio.Event()
        self._stopping = asyncio.Event()
        self._handed_out = 0

    def _chosen_voice(self) -> Voice:
        match self.voice:
            case "tone":
                return ToneVoice()
            case "espeak":
                return EspeakVoice()
            case "touch_tones":
                return TouchToneVoice()

    def _chosen_ears(self) -> Ears:
        match self.ears:
            case "script":
                return ScriptedEars(self.hears)
            case "sphinx":
                return SphinxEars()
            case "touch_tones":
                return TouchToneEars()

    @property
    def host_name(self) -> str:
        """Return `host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return `ws://host:port`, with the base path if there is one."""
        return f"ws://{self.host_name}{self.base_path}"

    @property
    def reasons(self) -> bool:
        """Say whether the model is of the reasoning line."""
        return self.model.startswith("gpt-realtime-2")

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
        """Stand still for a while: nothing is read, answered or sent, and no socket ends."""
        self.flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.flowing.set()

    async def next_session(self, *, seconds: float = 10) -> Session:
        """Return the oldest session not handed out here yet, waiting for it if need be."""
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
            return web.Response()  # who asked has gone meanwhile
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
