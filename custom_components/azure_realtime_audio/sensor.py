"""The sensors: what the assistant is doing now, and how long it took to answer."""

from collections.abc import Mapping
from typing import override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import KIND_LATENCY, KIND_STATUS
from .data import AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity
from .realtime import ModelStatus

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each assistant."""
    for subentry_id, runtime in entry.runtime_data.items():
        async_add_entities(
            [StatusSensor(runtime), LatencySensor(runtime)],
            config_subentry_id=subentry_id,
        )


class StatusSensor(AssistantEntity, SensorEntity):
    """Idle, listening, thinking or speaking: the most active of the sessions."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = [status.value for status in ModelStatus]
    _attr_translation_key = "status"
    kind = KIND_STATUS

    @property
    @override
    def native_value(self) -> str:
        """The status now."""
        return self.assistant.status.value


class LatencySensor(AssistantEntity, RestoreSensor):
    """From the end of what was said to the first sound that was sent, in the last turn.

    The end is when turn detection found it. Unknown until the first spoken turn, and kept
    when the assistant is loaded anew. A player is heard later, when it has enough to begin
    with; none tells when.
    """

    _attr_device_class = SensorDeviceClass.DURATION
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_native_unit_of_measurement = UnitOfTime.MILLISECONDS
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_translation_key = "latency"
    kind = KIND_LATENCY

    @override
    async def async_added_to_hass(self) -> None:
        """Go on with the time of before, unless a turn has been faster."""
        await super().async_added_to_hass()
        before = await self.async_get_last_sensor_data()
        if before and isinstance(before.native_value, int):
            if self.assistant.latency_ms is None:
                self.assistant.latency_ms = before.native_value

    @property
    @override
    def native_value(self) -> int | None:
        """The latest time, in ms."""
        return self.assistant.latency_ms

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, str]:
        """Between which moments."""
        return {"measured_from": "end_of_speech", "measured_to": "first_sound_sent"}
