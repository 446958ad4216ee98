"""Actions and turns while the service is away: they fail or wait, the conversation stays."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import (
    ConnectionState,
    RealtimeClient,
)
from emulator import Emulator

from ..conftest import SUBENTRY_ID
from ..talk import STATUS, becomes, say, set_timing, shorten_timeouts
from ..test_services import Act

PIECES = [bytes([number, 0]) * 4_800 for number in range(1, 4)]


@pytest.fixture(autouse=True)
async def service_goes_on(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """Let clients try at once, and nothing stand still in the end."""
    shorten_timeouts(monkeypatch, connect_timeout=10.0, command_timeout=2.0)
    yield
    emulator.flowing.set()


def base64(piece: bytes) -> str:
    """Return a piece of audio as an action takes it."""
    return b64encode(piece).decode()


def clients(hass: HomeAssistant) -> list[RealtimeClient]:
    """Return the client of every session of the assistant."""
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    assistant: Assistant = entry.runtime_data[SUBENTRY_ID].assistant
    return [session.client for session in assistant.sessions]


async def away(hass: HomeAssistant, emulator: Emulator) -> None:
    """Lose the only connection to a service that neither lets in nor refuses."""
    (client,) = clients(hass)
    lost = asyncio.Event()
    client.once("connection_changed", lambda _: lost.set())
    emulator.flowing.clear()
    emulator.sessions[-1].abort()
    await lost.wait()
    set_timing(hass, connect_wait=0.05)


async def back(hass: HomeAssistant, emulator: Emulator) -> None:
    """Have the service again."""
    set_timing(hass, connect_wait=20.0)
    emulator.flowing.set()
    (client,) = clients(hass)
    await client.connect()
    assert not hass.states.is_state(STATUS, "unavailable")


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_action_in_an_outage(
    hass: HomeAssistant, emulator: Emulator, act: Act, is_cancelled: bool
) -> None:
    """It fails, or its script is stopped; what was said and set before stays."""
    await act("update_session", session={"instructions": "You are a pilot."})
    await act("append_audio", audio=base64(PIECES[0]))
    await away(hass, emulator)
    if is_cancelled:
        set_timing(hass, connect_wait=20.0)
        action = hass.async_create_task(act("commit_audio"))
        await asyncio.sleep(0)
        action.cancel()
        await asyncio.gather(action, return_exceptions=True)
    else:
        with pytest.raises(HomeAssistantError) as raised:
            await act("commit_audio")
        assert raised.value.translation_key == "cannot_connect"
    await back(hass, emulator)
    await act("append_audio", audio=base64(PIECES[1]))
    await act("commit_audio")
    session = emulator.sessions[-1]
    (item,) = session.conversation
    assert item.audio == PIECES[0] + PIECES[1]
    assert session.config["instructions"] == "You are a pilot."


async def test_action_that_waits_for_the_end_of_an_outage(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """One that gives up takes nothing from one that has more patience."""
    await act("append_audio", audio=base64(PIECES[0]))
    await away(hass, emulator)
    set_timing(hass, connect_wait=20.0)
    patient = hass.async_create_task(act("commit_audio"))
    await asyncio.sleep(0)
    set_timing(hass, connect_wait=0.05)
    with pytest.raises(HomeAssistantError):
        await act("clear_audio_buffer")
    emulator.flowing.set()
    item_id = (await patient)["item_id"]
    (item,) = emulator.sessions[-1].conversation
    assert (item.id, bytes(item.audio)) == (item_id, PIECES[0])


async def test_first_action_that_gives_up(
    hass: HomeAssistant, emulator: Emulator, act: Act, init_integration: MockConfigEntry
) -> None:
    """A second one that waits for the same first connection gets it."""
    emulator.flowing.clear()
    set_timing(hass, connect_wait=20.0)
    patient = hass.async_create_task(act("create_conversation_item", text="hello"))
    await asyncio.sleep(0)
    set_timing(hass, connect_wait=0.05)
    with pytest.raises(HomeAssistantError):
        await act("create_conversation_item", text="nobody hears this")
    emulator.flowing.set()
    await patient
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


async def test_session_that_never_was(
    hass: HomeAssistant, emulator: Emulator, act: Act, init_integration: MockConfigEntry
) -> None:
    """Where nothing was said, and nobody waits, nothing is kept of a failed connection."""
    emulator.faults.add("http_503*1")
    set_timing(hass, probe_delay=60.0)
    with pytest.raises(HomeAssistantError):
        await act("append_audio", audio=base64(PIECES[0]))
    assert clients(hass) == []


@pytest.mark.parametrize("fault", ["http_503", "http_401"])
async def test_action_after_the_last_try(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    init_integration: MockConfigEntry,
    fault: str,
) -> None:
    """Settings and items are there when the service is, whatever has ended the tries."""
    set_timing(hass, probe_delay=0.05, max_probe_delay=0.05)
    await act("update_session", session={"instructions": "You are a pilot."})
    (client,) = clients(hass)
    emulator.faults.add(fault)
    emulator.sessions[-1].abort()
    await becomes(hass, STATUS, "unavailable")
    assert client.state is ConnectionState.CLOSED
    with pytest.raises(HomeAssistantError):
        await act("create_conversation_item", text="nobody hears this")
    emulator.faults.clear()
    await becomes(hass, STATUS, "idle")
    await act("create_conversation_item", text="hello")
    assert emulator.sessions[-1].config["instructions"] == "You are a pilot."
    assert clients(hass) == [client]


async def test_turn_in_an_outage(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A typed turn that gives up, or is stopped, costs the conversation nothing."""
    conversation = "kitchen"
    await say(hass, "my name is Ada", conversation)
    await away(hass, emulator)
    assert (await say(hass, "are you there", conversation)).response.error_code
    set_timing(hass, connect_wait=20.0)
    stopped = hass.async_create_task(say(hass, "hello", conversation))
    await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    await back(hass, emulator)
    result = await say(hass, "what is my name", conversation)
    assert result.response.speech["plain"]["speech"] == "Your name is Ada."


async def test_idle_after_an_outage(
    hass: HomeAssistant, emulator: Emulator, act: Act, init_integration: MockConfigEntry
) -> None:
    """A session that is kept over an outage ends like any other."""
    await act("create_conversation_item", text="hello")
    await away(hass, emulator)
    with pytest.raises(HomeAssistantError):
        await act("commit_audio")
    assert len(clients(hass)) == 1
    emulator.flowing.set()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=3600))
    await hass.async_block_till_done()
    assert clients(hass) == []
