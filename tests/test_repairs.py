"""Issues: raised by what only a person can mend, mended by them, and gone by themselves."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
import json
from pathlib import Path
from string import Formatter
from typing import Any

from homeassistant.components.repairs import FlowType
from homeassistant.config_entries import (
    ConfigEntryDisabler,
    ConfigEntryState,
    ConfigSubentry,
)
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from emulator import Emulator

from .conftest import DEPLOYMENT
from .talk import STATUS, becomes, say, set_timing, shorten_timeouts, speech

AVAILABILITY = "custom_components.azure_realtime_audio.assistant.availability"
TRANSLATIONS = json.loads(
    (
        Path(__file__).parents[1] / f"custom_components/{DOMAIN}/translations/en.json"
    ).read_text()
)

# What the service does, the issue that it makes, and whether other settings can mend it.
KINDS = [
    ("http_404_deployment", "deployment_not_found", True),
    ("http_404_resource", "deployment_not_found", True),
    ("openai_missing_model", "deployment_not_found", True),
    ("http_400", "not_realtime_model", True),
    ("http_400_spelled", "not_realtime_model", True),
    ("openai_invalid_model", "not_realtime_model", True),
    ("http_400_api_version", "unsupported_api_version", True),
    ("openai_beta_disabled", "unsupported_api_version", True),
    ("http_403", "forbidden", False),
    ("openai_insufficient_quota", "quota_exceeded", False),
]
# What passes by itself, or asks for a new key.
NO_ISSUE = ["http_429", "http_503", "ends_at:created/1006", "http_401"]


@pytest.fixture
def quick_probe(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let reconnecting and probing take no time."""
    shorten_timeouts(monkeypatch)
    set_timing(hass, probe_delay=0.01, max_probe_delay=0.02)


def issues(hass: HomeAssistant) -> list[str]:
    """Return what is wrong, as far as the user is told."""
    return [
        issue.translation_key or ""
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN
    ]


def assert_tells_what_to_do(hass: HomeAssistant, kind: str, *, fixable: bool) -> None:
    """There is this one issue; all its texts exist and can be filled in."""
    (issue,) = [i for i in ir.async_get(hass).issues.values() if i.domain == DOMAIN]
    assert issue.translation_key == kind
    assert issue.is_fixable is fixable
    assert issue.severity is ir.IssueSeverity.ERROR
    assert not issue.is_persistent
    assert issue.learn_more_url
    assert issue.translation_placeholders
    assert issue.translation_placeholders[CONF_DEPLOYMENT] == DEPLOYMENT
    texts = TRANSLATIONS["issues"][kind]
    shown = [texts["title"]]
    if fixable:
        step = texts["fix_flow"]["step"]["confirm"]
        shown += [step["title"], step["description"], step["submit"]]
        assert texts["fix_flow"]["abort"]["change_connection"]
    else:
        shown.append(texts["description"])
    for text in shown:
        wanted = {name for _, name, _, _ in Formatter().parse(text) if name}
        assert wanted <= issue.translation_placeholders.keys()


async def pass_time(hass: HomeAssistant) -> None:
    """Let Home Assistant try again what it could not set up."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=11))
    await hass.async_block_till_done(wait_background_tasks=True)


# --- Raised, and gone when the service works again


@pytest.mark.parametrize(("fault", "kind", "fixable"), KINDS)
async def test_at_set_up(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    fault: str,
    kind: str,
    fixable: bool,
) -> None:
    """An issue that stops set-up is reported, and deleted when set-up works."""
    emulator.faults.add(fault)
    assert not await hass.config_entries.async_setup(config_entry.entry_id)
    assert_tells_what_to_do(hass, kind, fixable=fixable)
    await pass_time(hass)
    assert issues(hass) == [kind]

    emulator.faults.clear()
    await pass_time(hass)
    assert hass.states.is_state(STATUS, "idle")
    assert issues(hass) == []


@pytest.mark.parametrize(("fault", "kind", "fixable"), KINDS)
@pytest.mark.usefixtures("quick_probe")
async def test_when_a_session_is_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    fault: str,
    kind: str,
    fixable: bool,
) -> None:
    """The same is found in use; the probe finds out when it has been mended."""
    emulator.faults.add(fault)
    await say(hass, "hello")
    assert_tells_what_to_do(hass, kind, fixable=fixable)

    emulator.faults.clear()
    await becomes(hass, STATUS, "idle")
    assert issues(hass) == []


async def test_another_assistant_gets_through(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A turn that works for one assistant deletes the issue for the whole deployment."""
    hass.config_entries.async_add_subentry(
        init_integration,
        ConfigSubentry(
            data=DEFAULT_ASSISTANT,
            subentry_type=SUBENTRY_CONVERSATION,
            title="Second",
            unique_id=None,
        ),
    )
    await hass.async_block_till_done()
    emulator.faults.add("http_404_deployment", times=1)
    await say(hass, "hello")
    assert len(issues(hass)) == 1
    await say(hass, "hello", agent_id="conversation.second")
    assert issues(hass) == []


