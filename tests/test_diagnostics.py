"""Diagnostics: what a maintainer needs, and nothing that is private."""

import asyncio
from datetime import datetime
import json
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.azure_realtime_audio.const import (
    CONF_HOST_NAME,
    CONF_INSTRUCTIONS,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from custom_components.azure_realtime_audio.realtime import normalize_host
from emulator import Emulator, Reply

from .conftest import API_KEY, SUBENTRY_ID
from .satellite import Satellite, new_conversation, speak_to
from .talk import AGENT, change_assistant, say


async def test_diagnostics(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    snapshot: SnapshotAssertion,
) -> None:
    """Diagnostics show the settings, the sessions and the model, and no error that is over."""
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    await say(hass, "hello")
    await hass.services.async_call(
        DOMAIN,
        "create_conversation_item",
        {"entity_id": AGENT, "text": "Is the door locked?"},
        blocking=True,
        return_response=True,
    )
    diagnostics = await get_diagnostics_for_config_entry(
        hass, hass_client, init_integration
    )
    assert diagnostics == snapshot(exclude=props("age_seconds"))
    assert [
        session["age_seconds"] for session in diagnostics["assistants"][0]["sessions"]
    ] == [pytest.approx(0, abs=10)] * 2


async def test_last_error(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """Diagnostics say since when the service has been away, and why; once it is back, nothing."""
    before = dt_util.utcnow()
    emulator.faults.add("http_503*1")
    await say(hass, "hello")

    async def last_error() -> Any:
        diagnostics = await get_diagnostics_for_config_entry(
            hass, hass_client, init_integration
        )
        return diagnostics["assistants"][0]["last_error"]

    error = await last_error()
    failed_at = datetime.fromisoformat(error.pop("time"))
    assert before <= failed_at <= dt_util.utcnow()
    assert error == {
        "type": "ServiceFailingError",
        "message": "The service answered with HTTP status 503",
    }
    await say(hass, "hello")
    assert await last_error() is None


async def test_diagnostics_of_a_spoken_turn(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """Neither the key nor anything that was said, heard, told or called is in them."""
    await change_assistant(
        hass,
        init_integration,
        **{
            CONF_INSTRUCTIONS: "You are the butler Jeeves.",
            CONF_TRANSCRIPTION_DEPLOYMENT: "gpt-4o-transcribe",
        },
    )
    await speak_to(hass, AGENT)
    emulator.hears.append("Unlock the cellar")
    emulator.replies.append(Reply(text="The cellar stays shut."))
    run = await Satellite(hass, new_conversation()).run()
    assert run.answer == "The cellar stays shut."
    for _ in emulator.sessions:
        await emulator.next_session()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="one two three", hold=hold))
    typed = asyncio.create_task(say(hass, "Count the silver"))
    session = await emulator.next_session()
    await session.sent.wait_for("response.output_text.delta")

    diagnostics = await get_diagnostics_for_config_entry(
        hass, hass_client, init_integration
    )
    hold.set()
    await typed
    (assistant,) = diagnostics["assistants"]
    assert assistant["latency_ms"] is not None
    spoken, thinking = assistant["sessions"]
    assert (thinking["status"], thinking["busy"]) == ("thinking", True)
    assert (spoken["items"], spoken["busy"]) == (2, False)
    text = json.dumps(diagnostics).lower()
    for secret in (
        API_KEY,
        emulator.host_name,
        "jeeves",
        "cellar",
        "silver",
        "one two",
        "item_",
        "call_",
    ):
        assert secret not in text


@pytest.mark.parametrize(
    ("host_name", "shown"),
    [
        ("my-house.openai.azure.com", "**REDACTED**.openai.azure.com"),
        ("My-House.services.ai.azure.com/x", "**REDACTED**.services.ai.azure.com"),
        ("gateway.my-house.example:8443/azure", "**REDACTED**"),
    ],
)
async def test_diagnostics_of_an_entry_that_is_not_loaded(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    host_name: str,
    shown: str,
) -> None:
    """The settings are there, and of the host as much as tells whose it is."""
    await hass.config_entries.async_unload(init_integration.entry_id)
    hass.config_entries.async_update_entry(
        init_integration,
        data={**init_integration.data, CONF_HOST_NAME: normalize_host(host_name)},
    )
    diagnostics = await get_diagnostics_for_config_entry(
        hass, hass_client, init_integration
    )
    assert diagnostics["state"] == "not_loaded"
    assert diagnostics["data"][CONF_HOST_NAME] == shown
    assert diagnostics["data"][CONF_API_KEY] == "**REDACTED**"
    (assistant,) = diagnostics["assistants"]
    assert assistant["settings"]["voice"] == "alloy"
    assert "house" not in json.dumps(diagnostics).lower()


async def test_diagnostics_after_a_failed_set_up(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """Diagnostics say why the set-up failed."""
    emulator.faults.add("http_404_deployment")
    assert not await hass.config_entries.async_setup(config_entry.entry_id)
    diagnostics = await get_diagnostics_for_config_entry(
        hass, hass_client, config_entry
    )
    assert diagnostics["state"] == "setup_retry"
    assert diagnostics["error"] == "deployment_not_found"


async def test_diagnostics_of_a_device(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    """A device has those of its own assistant only."""
    settings = {**DEFAULT_ASSISTANT, "voice": "echo"}
    hass.config_entries.async_add_subentry(
        init_integration,
        ConfigSubentry(
            data=MappingProxyType(settings),
            subentry_type=SUBENTRY_CONVERSATION,
            title="Second",
            unique_id=None,
        ),
    )
    await hass.async_block_till_done()
    whole = await get_diagnostics_for_config_entry(hass, hass_client, init_integration)
    assert len(whole["assistants"]) == 2
    (device,) = [
        device
        for device in dr.async_entries_for_config_entry(
            device_registry, init_integration.entry_id
        )
        if (DOMAIN, SUBENTRY_ID) in device.identifiers
    ]
    diagnostics = await get_diagnostics_for_device(
        hass, hass_client, init_integration, device
    )
    assert diagnostics == {**whole, "assistants": whole["assistants"][:1]}
    assert diagnostics["assistants"][0]["settings"]["voice"] == "alloy"
