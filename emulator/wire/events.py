"""The events of one direction of a session, kept so that tests can look at and wait for them."""

import asyncio
import time
from typing import Any

type Event = dict[str, Any]


class EventLog(list[Event]):
    """Events in order. Tests read it as a list and await what has not come yet.

    `times` says when each was recorded, in seconds of `time.monotonic`.
    """

    def __init__(self, *, keep: bool = True) -> None:
        """Start empty; without `keep`, the log stays empty."""
        super().__init__()
        self.times: list[float] = []
        self._keep = keep
        self._changed = asyncio.Event()
        self._ended = False

    def record(self, event: Event) -> None:
        """Append an event and wake the tests that wait."""
        if self._keep:
            self.append(event)
            self.times.append(time.monotonic())
            self._wake()

    def end(self) -> None:
        """End the log: every test that still waits gets a ConnectionError."""
        self._ended = True
        self._wake()

    def of(self, event_type: str) -> list[Event]:
        """Return the events of one type."""
        return [event for event in self if event.get("type") == event_type]

    async def wait_for(
        self, event_type: str, count: int = 1, *, seconds: float = 10
    ) -> Event:
        """Return the `count`-th event of a type, waiting for it if it has not come yet.

        Raises TimeoutError after `seconds`, ConnectionError if the session ends first.
        """
        try:
            async with asyncio.timeout(seconds):
                while len(found := self.of(event_type)) < count:
                    if self._ended:
                        raise ConnectionError(f"the session ended without {event_type}")
                    await self._changed.wait()
        except TimeoutError:
            seen = [event.get("type") for event in self]
            raise TimeoutError(
                f"no {event_type} #{count} within {seconds} s; seen {seen}"
            ) from None
        return found[count - 1]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
