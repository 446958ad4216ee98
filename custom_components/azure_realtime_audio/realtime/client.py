"""The client: the surface of the reference client ``AzureRealTimeAudio``, in Python."""

import asyncio
from binascii import b2a_base64
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
import logging
import time
from typing import Any, NoReturn, Self
from uuid import uuid4

import aiohttp
import orjson

from .audio import (
    MAX_BASE64_LENGTH,
    SAMPLE_RATE,
    Resampler,
    alaw_encode,
    decode_base64,
    ulaw_encode,
)
from .errors import (
    FATAL_CODES,
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    InvalidAudioError,
    InvalidAuthError,
    InvalidConfigError,
    NotConnectedError,
    RateLimitedError,
    RealtimeError,
    ResponseActiveError,
)
from .listeners import Emitter, Event, Listener
from .options import ConnectionState, RealtimeOptions, WebSocketOptions
from .protocol.acknowledgements import PendingCommands
from .protocol.conversation_record import MAX_SOUND, Ledger
from .protocol.dialect import Decoder, Dialect, encode
from .protocol.items import validate_item
from .protocol.session_config import (
    DEFAULT_SESSION_CONFIG,
    SessionConfig,
    validate_response_config,
)
from .protocol.status import ModelStatus, StatusTracker
from .response import Response
from .transport.endpoint import Endpoint
from .transport.refusals import is_transient_close, refusal_error
from .transport.websocket import Connection, reconnect_delays

_LOGGER = logging.getLogger(__name__)

# How long to wait for a session.created before configuring the session anyway: the
# service always sends one, some gateways do not. Seconds.
_CREATED_TIMEOUT = 3.0
# How many items are remembered as the client's own, however late they are told of.
_SENT_ITEMS = 256
# How many ended responses are remembered, so that their late events are dropped.
_ENDED_RESPONSES = 64
# How many frames are remembered, so that one that comes again is dropped.
_RECENT_FRAMES = 8
_MAX_RECENT_FRAME = 1024 * 1024  # bytes

# Keys have 32 characters or more; what is shorter may be part of anything, a sound included.
_KEY_LENGTH = 16

# What the service may ask us to wait, at most, before it is for others to try again. Seconds.
_LONGEST_RETRY_AFTER = 60.0

# For so long after a loss what the person says is kept for the next connection. Seconds.
KEPT_AFTER_LOSS = 5.0

# A session is renewed when so much of the life that the service gives it has passed.
_RENEWED_AT = 0.8
# Lives shorter than this are not believed: the clocks differ. Seconds.
_SHORTEST_LIFE = 60.0
# How often an old session is looked at, whether nothing goes on. Seconds.
_QUIET_SECONDS = 1.0

# All appends have one event id: that it was one is all there is to know of one refused.
_APPEND_ID = "append"
_APPEND_PREFIX = (
    b'{"type":"input_audio_buffer.append","event_id":"%b","audio":"'
    % _APPEND_ID.encode()
)
_APPEND_SUFFIX = b'"}'

# How much of a sentence is kept while it is spoken, in characters of base64.
_MAX_HALF_SPOKEN = MAX_SOUND * 4 // 3

_NORMAL_CLOSURE = 1000

# What reading an event can raise that has not the shape it should have.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# What tells items apart besides their ids.
_ITEM_KIND = ("type", "role", "call_id")

_PCM = "audio/pcm"
# These take PCM16 of 8 kHz.
_G711_ENCODERS = {"audio/pcmu": ulaw_encode, "audio/pcma": alaw_encode}
_G711_SAMPLE_RATE = 8000


def _format_of(audio: Mapping[str, Any]) -> str:
    """Return the format of the audio that goes in or out: "audio/pcm" unless told."""
    audio_format: str = (audio.get("format") or {}).get("type") or _PCM
    return audio_format


def _is_same_item(sent: Mapping[str, Any], added: Mapping[str, Any]) -> bool:
    """Whether an item that the service tells of may be the one that was sent."""
    return all(sent.get(key) == added.get(key) for key in _ITEM_KIND) and [
        part.get("type") for part in sent.get("content") or ()
    ] == [part.get("type") for part in added.get("content") or ()]


def _as_json(event: Mapping[str, Any]) -> bytes:
    """Write an event. Raises InvalidConfigError, which names the field that cannot be."""
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError as err:
        key = next(key for key, value in event.items() if not _is_json(value))
        raise InvalidConfigError(key, f"cannot be sent as JSON ({err})") from err


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _sendable(secret: str) -> str:
    """Return a key or token that can be in a header. Raises InvalidAuthError."""
    if not secret.isprintable():
        raise InvalidAuthError("The key has characters that no key has")
    return secret


