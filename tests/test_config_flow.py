"""The config flow, through the flow manager and through the API that the UI uses."""

from collections.abc import AsyncIterator, Mapping
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_CREATE_PIPELINE,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    CONF_PREFER_PIPELINE,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from custom_components.azure_realtime_audio.flows.connection_form import entry_data
from custom_components.azure_realtime_audio.realtime import (
    CannotConnectError,
    RealtimeClient,
)
from emulator import Emulator

from .conftest import API_KEY, DEPLOYMENT, SUBENTRY_ID

PREVIEW = "2025-04-01-preview"
TRANSLATIONS = json.loads(
    (
        Path(__file__).parents[1] / f"custom_components/{DOMAIN}/translations/en.json"
    ).read_text()
)


@pytest.fixture
async def second_emulator(socket_enabled: None) -> AsyncIterator[Emulator]:
    """Run another resource, with another key and another deployment."""
    async with Emulator(api_key="another-key", deployment="second") as emulator:
        yield emulator


def connection(
    emulator: Emulator,
    *,
    host_name: str | None = None,
    deployment: str | None = None,
    api_key: str | None = None,
    **advanced: str,
) -> dict[str, Any]:
    """Return the filled form of a connection to the emulator."""
    return {
        CONF_HOST_NAME: host_name or emulator.url,
        CONF_DEPLOYMENT: deployment or emulator.deployment,
        CONF_API_KEY: api_key or emulator.api_key,
        "advanced": advanced,
    }


def assistant(
    name: str = "Jeeves",
    *,
    listening: Mapping[str, Any] | None = None,
    speaking: Mapping[str, Any] | None = None,
    automations: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the filled form of an assistant; what is left out has its default."""
    return {
        CONF_NAME: name,
        "listening": listening or {},
        "speaking": speaking or {},
        "automations": automations or {},
        **fields,
    }


def suggested(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form is filled with when it is shown, sections nested."""

    def of_schema(schema: vol.Schema) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for marker, field in schema.schema.items():
            if isinstance(field, section):
                values[str(marker)] = of_schema(field.schema)
            elif "suggested_value" in (marker.description or {}):
                values[str(marker)] = marker.description["suggested_value"]
            elif not isinstance(marker.default, vol.Undefined):
                values[str(marker)] = marker.default()
        return values

    return of_schema(result["data_schema"])


def assert_translated(result: Mapping[str, Any], *path: str) -> None:
    """Every field of a form has a name and a description, every error a sentence."""
    flow = TRANSLATIONS
    for key in path:
        flow = flow[key]
    step = flow["step"][result["step_id"]]
    assert step["title"]
    assert step["description"]
    for marker, field in result["data_schema"].schema.items():
        if isinstance(field, section):
            texts, markers = step["sections"][marker], field.schema.schema
            assert texts["name"]
        else:
            texts, markers = step, [marker]
        for name in markers:
            assert texts["data"][name]
            assert texts["data_description"][name]
    for error in (result["errors"] or {}).values():
        assert flow["error"][error]


async def start(hass: HomeAssistant) -> str:
    """Open the form of a new entry and return the flow's id."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    assert not result["errors"]
    assert_translated(result, "config")
    return str(result["flow_id"])


async def submit(
    hass: HomeAssistant, flow_id: str, form: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill a form of a config flow in, and let what follows settle."""
    result = await hass.config_entries.flow.async_configure(flow_id, dict(form))
    await hass.async_block_till_done()
    return dict(result)


# --- A new entry


async def test_new_entry(hass: HomeAssistant, emulator: Emulator) -> None:
    """A deployment is connected to, stored, and comes with an assistant that runs."""
    flow_id = await start(hass)
    result = await submit(hass, flow_id, connection(emulator))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == f"{DEPLOYMENT} ({emulator.url})"
    assert entry.unique_id == f"{emulator.url}/{DEPLOYMENT}"
    assert dict(entry.data) == {
        CONF_HOST_NAME: emulator.url,
        CONF_DEPLOYMENT: DEPLOYMENT,
        CONF_API_KEY: API_KEY,
        CONF_API_VERSION: "",
    }
    [subentry] = entry.subentries.values()
    assert subentry.subentry_type == SUBENTRY_CONVERSATION
    assert subentry.title == DEFAULT_ASSISTANT_NAME
    assert dict(subentry.data) == dict(DEFAULT_ASSISTANT)

    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.is_state("sensor.azure_realtime_status", "idle")
    assert [shake.headers["api-key"] for shake in emulator.handshakes] == [API_KEY] * 2
    assert all("key" not in shake.query for shake in emulator.handshakes)


async def test_chosen_name(hass: HomeAssistant, emulator: Emulator) -> None:
    """A name names the entry and its first assistant."""
    flow_id = await start(hass)
    result = await submit(hass, flow_id, connection(emulator, name=" Jeeves "))

    assert result["result"].title == "Jeeves"
    assert [sub.title for sub in result["result"].subentries.values()] == ["Jeeves"]
    assert hass.states.get("sensor.jeeves_status")


async def test_preview_entry(hass: HomeAssistant, emulator: Emulator) -> None:
    """A date chooses the preview protocol."""
    flow_id = await start(hass)
    result = await submit(hass, flow_id, connection(emulator, api_version=PREVIEW))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_API_VERSION] == PREVIEW
    assert emulator.handshakes[-1].query["api-version"] == PREVIEW


