"""The Assist pipeline that the flows make of an assistant's three entities."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.assist_pipeline import (
    Pipeline,
    async_get_pipelines,
    async_update_pipeline,
)
from homeassistant.components.assist_pipeline.pipeline import async_get_pipeline
from homeassistant.components.assist_pipeline.runtime import KEY_ASSIST_PIPELINE
from homeassistant.components.conversation import HOME_ASSISTANT_AGENT, async_converse
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.const import CONF_API_KEY, CONF_NAME
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.const import (
    CONF_CREATE_PIPELINE,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    CONF_PREFER_PIPELINE,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from emulator import Emulator, Reply

from .conftest import API_KEY
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


async def test_goes_with_its_assistant(
    hass: HomeAssistant, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipeline of which no engine is left is deleted, another assistant's is not."""
    entry = await make_entry(hass, emulator)
    await add_assistant(hass, entry, "Jeeves")
    first, _ = entry.subentries
    hass.config_entries.async_remove_subentry(entry, first)
    await hass.async_block_till_done()
    assert [pipeline.name for pipeline in made(hass)] == ["Jeeves"]

    await hass.config_entries.async_remove(entry.entry_id)
    assert made(hass) == []
    assert "Jeeves went with its assistant" in caplog.text


async def test_removed_while_the_service_is_away(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """An assistant whose entry is not loaded takes its pipeline along as well."""
    entry = await make_entry(hass, emulator)
    emulator.faults.add("http_503")
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    [subentry_id] = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert made(hass) == []


@pytest.mark.parametrize("by", ["entry", "subentry"])
async def test_preferred_pipeline_goes(
    hass: HomeAssistant, emulator: Emulator, by: str
) -> None:
    """Home Assistant's own pipeline is the preferred one once an assistant's has gone."""
    entry = await make_entry(hass, emulator, **{CONF_PREFER_PIPELINE: True})
    assert async_get_pipeline(hass, None).name == "Azure Realtime"
    if by == "entry":
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        [subentry_id] = entry.subentries
        hass.config_entries.async_remove_subentry(entry, subentry_id)
        await hass.async_block_till_done()
    assert made(hass) == []
    assert async_get_pipeline(hass, None).conversation_engine == HOME_ASSISTANT_AGENT


async def test_last_pipeline_is_repaired(
    hass: HomeAssistant, emulator: Emulator, hass_ws_client: WebSocketGenerator
) -> None:
    """The only pipeline, which core does not let go, answers with Home Assistant's own agent."""
    entry = await make_entry(hass, emulator, **{CONF_PREFER_PIPELINE: True})
    client = await hass_ws_client(hass)
    own = async_get_pipelines(hass)[0]
    await client.send_json_auto_id(
        {"type": "assist_pipeline/pipeline/delete", "pipeline_id": own.id}
    )
    assert (await client.receive_json())["success"]

    await hass.config_entries.async_remove(entry.entry_id)
    [pipeline] = async_get_pipelines(hass)
    assert pipeline.name == "Azure Realtime"
    assert engines(pipeline) == {
        "conversation_engine": HOME_ASSISTANT_AGENT,
        "stt_engine": None,
        "tts_engine": None,
    }
    assert await async_converse(hass, "hello", None, Context(), language="en")


@pytest.mark.parametrize("field", ["conversation_engine", "stt_engine", "tts_engine"])
async def test_mixed_pipeline_is_repaired(
    hass: HomeAssistant, emulator: Emulator, field: str
) -> None:
    """A pipeline of engines of several origins goes on with those that are left."""
    await make_entry(hass, emulator)
    async with Emulator(api_key=API_KEY, deployment="another") as another:
        other = await make_entry(hass, another, **{CONF_CREATE_PIPELINE: False})
        theirs: dict[str, Any] = {
            "conversation_engine": f"{AGENT}_2",
            "stt_engine": f"{EARS}_2",
            "tts_engine": f"{VOICE}_2",
        }
        assert hass.states.get(theirs[field])
        [pipeline] = made(hass)
        await async_update_pipeline(hass, pipeline, **{field: theirs[field]})
        await hass.config_entries.async_remove(other.entry_id)

    [pipeline] = made(hass)
    left = {"conversation_engine": AGENT, "stt_engine": EARS, "tts_engine": VOICE}
    if field == "conversation_engine":
        left[field] = HOME_ASSISTANT_AGENT
        assert pipeline.conversation_language == "en"
    assert engines(pipeline) == left
    assert pipeline.stt_language == pipeline.tts_language == "en"


async def test_orphan(
    hass: HomeAssistant, emulator: Emulator, config_entry: MockConfigEntry
) -> None:
    """What a removed assistant left behind is gone once the integration is there again."""
    created = await async_create_default_pipeline_of(hass, "Old")
    await async_update_pipeline(
        hass,
        created,
        conversation_engine="conversation.old",
        stt_engine="stt.old_ears",
        stt_language="en",
        tts_engine="tts.old_voice",
        tts_language="en",
    )
    others = await async_create_default_pipeline_of(hass, "Another's")
    await async_update_pipeline(hass, others, conversation_engine="conversation.gone")
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    assert [pipeline.name for pipeline in made(hass)] == ["Another's"]


async def async_create_default_pipeline_of(hass: HomeAssistant, name: str) -> Pipeline:
    """Make a pipeline as a person does, of Home Assistant's own engines."""
    settings = async_get_pipelines(hass)[0].to_json() | {"name": name}
    del settings["id"]
    store = hass.data[KEY_ASSIST_PIPELINE].pipeline_store
    pipeline: Pipeline = await store.async_create_item(settings)
    return pipeline


async def test_unique_names(hass: HomeAssistant, emulator: Emulator) -> None:
    """Satellites choose by name: no two pipelines have the same one."""
    entry = await make_entry(hass, emulator)
    for name in ("Azure Realtime", "Azure Realtime", "Home Assistant", "preferred"):
        await add_assistant(hass, entry, name)
    assert [pipeline.name for pipeline in made(hass)] == [
        "Azure Realtime",
        "Azure Realtime 2",
        "Azure Realtime 3",
        "Home Assistant 2",
        "preferred 2",
    ]


@pytest.mark.parametrize("prefer", [True, False])
async def test_same_engines_are_reused(
    hass: HomeAssistant, emulator: Emulator, prefer: bool
) -> None:
    """A pipeline that has the three engines already is not made again."""
    entry = await make_entry(hass, emulator)
    [subentry] = entry.subentries.values()
    wish = {CONF_CREATE_PIPELINE: True, CONF_PREFER_PIPELINE: prefer}
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, **wish}
    )
    await hass.async_block_till_done()
    [pipeline] = made(hass)
    assert (async_get_pipeline(hass, None) == pipeline) is prefer
    [subentry] = entry.subentries.values()
    assert dict(subentry.data) == dict(DEFAULT_ASSISTANT)


