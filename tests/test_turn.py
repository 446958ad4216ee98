"""Spoken turns through the stock Assist pipeline."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
import gc
import logging
from typing import Any

from homeassistant.components import conversation, tts
from homeassistant.components.assist_pipeline import PipelineEventType, PipelineStage
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import (
    EVENT_CALL_SERVICE,
    EVENT_STATE_CHANGED,
    STATE_UNAVAILABLE,
)
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    llm,
)
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
    MockUser,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.azure_realtime_audio.assistant import assistant
from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from custom_components.azure_realtime_audio.assistant.conversation_session import (
    AssistantSession,
)
from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_FIRE_EVENTS,
    CONF_INSTRUCTIONS,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DOMAIN,
    EVENT_SERVER_EVENT,
    SESSION_IDLE,
)
from custom_components.azure_realtime_audio.realtime import (
    RealtimeClient,
    Response,
    WebSocketOptions,
)
from custom_components.azure_realtime_audio.realtime.audio import Resampler
from custom_components.azure_realtime_audio.voice.speech import GAP_SECONDS
from custom_components.azure_realtime_audio.voice.turn import Turn
from emulator import Emulator, Reply, Session
from emulator.model.voice import EspeakVoice

from .conftest import SUBENTRY_ID
from .satellite import (
    EARS,
    SPEECH,
    VOICE,
    Satellite,
    Wav,
    microphone,
    new_conversation,
    said_at,
    speak_to,
    waiting_microphone,
)
from .talk import (
    AGENT,
    change_assistant,
    give_tool,
    gone,
    hurry,
    say,
    speech,
    tool_called,
)

HOME_ASSISTANT = "conversation.home_assistant"
SPOKEN = "(spoken words)"  # what stands for words that are not known
CANNOT_CONNECT = "I can't reach the Azure service. Check the network and the host name, then try again."
TOO_OFTEN = "The Azure service is being asked too often. Wait a moment, then try again."
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
MODULE = f"custom_components.{DOMAIN}"


@pytest.fixture
async def satellite(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite whose pipeline is the assistant's three entities."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


@pytest.fixture
async def transcribing(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite, and the service write down what it hears."""
    await change_assistant(
        hass,
        init_integration,
        **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1", CONF_FIRE_EVENTS: True},
    )
    return satellite


def server_event(hass: HomeAssistant, event_type: str) -> asyncio.Event:
    """Return what tells when the assistant has got such an event of the service."""
    got = asyncio.Event()

    @callback
    def on_event(event: Event) -> None:
        if event.data["type"] == event_type:
            got.set()

    hass.bus.async_listen(EVENT_SERVER_EVENT, on_event)
    return got


def told(session: Session) -> list[str]:
    """Return the conversation of the service: who, and in which words as far as known."""
    return [_line(item.wire()) for item in session.conversation]


def _line(item: Mapping[str, Any]) -> str:
    if item["type"] != "message":
        return str(item["type"])
    parts = (part.get("text") or part.get("transcript") for part in item["content"])
    return f"{item['role']}: {''.join(filter(None, parts))}"


def logged(hass: HomeAssistant, satellite: Satellite) -> list[str]:
    """Return the chat log, less the system prompt."""
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id]
    return [
        f"{content.role}: {getattr(content, 'content', None) or ''}"
        for content in log.content[1:]
    ]


async def settled(session: Session) -> None:
    """Wait until what nobody claimed has been taken back: it ends with this."""
    await session.received.wait_for("input_audio_buffer.clear", 2)
    await session.sent.wait_for("input_audio_buffer.cleared", 2)


def assistant_of(entry: MockConfigEntry) -> Assistant:
    """Return the assistant of the entry."""
    assistant: Assistant = entry.runtime_data[SUBENTRY_ID]
    return assistant


