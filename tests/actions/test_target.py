"""Whom an action is meant for, and who may call it."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.azure_realtime_audio.const import (
    CONF_INSTRUCTIONS,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from emulator import Emulator, Reply

from ..conftest import SUBENTRY_ID
from ..test_services import Act, _actions_session, _conversation_entity
from .test_responses import _status_sensor


@pytest.mark.parametrize("kind", ["nobody", "sensor", "both", "all"])
async def test_not_one_assistant(
    hass: HomeAssistant, config_entry: MockConfigEntry, kind: str
) -> None:
    """An action takes exactly one assistant."""
    hass.config_entries.async_add_subentry(
        config_entry,
        _assistant("second", DEFAULT_ASSISTANT | {CONF_LLM_HASS_API: []}),
    )
    await hass.config_entries.async_setup(config_entry.entry_id)
    both = [_conversation_entity(hass, id_) for id_ in (SUBENTRY_ID, "second")]
    targets = {
        "nobody": "none",
        "sensor": _status_sensor(hass),
        "both": both,
        "all": "all",
    }
    with pytest.raises(ServiceValidationError, match="exactly one assistant"):
        await hass.services.async_call(
            DOMAIN, "cancel_response", {"entity_id": targets[kind]}, blocking=True
        )


async def test_target_a_device(hass: HomeAssistant, assistant_id: str) -> None:
    """The assistant's device will do."""
    entity = er.async_get(hass).async_get(assistant_id)
    assert entity
    assert dr.async_get(hass).async_get(entity.device_id or "")
    assert await hass.services.async_call(
        DOMAIN,
        "cancel_response",
        {"device_id": entity.device_id},
        blocking=True,
        return_response=True,
    ) == {"cancelled": False}


async def test_target_is_required(hass: HomeAssistant, assistant_id: str) -> None:
    """Without a target the call is invalid."""
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(DOMAIN, "cancel_response", {}, blocking=True)


async def test_unloaded_assistant(
    hass: HomeAssistant, act: Act, init_integration: MockConfigEntry
) -> None:
    """An assistant that is not loaded is unavailable."""
    await hass.config_entries.async_unload(init_integration.entry_id)
    with pytest.raises(HomeAssistantError, match="not available now"):
        await act("cancel_response")


async def test_service_that_has_trouble(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """The first action says why; from then on the assistant is unavailable."""
    emulator.faults.add("http_503")
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "service_trouble"
    with pytest.raises(HomeAssistantError, match="not available now"):
        await act("create_response")


async def test_invalid_key_starts_reauth(
    hass: HomeAssistant, emulator: Emulator, act: Act, config_entry: MockConfigEntry
) -> None:
    """A key that does not work any more is told, and asked for."""
    emulator.faults.add("http_401")
    with pytest.raises(HomeAssistantError) as raised:
        await act("commit_audio")
    assert raised.value.translation_key == "invalid_auth"
    await hass.async_block_till_done()
    assert [*config_entry.async_get_active_flows(hass, {"reauth"})]


async def test_permissions(
    hass: HomeAssistant, emulator: Emulator, act: Act, hass_read_only_user: User
) -> None:
    """Only who may control the assistant may act on it."""
    with pytest.raises(Unauthorized):
        await act("commit_audio", context=Context(user_id=hass_read_only_user.id))
    with pytest.raises(UnknownUser):
        await act("commit_audio", context=Context(user_id="nobody"))
    assert len(emulator.sessions) == 1


async def test_bad_template(
    hass: HomeAssistant, config_entry: MockConfigEntry, act: Act
) -> None:
    """Instructions that cannot be rendered are told."""
    subentry = config_entry.subentries[SUBENTRY_ID]
    data = {**subentry.data, CONF_INSTRUCTIONS: "{{ 1 / 0 }}"}
    hass.config_entries.async_update_subentry(config_entry, subentry, data=data)
    await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "prompt_failed"


async def test_unload_ends_a_reply(
    hass: HomeAssistant, emulator: Emulator, act: Act, config_entry: MockConfigEntry
) -> None:
    """A reply nobody waits for ends with the entry, and so does one that is waited for."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    await act("create_response", wait=False)
    assert await hass.config_entries.async_unload(config_entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _actions_session(emulator).closed


def _assistant(subentry_id: str, data: Mapping[str, Any]) -> ConfigSubentry:
    return ConfigSubentry(
        data=MappingProxyType(dict(data)),
        subentry_id=subentry_id,
        subentry_type=SUBENTRY_CONVERSATION,
        title="Second",
        unique_id=None,
    )
