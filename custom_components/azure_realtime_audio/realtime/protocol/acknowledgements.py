"""Commands that await the service's acknowledgement, and how its events find them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from ..errors import CommandTimeoutError, RealtimeError
from ..listeners import Event
from .error_codes import (
    RESPONSE_ACTIVE,
    command_error,
    is_request_refusal,
    refused_command,
)

# All appends share one event id: of a refused append we only need to know that it was an
# append.
APPEND_ID: Final = "append"


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
    refused without harm to those that are sent with it. An ``is_aside`` command is of no
    conversation.
    """

    type: str
    payload: Mapping[str, Any]
    acknowledged_by: frozenset[str]
    matches: Callable[[Event], bool] = _always
    result: Callable[[Event], T] = _nothing
    is_optional: bool = False
    is_aside: bool = False


@dataclass(slots=True)
class PendingCommand[T]:
    """A command under way; ``future`` ends with its result or its error.

    ``deadline`` is the time, in seconds of the caller's clock, until which the service may
    acknowledge it, ``appended`` how many pieces of audio had been appended before it.
    """

    command: Command[T]
    deadline: float
    future: asyncio.Future[T]
    event_id: str
    appended: int | None

    @property
    def event(self) -> dict[str, Any]:
        """The client event to send."""
        return {
            "type": self.command.type,
            "event_id": self.event_id,
            **self.command.payload,
        }


@dataclass(slots=True, eq=False)
class _Refusal:
    """A refusal of one of the commands with these event ids, or perhaps of audio."""

    error: Mapping[str, Any]
    candidates: set[str]
    may_be_audio: bool


class PendingCommands:
    """The commands under way, oldest first.

    A command whose caller has given up keeps its place until it is acknowledged, refused or
    out of time: otherwise another command of its kind would get its acknowledgement.

    A refusal that does not tell which command it refuses, and may be of one of several,
    waits until only one of them is left: those that are acknowledged were not refused.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._waiting: dict[str, PendingCommand[Any]] = {}
        self._refusals: list[_Refusal] = []
        self._id_prefix = f"event_{uuid4().hex[:16]}_"
        self._count = 0

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

    def add[T](
        self, command: Command[T], deadline: float, appended: int | None = None
    ) -> PendingCommand[T]:
        """Await the acknowledgement of a command."""
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        pending = PendingCommand(
            command, deadline, future, f"{self._id_prefix}{self._count}", appended
        )
        self._waiting[pending.event_id] = pending
        return pending

    def remove(self, pending: PendingCommand[Any]) -> None:
        """Forget a command that was not sent, or has its answer."""
        self._waiting.pop(pending.event_id, None)
        if self._refusals:
            self._settle_refusals()

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

    def refuse(self, error: Mapping[str, Any], *, may_be_audio: bool = False) -> None:
        """Give an ``error`` event's error to the command that it is the answer to.

        ``may_be_audio`` tells that audio is under way, which may be what is refused.
        """
        event_id = error.get("event_id") or ""
        if event_id == APPEND_ID:
            return
        if event_id.startswith(self._id_prefix):
            if pending := self._waiting.get(event_id):
                self._fail(pending, error)
            return
        command_type = refused_command(error)
        if command_type is None and not is_request_refusal(error):
            return
        is_response_active = command_error(error).code == RESPONSE_ACTIVE
        candidates = {
            pending.event_id
            for pending in self._waiting.values()
            if command_type in {None, pending.command.type}
            and not (is_response_active and pending.command.is_aside)
        }
        self._refusals.append(
            _Refusal(error, candidates, may_be_audio and command_type is None)
        )
        self._settle_refusals()

    def _settle_refusals(self) -> None:
        """Give refusals to the commands that they must be of."""
        for refusal in self._refusals:
            refusal.candidates.intersection_update(self._waiting)
        self._refusals = [each for each in self._refusals if each.candidates]
        for refusal in self._refusals:
            rivals = [
                each for each in self._refusals if each.candidates <= refusal.candidates
            ]
            if len(refusal.candidates) <= len(rivals) and not refusal.may_be_audio:
                self._refusals.remove(refusal)
                first = next(id_ for id_ in self._waiting if id_ in refusal.candidates)
                self._fail(self._waiting[first], refusal.error)  # settles the others
                return

    def _fail(self, pending: PendingCommand[Any], error: Mapping[str, Any]) -> None:
        self.remove(pending)
        _fail(pending, command_error(error))

    def expire(self, now: float) -> bool:
        """End the commands that are out of time. True if a caller still waited for one."""
        overdue = [each for each in self._waiting.values() if now >= each.deadline]
        has_waited = False
        for pending in overdue:
            has_waited |= not pending.future.done()
            refusal = next(
                (
                    each
                    for each in self._refusals
                    if pending.event_id in each.candidates
                ),
                None,
            )
            if refusal is None:
                self.remove(pending)
                _fail(pending, CommandTimeoutError(pending.command.type))
            else:
                self._refusals.remove(refusal)
                self._fail(pending, refusal.error)
        return has_waited

    def fail(self, error: RealtimeError) -> None:
        """End every command: no answer will come."""
        waiting, self._waiting = self._waiting, {}
        for pending in waiting.values():
            _fail(pending, error.without_traceback())


def _fail(pending: PendingCommand[Any], error: RealtimeError) -> None:
    if not pending.future.done():
        pending.future.set_exception(error)