@pytest.mark.parametrize("api_version", ["", "2025-04-01-preview"])
async def test_speech_to_speech(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    api_version: str,
) -> None:
    """A short word is heard while it is being said: the model's own voice."""
    data = {**init_integration.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(init_integration, data=data)
    await hass.async_block_till_done()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Yes", pcm=said_at(700), hold=hold))
    run = satellite.start()
    await run.until_played()
    assert not run.has(PipelineEventType.INTENT_END)
    hold.set()
    await run.end()
    assert run.error is None
    assert run.heard == SPOKEN
    assert run.answer == "Yes"
    assert run.wav.pitch == pytest.approx(700, abs=5)
    assert run.wav.seconds == pytest.approx(0.3, abs=0.01)
    # What the model was given is the person's own voice, and no word of it was lost.
    [said, _] = emulator.sessions[-1].conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2


async def test_words_before_the_session_is_open(
    emulator: Emulator, satellite: Satellite
) -> None:
    """What is said while the service hesitates is not lost, and not sent up in one piece."""
    emulator.faults.add("late_ack:session.update", times=1)
    assert (await satellite.run()).error is None
    session = emulator.sessions[-1]
    [said, _] = session.conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2
    pieces = session.received.of("input_audio_buffer.append")
    assert max(len(b64decode(piece["audio"])) for piece in pieces) <= 2 * 24_000


async def test_latency_is_traced(
    init_integration: MockConfigEntry, satellite: Satellite
) -> None:
    """The debug view tells how long the first sound took."""
    await satellite.run()
    events = async_get_traces()[-1].as_dict()["events"]
    stats = [e["data"]["stats"] for e in events if "stats" in (e["data"] or {})]
    latency_ms = assistant_of(init_integration).latency_ms
    assert latency_ms is not None
    assert stats[-1]["latency_ms"] == latency_ms


# --- Tools


@dataclass
class House:
    """Lamps of the same name in two rooms, and a satellite in one of them."""

    hass: HomeAssistant
    satellite: Satellite
    turned_on: list[Any] = field(default_factory=list)

    @property
    def lamps(self) -> list[str]:
        """The lamps that were turned on."""
        return [lamp for call in self.turned_on for lamp in call.data["entity_id"]]


@pytest.fixture
async def house(hass: HomeAssistant, satellite: Satellite) -> House:
    """Build the house."""
    entry = MockConfigEntry()
    entry.add_to_hass(hass)
    areas, entities = ar.async_get(hass), er.async_get(hass)
    for room in ("kitchen", "bedroom"):
        lamp = entities.async_get_or_create(
            "light",
            "test",
            room,
            object_id_base=f"{room}_lamp",
            original_name="Lamp",
        )
        area = areas.async_create(room.capitalize())
        entities.async_update_entity(lamp.entity_id, area_id=area.id)
        hass.states.async_set(lamp.entity_id, "off", {"friendly_name": "Lamp"})
        async_expose_entity(hass, conversation.DOMAIN, lamp.entity_id, True)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", "satellite")}
    )
    kitchen = areas.async_get_area_by_name("Kitchen")
    assert kitchen
    dr.async_get(hass).async_update_device(device.id, area_id=kitchen.id)
    satellite.device_id = device.id
    satellite.satellite_id = entities.async_get_or_create(
        "assist_satellite", "test", "satellite", device_id=device.id
    ).entity_id
    return House(hass, satellite, async_mock_service(hass, "light", "turn_on"))


async def lamp_on(hass: HomeAssistant) -> tuple[str, dict[str, Any]]:
    """Return the call that turns the lamp of the room on."""
    return await tool_called(hass, "HassTurnOn"), {"name": "Lamp"}


