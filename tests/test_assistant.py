"""An assistant: sessions as they are needed, status, availability, events, and its end."""

import asyncio
from datetime import timedelta
import json
from pathlib import Path
from string import Formatter
from typing import Any

from homeassistant.components.conversation import ChatLog
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, STATE_UNAVAILABLE
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.chat_session import CONVERSATION_TIMEOUT
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.azure_realtime_audio import realtime
from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from custom_components.azure_realtime_audio.assistant.briefing import Briefing
from custom_components.azure_realtime_audio.assistant.session_key import SessionPurpose
from custom_components.azure_realtime_audio.assistant.settings import (
    AssistantSettings,
    build_options,
)
from custom_components.azure_realtime_audio.chat.history import system_prompt
from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_FIRE_EVENTS,
    CONF_INSTRUCTIONS,
    DEFAULT_ASSISTANT,
    DOMAIN,
    EVENT_SERVER_EVENT,
    SESSION_IDLE,
)
from custom_components.azure_realtime_audio.errors import (
    ConversationBusyError,
    NothingHeardError,
    TooManySessionsError,
    translated_error,
)
from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    CommandTimeoutError,
    InvalidConfigError,
    RealtimeError,
    ResponseActiveError,
)
from emulator import Emulator, Reply

from .conftest import SUBENTRY_ID
from .talk import (
    AGENT,
    STATUS,
    becomes,
    change_assistant,
    say,
    session_closed,
    set_timing,
    shorten_timeouts,
)


@pytest.fixture
def assistant(init_integration: MockConfigEntry) -> Assistant:
    """Return the assistant of the entry that is set up."""
    found: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    return found


