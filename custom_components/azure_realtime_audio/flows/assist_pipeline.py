"""The Assist pipelines of an assistant's three entities: made once, and mended when those go."""

from collections.abc import Collection, Mapping
from typing import Any

from homeassistant.components import assist_pipeline, stt, tts
from homeassistant.components.assist_pipeline import OPTION_PREFERRED, Pipeline
from homeassistant.components.conversation import (
    DOMAIN as CONVERSATION_DOMAIN,
    HOME_ASSISTANT_AGENT,
)
from homeassistant.components.stt import DOMAIN as STT_DOMAIN
from homeassistant.components.tts import DOMAIN as TTS_DOMAIN
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import language as language_util

from ..const import (
    CONF_CREATE_PIPELINE,
    CONF_PREFER_PIPELINE,
    DOMAIN,
    KIND_STT,
    KIND_TTS,
    LOGGER,
    unique_id,
)
from ..core_internals import async_delete_pipeline, prefer_pipeline, preferred_pipeline
from ..data import AzureRealtimeAudioConfigEntry

_ENGINE_DOMAINS = (CONVERSATION_DOMAIN, STT_DOMAIN, TTS_DOMAIN)


async def async_create_pipelines(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> None:
    """Make the pipelines that were asked for, as soon as their entities exist.

    The wish goes before it is granted: what a user deletes does not come back. From then on
    the pipeline is the user's, as any other, until its assistant is removed.
    """
    for subentry in entry.subentries.values():
        if CONF_CREATE_PIPELINE in subentry.data:
            data = dict(subentry.data)
            is_wanted = data.pop(CONF_CREATE_PIPELINE)
            is_preferred = data.pop(CONF_PREFER_PIPELINE, False)
            hass.config_entries.async_update_subentry(entry, subentry, data=data)
            if is_wanted:
                await _async_create_pipeline(hass, subentry, prefer=is_preferred)


async def _async_create_pipeline(
    hass: HomeAssistant, subentry: ConfigSubentry, *, prefer: bool
) -> None:
    """Make the pipeline of one assistant, in the language of the house, if there is none."""

    def engine(domain: str, kind: str | None = None) -> str:
        entity_id = er.async_get(hass).async_get_entity_id(
            domain, DOMAIN, unique_id(subentry.subentry_id, kind)
        )
        assert entity_id
        return entity_id

    agent = engine(CONVERSATION_DOMAIN)
    ears, voice = engine(STT_DOMAIN, KIND_STT), engine(TTS_DOMAIN, KIND_TTS)
    pipeline = next(
        (
            pipeline
            for pipeline in assist_pipeline.async_get_pipelines(hass)
            if _engines(pipeline) == [agent, ears, voice]
        ),
        None,
    )
    if pipeline is None:
        name = unique_pipeline_name(hass, subentry.title)
        pipeline = await assist_pipeline.async_create_default_pipeline(
            hass, ears, voice, name
        )
        if pipeline is None:
            LOGGER.warning("%s gets no pipeline: it is disabled", subentry.title)
            return
        await assist_pipeline.async_update_pipeline(
            hass,
            pipeline,
            conversation_engine=agent,
            conversation_language=MATCH_ALL,
            # Core prefers a language with the region of the house; the texts here have none.
            stt_language=pipeline.language,
            tts_language=pipeline.language,
            tts_voice=None,  # the assistant's own
        )
    if prefer:
        prefer_pipeline(hass, pipeline.id)


@callback
def first_steps(
    hass: HomeAssistant, name: str, wishes: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """Return the text of how to begin to talk to an assistant that has just been added.

    It is a key of `create_entry`, with the placeholders of its text.
    """
    if not wishes.get(CONF_CREATE_PIPELINE):
        return "default", {"name": name}
    is_preferred = wishes.get(CONF_PREFER_PIPELINE)
    name = unique_pipeline_name(hass, name)
    return "preferred" if is_preferred else "pipeline", {"name": name}


@callback
def unique_pipeline_name(hass: HomeAssistant, name: str) -> str:
    """Return the name with a number behind it where another pipeline has it.

    Satellites choose their pipeline by name, so that the second of a name could not be chosen.
    """
    taken = {pipeline.name for pipeline in assist_pipeline.async_get_pipelines(hass)}
    taken.add(OPTION_PREFERRED)
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name} {number}"
    return unique


@callback
def async_follow_entities(hass: HomeAssistant) -> None:
    """Keep the pipelines right when an entity of ours is removed or gets another id.

    An assistant that is removed while its entry is not loaded tells in no other way.
    """
    gone: set[str] = set()

    async def mend() -> None:
        taken = set(gone)
        gone.clear()
        await async_mend_pipelines(hass, taken)

    @callback
    def on_updated(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        registry = er.async_get(hass)
        if data["action"] == "remove" and data["entity_id"] in _removed(registry):
            gone.add(data["entity_id"])
            # Not at once: the assistant's other entities are about to go as well.
            hass.async_create_task(mend(), f"{DOMAIN} pipelines", eager_start=False)
        elif data["action"] == "update" and "old_entity_id" in data:
            renamed = registry.async_get(data["entity_id"])
            if renamed and renamed.platform == DOMAIN:
                hass.async_create_task(
                    _async_rename(hass, data["old_entity_id"], renamed.entity_id),
                    f"{DOMAIN} pipelines",
                )

    hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, on_updated)


async def async_mend_orphans(hass: HomeAssistant) -> None:
    """Mend the pipelines that assistants left behind while nobody looked."""
    registry = er.async_get(hass)
    gone = _removed(registry)
    for pipeline in assist_pipeline.async_get_pipelines(hass):
        engines = _engines(pipeline)
        name = pipeline.conversation_engine.partition(".")[2]
        made = [pipeline.conversation_engine, f"stt.{name}_ears", f"tts.{name}_voice"]
        if engines == made and not any(registry.async_get(engine) for engine in made):
            gone.update(made)  # the registry forgets removed entities after a month
    await async_mend_pipelines(hass, gone)


async def async_mend_pipelines_of(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Mend the pipelines of an entry that is being removed, with its assistants."""
    registry = er.async_get(hass)
    entities = er.async_entries_for_config_entry(registry, entry.entry_id)
    await async_mend_pipelines(hass, {entity.entity_id for entity in entities})


async def async_mend_pipelines(hass: HomeAssistant, gone: set[str]) -> None:
    """Let no pipeline go on with entities that are gone: it would answer "Oops".

    A pipeline that had no other engines is deleted; satellites that were set to it use the
    preferred one from then on. In others, Home Assistant's own engines take their place. So
    they do in the last pipeline there is, which core does not let go.
    """
    for pipeline in assist_pipeline.async_get_pipelines(hass):
        engines = [engine for engine in _engines(pipeline) if engine]
        if not any(engine in gone for engine in engines):
            continue
        is_useless = all(engine in gone for engine in engines)
        if is_useless and _prefer_another(hass, pipeline, gone):
            await async_delete_pipeline(hass, pipeline.id)
            LOGGER.info("The pipeline %s went with its assistant", pipeline.name)
        else:
            await _async_repair(hass, pipeline, gone)


@callback
def _prefer_another(hass: HomeAssistant, pipeline: Pipeline, gone: set[str]) -> bool:
    """Make another pipeline the preferred one if it is this; return whether there is one."""
    if preferred_pipeline(hass) != pipeline.id:
        return True
    for other in assist_pipeline.async_get_pipelines(hass):
        if other.id != pipeline.id and not gone & set(_engines(other)):
            prefer_pipeline(hass, other.id)
            return True
    return False


async def _async_repair(
    hass: HomeAssistant, pipeline: Pipeline, gone: set[str]
) -> None:
    """Put Home Assistant's own engines in the place of those that are gone."""
    language = pipeline.language
    changes: dict[str, Any] = {}
    if pipeline.conversation_engine in gone:
        changes["conversation_engine"] = HOME_ASSISTANT_AGENT
        changes["conversation_language"] = language
    if pipeline.stt_engine in gone:
        changes["stt_engine"] = changes["stt_language"] = None
        engine_id = stt.async_default_engine(hass)
        if engine_id and engine_id not in gone:
            ears = stt.async_get_speech_to_text_engine(hass, engine_id)
            if ears and (spoken := _spoken(hass, language, ears.supported_languages)):
                changes |= {"stt_engine": engine_id, "stt_language": spoken}
    if pipeline.tts_engine in gone:
        changes |= {"tts_engine": None, "tts_language": None, "tts_voice": None}
        engine_id = tts.async_default_engine(hass)
        if engine_id and engine_id not in gone:
            voice = tts.get_engine_instance(hass, engine_id)
            if voice and (spoken := _spoken(hass, language, voice.supported_languages)):
                changes |= {"tts_engine": engine_id, "tts_language": spoken}
    await assist_pipeline.async_update_pipeline(hass, pipeline, **changes)
    LOGGER.info("The pipeline %s goes on without its assistant", pipeline.name)


async def _async_rename(hass: HomeAssistant, old: str, new: str) -> None:
    """Let the pipelines follow an entity that got another id."""
    for pipeline in assist_pipeline.async_get_pipelines(hass):
        fields = ("conversation_engine", "stt_engine", "tts_engine")
        changes: dict[str, Any] = {
            field: new for field in fields if getattr(pipeline, field) == old
        }
        if changes:
            await assist_pipeline.async_update_pipeline(hass, pipeline, **changes)


def _engines(pipeline: Pipeline) -> list[str | None]:
    """Return the ids of a pipeline's agent, ears and voice."""
    return [pipeline.conversation_engine, pipeline.stt_engine, pipeline.tts_engine]


def _removed(registry: er.EntityRegistry) -> set[str]:
    """Return the ids of entities of ours that are no more, and that no other entity has."""
    return {
        entity.entity_id
        for entity in registry.deleted_entities.values()
        if entity.platform == DOMAIN
        and entity.domain in _ENGINE_DOMAINS
        and not registry.async_get(entity.entity_id)
    }


def _spoken(
    hass: HomeAssistant, language: str, supported: Collection[str]
) -> str | None:
    """Return which of an engine's languages is that of a pipeline."""
    if language in supported:  # core would prefer the region of the house
        return language
    matches = language_util.matches(language, supported, country=hass.config.country)
    return matches[0] if matches else None
