"""The websocket command that shows the turns which others have with an assistant."""

from collections.abc import Mapping
from typing import Any

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import voluptuous as vol

from .assistant.assistant import Assistant
from .assistant.telling import TurnEvent
from .const import DOMAIN
from .websocket_api import Command, CommandRefusedError, async_refuse, runtime_of

_AWAY = "away"


@callback
def async_setup_watch_websocket(hass: HomeAssistant) -> None:
    """Register the command; once, whether or not an entry is loaded."""
    websocket_api.async_register_command(hass, websocket_watch)


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/watch",
        vol.Required("entity_id"): cv.entity_id,
        vol.Optional("language"): vol.All(str, vol.Length(max=64)),
    }
)
@websocket_api.async_response
async def websocket_watch(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Tell what goes on in the turns of an assistant, as long as the subscription lasts."""
    try:
        runtime = runtime_of(hass, connection, msg["entity_id"], POLICY_READ)
    except CommandRefusedError as refused:
        await async_refuse(hass, connection, msg, refused)
        return
    watch = Watch(hass, connection, msg)
    connection.subscriptions[msg["id"]] = watch.async_stop
    connection.send_result(msg["id"])
    watch.async_start(runtime.assistant)


class Watch:
    """One browser that looks on. A reload of the assistant is a short absence to it."""

    def __init__(
        self, hass: HomeAssistant, connection: ActiveConnection, msg: Command
    ) -> None:
        """Begin with no assistant."""
        self._hass = hass
        self._connection = connection
        self._number: int = msg["id"]
        self._entity_id: str = msg["entity_id"]
        self._assistant: Assistant | None = None
        self._status = _AWAY
        self._of_assistant: list[CALLBACK_TYPE] = []
        self._stop_waiting: CALLBACK_TYPE | None = None

    @callback
    def async_start(self, assistant: Assistant) -> None:
        """Tell who is watched, and what it does from now on."""
        self._follow(assistant)
        self._status = _status(assistant)
        started = {"type": "started", "name": assistant.name, "status": self._status}
        self._tell(started)
        self._stop_waiting = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._on_entry
        )

    @callback
    def async_stop(self) -> None:
        """Tell nothing any more."""
        self._leave()
        if self._stop_waiting is not None:
            self._stop_waiting()

    def _tell(self, event: Mapping[str, Any]) -> None:
        user = self._connection.user
        if user.permissions.check_entity(self._entity_id, POLICY_READ):
            self._connection.send_event(self._number, event)

    def _follow(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._of_assistant = [
            assistant.turn_events.add(self._on_turn),
            assistant.async_add_listener(self._on_assistant),
            assistant.closing.add(self._on_closing),
        ]

    def _leave(self) -> None:
        for end in self._of_assistant:
            end()
        self._of_assistant = []
        self._assistant = None

    @callback
    def _on_turn(self, told: TurnEvent) -> None:
        self._tell({**told.event, "turn_id": told.turn_id})

    @callback
    def _on_assistant(self) -> None:
        status = _AWAY if self._assistant is None else _status(self._assistant)
        if status != self._status:
            self._status = status
            self._tell({"type": "status", "status": status})

    @callback
    def _on_closing(self) -> None:
        self._leave()
        self._on_assistant()

    @callback
    def _on_entry(self, _: object, entry: ConfigEntry[Any]) -> None:
        """Look on again when the assistant is back."""
        if self._assistant is not None or entry.domain != DOMAIN:
            return
        try:
            runtime = runtime_of(
                self._hass, self._connection, self._entity_id, POLICY_READ
            )
        except CommandRefusedError, Unauthorized:
            return
        self._follow(runtime.assistant)
        self._on_assistant()


def _status(assistant: Assistant) -> str:
    return str(assistant.status) if assistant.available else _AWAY
