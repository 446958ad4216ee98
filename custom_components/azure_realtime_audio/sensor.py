"""The sensors: what the assistant is doing now, and how long it took to answer."""

from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assistant.assistant import Assistant, AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity
from .realtime import ModelStatus

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each assistant."""
    for subentry_id, assistant in entry.runtime_data.items():
        async_add_entities(
            [StatusSensor(assistant), LatencySensor(assistant)],
            config_subentry_id=subentry_id,
        )


class StatusSensor(AssistantEntity, SensorEntity):
    """Idle, listening, thinking or speaking: the most active of the sessions."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = [status.value for status in ModelStatus]
    _attr_translation_key = "status"

    def __init__(self, assistant: Assistant) -> None:
        """Name the sensor after the assistant's subentry."""
        super().__init__(assistant)
        self._attr_unique_id = f"{assistant.subentry.subentry_id}_status"

    @property
    @override
    def native_value(self) -> str:
        """The status now."""
        return self.assistant.status.value


class LatencySensor(AssistantEntity, SensorEntity):
    """From the end of what was said to the first sound of the answer, in the last turn.

    The end is when turn detection found it. Unknown until the first spoken turn.
    """

    _attr_device_class = SensorDeviceClass.DURATION
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_native_unit_of_measurement = UnitOfTime.MILLISECONDS
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_translation_key = "latency"

    def __init__(self, assistant: Assistant) -> None:
        """Name the sensor after the assistant's subentry."""
        super().__init__(assistant)
        self._attr_unique_id = f"{assistant.subentry.subentry_id}_latency"

    @property
    @override
    def native_value(self) -> int | None:
        """The latest time, in ms."""
        return self.assistant.latency_ms
