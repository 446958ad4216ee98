"""The websocket commands of a named screen."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from .const import DOMAIN
from .errors import translated
from .live.screen import Page, Screen
from .realtime import SAMPLE_RATE
from .websocket_api import Command, CommandRefusedError, async_refuse, runtime_of

# Named screens of one browser window. One is what a page needs.
_MAX_OF_CONNECTION: Final = 4

DATA_SCREENS: HassKey[dict[str, tuple[ActiveConnection, Screen, Page]]] = HassKey(
    f"{DOMAIN}_screens"
)


@callback
def async_setup_screen_websocket(hass: HomeAssistant) -> None:
    """Register the commands; once, whether or not an entry is loaded."""
    hass.data[DATA_SCREENS] = {}
    for command in (websocket_connect, websocket_send):
        websocket_api.async_register_command(hass, command)


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/screen/connect",
        vol.Required("entity_id"): cv.entity_id,
        vol.Required("name"): vol.All(str, vol.Strip, vol.Length(min=1, max=64)),
    }
)
@websocket_api.async_response
async def websocket_connect(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Be a screen, as long as the subscription lasts."""
    try:
        await _async_connect(hass, connection, msg)
    except CommandRefusedError as refused:
        await async_refuse(hass, connection, msg, refused)


async def _async_connect(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    runtime = runtime_of(hass, connection, msg["entity_id"], POLICY_CONTROL)
    screens = hass.data[DATA_SCREENS]
    if sum(each is connection for each, *_ in screens.values()) >= _MAX_OF_CONNECTION:
        raise _refused("too_many_screens", count=str(_MAX_OF_CONNECTION))
    try:
        screen = runtime.screens.async_screen(msg["name"])
    except HomeAssistantError as err:
        raise CommandRefusedError(err.translation_key or "unavailable", err) from None

    @callback
    def tell(event: Mapping[str, Any]) -> None:
        if msg["id"] in connection.subscriptions:
            connection.send_event(msg["id"], event)

    page = Page(tell, connection.user.id)

    @callback
    def hear(_: HomeAssistant, __: ActiveConnection, pcm: bytes) -> None:
        screen.hear(page, pcm)

    page_id = ulid_now()
    handler_id, unregister = connection.async_register_binary_handler(hear)

    @callback
    def leave() -> None:
        unregister()
        screens.pop(page_id, None)
        screen.disconnect(page)

    # Before the first pause: the connection may end in it.
    connection.subscriptions[msg["id"]] = leave
    screens[page_id] = (connection, screen, page)
    try:
        async with asyncio.timeout(runtime.assistant.timing.screen_entity):
            await screen.has_satellite.wait()
    except TimeoutError:
        if connection.subscriptions.pop(msg["id"], None) is leave:
            leave()
            raise _refused("screen_not_ready") from None
        return
    if connection.subscriptions.get(msg["id"]) is not leave:
        return
    screen.connect(page)
    connection.send_result(msg["id"])
    tell(
        {
            "type": "connected",
            "screen": page_id,
            "satellite_id": er.async_get(hass).async_get_entity_id(
                "assist_satellite", DOMAIN, screen.unique_id
            ),
            "binary_handler_id": handler_id,
            "sample_rate": SAMPLE_RATE,
        }
    )


def _refused(key: str, **placeholders: str) -> CommandRefusedError:
    return CommandRefusedError(key, translated(key, **placeholders))


_MESSAGES: Final = vol.Any(
    {vol.Required("type"): "done", vol.Required("id"): str},
    {
        vol.Required("type"): "failed",
        vol.Required("id"): str,
        vol.Optional("failure", default="sound"): vol.In(("sound", "microphone")),
    },
    {vol.Required("type"): vol.In(("run", "stop"))},
)


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/screen/send",
        vol.Required("screen"): str,
        vol.Required("message"): _MESSAGES,
    }
)
@websocket_api.async_response
async def websocket_send(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Tell a screen of this connection something; what comes too late is passed over."""
    owner, screen, page = hass.data[DATA_SCREENS].get(msg["screen"], (None,) * 3)
    if owner is not connection or screen is None:
        refused = CommandRefusedError("not_found", translated("screen_not_found"))
        await async_refuse(hass, connection, msg, refused)
        return
    if page is screen.page:
        _send(screen, msg["message"])
    connection.send_result(msg["id"])


def _send(screen: Screen, message: Mapping[str, Any]) -> None:
    satellite = screen.satellite
    match message["type"]:
        case "done":
            screen.done(message["id"])
        case "failed":
            screen.failed(message["id"], message["failure"])
        case "run" if satellite is not None:
            satellite.async_run()
        case "stop" if satellite is not None:
            satellite.async_stop()
