"""Commands that await the service's acknowledgement, and how its events find them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ..errors import CommandTimeoutError, RealtimeError
from ..listeners import Event
from .error_codes import command_error, is_request_refusal, refused_command


def _always(_: Event) -> bool:
    return True


def _nothing(_: Event) -> Any:
    return None


@dataclass(frozen=True, slots=True)
class Command[T]:
    """A client event and its acknowledgement.

    ``type`` and ``payload`` make the client event. An event of a type in
    ``acknowledged_by`` for which ``matches`` is true acknowledges it, and ``result`` then
    returns what the command is worth to the caller. An ``is_optional`` command may be
    refused without harm to those that are sent with it.
    """

    type: str
    payload: Mapping[str, Any]
    acknowledged_by: frozenset[str]
    matches: Callable[[Event], bool] = _always
    result: Callable[[Event], T] = _nothing
    is_optional: bool = False


@dataclass(slots=True)
class PendingCommand[T]:
    """A command under way; ``future`` ends with its result or its error.

    ``deadline`` is the time, in seconds of the caller's clock, until which the service may
    acknowledge it.
    """

    command: Command[T]
    deadline: float
    future: asyncio.Future[T]
    event_id: str = field(default_factory=lambda: f"event_{uuid4().hex[:24]}")

    @property
    def is_in_order(self) -> bool:
        """Whether the service answers the command before those that were sent later."""
        return self.command.type != "response.cancel"

    @property
    def event(self) -> dict[str, Any]:
        """The client event to send."""
        return {
            "type": self.command.type,
            "event_id": self.event_id,
            **self.command.payload,
        }


class PendingCommands:
    """The commands under way, oldest first.

    A command whose caller has given up keeps its place until it is acknowledged, refused or
    out of time: otherwise another command of its kind would get its acknowledgement.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._waiting: dict[str, PendingCommand[Any]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting)

    @property
    def deadline(self) -> float | None:
        """The time at which ``expire`` has something to do; None if there is nothing."""
        return min((each.deadline for each in self._waiting.values()), default=None)

    def of_type(self, command_type: str) -> list[PendingCommand[Any]]:
        """Return the commands of a type, oldest first."""
        return [
            each for each in self._waiting.values() if each.command.type == command_type
        ]

    def add[T](self, command: Command[T], deadline: float) -> PendingCommand[T]:
        """Await the acknowledgement of a command."""
        future = asyncio.get_running_loop().create_future()
        pending = PendingCommand(command, deadline, future)
        self._waiting[pending.event_id] = pending
        return pending

    def remove(self, pending: PendingCommand[Any]) -> None:
        """Forget a command that was not sent."""
        self._waiting.pop(pending.event_id, None)

    def acknowledge(self, event: Event) -> None:
        """Give the event to the oldest command that it acknowledges."""
        event_type = event["type"]
        for pending in self._waiting.values():
            command = pending.command
            if event_type in command.acknowledged_by and command.matches(event):
                self.remove(pending)
                result = command.result(event)
                if not pending.future.done():
                    pending.future.set_result(result)
                return

    def refuse(self, error: Mapping[str, Any]) -> None:
        """Give an ``error`` event's error to the command that it is the answer to."""
        if pending := self._refused(error):
            self.remove(pending)
            _fail(pending, command_error(error))

    def expire(self, now: float) -> bool:
        """End the commands that are out of time. True if a caller still waited for one."""
        overdue = [each for each in self._waiting.values() if now >= each.deadline]
        has_waited = False
        for pending in overdue:
            self.remove(pending)
            has_waited |= not pending.future.done()
            _fail(pending, CommandTimeoutError(pending.command.type))
        return has_waited

    def fail(self, error: RealtimeError) -> None:
        """End every command: no answer will come."""
        waiting, self._waiting = self._waiting, {}
        for pending in waiting.values():
            _fail(pending, error.without_traceback())

    def _refused(self, error: Mapping[str, Any]) -> PendingCommand[Any] | None:
        if event_id := error.get("event_id"):
            return self._waiting.get(event_id)
        if command_type := refused_command(error):
            return next(iter(self.of_type(command_type)), None)
        # The service handles commands in order, so that the oldest is the refused one. The
        # end of a cancelled response comes in its own time.
        if is_request_refusal(error):
            return next(
                (each for each in self._waiting.values() if each.is_in_order),
                next(iter(self._waiting.values()), None),
            )
        return None


def _fail(pending: PendingCommand[Any], error: RealtimeError) -> None:
    if not pending.future.done():
        pending.future.set_exception(error)