async def test_when_a_session_ends_with_it(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """The reason of the service for ending a session is reported, until a turn works."""
    first = await say(hass, "hello")
    session = emulator.sessions[-1]
    error = {"type": "invalid_request_error", "code": "insufficient_quota"}
    await session.send(
        {"type": "error", "event_id": "event_1", "error": {**error, "message": "No."}}
    )
    await session.close(4000)
    await becomes(hass, STATUS, "unavailable")
    assert_tells_what_to_do(hass, "quota_exceeded", fixable=False)

    await say(hass, "are you there", first.conversation_id)
    assert hass.states.is_state(STATUS, "idle")
    assert issues(hass) == []


@pytest.mark.parametrize("string_details", [False, True])
async def test_when_responses_have_no_quota(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    string_details: bool,
) -> None:
    """Sessions open all the same: only an answer shows that there is quota again."""
    emulator.faults.add("response_quota")
    result = await say(hass, "hello")
    assert speech(result) == TRANSLATIONS["exceptions"]["quota_exceeded"]["message"]
    assert_tells_what_to_do(hass, "quota_exceeded", fixable=False)
    assert hass.states.is_state(STATUS, "idle")
    if string_details:
        emulator.faults.add("string_status_details")
    await say(hass, "hello")  # another conversation, in a session of its own
    assert issues(hass) == ["quota_exceeded"]

    emulator.faults.clear()
    await say(hass, "hello")
    assert issues(hass) == []


@pytest.mark.parametrize("fault", NO_ISSUE)
async def test_what_is_no_issue(
    hass: HomeAssistant, emulator: Emulator, config_entry: MockConfigEntry, fault: str
) -> None:
    """Neither at set-up nor in use."""
    emulator.faults.add(fault)
    assert not await hass.config_entries.async_setup(config_entry.entry_id)
    assert issues(hass) == []
    emulator.faults.clear()
    assert await hass.config_entries.async_reload(config_entry.entry_id)
    emulator.faults.add(fault)
    result = await say(hass, "hello")
    assert result.response.error_code
    assert issues(hass) == []


async def test_rate_limited_response_is_no_issue(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A limit of the minute passes, unlike an exhausted quota."""
    emulator.faults.add("response_rate_limited")
    result = await say(hass, "hello")
    assert result.response.error_code
    assert issues(hass) == []


@pytest.mark.usefixtures("quick_probe")
async def test_one_thing_is_wrong_at_a_time(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """The issue that the probe finds replaces the earlier issue."""
    changes: list[str] = []
    replaced = asyncio.Event()

    @callback
    def on_change(event: Event[ir.EventIssueRegistryUpdatedData]) -> None:
        if event.data["domain"] == DOMAIN:
            changes.append(f"{event.data['action']} {event.data['issue_id']}")
            if len(changes) == 3:
                replaced.set()

    hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, on_change)
    emulator.faults.add("http_403*1")
    emulator.faults.add("http_404_deployment")
    await say(hass, "hello")
    async with asyncio.timeout(10):
        await replaced.wait()
    assert changes == [
        f"create forbidden_{init_integration.entry_id}",
        f"remove forbidden_{init_integration.entry_id}",
        f"create deployment_not_found_{init_integration.entry_id}",
    ]
    assert issues(hass) == ["deployment_not_found"]


async def test_what_passes_leaves_the_issue(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A network that fails as well does not mean that anything is mended."""
    emulator.faults.add("http_403*1")
    await say(hass, "hello")
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    assert [shake.status for shake in emulator.handshakes] == [101, 403, 503]
    assert issues(hass) == ["forbidden"]


async def test_a_refused_key_is_what_is_wrong(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """Where a new key is asked for, nothing else is."""
    emulator.faults.add("http_403*1")
    await say(hass, "hello")
    assert issues(hass) == ["forbidden"]
    emulator.faults.add("http_401")
    await say(hass, "hello")
    await hass.async_block_till_done()
    assert issues(hass) == []
    assert hass.config_entries.flow.async_progress()


# --- Gone with the entry


@pytest.fixture(params=["loaded", "failed"])
async def broken_entry(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
) -> MockConfigEntry:
    """Make an issue, of an entry that is loaded and of one that is not."""
    if request.param == "loaded":
        assert await hass.config_entries.async_setup(config_entry.entry_id)
        emulator.faults.add("http_403")
        await say(hass, "hello")
    else:
        emulator.faults.add("http_403")
        assert not await hass.config_entries.async_setup(config_entry.entry_id)
    assert issues(hass) == ["forbidden"]
    return config_entry


async def test_unloaded(hass: HomeAssistant, broken_entry: MockConfigEntry) -> None:
    """An issue goes when its entry is unloaded."""
    assert await hass.config_entries.async_unload(broken_entry.entry_id)
    assert issues(hass) == []


async def test_disabled(hass: HomeAssistant, broken_entry: MockConfigEntry) -> None:
    """An issue goes when its entry is disabled, and comes back with it."""
    await hass.config_entries.async_set_disabled_by(
        broken_entry.entry_id, ConfigEntryDisabler.USER
    )
    assert issues(hass) == []
    await hass.config_entries.async_set_disabled_by(broken_entry.entry_id, None)
    assert issues(hass) == ["forbidden"]


async def test_removed(hass: HomeAssistant, broken_entry: MockConfigEntry) -> None:
    """An issue goes when its entry is removed."""
    await hass.config_entries.async_remove(broken_entry.entry_id)
    assert issues(hass) == []


# --- Mended in Home Assistant


class Repair:
    """A fix flow, through the API that the UI uses."""

    def __init__(self, hass: HomeAssistant, connect: ClientSessionGenerator) -> None:
        """Prepare for the one issue that there is."""
        self._hass = hass
        self._connect = connect

    async def start(self) -> dict[str, Any]:
        """Press the issue, and return what opens."""
        assert await async_setup_component(self._hass, "repairs", {})
        self._client = await self._connect()
        (issue_id,) = [i for domain, i in ir.async_get(self._hass).issues]
        return await self._post("", {"handler": DOMAIN, "issue_id": issue_id})

    async def submit(self, flow_id: str) -> dict[str, Any]:
        """Press Submit."""
        return await self._post(f"/{flow_id}", {})

    async def _post(self, path: str, data: dict[str, str]) -> dict[str, Any]:
        response = await self._client.post(f"/api/repairs/issues/fix{path}", json=data)
        assert response.status == HTTPStatus.OK
        result: dict[str, Any] = await response.json()
        return result


@pytest.fixture
def repair(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Repair:
    """Return what opens the issue."""
    return Repair(hass, hass_client)


@pytest.mark.parametrize(
    ("fault", "kind"), [(fault, kind) for fault, kind, fixable in KINDS if fixable]
)
async def test_fix_flow(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    repair: Repair,
    fault: str,
    kind: str,
) -> None:
    """The fix flow says what is wrong, and leads to the form that tries another connection."""
    emulator.faults.add(fault)
    assert not await hass.config_entries.async_setup(config_entry.entry_id)

    result = await repair.start()
    assert result["type"] == FlowResultType.FORM
    assert result["step_id"] == "confirm"
    assert result["description_placeholders"][CONF_DEPLOYMENT] == DEPLOYMENT

    result = await repair.submit(result["flow_id"])
    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] in TRANSLATIONS["issues"][kind]["fix_flow"]["abort"]
    assert result["next_flow"][0] == FlowType.CONFIG_FLOW
    assert result["result"]["entry_id"] == config_entry.entry_id
    assert issues(hass) == [kind]  # nothing is mended yet

    form = {
        CONF_HOST_NAME: emulator.url,
        CONF_DEPLOYMENT: "another",
        "advanced": {CONF_API_VERSION: "v1"},
    }
    flow_id = result["next_flow"][1]
    changed = await hass.config_entries.flow.async_configure(flow_id, form)
    assert changed["type"] is FlowResultType.FORM
    assert changed["errors"]
    assert issues(hass) == [kind]

    emulator.faults.clear()
    emulator.deployment = "another"
    changed = await hass.config_entries.flow.async_configure(flow_id, form)
    assert changed["type"] is FlowResultType.ABORT
    assert changed["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert config_entry.state is ConfigEntryState.LOADED
    assert config_entry.data[CONF_DEPLOYMENT] == "another"
    assert issues(hass) == []


async def test_fixed_elsewhere_while_the_form_is_open(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    repair: Repair,
) -> None:
    """Where the connection works again as it is, submitting it finds that out at once."""
    emulator.faults.add("http_404_deployment")
    await say(hass, "hello")
    result = await repair.submit((await repair.start())["flow_id"])
    emulator.faults.clear()

    form = {
        CONF_HOST_NAME: emulator.url,
        CONF_DEPLOYMENT: DEPLOYMENT,
        "advanced": {CONF_API_VERSION: "v1"},
    }
    flow_id = result["next_flow"][1]
    changed = await hass.config_entries.flow.async_configure(flow_id, form)
    assert changed["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert hass.states.is_state(STATUS, "idle")
    assert issues(hass) == []


async def test_key_that_works_again(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """The same key, entered anew, makes the assistant available without a probe."""
    emulator.faults.add("http_401")
    await say(hass, "hello")
    await hass.async_block_till_done()
    assert hass.states.is_state(STATUS, "unavailable")
    emulator.faults.clear()
    (flow,) = hass.config_entries.flow.async_progress()
    await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"api_key": init_integration.data["api_key"]}
    )
    await hass.async_block_till_done()
    assert hass.states.is_state(STATUS, "idle")