@pytest.fixture
def impatient(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let reconnecting and probing take no time."""
    shorten_timeouts(monkeypatch)
    set_timing(hass, probe_delay=0.01, max_probe_delay=0.02)


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


def lines_about(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    """Return the log lines with these words."""
    return [message for message in caplog.messages if words in message]


# --- Sessions


async def test_no_session_before_it_is_needed(
    init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Set-up tries the connection and closes it again."""
    (session,) = emulator.sessions
    await session_closed(session)
    assert session.close_code == 1000


async def test_action_session(assistant: Assistant, emulator: Emulator) -> None:
    """Actions share one session, in which turns end by hand."""
    session = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    assert await assistant.sessions.async_shared(SessionPurpose.ACTIONS) is session
    assert len(emulator.sessions) == 2
    assert emulator.sessions[-1].config["audio"]["input"]["turn_detection"] is None


async def test_conversation_session_has_turn_detection(
    assistant: Assistant, emulator: Emulator
) -> None:
    """A conversation's session has the assistant's turn detection."""
    session = await assistant.sessions.async_conversation("kitchen")
    await session.client.connect()
    detection = emulator.sessions[-1].config["audio"]["input"]["turn_detection"]
    assert detection["type"] == "server_vad"
    assert detection["silence_duration_ms"] == 500


async def test_opening_twice_at_once(assistant: Assistant, emulator: Emulator) -> None:
    """Two that want the same session at the same time get the same."""
    sessions = await asyncio.gather(
        *(assistant.sessions.async_conversation("kitchen") for _ in range(3))
    )
    assert len(set(sessions)) == 1
    assert len(emulator.sessions) == 2


async def test_idle_session_is_closed(
    hass: HomeAssistant, assistant: Assistant, emulator: Emulator
) -> None:
    """An idle session is closed; a session in use is not."""
    emulator.replies.append(Reply(text="one two three", hold=(hold := asyncio.Event())))
    busy = await assistant.sessions.async_conversation("busy")
    idle = await assistant.sessions.async_conversation("idle")
    async with busy.response({"output_modalities": ["text"]}) as response:
        async_fire_time_changed(
            hass, dt_util.utcnow() + timedelta(seconds=SESSION_IDLE + 1)
        )
        await session_closed(emulator.sessions[2])
        assert idle.client.state is realtime.ConnectionState.CLOSED
        hold.set()
        await response.done(10)
    assert response.text == "one two three"
    async_fire_time_changed(
        hass, dt_util.utcnow() + timedelta(seconds=2 * SESSION_IDLE + 2)
    )
    await session_closed(emulator.sessions[1])


async def test_session_ends_with_the_chat(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When Home Assistant forgets a conversation, its session is closed."""
    set_timing(hass, session_idle=9999)
    await say(hass, "hello")
    session = emulator.sessions[-1]
    async_fire_time_changed(
        hass, dt_util.utcnow() + CONVERSATION_TIMEOUT + timedelta(seconds=2)
    )
    await session_closed(session)
    assert session.close_code == 1000


async def test_least_used_session_makes_room(
    assistant: Assistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit of sessions, the conversation that was quiet longest gives way."""
    set_timing(assistant.hass, max_sessions=3)
    action = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    first = await assistant.sessions.async_conversation("first")
    second = await assistant.sessions.async_conversation("second")
    assert await assistant.sessions.async_conversation("first") is first

    await assistant.sessions.async_conversation("third")
    await session_closed(emulator.sessions[3])

    assert second.client.state is realtime.ConnectionState.CLOSED
    assert await assistant.sessions.async_conversation("first") is first
    assert await assistant.sessions.async_shared(SessionPurpose.ACTIONS) is action


async def test_too_many_sessions(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every session in the middle of a turn there is no other."""
    set_timing(assistant.hass, max_sessions=1)
    session = await assistant.sessions.async_conversation("first")
    async with session.turn():
        with pytest.raises(TooManySessionsError):
            await assistant.sessions.async_conversation("second")
    await assistant.sessions.async_conversation("second")


async def test_one_turn_at_a_time(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second turn of a conversation waits for the first, for a while."""
    set_timing(assistant.hass, turn_wait=0.01)
    session = await assistant.sessions.async_conversation("kitchen")
    async with session.turn():
        with pytest.raises(ConversationBusyError):
            async with session.turn():
                pytest.fail("two turns at once")
    async with session.turn():
        pass


@pytest.mark.usefixtures("impatient")
async def test_connecting_takes_too_long(
    hass: HomeAssistant,
    assistant: Assistant,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that never answers the handshake does not keep a turn waiting."""
    set_timing(hass, connect_wait=0.05)
    emulator.faults.add("ends_at:connect/silence")
    with pytest.raises(realtime.CannotConnectError):
        await assistant.sessions.async_conversation("kitchen")
    assert state_of(hass, STATUS) == STATE_UNAVAILABLE
    emulator.faults.clear()
    set_timing(hass, connect_wait=20)
    session = await assistant.sessions.async_conversation("kitchen")
    await session.client.connect()
    assert state_of(hass, STATUS) == "idle"


async def test_told_once(assistant: Assistant, emulator: Emulator) -> None:
    """Instructions and tools are sent when they are new, and survive a new connection."""
    session = await assistant.sessions.async_conversation("kitchen")
    tools = [{"type": "function", "name": "ring", "parameters": {"type": "object"}}]
    for _ in range(2):
        await session.async_tell(Briefing(instructions="Be brief.", tools=tools))
    await session.async_tell(Briefing(instructions="Be brief.", tools=[]))
    # One of them configured the session.
    assert len(emulator.sessions[-1].received.of("session.update")) == 3

    await emulator.sessions[-1].close(1011)
    await emulator.next_session()
    await emulator.next_session()
    await emulator.next_session()
    await session.client.connect()
    assert emulator.sessions[-1].config["instructions"] == "Be brief."
    assert emulator.sessions[-1].config["tools"] == []


# --- Status


async def test_status_is_the_most_active(
    hass: HomeAssistant, assistant: Assistant, emulator: Emulator
) -> None:
    """The sensor shows the most active of the sessions, and changes at once."""
    assert state_of(hass, STATUS) == "idle"
    first = await assistant.sessions.async_conversation("first")
    action = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    await action.client.append_pcm(bytes(4800))
    assert state_of(hass, STATUS) == "listening"
    emulator.replies.append(Reply(text="one two", hold=(hold := asyncio.Event())))
    async with first.response({"output_modalities": ["text"]}) as response:
        assert state_of(hass, STATUS) == "thinking"
        hold.set()
        await response.done(10)
    assert state_of(hass, STATUS) == "listening"
    await action.client.clear_audio_buffer()
    assert state_of(hass, STATUS) == "idle"


async def test_status_of_a_closed_session(
    hass: HomeAssistant, assistant: Assistant
) -> None:
    """A session that ends takes its status along."""
    session = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    await session.client.append_pcm(bytes(4800))
    assistant.sessions.async_end(session)
    assert state_of(hass, STATUS) == "idle"
    assistant.sessions.async_end(session)


# --- Availability


@pytest.mark.usefixtures("impatient")
async def test_unavailable_and_back(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A service that cannot be reached makes the entities unavailable until it can."""
    emulator.faults.add("http_503")
    for _ in range(3):
        await say(hass, "hello")
    assert state_of(hass, STATUS) == STATE_UNAVAILABLE
    assert state_of(hass, AGENT) == STATE_UNAVAILABLE
    refused = len(emulator.handshakes)
    emulator.faults.clear()
    await becomes(hass, STATUS, "idle")
    assert len(emulator.handshakes) > refused
    assert state_of(hass, AGENT) != STATE_UNAVAILABLE
    assert len(lines_about(caplog, "cannot reach the service")) == 1
    assert len(lines_about(caplog, "can reach the service again")) == 1
    await session_closed(emulator.sessions[-1])


@pytest.mark.usefixtures("impatient")
async def test_lost_for_good(
    hass: HomeAssistant, assistant: Assistant, emulator: Emulator
) -> None:
    """Availability goes when reconnecting has failed, not when the socket is lost."""
    session = await assistant.sessions.async_conversation("kitchen")
    await emulator.sessions[-1].close(1011)
    await session_closed(emulator.sessions[-1])
    await session.async_connect()
    assert state_of(hass, STATUS) == "idle"

    emulator.faults.add("http_500")
    await emulator.sessions[-1].close(1011)
    await becomes(hass, STATUS, STATE_UNAVAILABLE)
    emulator.faults.clear()
    await becomes(hass, STATUS, "idle")


@pytest.mark.usefixtures("impatient")
async def test_closed_by_the_service(
    hass: HomeAssistant, assistant: Assistant, emulator: Emulator
) -> None:
    """A session that the service closes in peace says nothing about its availability."""
    session = await assistant.sessions.async_conversation("kitchen")
    await emulator.sessions[-1].close(1000)
    await session_closed(emulator.sessions[-1])
    await session.async_connect()
    assert state_of(hass, STATUS) == "idle"


async def test_success_ends_the_probe(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn that gets through makes the assistant available, and the probe needless."""
    set_timing(hass, probe_delay=2.0)
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    assert state_of(hass, STATUS) == STATE_UNAVAILABLE
    await say(hass, "hello")
    assert state_of(hass, STATUS) == "idle"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [handshake.status for handshake in emulator.handshakes] == [101, 503, 101]


@pytest.mark.usefixtures("impatient")
async def test_probe_heeds_rate_limits(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """The service says when to come back, and that is when we do."""
    emulator.faults.add("http_429:50*2")
    await say(hass, "hello")
    assert state_of(hass, STATUS) == STATE_UNAVAILABLE
    await becomes(hass, STATUS, "idle")
    assert [handshake.status for handshake in emulator.handshakes] == [
        101,
        429,
        429,
        101,
    ]


@pytest.mark.usefixtures("impatient")
async def test_probe_goes_on_when_the_session_is_refused(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """The probe tries again after any refusal."""
    emulator.faults.add("http_503*1")
    emulator.faults.add("refuse:session.update*1")
    await say(hass, "hello")
    await becomes(hass, STATUS, "idle")


@pytest.mark.parametrize("fault", ["http_401", "openai_invalid_api_key"])
@pytest.mark.usefixtures("impatient")
async def test_key_stops_working(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    fault: str,
) -> None:
    """A refused key asks for a new one, once, and is not tried over and over."""
    emulator.faults.add(fault)
    await say(hass, "hello")
    await say(hass, "hello")
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert state_of(hass, STATUS) == STATE_UNAVAILABLE


@pytest.mark.usefixtures("impatient")
async def test_probe_finds_a_refused_key(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A key that is refused when the service is back asks for a new one."""
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    emulator.faults.add("http_401")
    asked = asyncio.Event()
    hass.config_entries.flow.async_subscribe_flow(lambda *_: asked.set())
    async with asyncio.timeout(10):
        await asked.wait()
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH


# --- Events


def event_types(events: list[Event]) -> list[str]:
    """Return the types of the service's events on the bus."""
    return [event.data["type"] for event in events]


async def test_no_events_by_default(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """Events are off by default."""
    events = async_capture_events(hass, EVENT_SERVER_EVENT)
    await say(hass, "hello")
    assert events == []


async def test_events_without_audio(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Automations see what the service says, less the sound."""
    await change_assistant(hass, init_integration, **{CONF_FIRE_EVENTS: True})
    assistant: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    events = async_capture_events(hass, EVENT_SERVER_EVENT)
    session = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    await session.client.append_pcm(bytes(9600))
    await session.client.commit_audio()
    async with session.response({}) as response:
        await response.done(10)
    assert response.audio
    served = emulator.sessions[-1]
    await served.send(
        {
            "type": "conversation.item.retrieved",
            "event_id": "event_1",
            "item": {
                "id": "item_1",
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_audio", "audio": "AAAA", "transcript": "a"}
                ],
            },
        }
    )
    heard = asyncio.Event()
    session.client.once("input_audio_buffer.cleared", lambda _: heard.set())
    await session.client.clear_audio_buffer()
    await heard.wait()

    assert {event.data["entity_id"] for event in events} == {AGENT}
    types = event_types(events)
    assert types[0] == "session.created"
    assert "response.output_audio_transcript.delta" in types
    assert "response.output_audio.done" in types
    assert "response.output_audio.delta" not in types
    assert not {"init", "status_changed", "connection_changed", "realtime"} & set(types)
    told = {event.data["type"]: event.data["event"] for event in events}
    assert told["conversation.item.retrieved"]["item"]["content"] == [
        {"type": "input_audio", "transcript": "a"}
    ]
    # A setting is not sound.
    assert told["session.updated"]["session"]["audio"]["output"]["voice"] == "alloy"


# --- The end


async def test_unload_in_the_middle_of_a_turn(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Unloading ends sessions and turns; nothing stays."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    assistant: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    turn = asyncio.create_task(say(hass, "count", "kitchen"))
    for _ in range(3):
        served = await emulator.next_session()
    await served.sent.wait_for("response.output_text.delta")

    assert await hass.config_entries.async_unload(init_integration.entry_id)

    assert init_integration.state is ConfigEntryState.NOT_LOADED
    for session in emulator.sessions:
        await session_closed(session)
    assert (await turn).response.error_code is not None
    with pytest.raises(realtime.NotConnectedError):
        await assistant.sessions.async_shared(SessionPurpose.ACTIONS)


async def test_unload_while_connecting(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Unloading ends a turn that still waits for its session."""
    emulator.faults.add("no_session_created")
    emulator.faults.add("no_ack:session.update")
    turn = asyncio.create_task(say(hass, "hello"))
    await emulator.next_session()
    served = await emulator.next_session()
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    async with asyncio.timeout(2):
        assert (await turn).response.error_code is not None
    await session_closed(served)


@pytest.mark.usefixtures("impatient")
async def test_unload_while_probing(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Unloading ends the probe."""
    emulator.faults.add("http_503")
    await say(hass, "hello")
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    tried = len(emulator.handshakes)
    emulator.faults.clear()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(emulator.handshakes) == tried


async def test_home_assistant_stops(
    hass: HomeAssistant, assistant: Assistant, emulator: Emulator
) -> None:
    """Sessions are closed politely when Home Assistant stops."""
    await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await session_closed(emulator.sessions[-1])
    assert emulator.sessions[-1].close_code == 1000


# --- Instructions, settings and errors


def llm_context(context: Context | None = None) -> llm.LLMContext:
    """Return the context of an action."""
    return llm.LLMContext(DOMAIN, context or Context(), "en", "conversation", None)


async def prepared(
    assistant: Assistant, context: llm.LLMContext
) -> tuple[str, llm.APIInstance | None]:
    """Return the instructions and the LLM API that the assistant gives a chat log."""
    log = ChatLog(assistant.hass, "chat")
    await assistant.async_provide_llm_data(log, context)
    return system_prompt(log), log.llm_api


async def test_prepare(
    hass: HomeAssistant, init_integration: MockConfigEntry, hass_admin_user: Any
) -> None:
    """An action has the instructions a chat has: template and API, and never the time."""
    await change_assistant(
        hass, init_integration, instructions="{{ user_name }} in {{ ha_name }}."
    )
    assistant: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    context = llm_context(Context(user_id=hass_admin_user.id))
    instructions, llm_api = await prepared(assistant, context)
    assert llm_api is not None
    assert instructions.startswith("Mock User in test home.\n")
    assert llm_api.api_prompt in instructions
    assert "Current time is" not in instructions

    await change_assistant(hass, init_integration, llm_hass_api=[], instructions="")
    assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    instructions, llm_api = await prepared(assistant, llm_context())
    assert llm_api is not None
    assert instructions.startswith(llm.DEFAULT_INSTRUCTIONS_PROMPT)
    assert "Current time is" not in instructions


@pytest.mark.parametrize(
    "changes", [{CONF_INSTRUCTIONS: "{{ 1 / 0 }}"}, {"llm_hass_api": ["gone"]}]
)
async def test_cannot_prepare(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    changes: dict[str, Any],
) -> None:
    """A template or an API that does not work is an error with a translation."""
    await change_assistant(hass, init_integration, **changes)
    assistant: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    with pytest.raises(HomeAssistantError) as raised:
        await prepared(assistant, llm_context())
    assert raised.value.translation_key == "prompt_failed"


def test_session_config_of_the_defaults() -> None:
    """The defaults say no more than they must."""
    assert AssistantSettings.from_data(
        DEFAULT_ASSISTANT
    ).session_config().as_dict() == {
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "create_response": False,
                    "interrupt_response": False,
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                }
            },
            "output": {"voice": "alloy"},
        }
    }


@pytest.mark.parametrize(
    ("setting", "sent"),
    [
        *(("de", "de"), ("de-DE", "de"), ("EN_us", "en"), ("zh-Hans-CN", "zh")),
        *(("nb-NO", "no"), ("nn", "no"), ("fil", "tl"), ("yue-HK", "yue")),
    ],
)
def test_transcription_language_with_a_region(setting: str, sent: str) -> None:
    """The transcription models take a language without its region, by their own name."""
    data = {"transcription_deployment": "whisper", "transcription_language": setting}
    config = AssistantSettings.from_data(data).session_config().as_dict()
    assert config["audio"]["input"]["transcription"]["language"] == sent


def test_session_config_of_everything() -> None:
    """Every setting reaches the session."""
    data = {
        "voice": "marin",
        "turn_detection_type": "semantic_vad",
        "threshold": 0.5,
        "eagerness": "high",
        "transcription_deployment": "gpt-4o-transcribe",
        "transcription_language": "de",
        "noise_reduction": "far_field",
        "speed": 1.25,
        "max_output_tokens": 500.0,
        "temperature": 0.7,
    }
    assert AssistantSettings.from_data(data).session_config().as_dict() == {
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "semantic_vad",
                    "create_response": False,
                    "interrupt_response": False,
                    "eagerness": "high",
                },
                "transcription": {"model": "gpt-4o-transcribe", "language": "de"},
                "noise_reduction": {"type": "far_field"},
            },
            "output": {"voice": "marin", "speed": 1.25},
        },
        "max_output_tokens": 500,
        "temperature": 0.7,
    }
    del data["transcription_language"]
    audio = AssistantSettings.from_data(data).session_config().as_dict()["audio"]
    assert audio["input"]["transcription"] == {"model": "gpt-4o-transcribe"}
    none = (
        AssistantSettings.from_data({"turn_detection_type": "none"})
        .session_config()
        .as_dict()
    )
    assert none["audio"]["input"] == {"turn_detection": None}
    with pytest.raises(InvalidConfigError, match="speed"):
        AssistantSettings.from_data({"speed": 9}).session_config()


def test_options_hide_the_key() -> None:
    """Neither the options nor the client show the key."""
    data = {
        "host_name": "my-house.openai.azure.com",
        "deployment": "gpt-realtime",
        "api_key": "hush",
        CONF_API_VERSION: "",
    }
    options = build_options(data)
    assert options.api_version is None
    assert options.api_key == "hush"
    assert "hush" not in repr(options)


def every_error() -> list[RealtimeError]:
    """Return one of every error that the library has."""
    needs_arguments: dict[type[RealtimeError], RealtimeError] = {
        InvalidConfigError: InvalidConfigError(
            "audio.output.speed", "must be at most 1.5"
        ),
        CommandError: CommandError("No."),
        CommandTimeoutError: CommandTimeoutError("response.create"),
    }
    classes = {
        found
        for found in vars(realtime).values()
        if isinstance(found, type) and issubclass(found, RealtimeError)
    }
    classes -= {RealtimeError, realtime.ConnectError}
    errors = [needs_arguments.get(found) or found() for found in classes]
    return sorted(errors, key=repr)


def test_every_error_has_words_of_its_own() -> None:
    """No error of the library reaches a person untranslated, or with a hole in it."""
    path = (
        Path(__file__).parents[1] / f"custom_components/{DOMAIN}/translations/en.json"
    )
    sentences = json.loads(path.read_text())["exceptions"]
    errors = [
        *map(translated_error, every_error()),
        TooManySessionsError(),
        ConversationBusyError(),
        NothingHeardError(),
    ]
    keys = set()
    for translated in errors:
        assert translated.translation_domain == DOMAIN
        key = translated.translation_key
        assert key is not None
        keys.add(key)
        sentence = sentences[key]["message"]
        fields = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        assert fields <= set(translated.translation_placeholders or {})
    assert len(keys) == len(errors) > 15
    unknown = translated_error(RealtimeError("?"))
    assert unknown.translation_key == "unexpected"
    assert translated_error(ResponseActiveError()).translation_key == "response_active"
