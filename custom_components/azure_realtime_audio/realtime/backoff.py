"""The pauses between tries to connect."""

from collections.abc import Iterator
import random


def backoff_delays(first: float, longest: float) -> Iterator[float]:
    """Yield seconds without end: twice as many each time, but never over ``longest``."""
    delay = first
    while True:
        yield delay
        delay = min(delay * 2, longest)


def with_jitter(seconds: float) -> float:
    """Return up to a quarter more, so that not all clients come back at the same time."""
    return seconds * random.uniform(1.0, 1.25)
