"""A person who speaks: silence, refusals and losses meanwhile, other ways to end."""

from collections.abc import AsyncIterator
import logging

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.core import HomeAssistant
from homeassistant.helpers.chat_session import CONVERSATION_TIMEOUT
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS
from custom_components.azure_realtime_audio.realtime import Resampler
from emulator import Emulator, Reply, Session
from emulator.model.voice import EspeakVoice

from ..satellite import (
    SPEECH,
    Satellite,
    microphone,
    played,
    said_at,
    waiting_microphone,
)
from ..talk import change_assistant, session_closed, set_timing, shorten_timeouts
from ..turns import (
    CANNOT_CONNECT,
    TOO_OFTEN,
    TROUBLE,
    alive,
    assert_works,
    conversation_lines,
    forget_cancelled_timers,
    listening,
    settled,
    turns_are_made_of,
)


async def test_silence(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """A person who says nothing is not answered."""
    set_timing(satellite.hass, no_speech=0.2)
    run = await satellite.run(waiting_microphone(bytes(32_000)))
    assert run.error == "stt-no-text-recognized"
    session = emulator.sessions[-1]
    await settled(session)
    assert conversation_lines(session) == []
    monkeypatch.undo()
    await assert_works(satellite)


async def test_endless_speech(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """A person who does not stop is interrupted."""
    set_timing(satellite.hass, speech=0.2)
    run = await satellite.run(waiting_microphone(SPEECH))
    assert run.error is None
    await assert_works(satellite)


@pytest.mark.parametrize(
    ("speech", "error"),
    [(SPEECH + SPEECH[:320], None), (b"", "stt-no-text-recognized")],
    ids=["speech", "silence"],
)
async def test_cut_stream(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    speech: bytes,
    error: str | None,
) -> None:
    """A microphone that ends early ends the turn with what was said, if anything was."""
    set_timing(satellite.hass, commit=0.2)
    run = await satellite.run(microphone(speech, silence_seconds=None))
    assert run.error == error
    if error is None:
        [said, _] = emulator.sessions[-1].conversation
        assert len(said.audio) == pytest.approx((3200 + len(speech)) * 1.5, abs=100)
    await assert_works(satellite)


async def test_buffer_full(emulator: Emulator, satellite: Satellite) -> None:
    """More than fits is not kept while the service does not open a session."""
    set_timing(satellite.hass, max_buffered=0.5)
    emulator.faults.add("no_session_created", times=1)
    run = await satellite.run(microphone())
    assert run.answer == CANNOT_CONNECT
    set_timing(satellite.hass, max_buffered=30.0)  # the session is still being opened
    await assert_works(satellite)


@pytest.mark.parametrize("fault", ["http_500", "http_429:0"])
async def test_refused(emulator: Emulator, satellite: Satellite, fault: str) -> None:
    """A person is told that the service refuses sessions, and hears at least a sound."""
    emulator.faults.add(fault)
    run = await satellite.run()
    assert run.error is None
    assert run.answer in (TROUBLE, TOO_OFTEN)
    assert run.wav.samples.max() > 0.1
    emulator.faults.clear()
    await assert_works(satellite)


@pytest.mark.parametrize("fault", ["http_503", "ends_at:created/1011"])
async def test_refused_turns_are_gone(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """The integration keeps the reason why the service is away, but not the turns that found out."""
    # A log record of pytest's keeps the error, and that its frames.
    caplog.set_level(logging.CRITICAL, "custom_components")
    set_timing(hass, try_delay=60.0, probe_delay=1e6, max_probe_delay=1e6)
    earlier = turns_are_made_of()
    emulator.faults.add(fault)
    for _ in range(3):  # the third is told what the second was
        assert (await satellite.run()).answer == TROUBLE
    async_fire_time_changed(hass, dt_util.utcnow() + 2 * CONVERSATION_TIMEOUT)
    await hass.async_block_till_done()
    await forget_cancelled_timers(hass)
    assert alive(earlier) == []


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients that connect again at once."""
    shorten_timeouts(monkeypatch)


async def until_lost(speech: bytes, lost: Session) -> AsyncIterator[bytes]:
    """Say the first half, and the rest, and silence, once the connection is lost."""
    half = len(speech) // 2
    async for chunk in microphone(speech[:half], None):
        yield chunk
    await session_closed(lost)
    async for chunk in microphone(speech[half:]):
        yield chunk


async def test_lost_while_listening(
    hurried: None,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A connection that breaks in mid-sentence and comes back loses no word."""
    await hass.config_entries.async_reload(init_integration.entry_id)
    emulator.replies.append(Reply(text="Yes.", pcm=said_at(500, 0.05)))
    await satellite.run()
    await played(0.06)
    lost = emulator.sessions[-1]
    run = satellite.start(until_lost(SPEECH, lost))
    await lost.sent.wait_for("input_audio_buffer.speech_started", 2)
    lost.abort()
    await run.end()
    assert run.error is None
    assert run.answer == "Hello! How can I help?"
    session = emulator.sessions[-1]
    assert session is not lost
    # The turn before is told again, once.
    assert conversation_lines(session) == [
        "user: ",
        "assistant: Yes.",
        "user: ",
        "assistant: Hello! How can I help?",
    ]
    [_, _, said, _] = session.conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2


async def test_lost_for_good_while_listening(
    hurried: None, emulator: Emulator, satellite: Satellite
) -> None:
    """A person hears of a loss in mid-sentence once all tries are used up."""
    run = satellite.start(waiting_microphone(SPEECH))
    session = await listening(emulator)
    emulator.faults.add("http_503")
    session.abort()
    await run.end()
    assert run.answer == TROUBLE
    emulator.faults.clear()
    await assert_works(satellite)


async def test_lost_by_hand(
    hurried: None,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A commit on a connection that breaks is repeated on the next one."""
    await change_assistant(hass, init_integration, turn_detection_type="semantic_vad")
    set_timing(hass, no_speech=0.3)
    emulator.faults.add("ends_at:input_audio_buffer.commit/1006*1")
    await assert_works(satellite)
    [said, _] = emulator.sessions[-1].conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2


async def test_no_room_for_the_turn(
    emulator: Emulator, satellite: Satellite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that the service refuses once is given again when the turn is claimed."""
    emulator.faults.add("refuse:response.create", times=1)
    await assert_works(satellite)


async def test_prompt_failed(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> None:
    """Of instructions that cannot be made the person is told."""
    await change_assistant(hass, init_integration, **{CONF_INSTRUCTIONS: "{{ 1 / 0 }}"})
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith("I can't prepare my instructions.")
    assert run.wav.seconds > 1


@pytest.fixture
async def voice_of_a_person() -> bytes:
    """Return words as a person says them, 16 kHz: Home Assistant's VAD knows a tone."""
    pcm = await EspeakVoice().say(
        "please turn on the kitchen light now", voice="alloy", speed=1.0
    )
    return Resampler(24_000, 16_000).process(pcm)


async def test_manual(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    voice_of_a_person: bytes,
) -> None:
    """Without turn detection, Home Assistant finds the end of the turn."""
    await change_assistant(hass, init_integration, turn_detection_type="none")
    run = await satellite.run(microphone(voice_of_a_person))
    assert run.error is None
    assert run.has(PipelineEventType.STT_VAD_END)
    assert run.answer == "Hello! How can I help?"
    session = emulator.sessions[-1]
    run = await satellite.run(microphone(b""))
    assert run.error == "stt-no-text-recognized"
    await session.received.wait_for("input_audio_buffer.clear", 3)
    assert len(conversation_lines(session)) == 2


async def test_semantic(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A semantic VAD that finds nothing, as Azure's was seen to, does not deafen us."""
    await change_assistant(hass, init_integration, turn_detection_type="semantic_vad")
    set_timing(hass, no_speech=0.3)
    run = await satellite.run(waiting_microphone(SPEECH))
    assert run.error is None
    assert run.answer == "Hello! How can I help?"
    run = await satellite.run(waiting_microphone(bytes(32_000)))
    assert run.error == "stt-no-text-recognized"
