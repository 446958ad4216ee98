"""OpenAI's agents SDK for JavaScript, which runs tools and interruptions by itself."""

import asyncio
from typing import Any

import pytest

from emulator import Emulator, Reply

from .conftest import RunNode

type Scenario = Any


@pytest.fixture
def run(run_node: RunNode) -> Scenario:
    """Return a function that runs a scenario, in which nothing may be odd to the SDK."""

    async def run(scenario: str) -> Any:
        told = await run_node("agents_realtime.mjs", scenario)
        assert told["errors"] == []
        assert told["untyped"] == []
        return told

    return run


async def test_typed_turn(run: Scenario) -> None:
    """A typed question, a spoken answer."""
    told = await run("typed")
    assert told["replies"] == ["good morning"]
    assert told["audioBytes"] == len("good morning") * 40 * 48
    assert told["history"] == [
        ["message", "user", "completed"],
        ["message", "assistant", "completed"],
    ]
    assert told["tokens"] > 0


async def test_spoken_turn(emulator: Emulator, run: Scenario) -> None:
    """Server VAD, a transcript of what was said, a spoken answer."""
    emulator.hears.append("say good night")
    told = await run("spoken")
    assert told["heard"] == ["say good night"]
    assert told["replies"] == ["good night"]


async def test_tool(run: Scenario) -> None:
    """The SDK runs the agent's tool and goes on with what it returned."""
    told = await run("tool")
    (call,) = told["toolCalls"]
    assert call["name"] == "get_weather"
    assert "sunny" in told["replies"][-1]


async def test_barge_in(emulator: Emulator, run: Scenario) -> None:
    """The service cancels, the SDK truncates to what can have been played, and talk goes on."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    emulator.hears.append("say good bye")
    told = await run("bargeIn")
    assert told["interruptions"] == 1
    assert told["replies"] == ["one", "good bye"]


async def test_interrupt(emulator: Emulator, run: Scenario) -> None:
    """The SDK cancels and truncates by itself."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    told = await run("interrupt")
    assert told["interruptions"] == 1
    assert told["replies"] == ["one", "good bye"]
    (session,) = emulator.sessions
    assert session.received.of("response.cancel")
    assert session.received.of("conversation.item.truncate")
