"""A voice satellite whose microphone and speaker are at the other end of a websocket."""

from collections.abc import Callable
from typing import Any, override

from homeassistant.components import websocket_api
from homeassistant.components.assist_pipeline import PipelineEvent
from homeassistant.components.assist_satellite import (
    AssistSatelliteAnnouncement,
    AssistSatelliteConfiguration,
    AssistSatelliteEntity,
    AssistSatelliteEntityFeature,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
import voluptuous as vol

from . import DOMAIN, microphone


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    """Add the satellite, and the commands that speak to it."""
    satellite = ChainSatellite()
    add([satellite])

    @websocket_api.websocket_command(
        {
            vol.Required("type"): "chain/satellite",
            vol.Required("output"): dict,
            vol.Required("is_new"): bool,
        }
    )
    @websocket_api.async_response
    async def run(
        hass: HomeAssistant,
        connection: websocket_api.ActiveConnection,
        msg: dict[str, Any],
    ) -> None:
        """Run the preferred pipeline; ``is_new`` forgets the conversation before."""
        satellite.output = msg["output"]
        satellite.listener = lambda event: connection.send_event(msg["id"], event)
        if msg["is_new"]:
            satellite.forget_conversation()
        with microphone(connection, msg["id"]) as audio:
            await satellite.async_accept_pipeline_from_satellite(audio)

    @websocket_api.websocket_command({vol.Required("type"): "chain/satellite_played"})
    @callback
    def played(
        hass: HomeAssistant,
        connection: websocket_api.ActiveConnection,
        msg: dict[str, Any],
    ) -> None:
        """Say that the reply has been played to its end."""
        satellite.tts_response_finished()
        connection.send_result(msg["id"])

    websocket_api.async_register_command(hass, run)
    websocket_api.async_register_command(hass, played)


class ChainSatellite(AssistSatelliteEntity):
    """A satellite that passes the events of its pipeline to a listener."""

    _attr_name = "Satellite"
    _attr_unique_id = "satellite"
    _attr_supported_features = AssistSatelliteEntityFeature.START_CONVERSATION
    _attr_device_info = DeviceInfo(
        identifiers={(DOMAIN, "satellite")}, name="Satellite"
    )

    def __init__(self) -> None:
        """Start without a listener."""
        self.output: dict[str, Any] = {}
        self.listener: Callable[[PipelineEvent], None] = lambda _event: None

    def forget_conversation(self) -> None:
        """Begin a new conversation with the next run."""
        self._conversation_id = None

    @property
    @override
    def tts_options(self) -> dict[str, Any]:
        """Return the format that the player takes."""
        return self.output

    @callback
    @override
    def on_pipeline_event(self, event: PipelineEvent) -> None:
        """Pass the event to the listener."""
        self.listener(event)

    @callback
    @override
    def async_get_configuration(self) -> AssistSatelliteConfiguration:
        """Return a configuration without wake words."""
        return AssistSatelliteConfiguration([], [], 0)

    @override
    async def async_set_configuration(
        self, config: AssistSatelliteConfiguration
    ) -> None:
        """Ignore the configuration: the satellite has no wake words."""

    @override
    async def async_start_conversation(
        self, start_announcement: AssistSatelliteAnnouncement
    ) -> None:
        """Return at once, as if the announcement had been played."""
