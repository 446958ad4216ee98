"""Listeners: called, or awaited, when something happens; and those of events, by name."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
import inspect
import logging
from typing import Any

_LOGGER = logging.getLogger(__name__)

ANY_EVENT = "*"

type Event = Mapping[str, Any]
type Listener = Callable[[Event], None]


class _Entry[*Args]:
    """A listener, until it is removed."""

    __slots__ = ("is_for_once", "listener")

    def __init__(self, listener: Callable[[*Args], None], is_for_once: bool) -> None:
        self.listener: Callable[[*Args], None] | None = listener
        self.is_for_once = is_for_once


class Listeners[*Args]:
    """Announces one kind of event: to callables, in the order of their registration, and to tasks.

    Listeners may be added and removed while they are called: a new listener is called the next
    time, a removed listener never again. A listener that raises does not stop the others.
    ``name`` is the name of the event in the log.
    """

    __slots__ = ("_entries", "_name", "_waiters")

    def __init__(self, name: str) -> None:
        """Start without listeners."""
        self._name = name
        # Replaced and never changed, so that it can be read while listeners come and go.
        self._entries: tuple[_Entry[*Args], ...] = ()
        # Not among the entries: a task that reads a reply waits once for every piece.
        self._waiters: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """Return the number of listeners and waiting tasks."""
        return len(self._entries) + len(self._waiters)

    def add(
        self, listener: Callable[[*Args], None], *, once: bool = False
    ) -> Callable[[], None]:
        """Call ``listener`` every time, or the next time only; returns a function that removes it."""
        entry = _Entry(listener, once)
        self._entries = (*self._entries, entry)
        return partial(self._remove, entry)

    def remove(self, listener: Callable[[*Args], None]) -> None:
        """Forget a listener, if it is there."""
        for entry in self._entries:
            if entry.listener == listener:
                self._remove(entry)
                return

    def clear(self) -> None:
        """Forget every listener. A task that waits goes on waiting."""
        for entry in self._entries:
            self._remove(entry)

    async def wait(self) -> None:
        """Wait for the next time."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:  # the task has given up
                self._waiters.remove(waiter)

    def notify(
        self, *args: *Args, told: list[Callable[[*Args], None]] | None = None
    ) -> None:
        """Call the listeners, and wake the tasks that wait.

        Listeners in ``told`` are not called; those that are called are added to it.
        """
        for entry in self._entries:
            if (listener := entry.listener) is None:
                continue
            if entry.is_for_once:
                self._remove(entry)
            if told is not None:
                if listener in told:
                    continue
                told.append(listener)
            try:
                listener(*args)
            except (
                Exception
            ):  # a listener's bug must not end the session for the others
                _LOGGER.exception("A listener for %s failed", self._name)
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _remove(self, entry: _Entry[*Args]) -> None:
        entry.listener = None
        self._entries = tuple(each for each in self._entries if each is not entry)


class Emitter:
    """Calls listeners, in the order they came, with one event each.

    An event of the service is heard under its own name, under its other name if it has one,
    and under ``"*"``. A listener registered under several of them is called once, and one
    that raises does not stop the others.
    """

    def __init__(self, other_name: Callable[[str], str | None]) -> None:
        """Start with no listeners; ``other_name`` returns the other name of an event."""
        self._other_name = other_name
        self._listeners: dict[str | None, Listeners[Event]] = {}

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for every ``event``; returns a function that removes it.

        Raises TypeError for a coroutine function: listeners are not awaited.
        """
        return self._named(event).add(_callable(listener))

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for the next ``event`` only; returns a function that removes it.

        Raises TypeError for a coroutine function: listeners are not awaited.
        """
        return self._named(event).add(_callable(listener), once=True)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Forget ``listener`` of ``event``, or every listener of it."""
        if (listeners := self._listeners.get(event)) is None:
            return
        if listener is None:
            listeners.clear()
        else:
            listeners.remove(listener)

    def off_all(self) -> None:
        """Forget every listener."""
        for listeners in self._listeners.values():
            listeners.clear()

    def emit_own(self, name: str, event: Event) -> None:
        """Call the listeners of an event of the client's own; ``"*"`` does not hear it."""
        if listeners := self._listeners.get(name):
            listeners.notify(event)

    def emit(self, event_type: str, event: Event) -> None:
        """Call the listeners of an event of the service."""
        listeners = self._listeners
        alias = self._other_name(event_type)
        if event_type in listeners or alias in listeners or ANY_EVENT in listeners:
            told: list[Listener] = []
            for name in (event_type, alias, ANY_EVENT):
                if name in listeners:
                    listeners[name].notify(event, told=told)

    def _named(self, event: str) -> Listeners[Event]:
        return self._listeners.setdefault(event, Listeners(event))


def _callable(listener: Listener) -> Listener:
    call = type(listener).__call__
    if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call):
        raise TypeError("A listener is called, not awaited: it must not be async")
    return listener
