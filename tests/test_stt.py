"""The ears of an assistant, as Home Assistant sees them."""

from homeassistant.components.assist_pipeline import PipelineEventType, PipelineStage
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from emulator import Emulator

from .satellite import EARS, Satellite, microphone, new_conversation, speak_to
from .talk import AGENT, change_assistant, set_timing


async def test_what_they_take(
    init_integration: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """The ears understand every language, in the form that satellites send."""
    client = await hass_client()
    offered = await (await client.get(f"/api/stt/{EARS}")).json()
    languages = offered.pop("languages")
    assert {"en", "nl", "zh-Hans"} <= set(languages)
    assert {"de-DE", "de-AT", "en-US", "pt-BR", "zh-CN", "sr-Latn"} <= set(languages)
    assert offered == {
        "formats": ["wav"],
        "codecs": ["pcm"],
        "bit_rates": [16],
        "sample_rates": [16_000],
        "channels": [1],
    }


@pytest.mark.parametrize(
    ("kind", "needs_vad"),
    [("server_vad", False), ("semantic_vad", False), ("none", True)],
)
async def test_who_ends_the_turn(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    needs_vad: bool,
) -> None:
    """Home Assistant listens for the end where the service does not."""
    # Without speech there is no turn to wait for.
    set_timing(hass, commit=0.1)
    await change_assistant(hass, init_integration, turn_detection_type=kind)
    await speak_to(hass, AGENT)
    run = await Satellite(hass, new_conversation()).run(
        microphone(b"", None), end=PipelineStage.STT
    )
    processing = run.event(PipelineEventType.STT_START)["audio_processing"]
    assert processing["requires_external_vad"] is needs_vad


async def test_a_model_that_cannot_write_it_down(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ears alone do not wait for ever for the words."""
    set_timing(hass, transcript=0.1)
    emulator.first_audio_ms = 60_000
    await speak_to(hass, "conversation.home_assistant")
    run = await Satellite(hass, new_conversation()).run(end=PipelineStage.STT)
    assert run.error == "stt-no-text-recognized"
    done = await emulator.sessions[-1].sent.wait_for("response.done")
    assert done["response"]["status"] == "cancelled"


async def test_device_without_a_registry_entry(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A satellite without a registry entry is in no area; its run is like any other."""
    await speak_to(hass, AGENT)
    satellite = Satellite(hass, new_conversation())
    satellite.satellite_id = "assist_satellite.unknown"
    assert (await satellite.run()).error is None
