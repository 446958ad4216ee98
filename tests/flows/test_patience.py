"""How soon an answer begins: a choice in the form of an assistant, over its figures."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import (
    CONF_EAGERNESS,
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_THRESHOLD,
    CONF_TURN_DETECTION_TYPE,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
)
from custom_components.azure_realtime_audio.flows.patience import CONF_PATIENCE
from emulator import Emulator

from ..conftest import SUBENTRY_ID
from ..talk import change_assistant as store, say
from ..test_config_flow import TRANSLATIONS, assistant, suggested
from .test_assistant_flow import add_assistant, change_assistant, submit_assistant

SERVER = {CONF_TURN_DETECTION_TYPE: "server_vad"}
SEMANTIC = {CONF_TURN_DETECTION_TYPE: "semantic_vad"}
OFF = {CONF_TURN_DETECTION_TYPE: "none"}


def silence(milliseconds: int) -> dict[str, Any]:
    """Return the figure of server VAD."""
    return {CONF_SILENCE_DURATION_MS: milliseconds}


def eager(eagerness: str) -> dict[str, Any]:
    """Return the figure of semantic VAD."""
    return {CONF_EAGERNESS: eagerness}


async def reconfigure(
    hass: HomeAssistant, entry: MockConfigEntry, **changes: Any
) -> dict[str, Any]:
    """Change some of what the form shows, submit it, and return what is stored."""
    result = await change_assistant(hass, entry)
    form = suggested(result)
    listening = form["listening"] | changes.pop("listening", {})
    await submit_assistant(hass, result, {**form, "listening": listening, **changes})
    return dict(entry.subentries[SUBENTRY_ID].data)


@pytest.mark.parametrize(
    ("chosen", "listening", "detection"),
    [
        ("quick", SERVER, silence(300)),
        ("balanced", SERVER, silence(500)),
        ("patient", SERVER, silence(1000)),
        ("custom", SERVER | silence(640), silence(640)),
        ("quick", SEMANTIC, eager("high")),
        ("balanced", SEMANTIC, eager("auto")),
        ("patient", SEMANTIC, eager("low")),
        ("custom", SEMANTIC | eager("medium"), eager("medium")),
        ("quick", OFF, None),
    ],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "changed"])
async def test_choice_reaches_the_session(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    is_new: bool,
    chosen: str,
    listening: dict[str, Any],
    detection: dict[str, Any] | None,
) -> None:
    """The service waits as long as was chosen, and hears as loud and as early as before."""
    agent = "conversation.azure_realtime"
    if is_new:
        agent = "conversation.jeeves"
        form = assistant(listening=listening, patience=chosen)
        result = await add_assistant(hass, init_integration)
        await submit_assistant(hass, result, form)
    else:
        changes = {CONF_PATIENCE: chosen, "listening": listening}
        await reconfigure(hass, init_integration, **changes)
    stored = list(init_integration.subentries.values())[-1].data
    assert CONF_PATIENCE not in stored
    assert stored[CONF_THRESHOLD] == DEFAULT_ASSISTANT[CONF_THRESHOLD]
    assert stored[CONF_PREFIX_PADDING_MS] == DEFAULT_ASSISTANT[CONF_PREFIX_PADDING_MS]

    await say(hass, "hello", agent_id=agent)
    told = emulator.sessions[-1].received.of("session.update")[0]["session"]
    if detection is None:
        assert told["audio"]["input"]["turn_detection"] is None
    else:
        assert detection.items() <= told["audio"]["input"]["turn_detection"].items()


@pytest.mark.parametrize(
    ("figures", "shown"),
    [
        ({}, "balanced"),
        (silence(300), "quick"),
        (silence(1000), "patient"),
        (silence(200), "custom"),
        (silence(700), "custom"),
        # Only what the type of turn detection uses counts.
        (eager("high"), "balanced"),
        (SEMANTIC, "balanced"),
        (SEMANTIC | eager("medium"), "balanced"),
        (SEMANTIC | eager("high"), "quick"),
        (SEMANTIC | eager("low") | silence(200), "patient"),
        (OFF | silence(1000), "patient"),
    ],
)
async def test_what_there_was_stays(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    figures: dict[str, Any],
    shown: str,
) -> None:
    """An assistant from before is shown as what it is, and a form sent as it is changes nothing."""
    await store(hass, init_integration, **figures)
    result = await change_assistant(hass, init_integration)
    assert suggested(result)[CONF_PATIENCE] == shown
    stored = await reconfigure(hass, init_integration)
    assert stored == {**DEFAULT_ASSISTANT, **figures}
    assert init_integration.subentries[SUBENTRY_ID].title == DEFAULT_ASSISTANT_NAME


async def test_figures_without_a_choice(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """A changed figure counts where the choice was left alone."""
    stored = await reconfigure(hass, init_integration, listening=silence(640))
    assert stored == {**DEFAULT_ASSISTANT, **silence(640)}
    result = await change_assistant(hass, init_integration)
    assert suggested(result)[CONF_PATIENCE] == "custom"


async def test_choice_over_figures(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """A choice that was changed is what counts, whatever the figures were."""
    await store(hass, init_integration, **silence(640))
    stored = await reconfigure(hass, init_integration, **{CONF_PATIENCE: "quick"})
    assert stored == {**DEFAULT_ASSISTANT, **silence(300)}


@pytest.mark.parametrize(
    ("listening", "detection"),
    [(SEMANTIC, eager("high")), (SEMANTIC | eager("low"), eager("low"))],
)
async def test_other_turn_detection(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    listening: dict[str, Any],
    detection: dict[str, Any],
) -> None:
    """The choice goes along to another type of turn detection, unless its figure is changed too."""
    await store(hass, init_integration, **silence(300))
    stored = await reconfigure(hass, init_integration, listening=listening)
    assert stored == {**DEFAULT_ASSISTANT, **silence(300), **SEMANTIC, **detection}


async def test_choice_survives_a_mistake(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """A form that comes back with an error still has the choice."""
    result = await add_assistant(hass, init_integration)
    form = assistant(" ", patience="patient")
    result = await submit_assistant(hass, result, form)
    assert result["errors"]
    assert suggested(result)[CONF_PATIENCE] == "patient"


def test_every_choice_says_what_it_costs() -> None:
    """What is offered is translated, with the seconds that it takes."""
    texts = TRANSLATIONS["selector"][CONF_PATIENCE]["options"]
    assert list(texts) == ["quick", "balanced", "patient", "custom"]
    for choice, seconds in {"quick": "0.3", "balanced": "0.5", "patient": "1"}.items():
        assert f"after {seconds} s" in texts[choice]
