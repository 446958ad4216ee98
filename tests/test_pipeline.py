"""The Assist pipeline that the flows make of an assistant's three entities."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.assist_pipeline import Pipeline, async_get_pipelines
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.const import CONF_API_KEY, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.const import (
    CONF_CREATE_PIPELINE,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from emulator import Emulator, Reply

from .satellite import EARS, VOICE, Satellite, new_conversation
from .talk import AGENT


@pytest.fixture(autouse=True)
async def house(hass: HomeAssistant) -> None:
    """Have the pipeline that every house has."""
    assert await async_setup_component(hass, "assist_pipeline", {})


async def make_entry(
    hass: HomeAssistant, emulator: Emulator, **fields: Any
) -> ConfigEntry:
    """Go through the flow of a new entry as it is offered, but for these fields."""
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    form = {
        CONF_HOST_NAME: emulator.url,
        CONF_DEPLOYMENT: emulator.deployment,
        CONF_API_KEY: emulator.api_key,
        "advanced": {},
        **fields,
    }
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], form)
    await hass.async_block_till_done()
    return done["result"]


async def add_assistant(
    hass: HomeAssistant, entry: ConfigEntry, name: str, **fields: Any
) -> None:
    """Go through the flow of another assistant as it is offered, but for these fields."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_CONVERSATION), context={"source": SOURCE_USER}
    )
    form: dict[str, Any] = {CONF_NAME: name, **fields}
    form |= {"listening": {}, "speaking": {}, "automations": {}}
    await hass.config_entries.subentries.async_configure(flow["flow_id"], form)
    await hass.async_block_till_done()


def made(hass: HomeAssistant) -> list[Pipeline]:
    """Return the pipelines that are not Home Assistant's own."""
    return async_get_pipelines(hass)[1:]


def engines(pipeline: Pipeline) -> Mapping[str, Any]:
    """Return what a pipeline is made of."""
    keys = ("conversation_engine", "stt_engine", "tts_engine")
    return {key: value for key, value in pipeline.to_json().items() if key in keys}


async def test_one_flow_later(hass: HomeAssistant, emulator: Emulator) -> None:
    """The flow as it is offered leaves a pipeline that can be talked to."""
    entry = await make_entry(hass, emulator)

    [pipeline] = made(hass)
    assert pipeline.name == "Azure Realtime"
    assert pipeline.language == pipeline.stt_language == pipeline.tts_language == "en"
    assert pipeline.conversation_language == "*"
    assert pipeline.tts_voice is None
    assert not pipeline.prefer_local_intents
    assert engines(pipeline) == {
        "conversation_engine": AGENT,
        "stt_engine": EARS,
        "tts_engine": VOICE,
    }
    [assistant] = entry.subentries.values()
    assert dict(assistant.data) == dict(DEFAULT_ASSISTANT)
    assert len(emulator.handshakes) == 2  # the flow's, and one set-up's

    emulator.replies.append(Reply(text="Yes"))
    run = await Satellite(hass, new_conversation(), pipeline.id).run()
    assert run.error is None
    assert run.answer == "Yes"
    assert run.pcm


async def test_not_wanted(hass: HomeAssistant, emulator: Emulator) -> None:
    """A person who takes the tick away gets no pipeline."""
    entry = await make_entry(hass, emulator, **{CONF_CREATE_PIPELINE: False})
    await add_assistant(hass, entry, "Jeeves", **{CONF_CREATE_PIPELINE: False})

    assert made(hass) == []
    assert all(
        CONF_CREATE_PIPELINE not in assistant.data
        for assistant in entry.subentries.values()
    )


async def test_another_assistant(hass: HomeAssistant, emulator: Emulator) -> None:
    """Another assistant gets one of its own, with one reload."""
    entry = await make_entry(hass, emulator)
    await add_assistant(hass, entry, "Jeeves")

    first, second = made(hass)
    assert second.name == "Jeeves"
    assert engines(first)["stt_engine"] == EARS
    assert engines(second) == {
        "conversation_engine": "conversation.jeeves",
        "stt_engine": "stt.jeeves_ears",
        "tts_engine": "tts.jeeves_voice",
    }
    assert len(emulator.handshakes) == 3


async def test_in_the_language_of_the_house(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """The ears and the voice are set to Home Assistant's language."""
    hass.config.language = "nl"
    await make_entry(hass, emulator)

    [pipeline] = made(hass)
    assert pipeline.language == pipeline.stt_language == pipeline.tts_language == "nl"


async def test_deleted_stays_deleted(
    hass: HomeAssistant, emulator: Emulator, hass_ws_client: WebSocketGenerator
) -> None:
    """What the user deletes does not come back, whatever is reloaded or changed."""
    entry = await make_entry(hass, emulator)
    [pipeline] = made(hass)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "assist_pipeline/pipeline/delete", "pipeline_id": pipeline.id}
    )
    assert (await client.receive_json())["success"]

    await hass.config_entries.async_reload(entry.entry_id)
    await add_assistant(hass, entry, "Jeeves", **{CONF_CREATE_PIPELINE: False})
    assert entry.state is ConfigEntryState.LOADED
    assert made(hass) == []


async def test_stays_without_its_assistant(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """A pipeline is the user's: it goes when the user wants it to."""
    entry = await make_entry(hass, emulator)
    await hass.config_entries.async_remove(entry.entry_id)
    assert len(made(hass)) == 1


async def test_service_away(hass: HomeAssistant, emulator: Emulator) -> None:
    """A set-up that has to be tried again makes the pipeline in the end, and once."""
    entry = await make_entry(hass, emulator, **{CONF_CREATE_PIPELINE: False})
    emulator.faults.add("http_503")
    await add_assistant(hass, entry, "Jeeves")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert made(hass) == []

    emulator.faults.clear()
    await hass.config_entries.async_reload(entry.entry_id)
    assert [pipeline.name for pipeline in made(hass)] == ["Jeeves"]


async def test_disabled_entities(
    hass: HomeAssistant, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """An assistant whose entities begin disabled has nothing to make a pipeline of."""
    entry = await make_entry(hass, emulator, **{CONF_CREATE_PIPELINE: False})
    hass.config_entries.async_update_entry(entry, pref_disable_new_entities=True)
    await hass.async_block_till_done()
    await add_assistant(hass, entry, "Jeeves")

    assert made(hass) == []
    assert "Jeeves gets no pipeline" in caplog.text


async def test_restart(hass: HomeAssistant, emulator: Emulator) -> None:
    """An entry that is loaded again does not have its pipeline made again."""
    entry = await make_entry(hass, emulator)
    for disabled_by in (ConfigEntryDisabler.USER, None):
        await hass.config_entries.async_set_disabled_by(entry.entry_id, disabled_by)
        await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert len(made(hass)) == 1