async def test_preferred_without_a_pipeline(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """Where no pipeline is made, none is preferred."""
    ticks = {CONF_CREATE_PIPELINE: False, CONF_PREFER_PIPELINE: True}
    entry = await make_entry(hass, emulator, **ticks)
    await add_assistant(hass, entry, "Jeeves", **ticks)
    assert async_get_pipeline(hass, None).conversation_engine == HOME_ASSISTANT_AGENT
    assert made(hass) == []


async def test_another_assistant_is_preferred(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """The form of another assistant has the tick as well."""
    entry = await make_entry(hass, emulator)
    await add_assistant(hass, entry, "Jeeves", **{CONF_PREFER_PIPELINE: True})
    assert async_get_pipeline(hass, None).name == "Jeeves"
    subentry = list(entry.subentries.values())[1]
    assert CONF_PREFER_PIPELINE not in subentry.data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AGENT, "conversation.jeeves"),
        (EARS, "stt.jeeves"),
        (VOICE, "tts.jeeves"),
    ],
)
async def test_follows_a_renamed_entity(
    hass: HomeAssistant,
    emulator: Emulator,
    entity_registry: er.EntityRegistry,
    old: str,
    new: str,
) -> None:
    """An entity that gets another id stays in its pipeline."""
    await make_entry(hass, emulator)
    entity_registry.async_update_entity(old, new_entity_id=new)
    await hass.async_block_till_done()
    [pipeline] = made(hass)
    assert set(engines(pipeline).values()) == {AGENT, EARS, VOICE} - {old} | {new}


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
