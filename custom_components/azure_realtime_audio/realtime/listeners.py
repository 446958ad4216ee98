"""Listeners by event name: on, once, off, off_all."""

from collections.abc import Callable, Mapping
import inspect
import logging
from typing import Any

_LOGGER = logging.getLogger(__name__)

ANY_EVENT = "*"

type Event = Mapping[str, Any]
type Listener = Callable[[Event], None]


class _Once:
    """A listener that is forgotten as it fires."""

    __slots__ = ("listener",)

    def __init__(self, listener: Listener) -> None:
        self.listener = listener


class Emitter:
    """Calls listeners, in the order they came, with one event each.

    An event of the service is heard under its own name, under its other name if it has one,
    and under ``"*"``. A listener registered under several of them is called once, and one
    that raises does not stop the others.
    """

    def __init__(self, other_name: Callable[[str], str | None]) -> None:
        """Start with no listeners; ``other_name`` returns the other name of an event."""
        self._other_name = other_name
        self._listeners: dict[str, list[Listener | _Once]] = {}

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for every ``event``; returns what ends that.

        Raises TypeError for a coroutine function: listeners are not awaited.
        """
        _refuse_coroutine_function(listener)
        return self._add(event, listener)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for the next ``event`` only; returns what ends that.

        Raises TypeError for a coroutine function: listeners are not awaited.
        """
        _refuse_coroutine_function(listener)
        return self._add(event, _Once(listener))

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Forget ``listener`` of ``event``, or every listener of it."""
        if listener is None:
            self._listeners.pop(event, None)
            return
        for entry in self._listeners.get(event, ()):
            if _target(entry) == listener:
                self._remove(event, entry)
                return

    def off_all(self) -> None:
        """Forget every listener."""
        self._listeners.clear()

    def emit_own(self, name: str, event: Event) -> None:
        """Call the listeners of an event of the client's own; ``"*"`` does not hear it."""
        self._emit((name,), name, event)

    def emit(self, event_type: str, event: Event) -> None:
        """Call the listeners of an event of the service."""
        listeners = self._listeners
        alias = self._other_name(event_type)
        if event_type in listeners or alias in listeners or ANY_EVENT in listeners:
            self._emit((event_type, alias, ANY_EVENT), event_type, event)

    def _emit(
        self, names: tuple[str | None, ...], event_type: str, event: Event
    ) -> None:
        called: list[Listener] = []
        for name in names:
            if name is None or name not in self._listeners:
                continue
            for entry in tuple(self._listeners[name]):
                target = _target(entry)
                if isinstance(entry, _Once):
                    self._remove(name, entry)
                if target not in called:
                    called.append(target)
                    self._call(target, event_type, event)

    def _call(self, listener: Listener, event_type: str, event: Event) -> None:
        try:
            listener(event)
        except Exception:  # a listener's bug must not end the session for the others
            _LOGGER.exception("A listener for %s failed", event_type)

    def _add(self, event: str, entry: Listener | _Once) -> Callable[[], None]:
        self._listeners.setdefault(event, []).append(entry)

        def unsubscribe() -> None:
            self._remove(event, entry)

        return unsubscribe

    def _remove(self, event: str, entry: Listener | _Once) -> None:
        entries = self._listeners.get(event)
        if entries is None or entry not in entries:
            return
        entries.remove(entry)
        if not entries:
            del self._listeners[event]


def _target(entry: Listener | _Once) -> Listener:
    return entry.listener if isinstance(entry, _Once) else entry


def _refuse_coroutine_function(listener: Listener) -> None:
    call = type(listener).__call__
    if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call):
        raise TypeError("A listener is called, not awaited: it must not be async")
