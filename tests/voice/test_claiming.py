"""The agent that answers a spoken turn, and the remains of a turn that no agent claims."""

import asyncio
from datetime import timedelta

from homeassistant.components import conversation
from homeassistant.components.assist_pipeline import PipelineEventType, PipelineStage
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import HomeAssistant
from homeassistant.helpers.chat_session import (
    CONVERSATION_TIMEOUT,
    ChatSession,
    current_session,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.azure_realtime_audio.const import (
    CONF_TRANSCRIPTION_DEPLOYMENT,
    SESSION_IDLE,
)
from emulator import Emulator, Reply

from ..satellite import (
    EARS,
    SPEECH,
    Satellite,
    microphone,
    new_conversation,
    said_at,
    speak_to,
    waiting_microphone,
)
from ..talk import AGENT, change_assistant, say, session_closed, set_timing, speech
from ..turns import (
    HOME_ASSISTANT,
    alive,
    assert_works,
    conversation_lines,
    forget_cancelled_timers,
    listening,
    newest,
    server_event,
    settled,
    turns_are_made_of,
)


async def test_sentence_trigger(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite
) -> None:
    """An automation that answers a sentence is the only one to answer."""
    trigger = {"trigger": "conversation", "command": "tell me the plan"}
    action = {"set_conversation_response": "There is no plan."}
    automation = {"triggers": trigger, "actions": action}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    emulator.hears.append("tell me the plan")
    emulator.replies.append(Reply(text="We take the bank.", pcm=said_at(900)))
    run = await transcribing.run()
    assert run.answer == "There is no plan."
    session = emulator.sessions[-2]  # the last one reads the answer aloud
    await settled(session)
    assert conversation_lines(session) == []
    # The assistant's voice reads the automation's words.
    assert run.wav.pitch == pytest.approx(440, abs=5)
    assert run.wav.seconds == pytest.approx(0.04 * len(run.answer), abs=0.02)


@pytest.mark.parametrize("transcription", ["whisper-1", ""])
async def test_another_agent(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    transcription: str,
) -> None:
    """With another agent the assistant writes down what it hears, and no more."""
    await change_assistant(
        hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: transcription}
    )
    await speak_to(hass, HOME_ASSISTANT)
    emulator.hears.append("open the pod bay doors")
    run = await satellite.run(end=PipelineStage.INTENT)
    assert run.heard == "open the pod bay doors"
    session = emulator.sessions[-1]
    await settled(session)
    assert conversation_lines(session) == []
    created = session.received.of("response.create")
    assert len(created) == (0 if transcription else 1)
    assert all(c["response"]["conversation"] == "none" for c in created)


