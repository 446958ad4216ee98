"""A model that is confused, or misled by what it reads, cannot flood the house."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.chat.tools import (
    MAX_IDENTICAL_CALLS,
    MAX_TOOL_CALLS,
)
from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Emulator, Reply, Session
from tests.bell import RING, Bell, add_bell_tool
from tests.talk import AGENT, say, set_timing, speech

SAID = "Done."

type Ask = Callable[[], Coroutine[Any, Any, str]]


@pytest.fixture
async def bell(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> AsyncIterator[Bell]:
    """Give the assistant a bell."""
    bell = await add_bell_tool(hass, init_integration)
    yield bell
    bell.release()


@pytest.fixture(params=["conversation", "action"])
def ask(hass: HomeAssistant, bell: Bell, request: pytest.FixtureRequest) -> Ask:
    """Return what has the model answer, in each of the two ways; returns what it says."""

    async def by_conversation() -> str:
        return speech(await say(hass, "ring the bell"))

    async def by_action() -> str:
        answer = await hass.services.async_call(
            DOMAIN,
            "create_response",
            {"entity_id": AGENT, "modalities": ["text"]},
            blocking=True,
            return_response=True,
        )
        assert answer
        return str(answer["text"])

    return by_conversation if request.param == "conversation" else by_action


def outputs(session: Session) -> list[dict[str, Any]]:
    """Return what the model was told of its calls."""
    return [
        json.loads(event["item"]["output"])
        for event in session.received.of("conversation.item.create")
        if event["item"]["type"] == "function_call_output"
    ]


async def test_flood_of_calls(bell: Bell, ask: Ask, emulator: Emulator) -> None:
    """Of a hundred calls in one response the first are run, the others are errors."""
    calls: list[Any] = [(RING, {"times": n}) for n in range(100)]
    emulator.replies += [Reply(tool_calls=calls), Reply(text=SAID, audio=False)]
    assert await ask() == SAID
    assert [call["times"] for call in bell.rung] == [*range(MAX_TOOL_CALLS)]
    told = outputs(emulator.sessions[-1])
    assert len(told) == 100
    refused = [output for output in told if "error" in output]
    assert len(refused) == 100 - MAX_TOOL_CALLS
    assert refused[0] == {
        "error": "TooManyToolCallsError",
        "error_text": "No more than 32 calls are possible in one turn",
    }


async def test_the_same_again_and_again(
    bell: Bell, ask: Ask, emulator: Emulator
) -> None:
    """Calls that mean the same are few, over all rounds and however they are written."""
    same = ['{"times": 1, "at": "door"}', '{"at":"door","times":1}']
    emulator.replies += [
        *(Reply(tool_calls=[(RING, call) for call in same]) for _ in range(4)),
        Reply(tool_calls=[(RING, {"times": 2})]),
        Reply(text=SAID, audio=False),
    ]
    assert await ask() == SAID
    assert len(bell.rung) == MAX_IDENTICAL_CALLS + 1
    assert bell.rung[-1] == {"times": 2}
    refused = [o for o in outputs(emulator.sessions[-1]) if "error" in o]
    assert len(refused) == 8 - MAX_IDENTICAL_CALLS
    assert refused[0]["error_text"] == "The same call was made 3 times in this turn"


async def test_limits_begin_anew(bell: Bell, ask: Ask, emulator: Emulator) -> None:
    """The calls of one turn do not count in the next turn."""
    turn = [
        Reply(tool_calls=[(RING, {})] * MAX_IDENTICAL_CALLS),
        Reply(text=SAID, audio=False),
    ]
    emulator.replies += turn * 2
    assert await ask() == await ask() == SAID
    assert len(bell.rung) == 2 * MAX_IDENTICAL_CALLS


@pytest.mark.parametrize(
    "arguments",
    [
        '{"times": "many"}',
        '{"who": "me"}',
        '{"times": NaN}',
        '{"at": ' + "[" * 300 + "]" * 300 + "}",
        "[" * 100_000,
        '{"at": "\\ud800"}',
    ],
    ids=["type", "unknown key", "no number", "deep", "very deep", "surrogate"],
)
async def test_arguments_no_tool_takes(
    bell: Bell, ask: Ask, emulator: Emulator, arguments: str
) -> None:
    """Strange arguments are told to the model as an error, and nothing is run."""
    emulator.replies += [
        Reply(tool_calls=[(RING, arguments)]),
        Reply(text=SAID, audio=False),
    ]
    assert await ask() == SAID
    assert not bell.rung
    (told,) = outputs(emulator.sessions[-1])
    assert told["error"]


async def test_actions_are_no_tools(
    hass: HomeAssistant, bell: Bell, ask: Ask, emulator: Emulator
) -> None:
    """The model reaches the exposed API and nothing beside it: no action, no other API."""
    emulator.replies += [
        Reply(
            tool_calls=[
                ("homeassistant.restart", {}),
                ("HassTurnOn", {"name": "all"}),
                ("assist__HassTurnOn", {"name": "all"}),
            ]
        ),
        Reply(text=SAID, audio=False),
    ]
    assert await ask() == SAID
    told = outputs(emulator.sessions[-1])
    assert [output["error"] for output in told] == ["InvalidToolCallError"] * 3


async def test_turn_that_takes_for_ever(
    hass: HomeAssistant,
    bell: Bell,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tool that does not return ends with the turn, and the conversation goes on."""
    set_timing(hass, turn=0.5)
    bell.hold = asyncio.Event()
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    async with asyncio.timeout(10):
        result = await say(hass, "ring the bell")
    assert "within 0.5 seconds" in speech(result)
    bell.release()
    emulator.replies.append(Reply(text="Hello."))
    assert speech(await say(hass, "hello", result.conversation_id)) == "Hello."


async def test_action_that_takes_for_ever(
    hass: HomeAssistant, bell: Bell, emulator: Emulator
) -> None:
    """The same goes for an action, whose tool is stopped when its time is over."""
    bell.hold = asyncio.Event()
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    data = {"entity_id": AGENT, "modalities": ["text"]}
    with pytest.raises(HomeAssistantError, match="within 1 seconds"):
        async with asyncio.timeout(10):
            await hass.services.async_call(
                DOMAIN, "create_response", data | {"timeout": 1}, blocking=True
            )
    assert bell.rung
    assert not bell.ringing
    emulator.replies.append(Reply(text="Hello.", audio=False))
    answer = await hass.services.async_call(
        DOMAIN, "create_response", data, blocking=True, return_response=True
    )
    assert answer
    assert answer["text"] == "Hello."


@pytest.mark.parametrize("rounds", [9, 10, 11])
async def test_rounds(emulator: Emulator, bell: Bell, ask: Ask, rounds: int) -> None:
    """Ten rounds of tools are run, in a conversation as in an action; an eleventh is not.

    The person is told what was done until then.
    """
    emulator.replies += [
        Reply(tool_calls=[(RING, {"times": number})]) for number in range(rounds)
    ]
    emulator.replies.append(Reply(text=SAID))
    if rounds <= 10:
        assert await ask() == SAID
    else:
        assert f"These calls were made before: {RING} (10)" in await refusal(ask)
    assert [ring["times"] for ring in bell.rung] == list(range(min(rounds, 10)))


async def refusal(ask: Ask) -> str:
    """Return the sentence with which an answer is refused."""
    try:
        return await ask()
    except HomeAssistantError as err:
        return str(err)
