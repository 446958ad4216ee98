"""Failures of the answer to a spoken turn."""

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_TRANSCRIPTION_DEPLOYMENT
from emulator import Emulator, Reply

from ..satellite import Satellite, said_at, speak_to
from ..talk import AGENT, change_assistant
from ..turns import TOO_OFTEN, assert_works, conversation_lines


async def test_failed_answer(emulator: Emulator, satellite: Satellite) -> None:
    """An error is said, in the assistant's voice."""
    emulator.faults.add("response_failed", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith("The model could not answer")
    assert run.wav.seconds == pytest.approx(0.04 * len(run.answer), abs=0.05)


async def test_failed_in_the_middle(emulator: Emulator, satellite: Satellite) -> None:
    """The error is said after the beginning of the answer."""
    emulator.replies.append(
        Reply(
            text="Let me",
            pcm=said_at(900),
            status="failed",
            error={"code": "rate_limit_exceeded", "message": "Slow down"},
        )
    )
    run = await satellite.run()
    assert run.answer == f"Let me\n\n{TOO_OFTEN}"
    assert run.wav.seconds == pytest.approx(0.3 + 0.04 * len(TOO_OFTEN), abs=0.05)


async def test_written_answer(emulator: Emulator, satellite: Satellite) -> None:
    """A model that writes where it should speak is read."""
    emulator.replies.append(Reply(text="It rains.", audio=False))
    run = await satellite.run()
    assert run.answer == "It rains."
    assert run.wav.seconds == pytest.approx(0.04 * len(run.answer), abs=0.05)


async def test_lost_in_the_middle(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite
) -> None:
    """A reply that breaks off is apologised for; the next turn knows what was said."""
    emulator.replies.append(Reply(text="Too", pcm=said_at(500, 1)))
    emulator.faults.add("ends_at:audio/1006", times=1)
    run = await transcribing.run()
    assert run.answer.startswith("Too\n\nThe connection to the Azure service was lost")
    await assert_works(transcribing)
    assert conversation_lines(emulator.sessions[-1])[0] == "user: hello"


@pytest.mark.parametrize("transcription", ["whisper-1", ""])
async def test_lost_before_the_agent(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    transcription: str,
) -> None:
    """Where the connection breaks before the agent's turn, what was said is not lost."""
    await change_assistant(
        hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: transcription}
    )
    await speak_to(hass, AGENT, prefer_local_intents=True)  # the agent has to wait
    emulator.first_audio_ms = 60_000  # the words are there first
    emulator.hears.append("tell me a joke")
    run = satellite.start()
    await run.until_event(PipelineEventType.STT_END)
    emulator.sessions[-1].abort()
    emulator.first_audio_ms = 0
    await run.end()
    assert "light bulb" in run.answer
    session = emulator.sessions[-1]
    assert len(conversation_lines(session)) == 2
    [said, _] = session.conversation
    # Told again in writing, where it is written down, or else as the sound that it was.
    assert said.text == ("tell me a joke" if transcription else "")
    assert bool(said.audio) is not bool(transcription)
    await speak_to(hass, AGENT, prefer_local_intents=False)
    await assert_works(satellite)
