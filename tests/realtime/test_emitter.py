"""Listeners hear events under either name, once each."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime.listeners import Emitter
from custom_components.azure_realtime_audio.realtime.protocol.dialect import aliases

DELTA = {"type": "response.output_audio.delta", "delta": "AAAA"}


@pytest.fixture
def emitter() -> Emitter:
    """Return an emitter without listeners."""
    return Emitter(aliases)


def emit_delta(emitter: Emitter) -> None:
    """Emit an audio delta."""
    emitter.emit(DELTA["type"], DELTA)


def test_listener_of_either_name_hears_the_event(emitter: Emitter) -> None:
    """Code written for the reference client knows the preview name only."""
    heard: list[str] = []
    emitter.on("response.audio.delta", lambda event: heard.append("preview"))
    emitter.on("response.output_audio.delta", lambda event: heard.append("ga"))
    emitter.on("*", lambda event: heard.append("any"))
    emitter.on("response.done", lambda event: heard.append("other"))
    emit_delta(emitter)
    assert heard == ["ga", "preview", "any"]


def test_listener_under_two_names_is_called_once(emitter: Emitter) -> None:
    """A listener for the names of both dialects is called once for one event."""
    heard: list[Mapping[str, Any]] = []
    emitter.on("response.audio.delta", heard.append)
    emitter.on("response.output_audio.delta", heard.append)
    emit_delta(emitter)
    assert heard == [DELTA]


def test_once_and_unsubscribe(emitter: Emitter) -> None:
    """A listener for once hears one event; an ended one none."""
    once: list[Mapping[str, Any]] = []
    ended: list[Mapping[str, Any]] = []
    emitter.once("response.audio.delta", once.append)
    unsubscribe = emitter.on("response.audio.delta", ended.append)
    unsubscribe()
    unsubscribe()
    emit_delta(emitter)
    emit_delta(emitter)
    assert once == [DELTA]
    assert ended == []


def test_off(emitter: Emitter) -> None:
    """off() removes one listener, all listeners of an event, or all listeners."""
    first: list[Mapping[str, Any]] = []
    second: list[Mapping[str, Any]] = []
    emitter.on("x", first.append)
    emitter.once("x", second.append)
    emitter.off("x", second.append)
    emitter.off("x", second.append)
    emitter.emit("x", {})
    assert (len(first), len(second)) == (1, 0)
    emitter.off("x")
    emitter.off("never heard of")
    emitter.emit("x", {})
    emitter.on("x", first.append)
    emitter.off_all()
    emitter.emit("x", {})
    assert len(first) == 1


def test_raising_listener_does_not_stop_the_others(
    emitter: Emitter, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener's bug is logged, and the next listener still hears the event."""
    heard: list[Mapping[str, Any]] = []

    def broken(event: Mapping[str, Any]) -> None:
        raise RuntimeError("broken listener")

    emitter.on("x", broken)
    emitter.on("x", heard.append)
    emitter.emit("x", {"type": "x"})
    assert heard == [{"type": "x"}]
    assert "A listener for x failed" in caplog.text


def test_listener_may_leave_while_it_is_called(emitter: Emitter) -> None:
    """Unsubscribing inside the call does not skip the next listener."""
    heard: list[str] = []

    def leaving(event: Mapping[str, Any]) -> None:
        heard.append("leaving")
        unsubscribe()

    unsubscribe = emitter.on("x", leaving)
    emitter.on("x", lambda event: heard.append("staying"))
    emitter.emit("x", {})
    emitter.emit("x", {})
    assert heard == ["leaving", "staying", "staying"]


async def _coroutine_function(_: Mapping[str, Any]) -> None: ...


class _AsyncCall:
    async def __call__(self, _: Mapping[str, Any]) -> None: ...


@pytest.mark.parametrize(
    "listener",
    [_coroutine_function, partial(_coroutine_function), _AsyncCall()],
    ids=["function", "partial", "object"],
)
def test_async_listener_is_refused(emitter: Emitter, listener: Any) -> None:
    """A listener is called and never awaited: it would seem to work, and do nothing."""
    with pytest.raises(TypeError):
        emitter.on("x", listener)
    with pytest.raises(TypeError):
        emitter.once("x", listener)