async def test_our_agent_with_other_ears(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A run whose agent is the assistant leaves nothing for the next run of the conversation."""
    await _prepare(hass, satellite)
    await say(hass, "hello", satellite.conversation_id)
    session = emulator.sessions[-1]
    await speak_to(hass, HOME_ASSISTANT)
    run = await satellite.run(end=PipelineStage.STT)
    assert run.heard == "hello"
    await settled(session)
    assert session.received.of("response.create")[-1]["response"]["tools"] == []


async def _prepare(hass: HomeAssistant, satellite: Satellite) -> None:
    """Prepare our agent, as a pipeline does: in the conversation of the run."""
    token = current_session.set(ChatSession(satellite.conversation_id))
    await conversation.async_prepare_agent(hass, AGENT, "en")
    current_session.reset(token)


@pytest.mark.parametrize("transcription", ["whisper-1", ""])
async def test_ears_over_http(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    transcription: str,
) -> None:
    """The HTTP API of speech-to-text returns the words, and no agent answers."""
    await change_assistant(
        hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: transcription}
    )
    emulator.hears.append("turn on the lamp")
    client = await hass_client()
    response = await client.post(
        f"/api/stt/{EARS}",
        headers={
            "X-Speech-Content": "format=wav; codec=pcm; sample_rate=16000; "
            "bit_rate=16; channel=1; language=en"
        },
        data=microphone(silence_seconds=1),
    )
    assert await response.json() == {"text": "turn on the lamp", "result": "success"}
    session = emulator.sessions[-1]
    await session_closed(session)
    created = session.received.of("response.create")
    assert all(c["response"]["conversation"] == "none" for c in created)


@pytest.mark.parametrize("stage", ["listening", "thinking"])
async def test_aborted_run(
    emulator: Emulator, satellite: Satellite, stage: str
) -> None:
    """A satellite that vanishes leaves nothing that the next turn would stumble over."""
    if stage == "listening":
        run = satellite.start(waiting_microphone(SPEECH))
        session = await listening(emulator)
        await run.abort()
    else:
        emulator.first_audio_ms = 60_000
        emulator.replies.append(Reply(text="What do you", hold=asyncio.Event()))
        run = satellite.start()
        await run.until_event(PipelineEventType.INTENT_START)
        session = emulator.sessions[-1]
        await run.abort()
        done = await session.sent.wait_for("response.done")
        assert done["response"]["status"] == "cancelled"
    emulator.first_audio_ms = 0
    emulator.replies.clear()
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Hello! How can I help?"
    assert emulator.sessions[-1] is session
    assert conversation_lines(session)[-2:] == [
        "user: ",
        "assistant: Hello! How can I help?",
    ]
    assert "What" not in str(conversation_lines(session))


async def test_aborted_first_run(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Core never ends a chat whose first run was aborted; nothing of the run stays all the same."""
    earlier = turns_are_made_of()
    emulator.first_audio_ms = 60_000
    run = satellite.start()
    await run.until_event(PipelineEventType.INTENT_START)
    await run.abort()
    del run
    session = await newest(emulator)
    # The second lets the tasks end that the first begins.
    for seconds in (SESSION_IDLE + 1, 2 * SESSION_IDLE):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await hass.async_block_till_done()
    await session_closed(session)
    await forget_cancelled_timers(hass)
    assert alive(earlier) == []


async def test_aborted_first_run_whose_session_makes_room(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does anything stay where another conversation needs the session."""
    set_timing(hass, max_sessions=1)
    earlier = turns_are_made_of()
    emulator.replies.append(Reply(text="What do you", hold=asyncio.Event()))
    run = satellite.start()
    await run.until_played()
    await run.abort()
    run.task = None  # it has the exception, and that the turn
    other = await Satellite(hass, new_conversation()).run()
    assert other.error is None
    other.task = None
    for _ in range(3):
        async_fire_time_changed(hass, dt_util.utcnow() + 3 * CONVERSATION_TIMEOUT)
        await hass.async_block_till_done(wait_background_tasks=True)
    await forget_cancelled_timers(hass)
    assert alive(earlier) == []


async def test_aborted_before_the_agent(
    hass: HomeAssistant, emulator: Emulator, transcribing: Satellite
) -> None:
    """A satellite that vanishes before anybody may answer leaves nothing at all."""
    emulator.faults.add("no_transcription")
    emulator.first_audio_ms = 60_000
    emulator.replies.append(Reply(text="What do you"))
    begun = server_event(hass, "response.output_item.added")
    run = transcribing.start()
    await begun.wait()
    await hass.async_block_till_done()
    session = emulator.sessions[-1]
    await run.abort()
    await settled(session)
    assert conversation_lines(session) == []
    assert session.sent.of("response.done")[0]["response"]["status"] == "cancelled"


@pytest.mark.parametrize("is_asked_for", [True, False])
async def test_aborted_while_the_answer_begins(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    is_asked_for: bool,
) -> None:
    """An answer that begins after its run was aborted does not stay."""
    if is_asked_for:
        await change_assistant(
            hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1"}
        )
        await speak_to(hass, AGENT, prefer_local_intents=True)
        emulator.hears.append("what do you think")
        emulator.faults.add("late_ack:response.create", times=1)
    else:
        emulator.faults.add("late_answer", times=1)
    emulator.replies.append(Reply(text="What do you", hold=asyncio.Event()))
    run = satellite.start()
    session = await newest(emulator, 3 if is_asked_for else 2)
    if is_asked_for:
        await session.wait_for("response.create")
    else:
        await session.sent.wait_for("input_audio_buffer.committed")
    await run.abort()
    done = await session.sent.wait_for("response.done")
    assert done["response"]["status"] == "cancelled"
    emulator.replies.clear()
    await speak_to(hass, AGENT, prefer_local_intents=False)
    await assert_works(satellite)
    assert emulator.sessions[-1] is session
    assert conversation_lines(session)[-1] == "assistant: Hello! How can I help?"
    assert "What do" not in str(conversation_lines(session))


async def test_nobody_takes_the_turn(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A run that lingers after its ears are done cannot hold the turn for ever."""
    await satellite.run(end=PipelineStage.STT)
    session = emulator.sessions[-1]
    await settled(session)
    assert conversation_lines(session) == []


async def test_typed_after_spoken(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A message typed in the conversation of a satellite is answered in its course."""
    emulator.replies.append(Reply(text="It is noon."))
    await satellite.run()
    emulator.replies.append(Reply(text="You asked."))
    result = await say(hass, "why", satellite.conversation_id)
    assert speech(result) == "You asked."
    session = emulator.sessions[-1]
    assert conversation_lines(session) == [
        "user: ",
        "assistant: It is noon.",
        "user: why",
        "assistant: You asked.",
    ]
    run = await satellite.run()
    assert run.error is None
    assert len(conversation_lines(session)) == 6
    assert len(emulator.sessions) == 2


async def test_spoken_after_typed(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """The model that listens knows the messages that were typed before in the conversation."""
    await say(hass, "my name is Ada", satellite.conversation_id)
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.answer == "Your name is Ada."
    assert len(emulator.sessions[-1].sent.of("response.created")) == 2


async def test_typed_while_speaking(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A message to another agent meanwhile is in its place when the model answers."""
    go_on = asyncio.Event()
    run = satellite.start(waiting_microphone(SPEECH, go_on))
    session = await listening(emulator)
    typed = await say(hass, "hello", satellite.conversation_id, agent_id=HOME_ASSISTANT)
    go_on.set()
    await run.end()
    assert run.error is None
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id].content
    assert [content.role for content in log[-2:]] == ["user", "assistant"]
    lines = conversation_lines(session)
    assert lines[0] == "user: hello"
    assert lines[-3:] == [
        f"assistant: {speech(typed)}",
        "user: ",
        "assistant: Hello! How can I help?",
    ]


async def test_two_runs_at_once(emulator: Emulator, satellite: Satellite) -> None:
    """Of two runs in one conversation the later one is heard."""
    first = satellite.start(waiting_microphone(SPEECH))
    session = await listening(emulator)
    await assert_works(satellite)
    await first.end()
    assert first.error == "stt-stream-failed"
    assert conversation_lines(session) == [
        "user: ",
        "assistant: Hello! How can I help?",
    ]


async def test_extra_prompt(emulator: Emulator, satellite: Satellite) -> None:
    """An answer is begun once, with the prompt of an automation."""
    emulator.replies.append(Reply(text="Ada is there."))
    run = await satellite.run(extra_system_prompt="Ada rang the bell.")
    assert run.answer == "Ada is there."
    session = emulator.sessions[-1]
    assert len(session.sent.of("response.created")) == 1
    assert conversation_lines(session) == ["user: ", "assistant: Ada is there."]
    assert "Ada rang" in session.config["instructions"]