async def test_turn_on_the_light(
    hass: HomeAssistant, emulator: Emulator, house: House, hass_admin_user: MockUser
) -> None:
    """The lamp of the satellite's room goes on, once, in the user's name; a word follows."""
    emulator.replies += [
        Reply(tool_calls=[await lamp_on(hass)]),
        Reply(text="Done.", pcm=said_at(500)),
    ]
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    house.satellite.context = Context(user_id=hass_admin_user.id)
    run = await house.satellite.run()
    assert run.error is None
    assert house.lamps == ["light.kitchen_lamp"]
    assert {call.context.user_id for call in calls} == {hass_admin_user.id}
    assert run.answer == "Done."
    assert run.wav.pitch == pytest.approx(500, abs=5)
    session = emulator.sessions[-1]
    assert "area Kitchen" in session.config["instructions"]
    assert len(session.received.of("response.create")) == 2  # nothing was begun anew
    assert told(session) == [
        "user: ",
        "function_call",
        "function_call_output",
        "assistant: Done.",
    ]


class SlowTool(llm.Tool):
    """A tool that takes until it is told."""

    name = "slow"
    description = "Takes its time."
    parameters = vol.Schema({})
    integration = DOMAIN

    def __init__(self) -> None:
        """Take for ever."""
        self.began = asyncio.Event()
        self.end = asyncio.Event()
        self.calls = 0

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Wait for the end."""
        self.calls += 1
        self.began.set()
        await self.end.wait()
        return llm.ToolResult(data={"success": True})


@pytest.fixture
async def slow_tool(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> SlowTool:
    """Give the assistant a slow tool, and no other."""
    tool = SlowTool()
    await give_tool(hass, init_integration, tool)
    return tool


async def test_slow_tool(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    slow_tool: SlowTool,
) -> None:
    """Silence is played while a tool takes its time: a player would give up."""
    assert GAP_SECONDS <= 2
    monkeypatch.setattr(f"{MODULE}.voice.speech.GAP_SECONDS", 0.05)
    emulator.replies += [
        Reply(text="Let me see.", pcm=said_at(400), tool_calls=[("slow", {})]),
        Reply(text="Done.", pcm=said_at(800)),
    ]
    run = satellite.start()
    await slow_tool.began.wait()
    await run.until(lambda: run.wav.seconds > 0.3 + 1)
    assert not run.has(PipelineEventType.INTENT_END)
    slow_tool.end.set()
    await run.end()
    assert run.error is None
    assert slow_tool.calls == 1
    assert run.answer == "Done."
    ends = (run.wav.samples[:2400], run.wav.samples[-2400:])
    assert all(abs(end).max() > 0.3 for end in ends)


async def test_slow_tool_mp3(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    slow_tool: SlowTool,
) -> None:
    """The silence does not stay in an encoder."""
    monkeypatch.setattr(f"{MODULE}.voice.speech.GAP_SECONDS", 0.05)
    satellite.audio_output = {tts.ATTR_PREFERRED_FORMAT: "mp3"}
    emulator.replies += [
        Reply(text="Let me see.", pcm=said_at(400), tool_calls=[("slow", {})]),
        Reply(text="Done.", pcm=said_at(800)),
    ]
    run = satellite.start()
    await slow_tool.began.wait()
    await run.until_played(int((0.3 + 1) * 128_000 / 8))
    assert not run.has(PipelineEventType.INTENT_END)
    slow_tool.end.set()
    await run.end()
    assert run.error is None


class Announcement(SlowTool):
    """A tool that has something read aloud by the same voice."""

    played = b""

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Announce it."""
        stream = tts.async_create_stream(
            hass, VOICE, options={tts.ATTR_PREFERRED_FORMAT: "wav"}
        )
        stream.async_set_message("Dinner is ready")
        self.played = b"".join([data async for data in stream.async_stream_result()])
        return llm.ToolResult(data={"success": True})


