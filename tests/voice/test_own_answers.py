"""The answers that the service begins by itself: claimed, asked for, or taken back."""

import asyncio
from collections.abc import AsyncIterator

from homeassistant.components.assist_pipeline import PipelineEventType, PipelineStage
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import (
    CONF_TURN_DETECTION_TYPE,
    TURN_DETECTION_NONE,
)
from emulator import Emulator, Reply, Session

from ..satellite import SPEECH, Satellite, microphone, speak_to
from ..talk import AGENT, change_assistant, set_timing
from ..turns import HOME_ASSISTANT, assert_works, conversation_lines, newest, settled


def answers_alone(session: Session) -> bool:
    """Return whether the service answers by itself what it hears."""
    is_so: bool = session.config["audio"]["input"]["turn_detection"]["create_response"]
    return is_so


async def test_service_that_does_not_answer(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A service that leaves out its own answer is asked for one."""
    set_timing(hass, own_answer=0.05)
    emulator.faults.add("no_answer", times=1)
    await assert_works(satellite)
    session = emulator.sessions[-1]
    assert len(session.received.of("response.create")) == 1
    await assert_works(satellite)
    assert len(session.received.of("response.create")) == 1


async def test_service_that_answers_too_late(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """An answer that comes while the next turn is spoken is not taken for that turn's."""
    set_timing(hass, own_answer=0.01)
    emulator.faults.add("late_answer:0.5", times=1)
    emulator.replies.append(Reply(text="Asked for."))
    assert (await satellite.run()).answer == "Asked for."
    set_timing(hass, own_answer=5)
    session = emulator.sessions[-1]
    late = asyncio.Event()

    async def until_late() -> AsyncIterator[bytes]:
        async for chunk in microphone(SPEECH, None):
            yield chunk
        await late.wait()
        async for chunk in microphone(b""):
            yield chunk

    emulator.replies += [Reply(text="Too late."), Reply(text="In time.")]
    run = satellite.start(until_late())
    await session.sent.wait_for("conversation.item.deleted")
    late.set()
    await run.end()
    assert run.answer == "In time."
    assert len(session.sent.of("response.created")) == 3
    assert "Too late" not in str(conversation_lines(session))


async def test_answer_after_the_turn(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """An answer that comes when the turn has been answered is taken back at once."""
    set_timing(hass, own_answer=0.01)
    emulator.faults.add("late_answer:0.3", times=1)
    await assert_works(satellite)
    session = emulator.sessions[-1]
    await session.sent.wait_for("conversation.item.deleted")
    assert len(session.sent.of("response.created")) == 2
    assert len(conversation_lines(session)) == 2


async def test_question_that_comes_too_late(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Where the service has begun meanwhile, its answer is the one."""
    set_timing(hass, own_answer=0.05)
    emulator.faults.add("late_answer:0.1", times=1)
    emulator.faults.add("late_ack:response.create", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Hello! How can I help?"
    session = emulator.sessions[-1]
    assert len(session.received.of("response.create")) == 1
    assert len(session.sent.of("response.created")) == 1


async def test_end_by_hand(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """Where the end of the stream ends the turn, the service is asked at once."""
    await change_assistant(
        hass, init_integration, **{CONF_TURN_DETECTION_TYPE: TURN_DETECTION_NONE}
    )
    run = await satellite.run(microphone(SPEECH, None))
    assert run.answer == "Hello! How can I help?"
    assert len(emulator.sessions[-1].received.of("response.create")) == 1


async def test_not_for_another_agent(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A conversation that changes its agent costs no answer, and back again."""
    emulator.replies.append(Reply(text="Not a question."))
    await satellite.run()
    session = emulator.sessions[-1]
    assert answers_alone(session)
    await speak_to(hass, HOME_ASSISTANT)
    await satellite.run(end=PipelineStage.INTENT)
    assert not answers_alone(session)
    in_conversation = [
        created
        for created in session.sent.of("response.created")
        if created["response"]["conversation_id"]
    ]
    assert len(in_conversation) == 1
    await speak_to(hass, AGENT)
    await assert_works(satellite)
    assert answers_alone(session)


async def test_answer_to_nobody(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """An answer that begins after its turn was aborted is taken back."""
    emulator.faults.add("late_answer:0.1", times=1)
    run = satellite.start(end=PipelineStage.TTS)
    session = await newest(emulator)
    await session.sent.wait_for("input_audio_buffer.committed")
    await run.abort()
    await settled(session)
    done = await session.sent.wait_for("response.done")
    assert done["response"]["status"] == "cancelled"
    assert not run.has(PipelineEventType.INTENT_START)
    await assert_works(satellite)
    assert conversation_lines(session)[-2:] == [
        "user: ",
        "assistant: Hello! How can I help?",
    ]
