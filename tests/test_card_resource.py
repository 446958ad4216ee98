"""Dashboards find the card while there is an entry, and in its present version."""

import asyncio
from collections.abc import Mapping
from typing import Any

from homeassistant.components.lovelace.const import DOMAIN as LOVELACE
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Emulator

PATH = f"/{DOMAIN}/azure-realtime-audio-card.js"
OTHER = {"id": "other", "type": "module", "url": "/local/other.js?v=1"}


async def set_up_dashboards(hass: HomeAssistant, config: Mapping[str, Any]) -> None:
    """Set the frontend and its dashboards up, as a real Home Assistant has them."""
    assert await async_setup_component(hass, LOVELACE, {LOVELACE: config})
    assert await async_setup_component(hass, "frontend", {})
    await hass.async_block_till_done()


async def set_up(hass: HomeAssistant, *entries: MockConfigEntry) -> None:
    """Set entries up at the same time."""
    await asyncio.gather(
        *(hass.config_entries.async_setup(entry.entry_id) for entry in entries)
    )
    await hass.async_block_till_done()


async def listed(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> list[str]:
    """Return the URLs of all resources."""
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "lovelace/resources"})
    answer = await client.receive_json()
    return [item["url"] for item in answer["result"]]


def second_entry(entry: MockConfigEntry) -> MockConfigEntry:
    """Return another entry for the same service."""
    return MockConfigEntry(
        domain=DOMAIN,
        data={**entry.data, "deployment": "another"},
        options=dict(entry.options),
        minor_version=entry.minor_version,
        version=entry.version,
    )


@pytest.fixture
def stored(hass_storage: dict[str, Any]) -> list[dict[str, str]]:
    """Store a resource of another card; a test may add more."""
    items = [OTHER]
    hass_storage["lovelace_resources"] = {
        "version": 1,
        "key": "lovelace_resources",
        "data": {"items": items},
    }
    return items


async def test_listed_and_served(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    stored: list[dict[str, str]],
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """A dashboard is told of the module beside those of others, and gets it without a login."""
    await set_up_dashboards(hass, {})
    await set_up(hass, config_entry)
    other, ours = await listed(hass, hass_ws_client)
    assert other == OTHER["url"]
    assert ours.startswith(f"{PATH}?v=")

    response = await (await hass_client_no_auth()).get(ours)
    assert response.status == 200
    assert response.content_type == "text/javascript"
    assert "max-age=" in response.headers["Cache-Control"]
    assert "azure-realtime-audio-card" in await response.text()


async def test_listed_once(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """Two entries that are set up at once, and one that is set up again, list one module."""
    other = second_entry(config_entry)
    other.add_to_hass(hass)
    await set_up_dashboards(hass, {})
    await set_up(hass, config_entry)
    await hass.config_entries.async_reload(config_entry.entry_id)
    assert len(await listed(hass, hass_ws_client)) == 1


async def test_new_version(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    stored: list[dict[str, str]],
    hass_ws_client: WebSocketGenerator,
) -> None:
    """The module of an older version of the integration makes room for the present one."""
    old = {"id": "ours", "type": "module", "url": f"{PATH}?v=old"}
    stored.append(old)
    await set_up_dashboards(hass, {})
    await set_up(hass, config_entry)
    other, ours = await listed(hass, hass_ws_client)
    assert other == OTHER["url"]
    assert ours.startswith(f"{PATH}?v=")
    assert ours != old["url"]


async def test_service_away(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A dashboard has its card, and not an error, also while the service cannot be reached."""
    emulator.faults.add("http_503")
    await set_up_dashboards(hass, {})
    await set_up(hass, config_entry)
    assert len(await listed(hass, hass_ws_client)) == 1


async def test_removed_with_the_last_entry(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    stored: list[dict[str, str]],
    hass_ws_client: WebSocketGenerator,
) -> None:
    """The module stays as long as there is an entry, and comes back with a new one."""
    other = second_entry(config_entry)
    other.add_to_hass(hass)
    await set_up_dashboards(hass, {})
    await set_up(hass, config_entry)
    await hass.config_entries.async_remove(other.entry_id)
    assert len(await listed(hass, hass_ws_client)) == 2
    await hass.config_entries.async_remove(config_entry.entry_id)
    assert await listed(hass, hass_ws_client) == [OTHER["url"]]

    again = second_entry(config_entry)
    again.add_to_hass(hass)
    await set_up(hass, again)
    assert len(await listed(hass, hass_ws_client)) == 2


async def test_removed_while_disabled(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    stored: list[dict[str, str]],
    hass_ws_client: WebSocketGenerator,
) -> None:
    """The removal of an entry that this Home Assistant has never set up takes the module along."""
    stored.append({"id": "ours", "type": "module", "url": f"{PATH}?v=old"})
    await set_up_dashboards(hass, {})
    await hass.config_entries.async_set_disabled_by(
        config_entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.config_entries.async_remove(config_entry.entry_id)
    assert await listed(hass, hass_ws_client) == [OTHER["url"]]


async def test_resources_in_yaml(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    hass_ws_client: WebSocketGenerator,
    hass_client: ClientSessionGenerator,
) -> None:
    """The page itself loads the module where an owner writes the resources, until the end."""
    hass_storage["onboarding"] = {
        "version": 4,
        "key": "onboarding",
        "data": {"done": ["user", "core_config", "analytics", "integration"]},
    }
    written = [{"type": "module", "url": "/local/other.js"}]
    await set_up_dashboards(hass, {"mode": "yaml", "resources": written})
    await set_up(hass, config_entry)
    await hass.config_entries.async_reload(config_entry.entry_id)
    assert await listed(hass, hass_ws_client) == ["/local/other.js"]
    page = await (await (await hass_client()).get("/")).text()
    assert PATH in page

    await hass.config_entries.async_remove(config_entry.entry_id)
    page = await (await (await hass_client()).get("/")).text()
    assert PATH not in page


async def test_no_frontend(
    hass: HomeAssistant, emulator: Emulator, config_entry: MockConfigEntry
) -> None:
    """A Home Assistant without dashboards does without a card."""
    await set_up(hass, config_entry)
    assert await hass.config_entries.async_remove(config_entry.entry_id)
