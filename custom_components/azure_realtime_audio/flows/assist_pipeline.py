"""The Assist pipeline of an assistant's three entities, made for the user once."""

from homeassistant.components import assist_pipeline
from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN
from homeassistant.components.stt import DOMAIN as STT_DOMAIN
from homeassistant.components.tts import DOMAIN as TTS_DOMAIN
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from ..const import CONF_CREATE_PIPELINE, DOMAIN, KIND_STT, KIND_TTS, LOGGER, unique_id
from ..data import AzureRealtimeAudioConfigEntry


async def async_create_pipelines(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> None:
    """Make the pipelines that were asked for, as soon as their entities exist.

    The wish goes before it is granted: what a user deletes does not come back. From then on
    the pipeline is the user's, as any other; it stays when the assistant is removed, since
    satellites may be set to it.
    """
    for subentry in entry.subentries.values():
        if CONF_CREATE_PIPELINE in subentry.data:
            data = dict(subentry.data)
            is_wanted = data.pop(CONF_CREATE_PIPELINE)
            hass.config_entries.async_update_subentry(entry, subentry, data=data)
            if is_wanted:
                await _async_create_pipeline(hass, subentry)


async def _async_create_pipeline(hass: HomeAssistant, subentry: ConfigSubentry) -> None:
    """Make the pipeline of one assistant, in the language of the house."""

    def engine(domain: str, kind: str | None = None) -> str:
        entity_id = er.async_get(hass).async_get_entity_id(
            domain, DOMAIN, unique_id(subentry.subentry_id, kind)
        )
        assert entity_id
        return entity_id

    pipeline = await assist_pipeline.async_create_default_pipeline(
        hass,
        engine(STT_DOMAIN, KIND_STT),
        engine(TTS_DOMAIN, KIND_TTS),
        subentry.title,
    )
    if pipeline is None:
        LOGGER.warning("%s gets no pipeline: it is disabled", subentry.title)
        return
    await assist_pipeline.async_update_pipeline(
        hass,
        pipeline,
        conversation_engine=engine(CONVERSATION_DOMAIN),
        conversation_language=MATCH_ALL,
        # Core prefers a language with the region of the house; the texts here have none.
        stt_language=pipeline.language,
        tts_language=pipeline.language,
        tts_voice=None,  # the assistant's own
    )
