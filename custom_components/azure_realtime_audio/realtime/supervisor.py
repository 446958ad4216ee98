"""The life of a connection: connect, configure, renew, reconnect, close."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import islice
import time
from typing import Any, Final, NoReturn

import aiohttp

from .backoff import backoff_delays, with_jitter
from .command_channel import CommandChannel
from .errors import (
    CommandError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    InvalidConfigError,
    NotConnectedError,
    RateLimitedError,
    RealtimeError,
)
from .listeners import Emitter, Listeners
from .options import ConnectionState, RealtimeOptions, WebSocketOptions
from .protocol import commands
from .protocol.conversation_record import ConversationRecord
from .protocol.live_session import LiveSession, Renewal
from .protocol.session_config import DEFAULT_SESSION_CONFIG, SessionConfig
from .protocol.status import StatusTracker
from .protocol.unsent_speech import UnsentSpeech
from .response import Response
from .transport.credentials import credentials
from .transport.endpoint import Endpoint
from .transport.refusals import is_transient_close, refusal_error
from .transport.websocket import Connection

# The longest wait, in seconds, that the client takes on itself when the service asks for one.
# After a longer one the caller has to try again.
_LONGEST_RETRY_AFTER = 60.0
# A session is renewed when this share of the life that the service gives it has passed.
_RENEWED_AT = 0.8
_NORMAL_CLOSURE = 1000
# Keys have 32 characters or more; a shorter one may be part of anything, a sound included.
_KEY_LENGTH = 16


class State(StrEnum):
    """Where the supervisor is."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    OPEN = "open"
    RENEWING = "renewing"
    RECONNECTING = "reconnecting"
    CLOSING = "closing"


class Change(StrEnum):
    """What leads from one state to another."""

    CONNECT = "connect"
    CONFIGURED = "configured"
    DUE = Renewal.DUE.value
    UNANSWERED = Renewal.UNANSWERED.value
    APPEND_REFUSED = Renewal.APPEND_REFUSED.value
    TRANSIENT_LOSS = "transient_loss"
    TRIES_USED = "tries_used"
    FINAL = "final"
    CLOSE = "close"
    CLOSED = "closed"


# CLOSED comes without CLOSING where the only caller who waits for a first connection gives up,
# and where an error is none of the service's.
TRANSITIONS: Final[Mapping[State, Mapping[Change, State]]] = {
    State.CLOSED: {Change.CONNECT: State.CONNECTING},
    State.CONNECTING: {
        Change.CONFIGURED: State.OPEN,
        Change.FINAL: State.CLOSED,
        Change.CLOSE: State.CLOSING,
        Change.CLOSED: State.CLOSED,
    },
    State.OPEN: {
        Change.DUE: State.RENEWING,
        Change.UNANSWERED: State.RENEWING,
        Change.APPEND_REFUSED: State.RENEWING,
        Change.TRANSIENT_LOSS: State.RECONNECTING,
        Change.FINAL: State.CLOSED,
        Change.CLOSE: State.CLOSING,
        Change.CLOSED: State.CLOSED,
    },
    State.RENEWING: {
        Change.CONFIGURED: State.OPEN,
        Change.TRANSIENT_LOSS: State.RECONNECTING,
        Change.FINAL: State.CLOSED,
        Change.CLOSE: State.CLOSING,
        Change.CLOSED: State.CLOSED,
    },
    State.RECONNECTING: {
        Change.CONFIGURED: State.OPEN,
        Change.TRIES_USED: State.CLOSED,
        Change.FINAL: State.CLOSED,
        Change.CLOSE: State.CLOSING,
        Change.CLOSED: State.CLOSED,
    },
    # The task learns at its next await that it is to end.
    State.CLOSING: {
        Change.CONFIGURED: State.CLOSING,
        Change.TRANSIENT_LOSS: State.CLOSING,
        Change.CLOSE: State.CLOSING,
        Change.CLOSED: State.CLOSED,
    },
}

# The states in which a session is about to be open, for the first time or instead of another.
_COMING: Final = frozenset({State.CONNECTING, State.RENEWING})

# The four words that browsers have.
_PUBLIC: Final[Mapping[State, ConnectionState]] = {
    State.CLOSED: ConnectionState.CLOSED,
    State.CONNECTING: ConnectionState.CONNECTING,
    State.OPEN: ConnectionState.OPEN,
    State.RENEWING: ConnectionState.CONNECTING,
    State.RECONNECTING: ConnectionState.CONNECTING,
    State.CLOSING: ConnectionState.CLOSING,
}


