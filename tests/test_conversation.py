"""Typed turns: from a sentence to the service and the house, and back."""

import asyncio
import json
from typing import Any

from homeassistant.components import conversation
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import CONF_LLM_HASS_API, MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.helpers.intent import IntentResponseErrorCode, IntentResponseType
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)
import voluptuous as vol

from custom_components.azure_realtime_audio.const import CONF_API_VERSION, DOMAIN
from emulator import Emulator, Reply

from .talk import (
    AGENT,
    change_assistant,
    give_tool,
    give_tools,
    said,
    say,
    speech,
    tool_called,
)

LIGHT = "light.kitchen_light"
PREVIEW = "2025-04-01-preview"
CLOCK = "azure_realtime_audio__GetDateTime"


@pytest.fixture
async def kitchen_light(hass: HomeAssistant) -> str:
    """Have an exposed light that is off."""
    light = {"name": "Kitchen Light", "turn_on": [], "turn_off": []}
    assert await async_setup_component(hass, "template", {"template": {"light": light}})
    await hass.async_block_till_done()
    async_expose_entity(hass, conversation.DOMAIN, LIGHT, True)
    await hass.services.async_call("light", "turn_off", {"entity_id": LIGHT}, True)
    assert is_off(hass)
    return LIGHT


def is_off(hass: HomeAssistant) -> bool:
    """Whether the light is off."""
    state = hass.states.get(LIGHT)
    assert state is not None
    return state.state == "off"


class Assist:
    """A websocket that runs the intent stage of a pipeline, and keeps what it streams."""

    def __init__(self, socket: MockHAClientWebSocket) -> None:
        """Use a socket that has logged in."""
        self._socket = socket
        self._pipeline = ""
        self._run = 0
        self.deltas: list[dict[str, Any]] = []

    async def create_pipeline(self) -> None:
        """Make a pipeline with the assistant as its agent."""
        unused = ["stt_engine", "stt_language", "tts_engine", "tts_language"]
        unused += ["tts_voice", "wake_word_entity", "wake_word_id"]
        await self._socket.send_json_auto_id(
            {
                "type": "assist_pipeline/pipeline/create",
                "conversation_engine": AGENT,
                "conversation_language": "en",
                "language": "en",
                "name": "Test",
            }
            | dict.fromkeys(unused)
        )
        self._pipeline = (await self._socket.receive_json())["result"]["id"]

    async def run(self, text: str, conversation_id: str | None = None) -> None:
        """Begin a run."""
        await self._socket.send_json_auto_id(
            {
                "type": "assist_pipeline/run",
                "pipeline": self._pipeline,
                "conversation_id": conversation_id,
                "start_stage": "intent",
                "end_stage": "intent",
                "input": {"text": text},
            }
        )
        self._run = await self._result()

    async def answer(self) -> str:
        """Return the rest of the answer."""
        pieces = []
        while piece := await self.next_piece():
            pieces.append(piece)
        return "".join(pieces)

    async def next_piece(self) -> str | None:
        """Return the next piece of the answer; None at its end."""
        while True:
            event = (await self._socket.receive_json())["event"]
            assert event["type"] != "error"
            if event["type"] == "intent-end":
                return None
            if event["type"] == "intent-progress":
                self.deltas.append(event["data"]["chat_log_delta"])
                piece: str | None = self.deltas[-1].get("content")
                if piece:
                    return piece

    async def abort(self) -> None:
        """Abort the run, as closing the dialog does."""
        await self._socket.send_json_auto_id(
            {"type": "unsubscribe_events", "subscription": self._run}
        )
        await self._result()

    async def _result(self) -> int:
        """Wait until the last command is accepted; return its id."""
        while (message := await self._socket.receive_json())["type"] != "result":
            pass
        assert message["success"]
        command_id: int = message["id"]
        return command_id


async def sentence(
    hass: HomeAssistant, key: str, language: str = "en", **placeholders: str
) -> str:
    """Return the translated sentence of an error."""
    sentences = await async_get_translations(hass, language, "exceptions", {DOMAIN})
    found = sentences[f"component.{DOMAIN}.exceptions.{key}.message"]
    return found.format(**placeholders)


async def assert_apology(
    hass: HomeAssistant,
    result: conversation.ConversationResult,
    key: str,
    **placeholders: str,
) -> None:
    """Check that a result is the error sentence of this key."""
    assert result.response.response_type is IntentResponseType.ERROR
    assert result.response.error_code is IntentResponseErrorCode.FAILED_TO_HANDLE
    assert speech(result) == await sentence(hass, key, **placeholders)
    assert not result.continue_conversation


