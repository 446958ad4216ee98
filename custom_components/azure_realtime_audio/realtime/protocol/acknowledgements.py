"""Commands that wait for the service's word, and how its events find them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ..errors import FATAL_CODES, CommandError, RealtimeError
from ..listeners import Event

# Old services give no code and some gateways no event_id: then the beginning of the
# message tells which command was refused (wordings logged from 2024 to 2026).
_COMMAND_BY_MESSAGE = {
    "Error committing input audio buffer": "input_audio_buffer.commit",
    "Cancellation failed": "response.cancel",
    "Conversation already has an active response": "response.create",
    "Error deleting item": "conversation.item.delete",
    "Error truncating item": "conversation.item.truncate",
    "Only model output audio messages can be truncated": "conversation.item.truncate",
    "Audio content of": "conversation.item.truncate",
    "Tool call ID": "conversation.item.create",
}


@dataclass(slots=True)
class PendingCommand:
    """A command under way; ``result`` is what its acknowledgement is worth."""

    command: str
    acknowledged_by: frozenset[str]
    # Returns what the caller gets out of the event, or None when it is not its own.
    claim: Callable[[Event], Any]
    result: asyncio.Future[Any]
    event_id: str = field(default_factory=lambda: f"event_{uuid4().hex[:24]}")


class PendingCommands:
    """The commands under way, oldest first."""

    def __init__(self) -> None:
        """Start with none; ``waiting`` has them by event id."""
        self.waiting: dict[str, PendingCommand] = {}

    @contextmanager
    def add(
        self,
        command: str,
        acknowledged_by: Iterable[str],
        claim: Callable[[Event], Any],
    ) -> Iterator[PendingCommand]:
        """Wait for one of the events ``acknowledged_by`` that ``claim`` recognises."""
        pending = PendingCommand(
            command,
            frozenset(acknowledged_by),
            claim,
            asyncio.get_running_loop().create_future(),
        )
        self.waiting[pending.event_id] = pending
        try:
            yield pending
        finally:
            del self.waiting[pending.event_id]
            pending.result.cancel()
            del pending.result  # an error in it refers to this command

    def acknowledge(self, event: Event) -> None:
        """Give the event to the oldest command that it acknowledges."""
        event_type = event["type"]
        for pending in self.waiting.values():
            if event_type not in pending.acknowledged_by or pending.result.done():
                continue
            result = pending.claim(event)
            if result is not None:
                pending.result.set_result(result)
                return

    def refuse(self, error: Mapping[str, Any]) -> None:
        """Give an ``error`` event's error to the command that it is the answer to."""
        pending = self._refused(error)
        if pending is not None and not pending.result.done():
            pending.result.set_exception(CommandError.from_event(error))

    def fail(self, error: RealtimeError) -> None:
        """End every command: no answer will come."""
        for pending in self.waiting.values():
            if not pending.result.done():
                pending.result.set_exception(error.again())

    def _refused(self, error: Mapping[str, Any]) -> PendingCommand | None:
        if event_id := error.get("event_id"):
            return self.waiting.get(event_id)
        waiting = list(self.waiting.values())
        message = error.get("message") or ""
        for beginning, command in _COMMAND_BY_MESSAGE.items():
            if message.startswith(beginning):
                return next((p for p in waiting if p.command == command), None)
        # Of one command under way an invalid request can only be that command.
        is_request = error.get("type") == "invalid_request_error"
        is_session = error.get("code") in {*FATAL_CODES, "session_expired"}
        return (
            waiting[0] if is_request and not is_session and len(waiting) == 1 else None
        )