async def test_transcription_deployment(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """The first form takes what shows, from the first turn on, what was said."""
    form = connection(emulator)
    form[CONF_TRANSCRIPTION_DEPLOYMENT] = " gpt-4o-transcribe "
    result = await submit(hass, await start(hass), form)
    [subentry] = result["result"].subentries.values()
    expected = {CONF_TRANSCRIPTION_DEPLOYMENT: "gpt-4o-transcribe"}
    assert dict(subentry.data) == DEFAULT_ASSISTANT | expected


@pytest.mark.parametrize(
    ("ticks", "description", "name"),
    [
        ({CONF_CREATE_PIPELINE: False}, "default", DEFAULT_ASSISTANT_NAME),
        ({}, "pipeline", f"{DEFAULT_ASSISTANT_NAME} 2"),
        ({CONF_PREFER_PIPELINE: True}, "preferred", f"{DEFAULT_ASSISTANT_NAME} 2"),
    ],
)
async def test_how_to_begin_to_talk(
    hass: HomeAssistant,
    emulator: Emulator,
    second_emulator: Emulator,
    ticks: dict[str, bool],
    description: str,
    name: str,
) -> None:
    """The dialog at the end says how to begin to talk, with the name to choose."""
    await submit(hass, await start(hass), connection(emulator))
    form = connection(second_emulator) | ticks
    result = await submit(hass, await start(hass), form)
    assert result["description"] == description
    assert result["description_placeholders"] == {"name": name}
    assert "{name}" in TRANSLATIONS["config"]["create_entry"][description]


@pytest.mark.parametrize(
    "pasted",
    [
        "  ws://{host}/ ",
        "http://{host}",
        "HTTP://{host}/openai/v1/realtime?model=something",
        "ws://{host}/openai/realtime?api-version=2024-10-01-preview&deployment=x",
    ],
)
async def test_pasted_host(
    hass: HomeAssistant, emulator: Emulator, pasted: str
) -> None:
    """Whatever is pasted is reduced to the one host that it means."""
    flow_id = await start(hass)
    host_name = pasted.format(host=emulator.host_name)
    result = await submit(hass, flow_id, connection(emulator, host_name=host_name))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_HOST_NAME] == emulator.url


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        ("http_400", {CONF_DEPLOYMENT: "not_realtime_model"}),
        ("http_400_spelled", {CONF_DEPLOYMENT: "not_realtime_model"}),
        ("http_400_api_version", {"advanced": "unsupported_api_version"}),
        ("http_401", {CONF_API_KEY: "invalid_auth"}),
        ("http_403", {"base": "forbidden"}),
        ("http_404_deployment", {CONF_DEPLOYMENT: "deployment_not_found"}),
        ("http_404_resource", {CONF_DEPLOYMENT: "deployment_not_found"}),
        ("http_429", {"base": "rate_limited"}),
        ("http_500", {"base": "service_failing"}),
        ("http_503", {"base": "service_failing"}),
        ("openai_invalid_api_key", {CONF_API_KEY: "invalid_auth"}),
        ("openai_invalid_model", {CONF_DEPLOYMENT: "not_realtime_model"}),
        ("openai_missing_model", {CONF_DEPLOYMENT: "deployment_not_found"}),
        ("openai_beta_disabled", {"advanced": "unsupported_api_version"}),
        ("openai_insufficient_quota", {"base": "quota_exceeded"}),
        ("ends_at:created/1006", {"base": "service_failing"}),
        ("ends_at:created/1011", {"base": "service_failing"}),
        ("no_ack:session.update", {"base": "timeout"}),
        ("ends_at:session.update/1006", {"base": "service_failing"}),
        ("refuse:session.update", {"base": "connection_refused"}),
    ],
)
@pytest.mark.usefixtures("impatient")
async def test_refused_then_accepted(
    hass: HomeAssistant, emulator: Emulator, fault: str, errors: dict[str, str]
) -> None:
    """Each failure is told where it belongs, keeps what was typed, and can be mended."""
    form = connection(emulator, api_version="v1", name="Jeeves")
    form[CONF_CREATE_PIPELINE] = False
    flow_id = await start(hass)
    emulator.faults.add(fault)

    result = await submit(hass, flow_id, form)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == errors
    assert suggested(result) == form
    assert_translated(result, "config")
    assert not hass.config_entries.async_entries(DOMAIN)

    emulator.faults.clear()
    result = await submit(hass, flow_id, form)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("field", "value", "errors"),
    [
        ("host_name", "http://example.com", {CONF_HOST_NAME: "unencrypted_host"}),
        ("host_name", "ws://gateway:8080", {CONF_HOST_NAME: "unencrypted_host"}),
        ("host_name", "https://portal.azure.com/x", {CONF_HOST_NAME: "invalid_host"}),
        ("host_name", "me:pw@example.com", {CONF_HOST_NAME: "invalid_host"}),
        ("host_name", "ws://127.0.0.1:1", {CONF_HOST_NAME: "cannot_connect"}),
        ("deployment", " ", {CONF_DEPLOYMENT: "invalid_deployment"}),
        ("deployment", "unknown", {CONF_DEPLOYMENT: "deployment_not_found"}),
        ("deployment", "gpt-4o", {CONF_DEPLOYMENT: "not_realtime_model"}),
        ("api_key", "wrong", {CONF_API_KEY: "invalid_auth"}),
        ("api_key", "two\nlines", {CONF_API_KEY: "invalid_auth"}),
        ("api_key", "half a letter \ud800", {CONF_API_KEY: "invalid_auth"}),
        ("api_version", "latest", {"advanced": "invalid_api_version"}),
    ],
)
async def test_mistyped_then_corrected(
    hass: HomeAssistant,
    emulator: Emulator,
    field: str,
    value: str,
    errors: dict[str, str],
) -> None:
    """What is typed wrongly is told on its field, and can be typed again."""
    flow_id = await start(hass)

    result = await submit(hass, flow_id, connection(emulator, **{field: value}))
    assert result["errors"] == errors
    assert_translated(result, "config")

    result = await submit(hass, flow_id, connection(emulator))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_section_with_an_error_opens(
    hass: HomeAssistant, emulator: Emulator, hass_client: ClientSessionGenerator
) -> None:
    """A section is closed until one of its fields has an error, and open to mend that."""
    assert await async_setup_component(hass, "config", {})
    assert await async_setup_component(hass, DOMAIN, {})
    client = await hass_client()
    flow_id = await start(hass)
    url = f"/api/config/config_entries/flow/{flow_id}"

    async def is_open(form: Mapping[str, Any]) -> bool:
        reply = await client.post(url, json=form)
        answer = await reply.json()
        return bool(answer["data_schema"][-1]["expanded"])

    assert not await is_open(connection(emulator, api_key="wrong"))
    assert await is_open(connection(emulator, api_version="latest"))
    assert not await is_open(connection(emulator, api_key="wrong"))