@pytest.mark.parametrize("api_version", ["", PREVIEW])
async def test_turn_on_the_light(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    kitchen_light: str,
    api_version: str,
) -> None:
    """The model's tool call turns on an exposed light, and the model tells so."""
    data = {**config_entry.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(config_entry, data=data)
    assert await hass.config_entries.async_setup(config_entry.entry_id)

    response = await hass.services.async_call(
        "conversation",
        "process",
        {"text": "turn on the kitchen light", "agent_id": AGENT},
        blocking=True,
        return_response=True,
    )

    assert not is_off(hass)
    assert response is not None
    told: Any = response["response"]
    assert "kitchen light" in told["speech"]["plain"]["speech"].lower()
    session = emulator.sessions[-1]
    # No audio is asked for, and none is made.
    assert not [event for event in session.sent if "audio.delta" in event["type"]]
    output = session.received.of("conversation.item.create")[-1]["item"]["output"]
    assert json.loads(output)["data"]["success"][0]["id"] == kitchen_light


async def test_questions_go_on(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A question keeps the conversation open, a statement ends it."""
    emulator.replies += [Reply(text="Which room?"), Reply(text="Very well.")]
    result = await say(hass, "turn on a light")
    assert result.continue_conversation
    result = await say(hass, "never mind", result.conversation_id)
    assert not result.continue_conversation


async def test_follow_up_uses_the_session(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A conversation has one session, which is told its instructions once."""
    emulator.replies += [Reply(text="Hello."), Reply(text="Fine.")]
    result = await say(hass, "hello")
    await say(hass, "how are you", result.conversation_id)

    _, session = emulator.sessions
    assert said(session) == [
        "user: hello",
        "assistant: Hello.",
        "user: how are you",
        "assistant: Fine.",
    ]
    updates = session.received.of("session.update")
    assert [u for u in updates if "instructions" in u["session"]] == updates[1:]
    assert len(updates) == 2


async def test_conversations_do_not_mix(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Two conversations at the same time have a session each."""
    hold = asyncio.Event()
    emulator.replies += [Reply(text="one two three", hold=hold), Reply(text="four")]
    first = asyncio.create_task(say(hass, "count"))
    await emulator.next_session()
    session = await emulator.next_session()
    await session.sent.wait_for("response.output_text.delta")
    second = await say(hass, "go on")
    hold.set()
    assert speech(await first) == "one two three"
    assert speech(second) == "four"
    assert [said(session) for session in emulator.sessions[1:]] == [
        ["user: count", "assistant: one two three"],
        ["user: go on", "assistant: four"],
    ]


@pytest.fixture
async def assist(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> Assist:
    """Return Assist as the user interface sees it, with our assistant in its pipeline."""
    assert await async_setup_component(hass, "assist_pipeline", {})
    assist = Assist(await hass_ws_client(hass))
    await assist.create_pipeline()
    return assist


async def test_streams_into_the_pipeline(assist: Assist, emulator: Emulator) -> None:
    """Assist sees the answer in pieces, before it is complete."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="It is a fine day.", hold=hold))
    await assist.run("how is the weather")
    beginning = await assist.next_piece()
    assert beginning
    hold.set()
    rest = await assist.answer()
    assert rest
    assert beginning + rest == "It is a fine day."
    # It is by its role that a pipeline knows what to speak.
    assert assist.deltas[0] == {"role": "assistant"}


async def test_several_messages(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Messages of one response do not run into each other."""
    emulator.replies.append(Reply(text="Let me see. It rains.", items=2))
    assert speech(await say(hass, "weather")) == "Let me see.\nIt rains."


async def test_model_that_speaks(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A model that speaks where text was asked for is understood."""
    emulator.replies.append(Reply(text="It rains.", audio=True))
    assert speech(await say(hass, "weather")) == "It rains."


async def test_every_language(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """The assistant can be chosen for any language."""
    assert MATCH_ALL in conversation.async_get_conversation_languages(hass, AGENT)


async def test_usage_is_traced(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """The debug view shows the tokens used, and those that the service had read before."""
    conversation_id = (await say(hass, "hello")).conversation_id
    assert _traced_usage(emulator)["cached_input_tokens"] == 0
    await say(hass, "hello again", conversation_id)
    traced = _traced_usage(emulator)
    # All but the new words, and the answer before them, is what the first turn has read.
    assert 0 < traced["input_tokens"] - traced["cached_input_tokens"] < 40


def _traced_usage(emulator: Emulator) -> dict[str, int]:
    """Return what the newest trace tells of tokens: what the service has told."""
    events = async_get_traces()[-1].as_dict()["events"]
    (stats,) = (e["data"]["stats"] for e in events if "stats" in (e["data"] or {}))
    usage = emulator.sessions[-1].sent.of("response.done")[-1]["response"]["usage"]
    assert stats == {
        "input_tokens": usage["input_tokens"],
        "cached_input_tokens": usage["input_token_details"]["cached_tokens"],
        "output_tokens": usage["output_tokens"],
    }
    return dict(stats)


async def test_no_usage(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A service that does not count is answered from all the same."""
    emulator.faults.add("no_usage")
    emulator.replies.append(Reply(text="Hello."))
    assert speech(await say(hass, "hello")) == "Hello."


async def test_extra_system_prompt(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """The model is told the prompt that an automation adds, and keeps it."""
    result = await say(hass, "hello", extra_system_prompt="The door bell rang.")
    instructions = emulator.sessions[-1].config["instructions"]
    assert instructions.endswith("The door bell rang.")
    await say(hass, "who is it", result.conversation_id)
    assert emulator.sessions[-1].config["instructions"] == instructions


async def test_without_control(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """An assistant without an LLM API says that it cannot control, and has a clock only."""
    state = hass.states.get(AGENT)
    assert state is not None
    assert state.attributes["supported_features"] == 1
    await change_assistant(hass, init_integration, **{CONF_LLM_HASS_API: []})
    state = hass.states.get(AGENT)
    assert state is not None
    assert state.attributes["supported_features"] == 0

    emulator.replies.append(Reply(tool_calls=[("HassTurnOn", {"name": "x"})]))
    emulator.replies.append(Reply(text="I can't."))
    assert speech(await say(hass, "turn on the light")) == "I can't."
    (clock,) = emulator.sessions[-1].config["tools"]
    assert clock["name"] == CLOCK


# --- The chat log is the truth


async def test_history_after_a_lost_connection(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    kitchen_light: str,
) -> None:
    """A new connection is told the conversation so far, tool calls included."""
    name = await tool_called(hass, "HassTurnOn")
    emulator.replies += [
        Reply(text="On it.", tool_calls=[(name, {"name": "Kitchen Light"})]),
        Reply(text="It is on."),
        Reply(text="The kitchen light."),
    ]
    result = await say(hass, "turn on the kitchen light")
    lost = emulator.sessions[-1]
    call_id = lost.sent.of("response.function_call_arguments.done")[-1]["call_id"]
    lost.abort()
    # Now the client has yet to find out: it does when it wants to send.
    with pytest.raises(ConnectionError):
        await lost.received.wait_for("nothing of the kind")

    result = await say(hass, "what did I turn on", result.conversation_id)

    assert speech(result) == "The kitchen light."
    session = emulator.sessions[-1]
    assert session is not lost
    assert said(session) == [
        "user: turn on the kitchen light",
        "assistant: On it.",
        f"call {name}",
        "output",
        "assistant: It is on.",
        "user: what did I turn on",
        "assistant: The kitchen light.",
    ]
    created = session.received.of("conversation.item.create")
    items = [event["item"] for event in created]
    assert {item["call_id"] for item in items if "call_id" in item} == {call_id}


async def test_others_answer_in_between(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    kitchen_light: str,
) -> None:
    """The model is told Home Assistant's own answers before the next turn."""
    result = await say(hass, "hello")
    local = await say(
        hass,
        "turn on the kitchen light",
        result.conversation_id,
        agent_id=conversation.HOME_ASSISTANT_AGENT,
    )
    assert not is_off(hass)
    emulator.replies.append(Reply(text="The kitchen light is."))
    await say(hass, "what is on", result.conversation_id)
    assert said(emulator.sessions[-1])[2:] == [
        "user: turn on the kitchen light",
        "call HassTurnOn",
        "output",
        f"assistant: {speech(local)}",
        "user: what is on",
        "assistant: The kitchen light is.",
    ]


# --- Tools


async def rounds_without_end(
    hass: HomeAssistant, emulator: Emulator, count: int
) -> None:
    """Have the model call a tool this many times in a row."""
    name = await tool_called(hass, "GetDateTime")
    emulator.replies.extend(Reply(tool_calls=[(name, {})]) for _ in range(count))


async def test_ten_rounds(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Nine rounds of tools and an answer are fine."""
    await rounds_without_end(hass, emulator, 9)
    emulator.replies.append(Reply(text="Noon."))
    assert speech(await say(hass, "what time is it")) == "Noon."


async def test_too_many_rounds(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A model that never stops calling tools is stopped, and the next turn works."""
    await rounds_without_end(hass, emulator, 11)
    result = await say(hass, "what time is it")
    # The budget lets the same call run three times.
    tools = f"{await tool_called(hass, 'GetDateTime')} (3)"
    await assert_apology(hass, result, "too_many_tool_rounds", rounds="10", tools=tools)
    assert len(emulator.sessions[-1].received.of("response.create")) == 11
    emulator.replies.clear()
    emulator.replies.append(Reply(text="Hello."))
    assert speech(await say(hass, "hello", result.conversation_id)) == "Hello."
    # Every call has its output, and the apology closes the turn.
    assert said(emulator.sessions[-1])[-4:-2] == [
        "output",
        f"assistant: {speech(result)}",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ('{"name": "Kitchen', "The arguments are not JSON"),
        ('["Kitchen Light"]', "The arguments are not a JSON object"),
    ],
)
async def test_broken_arguments(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    kitchen_light: str,
    arguments: str,
    complaint: str,
) -> None:
    """Unreadable arguments are refused; another call beside them is carried out."""
    name = await tool_called(hass, "HassTurnOn")
    emulator.replies += [
        Reply(tool_calls=[(name, arguments), (name, {"name": "Kitchen Light"})]),
        Reply(text="It is on."),
    ]
    assert speech(await say(hass, "turn on the kitchen light")) == "It is on."
    assert not is_off(hass)
    created = emulator.sessions[-1].received.of("conversation.item.create")
    outputs = [
        json.loads(e["item"]["output"]) for e in created if "output" in e["item"]
    ]
    assert len(outputs) == 2
    (refused,) = (output for output in outputs if "error" in output)
    assert refused["error_text"].startswith(complaint)


async def test_unknown_function(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A function that is not there is answered with an error the model can read."""
    emulator.replies += [Reply(tool_calls=[("open_sesame", {})]), Reply(text="Sorry.")]
    assert speech(await say(hass, "open")) == "Sorry."
    output = emulator.sessions[-1].received.of("conversation.item.create")[-1]["item"]
    assert json.loads(output["output"]) == {
        "error": "InvalidToolCallError",
        "error_text": "There is no function open_sesame",
    }


class NamedTool(llm.Tool):
    """A tool by any name."""

    integration = "test"
    parameters = vol.Schema({vol.Required("word"): str})

    def __init__(self, name: str) -> None:
        """Take a name."""
        self.name = name

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Tell the name."""
        return llm.ToolResult({"name": self.name})


@pytest.mark.parametrize("arguments", [{"word": "sesame"}, "{broken"])
async def test_tools_whose_names_collide(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    arguments: Any,
) -> None:
    """The right tool is called, and named the same to the next session."""
    tools = [NamedTool(name) for name in ("with space", "with.space", "with_space")]
    await give_tools(hass, init_integration, tools)
    first = await say(hass, "hello")
    offered = emulator.sessions[-1].config["tools"]
    names = [tool["name"] for tool in offered if tool["name"] != CLOCK]
    assert len(set(names)) == 3
    emulator.replies += [
        Reply(tool_calls=[(name, arguments) for name in names]),
        Reply(text="Open."),
    ]
    assert speech(await say(hass, "open", first.conversation_id)) == "Open."
    session = emulator.sessions[-1]
    if isinstance(arguments, dict):
        results = [item.fields.get("output") for item in session.conversation]
        told = [json.loads(result)["name"] for result in results if result]
        assert told == [tool.name for tool in tools]
    [runtime] = init_integration.runtime_data.values()
    held = runtime.assistant.sessions.get(first.conversation_id)
    assert held
    await held.client.close()  # the next session is told what the chat log says
    await say(hass, "and now?", first.conversation_id)
    assert emulator.sessions[-1] is not session
    lines = said(emulator.sessions[-1])
    assert [line for line in lines if line.startswith("call")] == [
        f"call {name}" for name in names
    ]


class BrokenTool(llm.Tool):
    """A tool with a bug."""

    name = "broken tool"
    integration = "test"

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Fail as no tool should."""
        raise ZeroDivisionError("secret detail")


async def test_tool_with_a_bug(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A tool's bug is a sentence for the person, and a traceback in the log."""
    await give_tool(hass, init_integration, BrokenTool())
    emulator.replies += [Reply(tool_calls=[("broken_tool", {})]), Reply(text="Hello.")]
    result = await say(hass, "break it")
    await assert_apology(hass, result, "unexpected")
    assert "ZeroDivisionError: secret detail" in caplog.text
    assert speech(await say(hass, "hello", result.conversation_id)) == "Hello."
