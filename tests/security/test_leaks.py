"""The search for keys and recordings finds them, wherever they are planted."""

from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.components.assist_pipeline import PipelineEvent, PipelineEventType
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.conversation.trace import (
    async_clear_traces,
    async_conversation_trace,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.storage import Store
from homeassistant.loader import DATA_MISSING_PLATFORMS
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
    mock_platform,
)

from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import RealtimeError, SessionConfig
from tests.conftest import API_KEY, SUBENTRY_ID
from tests.leaks import LeakWatcher, Raised, find_leak
from tests.satellite import tone
from tests.talk import AGENT, STATUS

RECORDING = tone(0.05, 440, 24_000)
BASE64 = b64encode(RECORDING).decode()


@pytest.fixture
async def custom_home(
    hass: HomeAssistant, hass_storage: dict[str, Any], enable_custom_integrations: None
) -> LeakWatcher:
    """Take the place of the one that fails a test: what is planted here is to be found."""
    onlooker = LeakWatcher(hass, hass_storage, API_KEY)
    assert await async_setup_component(hass, "homeassistant", {})
    return onlooker


@pytest.fixture(autouse=True)
def _discreet_errors() -> None:
    """Do not fail either."""


@pytest.fixture(autouse=True)
def _discreet_logs() -> None:
    """Do not fail either: Home Assistant logs much of what is planted."""


@pytest.fixture(autouse=True)
def _clear_traces() -> Iterator[None]:
    """Leave nothing to other tests: these traces are not part of a Home Assistant."""
    yield
    async_clear_traces()


@pytest.mark.parametrize(
    "text",
    [
        API_KEY,
        f"https://example.com/?key={API_KEY}&x",
        f"...{API_KEY[-8:]}",
        API_KEY[4:12],
    ],
)
def test_key_is_found(text: str) -> None:
    """The whole key or half of it is found."""
    assert find_leak(text, ["another key", API_KEY]) == "a key"


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        f'{{"audio":"{BASE64}"}}',
        b64encode(bytes(300)).decode(),
        RECORDING.hex(),
        repr(RECORDING),
        repr(bytearray(RECORDING)),
        repr([repr(RECORDING)]),
        repr(memoryview(RECORDING).cast("h").tolist()),
        repr([sample / 32768 for sample in memoryview(RECORDING).cast("h")]),
    ],
    ids=[
        "base64",
        "json",
        "silence",
        "hex",
        "bytes",
        "bytearray",
        "twice",
        "samples",
        "floats",
    ],
)
def test_recording_is_found(text: str) -> None:
    """In every form that a line of text can have it in."""
    assert find_leak(f"It was {text}.", [API_KEY]) == "a recording"


@pytest.mark.parametrize(
    "text",
    [
        "key",
        "0123456789abcdef" * 4,
        "A sentence of words. " * 99,
        "realtime" * 99,
        "1, 2, 3",
    ],
)
def test_nothing_is_found(text: str) -> None:
    """A text that is neither a key nor a recording is no leak."""
    assert find_leak(text, [API_KEY]) is None


type Plant = Callable[[HomeAssistant, ConfigEntry[Any], str], object]


