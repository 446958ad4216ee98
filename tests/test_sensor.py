"""The sensors, driven by what the service says."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
import json
from pathlib import Path
from typing import Any

from homeassistant.components.conversation import async_converse
from homeassistant.components.sensor import ATTR_OPTIONS
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Context, Event, EventStateChangedData, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import ModelStatus
from emulator import Emulator, Reply

from .bell import RING, Bell, add_bell_tool
from .conftest import SUBENTRY_ID
from .satellite import Satellite, new_conversation, speak_to
from .talk import say, set_timing, speech

SENSOR = "sensor.azure_realtime_status"
LATENCY = "sensor.azure_realtime_latency"
CONVERSATION = "conversation.azure_realtime"
SILENCE = b64encode(bytes(9600)).decode()  # 200 ms


class States:
    """The states that the sensor goes through, from the first it has."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin to watch."""
        state = hass.states.get(SENSOR)
        assert state
        self.seen = [state.state]
        self._came = asyncio.Condition()
        async_track_state_change_event(hass, SENSOR, self._on_change)

    async def _on_change(self, event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        assert new
        async with self._came:
            self.seen.append(new.state)
            self._came.notify_all()

    async def until(self, state: str) -> None:
        """Wait until the sensor has come to a state."""
        async with asyncio.timeout(5), self._came:
            await self._came.wait_for(lambda: self.seen[-1] == state)


@pytest.fixture
def states(hass: HomeAssistant, init_integration: MockConfigEntry) -> States:
    """Watch the sensor of a running assistant."""
    return States(hass)


async def act(hass: HomeAssistant, action: str, **data: Any) -> None:
    """Call an action of the integration on the assistant."""
    await hass.services.async_call(
        DOMAIN, action, {"entity_id": CONVERSATION, **data}, blocking=True
    )


async def test_registered(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """An assistant is one device of a service, with all its entities on it."""
    device = device_registry.async_get_device_by_identifier(
        (DOMAIN, SUBENTRY_ID), init_integration.entry_id
    )
    assert device
    assert {
        "entry_type": device.entry_type,
        "manufacturer": device.manufacturer,
        "model": device.model,
        "name": device.name,
    } == snapshot(name="device")

    entities = er.async_entries_for_device(entity_registry, device.id)
    assert all(entity.config_subentry_id == SUBENTRY_ID for entity in entities)
    assert {
        entity.entity_id: {
            "category": entity.entity_category,
            "device_class": entity.original_device_class,
            "name": entity.original_name,
            "translation_key": entity.translation_key,
            "unique_id": entity.unique_id,
        }
        for entity in entities
    } == snapshot(name="entities")


async def test_model_on_the_device_page(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The device has the model that the service names, also when the deployment gets another."""

    def shown() -> tuple[str | None, str | None]:
        device = device_registry.async_get_device_by_identifier(
            (DOMAIN, SUBENTRY_ID), config_entry.entry_id
        )
        assert device
        return device.model, device.model_id

    emulator.model = "gpt-realtime-mini"
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    assert shown() == ("gpt-realtime-mini", "gpt-realtime")
    emulator.model = "gpt-realtime-2"
    await say(hass, "hello")
    assert shown() == ("gpt-realtime-2", "gpt-realtime")
    emulator.model = "gpt-realtime"
    await hass.config_entries.async_reload(config_entry.entry_id)
    assert shown() == ("gpt-realtime", None)


async def test_latency_survives_a_reload(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """What the last turn took is still known when the assistant has been loaded anew."""
    await speak_to(hass, CONVERSATION)
    run = await Satellite(hass, new_conversation()).run()
    assert run.error is None
    before = hass.states.get(LATENCY)
    assert before and before.state.isdigit()
    for _ in range(2):
        await hass.config_entries.async_reload(init_integration.entry_id)
        after = hass.states.get(LATENCY)
        assert after and after.state == before.state
    (runtime,) = init_integration.runtime_data.values()
    assert runtime.assistant.latency_ms == int(before.state)


async def test_options(hass: HomeAssistant, init_integration: MockConfigEntry) -> None:
    """Every status of the client is an option, and has a name and an icon of its own."""
    state = hass.states.get(SENSOR)
    assert state
    assert state.attributes[ATTR_OPTIONS] == [status.value for status in ModelStatus]
    assert state.name == "Azure Realtime Status"

    package = Path(__file__).parents[1] / "custom_components" / DOMAIN
    texts = json.loads((package / "translations/en.json").read_text())
    assert set(texts["entity"]["sensor"]["status"]["state"]) == set(ModelStatus)
    icons = json.loads((package / "icons.json").read_text())
    icon = icons["entity"]["sensor"]["status"]
    assert {"idle", *icon["state"]} == set(ModelStatus)
    assert len({icon["default"], *icon["state"].values()}) == len(ModelStatus)


async def test_spoken_turn(
    hass: HomeAssistant, emulator: Emulator, states: States
) -> None:
    """A turn by hand goes through every status, and each is pushed as it comes."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="The light is on.", audio=True, hold=hold))

    await act(hass, "append_audio", audio=SILENCE)
    await states.until("listening")
    await act(hass, "commit_audio")
    await act(hass, "create_response", wait=False)
    await states.until("speaking")
    hold.set()
    await states.until("idle")
    assert states.seen == ["idle", "listening", "thinking", "speaking", "idle"]


@pytest.fixture
async def bell(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> AsyncIterator[Bell]:
    """Give the assistant a bell, which rings until it is stopped."""
    bell = await add_bell_tool(hass, init_integration)
    bell.hold = asyncio.Event()
    yield bell
    bell.release()


async def test_turn_that_ends_in_its_tool(
    hass: HomeAssistant,
    emulator: Emulator,
    bell: Bell,
    states: States,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model whose result never comes does not think for ever."""
    set_timing(hass, turn=0.5)
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    assert "within 0.5 seconds" in speech(await say(hass, "ring the bell"))
    await states.until("idle")
    assert states.seen == ["idle", "thinking", "idle"]


async def test_person_who_hangs_up_in_a_tool(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """Nobody waits for what follows, and the model is not thinking of it."""
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    turn = asyncio.create_task(say(hass, "ring the bell"))
    await bell.has_begun.wait()
    turn.cancel()
    await states.until("idle")
    assert states.seen == ["idle", "thinking", "idle"]


async def test_model_that_does_not_stop_calling(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """The calls of ten responses are run, and nothing follows the eleventh."""
    bell.hold = None
    emulator.replies += [Reply(tool_calls=[(RING, {"times": n})]) for n in range(11)]
    assert "more than 10 times" in speech(await say(hass, "ring the bell"))
    await states.until("idle")


async def test_calls_that_the_caller_answers(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """A caller that runs the tools itself may do so later, or never."""
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    await act(hass, "create_response", run_tools=False)
    await states.until("idle")
    assert states.seen == ["idle", "thinking", "idle"]
    assert not bell.rung


async def test_reply_that_takes_too_long(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """An action whose tool does not return ends in time, and in peace."""
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    with pytest.raises(HomeAssistantError, match="within 1 seconds"):
        await act(hass, "create_response", timeout=1)
    await states.until("idle")
    assert bell.rung


async def test_reply_that_is_stopped_in_its_tool(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """What is stopped goes on until its tool has returned, and is idle from then on."""
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    await act(hass, "create_response", wait=False)
    await bell.has_begun.wait()
    await act(hass, "cancel_response")
    assert states.seen == ["idle", "thinking"]
    bell.release()
    await states.until("idle")
    assert states.seen == ["idle", "thinking", "idle"]


async def test_reply_beside_a_tool(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, states: States
) -> None:
    """A note that ends does not end the thinking of the reply beside it."""
    emulator.replies += [
        Reply(tool_calls=[(RING, {})]),
        Reply(tool_calls=[(RING, {})]),
        Reply(text="Rung."),
    ]
    await act(hass, "create_response", wait=False)
    await bell.has_begun.wait()
    await act(hass, "create_response", conversation="none")
    assert states.seen == ["idle", "thinking"]
    bell.release()
    await states.until("idle")


async def test_status_ends_with_the_session(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    states: States,
) -> None:
    """What was half said when the assistant went away does not stay on the sensor."""
    await act(hass, "append_audio", audio=SILENCE)
    await states.until("listening")

    await hass.config_entries.async_reload(init_integration.entry_id)
    await states.until("idle")
    assert states.seen == ["idle", "listening", "idle", STATE_UNAVAILABLE, "idle"]


async def test_unreachable_and_back(
    hass: HomeAssistant, emulator: Emulator, states: States
) -> None:
    """The sensor tells when the service cannot be reached, and when it can again."""
    emulator.faults.add("http_503")
    await async_converse(hass, "Hello", None, Context(), agent_id=CONVERSATION)
    await states.until(STATE_UNAVAILABLE)

    emulator.faults.clear()
    await async_converse(hass, "Hello", None, Context(), agent_id=CONVERSATION)
    await states.until("idle")
    assert states.seen[:3] == ["idle", STATE_UNAVAILABLE, "idle"]


async def test_latency(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """The time to the first sound is kept of each spoken turn, and of no other."""
    await async_converse(hass, "Hello", None, Context(), agent_id=CONVERSATION)
    state = hass.states.get(LATENCY)
    assert state
    assert state.state == STATE_UNKNOWN
    assert state.attributes == {
        "device_class": "duration",
        "friendly_name": "Azure Realtime Latency",
        "measured_from": "end_of_speech",
        "measured_to": "first_sound_sent",
        "state_class": "measurement",
        "unit_of_measurement": "ms",
    }

    await speak_to(hass, CONVERSATION)
    satellite = Satellite(hass, new_conversation())
    latencies = []
    for emulator.first_audio_ms in (500, 100):
        assert (await satellite.run()).error is None
        state = hass.states.get(LATENCY)
        assert state
        latencies.append(int(state.state))
    # The service has known of the end of speech a little longer.
    assert latencies[0] > 400
    assert 50 < latencies[1] < 400
