"""The form of an assistant."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import CONF_LLM_HASS_API, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.assistant.settings import AssistantSettings
from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_CREATE_PIPELINE,
    CONF_FIRE_EVENTS,
    CONF_INSTRUCTIONS,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_SPEED,
    CONF_TEMPERATURE,
    CONF_THRESHOLD,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    CONF_TRANSCRIPTION_LANGUAGE,
    CONF_TURN_DETECTION_TYPE,
    CONF_VOICE,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from custom_components.azure_realtime_audio.flows.fields import HIDES_FIELDS
from custom_components.azure_realtime_audio.flows.patience import CONF_PATIENCE

from ..conftest import SUBENTRY_ID
from ..talk import change_assistant as change
from ..test_config_flow import (
    PREVIEW,
    TRANSLATIONS,
    assert_translated,
    assistant,
    suggested,
)


async def add_assistant(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Open the form of a new assistant."""
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_CONVERSATION), context={"source": SOURCE_USER}
    )
    return dict(result)


async def change_assistant(
    hass: HomeAssistant, entry: MockConfigEntry
) -> dict[str, Any]:
    """Open the form of the assistant that the entry has."""
    return dict(await entry.start_subentry_reconfigure_flow(hass, SUBENTRY_ID))


async def submit_assistant(
    hass: HomeAssistant, result: Mapping[str, Any], form: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill the form of an assistant in, and let the entry reload."""
    done = await hass.config_entries.subentries.async_configure(
        result["flow_id"], dict(form)
    )
    await hass.async_block_till_done()
    return dict(done)


async def test_add_assistant(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """A second assistant begins with the defaults and comes up at once."""
    result = await add_assistant(hass, init_integration)
    assert result["type"] is FlowResultType.FORM
    assert_translated(result, "config_subentries", SUBENTRY_CONVERSATION)
    begin = suggested(result)
    sections = [begin.pop(key) for key in ("listening", "speaking", "automations")]
    offered = begin | sections[0] | sections[1] | sections[2]
    assert offered == {
        CONF_NAME: DEFAULT_ASSISTANT_NAME,
        **DEFAULT_ASSISTANT,
        CONF_CREATE_PIPELINE: True,
        CONF_PATIENCE: "balanced",
    }
    assert CONF_TEMPERATURE not in sections[1]

    result = await submit_assistant(
        hass,
        result,
        assistant(
            "Jeeves ",
            instructions="You are {{ 'a' }} butler.",
            llm_hass_api=[],
            voice="cedar",
            listening={
                CONF_SILENCE_DURATION_MS: 700.0,
                CONF_TRANSCRIPTION_DEPLOYMENT: " gpt-4o-transcribe",
                CONF_TRANSCRIPTION_LANGUAGE: "en",
            },
            speaking={CONF_SPEED: 1.25, CONF_MAX_OUTPUT_TOKENS: 500.0},
            automations={CONF_FIRE_EVENTS: True},
        ),
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    jeeves = list(init_integration.subentries.values())[-1]
    assert jeeves.title == "Jeeves"
    assert dict(jeeves.data) == {
        **DEFAULT_ASSISTANT,
        CONF_INSTRUCTIONS: "You are {{ 'a' }} butler.",
        CONF_LLM_HASS_API: [],
        CONF_VOICE: "cedar",
        CONF_SILENCE_DURATION_MS: 700,
        CONF_TRANSCRIPTION_DEPLOYMENT: "gpt-4o-transcribe",
        CONF_TRANSCRIPTION_LANGUAGE: "en",
        CONF_SPEED: 1.25,
        CONF_MAX_OUTPUT_TOKENS: 500,
        CONF_FIRE_EVENTS: True,
    }
    assert isinstance(jeeves.data[CONF_MAX_OUTPUT_TOKENS], int)
    assert hass.states.is_state("sensor.jeeves_status", "idle")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("server_vad", {"threshold", "prefix_padding_ms", "silence_duration_ms"}),
        ("semantic_vad", {"eagerness"}),
        ("none", set()),
    ],
)
async def test_fields_of_the_chosen_turn_detection(
    hass: HomeAssistant, init_integration: MockConfigEntry, kind: str, shown: set[str]
) -> None:
    """Home Assistant 2026.11 shows no other; what is not shown stays as it was."""
    await change(hass, init_integration, silence_duration_ms=640, eagerness="low")
    result = await change_assistant(hass, init_integration)
    listening = result["data_schema"].schema["listening"].schema
    if HIDES_FIELDS:
        assert {
            str(marker)
            for marker in listening.schema
            if getattr(marker, "visible", None)
            == {"field": CONF_TURN_DETECTION_TYPE, "value": kind}
        } == shown
    form = {**suggested(result)["listening"], CONF_TURN_DETECTION_TYPE: kind}
    hidden = {"threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness"}
    for key in hidden - shown:
        form.pop(key) if HIDES_FIELDS else None
    result = await submit_assistant(
        hass, result, {**suggested(result), "listening": form, CONF_PATIENCE: "custom"}
    )
    assert result["reason"] == "reconfigure_successful"
    data = init_integration.subentries[SUBENTRY_ID].data
    assert data[CONF_TURN_DETECTION_TYPE] == kind
    assert data[CONF_SILENCE_DURATION_MS] == 640
    assert data["eagerness"] == "low"


async def test_best_voices_first(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """The voices that sound best are the first, and every voice has a name."""
    result = await add_assistant(hass, init_integration)
    options = result["data_schema"].schema[CONF_VOICE].config["options"]
    assert options[:2] == ["marin", "cedar"]
    assert list(TRANSLATIONS["selector"]["voice"]["options"]) == options


async def test_section_with_an_error_opens(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """The section of a field with an error is open, the others stay closed."""
    result = await add_assistant(hass, init_integration)
    form = assistant(listening={CONF_TRANSCRIPTION_LANGUAGE: "English"})
    result = await submit_assistant(hass, result, form)
    sections = result["data_schema"].schema
    assert not sections["listening"].options["collapsed"]
    assert sections["speaking"].options["collapsed"]


async def test_assistant_as_offered(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """What the forms are filled with can be submitted as it is, and changes nothing."""
    for result in (
        await add_assistant(hass, init_integration),
        await change_assistant(hass, init_integration),
    ):
        await submit_assistant(hass, result, suggested(result))

    first, second = init_integration.subentries.values()
    assert (first.title, first.data) == (second.title, second.data)
    assert first.title == DEFAULT_ASSISTANT_NAME
    assert dict(first.data) == dict(DEFAULT_ASSISTANT)


async def test_change_assistant(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """Changes are stored over what was there, and the entities follow."""
    result = await change_assistant(hass, init_integration)
    await submit_assistant(
        hass,
        result,
        assistant(speaking={CONF_MAX_OUTPUT_TOKENS: 100}, voice="marin"),
    )
    result = await change_assistant(hass, init_integration)
    assert_translated(result, "config_subentries", SUBENTRY_CONVERSATION)
    begin = suggested(result)
    assert begin[CONF_NAME] == "Jeeves"
    assert begin[CONF_VOICE] == "marin"
    assert begin[CONF_LLM_HASS_API] == []
    assert begin["speaking"][CONF_MAX_OUTPUT_TOKENS] == 100

    result = await submit_assistant(hass, result, assistant("Alfred"))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    subentry = init_integration.subentries[SUBENTRY_ID]
    assert subentry.title == "Alfred"
    assert subentry.data[CONF_VOICE] == DEFAULT_ASSISTANT[CONF_VOICE]
    assert CONF_MAX_OUTPUT_TOKENS not in subentry.data
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, SUBENTRY_ID), init_integration.entry_id
    )
    assert device
    assert device.name == "Alfred"
    assert init_integration.state is ConfigEntryState.LOADED


async def test_preview_assistant(
    hass: HomeAssistant, config_entry: MockConfigEntry
) -> None:
    """The preview API has a temperature and fewer voices; the current one has not."""
    hass.config_entries.async_update_entry(
        config_entry, data={**config_entry.data, CONF_API_VERSION: PREVIEW}
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    result = await add_assistant(hass, config_entry)
    assert_translated(result, "config_subentries", SUBENTRY_CONVERSATION)
    with pytest.raises(InvalidData) as refusal:
        await submit_assistant(hass, result, assistant(voice="cedar"))
    assert refusal.value.path == [CONF_VOICE]

    result = await submit_assistant(
        hass, result, assistant(voice="sage", speaking={CONF_TEMPERATURE: 0.7})
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_TEMPERATURE] == 0.7


@pytest.mark.parametrize(
    ("api_version", "voices"),
    [
        ("", {"alloy", "echo", "shimmer", "sage", "cedar"}),
        (PREVIEW, {"alloy", "echo", "shimmer", "sage"}),
        ("2024-12-17", {"alloy", "echo", "shimmer", "sage"}),
        ("2024-10-01-preview", {"alloy", "echo", "shimmer"}),
    ],
)
@pytest.mark.parametrize("voice", ["cedar", "sage", "echo"])
async def test_voices_of_the_api_version(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    api_version: str,
    voices: set[str],
    voice: str,
) -> None:
    """The form offers the voices that there are, and is filled with one of them."""
    hass.config_entries.async_update_entry(
        config_entry, data={**config_entry.data, CONF_API_VERSION: api_version}
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    await change(hass, config_entry, voice=voice)
    result = await change_assistant(hass, config_entry)
    options = result["data_schema"].schema[CONF_VOICE].config["options"]
    assert voices == {"alloy", "echo", "shimmer", "sage", "cedar"} & {*options}
    shown = voice if voice in voices else "alloy"
    assert suggested(result)[CONF_VOICE] == shown
    result = await submit_assistant(hass, result, suggested(result))
    assert result["reason"] == "reconfigure_successful"
    assert config_entry.subentries[SUBENTRY_ID].data[CONF_VOICE] == shown


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": " "}, {CONF_NAME: "invalid_name"}),
        (
            {"listening": {CONF_TRANSCRIPTION_LANGUAGE: "English"}},
            {"listening": "invalid_language"},
        ),
    ],
)
async def test_assistant_mistyped_then_corrected(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    changes: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """An error keeps what was typed, and can be mended."""
    result = await add_assistant(hass, init_integration)
    form = assistant(**{"instructions": "Be brief.", **changes})
    result = await submit_assistant(hass, result, form)
    assert result["errors"] == errors
    assert suggested(result)[CONF_INSTRUCTIONS] == "Be brief."
    assert_translated(result, "config_subentries", SUBENTRY_CONVERSATION)

    result = await submit_assistant(hass, result, assistant())
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instructions": "{{ broken"}, [CONF_INSTRUCTIONS]),
        ({"voice": "onyx"}, [CONF_VOICE]),
        ({"llm_hass_api": ["nothing"]}, [CONF_LLM_HASS_API]),
        ({"speaking": {CONF_SPEED: 3}}, ["speaking", CONF_SPEED]),
        (
            {"speaking": {CONF_MAX_OUTPUT_TOKENS: 0}},
            ["speaking", CONF_MAX_OUTPUT_TOKENS],
        ),
        ({"speaking": {CONF_TEMPERATURE: 0.8}}, ["speaking", CONF_TEMPERATURE]),
        ({"listening": {CONF_THRESHOLD: 2}}, ["listening", CONF_THRESHOLD]),
    ],
)
async def test_assistant_refused(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    changes: dict[str, Any],
    field: list[str],
) -> None:
    """What the fields themselves do not allow is refused before anything is stored."""
    result = await add_assistant(hass, init_integration)
    with pytest.raises(InvalidData) as refusal:
        await submit_assistant(hass, result, assistant(**changes))
    assert refusal.value.path == field
    assert len(init_integration.subentries) == 1


async def test_api_that_is_gone(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """An LLM API whose integration was removed is not offered again."""
    [subentry] = init_integration.subentries.values()
    hass.config_entries.async_update_subentry(
        init_integration,
        subentry,
        data={**subentry.data, CONF_LLM_HASS_API: [llm.LLM_API_ASSIST, "gone"]},
    )
    await hass.async_block_till_done()

    result = await change_assistant(hass, init_integration)
    assert suggested(result)[CONF_LLM_HASS_API] == [llm.LLM_API_ASSIST]


@pytest.mark.parametrize("turn_detection", ["server_vad", "semantic_vad", "none"])
@pytest.mark.parametrize("edge", [0, 1])
def test_every_corner_of_the_form_is_a_session(turn_detection: str, edge: int) -> None:
    """The service's limits are the form's: nothing it lets through is refused later."""
    config = (
        AssistantSettings.from_data(
            {
                **DEFAULT_ASSISTANT,
                CONF_TURN_DETECTION_TYPE: turn_detection,
                CONF_THRESHOLD: (0, 1)[edge],
                CONF_PREFIX_PADDING_MS: (0, 5000)[edge],
                CONF_SILENCE_DURATION_MS: (100, 10000)[edge],
                CONF_SPEED: (0.25, 1.5)[edge],
                CONF_MAX_OUTPUT_TOKENS: (1, 4096)[edge],
                CONF_TEMPERATURE: (0.6, 1.2)[edge],
            }
        )
        .session_config()
        .as_dict()
    )
    detection = config["audio"]["input"]["turn_detection"]
    assert (detection or {"type": "none"})["type"] == turn_detection