def _in_conversation(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    with async_conversation_trace() as trace:
        trace.set_result(text=text)


def _in_pipeline(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    event = PipelineEvent(PipelineEventType.INTENT_START, {"intent_input": text})
    runs = hass.data[KEY_ASSIST_PIPELINE].pipeline_debug
    runs["pipeline"] = {"run": SimpleNamespace(events=[event])}  # type: ignore[assignment]  # as simple as it can be


def _in_script(
    hass: HomeAssistant, entry: ConfigEntry[Any], text: str
) -> Coroutine[Any, Any, object]:
    async def run() -> None:
        steps = [{"variables": {"said": text}}]
        assert await async_setup_component(
            hass, "script", {"script": {"planted": {"sequence": steps}}}
        )
        await hass.services.async_call("script", "planted", blocking=True)

    return run()


def _in_issue(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    ir.async_create_issue(
        hass,
        DOMAIN,
        "planted",
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="planted",
        translation_placeholders={"message": text},
    )


def _in_device(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    registry = dr.async_get(hass)
    (device,) = dr.async_entries_for_config_entry(registry, entry.entry_id)
    registry.async_update_device(device.id, name_by_user=text)


def _in_diagnostics(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    async def of_entry(*_: object) -> dict[str, str]:
        return {"session": text}

    async def of_device(*_: object) -> dict[str, str]:
        return {}

    hass.data[DATA_MISSING_PLATFORMS].clear()
    platform = SimpleNamespace(
        async_get_config_entry_diagnostics=of_entry,
        async_get_device_diagnostics=of_device,
    )
    mock_platform(hass, f"{DOMAIN}.diagnostics", platform)


def _in_subentry(hass: HomeAssistant, entry: ConfigEntry[Any], text: str) -> None:
    subentry = entry.subentries[SUBENTRY_ID]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "prompt": text}
    )


def _in_call(
    hass: HomeAssistant, entry: ConfigEntry[Any], text: str
) -> Coroutine[Any, Any, object]:
    data = {"entity_id": AGENT, "audio": "AAAA", "path": text}
    return _ignoring_errors(
        hass.services.async_call(DOMAIN, "append_audio", data, blocking=True)
    )


async def _ignoring_errors(call: Coroutine[Any, Any, object]) -> None:
    with suppress(HomeAssistantError):
        await call


PLANTS: dict[str, tuple[Plant, str]] = {
    "state": (
        lambda hass, _, text: hass.states.async_set("sensor.a", "on", {"b": [text]}),
        "state sensor.a",
    ),
    "event": (
        lambda hass, _, text: hass.bus.async_fire("planted", {"a": [{"b": text}]}),
        "event planted",
    ),
    "bytes in an event": (
        lambda hass, _, text: hass.bus.async_fire("planted", {"a": text.encode()}),
        "event planted",
    ),
    "what cannot be written as JSON": (
        lambda hass, _, text: hass.bus.async_fire("planted", {"a": "\ud800" + text}),
        "event planted",
    ),
    "call of an action": (_in_call, "event call_service"),
    "conversation": (_in_conversation, "conversation trace"),
    "script": (_in_script, "trace script.planted"),
    "pipeline": (_in_pipeline, "pipeline runs"),
    "issue": (_in_issue, "issue planted"),
    "notification": (
        lambda hass, _, text: persistent_notification.async_create(hass, text),
        "notifications",
    ),
    "flow": (
        lambda hass, entry, text: entry.async_start_reauth(
            hass, {"title_placeholders": {"name": text}}
        ),
        "flows",
    ),
    "reason": (
        lambda _, entry, text: object.__setattr__(entry, "reason", text),
        "entry of",
    ),
    "unique id": (
        lambda hass, entry, text: hass.config_entries.async_update_entry(
            entry, unique_id=text
        ),
        "entry of",
    ),
    "subentry": (_in_subentry, "subentries of"),
    "assistant": (
        lambda _, entry, text: vars(entry.runtime_data[SUBENTRY_ID].assistant).update(
            x=text
        ),
        "assistants of",
    ),
    "entity": (
        lambda hass, _, text: er.async_get(hass).async_update_entity(STATUS, name=text),
        "entities of",
    ),
    "device": (_in_device, "devices of"),
    "diagnostics": (_in_diagnostics, "diagnostics of"),
    "stored": (
        lambda hass, _, text: Store[str](hass, 1, "planted").async_save(text),
        ".storage/planted",
    ),
    "to be stored": (
        lambda hass, _, text: Store[str](hass, 1, "planted").async_delay_save(
            lambda: text, 60
        ),
        ".storage/planted",
    ),
    "stored beside the entry's data": (_in_subentry, ".storage/core.config_entries"),
}


@pytest.mark.parametrize(("plant", "place"), PLANTS.values(), ids=PLANTS)
async def test_leak_is_found(
    hass: HomeAssistant,
    custom_home: LeakWatcher,
    init_integration: MockConfigEntry,
    plant: Plant,
    place: str,
) -> None:
    """A planted key is found with its place; before, there is no leak."""
    assert not await custom_home.async_leaks()
    planted = plant(hass, init_integration, API_KEY)
    if isinstance(planted, Coroutine):
        await planted
    await hass.async_block_till_done()
    found = await custom_home.async_leaks()
    assert [line for line in found if line.startswith(f"a key in {place}")], found


async def test_where_a_key_belongs(
    hass: HomeAssistant, custom_home: LeakWatcher, init_integration: MockConfigEntry
) -> None:
    """The data of an entry of ours may have it, and is looked at for the keys there are."""
    other = "e5d4c3b2a1f09687"
    hass.config_entries.async_update_entry(
        init_integration, data={**init_integration.data, CONF_API_KEY: other}
    )
    await hass.async_block_till_done()
    assert not await custom_home.async_leaks()
    neighbour = MockConfigEntry(domain="other", data={"a": other})
    neighbour.add_to_hass(hass)
    hass.config_entries.async_update_entry(neighbour, title="Neighbour")
    hass.states.async_set("sensor.a", other)
    found = await custom_home.async_leaks()
    assert "a key in state sensor.a" in found
    assert "a key in .storage/core.config_entries" in found


async def test_audio_of_a_caller(
    hass: HomeAssistant, custom_home: LeakWatcher, init_integration: MockConfigEntry
) -> None:
    """Audio for an action of the integration is the caller's; for another action it is a leak."""
    data = {"entity_id": AGENT, "audio": BASE64}
    await hass.services.async_call(DOMAIN, "append_audio", data, blocking=True)
    assert not await custom_home.async_leaks()
    async_mock_service(hass, "other", "append_audio")
    await hass.services.async_call("other", "append_audio", data, blocking=True)
    assert await custom_home.async_leaks() == ["a recording in event call_service"]


def _fail(error: BaseException, cause: BaseException | None = None) -> None:
    with suppress(type(error)):
        raise error from cause


@pytest.mark.parametrize("secret", [API_KEY, BASE64], ids=["key", "recording"])
def test_error_is_found(raised: Raised, secret: str) -> None:
    """Ours, Home Assistant's, what led to it, and what comes out of our code."""

    class Talkative(dict[str, Any]):
        def items(self) -> Any:
            raise ValueError(secret)

    assert not raised.leaks(API_KEY)
    _fail(RealtimeError(secret))
    assert raised.leaks(API_KEY)
    _fail(HomeAssistantError(translation_placeholders={"a": secret}))
    assert raised.leaks(API_KEY)
    _fail(HomeAssistantError("No"), ValueError(secret))
    assert raised.leaks(API_KEY)
    with suppress(ValueError):
        SessionConfig(Talkative(voice="alloy"))
    assert raised.leaks(API_KEY)
    _fail(ValueError(secret))  # nobody's business
    assert not raised.leaks(API_KEY)