@pytest.mark.parametrize("chosen", ["v1", "2024-12-17"])
async def test_preview_only(
    hass: HomeAssistant, emulator: Emulator, chosen: str
) -> None:
    """A deployment that only the preview API reaches is told as that, with what to choose."""
    emulator.preview_only = True
    flow_id = await start(hass)
    if chosen != "v1":
        emulator.faults.add("http_400_api_version*1")
    result = await submit(hass, flow_id, connection(emulator, api_version=chosen))
    assert result["errors"] == {"advanced": "other_api_version"}
    assert result["description_placeholders"][CONF_API_VERSION] == PREVIEW
    assert_translated(result, "config")

    result = await submit(hass, flow_id, connection(emulator, api_version=PREVIEW))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_service_that_goes_away_in_between(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """Where no other API version can be tried, the first error is what is told."""
    emulator.faults.add("http_404_deployment*1")
    flow_id = await start(hass)
    emulator.faults.add("ends_at:created/1006")
    result = await submit(hass, flow_id, connection(emulator))
    assert result["errors"] == {CONF_DEPLOYMENT: "deployment_not_found"}


async def test_preview_version_that_is_gone(
    hass: HomeAssistant, emulator: Emulator
) -> None:
    """A refused preview version leads to the current API, if the deployment has that."""
    flow_id = await start(hass)
    emulator.faults.add("http_400_api_version*1")
    result = await submit(hass, flow_id, connection(emulator, api_version=PREVIEW))
    assert result["errors"] == {"advanced": "other_api_version"}
    assert result["description_placeholders"][CONF_API_VERSION] == "v1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(text="Welcome"), "unexpected_answer"),
        (web.HTTPFound("/login"), "unexpected_answer"),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), "unexpected_answer"),
        (web.HTTPBadGateway(), "service_failing"),
        (web.HTTPGatewayTimeout(), "service_failing"),
    ],
)
async def test_other_servers(
    hass: HomeAssistant,
    emulator: Emulator,
    answer: web.StreamResponse,
    error: str,
) -> None:
    """A server that is not Azure OpenAI is told apart from one that has trouble of its own."""

    async def answers(_: web.BaseRequest) -> web.StreamResponse:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with RawTestServer(answers) as server:
        form = connection(emulator, host_name=f"http://127.0.0.1:{server.port}")
        result = await submit(hass, await start(hass), form)
    field = "base" if error == "service_failing" else CONF_HOST_NAME
    assert result["errors"] == {field: error}
    assert result["description_placeholders"]["error"]
    assert_translated(result, "config")


