"""A session that is opened to see whether it can be."""

from collections.abc import Mapping
from dataclasses import dataclass
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..realtime import Dialect, RealtimeClient
from .settings import build_options


async def async_test_connection(
    hass: HomeAssistant, entry_data: Mapping[str, Any]
) -> str | None:
    """Open a session with a config entry's data and close it again.

    Returns the name of the model, if the service tells it. Raises RealtimeError, of the
    class that tells what is wrong.
    """
    session = async_get_clientsession(hass)
    async with RealtimeClient(build_options(entry_data), session=session) as client:
        return model_name(client.current_session)


@dataclass(frozen=True, slots=True)
class ConnectionFigures:
    """What a session was like: ``round_trip_ms`` is the time of one command in it."""

    dialect: Dialect
    model: str | None
    round_trip_ms: int


async def async_measure_connection(client: RealtimeClient) -> ConnectionFigures:
    """Open a session, time a command that changes nothing, and close the session again.

    Raises RealtimeError.
    """
    async with client:
        began = time.monotonic()
        await client.clear_audio_buffer()
        milliseconds = (time.monotonic() - began) * 1000
        return ConnectionFigures(
            client.dialect, model_name(client.current_session), round(milliseconds)
        )


def model_name(session: Mapping[str, Any]) -> str | None:
    """Return the model that the service names in a session."""
    model = session.get("model")
    return model if model and isinstance(model, str) else None