class Supervisor:
    """Keeps one session open at a time, in the one task that it owns.

    ``live`` is the session, from the opening of its socket to its loss; ``config`` is what
    the next session is configured with.
    """

    def __init__(
        self,
        options: RealtimeOptions,
        websocket_options: WebSocketOptions,
        http: aiohttp.ClientSession,
        *,
        emitter: Emitter,
        status: StatusTracker,
        record: ConversationRecord,
        speech: UnsentSpeech,
    ) -> None:
        """Start closed. Raises InvalidHostError and InvalidConfigError."""
        self.endpoint = Endpoint.parse(
            options.host_name, options.deployment, options.api_version
        )
        self.config = SessionConfig(
            DEFAULT_SESSION_CONFIG
            if options.session_config is None
            else options.session_config
        )
        self.live: LiveSession | None = None
        self._options = options
        self._websocket_options = websocket_options
        self._http = http
        self._emitter = emitter
        self._status = status
        self._record = record
        self._speech = speech
        self._state = State.CLOSED
        self._task: asyncio.Task[RealtimeError | None] | None = None
        self._channel: CommandChannel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._renewal = asyncio.Event()
        self._state_changes: Listeners[()] = Listeners("a state")
        self._has_replay_timed_out = False
        self._has_been_configured = False
        self._close_count = 0
        self._is_ending = False
        # How many wait for a change of state, and whether commands may follow from somebody
        # who waits no longer.
        self._waiting_count = 0
        self._is_in_use = False

    # --- What the client asks

    @property
    def state(self) -> ConnectionState:
        """The state of the connection, as browsers name it."""
        return _PUBLIC[self._state]

    @property
    def connection(self) -> Connection | None:
        """The socket of the session, while there is one."""
        return self._channel.connection if self._channel else None

    async def connect(self, *, configured: bool) -> None:
        """Wait for the connection that is under way, or for a new one. Raises RealtimeError.

        Unless it is to be ``configured``, the connection is enough as soon as commands may
        follow the configuration. A caller that gives up ends the tries for a first
        connection if nobody else waits for it or uses it, and nothing else.
        """
        close_count = self._close_count
        try:
            await self._connected(close_count, configured=configured)
        except ConnectionLostError:
            # The connection we waited for had been open and was lost. Try a new one, once.
            await self._connected(close_count, configured=configured)

    async def _connected(self, close_count: int, *, configured: bool) -> None:
        while self._is_ending and self._close_count == close_count:
            await self._state_changes.wait()
        if self._close_count != close_count:
            raise NotConnectedError
        task = self._task or self._begin()
        while not task.done():
            if self._is_open or (
                self._is_ready and not self._is_lost and not configured
            ):
                self._is_in_use = True
                return
            await self._wait()
        # Read this task's result, not self's: another connect() may have started the next.
        error = None if task.cancelled() else task.result()
        raise error.without_traceback() if error else NotConnectedError()

    async def close(self) -> None:
        """End the conversation and everything that waits for it; close the socket."""
        self._close_count += 1
        self._has_replay_timed_out = False
        self._record.clear()
        if (task := self._task) is None:
            return
        self._end(task)
        self._move(Change.CLOSE)
        self._drop_speech(None)
        await asyncio.wait((task,))

    async def channel(self) -> CommandChannel:
        """Return the session's channel as soon as commands may be sent on it.

        Raises NotConnectedError if no connection is under way.
        """
        while not self._is_ready and self._state in _COMING:
            await self._wait()
        if self._channel is None or not self._is_ready:
            raise NotConnectedError
        self._is_in_use = True
        return self._channel

    def add_settings(self, config: SessionConfig) -> None:
        """Configure the sessions that follow with these settings as well."""
        self.config = self.config.merge(config)

    async def cancel_response(self, response: Response) -> bool:
        """Stop a response and wait for its end; False if it had ended already."""
        live = self.live
        feed = live.responses.get(response.id) if live else None
        if live is None or feed is None or response.is_done:
            return False
        if feed.is_being_cancelled:
            await response.ended()
            return response.status == "cancelled"
        feed.is_being_cancelled = True
        try:
            channel = await self.channel()
            await channel.send(commands.cancel_response(channel.live, response))
        except CommandError, CommandTimeoutError:
            # It ended while the cancel was under way. Should its response.done be lost,
            # it must not block the conversation.
            if not response.is_done:
                live.end_response(feed, {"status": "cancelled"})
            return False
        return True

    # --- States

    @property
    def _is_ready(self) -> bool:
        channel = self._channel
        return (
            channel is not None
            and channel.is_ready
            and channel.live.wants_renewal is None
            and self._state is not State.CLOSING
        )

    @property
    def _is_open(self) -> bool:
        return self._state is State.OPEN and not self._is_lost

    @property
    def _is_lost(self) -> bool:
        return self.connection is None or self.connection.is_lost

    def _move(self, change: Change, error: RealtimeError | None = None) -> None:
        """Follow the table, and tell what that changes."""
        before = self.state
        self._state = TRANSITIONS[self._state][change]
        self._state_changes.notify()
        if self.state is not before:
            self._emitter.emit_own(
                "connection_changed",
                {"type": "connection_changed", "state": self.state, "error": error},
            )

    async def _wait(self) -> None:
        """Wait for a change of state; who is the last to give up a first connection ends it.

        Also one that has opened in this very moment: nobody else would.
        """
        self._waiting_count += 1
        try:
            await self._state_changes.wait()
        except asyncio.CancelledError:
            is_last = self._waiting_count == 1 and not self._is_in_use
            is_closing = self._state is State.CLOSING
            if is_last and not is_closing and (task := self._task):
                self._end(task)
                await asyncio.wait((task,))
            raise
        finally:
            self._waiting_count -= 1

    def _end(self, task: asyncio.Task[RealtimeError | None]) -> None:
        """End the connection, or the wait for one; once, which leaves it polite."""
        if not self._is_ending:
            self._is_ending = True
            task.cancel()

    # --- The task

    def _begin(self) -> asyncio.Task[RealtimeError | None]:
        self._is_in_use = False
        self._task = task = asyncio.get_running_loop().create_task(
            self._run(), name=f"realtime {self.endpoint.deployment}"
        )
        task.add_done_callback(self._on_end)
        self._move(Change.CONNECT)
        return task

    def _on_end(self, task: asyncio.Task[RealtimeError | None]) -> None:
        if self._task is task:  # it was cancelled before its first step
            self._settle(None)

    async def _run(self) -> RealtimeError | None:
        """Be connected until asked to end, or until that is impossible; returns why."""
        error: RealtimeError | None = None
        try:
            with suppress(asyncio.CancelledError):  # that is how ``close`` ends it
                await self._open()
                await self._stay_connected()
        except RealtimeError as err:
            error = err.without_traceback()
        finally:
            connection = self._drop_session(
                error or ConnectionLostError(_NORMAL_CLOSURE)
            )
            try:
                if connection is not None:
                    await connection.close()
            finally:
                self._settle(error)
        return error

    def _settle(self, error: RealtimeError | None) -> None:
        """Be closed."""
        self._drop_speech(error)
        self._task = None
        self._is_ending = False
        if self._state is State.CLOSING:
            self._record.clear()  # of what has come since ``close``
        if error is None or self._state is State.CLOSING:
            change = Change.CLOSED
        elif self._state is State.RECONNECTING and _is_transient(error):
            change = Change.TRIES_USED
        else:
            change = Change.FINAL
        self._move(change, error)

    async def _stay_connected(self) -> NoReturn:
        """Read, renew the session in time, and connect again after a loss.

        Raises what no further try can help.
        """
        loop = asyncio.get_running_loop()
        delays = self._reconnect_delays()
        while True:
            live, opened = self.live, loop.time()
            error = None
            try:
                await self._read()
                await self._renew()
            except RealtimeError as err:
                if not _is_transient(err):
                    raise
                error = err.without_traceback()
            has_lasted = (
                loop.time() - opened > self._websocket_options.max_reconnect_delay
            )
            if has_lasted or (live is not None and live.has_answered):
                delays = self._reconnect_delays()  # the last loss is mended
            if error is None:
                continue
            connection = self._drop_session(error)
            self._speech.lose()
            self._move(Change.TRANSIENT_LOSS)
            if connection is not None:
                await connection.close()
            await self._reconnect(delays, error)

    async def _read(self) -> None:
        """Read until the session is to be renewed.

        Raises ConnectionLostError, or what the service said in an error before.
        """
        assert self._channel is not None
        live, connection = self._channel.live, self._channel.connection
        reading = asyncio.ensure_future(connection.read(self._on_frame))
        renewing = asyncio.ensure_future(self._renewal.wait())
        try:
            await asyncio.wait((reading, renewing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
        except ConnectionLostError as lost:
            if live.fatal_error is None:
                raise
            raise refusal_error(live.fatal_error, lost.code, lost.reason) from lost
        finally:
            reading.cancel()
            renewing.cancel()
            await asyncio.gather(reading, renewing, return_exceptions=True)
            del reading  # its error refers to this frame

    async def _renew(self) -> None:
        """Go on with a new session. Raises RealtimeError."""
        outgoing = self._drop_session(ConnectionLostError(_NORMAL_CLOSURE))
        try:
            await self._open()
        finally:
            if outgoing is not None:
                await outgoing.close()

    def _reconnect_delays(self) -> Iterator[float]:
        """Return the pause in seconds before each try."""
        options = self._websocket_options
        return backoff_delays(options.reconnect_delay, options.max_reconnect_delay)

    async def _reconnect(self, delays: Iterator[float], error: RealtimeError) -> None:
        """Open a new session; the pauses go on where the last loss left them."""
        for delay in islice(delays, self._websocket_options.max_reconnect_attempts):
            if self._is_ending and self._task is not None:
                # Again: aiohttp may have taken it for the time-out of a handshake.
                self._task.cancel()
            retry_after = isinstance(error, RateLimitedError) and error.retry_after or 0
            if retry_after > _LONGEST_RETRY_AFTER:
                break
            # The service needs the pause to recover; ``close`` cancels the task, and so this.
            await asyncio.sleep(with_jitter(max(delay, retry_after)))
            try:
                return await self._open()
            except RealtimeError as err:
                connection = self._drop_session(err)
                if connection is not None:
                    await connection.close()
                if not _is_transient(err):
                    raise
                error = err.without_traceback()
        raise error.without_traceback()

    # --- One session

    async def _open(self) -> None:
        """Open a socket and have its session as the last one was. Raises RealtimeError."""
        options = self._websocket_options
        self._renewal.clear()
        headers = await credentials(self._options, options.connect_timeout)
        live = self._new_session()
        connection = Connection(self._http, self.endpoint, headers, options)
        self.live = live
        self._channel = CommandChannel(
            live, connection, options.command_timeout, self._set_timer
        )
        try:
            await connection.open()
            await self._configure(self._channel)
        except RealtimeError as error:
            self._speech.lose()
            if isinstance(error, ConnectionLostError):
                raise refusal_error(
                    live.fatal_error, error.code, error.reason
                ) from error
            raise
        if self._speech:
            self._status.audio_appended()
        self._channel.accept()
        live.begin_use(asyncio.get_running_loop().time() + self._session_life(live))
        self._move(Change.CONFIGURED)
        self._heed(live)

    def _new_session(self) -> LiveSession:
        # A lone surrogate is refused as soon as the key is to be sent.
        key = self._options.api_key.encode(errors="replace")
        return LiveSession(
            self.endpoint.dialect,
            emitter=self._emitter,
            status=self._status,
            record=self._record,
            speech=self._speech,
            cancel=self.cancel_response,
            secret=key if len(key) >= _KEY_LENGTH else b"",
            quiet_check=self._websocket_options.quiet_check,
        )

    async def _configure(self, channel: CommandChannel) -> None:
        """Read until the session is as the last one was, or as it is to begin."""
        greeted = asyncio.Event()

        def on_frame(frame: bytes) -> None:
            self._on_frame(frame)
            if channel.live.is_greeted:
                greeted.set()

        configuring = asyncio.ensure_future(self._begin_session(channel, greeted))
        reading = asyncio.ensure_future(channel.connection.read(on_frame))
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
            del on_frame, configuring, reading, tasks  # the errors refer to this frame

    async def _begin_session(
        self, channel: CommandChannel, greeted: asyncio.Event
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._websocket_options.created_timeout):
                await greeted.wait()
        await self._tell(channel)

    async def _tell(self, channel: CommandChannel) -> None:
        """Configure the new session, tell it what was said before and is being said.

        What the service does not take of the conversation is left out: the rest is worth
        more than none. Raises CommandError, and CommandTimeoutError: for items of the
        conversation only the first time.
        """

        async def let_others_follow() -> None:
            for frame in self._speech.frames():
                await channel.connection.send(frame)
            self._speech.open()
            channel.is_ready = True
            self._state_changes.notify()

        retained: set[str] = set()
        configuration = [commands.update_session(self.config)]
        for batch, is_last in _mark_last(self._record.batches()):
            known = set(self._record.item_ids)
            items = [commands.create_item(channel.live, item) for item in batch]
            outcomes = await channel.send_all(
                [*configuration, *items], let_others_follow if is_last else None
            )
            if configuration and isinstance(outcomes[0], RealtimeError):
                raise outcomes[0]
            retained |= self._retained(batch, outcomes[len(configuration) :])
            configuration = []
        self._record.forget(known - retained)
        self._has_replay_timed_out = False

    def _retained(
        self, batch: Sequence[Mapping[str, Any]], outcomes: Sequence[Any]
    ) -> set[str]:
        """Return the ids of the items that the session has. Raises CommandTimeoutError."""
        lost = [each for each in outcomes if isinstance(each, CommandTimeoutError)]
        if lost and not self._has_replay_timed_out:
            # Retry once on the next connection; if it does not acknowledge either, leave
            # these items out.
            self._has_replay_timed_out = True
            raise lost[0]
        return {
            item["id"]
            for item, outcome in zip(batch, outcomes, strict=True)
            if not isinstance(outcome, CommandError | InvalidConfigError)
        }

    def _session_life(self, live: LiveSession) -> float:
        """Return the seconds after which the session is due for renewal."""
        life = self._websocket_options.renew_after
        if expires_at := live.description.get("expires_at"):
            told = (expires_at - time.time()) * _RENEWED_AT
            if told > self._websocket_options.shortest_life:
                life = min(life, told)
        return life

    def _drop_session(self, error: RealtimeError) -> Connection | None:
        """Have no session; everything that waits for something of it hears ``error``.

        Callers that connect from now on wait for what follows. Returns the connection, to
        be closed.
        """
        live, self.live = self.live, None
        channel, self._channel = self._channel, None
        if live is not None:
            live.end(error)
        if channel is not None:
            channel.end(error)
        self._set_timer()
        return channel.connection if channel else None

    # --- Frames and time

    def _on_frame(self, frame: bytes) -> None:
        live = self.live
        assert live is not None  # the reader ends before its session does
        live.receive(frame, asyncio.get_running_loop().time())
        if live.is_configured and not self._has_been_configured:
            self._has_been_configured = True
            self._emitter.emit_own("init", dict(live.description))
        if (
            self._status.deadline is not None
            or live.wants_renewal is not None
            or live.has_new_deadline
        ):
            live.has_new_deadline = False
            self._heed(live)

    def _heed(self, live: LiveSession) -> None:
        """Do what the session wants."""
        if live.wants_renewal is not None and self._state is State.OPEN:
            self._speech.lose()
            self._move(Change(live.wants_renewal.value))
            self._renewal.set()
        self._set_timer()

    def _set_timer(self) -> None:
        """Wake up at the next deadline."""
        deadline = self.live.deadline if self.live else None
        if self._timer is not None:
            if self._timer.when() == deadline and not self._timer.cancelled():
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        live = self.live
        assert live is not None  # the timer ends with its session
        live.tick(asyncio.get_running_loop().time())
        self._heed(live)

    def _drop_speech(self, error: RealtimeError | None) -> None:
        """Take no more speech; tell if some waited for a connection."""
        if not self._speech.close():
            return
        self._status.audio_dropped()
        self._emitter.emit_own(
            "speech_dropped",
            {"type": "speech_dropped", "error": error or ConnectionLostError()},
        )


def _mark_last[T](parts: Iterable[T]) -> Iterator[tuple[T, bool]]:
    """Yield each part, and whether it is the last."""
    iterator = iter(parts)
    part = next(iterator)
    for following in iterator:
        yield part, False
        part = following
    yield part, True


def _is_transient(error: RealtimeError) -> bool:
    """Return whether it may help to connect again."""
    match error:
        case ConnectError():
            return error.transient
        case ConnectionLostError(code=code, reason=reason):
            # The client did not ask for a normal closure here: it is a loss like others.
            return code == _NORMAL_CLOSURE or is_transient_close(code, reason)
        case _:
            return isinstance(error, CommandTimeoutError)
