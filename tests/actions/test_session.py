"""Actions that change the session."""

from copy import deepcopy
import logging
from typing import Any

from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.azure_realtime_audio.assistant.conversation_session import (
    ConversationSession,
)
from custom_components.azure_realtime_audio.const import CONF_FIRE_EVENTS, DOMAIN
from custom_components.azure_realtime_audio.realtime import CommandError
from emulator import Emulator, Reply

from ..conftest import SUBENTRY_ID
from ..talk import change_assistant, say, set_timing
from ..test_services import Act, _actions_session


async def test_update_session(emulator: Emulator, act: Act) -> None:
    """Returns the session in force, less what its owner alone should know."""
    tool = {
        "type": "mcp",
        "server_label": "books",
        "server_url": "https://books.example.com",
        "authorization": "secret token",
        "headers": {"X-Key": "secret key"},
    }
    vad = {"type": "server_vad", "silence_duration_ms": 800}
    updated = await act(
        "update_session", session={"turn_detection": vad, "tools": [tool]}
    )
    session = updated["session"]
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 800
    assert session["tools"][0]["server_label"] == "books"
    assert "secret" not in str(updated)
    assert "Your words are spoken aloud" in session["instructions"]


async def test_what_an_action_sets_stays(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """The assistant's own instructions and tools do not take the place of the caller's."""
    tool = {"type": "function", "name": "fly", "parameters": {"type": "object"}}
    settings = {"instructions": "You are a pilot.", "tools": [tool]}
    await act("update_session", session=settings)
    emulator.replies.append(Reply(tool_calls=[("fly", {})]))
    reply = await act("create_response")
    config = _actions_session(emulator).sent.of("session.updated")[-1]["session"]
    assert config["instructions"] == "You are a pilot."
    assert [tool["name"] for tool in config["tools"]] == ["fly"]
    assert reply["tool_calls"][0]["output"] is None


async def test_update_session_error(emulator: Emulator, act: Act) -> None:
    """A wrong setting is named before anything is sent."""
    with pytest.raises(HomeAssistantError, match="silence") as raised:
        await act("update_session", session={"silence": 3})
    assert raised.value.translation_key == "invalid_config"


VAD = {"type": "server_vad", "silence_duration_ms": 800}
BOOKS = {
    "type": "mcp",
    "server_label": "books",
    "server_url": "https://reader:door-key@books.example.com/mcp?token=library-card",
    "authorization": "Bearer secret-token",
    "headers": {"X-Key": "secret-key", "X-Pin": "7"},
}
SECRETS = ("secret-token", "secret-key", "door-key", "library-card")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"turn_detection": VAD},
        {"turn_detection": {"type": "semantic_vad"}, "voice": "marin"},
        {"output_modalities": ["text"], "max_output_tokens": "inf"},
        {"tools": [BOOKS], "instructions": "You are a librarian."},
        {"input_audio_transcription": {"model": "whisper"}},
    ],
)
async def test_session_is_given_back(
    emulator: Emulator, act: Act, settings: dict[str, Any]
) -> None:
    """What is returned can be given back, and changes nothing."""
    returned = (await act("update_session", session=settings))["session"]
    session = _actions_session(emulator)
    config = deepcopy(session.config)
    assert (await act("update_session", session=returned))["session"] == returned
    assert session.config == config


async def test_what_was_returned_first_undoes_all(
    emulator: Emulator, act: Act, hass: HomeAssistant
) -> None:
    """The assistant's own instructions and tools are in force again, and stay its own."""
    first = (await act("update_session", session={}))["session"]
    await act(
        "update_session",
        session={"instructions": "Fly.", "tools": [BOOKS], "turn_detection": VAD},
    )
    await act("create_response")
    again = (await act("update_session", session=first))["session"]
    assert again == first
    (session,) = _sessions(hass)
    assert session.own_settings == {}
    assert session.on_own_answer is None


