"""Listeners: callables and waiting tasks are told of each change, and none is kept."""

import asyncio
import gc
import weakref

import pytest

from custom_components.azure_realtime_audio.realtime import Listeners


@pytest.fixture
def listeners() -> Listeners[str]:
    """Return listeners of words: none so far."""
    return Listeners("words")


async def waiting(listeners: Listeners[str]) -> asyncio.Task[None]:
    """Return a task that waits for the next word."""
    task = asyncio.create_task(listeners.wait())
    await asyncio.sleep(0)
    return task


def test_listeners_hear_in_order(listeners: Listeners[str]) -> None:
    """Listeners are called in the order of their registration, with the arguments."""
    heard: list[str] = []
    listeners.add(lambda word: heard.append(f"first {word}"))
    listeners.add(lambda word: heard.append(f"second {word}"))
    listeners.notify("one")
    assert heard == ["first one", "second one"]


def test_listener_for_once(listeners: Listeners[str]) -> None:
    """A listener for once may cause the next event itself, and does not hear of that one."""
    heard: list[str] = []

    def listener(word: str) -> None:
        heard.append(word)
        listeners.notify("two")

    listeners.add(listener, once=True)
    listeners.notify("one")
    assert heard == ["one"]
    assert len(listeners) == 0


def test_same_listener_twice(listeners: Listeners[str]) -> None:
    """A listener that was added twice is called twice, and each of the two ends by itself."""
    heard: list[str] = []
    listeners.add(heard.append)
    end = listeners.add(heard.append)
    listeners.notify("one")
    end()
    end()
    listeners.notify("two")
    listeners.remove(heard.append)
    listeners.remove(heard.append)
    listeners.notify("three")
    assert heard == ["one", "one", "two"]


def test_listeners_come_and_go_meanwhile(listeners: Listeners[str]) -> None:
    """A new one hears of the next time, a removed one of nothing more."""
    heard: list[str] = []

    def first(word: str) -> None:
        heard.append(f"first {word}")
        end_second()
        listeners.add(lambda word: heard.append(f"new {word}"), once=True)

    listeners.add(first)
    end_second = listeners.add(lambda word: heard.append(f"second {word}"))
    listeners.add(lambda word: heard.append(f"third {word}"))
    listeners.notify("one")
    assert heard == ["first one", "third one"]
    heard.clear()
    listeners.notify("two")
    assert heard == ["first two", "third two", "new two"]


def test_all_leave_meanwhile(listeners: Listeners[str]) -> None:
    """A listener that was removed meanwhile is not called."""
    heard: list[str] = []
    listeners.add(lambda _: listeners.clear())
    listeners.add(heard.append)
    listeners.notify("one")
    assert heard == []
    assert len(listeners) == 0


async def test_raising_listener(
    listeners: Listeners[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A raising listener stops neither the others nor the tasks that wait."""

    def broken(_: str) -> None:
        raise RuntimeError("broken listener")

    heard: list[str] = []
    listeners.add(broken)
    listeners.add(heard.append)
    task = await waiting(listeners)
    listeners.notify("one")
    await task
    assert heard == ["one"]
    assert "A listener for words failed" in caplog.text
    assert "RuntimeError: broken listener" in caplog.text


async def test_every_waiting_task_is_woken(listeners: Listeners[str]) -> None:
    """Once, by the next time; a second before they run harms nothing."""
    tasks = [await waiting(listeners) for _ in range(3)]
    assert len(listeners) == 3
    listeners.notify("one")
    listeners.notify("two")
    await asyncio.gather(*tasks)
    assert len(listeners) == 0


async def test_waiting_task_that_gives_up(listeners: Listeners[str]) -> None:
    """A waiting task that gives up leaves nothing behind, before the event or after it."""
    before, stays = await waiting(listeners), await waiting(listeners)
    before.cancel()
    await asyncio.wait((before,))
    assert len(listeners) == 1
    after = await waiting(listeners)
    after.cancel()
    listeners.notify("one")
    await stays
    await asyncio.wait((after,))
    assert before.cancelled() and after.cancelled()
    assert len(listeners) == 0


async def test_timeout_leaves_nothing_behind(listeners: Listeners[str]) -> None:
    """A reader that waits again and again for something that does not come costs nothing."""
    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await listeners.wait()
    assert len(listeners) == 0


def test_removed_listener_is_let_go(listeners: Listeners[str]) -> None:
    """Nothing holds it, not even the callable that removed it; the collector is not needed."""

    class Hearer:
        def hear(self, word: str) -> None: ...

    hearer = Hearer()
    gone = weakref.ref(hearer)
    end = listeners.add(hearer.hear)
    gc.disable()
    try:
        end()
        del hearer
        assert gone() is None
    finally:
        gc.enable()
