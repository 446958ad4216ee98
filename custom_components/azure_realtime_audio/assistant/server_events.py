"""Server events on the event bus, for automations."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import HomeAssistant, callback

from ..const import EVENT_SERVER_EVENT
from ..realtime import RealtimeClient
from .secrets import SecretFilter


@callback
def async_fire_server_events(
    hass: HomeAssistant,
    client: RealtimeClient,
    agent_id: Callable[[], str | None],
    secrets: SecretFilter,
) -> None:
    """Fire every event that the service sends to a client, without audio and secrets.

    ``agent_id`` returns the entity id of the assistant, which the user may change.
    """

    @callback
    def on_event(event: Mapping[str, Any]) -> None:
        if event["type"] == "response.output_audio.delta":
            return
        hass.bus.async_fire(
            EVENT_SERVER_EVENT,
            {
                "entity_id": agent_id(),
                "type": event["type"],
                "event": secrets(_without_audio(event)),
            },
        )

    client.on("*", on_event)


def _without_audio(value: Any) -> Any:
    """Copy an event, less the base64 of its audio (a config under that key stays)."""
    if isinstance(value, Mapping):
        return {
            key: _without_audio(item)
            for key, item in value.items()
            if not (key == "audio" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_without_audio(item) for item in value]
    return value
