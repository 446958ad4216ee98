"""The scripts' connection to Home Assistant: no script waits for an event that will not come."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from script import home_assistant


@websocket_api.websocket_command({"type": "test/fails_late"})
@websocket_api.async_response
async def fail_late(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Accept, tell an event, and fail."""
    connection.send_result(msg["id"])
    connection.send_event(msg["id"], {"is_begun": True})
    raise HomeAssistantError("The voice is not there")


@pytest.fixture
async def house(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, hass_access_token: str
) -> AsyncGenerator[home_assistant.HomeAssistant]:
    """Connect as the scripts do."""
    for domain in ("api", "auth", "websocket_api"):
        assert await async_setup_component(hass, domain, {})
    websocket_api.async_register_command(hass, fail_late)
    client = await hass_client()
    url = str(client.make_url("")).rstrip("/")
    async with home_assistant.connected(url, hass_access_token) as house:
        yield house


async def test_fails_late(house: home_assistant.HomeAssistant) -> None:
    """A command that fails after its first event says so, and the next one works."""
    events = await house.events("test/fails_late")
    async with asyncio.timeout(5):
        assert await anext(events) == {"is_begun": True}
        with pytest.raises(home_assistant.SetupError, match="The voice is not there"):
            await anext(events)
        assert (await house.command("get_config"))["location_name"]


async def test_hours_later(
    house: home_assistant.HomeAssistant,
    hass: HomeAssistant,
    hass_access_token: str,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A long run can log in when the login that it began with is not good any more."""
    lasting = await house.lasting_token()
    async with home_assistant.connected(house.url, lasting) as again:
        assert (await again.command("get_config"))["location_name"]
        assert await again.rest("GET", "states") == []
    freezer.tick(timedelta(hours=12))
    assert hass.auth.async_validate_access_token(hass_access_token) is None
    assert hass.auth.async_validate_access_token(lasting) is not None


# aiohttp's own, at the end that hangs up: its heartbeat.
@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_hangs_up(
    house: home_assistant.HomeAssistant, hass: HomeAssistant, hass_access_token: str
) -> None:
    """A program that waits for events hears of the end of the connection."""
    events = await house.events("subscribe_events")
    token = hass.auth.async_validate_access_token(hass_access_token)
    assert token is not None
    hass.auth.async_remove_refresh_token(token)
    async with asyncio.timeout(5):
        with pytest.raises(home_assistant.SetupError, match="hung up"):
            async for _ in events:
                pass
