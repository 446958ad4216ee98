"""The model is asked for one answer a turn, for every person and every device."""

from typing import Any

from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS
from emulator import Emulator, Reply

from ..satellite import Satellite
from ..talk import change_assistant

NOT_ALLOWED = (
    "You are not allowed to use what I may control here. "
    "Ask an administrator of this home."
)


def instructions(emulator: Emulator) -> str:
    """Return what the newest session was told to do."""
    text: str = emulator.sessions[-1].config["instructions"]
    return text


def assert_answered_once(emulator: Emulator, turns: int = 1) -> None:
    """Check that nothing was begun in vain."""
    session = emulator.sessions[-1]
    assert len(session.sent.of("response.created")) == turns
    assert not session.received.of("response.create")
    assert not session.received.of("response.cancel")
    assert not session.received.of("conversation.item.delete")


async def test_signed_in(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    hass_admin_user: MockUser,
) -> None:
    """Instructions that name the person are those of the first answer."""
    await change_assistant(
        hass, init_integration, **{CONF_INSTRUCTIONS: "You talk to {{ user_name }}."}
    )
    satellite.context = Context(user_id=hass_admin_user.id)
    for turns in (1, 2):
        assert (await satellite.run()).error is None
        assert instructions(emulator).startswith("You talk to Mock User.")
        assert_answered_once(emulator, turns)


async def test_device_without_a_satellite(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """The area of a phone is known to the first answer."""
    prompt = "You are in the {{ area_name(llm_context.device_id) }}."
    await change_assistant(hass, init_integration, **{CONF_INSTRUCTIONS: prompt})
    entry = MockConfigEntry()
    entry.add_to_hass(hass)
    area = ar.async_get(hass).async_create("Kitchen")
    devices: Any = dr.async_get(hass)
    device = devices.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", "phone")}
    )
    devices.async_update_device(device.id, area_id=area.id)
    satellite.device_id = device.id
    assert (await satellite.run()).error is None
    assert instructions(emulator).startswith("You are in the Kitchen.")
    assert_answered_once(emulator)


async def test_extra_prompt_of_the_conversation(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A prompt that an automation gives the first turn also holds for later turns."""
    assert (await satellite.run(extra_system_prompt="Ada rang.")).error is None
    assert (await satellite.run()).error is None
    assert "Ada rang." in instructions(emulator)
    assert_answered_once(emulator, 2)


async def test_the_time_of_day(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """Instructions that change during a spoken turn do not start the turn anew."""
    await change_assistant(
        hass, init_integration, **{CONF_INSTRUCTIONS: "It is {{ now() }}."}
    )
    assert (await satellite.run()).error is None
    assert_answered_once(emulator)


async def test_states_in_the_instructions(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A state in the instructions that changes between turns costs no second answer."""
    hass.states.async_set("light.hall", "on")
    prompt = "The hall is {{ states('light.hall') }}."
    await change_assistant(hass, init_integration, **{CONF_INSTRUCTIONS: prompt})
    assert (await satellite.run()).error is None
    hass.states.async_set("light.hall", "off")
    assert (await satellite.run()).error is None
    assert_answered_once(emulator, 2)


class AdminApi(llm.API):
    """An LLM API that only an administrator may use, where core knows of such."""

    async def async_get_api_instance(
        self, llm_context: llm.LLMContext
    ) -> llm.APIInstance:
        """Return the API."""
        return llm.APIInstance(self, "You may do everything.", llm_context, [])


@pytest.fixture
async def admin_api(hass: HomeAssistant, init_integration: MockConfigEntry) -> None:
    """Let the assistant control the house with that API."""
    kwargs: dict[str, Any] = {"id": "admin", "name": "Admin", "requires_admin": True}
    try:
        api = AdminApi(hass=hass, **kwargs)
    except TypeError:
        pytest.skip("This Home Assistant has no LLM APIs for administrators only")
    llm.async_register_api(hass, api)
    await change_assistant(hass, init_integration, **{CONF_LLM_HASS_API: ["admin"]})


@pytest.mark.usefixtures("admin_api")
async def test_administrator(
    emulator: Emulator, satellite: Satellite, hass_admin_user: MockUser
) -> None:
    """An administrator who speaks is answered, with that API."""
    satellite.context = Context(user_id=hass_admin_user.id)
    emulator.replies.append(Reply(text="At your service."))
    run = await satellite.run()
    assert run.answer == "At your service."
    assert "You may do everything." in instructions(emulator)
    assert_answered_once(emulator)


@pytest.mark.usefixtures("admin_api")
async def test_no_administrator(
    emulator: Emulator, satellite: Satellite, hass_read_only_user: MockUser
) -> None:
    """Everybody else is told aloud why not."""
    satellite.context = Context(user_id=hass_read_only_user.id)
    run = await satellite.run()
    assert run.error is None
    assert run.answer == NOT_ALLOWED
    assert run.wav.seconds == pytest.approx(0.04 * len(NOT_ALLOWED), abs=0.05)
