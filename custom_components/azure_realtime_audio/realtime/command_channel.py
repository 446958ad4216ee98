"""Commands on one open session: sent, and awaited until the service acknowledges them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from .errors import CommandError, ConnectionLostError, InvalidConfigError, RealtimeError
from .protocol.acknowledgements import Command, PendingCommand
from .protocol.commands import delete_item
from .protocol.dialect import encode
from .protocol.live_session import LiveSession
from .response import Response
from .transport.websocket import Connection


class CommandChannel:
    """Sends commands on one session and its socket.

    A command that is not acknowledged within ``command_timeout`` seconds raises
    CommandTimeoutError, and ``live.wants_renewal`` is set. ``on_deadline`` is called when
    ``live.deadline`` may have come nearer. ``is_ready`` tells that the session's
    configuration has been sent, so that other commands may follow: they have their results
    once ``accept`` is called, or the error with which ``end`` is.
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
        self.is_ready = False
        self._is_accepted = False
        self._acceptance: asyncio.Future[None] = (
            asyncio.get_running_loop().create_future()
        )
        self._timeout = command_timeout
        self._on_deadline = on_deadline

    def accept(self) -> None:
        """Note that the session is as it should be."""
        self._is_accepted = True
        self._acceptance.set_result(None)

    def end(self, error: RealtimeError) -> None:
        """Note that the session has ended."""
        if not self._acceptance.done():
            self._acceptance.set_exception(error.without_traceback())
            self._acceptance.exception()  # marks the error as seen: perhaps no command waits

    async def _accepted(self) -> None:
        """Wait until the session is as it should be. Raises why it is not."""
        await asyncio.wait((self._acceptance,))
        if error := self._acceptance.exception():
            assert isinstance(error, RealtimeError)
            raise error.without_traceback()

    async def send[T](self, command: Command[T]) -> T:
        """Send a command and return its result.

        Raises CommandError, CommandTimeoutError, ConnectionLostError, and
        InvalidConfigError before anything is sent.
        """
        pending, frame = self._prepare(command)
        try:
            await self._write(pending, frame)
            result = await pending.future
            if not self._is_accepted:
                await self._accepted()
            return result
        finally:
            _let_go(pending.future)
            del pending  # its error refers to this frame

    async def send_together(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Send commands in one go, and return their results in order.

        If one is refused, those that were sent with it are undone as far as the conversation
        holds them: items are deleted, a response is cancelled. Then this raises the error of
        the first. A deletion may be refused, because the item is not there then.
        """
        outcomes = await self.send_all(commands)
        for command, outcome in zip(commands, outcomes, strict=True):
            if not isinstance(outcome, RealtimeError):
                continue
            if isinstance(outcome, CommandError) and command.is_optional:
                continue
            await self._undo(commands, outcomes)
            raise outcome
        if not self._is_accepted:
            await self._accepted()
        return outcomes

    async def _undo(
        self, commands: Sequence[Command[Any]], outcomes: Sequence[Any]
    ) -> None:
        """Leave nothing in the conversation of commands of which one was refused."""
        response = outcomes[-1] if isinstance(outcomes[-1], Response) else None
        item_ids = [
            outcome
            for command, outcome in zip(commands, outcomes, strict=True)
            if command.type == "conversation.item.create" and isinstance(outcome, str)
        ]
        if response is not None:
            with suppress(RealtimeError):
                await response.cancel()
            item_ids += response.item_ids
        deletions = [delete_item(self.live, item_id) for item_id in item_ids]
        for item_id in item_ids:
            # Even if the deletion does not arrive: the next session is built from the record.
            self.live.record.delete(item_id)
        await self.send_all(deletions)

    async def send_all(
        self,
        commands: Sequence[Command[Any]],
        on_sent: Callable[[], Awaitable[None]] | None = None,
    ) -> list[Any]:
        """Send commands in one go, then await all acknowledgements.

        Returns what each came to, in order: its result, or the RealtimeError that ``send``
        would have raised. ``on_sent`` is called after the last frame; its errors are raised.
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
            if on_sent is not None:
                await on_sent()
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
        pending = self.live.pending.add(command, deadline, self.live.appended)
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
