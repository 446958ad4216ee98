"""Actions that have the model answer, and stop it."""

import asyncio
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Emulator, Reply

from ..conftest import SUBENTRY_ID
from ..test_services import (
    Act,
    KitchenLight,
    ToolCall,
    _actions_session,
    _next_actions_session,
)


async def test_response_in_writing(emulator: Emulator, act: Act) -> None:
    """A written answer has a text and nothing to play."""
    await act("create_conversation_item", text="Good morning")
    emulator.replies.append(Reply(text="Good morning to you."))
    reply = await act("create_response", modalities="text")
    assert reply["text"] == "Good morning to you."
    assert reply["transcript"] == ""
    assert reply["media_content_id"] is None
    assert reply["url"] is None


async def test_response_fields(emulator: Emulator, act: Act) -> None:
    """Each field goes into the response; instructions keep what is known of the house."""
    await act(
        "create_response",
        instructions="Answer like a pirate.",
        modalities=["audio", "text"],
        voice="marin",
        metadata={"topic": "pirates"},
    )
    (created,) = _actions_session(emulator).received.of("response.create")
    config = created["response"]
    assert config["instructions"].endswith("\nAnswer like a pirate.")
    assert "Your words are spoken aloud" not in config["instructions"]
    assert "conversation" not in config
    assert config["output_modalities"] == ["audio"]
    assert config["audio"]["output"]["voice"] == "marin"
    assert config["metadata"] == {"topic": "pirates"}


async def test_exact_words(act: Act) -> None:
    """Without tools the instructions are the caller's alone."""
    reply = await act(
        "create_response",
        instructions='Say exactly: "Dinner is ready."',
        run_tools=False,
    )
    assert reply["transcript"] == "Dinner is ready."


async def test_out_of_band_response_runs_beside(
    hass: HomeAssistant, emulator: Emulator, act: Act, turn_on: ToolCall
) -> None:
    """A response outside the conversation does not wait, and is not remembered."""
    more = asyncio.Event()
    emulator.replies += [
        Reply(text="A long story.", hold=more),
        Reply(text="Quick note.", tool_calls=[turn_on]),
    ]
    story = await act("create_response", wait=False)
    note = await act("create_response", conversation="none")
    assert note["transcript"] == "Quick note."
    (call,) = note["tool_calls"]
    assert call.pop("call_id")
    assert call == {"name": turn_on[0], "arguments": turn_on[1], "output": None}
    conversation = [item.id for item in _actions_session(emulator).conversation]
    assert not set(note["item_ids"]) & set(conversation)
    assert story["status"] == "in_progress"
    more.set()
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_racing_responses(emulator: Emulator, act: Act) -> None:
    """Of two answers asked for at once, one is refused at once."""
    answers = await asyncio.gather(
        act("create_response"), act("create_response"), return_exceptions=True
    )
    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(refused, HomeAssistantError)
    assert refused.translation_key == "response_active"
    (answer,) = [answer for answer in answers if isinstance(answer, dict)]
    assert answer["status"] == "completed"


async def test_response_while_one_is_active(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """While an answer is made another is refused; afterwards it is not."""
    more = asyncio.Event()
    emulator.replies.append(Reply(text="A long story.", hold=more))
    await act("create_response", wait=False)
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "response_active"
    more.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await act("create_response"))["status"] == "completed"


