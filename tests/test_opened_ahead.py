"""A session that is open before anybody speaks."""

from datetime import timedelta

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant
from homeassistant.helpers.chat_session import ChatSession, current_session
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS
from emulator import Emulator

from .satellite import Satellite, new_conversation, speak_to
from .talk import AGENT, change_assistant, say, session_closed, speech

SILENT_IDLE = 60


@pytest.fixture
async def opened(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
) -> int:
    """Open the Assist dialog; return how many sessions there are then."""
    await change_assistant(
        hass, init_integration, **{CONF_INSTRUCTIONS: "The user is {{ user_name }}."}
    )
    count = len(emulator.sessions)
    await open_dialog(hass, hass_ws_client)
    assert len(emulator.sessions) == count + 1
    return count + 1


async def open_dialog(hass: HomeAssistant, ws: WebSocketGenerator) -> None:
    """Do what the Assist dialog does when it opens."""
    client = await ws()
    await client.send_json_auto_id(
        {"type": "conversation/prepare", "agent_id": AGENT, "language": "en"}
    )
    assert (await client.receive_json())["success"]
    await hass.async_block_till_done()


async def test_dialog(hass: HomeAssistant, emulator: Emulator, opened: int) -> None:
    """The first message in a dialog that has been opened is one round trip away."""
    session = emulator.sessions[-1]
    assert session.config["instructions"].startswith("The user is ")
    assert session.config["tools"]
    updates = len(session.received.of("session.update"))
    result = await say(hass, "hello")
    assert speech(result) == "Hello! How can I help?"
    assert len(emulator.sessions) == opened
    # The user who opened the dialog is not the user who speaks here.
    assert len(session.received.of("session.update")) == updates + 1
    await say(hass, "a conversation of its own")
    assert len(emulator.sessions) == opened + 1


async def test_spoken(hass: HomeAssistant, emulator: Emulator, opened: int) -> None:
    """The first words go to the session that is open."""
    await speak_to(hass, AGENT)
    run = await Satellite(hass, new_conversation()).run()
    assert run.answer == "Hello! How can I help?"
    assert len(emulator.sessions) == opened


async def test_twice(
    hass: HomeAssistant,
    emulator: Emulator,
    opened: int,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """Two dialogs need no two sessions, until both are spoken to."""
    await open_dialog(hass, hass_ws_client)
    assert len(emulator.sessions) == opened


async def test_nobody_speaks(
    hass: HomeAssistant, emulator: Emulator, opened: int
) -> None:
    """After a minute without a word the session is closed."""
    session = emulator.sessions[-1]
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=SILENT_IDLE - 2))
    await hass.async_block_till_done()
    assert not session.closed
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=SILENT_IDLE + 1))
    await session_closed(session)


async def test_nobody_speaks_in_a_run(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A run without speech leaves its session open for a minute only."""
    token = current_session.set(ChatSession("kitchen"))
    await conversation.async_prepare_agent(hass, AGENT, "en")
    current_session.reset(token)
    await hass.async_block_till_done()
    session = emulator.sessions[-1]
    assert len(emulator.sessions) == 2
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=SILENT_IDLE + 1))
    await session_closed(session)


async def test_other_ears(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A run with other ears has its session open by the time the words are known."""
    await speak_to(hass, AGENT)
    satellite = Satellite(hass, new_conversation())
    token = current_session.set(ChatSession(satellite.conversation_id))
    await conversation.async_prepare_agent(hass, AGENT, "en")
    current_session.reset(token)
    await hass.async_block_till_done()
    assert len(emulator.sessions) == 2
    await say(hass, "hello", satellite.conversation_id)
    assert len(emulator.sessions) == 2


async def test_service_is_away(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A dialog opens all the same; the person is told why there is no answer."""
    emulator.faults.add("http_503")
    await open_dialog(hass, hass_ws_client)
    result = await say(hass, "hello")
    assert speech(result).startswith("The Azure service has trouble of its own")
    emulator.faults.clear()


async def test_unloaded(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    opened: int,
) -> None:
    """A session that was opened ahead ends with the entry."""
    session = emulator.sessions[-1]
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    await session_closed(session)