async def test_no_server_of_that_name(hass: HomeAssistant, emulator: Emulator) -> None:
    """A name that nobody has is told as that."""
    form = connection(emulator, host_name="my-house.invalid")
    with patch("aiohttp.TCPConnector._resolve_host", side_effect=OSError):
        result = await submit(hass, await start(hass), form)
    assert result["errors"] == {CONF_HOST_NAME: "unknown_host"}
    assert_translated(result, "config")


@pytest.mark.parametrize(
    ("typed", "host_name"),
    [
        (" My-House ", "my-house.openai.azure.com"),
        ("house42", "house42.openai.azure.com"),
        ("https://gateway", "gateway"),
        ("gateway:8443", "gateway:8443"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_bare_resource_name(typed: str, host_name: str) -> None:
    """The name of a resource stands for its host; a server of one's own stays as it is."""
    form = {CONF_HOST_NAME: typed, CONF_DEPLOYMENT: "d", CONF_API_VERSION: "v1"}
    assert entry_data({**form, CONF_API_KEY: "k"})[CONF_HOST_NAME] == host_name


async def test_unexpected_error(
    hass: HomeAssistant, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody thought of leaves the form open, and a traceback without the key."""
    flow_id = await start(hass)
    with patch.object(RealtimeClient, "connect", side_effect=RuntimeError):
        result = await submit(hass, flow_id, connection(emulator))
    assert result["errors"] == {"base": "unknown"}
    assert_translated(result, "config")
    assert "Unexpected error while testing the connection" in caplog.text
    assert API_KEY not in caplog.text

    result = await submit(hass, flow_id, connection(emulator))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_same_deployment_twice(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """One host and deployment is set up once, however its host is written."""
    tried = len(emulator.handshakes)
    flow_id = await start(hass)
    host_name = f"HTTP://{emulator.host_name}/openai/"
    result = await submit(hass, flow_id, connection(emulator, host_name=host_name))

    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert TRANSLATIONS["config"]["abort"]["already_configured"]
    assert len(emulator.handshakes) == tried


@pytest.mark.parametrize(
    ("host_name", "deployment", "is_same"),
    [
        ("house.cognitiveservices.azure.com", "Main", True),
        ("https://house.services.ai.azure.com/api/projects/x", "main", True),
        ("house", "main", True),
        ("house.openai.azure.com", "other", False),
        ("other.services.ai.azure.com", "main", False),
        ("house.openai.azure.us", "main", False),
        ("house.openai.azure.com.example.com", "main", False),
    ],
)
async def test_three_names_of_one_resource(
    hass: HomeAssistant,
    emulator: Emulator,
    host_name: str,
    deployment: str,
    is_same: bool,
) -> None:
    """A resource under another of its host names is set up already."""
    MockConfigEntry(
        domain=DOMAIN,
        unique_id="house.openai.azure.com/main",
        data={
            CONF_HOST_NAME: "house.openai.azure.com",
            CONF_DEPLOYMENT: "main",
            CONF_API_KEY: API_KEY,
            CONF_API_VERSION: "",
        },
    ).add_to_hass(hass)
    form = connection(emulator, host_name=host_name, deployment=deployment)
    with patch.object(RealtimeClient, "connect", side_effect=CannotConnectError):
        result = await submit(hass, await start(hass), form)
    assert (result.get("reason") == "already_configured") is is_same


async def test_second_deployment(
    hass: HomeAssistant, init_integration: MockConfigEntry, second_emulator: Emulator
) -> None:
    """Another deployment is another entry."""
    result = await submit(hass, await start(hass), connection(second_emulator))

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_through_the_api(
    hass: HomeAssistant, emulator: Emulator, hass_client: ClientSessionGenerator
) -> None:
    """The forms can be sent to the UI, and filled in there."""
    assert await async_setup_component(hass, "config", {})
    assert await async_setup_component(hass, DOMAIN, {})
    client = await hass_client()

    async def post(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        reply = await client.post(f"/api/config/config_entries/{path}", json=body)
        assert reply.status == 200, await reply.text()
        answer: dict[str, Any] = await reply.json()
        return answer

    form = await post("flow", {"handler": DOMAIN})
    assert [field["name"] for field in form["data_schema"]] == [
        CONF_HOST_NAME,
        CONF_DEPLOYMENT,
        CONF_API_KEY,
        CONF_TRANSCRIPTION_DEPLOYMENT,
        CONF_CREATE_PIPELINE,
        CONF_PREFER_PIPELINE,
        "advanced",
    ]
    assert form["data_schema"][2]["selector"]["text"]["type"] == "password"
    fields = {field["name"]: field for field in form["data_schema"]}
    assert fields[CONF_CREATE_PIPELINE]["default"] is True
    assert not fields[CONF_TRANSCRIPTION_DEPLOYMENT].get("required")
    assert not fields[CONF_PREFER_PIPELINE].get("required")
    assert fields["advanced"]["expanded"] is False
    done = await post(f"flow/{form['flow_id']}", connection(emulator))
    assert done["type"] == "create_entry"
    assert API_KEY not in json.dumps(done)

    form = await post(
        "subentries/flow",
        {"handler": [done["result"]["entry_id"], SUBENTRY_CONVERSATION]},
    )
    sections = [field["name"] for field in form["data_schema"] if field.get("schema")]
    assert sections == ["listening", "speaking", "automations"]
    done = await post(f"subentries/flow/{form['flow_id']}", assistant())
    assert done["type"] == "create_entry"
    await hass.async_block_till_done()
    assert hass.states.is_state("sensor.jeeves_status", "idle")


# --- The key stops working


@pytest.fixture
async def reauth_flow(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> str:
    """Regenerate the key of a loaded entry, and return the id of the flow it asks for."""
    emulator.api_key = "new-key"
    init_integration.async_start_reauth(hass)
    await hass.async_block_till_done()
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"
    return str(flow["flow_id"])


async def test_reauth(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    reauth_flow: str,
) -> None:
    """A new key is asked for, tried, stored and used; a wrong one is refused."""
    result: dict[str, Any] = {
        **await hass.config_entries.flow.async_configure(reauth_flow)
    }
    assert suggested(result) == {}
    assert result["description_placeholders"][CONF_DEPLOYMENT] == DEPLOYMENT
    assert result["description_placeholders"][CONF_HOST_NAME] == emulator.url
    assert_translated(result, "config")

    result = await submit(hass, reauth_flow, {CONF_API_KEY: "wrong"})
    assert result["errors"] == {CONF_API_KEY: "invalid_auth"}
    assert result["description_placeholders"][CONF_DEPLOYMENT] == DEPLOYMENT

    result = await submit(hass, reauth_flow, {CONF_API_KEY: "new-key"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert init_integration.data[CONF_API_KEY] == "new-key"
    assert init_integration.data[CONF_HOST_NAME] == emulator.url
    assert init_integration.state is ConfigEntryState.LOADED
    assert emulator.handshakes[-1].status == 101
    assert emulator.handshakes[-1].headers["api-key"] == "new-key"


async def test_reauth_says_what_else_is_wrong(
    hass: HomeAssistant, emulator: Emulator, reauth_flow: str
) -> None:
    """An error of a field that the form does not have is told above it."""
    emulator.faults.add("http_404_deployment")
    result = await submit(hass, reauth_flow, {CONF_API_KEY: "new-key"})

    assert result["errors"] == {"base": "deployment_not_found"}
    assert_translated(result, "config")


async def test_reauth_of_an_entry_that_is_not_set_up(
    hass: HomeAssistant, emulator: Emulator, config_entry: MockConfigEntry
) -> None:
    """A key that was refused at start is asked for, and the entry comes up."""
    emulator.api_key = "new-key"
    assert not await hass.config_entries.async_setup(config_entry.entry_id)
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)

    await submit(hass, flow["flow_id"], {CONF_API_KEY: "new-key"})
    assert config_entry.state is ConfigEntryState.LOADED


# --- The deployment moves


async def test_reconfigure(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    second_emulator: Emulator,
) -> None:
    """Host, deployment and key are changed together; the assistants stay."""
    result = dict(await init_integration.start_reconfigure_flow(hass))
    assert result["step_id"] == "reconfigure"
    assert suggested(result) == {
        CONF_HOST_NAME: init_integration.data[CONF_HOST_NAME],
        CONF_DEPLOYMENT: DEPLOYMENT,
        "advanced": {CONF_API_VERSION: "v1"},
    }
    assert_translated(result, "config")

    form = connection(second_emulator, api_key="wrong", api_version="v1")
    result = await submit(hass, result["flow_id"], form)
    assert result["errors"] == {CONF_API_KEY: "invalid_auth"}
    assert suggested(result) == form

    result = await submit(hass, result["flow_id"], connection(second_emulator))
    assert result["reason"] == "reconfigure_successful"
    assert init_integration.unique_id == f"{second_emulator.url}/second"
    assert init_integration.title == f"second ({second_emulator.url})"
    assert init_integration.data[CONF_API_KEY] == "another-key"
    assert list(init_integration.subentries) == [SUBENTRY_ID]
    assert init_integration.state is ConfigEntryState.LOADED
    assert second_emulator.handshakes[-1].status == 101


async def test_reconfigure_keeps_key_and_chosen_name(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """Without a new key the old one is used; a title that somebody chose stays."""
    hass.config_entries.async_update_entry(init_integration, title="Jeeves")
    await hass.async_block_till_done()
    result = dict(await init_integration.start_reconfigure_flow(hass))
    form = connection(emulator, api_version=PREVIEW)
    del form[CONF_API_KEY]

    result = await submit(hass, result["flow_id"], form)
    assert result["reason"] == "reconfigure_successful"
    assert init_integration.title == "Jeeves"
    assert init_integration.data[CONF_API_KEY] == API_KEY
    assert init_integration.data[CONF_API_VERSION] == PREVIEW
    assert emulator.handshakes[-1].query["api-version"] == PREVIEW


async def test_reconfigure_to_a_deployment_that_is_taken(
    hass: HomeAssistant, init_integration: MockConfigEntry, second_emulator: Emulator
) -> None:
    """Two entries never share a deployment."""
    await submit(hass, await start(hass), connection(second_emulator))
    result = dict(await init_integration.start_reconfigure_flow(hass))

    result = await submit(hass, result["flow_id"], connection(second_emulator))
    assert result["reason"] == "already_configured"
    assert init_integration.data[CONF_DEPLOYMENT] == DEPLOYMENT
