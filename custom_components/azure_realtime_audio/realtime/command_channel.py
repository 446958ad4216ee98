"""Commands on one open session: sent, and awaited until the service acknowledges them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from .errors import ConnectionLostError, InvalidConfigError, RealtimeError
from .protocol.acknowledgements import Command, PendingCommand
from .protocol.dialect import encode
from .protocol.live_session import LiveSession
from .transport.websocket import Connection


class CommandChannel:
    """Sends commands on one session and its socket.

    A command that is not acknowledged within ``command_timeout`` seconds raises
    CommandTimeoutError, and ``live.wants_renewal`` is set. ``on_deadline`` is called when
    ``live.deadline`` may have come nearer.
    """

    def __init__(
        self,
        live: LiveSession,
        connection: Connection,
        command_timeout: float,
        on_deadline: Callable[[], None],
    ) -> None:
        """Use a session and its socket."""
        self.live = live
        self.connection = connection
        self._timeout = command_timeout
        self._on_deadline = on_deadline

    async def send[T](self, command: Command[T]) -> T:
        """Send a command and return its result.

        Raises CommandError, CommandTimeoutError, ConnectionLostError, and
        InvalidConfigError before anything is sent.
        """
        pending, frame = self._prepare(command)
        try:
            await self._write(pending, frame)
            return await pending.future
        finally:
            _let_go(pending.future)
            del pending  # its error refers to this frame

    async def send_all(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Send commands in one go, then await all acknowledgements.

        Returns what each came to, in order: its result, or the RealtimeError that ``send``
        would have raised.
        """
        prepared: list[tuple[PendingCommand[Any], bytes] | RealtimeError] = []
        for command in commands:
            try:
                prepared.append(self._prepare(command))
            except InvalidConfigError as err:
                prepared.append(err.without_traceback())
        try:
            for part in prepared:
                if not isinstance(part, RealtimeError):
                    await self._write_quietly(*part)
            return [
                part
                if isinstance(part, RealtimeError)
                else await _outcome(part[0].future)
                for part in prepared
            ]
        finally:
            for part in prepared:
                if not isinstance(part, RealtimeError):
                    _let_go(part[0].future)
            prepared.clear()  # the errors refer to this frame

    def _prepare[T](self, command: Command[T]) -> tuple[PendingCommand[T], bytes]:
        deadline = asyncio.get_running_loop().time() + self._timeout
        pending = self.live.pending.add(command, deadline)
        try:
            frame = _as_json(encode(pending.event, self.live.dialect))
        except InvalidConfigError:
            self.live.pending.remove(pending)
            raise
        self._on_deadline()
        return pending, frame

    async def _write(self, pending: PendingCommand[Any], frame: bytes) -> None:
        try:
            await self.connection.send(frame)
        except ConnectionLostError:
            self.live.pending.remove(pending)
            raise

    async def _write_quietly(self, pending: PendingCommand[Any], frame: bytes) -> None:
        """Send a frame; a loss becomes the command's own error."""
        try:
            await self._write(pending, frame)
        except ConnectionLostError as err:
            if not pending.future.done():
                pending.future.set_exception(err.without_traceback())


def _let_go(future: asyncio.Future[Any]) -> None:
    """Await a future no longer; an error in it is not lost, but of no use."""
    if not future.cancel() and not future.cancelled():
        future.exception()


async def _outcome(future: asyncio.Future[Any]) -> Any:
    try:
        return await future
    except RealtimeError as err:
        return err.without_traceback()


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
