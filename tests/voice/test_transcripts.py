"""Transcripts of a person's words."""

import asyncio

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.core import HomeAssistant
import pytest

from emulator import Emulator, Reply

from ..satellite import Satellite
from ..talk import say
from ..turns import SPOKEN, TRANSCRIBED, conversation_lines, logged, server_event


async def test_transcript(hass: HomeAssistant, transcribing: Satellite) -> None:
    """The words are in the chat log where the service writes them down."""
    run = await transcribing.run()
    assert run.heard == "hello"
    assert logged(hass, transcribing)[0] == "user: hello"


@pytest.mark.parametrize(
    "fault", ["transcription_failed", "no_transcription", "transcription_late:5"]
)
async def test_transcript_missing(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite, fault: str
) -> None:
    """A turn does not wait for the words; what stands for them says so."""
    emulator.faults.add(fault)
    run = await transcribing.run()
    assert run.error is None
    assert run.heard == SPOKEN
    assert logged(hass, transcribing)[0] == f"user: {SPOKEN}"


async def test_transcript_during_the_answer(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite
) -> None:
    """Words that come while the model answers find their way into the chat log."""
    hold = asyncio.Event()
    emulator.faults.add("transcription_late:0.2")
    emulator.replies.append(Reply(text="One moment", hold=hold))
    transcribed = server_event(hass, TRANSCRIBED)
    run = transcribing.start()
    await run.until_event(PipelineEventType.INTENT_START)
    await transcribed.wait()
    hold.set()
    await run.end()
    assert run.heard == SPOKEN
    assert logged(hass, transcribing) == ["user: hello", "assistant: One moment"]


@pytest.mark.parametrize("is_spoken", [True, False])
async def test_transcript_after_the_answer(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite, is_spoken: bool
) -> None:
    """Words that come after the answer are there in the next turn."""
    emulator.faults.add("transcription_late:0.5", times=1)
    transcribed = server_event(hass, TRANSCRIBED)
    await transcribing.run()
    assert logged(hass, transcribing)[0] == f"user: {SPOKEN}"
    await transcribed.wait()
    emulator.hears.append("go on")
    if is_spoken:
        await transcribing.run()
    else:
        await say(hass, "go on", transcribing.conversation_id)
    assert logged(hass, transcribing)[::2] == ["user: hello", "user: go on"]
    assert len(conversation_lines(emulator.sessions[-1])) == 4  # nothing was told again
