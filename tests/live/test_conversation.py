"""A live conversation: heard, answered, written down."""

from homeassistant.components.conversation import trace
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from emulator import Emulator, Reply

from ..satellite import said_at
from ..talk import STATUS, becomes, give_tool, said
from .card import LiveCard, logged


class Bell(llm.Tool):
    """Knows by whose right it was rung."""

    name = "ring"
    title = "Ring the bell"
    description = "Let somebody come to the door"
    integration = "test"

    def __init__(self) -> None:
        """Begin unrung."""
        self.contexts: list[Context | None] = []

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Do it."""
        self.contexts.append(llm_context.context)
        return llm.ToolResult(data={"rang": "sun.sun"})


async def test_spoken(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """What is said is answered aloud by the service itself, and is a chat like any other."""
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    await card.until_event("turn_done")
    await card.until_event("status", 2, status="idle")
    assert card.statuses == [
        "idle",
        "listening",
        "thinking",
        "speaking",
        "idle",
    ]
    assert card.words == "Hello! How can I help?"
    [sound] = card.played.values()
    assert len(sound) // 48 == card.last("audio_done")["duration_ms"] > 100
    session = emulator.sessions[-1]
    # The service has answered by itself: the client has not asked.
    assert not [
        event for event in session.received if event["type"] == "response.create"
    ]
    assert logged(hass, card) == [
        ("user", "(spoken, not written down)"),
        ("assistant", "Hello! How can I help?"),
    ]
    done = card.last("response_done")
    assert done["status"] == "completed"
    assert done["usage"]["total_tokens"] > 0
    assert done["latency_ms"] >= 0
    steps = {step["name"] for step in card.last("turn_done")["steps"]}
    assert steps == {"speech", "end_of_turn", "model", "voice"}
    await becomes(hass, STATUS, "idle")


async def test_second_turn(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """The second turn goes on with the first, and the service begins that answer too."""
    await card.start()
    await card.until_event("status", status="idle")
    for count in (1, 2):
        emulator.replies.append(Reply(text=f"Number {count}."))
        await card.speak()
        await card.until_event("turn_done", count)
        await card.until_event("status", count + 1, status="idle")
    session = emulator.sessions[-1]
    assert said(session) == [
        "user: ",
        "assistant: ",
        "user: ",
        "assistant: ",
    ]
    assert not [
        event for event in session.received if event["type"] == "response.create"
    ]
    assert [text for role, text in logged(hass, card) if role == "assistant"] == [
        "Number 1.",
        "Number 2.",
    ]


async def test_tool(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
    hass_admin_user: MockUser,
) -> None:
    """A tool runs with the rights of the person at the browser, who sees what it does."""
    bell = Bell()
    await give_tool(hass, init_integration, bell)
    hass.states.async_set("sun.sun", "above_horizon")
    emulator.replies += [
        Reply(tool_calls=[("ring", {})]),
        Reply(text="It rang.", pcm=said_at(500)),
    ]
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    await card.until_event("turn_done")
    [context] = bell.contexts
    assert context is not None
    assert context.user_id == hass_admin_user.id
    call, result = card.last("tool_call"), card.last("tool_result")
    assert (call["name"], call["title"]) == ("ring", "Ring the bell")
    assert call["arguments"] == {}
    assert call["call_id"] == result["call_id"]
    assert not result["error"]
    assert result["result"] == {"rang": "sun.sun"}
    assert result["entities"] == ["sun.sun"]
    assert card.words == "It rang."
    # The conversation's trace has it as well.
    events = [
        event["event_type"]
        for each in trace.async_get_traces()
        for event in each.as_dict()["events"]
    ]
    assert "tool_call" in events


async def test_typed(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """Typed words are answered aloud, in the same conversation."""
    await card.start()
    answer = await card.send("text", text="Say: good evening")
    assert answer["success"]
    await card.until_event("turn_done")
    assert card.last("user_text")["text"] == "Say: good evening"
    assert card.words.startswith("good evening")
    assert card.played
    assert [role for role, _ in logged(hass, card)] == ["user", "assistant"]


async def test_go_on(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """A conversation goes on in another session, and in the Assist dialog."""
    await card.start()
    await card.send("text", text="My name is Ada")
    await card.until_event("turn_done")
    await card.stop()
    conversation_id = card.conversation_id
    await card.start(conversation_id=conversation_id)
    assert card.conversation_id == conversation_id
    assert [line["text"] for line in card.last("started")["history"]][0] == (
        "My name is Ada"
    )
    await card.send("text", text="What is my name?")
    await card.until_event("turn_done", 2)
    assert card.words.endswith("Your name is Ada.")


async def test_stop(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """The end of the subscription is the end of the session; the conversation stays."""
    await card.start()
    await card.until_event("status", status="idle")
    await card.stop()
    await hass.async_block_till_done()
    answer = await card.send("text", text="Hello?")
    assert answer["error"]["code"] == "not_found"
    assert answer["error"]["translation_key"] == "live_not_found"
