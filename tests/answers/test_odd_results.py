"""Tools whose results JSON has no word for, in a chat and in an action."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from emulator import Emulator, Reply

from ..actions.conftest import act, assistant_id
from ..talk import give_tool, said, say, speech
from ..test_services import Act

# Fixtures.
__all__ = ["act", "assistant_id"]


class OddTool(llm.Tool):
    """Returns what it was made with."""

    name = "odd"
    description = "Odd"
    parameters = vol.Schema({})
    integration = "test"

    def __init__(self, make: Callable[[], Any]) -> None:
        """Take what makes the result."""
        self._make = make

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Return it."""
        return llm.ToolResult(data={"value": self._make()})


def _nested() -> Any:
    value: Any = b""
    for _ in range(3000):
        value = [value]
    return value


def _in_itself() -> Any:
    value: dict[str, Any] = {}
    value |= {"a": value, "b": [value]}
    return value


ODD: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"\xff\x00abc",
    "timedelta": lambda: timedelta(hours=1),
    "Decimal": lambda: Decimal("1.5"),
    "big integer": lambda: 2**200,
    "lone surrogate": lambda: "a\ud800",
    "lone surrogate as a key": lambda: {"\udfff": 1},
    "no number": lambda: float("nan"),
    "endless number": lambda: [float("-inf"), b""],
    "tuple as a key": lambda: {(1, 2): 3},
    "time as a key": lambda: {datetime(2026, 11, 28): {b""}},
    "integer that has no text": lambda: 10**5000,
    "set of objects": lambda: {object()},
    "keys that are equal as text": lambda: {1: b"", "1": b""},
    "deep": _nested,
    "in itself": _in_itself,
    "object": object,
    "state": lambda: State("light.kitchen", "on"),
    "20 MB": lambda: "x" * 20_000_000,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
async def test_in_a_chat(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    make: Callable[[], Any],
) -> None:
    """The model is told, in this turn and in later ones, in this session and in the next."""
    await give_tool(hass, init_integration, OddTool(make))
    emulator.replies += [Reply(tool_calls=[("odd", {})]), Reply(text="Odd indeed.")]
    first = await say(hass, "Do the odd thing.")
    assert speech(first) == "Odd indeed."
    second = await say(hass, "hello", first.conversation_id)
    assert second.response.response_type.value != "error"
    session = emulator.sessions[-1]
    assert said(session)[:4] == [
        "user: Do the odd thing.",
        "call odd",
        "output",
        "assistant: Odd indeed.",
    ]
    await hass.config_entries.async_reload(init_integration.entry_id)
    third = await say(hass, "hello again", first.conversation_id)
    assert third.response.response_type.value != "error"
    assert emulator.sessions[-1] is not session
    assert said(emulator.sessions[-1])[:4] == said(session)[:4]


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
async def test_in_an_action(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    act: Act,
    make: Callable[[], Any],
) -> None:
    """The model is told, and so is the action."""
    await give_tool(hass, init_integration, OddTool(make))
    emulator.replies += [Reply(tool_calls=[("odd", {})]), Reply(text="Odd indeed.")]
    reply = await act("create_response")
    assert reply["transcript"] == "Odd indeed."
    assert reply["tool_calls"][0]["output"]
    emulator.replies.append(Reply(text="Go on."))
    assert (await act("create_response"))["transcript"] == "Go on."
