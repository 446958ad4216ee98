"""Actions on items whose ids the service would refuse as too long."""

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, Reply

from ..conftest import SUBENTRY_ID
from ..realtime.test_odd_services import lose
from ..test_services import Act, _actions_session
from .test_outage import clients

# Two ids of 50 characters of which the first 32 are the same.
FIRST, SECOND = (f"{'an_id_of_the_automation_' * 2}_{n}" for n in (1, 2))


async def test_long_ids_of_an_automation(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """What an automation calls its items goes on working, after a loss as before."""
    for item_id, text in ((FIRST, "one"), (SECOND, "two")):
        item = {
            "id": item_id,
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        told = await act("create_conversation_item", item=item)
        assert told == {"item_id": item_id}
    await lose(emulator, *clients(hass))
    await act("create_conversation_item", text="between", previous_item_id=FIRST)
    await lose(emulator, *clients(hass))
    await act("delete_item", item_id=SECOND)
    held = [item.text for item in _actions_session(emulator).conversation]
    assert held == ["one", "between"]
    await act("delete_item", item_id=FIRST)
    assert len(_actions_session(emulator).conversation) == 1


async def test_long_ids_of_a_gateway(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    init_integration: MockConfigEntry,
) -> None:
    """What an action has returned goes on working, too: items, calls and their results."""
    emulator.faults.add("long_ids")
    emulator.replies += [Reply(text="Wait.", tool_calls=[("ring", {})])]
    reply = await act("create_response", run_tools=False)
    said, asked = reply["item_ids"]
    (call,) = reply["tool_calls"]
    assert min(len(said), len(call["call_id"])) > 32
    await act("truncate_item", item_id=said, audio_end_ms=50)
    emulator.faults.clear()
    await lose(emulator, *clients(hass))
    output = {"type": "function_call_output", "output": "{}"}
    output |= {"call_id": call["call_id"]}
    await act("create_conversation_item", item=output, previous_item_id=asked)
    await act("delete_item", item_id=said)
    kinds = [item.type for item in _actions_session(emulator).conversation]
    assert kinds == ["function_call", "function_call_output"]
    assert init_integration.runtime_data[SUBENTRY_ID].assistant.available
