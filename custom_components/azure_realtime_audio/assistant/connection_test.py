"""A session that is opened to see whether it can be."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..realtime import RealtimeClient
from .settings import build_options


async def async_test_connection(
    hass: HomeAssistant, entry_data: Mapping[str, Any]
) -> None:
    """Open a session with a config entry's data and close it again.

    Raises RealtimeError, of the class that tells what is wrong.
    """
    session = async_get_clientsession(hass)
    async with RealtimeClient(build_options(entry_data), session=session):
        pass