async def test_tools_that_are_given_back_keep_their_secrets(
    emulator: Emulator, act: Act
) -> None:
    """A list of tools with one more still has the secrets of the others."""
    returned = (await act("update_session", session={"tools": [BOOKS]}))["session"]
    tool = {"type": "function", "name": "fly", "parameters": {"type": "object"}}
    await act("update_session", session={"tools": [*returned["tools"], tool]})
    books, _ = _actions_session(emulator).received.of("session.update")[-1]["session"][
        "tools"
    ]
    assert books == BOOKS
    # Another server does not get them.
    elsewhere = returned["tools"][0] | {"server_url": "https://evil.example.com"}
    await act("update_session", session={"tools": [elsewhere]})
    (sent,) = _actions_session(emulator).received.of("session.update")[-1]["session"][
        "tools"
    ]
    assert sent == elsewhere


async def test_secrets_of_tools(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    init_integration: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No event, state, response, error or log has them, even where the service does."""
    await change_assistant(hass, init_integration, **{CONF_FIRE_EVENTS: True})
    await hass.async_block_till_done()
    events: list[Event] = []

    @callback
    def keep(event: Event) -> None:
        events.append(event)

    hass.bus.async_listen(MATCH_ALL, keep)
    caplog.clear()
    told = [await act("update_session", session={"tools": [BOOKS]})]
    error = {"type": "server_error", "message": "Refused: Bearer secret-token"}
    emulator.replies.append(Reply(status="failed", error=error))
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    told.append(str(raised.value))
    emulator.replies.append(Reply(status="failed", error=error))
    await act("create_response", wait=False)
    emulator.replies.append(Reply(text="The key is secret-key."))
    await hass.async_block_till_done(wait_background_tasks=True)
    await act("create_response")
    told += [
        event.as_dict() for event in events if event.event_type != EVENT_CALL_SERVICE
    ]
    told += [state.as_dict() for state in hass.states.async_all()]
    shown = [
        line for line in caplog.text.splitlines() if EVENT_CALL_SERVICE not in line
    ]
    assert "session.updated" in str(told)
    assert "ended early" in str(shown)
    # A secret of one digit is known by the header's name only.
    for secret in (*SECRETS, "X-Pin"):
        assert secret not in str(told)
        assert secret not in str(shown)


async def test_secrets_in_the_refusal_of_a_reconnection(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    emulator: Emulator,
    act: Act,
    init_integration: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the log nor the diagnostics say what the service repeats of a tool."""
    caplog.set_level(logging.DEBUG)
    set_timing(hass, probe_delay=0.01, max_probe_delay=0.01, try_delay=0.0)
    await act("update_session", session={"tools": [BOOKS]})
    refusal = "refuse:session.update/Not with Bearer secret-token"
    emulator.faults.add(refusal)
    _actions_session(emulator).abort()
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    result = await say(hass, "hello")
    emulator.faults.add("http_503")
    await say(hass, "hello")
    emulator.faults.remove("http_503")  # what the next probe meets is the refusal
    availability = init_integration.runtime_data[SUBENTRY_ID].assistant.availability
    while not isinstance(availability.last_error, CommandError):
        await emulator.next_session()
        await hass.async_block_till_done()
    diagnostics = await get_diagnostics_for_config_entry(
        hass, hass_client, init_integration
    )
    last_error = diagnostics["assistants"][0]["last_error"]
    assert last_error["message"] == "Not with ***"
    own = "custom_components"
    log = [each.getMessage() for each in caplog.records if each.name.startswith(own)]
    assert any("still without the service: Not with ***" in line for line in log)
    assert any("could not answer" in line for line in log)
    told = [*log, raised.value, result.response.as_dict(), vars(availability)]
    assert "secret-token" not in repr(told)


def _sessions(hass: HomeAssistant) -> list[ConversationSession]:
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    return list(entry.runtime_data[SUBENTRY_ID].assistant.sessions)
