"""The websocket frames of one turn, as the service sees them, and how many round trips they took."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import linear_regression
from typing import Any, Self

from emulator import Emulator, Session

# The commands that cost money, that take something back, and that repeat something.
COUNTED = (
    "response.create",
    "response.cancel",
    "conversation.item.delete",
    "session.update",
)
MODEL_CALL = "response.created"


@dataclass(frozen=True)
class Frame:
    """One event on the wire."""

    time: float  # of time.monotonic, at the service
    is_from_client: bool
    name: str


class FrameLog:
    """The frames of all sessions since a moment."""

    def __init__(self, emulator: Emulator) -> None:
        """Begin now. The emulator has to keep its events."""
        self._emulator = emulator
        self._known = {session.id: _lengths(session) for session in emulator.sessions}

    def frames(self) -> list[Frame]:
        """Return what has passed since then, in order."""
        found = [
            frame
            for session in self._emulator.sessions
            for frame in self._of_session(session)
        ]
        return sorted(found, key=lambda frame: frame.time)

    def _of_session(self, session: Session) -> Iterator[Frame]:
        received, sent = self._known.get(session.id, (0, 0))
        for log, start, is_from_client in (
            (session.received, received, True),
            (session.sent, sent, False),
        ):
            for event, time in zip(log[start:], log.times[start:], strict=True):
                yield Frame(time, is_from_client, _name(event))


def _lengths(session: Session) -> tuple[int, int]:
    return len(session.received), len(session.sent)


def _name(event: Mapping[str, Any]) -> str:
    return str(event["type"])


@dataclass(frozen=True)
class Counts:
    """How many frames of the kinds that cost something a turn has."""

    model_calls: int
    by_client: Mapping[str, int]  # each of COUNTED

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> Self:
        """Count the frames of a turn. The service begins some responses unasked: those count."""
        model_calls = sum(frame.name == MODEL_CALL for frame in frames)
        names = Counter(frame.name for frame in frames if frame.is_from_client)
        return cls(model_calls, {name: names[name] for name in COUNTED})


def listing(frames: Sequence[Frame], zero: float) -> str:
    """Return the frames as text: the time at the service in ms after ``zero``, and the direction.

    Equal frames in a row are one line.
    """
    lines = []
    for (is_from_client, name), group in groupby(
        frames, lambda frame: (frame.is_from_client, frame.name)
    ):
        equal = list(group)
        times = f" x{len(equal)}" if len(equal) > 1 else ""
        arrow = "->" if is_from_client else "  <-"
        lines.append(f"{(equal[0].time - zero) * 1000:7.0f} {arrow} {name}{times}")
    return "\n".join(lines)


def round_trips[T: (int, float)](latencies: Mapping[T, float]) -> float:
    """Return the slope of latency over round-trip time, both in the same unit.

    The slope is the number of round trips for which a turn waits.
    """
    return linear_regression(list(latencies), list(latencies.values())).slope