def _is_transient(error: RealtimeError) -> bool:
    """Whether it may help to connect again."""
    match error:
        case ConnectError():
            return error.transient
        case ConnectionLostError(code=code):
            # The client did not ask for a normal closure here: it is a loss like others.
            return code == _NORMAL_CLOSURE or is_transient_close(code)
        case _:
            return isinstance(error, CommandTimeoutError)


_OPEN = ConnectionState.OPEN


class RealtimeClient:
    """One conversation with a model, over one websocket at a time.

    After a transient loss the client connects again by itself, and tells the new session
    what was said before: ``session_id`` changes, the items and their ids do not, but what
    was spoken is text now, as far as it was written down. What could not be helped, the
    next ``connect`` makes up for in the same way. Only ``close`` ends the conversation.

    The service ends every session after 30 to 60 minutes. The client moves to a new one
    before, when nothing goes on; commands wait for that. It also moves when a command is
    not acknowledged, for nobody knows what such a session holds, and when a piece of what
    the person is saying is refused.

    Every command that the service acknowledges is awaited until then, and raises

    - ``CommandError`` when the service refuses it,
    - ``CommandTimeoutError`` when the acknowledgement does not come in time,
    - ``NotConnectedError`` and ``ConnectionLostError`` without a connection,
    - ``InvalidConfigError`` and ``InvalidAudioError`` before anything is sent.
    """

    def __init__(
        self,
        options: RealtimeOptions,
        *,
        session: aiohttp.ClientSession,
        websocket_options: WebSocketOptions | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Prepare a client; nothing is sent before ``connect``.

        With the ``ledger`` of another client it goes on with that one's conversation.
        Raises InvalidHostError and InvalidConfigError.
        """
        self.options = options
        # A lone surrogate is refused as soon as the key is to be sent.
        self._key = options.api_key.encode(errors="replace")
        self.endpoint = Endpoint.parse(
            options.host_name, options.deployment, options.api_version
        )
        self._http = session
        self._websocket_options = websocket_options or WebSocketOptions()
        self._config = SessionConfig(
            DEFAULT_SESSION_CONFIG
            if options.session_config is None
            else options.session_config
        )
        self._emitter = Emitter()
        self._status = StatusTracker(self._emitter)

        self._state = ConnectionState.CLOSED
        self._settled = asyncio.Event()
        self._greeted = asyncio.Event()
        self._connection: Connection | None = None
        self._runner: asyncio.Task[RealtimeError | None] | None = None
        self._decoder = Decoder(self.endpoint.dialect)
        self._recent_frames: deque[bytes] = deque(maxlen=_RECENT_FRAMES)
        self._fatal_error: Mapping[str, Any] | None = None

        self._session: dict[str, Any] = {}
        self._is_initialized = False
        self._has_been_initialized = False

        self._ledger = ledger or Ledger()
        self._commands = PendingCommands()
        self._sent_item_ids: deque[str] = deque(maxlen=_SENT_ITEMS)
        self._update_lock = asyncio.Lock()
        self._responses: dict[str, Response] = {}
        self._ended_responses: deque[str] = deque(maxlen=_ENDED_RESPONSES)
        self._active: Response | None = None
        self._creating: asyncio.Future[Any] | None = None

        self._buffer_is_fresh = True
        # What was appended since the last commit, in base64.
        self._half_spoken: deque[bytes] = deque()
        self._half_spoken_size = 0
        self._is_said_again = False
        self._lost_at: float | None = None
        self._is_renewing = False
        self._is_unheard = False
        self._renewal = asyncio.Event()
        self._is_manual = True
        self._input_format = _PCM
        self._input_encoding: Callable[[bytes], bytes] | None = None
        self._output_format = _PCM
        self._resampler: Resampler | None = None

    def __repr__(self) -> str:
        """Show where it is connected, and no secret."""
        return (
            f"<RealtimeClient {self.endpoint.deployment}@{self.endpoint.base} "
            f"{self._state} {self.status}>"
        )

    # --- What it is

    @property
    def status(self) -> ModelStatus:
        """What the model is doing."""
        return self._status.status

    @status.setter
    def status(self, status: ModelStatus) -> None:
        self._status.set(ModelStatus(status))

    @property
    def is_initialized(self) -> bool:
        """Whether this connection's session has been configured."""
        return self._is_initialized

    @property
    def state(self) -> ConnectionState:
        """The state of the websocket."""
        return self._state

    @property
    def dialect(self) -> Dialect:
        """The protocol the service speaks: what was asked for, until it shows its own."""
        return self._decoder.dialect

    @property
    def session(self) -> dict[str, Any]:
        """The session as the service last told it, in GA's nested form."""
        return self._session

    @property
    def session_id(self) -> str | None:
        """The id of this connection's session; None without one."""
        return self._session.get("id")

    @property
    def active_response(self) -> Response | None:
        """The response in progress in the conversation, if there is one."""
        return self._active

    @property
    def item_ids(self) -> list[str]:
        """The ids of the conversation's items, in order."""
        return self._ledger.item_ids

    # --- Listeners

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every such event. Returns what ends that.

        ``"*"`` hears every event of the service.

        Server events go by their GA or preview names. The client's own are ``init``
        (the first session, once it is configured), ``status_changed`` and
        ``connection_changed``.
        """
        return self._emitter.on(event, listener)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with the next such event."""
        return self._emitter.once(event, listener)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Forget a listener of the event, or all of them."""
        self._emitter.off(event, listener)

    def off_all(self) -> None:
        """Forget every listener."""
        self._emitter.off_all()

    # --- Connection

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def connect(self) -> None:
        """Be connected, with the session configured, or raise why not.

        Waits for a connection that is under way. If it waits for one that turns out to be
        lost for good, it tries a new one, once. Raises the ConnectError family,
        CommandError when the session config is refused, CommandTimeoutError, and
        NotConnectedError if somebody closes meanwhile.
        """
        try:
            await self._connected()
        except ConnectionLostError:
            # That one had been open before: whether there can be another, nobody has tried.
            await self._connected()

    async def _connected(self) -> None:
        """Wait for the connection that is under way, or for a new one. Raises RealtimeError."""
        if self._runner is None:
            self._set_state(ConnectionState.CONNECTING)
            self._runner = asyncio.get_running_loop().create_task(
                self._run(), name=f"realtime {self.endpoint.deployment}"
            )
        runner = self._runner
        while not runner.done():
            try:
                await self._settled.wait()
            except asyncio.CancelledError:
                if self._state is ConnectionState.CONNECTING:
                    await self._disconnect(runner)
                raise
            if self._state is ConnectionState.OPEN:
                return
        # Of this very run: others who have waited for it may be at the next already.
        error = None if runner.cancelled() else runner.result()
        raise error.again() if error else NotConnectedError()

    async def close(self) -> None:
        """End the conversation and everything that waits for it; close the socket."""
        if (runner := self._runner) is None:
            return
        self._set_state(ConnectionState.CLOSING)
        self._ledger.clear()
        await self._disconnect(runner)

    def take_ledger(self) -> Ledger:
        """Return the conversation, for another client to go on with; this one has none."""
        ledger, self._ledger = self._ledger, Ledger()
        return ledger

    async def _disconnect(self, runner: asyncio.Task[RealtimeError | None]) -> None:
        """End the connection, or the wait for one. The conversation stays."""
        runner.cancel()
        await asyncio.wait((runner,))
        if self._runner is runner:  # it was cancelled before its first step
            self._runner = None
            self._set_state(ConnectionState.CLOSED)

    # --- Audio

    async def append_audio(self, base64_audio: str) -> None:
        """Append base64 of audio in the session's input format (24 kHz PCM16).

        At most 15 MiB. The service does not acknowledge it. While a connection that was
        lost comes back it is kept, for 5 seconds. Raises InvalidAudioError.
        """
        decode_base64(base64_audio, self._input_format)
        connection = self._connection
        try:
            await self._append(base64_audio.encode())
        except ConnectionLostError:  # it is kept
            self._found_dead(connection)

    async def append_pcm(self, pcm: bytes, *, sample_rate: int = SAMPLE_RATE) -> None:
        """Append PCM16 mono little-endian bytes of ``sample_rate`` Hz.

        They are resampled, and encoded where the session takes G.711. Raises
        InvalidAudioError.
        """
        if len(pcm) % 2:
            raise InvalidAudioError("PCM16 audio has an even number of bytes")
        encoding = self._input_encoding
        if sample_rate != SAMPLE_RATE or encoding is not None:
            pcm = self._convert(pcm, sample_rate, encoding)
        connection = self._connection
        try:
            await self._append(b2a_base64(pcm, newline=False))
        except ConnectionLostError:  # it is kept
            self._found_dead(connection)

    async def commit_audio(self) -> str:
        """End what the person says; returns the id of the item it becomes."""
        await self._flush_resampler()
        item_id: str = await self._command(
            {"type": "input_audio_buffer.commit"},
            acknowledged_by="input_audio_buffer.committed",
            claim=lambda event: event.get("item_id") or "",
        )
        return item_id

    async def clear_audio_buffer(self) -> None:
        """Throw away what was appended since the last commit."""
        self._resampler = None
        self._forget_half_spoken()
        await self._command(
            {"type": "input_audio_buffer.clear"},
            acknowledged_by="input_audio_buffer.cleared",
        )

    # --- Conversation

    async def create_conversation_item(
        self, item: Mapping[str, Any], previous_item_id: str | None = None
    ) -> str:
        """Add an item at the end, or after ``previous_item_id`` ("root" is the front).

        Returns its id, which the caller may choose (at most 32 characters).
        """
        item = validate_item(item)
        item.setdefault("id", f"item_{uuid4().hex[:24]}")
        connection = await self._open_connection()
        return await self._create_item(connection, item, previous_item_id)

    async def delete_item(self, item_id: str) -> None:
        """Delete an item of the conversation.

        If that is not acknowledged, this raises, and the next session has no such item.
        """
        await self._take_back(
            {"type": "conversation.item.delete", "item_id": item_id},
            acknowledged_by="conversation.item.deleted",
        )

    async def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int
    ) -> None:
        """Cut a spoken item to what was played: its first ``audio_end_ms`` ms.

        If that is not acknowledged, this raises, and the next session is told no more.
        """
        await self._take_back(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            },
            acknowledged_by="conversation.item.truncated",
        )

    async def create_response(
        self, config: Mapping[str, Any] | None = None
    ) -> Response:
        """Let the model answer; returns the response as it begins.

        The conversation has one response at a time: while it has one, this raises
        ResponseActiveError (``await client.active_response.done()`` waits for its end).
        Responses with ``conversation`` "none" may run beside it.
        """
        event: dict[str, Any] = {"type": "response.create"}
        if config is not None:
            event["response"] = validate_response_config(config)
        is_out_of_band = event.get("response", {}).get("conversation") == "none"
        if is_out_of_band:
            return await self._create_response(event, is_out_of_band=True)
        if self._creating is not None or self._active is not None:
            raise ResponseActiveError
        self._creating = asyncio.get_running_loop().create_future()
        try:
            return await self._create_response(event, is_out_of_band=False)
        finally:
            self._creating.set_result(None)
            self._creating = None

    async def cancel_response(self) -> bool:
        """Stop the conversation's response; False if there was none to stop."""
        if self._creating is not None:
            await asyncio.wait((self._creating,))
        return self._active is not None and await self._cancel(self._active)

    # --- Session and status

    def set_model_speak_done(self) -> None:
        """Tell that the reply has been played to its end."""
        if self.status is ModelStatus.SPEAKING:
            self._status.reset()

    async def update_session(self, config: SessionConfig | Mapping[str, Any]) -> None:
        """Change the keys that are given; a refused update changes nothing."""
        config = SessionConfig(config)
        async with self._update_lock:
            await self._send_session_update(await self._open_connection(), config)
        self._config = self._config.merge(config)

    # --- Opening, running, losing the connection

    async def _run(self) -> RealtimeError | None:
        """Be connected until that is asked to end or cannot be helped; returns why not."""
        error: RealtimeError | None = None
        try:
            with suppress(asyncio.CancelledError):  # that is how ``close`` ends it
                await self._open()
                await self._stay_connected()
        except RealtimeError as err:
            error = err.again()
        finally:
            await self._drop(error or ConnectionLostError(_NORMAL_CLOSURE))
            self._forget_half_spoken()
            self._resampler = None
            self._lost_at = None
            self._is_renewing = False
            self._runner = None
            self._set_state(ConnectionState.CLOSED, error)
        return error

    async def _open(self) -> None:
        """Open a socket and have its session as the last one was. Raises RealtimeError."""
        self._decoder = Decoder(self.endpoint.dialect)
        self._fatal_error = None
        self._greeted.clear()
        self._renewal.clear()
        self._connection = connection = Connection(
            self._http,
            self.endpoint,
            await self._credentials(),
            self._websocket_options,
        )
        try:
            await connection.open()
            await self._configure(connection)
        except ConnectionLostError as lost:
            raise refusal_error(self._fatal_error, lost.code) from lost
        await self._say_again(connection)
        self._lost_at = None
        self._set_state(ConnectionState.OPEN)

    async def _credentials(self) -> dict[str, str]:
        """Return the header with the key or a token. Raises ConnectError."""
        if self.options.token_provider is None:
            return {"api-key": _sendable(self.options.api_key)}
        try:
            token = await self.options.token_provider()
        except Exception as err:  # it is the caller's own code
            raise CannotConnectError("There is no token to connect with") from err
        return {"Authorization": f"Bearer {_sendable(token)}"}

    async def _configure(self, connection: Connection) -> None:
        """Read until the session is as the last one was, or as it is to begin."""
        configuring = asyncio.ensure_future(self._begin_session(connection))
        reading = asyncio.ensure_future(connection.read(self._receive))
        tasks: tuple[asyncio.Future[Any], ...] = (configuring, reading)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not configuring.done():
                reading.result()
            await configuring
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin_session(self, connection: Connection) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CREATED_TIMEOUT):
                await self._greeted.wait()
        await self._send_session_update(connection, self._config)
        await self._replay(connection)

    async def _replay(self, connection: Connection) -> None:
        """Tell the new session what was said before.

        What the service does not take is left out: the rest of the conversation is worth
        more than none. Raises CommandTimeoutError, the first time.
        """
        kept: list[str] = []
        for batch in self._ledger.batches():
            outcomes = await asyncio.gather(
                *(self._create_item(connection, item) for item in batch),
                return_exceptions=True,
            )
            lost = [
                error for error in outcomes if isinstance(error, CommandTimeoutError)
            ]
            if lost and not self._is_unheard:
                # The next connection may hear it. If not, nothing is to be expected of a third.
                self._is_unheard = True
                raise lost[0]
            kept += (
                item["id"]
                for item, outcome in zip(batch, outcomes, strict=True)
                if not isinstance(outcome, CommandError)
            )
        self._ledger.keep(kept)
        self._is_unheard = False

    async def _stay_connected(self) -> NoReturn:
        """Read, renew the session in time, and connect again after a loss.

        Raises what cannot be helped.
        """
        loop = asyncio.get_running_loop()
        delays = reconnect_delays(self._websocket_options)
        while True:
            assert self._connection is not None
            opened = loop.time()
            try:
                await self._read(self._connection)
                await self._renew()
                continue
            except RealtimeError as err:
                if not _is_transient(err):
                    raise
                error = err.again()
            await self._drop(error)
            if loop.time() - opened > self._websocket_options.max_reconnect_delay:
                delays = reconnect_delays(self._websocket_options)
            await self._reconnect(delays, error)

    # --- A new session in time

    async def _read(self, connection: Connection) -> None:
        """Read until the session is to be renewed.

        Raises ConnectionLostError, or what the service said in an error before.
        """
        reading = asyncio.ensure_future(connection.read(self._receive))
        ageing = asyncio.ensure_future(self._grow_old())
        try:
            await asyncio.wait((reading, ageing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
        except ConnectionLostError as lost:
            if self._fatal_error is None:
                raise
            raise refusal_error(self._fatal_error, lost.code) from lost
        finally:
            reading.cancel()
            ageing.cancel()
            await asyncio.gather(reading, ageing, return_exceptions=True)
            del reading  # its error refers to this frame

    async def _grow_old(self) -> None:
        """Wait until the session is to be renewed: it is old, and nothing goes on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._session_life):
                await self._renewal.wait()
        heard = -1
        while not self._renewal.is_set():
            if self._is_quiet and heard == self._half_spoken_size:
                self._begin_renewal()
            else:
                heard = self._half_spoken_size
                await asyncio.sleep(_QUIET_SECONDS)

    def _begin_renewal(self) -> None:
        """Have commands wait for another session from now on."""
        self._is_renewing = True
        self._lost_at = asyncio.get_running_loop().time()
        self._set_state(ConnectionState.CONNECTING)
        self._renewal.set()

    @property
    def _session_life(self) -> float:
        """Seconds after which the session is old."""
        life = self._websocket_options.renew_after
        if expires_at := self._session.get("expires_at"):
            told = (expires_at - time.time()) * _RENEWED_AT
            if told > _SHORTEST_LIFE:
                life = min(life, told)
        return life

    @property
    def _is_quiet(self) -> bool:
        return (
            self.status is ModelStatus.IDLE
            and not self._responses
            and not self._commands.waiting
        )

    async def _renew(self) -> None:
        """Go on with a new session. Raises RealtimeError."""
        outgoing = self._forget(ConnectionLostError(_NORMAL_CLOSURE))
        try:
            await self._open()
        finally:
            self._is_renewing = False
            if outgoing is not None:
                await outgoing.close()

    # --- After a loss

    async def _reconnect(self, delays: Iterator[float], error: RealtimeError) -> None:
        """Open a new session; the tries go on where the last loss left them."""
        self._is_renewing = False
        self._lost_at = asyncio.get_running_loop().time()
        self._set_state(ConnectionState.CONNECTING)
        for delay in delays:
            retry_after = isinstance(error, RateLimitedError) and error.retry_after or 0
            if retry_after > _LONGEST_RETRY_AFTER:
                break
            await asyncio.sleep(max(delay, retry_after))
            try:
                return await self._open()
            except RealtimeError as err:
                await self._drop(err)
                if not _is_transient(err):
                    raise
                error = err.again()
        raise error.again()

    async def _drop(self, error: RealtimeError) -> None:
        """Forget the connection and close it."""
        if (connection := self._forget(error)) is not None:
            await connection.close()

    def _forget(self, error: RealtimeError) -> Connection | None:
        """Have no connection; whoever waits for something of it hears ``error``.

        Whoever connects from now on waits for what follows.

        Returns the connection, to be closed.
        """
        connection, self._connection = self._connection, None
        self._settled.clear()
        self._session = {}
        self._is_initialized = False
        self._active = None
        self._buffer_is_fresh = True
        self._commands.fail(error)
        responses, self._responses = self._responses, {}
        for response in responses.values():
            self._ledger.hear(response)
            response.abandon(error)
        self._status.reset()
        return connection

    def _found_dead(self, connection: Connection | None) -> None:
        """Have whoever connects now wait: the reader is about to notice."""
        if connection is self._connection:
            self._settled.clear()

    def _set_state(
        self, state: ConnectionState, error: RealtimeError | None = None
    ) -> None:
        if state is self._state:
            return
        self._state = state
        if state in (ConnectionState.OPEN, ConnectionState.CLOSED):
            self._settled.set()
        else:
            self._settled.clear()
        self._emitter.emit_own(
            "connection_changed",
            {"type": "connection_changed", "state": state, "error": error},
        )

    async def _open_connection(self) -> Connection:
        if self._is_renewing:
            await self._settled.wait()
        if self._connection is None or self._state is not ConnectionState.OPEN:
            raise NotConnectedError
        return self._connection

    # --- Commands

    async def _command(
        self,
        event: dict[str, Any],
        *,
        acknowledged_by: str | set[str],
        claim: Callable[[Event], Any] = lambda event: True,
    ) -> Any:
        """Send an event and return what its acknowledgement is worth to the caller."""
        connection = await self._open_connection()
        return await self._acknowledged(connection, event, acknowledged_by, claim)

    async def _acknowledged(
        self,
        connection: Connection,
        event: dict[str, Any],
        acknowledged_by: str | set[str],
        claim: Callable[[Event], Any],
    ) -> Any:
        types = (
            {acknowledged_by} if isinstance(acknowledged_by, str) else acknowledged_by
        )
        with self._commands.add(event["type"], types, claim) as pending:
            event = {"event_id": pending.event_id, **event}
            try:
                await connection.send(_as_json(encode(event, self.dialect)))
            except ConnectionLostError:
                self._found_dead(connection)
                raise
            try:
                async with asyncio.timeout(self._websocket_options.command_timeout):
                    return await pending.result
            except TimeoutError:
                if self._state is ConnectionState.OPEN:
                    self._begin_renewal()
                raise CommandTimeoutError(event["type"]) from None

    async def _take_back(self, event: dict[str, Any], acknowledged_by: str) -> None:
        """Have an item cut or deleted: in this session, or else in the next."""
        item_id = event["item_id"]
        try:
            await self._command(
                event,
                acknowledged_by=acknowledged_by,
                claim=lambda event: True if event["item_id"] == item_id else None,
            )
        except CommandTimeoutError, ConnectionLostError:
            # Whether this session did it does not matter: the next is told the ledger.
            self._HANDLERS[acknowledged_by](self, {**event, "type": acknowledged_by})
            raise

    async def _send_session_update(
        self, connection: Connection, config: SessionConfig
    ) -> None:
        await self._acknowledged(
            connection,
            {"type": "session.update", "session": config.as_dict()},
            "session.updated",
            lambda event: True,
        )

    async def _create_item(
        self,
        connection: Connection,
        item: dict[str, Any],
        previous_item_id: str | None = None,
    ) -> str:
        event: dict[str, Any] = {"type": "conversation.item.create", "item": item}
        if previous_item_id is not None:
            event["previous_item_id"] = previous_item_id

        def claim(event: Event) -> str | None:
            added = event["item"]
            item_id: str = added["id"]
            if item_id != item["id"] and (
                item_id in self._sent_item_ids or not _is_same_item(item, added)
            ):
                return None
            # Some gateways choose the ids themselves.
            self._ledger.sent({**item, "id": item_id}, previous_item_id)
            return item_id

        self._sent_item_ids.append(item["id"])
        created: str = await self._acknowledged(
            connection,
            event,
            {"conversation.item.added", "conversation.item.done"},
            claim,
        )
        return created

    async def _create_response(
        self, event: dict[str, Any], *, is_out_of_band: bool
    ) -> Response:
        known = set(self._responses)

        def claim(event: Event) -> Response | None:
            response = self._responses[
                event.get("response_id") or event["response"]["id"]
            ]
            if response.id in known:
                return None
            # response.created names neither the command nor, with every service, the
            # conversation; where it does, a response out of band has none.
            if is_out_of_band and response is self._active and response.conversation_id:
                return None
            if is_out_of_band and response is self._active:
                self._active = None
            response.is_out_of_band = is_out_of_band
            return response

        response: Response = await self._command(
            event,
            # The second makes up for a response.created that never comes.
            acknowledged_by={"response.created", "response.output_item.added"},
            claim=claim,
        )
        return response

    async def _cancel(self, response: Response) -> bool:
        if response.is_done:
            return False
        if response.is_being_cancelled:
            await response.ended()
            return response.status == "cancelled"
        response.is_being_cancelled = True
        event: dict[str, Any] = {"type": "response.cancel"}
        if response.is_out_of_band:
            event["response_id"] = response.id
        try:
            await self._command(
                event,
                acknowledged_by="response.done",
                claim=lambda event: (
                    True if event["response"]["id"] == response.id else None
                ),
            )
        except CommandError, CommandTimeoutError:
            # It ended while the cancel was under way. Should its response.done be lost,
            # it must not block the conversation.
            if not response.is_done:
                self._end_response(response, {"status": "cancelled"})
            return False
        return True

    def _append(self, audio: bytes) -> Awaitable[None]:
        # Not a coroutine itself: this happens a hundred times a second.
        if len(audio) > MAX_BASE64_LENGTH:
            raise InvalidAudioError("One append takes at most 15 MiB of audio")
        connection = self._connection
        is_open = connection is not None and self._state is _OPEN
        if not is_open and not self._is_coming_back:
            raise NotConnectedError
        self._half_spoken.append(audio)
        self._half_spoken_size += len(audio)
        while self._half_spoken_size > _MAX_HALF_SPOKEN and self._half_spoken:
            self._half_spoken_size -= len(self._half_spoken.popleft())
        if self._buffer_is_fresh:
            self._begin_to_listen()
        if connection is None or not is_open:
            return asyncio.sleep(
                0
            )  # nothing to wait for: it is said when they are back
        return connection.send(b"".join((_APPEND_PREFIX, audio, _APPEND_SUFFIX)))

    def _begin_to_listen(self) -> None:
        self._buffer_is_fresh = False
        if self._is_manual:
            self._status.listening()

    @property
    def _is_coming_back(self) -> bool:
        """Whether the connection was lost just now."""
        if self._lost_at is None:
            return False
        return asyncio.get_running_loop().time() - self._lost_at < KEPT_AFTER_LOSS

    def _forget_half_spoken(self) -> None:
        self._buffer_is_fresh = True
        self._half_spoken.clear()
        self._half_spoken_size = 0
        self._is_said_again = False

    async def _say_again(self, connection: Connection) -> None:
        """Append what was half spoken when the last connection was lost, and since."""
        if not self._is_coming_back:
            self._forget_half_spoken()
        if self._half_spoken:
            self._begin_to_listen()
        said: deque[bytes] = deque()
        try:
            while self._half_spoken:
                said.append(self._half_spoken.popleft())
                await connection.send(
                    b"".join((_APPEND_PREFIX, said[-1], _APPEND_SUFFIX))
                )
        finally:
            self._half_spoken.extendleft(reversed(said))

    # --- Audio formats

    def _convert(
        self,
        pcm: bytes,
        sample_rate: int,
        encoding: Callable[[bytes], bytes] | None,
    ) -> bytes:
        target_rate = SAMPLE_RATE if encoding is None else _G711_SAMPLE_RATE
        if sample_rate != target_rate:
            resampler = self._resampler
            if resampler is None or resampler.source_rate != sample_rate:
                self._resampler = resampler = Resampler(sample_rate, target_rate)
            pcm = resampler.process(pcm)
        return pcm if encoding is None else encoding(pcm)

    async def _flush_resampler(self) -> None:
        """Send the last ms that the resampler holds back."""
        resampler, self._resampler = self._resampler, None
        if resampler is not None and (tail := resampler.flush()):
            encoding = self._input_encoding
            tail = tail if encoding is None else encoding(tail)
            await self._append(b2a_base64(tail, newline=False))

    # --- What the service sends

    def _receive(self, frame: bytes) -> None:
        if len(self._key) >= _KEY_LENGTH and self._key in frame:
            frame = frame.replace(self._key, b"***")  # it is nobody's to see
        try:
            received = orjson.loads(frame)
            # The whole frame: some gateways give all events one id, or none.
            if "event_id" in received and len(frame) <= _MAX_RECENT_FRAME:
                if frame in self._recent_frames:
                    return
                self._recent_frames.append(frame)
            for event in self._decoder.decode(received):
                self._dispatch(event)
        except _MALFORMED as err:
            _LOGGER.debug("Ignored a frame that is no event: %s", type(err).__name__)

    def _dispatch(self, event: dict[str, Any]) -> None:
        event_type = event["type"]
        self._fatal_error = None  # the session goes on: it was not the end
        try:
            if handler := self._HANDLERS.get(event_type):
                handler(self, event)
            elif event_type.startswith("response."):
                self._on_response_part(event)
            if self._commands.waiting:
                self._commands.acknowledge(event)
        except _MALFORMED as err:
            _LOGGER.debug("Malformed %s: %s", event_type, type(err).__name__)
        self._emitter.emit(event_type, event)

    def _on_session_created(self, event: Event) -> None:
        self._take_session(event["session"])
        self._greeted.set()

    def _on_session_updated(self, event: Event) -> None:
        self._take_session({**self._session, **event["session"]})
        self._is_initialized = True
        if not self._has_been_initialized:
            self._has_been_initialized = True
            self._emitter.emit_own("init", self._session)

    def _take_session(self, session: dict[str, Any]) -> None:
        self._session = session
        audio = session.get("audio") or {}
        audio_input = audio.get("input") or {}
        self._is_manual = audio_input.get("turn_detection") is None
        self._input_format = _format_of(audio_input)
        self._input_encoding = _G711_ENCODERS.get(self._input_format)
        self._output_format = _format_of(audio.get("output") or {})

    def _on_error(self, event: Event) -> None:
        error = event.get("error") or {}
        code = error.get("code")
        _LOGGER.debug("The service reported an error: %s (%s)", error.get("type"), code)
        if code in FATAL_CODES or not self._is_initialized:
            self._fatal_error = error
        elif error.get("event_id") == _APPEND_ID:
            self._on_append_refused()
        self._commands.refuse(error)

    def _on_append_refused(self) -> None:
        """Say the sentence of which a piece is missing again, whole, to another session.

        Once only: the service may never take it. And not at the expense of an answer that
        is being given or about to be.
        """
        if not self._half_spoken or self._state is not _OPEN:
            return  # it is a turn already, or about to be said again
        is_answering = (
            self.status is ModelStatus.THINKING
            or self._creating is not None
            or bool(self._responses)
        )
        if is_answering or self._is_said_again:
            _LOGGER.debug("The service has not taken a piece of what is being said")
            return
        self._is_said_again = True
        self._begin_renewal()

    def _on_speech_started(self, _: Event) -> None:
        self._status.listening()

    def _on_speech_stopped(self, _: Event) -> None:
        self._status.thinking()

    def _on_committed(self, event: Event) -> None:
        if item_id := event.get("item_id"):
            self._ledger.committed(
                item_id, event.get("previous_item_id"), self._half_spoken
            )
        self._forget_half_spoken()
        self._status.thinking()

    def _on_cleared(self, _: Event) -> None:
        self._forget_half_spoken()
        self._status.buffer_cleared()

    def _on_item(self, event: Event) -> None:
        self._ledger.feed(event)

    def _on_item_truncated(self, event: Event) -> None:
        for response in self._responses.values():
            self._ledger.hear(response)
        self._ledger.feed(event)

    def _on_response_part(self, event: Event) -> None:
        response = self._response(event["response_id"])
        if response is not None and response.feed(event):
            self._status.first_audio()

    def _on_audio_delta(self, event: Event) -> None:
        """Take in what comes most often, with as few steps as can be."""
        response = self._responses.get(event["response_id"])
        if response is None:
            self._on_response_part(event)
        elif response.feed_audio(event):
            self._status.first_audio()

    def _on_response_created(self, event: Event) -> None:
        described = event["response"]
        response = self._response(described["id"])
        if response is not None:
            response.describe(described)
            self._status.response_created(len(self._responses) > 1)

    def _on_response_done(self, event: Event) -> None:
        described = event["response"]
        response = self._response(described["id"])
        if response is not None:
            self._end_response(response, described)

    def _response(self, response_id: str) -> Response | None:
        """Return the response, new if it is; None for what comes after its end."""
        response = self._responses.get(response_id)
        if response is None and response_id not in self._ended_responses:
            response = Response(response_id, self._cancel, self._output_format)
            self._responses[response_id] = response
            if self._active is None:
                self._active = response
        return response

    def _end_response(self, response: Response, described: Mapping[str, Any]) -> None:
        response.finish(described)
        self._ledger.hear(response)
        self._responses.pop(response.id, None)
        self._ended_responses.append(response.id)
        if self._active is response:
            self._active = None
        self._status.response_done(response, bool(self._responses))

    _HANDLERS: dict[str, Callable[[RealtimeClient, Event], None]] = {
        "session.created": _on_session_created,
        "session.updated": _on_session_updated,
        "error": _on_error,
        "input_audio_buffer.speech_started": _on_speech_started,
        "input_audio_buffer.speech_stopped": _on_speech_stopped,
        "input_audio_buffer.committed": _on_committed,
        "input_audio_buffer.cleared": _on_cleared,
        "conversation.item.added": _on_item,
        "conversation.item.done": _on_item,
        "conversation.item.deleted": _on_item,
        "conversation.item.truncated": _on_item_truncated,
        "conversation.item.input_audio_transcription.completed": _on_item,
        "response.created": _on_response_created,
        "response.done": _on_response_done,
        "response.output_audio.delta": _on_audio_delta,
    }
