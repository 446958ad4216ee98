"""Set-up, by what the service says, and that nothing is left behind."""

from datetime import timedelta
import json
from pathlib import Path

from homeassistant.components.conversation import async_converse
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, STATE_UNAVAILABLE
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.azure_realtime_audio.const import CONF_HOST_NAME, DOMAIN
from emulator import Emulator

from .conftest import SUBENTRY_ID

SENSOR = "sensor.azure_realtime_status"
CONVERSATION = "conversation.azure_realtime"


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigEntryState:
    """Set an entry up and return how that went."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    state: ConfigEntryState = entry.state
    return state


async def talk(hass: HomeAssistant) -> None:
    """Have a turn, which leaves a session open."""
    result = await async_converse(hass, "Hello", None, Context(), agent_id=CONVERSATION)
    assert result.response.speech["plain"]["speech"]


async def all_closed(emulator: Emulator) -> bool:
    """Wait until the service has seen every socket go."""
    for session in emulator.sessions:
        with pytest.raises(ConnectionError):
            await session.received.wait_for("what never comes")
    return all(session.closed for session in emulator.sessions)


async def test_set_up(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """Set-up connects once to see that it works, and keeps nothing open for it."""
    assert init_integration.state is ConfigEntryState.LOADED
    assert hass.states.is_state(SENSOR, "idle")
    assert hass.states.get(CONVERSATION)
    assert [shake.status for shake in emulator.handshakes] == [101]
    assert await all_closed(emulator)


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("http_400", ConfigEntryState.SETUP_RETRY, "not_realtime_model"),
        (
            "http_400_api_version",
            ConfigEntryState.SETUP_RETRY,
            "unsupported_api_version",
        ),
        ("http_401", ConfigEntryState.SETUP_ERROR, "invalid_auth"),
        ("http_403", ConfigEntryState.SETUP_RETRY, "forbidden"),
        ("http_404_deployment", ConfigEntryState.SETUP_RETRY, "deployment_not_found"),
        ("http_429", ConfigEntryState.SETUP_RETRY, "rate_limited"),
        ("http_503", ConfigEntryState.SETUP_RETRY, "service_failing"),
        ("openai_invalid_api_key", ConfigEntryState.SETUP_ERROR, "invalid_auth"),
        ("openai_insufficient_quota", ConfigEntryState.SETUP_RETRY, "quota_exceeded"),
        ("openai_invalid_model", ConfigEntryState.SETUP_RETRY, "not_realtime_model"),
        ("ends_at:created/1006", ConfigEntryState.SETUP_RETRY, "service_failing"),
        ("no_ack:session.update", ConfigEntryState.SETUP_RETRY, "command_timeout"),
        ("refuse:session.update", ConfigEntryState.SETUP_RETRY, "command_refused"),
    ],
)
@pytest.mark.usefixtures("impatient")
async def test_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    fault: str,
    state: ConfigEntryState,
    reason: str,
) -> None:
    """A refused key asks for another; what may be mended in Azure is tried again."""
    emulator.faults.add(fault)
    assert await set_up(hass, config_entry) is state
    assert config_entry.error_reason_translation_key == reason
    assert hass.states.get(SENSOR) is None

    wants_key = reason == "invalid_auth"
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["step_id"] for flow in flows] == ["reauth_confirm"] * wants_key

    emulator.faults.clear()
    if state is ConfigEntryState.SETUP_RETRY:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=1))
        await hass.async_block_till_done(wait_background_tasks=True)
    else:
        await hass.config_entries.async_reload(config_entry.entry_id)
    assert config_entry.state is ConfigEntryState.LOADED


async def test_every_reason_is_translated() -> None:
    """The sentences that set-up fails with are there, and say what to do."""
    package = Path(__file__).parents[1] / "custom_components" / DOMAIN
    translations = json.loads((package / "translations/en.json").read_text())
    for reason in (
        "command_refused",
        "command_timeout",
        "deployment_not_found",
        "forbidden",
        "invalid_auth",
        "invalid_host",
        "not_realtime_model",
        "quota_exceeded",
        "rate_limited",
        "service_failing",
        "unencrypted_host",
        "unreachable",
        "unsupported_api_version",
    ):
        # No assistant speaks here that could say "I".
        message = translations["exceptions"][reason]["message"]
        assert message and not {"I", "my", "me"} & set(message.split())


async def test_stored_host_is_not_trusted(
    hass: HomeAssistant, config_entry: MockConfigEntry
) -> None:
    """An edited store cannot send the key over plain text: that is an error."""
    hass.config_entries.async_update_entry(
        config_entry, data={**config_entry.data, CONF_HOST_NAME: "ws://example.com"}
    )
    assert await set_up(hass, config_entry) is ConfigEntryState.SETUP_ERROR
    assert config_entry.error_reason_translation_key == "unencrypted_host"


def listeners(hass: HomeAssistant) -> dict[str, int]:
    """Return how many listen to what, but for files of core's that wait to be written."""
    return {
        str(event): number
        for event, number in hass.bus.async_listeners().items()
        if event != EVENT_HOMEASSISTANT_FINAL_WRITE
    }


async def test_unload_leaves_nothing(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """Sockets and listeners go with the entry; the entities wait for it to return."""
    await talk(hass)
    await hass.config_entries.async_reload(init_integration.entry_id)
    before = listeners(hass)
    await talk(hass)
    assert not emulator.sessions[-1].closed

    assert await hass.config_entries.async_unload(init_integration.entry_id)
    assert await all_closed(emulator)
    assert hass.states.is_state(SENSOR, STATE_UNAVAILABLE)
    assert hass.states.is_state(CONVERSATION, STATE_UNAVAILABLE)

    await set_up(hass, init_integration)
    assert listeners(hass) == before
    await talk(hass)


async def test_remove_leaves_nothing(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    """A removed entry takes its devices, entities and sockets with it."""
    await talk(hass)
    await hass.config_entries.async_remove(init_integration.entry_id)
    await hass.async_block_till_done()

    assert await all_closed(emulator)
    assert hass.states.get(SENSOR) is None
    assert hass.states.get(CONVERSATION) is None
    entry_id = init_integration.entry_id
    assert not dr.async_entries_for_config_entry(device_registry, entry_id)
    assert not er.async_entries_for_config_entry(entity_registry, entry_id)


async def test_removed_assistant(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """Without its last assistant an entry still loads, with nothing on it."""
    await talk(hass)
    hass.config_entries.async_remove_subentry(init_integration, SUBENTRY_ID)
    await hass.async_block_till_done()

    assert init_integration.state is ConfigEntryState.LOADED
    assert hass.states.get(SENSOR) is None
    assert not dr.async_entries_for_config_entry(
        device_registry, init_integration.entry_id
    )
    assert await all_closed(emulator)