async def test_response_takes_too_long(emulator: Emulator, act: Act) -> None:
    """An answer that does not end is cancelled, and the next one works."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    with pytest.raises(HomeAssistantError, match="within 1 seconds"):
        await act("create_response", timeout=1)
    (done,) = _actions_session(emulator).sent.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert (await act("create_response"))["status"] == "completed"


@pytest.mark.parametrize(
    ("error", "key", "sentence"),
    [
        ({"message": "Out of GPUs."}, "response_failed", "Out of GPUs"),
        ({"type": "server_error"}, "response_failed", "server_error"),
        ({"code": "insufficient_quota"}, "quota_exceeded", "spending limit"),
        ({"code": "rate_limit_exceeded"}, "rate_limited", "Wait a moment"),
    ],
)
async def test_failed_response(
    emulator: Emulator, act: Act, error: dict[str, str], key: str, sentence: str
) -> None:
    """A failure of the model is an error that says why, and what helps."""
    emulator.replies.append(Reply(status="failed", error=error))
    with pytest.raises(HomeAssistantError, match=sentence) as raised:
        await act("create_response")
    assert raised.value.translation_key == key


async def test_refused_response(emulator: Emulator, act: Act) -> None:
    """A refusal is told, and the next answer works."""
    emulator.faults.add("refuse:response.create", times=1)
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "command_refused"
    assert (await act("create_response"))["status"] == "completed"


@pytest.mark.parametrize("begun", [False, True])
async def test_stopped_script(
    hass: HomeAssistant, emulator: Emulator, act: Act, begun: bool
) -> None:
    """A script that is stopped while it waits takes the answer with it."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    if not begun:
        emulator.faults.add("late_ack:response.create", times=1)
    speaking = _status_becomes(hass, "speaking")
    answer = asyncio.create_task(act("create_response"))
    session = await _next_actions_session(emulator)
    await (speaking if begun else session.wait_for("response.create"))
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    (done,) = session.sent.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert (await act("create_response"))["status"] == "completed"


async def test_incomplete_response(emulator: Emulator, act: Act) -> None:
    """An answer that was cut short is an answer all the same."""
    emulator.replies.append(Reply(text="To be", status="incomplete"))
    reply = await act("create_response")
    assert reply["status"] == "incomplete"
    assert reply["transcript"]


async def test_connection_lost_during_response(emulator: Emulator, act: Act) -> None:
    """A socket that dies is told at once."""
    emulator.faults.add("ends_at:audio/1006", times=1)
    emulator.replies.append(Reply(text="A sentence that takes more than three deltas."))
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "connection_lost"


async def test_unattended_response_fails(
    emulator: Emulator, act: Act, caplog: pytest.LogCaptureFixture, hass: HomeAssistant
) -> None:
    """A failure nobody waits for is in the log."""
    emulator.replies.append(
        Reply(
            status="failed", error={"type": "server_error", "message": "Out of GPUs."}
        )
    )
    await act("create_response", wait=False)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "ended early: The model could not answer: Out of GPUs" in caplog.text


async def test_tools_left_to_the_caller(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """With run_tools off a call is told, and can be answered by further actions."""
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="If you say so.")]
    reply = await act("create_response", run_tools=False)
    (call,) = reply["tool_calls"]
    assert call["output"] is None
    assert (light := hass.states.get(kitchen_light))
    assert light.state == "off"
    output = {"type": "function_call_output", "output": "done by hand"}
    await act("create_conversation_item", item=output | {"call_id": call["call_id"]})
    assert (await act("create_response"))["transcript"] == "If you say so."


async def test_tool_errors_are_told_to_the_model(emulator: Emulator, act: Act) -> None:
    """A call that cannot be run gets an error for an output, and the model goes on."""
    emulator.replies += [
        Reply(tool_calls=[("HassFly", {}), ("HassTurnOn", "{broken")]),
        Reply(text="I cannot do that."),
    ]
    reply = await act("create_response")
    assert reply["transcript"] == "I cannot do that."
    unknown, broken = reply["tool_calls"]
    assert "error" in unknown["output"]
    assert broken["arguments"] == "{broken"
    assert "error" in broken["output"]


