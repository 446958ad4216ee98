"""What was said before an entry is set up again is known afterwards."""

from datetime import timedelta

from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.azure_realtime_audio.assistant.kept_conversations import (
    DATA_KEPT,
)
from custom_components.azure_realtime_audio.const import SESSION_IDLE
from emulator import Emulator, Reply, Session

from .satellite import SPEECH, Satellite, new_conversation, played, said_at, speak_to
from .talk import AGENT, change_assistant, said, say, session_closed, shorten_timeouts

SPOKEN = "(spoken, not written down)"


@pytest.fixture
async def satellite(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> Satellite:
    """Have a satellite, and clients that connect again at once."""
    shorten_timeouts(monkeypatch)
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    await hass.async_block_till_done()
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


def assert_heard_again(session: Session) -> None:
    """Check that a new session has the person's own voice, and no word in its place."""
    first, second, *_ = session.conversation
    assert first.role == "user"
    assert len(first.audio) >= len(SPEECH) * 3 // 2
    assert second.text == "Noon."
    assert SPOKEN not in str(session.received)


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        ("http_401", "The Azure service does not accept the key."),
        ("http_403", "The Azure resource does not allow this connection."),
        ("http_404_deployment", "The Azure resource has no such deployment"),
    ],
)
async def test_refused_and_set_up_again(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    satellite: Satellite,
    fault: str,
    begins: str,
) -> None:
    """A refusal costs a turn. When it is mended, the model has heard what came before."""
    emulator.replies.append(Reply(text="Noon.", pcm=said_at(500, 0.05)))
    assert (await satellite.run()).heard == SPOKEN
    await played(0.06)
    emulator.faults.add(fault)
    lost = emulator.sessions[-1]
    lost.abort()
    await session_closed(lost)
    run = await satellite.run()
    assert run.answer.startswith(begins)
    emulator.faults.clear()
    hass.config_entries.async_update_entry(
        config_entry, data={**config_entry.data, CONF_API_KEY: emulator.api_key}
    )
    await hass.config_entries.async_reload(config_entry.entry_id)
    assert (await satellite.run()).answer == "Hello! How can I help?"
    assert_heard_again(emulator.sessions[-1])


async def test_changed_settings(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """Another voice, in the middle of a conversation, forgets nothing of it."""
    emulator.replies.append(Reply(text="Noon.", pcm=said_at(500, 0.05)))
    await satellite.run()
    await played(0.06)
    await change_assistant(hass, config_entry, voice="cedar")
    emulator.replies.append(Reply(text="As I said."))
    await say(hass, "when", satellite.conversation_id)
    session = emulator.sessions[-1]
    assert_heard_again(session)
    assert said(session)[-2:] == ["user: when", "assistant: As I said."]


async def test_kept_for_a_while(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """Nothing is kept for longer than the conversation's session would have been open."""
    await satellite.run()
    assert await hass.config_entries.async_unload(config_entry.entry_id)
    kept = hass.data[DATA_KEPT]
    assert len(kept) == 1
    idle = timedelta(seconds=SESSION_IDLE + 1)
    async_fire_time_changed(hass, dt_util.utcnow() + idle)
    await hass.async_block_till_done()
    assert len(kept) == 0


async def test_words_nobody_heard(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """What never reached the service is not told as if the person had said a placeholder."""
    emulator.faults.add("http_500")
    await satellite.run()
    emulator.faults.clear()
    assert (await satellite.run()).answer == "Hello! How can I help?"
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id]
    assert SPOKEN in str(log.content)
    assert SPOKEN not in str(emulator.sessions[-1].received)