async def test_announcement_in_a_turn(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """An announcement that a turn makes is not taken for its reply."""
    tool = Announcement()
    await give_tool(hass, init_integration, tool)
    emulator.replies += [
        Reply(tool_calls=[("slow", {})]),
        Reply(text="Dinner is ready", pcm=said_at(600)),
        Reply(text="Announced.", pcm=said_at(800)),
    ]
    run = await satellite.run()
    assert Wav(tool.played).pitch == pytest.approx(600, abs=5)
    assert run.answer == "Announced."
    assert run.wav.pitch == pytest.approx(800, abs=5)


# --- Never unasked


async def test_local_intent(
    hass: HomeAssistant, emulator: Emulator, house: House, transcribing: Satellite
) -> None:
    """What Home Assistant does itself, the model does not do as well."""
    await speak_to(hass, AGENT, prefer_local_intents=True)
    emulator.hears.append("turn on the lamp")
    emulator.replies.append(Reply(tool_calls=[await lamp_on(hass)]))
    run = await transcribing.run()
    assert run.error is None
    assert run.event(PipelineEventType.INTENT_END)["processed_locally"]
    assert house.lamps == ["light.kitchen_lamp"]
    session = emulator.sessions[-1]
    await settled(session)
    assert told(session) == []
    # The next turn knows what was said and done.
    await transcribing.run()
    assert told(session) == [
        "user: turn on the lamp",
        "function_call",
        "function_call_output",
        f"assistant: {run.answer}",
        "user: hello",
        "assistant: Hello! How can I help?",
    ]


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
    assert told(session) == []
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
    assert told(session) == []
    created = session.received.of("response.create")
    assert len(created) == (0 if transcription else 1)
    assert all(c["response"]["conversation"] == "none" for c in created)


async def test_our_agent_with_other_ears(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """That a run expected the assistant to answer is of no use to the next."""
    await _prepare(hass, satellite)
    await say(hass, "hello", satellite.conversation_id)
    session = emulator.sessions[-1]
    await speak_to(hass, HOME_ASSISTANT)
    run = await satellite.run(end=PipelineStage.STT)
    assert run.heard == "hello"
    await settled(session)
    assert session.received.of("response.create")[-1]["response"]["tools"] == []


async def test_late_expectation(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """The pipeline may prepare its agent after it has begun to listen."""
    await speak_to(hass, HOME_ASSISTANT)
    go_on = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        async for chunk in waiting_microphone(SPEECH, go_on):
            yield chunk

    run = satellite.start(stream(), end=PipelineStage.STT)
    session = await listening(emulator)
    await _prepare(hass, satellite)
    go_on.set()
    await run.end()
    assert run.heard == SPOKEN
    [created] = session.received.of("response.create")
    assert "conversation" not in created["response"]
    assert session.config["tools"]


async def _prepare(hass: HomeAssistant, satellite: Satellite) -> None:
    """Prepare our agent, as a pipeline does: in the conversation of the run."""
    token = current_session.set(ChatSession(satellite.conversation_id))
    await conversation.async_prepare_agent(hass, AGENT, "en")
    current_session.reset(token)


async def newest(emulator: Emulator, number: int = 2) -> Session:
    """Wait for a session; the first is that of the set-up."""
    for _ in range(number):
        session = await emulator.next_session()
    return session


async def listening(emulator: Emulator) -> Session:
    """Wait until the service hears somebody speak; return its session."""
    session = await newest(emulator)
    await session.sent.wait_for("input_audio_buffer.speech_started")
    return session


@pytest.mark.parametrize("transcription", ["whisper-1", ""])
async def test_ears_over_http(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    transcription: str,
) -> None:
    """The HTTP API of speech-to-text tells what was said, and nobody answers."""
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
    await gone(session)
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
    assert told(session)[-2:] == ["user: ", "assistant: Hello! How can I help?"]
    assert "What" not in str(told(session))


async def test_aborted_first_run(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Core never ends a chat whose first run was aborted; nothing of it stays all the same."""
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
    await gone(session)
    await forget_cancelled_timers(hass)
    assert alive(earlier) == []


async def test_aborted_first_run_whose_session_makes_room(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does anything stay where another conversation needs the session."""
    monkeypatch.setattr(assistant, "MAX_SESSIONS", 1)
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
    assert told(session) == []
    assert session.sent.of("response.done")[0]["response"]["status"] == "cancelled"


async def test_aborted_while_the_answer_begins(
    emulator: Emulator, satellite: Satellite
) -> None:
    """An answer that begins when nobody waits for it any more does not stay."""
    emulator.faults.add("late_ack:response.create", times=1)
    emulator.replies.append(Reply(text="What do you", hold=asyncio.Event()))
    run = satellite.start()
    session = await newest(emulator)
    await session.wait_for("response.create")
    await run.abort()
    done = await session.sent.wait_for("response.done")
    assert done["response"]["status"] == "cancelled"
    emulator.replies.clear()
    await assert_works(satellite)
    assert emulator.sessions[-1] is session
    assert told(session)[-2:] == ["user: ", "assistant: Hello! How can I help?"]
    assert "What" not in str(told(session))


async def test_nobody_takes_the_turn(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A run that lingers after its ears are done cannot hold the turn for ever."""
    await satellite.run(end=PipelineStage.STT)
    session = emulator.sessions[-1]
    await settled(session)
    assert told(session) == []


async def test_typed_after_spoken(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Who types in the conversation of a satellite is answered in its course."""
    emulator.replies.append(Reply(text="It is noon."))
    await satellite.run()
    emulator.replies.append(Reply(text="You asked."))
    result = await say(hass, "why", satellite.conversation_id)
    assert speech(result) == "You asked."
    session = emulator.sessions[-1]
    assert told(session) == [
        "user: ",
        "assistant: It is noon.",
        "user: why",
        "assistant: You asked.",
    ]
    run = await satellite.run()
    assert run.error is None
    assert len(told(session)) == 6
    assert len(emulator.sessions) == 2


async def test_spoken_after_typed(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """What was typed in the conversation before is known to the model that listens."""
    await say(hass, "my name is Ada", satellite.conversation_id)
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.answer == "Your name is Ada."
    assert len(emulator.sessions[-1].received.of("response.create")) == 2


async def test_typed_while_speaking(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """What another agent was told meanwhile is in its place when the model answers."""
    go_on = asyncio.Event()
    run = satellite.start(waiting_microphone(SPEECH, go_on))
    session = await listening(emulator)
    typed = await say(hass, "hello", satellite.conversation_id, agent_id=HOME_ASSISTANT)
    go_on.set()
    await run.end()
    assert run.error is None
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id].content
    assert [content.role for content in log[-2:]] == ["user", "assistant"]
    lines = told(session)
    assert lines[0] == "user: hello"
    assert lines[-3:] == [
        f"assistant: {speech(typed)}",
        "user: ",
        "assistant: Hello! How can I help?",
    ]


async def test_two_runs_at_once(emulator: Emulator, satellite: Satellite) -> None:
    """In one conversation who speaks last is listened to."""
    first = satellite.start(waiting_microphone(SPEECH))
    session = await listening(emulator)
    await assert_works(satellite)
    await first.end()
    assert first.error == "stt-stream-failed"
    assert told(session) == ["user: ", "assistant: Hello! How can I help?"]


async def test_extra_prompt(emulator: Emulator, satellite: Satellite) -> None:
    """An answer is begun once, with the prompt of an automation."""
    emulator.replies.append(Reply(text="Ada is there."))
    run = await satellite.run(extra_system_prompt="Ada rang the bell.")
    assert run.answer == "Ada is there."
    session = emulator.sessions[-1]
    assert len(session.received.of("response.create")) == 1
    assert told(session) == ["user: ", "assistant: Ada is there."]
    assert "Ada rang" in session.config["instructions"]


# --- The words


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
    assert len(told(emulator.sessions[-1])) == 4  # nothing was told again


# --- Nothing to hear


async def assert_works(satellite: Satellite) -> None:
    """Check that the next run is answered."""
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Hello! How can I help?"


async def test_silence(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """Who says nothing is not answered."""
    monkeypatch.setattr(f"{MODULE}.voice.listening.NO_SPEECH_SECONDS", 0.2)
    run = await satellite.run(waiting_microphone(bytes(32_000)))
    assert run.error == "stt-no-text-recognized"
    session = emulator.sessions[-1]
    await settled(session)
    assert told(session) == []
    monkeypatch.undo()
    await assert_works(satellite)


async def test_endless_speech(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """Who does not stop is interrupted."""
    monkeypatch.setattr(f"{MODULE}.voice.listening.SPEECH_SECONDS", 0.2)
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
    monkeypatch.setattr(f"{MODULE}.voice.listening.COMMIT_SECONDS", 0.2)
    run = await satellite.run(microphone(speech, silence_seconds=None))
    assert run.error == error
    if error is None:
        [said, _] = emulator.sessions[-1].conversation
        assert len(said.audio) == pytest.approx((3200 + len(speech)) * 1.5, abs=100)
    await assert_works(satellite)


async def test_buffer_full(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """More than fits is not kept while the service does not open a session."""
    monkeypatch.setattr(f"{MODULE}.voice.listening.MAX_BUFFERED_BYTES", 16_000)
    emulator.faults.add("no_session_created", times=1)
    run = await satellite.run(microphone())
    assert run.answer == CANNOT_CONNECT
    monkeypatch.undo()
    await assert_works(satellite)


@pytest.mark.parametrize("fault", ["http_500", "http_429:0"])
async def test_refused(emulator: Emulator, satellite: Satellite, fault: str) -> None:
    """Of a service that lets nobody in the person is told, and hears a sound at least."""
    emulator.faults.add(fault)
    run = await satellite.run()
    assert run.error is None
    assert run.answer in (CANNOT_CONNECT, TOO_OFTEN)
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
    """What is remembered is why the service was away, not who found out."""
    # A log record of pytest's keeps the error, and that its frames.
    caplog.set_level(logging.CRITICAL, "custom_components")
    monkeypatch.setattr(f"{MODULE}.assistant.availability.TRY_DELAY", 60.0)
    monkeypatch.setattr(f"{MODULE}.assistant.availability.PROBE_DELAY", 1e6)
    monkeypatch.setattr(f"{MODULE}.assistant.availability.MAX_PROBE_DELAY", 1e6)
    earlier = turns_are_made_of()
    emulator.faults.add(fault)
    for _ in range(3):  # the third is told what the second was
        assert (await satellite.run()).answer == CANNOT_CONNECT
    async_fire_time_changed(hass, dt_util.utcnow() + 2 * CONVERSATION_TIMEOUT)
    await hass.async_block_till_done()
    await forget_cancelled_timers(hass)
    assert alive(earlier) == []


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients that connect again at once."""
    hurry(monkeypatch)


async def until_lost(speech: bytes, lost: Session) -> AsyncIterator[bytes]:
    """Say the first half, and the rest, and silence, once the connection is lost."""
    half = len(speech) // 2
    async for chunk in microphone(speech[:half], None):
        yield chunk
    await gone(lost)
    async for chunk in microphone(speech[half:]):
        yield chunk


async def test_lost_while_listening(
    hurried: None,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A connection that breaks in mid-sentence and comes back costs no word of it."""
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
    assert told(session) == [
        "user: ",
        "assistant: Yes.",
        "user: ",
        "assistant: Hello! How can I help?",
    ]
    [_, _, said, _] = session.conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2


async def test_lost_for_too_long_while_listening(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, satellite: Satellite
) -> None:
    """Who has waited for too long in mid-sentence is told so."""
    monkeypatch.setattr(f"{MODULE}.voice.listening.KEPT_AFTER_LOSS", 0.1)
    run = satellite.start(waiting_microphone(SPEECH))
    session = await listening(emulator)
    emulator.faults.add("http_503")
    session.abort()
    await run.end()
    assert run.answer.startswith("The connection to the Azure service was lost")
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
    """What is committed on a connection that breaks is committed on the next one."""
    await change_assistant(hass, init_integration, turn_detection_type="semantic_vad")
    monkeypatch.setattr(f"{MODULE}.voice.listening.NO_SPEECH_SECONDS", 0.3)
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


# --- Other ways to end a turn


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
    assert len(told(session)) == 2


async def test_semantic(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A semantic VAD that finds nothing, as Azure's was seen to, does not deafen us."""
    await change_assistant(hass, init_integration, turn_detection_type="semantic_vad")
    monkeypatch.setattr(f"{MODULE}.voice.listening.NO_SPEECH_SECONDS", 0.3)
    run = await satellite.run(waiting_microphone(SPEECH))
    assert run.error is None
    assert run.answer == "Hello! How can I help?"
    run = await satellite.run(waiting_microphone(bytes(32_000)))
    assert run.error == "stt-no-text-recognized"


# --- One turn after another


async def played(seconds: float) -> None:
    """Let the time pass that playing takes."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


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
    assert told(session) == [
        "user: ",
        "assistant: Which room?",
        "user: ",
        "assistant: Very well.",
    ]


async def test_cut_off(emulator: Emulator, satellite: Satellite) -> None:
    """Who talks over a reply is heard, and the model knows where it was cut off."""
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
    assert told(session) == [
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
    assert told(session)[1] == "assistant: Yes."


async def test_another_voice(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A reply that another voice has read is not taken for unheard."""
    emulator.replies.append(Reply(text="Yes.", pcm=said_at(500, 20)))
    await satellite.run(end=PipelineStage.INTENT)
    await satellite.run()
    assert told(emulator.sessions[-1])[1] == "assistant: Yes."


async def test_renewed_between_turns(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A session that is old makes way for a new one, and nobody notices."""
    client_module = f"{MODULE}.realtime.client"
    options = partial(WebSocketOptions, renew_after=0.5)
    monkeypatch.setattr(f"{client_module}.WebSocketOptions", options)
    monkeypatch.setattr(f"{client_module}._QUIET_SECONDS", 0.05)
    await hass.config_entries.async_reload(init_integration.entry_id)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    emulator.replies.append(Reply(text="Which room?", pcm=said_at(500, 0.05)))
    await satellite.run()
    lines = told(emulator.sessions[-1])
    await gone(emulator.sessions[-1])
    # Another turn begins while the new session is being made.
    emulator.replies.append(Reply(text="Very well.", pcm=said_at(700)))
    run = await satellite.run()
    assert run.error is None
    assert run.wav.pitch == pytest.approx(700, abs=5)
    assert lines == ["user: ", "assistant: Which room?"]
    assert told(emulator.sessions[-1]) == [*lines, "user: ", "assistant: Very well."]
    assert STATE_UNAVAILABLE not in {event.data["new_state"].state for event in changes}


# --- What goes wrong with the answer


async def test_failed_answer(emulator: Emulator, satellite: Satellite) -> None:
    """An error is said, in the assistant's voice."""
    emulator.faults.add("response_failed", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith("The model could not answer")
    assert run.wav.seconds == pytest.approx(0.04 * len(run.answer), abs=0.05)


async def test_failed_in_the_middle(emulator: Emulator, satellite: Satellite) -> None:
    """What went wrong is said after what was said."""
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
    assert told(emulator.sessions[-1])[0] == "user: hello"


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
    assert len(told(session)) == 2
    [said, _] = session.conversation
    # Told again in writing, where it is written down, or else as the sound that it was.
    assert said.text == ("tell me a joke" if transcription else "")
    assert bool(said.audio) is not bool(transcription)
    await speak_to(hass, AGENT, prefer_local_intents=False)
    await assert_works(satellite)


# --- Many at once


def turns_are_made_of(*, collected: bool = True) -> list[Any]:
    """Return what the turns of assistants consist of, as far as it is alive.

    What earlier tests left is in it: core caches by Home Assistant, and so keeps those of the
    last tests, with every error that their speech has ended in.
    """
    if collected:
        gc.collect()
    kinds = (Turn, AssistantSession, Response, RealtimeClient)
    return [thing for thing in gc.get_objects() if isinstance(thing, kinds)]


def alive(earlier: list[Any], *, collected: bool = True) -> list[str]:
    """Return the kinds of what turns are made of since then, one for each that is alive."""
    known = {id(thing) for thing in earlier}
    found = turns_are_made_of(collected=collected)
    return sorted(type(thing).__name__ for thing in found if id(thing) not in known)


async def forget_cancelled_timers(hass: HomeAssistant) -> None:
    """Let the loop drop them: it keeps them, and what they know, while most are not cancelled."""
    for _ in range(1000):
        hass.loop.call_later(3600, asyncio.Event).cancel()
    await hass.async_block_till_done()


async def test_twenty_satellites(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Each hears its own reply, and nothing of it stays when they are done."""
    earlier = turns_are_made_of()
    emulator.replies += [
        Reply(text=f"{number}", pcm=said_at(200 + 20 * number)) for number in range(20)
    ]
    house = [Satellite(hass, new_conversation()) for _ in range(20)]
    runs = await asyncio.gather(*(each.run() for each in house))
    assert {run.answer for run in runs} == {f"{number}" for number in range(20)}
    for run in runs:
        assert run.error is None
        assert run.wav.pitch == pytest.approx(200 + 20 * int(run.answer), abs=5)
    sessions = emulator.sessions[1:]
    assert sorted(told(session) for session in sessions) == sorted(
        ["user: ", f"assistant: {number}"] for number in range(20)
    )
    del run, runs

    async_fire_time_changed(
        hass, dt_util.utcnow() + CONVERSATION_TIMEOUT + timedelta(seconds=2)
    )
    await hass.async_block_till_done()
    for session in sessions:
        await gone(session)
    assert alive(earlier) == []


async def test_conversation_that_made_room(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """Nothing of it stays, and not even the garbage collector has to see to that."""
    monkeypatch.setattr(f"{MODULE}.assistant.assistant.MAX_SESSIONS", 1)
    earlier = turns_are_made_of()
    gc.disable()
    try:
        await assert_works(satellite)
        first = emulator.sessions[-1]
        await assert_works(Satellite(hass, new_conversation()))
        await gone(first)
        await forget_cancelled_timers(hass)
        assert alive(earlier, collected=False) == [
            "AssistantSession",
            "RealtimeClient",
            "Response",
            "Turn",
        ]
    finally:
        gc.enable()


async def test_too_many(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """One more than may speak at once is told so; an idle session makes room."""
    monkeypatch.setattr(f"{MODULE}.assistant.assistant.MAX_SESSIONS", 1)
    run = satellite.start(waiting_microphone(SPEECH))
    await listening(emulator)
    other = Satellite(hass, new_conversation())
    assert (await other.run()).answer.startswith("Too many conversations are going on")
    await run.abort()
    await hass.async_block_till_done()
    await assert_works(other)


@pytest.mark.parametrize("stage", ["listening", "speaking"])
async def test_unload(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    stage: str,
) -> None:
    """Unloading ends a turn wherever it is."""
    if stage == "listening":
        run = satellite.start(waiting_microphone(SPEECH))
        await listening(emulator)
    else:
        emulator.replies.append(Reply(text="Once upon", hold=asyncio.Event()))
        run = satellite.start()
        await run.until_played()
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    await run.end()
    for session in emulator.sessions:
        await gone(session)
    assert run.error == ("stt-stream-failed" if stage == "listening" else None)
