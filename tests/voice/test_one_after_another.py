"""One spoken turn after another in the same conversation."""

import asyncio

from homeassistant.components.assist_pipeline import PipelineStage
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from emulator import Emulator, Reply

from ..conftest import set_client_defaults
from ..satellite import Satellite, played, said_at
from ..talk import session_closed
from ..turns import conversation_lines


async def test_follow_up(emulator: Emulator, satellite: Satellite) -> None:
    """A question keeps the conversation open, and the answer goes on with it."""
    emulator.replies.append(Reply(text="Which room?", pcm=said_at(500, 0.05)))
    run = await satellite.run()
    assert run.output["continue_conversation"]
    await played(0.06)
    emulator.replies.append(Reply(text="Very well."))
    run = await satellite.run()
    assert run.answer == "Very well."
    assert not run.output["continue_conversation"]
    [_, session] = emulator.sessions
    assert conversation_lines(session) == [
        "user: ",
        "assistant: Which room?",
        "user: ",
        "assistant: Very well.",
    ]


async def test_cut_off(emulator: Emulator, satellite: Satellite) -> None:
    """A person who talks over a reply is heard, and the model knows where the reply was cut off."""
    text = "First this. Then that."
    emulator.replies.append(Reply(text=text, items=2, pcm=said_at(500, 20)))
    run = await satellite.run()
    assert run.wav.seconds == pytest.approx(40, abs=0.1)
    session = emulator.sessions[-1]
    heard, unheard = [i.id for i in session.conversation if i.role == "assistant"]
    assert (await satellite.run()).error is None
    [cut] = session.received.of("conversation.item.truncate")
    assert cut["item_id"] == heard
    assert 0 < cut["audio_end_ms"] < 20_000
    assert [i["item_id"] for i in session.received.of("conversation.item.delete")] == [
        unheard
    ]
    assert conversation_lines(session) == [
        "user: ",
        "assistant: ",
        "user: ",
        "assistant: Hello! How can I help?",
    ]


async def test_cut_off_while_it_is_made(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A reply that is interrupted before it is complete is not completed."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Once upon", pcm=said_at(500, 5), hold=hold))
    first = satellite.start()
    await first.until_played()
    session = emulator.sessions[-1]
    # What was heard is what was made: a tenth of a second, and that has passed.
    await played(0.15)
    assert (await satellite.run()).error is None
    await first.end()
    done = session.sent.of("response.done")[0]
    assert done["response"]["status"] == "cancelled"
    assert session.received.of("response.cancel")
    assert not session.received.of("conversation.item.truncate")


async def test_heard_to_the_end(emulator: Emulator, satellite: Satellite) -> None:
    """A reply that was played to its end stays as it is."""
    emulator.replies.append(Reply(text="Yes.", pcm=said_at(500, 0.05)))
    await satellite.run()
    await played(0.06)
    await satellite.run()
    session = emulator.sessions[-1]
    assert not session.received.of("conversation.item.truncate")
    assert conversation_lines(session)[1] == "assistant: Yes."


async def test_another_voice(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A reply that another voice has read is not taken for unheard."""
    emulator.replies.append(Reply(text="Yes.", pcm=said_at(500, 20)))
    await satellite.run(end=PipelineStage.INTENT)
    await satellite.run()
    assert conversation_lines(emulator.sessions[-1])[1] == "assistant: Yes."


async def test_renewed_between_turns(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """An old session makes way for a new one, without a sign for the person."""
    set_client_defaults(monkeypatch, renew_after=0.5, quiet_check=0.05)
    await hass.config_entries.async_reload(init_integration.entry_id)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    emulator.replies.append(Reply(text="Which room?", pcm=said_at(500, 0.05)))
    await satellite.run()
    lines = conversation_lines(emulator.sessions[-1])
    await session_closed(emulator.sessions[-1])
    # Another turn begins while the new session is being made.
    emulator.replies.append(Reply(text="Very well.", pcm=said_at(700)))
    run = await satellite.run()
    assert run.error is None
    assert run.wav.pitch == pytest.approx(700, abs=5)
    assert lines == ["user: ", "assistant: Which room?"]
    assert conversation_lines(emulator.sessions[-1]) == [
        *lines,
        "user: ",
        "assistant: Very well.",
    ]
    assert STATE_UNAVAILABLE not in {event.data["new_state"].state for event in changes}
