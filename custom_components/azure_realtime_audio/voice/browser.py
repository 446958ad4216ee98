"""Whether a reply is for a browser at home, which says nothing of what it plays best."""

from ipaddress import ip_address
import re
from typing import Final

from aiohttp.hdrs import USER_AGENT
from homeassistant.components.websocket_api import current_connection
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import current_request
from homeassistant.helpers.network import is_cloud_connection
from homeassistant.util.network import is_local

# Those that have been heard playing a WAV without a length. Safari, and with it every browser of
# an iPhone (CriOS, FxiOS), has neither word.
_HEARD_BROWSERS: Final = re.compile(r"(Chrome|Firefox)/")
# Home Assistant's apps log in under addresses below this one; a browser under its instance's own.
_APPS: Final = "https://home-assistant.io/"


def is_browser_at_home(hass: HomeAssistant) -> bool:
    """Return whether a browser at home has asked for what is being done now."""
    connection, request = current_connection.get(), current_request.get()
    if connection is None or request is None:
        return False
    return (
        _HEARD_BROWSERS.search(request.headers.get(USER_AGENT, "")) is not None
        and _has_logged_in_here(hass, connection.refresh_token_id)
        and _is_at_home(hass, connection.remote)
    )


def _has_logged_in_here(hass: HomeAssistant, token_id: str | None) -> bool:
    token = token_id and hass.auth.async_get_refresh_token(token_id)
    # A token that a person made by hand, for a program, has no client.
    return bool(token and token.client_id and not token.client_id.startswith(_APPS))


def _is_at_home(hass: HomeAssistant, remote: str | None) -> bool:
    """Return whether the way to the browser has room for an uncompressed reply."""
    if remote is None or is_cloud_connection(hass):
        return False
    try:
        return is_local(ip_address(remote))
    except ValueError:
        return False
