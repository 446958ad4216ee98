"""What every entity of an assistant has in common, and every entity of a screen."""

from typing import override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity

from .const import CONF_DEPLOYMENT, DOMAIN, unique_id
from .data import AssistantRuntime
from .live.screen import Screen


class AssistantEntity(Entity):
    """An entity of one assistant: on its device, pushed and available as it is."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    # What tells the unique ids of an assistant's entities apart; the agent's has none.
    kind: str | None = None

    def __init__(self, runtime: AssistantRuntime) -> None:
        """Hang the entity on the assistant's device, under a unique id of its kind."""
        self.runtime = runtime
        self.assistant = assistant = runtime.assistant
        self.turns = runtime.turns
        self._attr_unique_id = unique_id(assistant.subentry.subentry_id, self.kind)
        model, model_id = self._model()
        self._attr_device_info = DeviceInfo(
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, assistant.subentry.subentry_id)},
            manufacturer="Microsoft Azure",
            model=model,
            model_id=model_id,
            name=assistant.subentry.title,
        )

    @property
    @override
    def available(self) -> bool:
        """Whether the service can be reached."""
        return self.assistant.available

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the assistant's status and availability."""
        await super().async_added_to_hass()
        self.async_on_remove(self.assistant.async_add_listener(self._async_on_change))

    @callback
    def _async_on_change(self) -> None:
        """Show what has changed, on the page of the device as well."""
        device, (model, model_id) = self.device_entry, self._model()
        if isinstance(device, dr.DeviceEntry) and device.model != model:
            dr.async_get(self.hass).async_update_device(
                device.id, model=model, model_id=model_id
            )
        self.async_write_ha_state()

    def _model(self) -> tuple[str, str | None]:
        """Return the model that the service names, and the deployment where its name is another."""
        deployment: str = self.assistant.entry.data[CONF_DEPLOYMENT]
        model = self.assistant.model or deployment
        return model, deployment if model != deployment else None


def screen_device(runtime: AssistantRuntime, screen: Screen) -> DeviceInfo:
    """Return the device of a screen, which has an area of its own."""
    assistant = runtime.assistant
    info = DeviceInfo(
        identifiers={(DOMAIN, screen.unique_id)},
        manufacturer="Azure Realtime Audio",
        model="Screen",
        name=screen.name,
    )
    parent = dr.async_get(assistant.hass).async_get_device_by_identifier(
        (DOMAIN, assistant.subentry.subentry_id), assistant.entry.entry_id
    )
    if parent is not None:
        info["via_device_id"] = parent.id
    return info