async def test_tool_rounds_are_bounded(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """A model that calls tools for ever is stopped; ten rounds are fine."""
    call = Reply(tool_calls=[turn_on])
    emulator.replies += [*[call] * 10, Reply(text="At last.")]
    reply = await act("create_response")
    assert len(reply["tool_calls"]) == 10
    assert reply["transcript"] == "At last."
    emulator.replies += [call] * 11
    with pytest.raises(HomeAssistantError, match="more than 10 times"):
        await act("create_response")


@pytest.mark.parametrize("is_named", [False, True])
async def test_tool_choice_holds_for_one_response(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
    is_named: bool,
) -> None:
    """A tool that has to be called is called once in a turn, and in the next turn again."""
    name, arguments = turn_on
    named = {"type": "function", "name": name}
    await act(
        "update_session", session={"tool_choice": named if is_named else "required"}
    )
    for turn in range(1, 3):
        await act("create_conversation_item", text="Turn on the kitchen light")
        reply = await act("create_response")
        assert [call["name"] for call in reply["tool_calls"]] == [name]
        assert reply["tool_calls"][0]["arguments"] == arguments
        assert reply["transcript"]
        session = _actions_session(emulator)
        created = session.received.of("response.create")
        assert len(created) == 2 * turn
        assert "tool_choice" not in created[-2].get("response", {})
        assert created[-1]["response"]["tool_choice"] == "auto"


async def test_tool_choice_of_tools_left_to_the_caller(
    emulator: Emulator, act: Act, kitchen_light: str, turn_on: ToolCall
) -> None:
    """The caller's result ends the demand as well."""
    await act("update_session", session={"tool_choice": "required"})
    await act("create_conversation_item", text="Turn on the kitchen light")
    reply = await act("create_response", run_tools=False)
    (call,) = reply["tool_calls"]
    output = {"type": "function_call_output", "output": "{}"}
    await act("create_conversation_item", item=output | {"call_id": call["call_id"]})
    reply = await act("create_response", run_tools=False)
    assert reply["tool_calls"] == []
    assert reply["transcript"]


@pytest.mark.parametrize("choice", ["auto", "none"])
async def test_tool_choice_that_demands_nothing(
    emulator: Emulator, act: Act, turn_on: ToolCall, choice: str
) -> None:
    """It stays as it is."""
    await act("update_session", session={"tool_choice": choice})
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="Done.")]
    await act("create_response")
    for created in _actions_session(emulator).received.of("response.create"):
        assert "tool_choice" not in created.get("response", {})


async def test_cancel_response(emulator: Emulator, act: Act) -> None:
    """An answer in the making is stopped, and says so."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    answer = asyncio.create_task(act("create_response"))
    session = await _next_actions_session(emulator)
    await session.sent.wait_for("response.created")
    assert await act("cancel_response") == {"cancelled": True}
    assert (await answer)["status"] == "cancelled"
    assert await act("cancel_response") == {"cancelled": False}


def _status_becomes(hass: HomeAssistant, status: str) -> asyncio.Future[None]:
    """Return a future that waits for the status sensor."""
    reached: asyncio.Future[None] = hass.loop.create_future()

    @callback
    def on_change(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state and state.state == status and not reached.done():
            reached.set_result(None)

    async_track_state_change_event(hass, _status_sensor(hass), on_change)
    return reached


def _status_sensor(hass: HomeAssistant) -> str:
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{SUBENTRY_ID}_status"
    )
    assert entity_id
    return entity_id


async def test_cancel_while_a_tool_runs(
    hass: HomeAssistant, emulator: Emulator, act: Act, turn_on: ToolCall
) -> None:
    """The tool is not undone, but no answer follows it; a race is refused meanwhile."""
    light = SlowLight()
    setup_test_component_platform(hass, "light", [light])
    assert await async_setup_component(hass, "light", {"light": {"platform": "test"}})
    await hass.async_block_till_done()
    async_expose_entity(hass, "conversation", light.entity_id, True)
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="Next answer.")]
    answer = asyncio.create_task(act("create_response"))
    await light.asked.wait()
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "response_active"
    assert await act("cancel_response") == {"cancelled": True}
    light.may_go_on.set()
    reply = await answer
    assert reply["status"] == "cancelled"
    assert reply["tool_calls"][0]["output"]["response_type"] == "action_done"
    assert (await act("create_response"))["transcript"] == "Next answer."


class SlowLight(KitchenLight):
    """A light that goes on when it is told it may."""

    def __init__(self) -> None:
        """Wait to be asked."""
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Go on, later."""
        self.asked.set()
        await self.may_go_on.wait()
        await super().async_turn_on()


async def test_set_model_speak_done(hass: HomeAssistant, act: Act) -> None:
    """The status leaves speaking when the player says it is done."""
    await act("create_response")
    assert hass.states.is_state(_status_sensor(hass), "speaking")
    await act("set_model_speak_done")
    assert hass.states.is_state(_status_sensor(hass), "idle")
