"""Which Assist pipeline speaks and listens at a screen."""

from functools import partial

from homeassistant.components.assist_pipeline import (
    AssistPipelineSelect,
    async_get_pipelines,
)
from homeassistant.components.tts import DOMAIN as TTS_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN, KIND_TTS, unique_id
from .data import AssistantRuntime, AzureRealtimeAudioConfigEntry
from .entity import screen_device
from .live.screen import Screen

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the choice of each screen, and of those that are named later."""

    @callback
    def add(subentry_id: str, runtime: AssistantRuntime, screen: Screen) -> None:
        async_add_entities(
            [ScreenPipelineSelect(hass, runtime, screen)],
            config_subentry_id=subentry_id,
        )

    for subentry_id, runtime in entry.runtime_data.items():
        entry.async_on_unload(
            runtime.screens.async_follow(partial(add, subentry_id, runtime))
        )


def pipeline_select_id(screen: Screen) -> str:
    """Return the unique id of the select entity of a screen's pipeline."""
    return f"{screen.unique_id}-pipeline"  # as core makes it


class ScreenPipelineSelect(AssistPipelineSelect):
    """The pipeline of a screen: that of its assistant, until a person chooses another."""

    _attr_has_entity_name = True

    def __init__(
        self, hass: HomeAssistant, runtime: AssistantRuntime, screen: Screen
    ) -> None:
        """Begin with a pipeline that speaks in the assistant's voice, if there is one."""
        super().__init__(hass, DOMAIN, screen.unique_id)
        self._attr_device_info = screen_device(runtime, screen)
        if (own := _own_pipeline(hass, runtime)) is not None:
            self._attr_current_option = own


def _own_pipeline(hass: HomeAssistant, runtime: AssistantRuntime) -> str | None:
    """Return the name of the assistant's pipeline, at best one with its mind as well."""
    assistant = runtime.assistant
    voice = er.async_get(hass).async_get_entity_id(
        TTS_DOMAIN, DOMAIN, unique_id(assistant.subentry.subentry_id, KIND_TTS)
    )
    spoken = [
        pipeline
        for pipeline in async_get_pipelines(hass)
        if voice is not None and pipeline.tts_engine == voice
    ]
    spoken.sort(key=lambda pipeline: pipeline.conversation_engine != assistant.agent_id)
    return spoken[0].name if spoken else None
