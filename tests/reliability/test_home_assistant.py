"""Home Assistant reloads, stops, stalls and hangs up in the middle of a turn."""

import asyncio
from collections.abc import Awaitable, Callable
import time
from typing import Any

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.components.conversation import (
    AssistantContent,
    ChatLog,
    ConversationResult,
    UserContent,
)
from homeassistant.components.conversation.chat_log import (
    DATA_CHAT_LOGS,
    async_subscribe_chat_logs,
)
from homeassistant.components.conversation.const import ChatLogEventType
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, Reply, Session
from tests.satellite import SPEECH, Run, Satellite, said_at, waiting_microphone
from tests.talk import say, session_closed, shorten_timeouts, speech

from .conftest import NAME, RING, RUNG, Bell, assert_remembers, conversation_lines

# A player that gets nothing for longer gives up.
PATIENCE_SECONDS = 2.0


async def in_the_middle(
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    stage: str,
    go_on: asyncio.Event,
) -> Run:
    """Return a run that stays at this stage until it may go on, or for 1.5 s."""
    emulator.hears.append(RING if stage == "tool" else NAME)
    match stage:
        case "listening":
            run = satellite.start(waiting_microphone(SPEECH, go_on))
            session = await newest(emulator)
            await session.sent.wait_for("input_audio_buffer.speech_started")
        case "thinking":
            emulator.first_audio_ms = 1_500
            run = satellite.start()
            await run.until_event(PipelineEventType.INTENT_START)
        case "tool":
            began = asyncio.Event()

            async def hang() -> None:
                began.set()
                await go_on.wait()

            bell.meanwhile = hang
            run = satellite.start()
            await began.wait()
        case _:
            emulator.replies.append(Reply(text="Once upon", hold=go_on))
            run = satellite.start()
            await run.until_played()
    return run


async def newest(emulator: Emulator) -> Session:
    """Wait for the session of the first turn; the one before is that of the set-up."""
    await emulator.next_session()
    return await emulator.next_session()


def calm(emulator: Emulator, bell: Bell) -> None:
    """Let the next turn be like any other."""
    emulator.first_audio_ms = 0
    emulator.replies.clear()
    emulator.hears.clear()
    bell.meanwhile = None


async def remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Remove the entry."""
    assert await hass.config_entries.async_remove(entry.entry_id)


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload the entry."""
    assert await hass.config_entries.async_reload(entry.entry_id)


async def stop(hass: HomeAssistant, _: MockConfigEntry) -> None:
    """Stop Home Assistant."""
    await hass.async_stop(force=True)


@pytest.mark.parametrize("stage", ["listening", "thinking", "tool", "speaking"])
@pytest.mark.parametrize(
    ("end", "expected_lingering_timers"),
    # Core still schedules the end of conversations when it has stopped.
    [(reload, False), (remove, False), (stop, True)],
)
async def test_ends_in_mid_turn(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    satellite: Satellite,
    bell: Bell,
    end: Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]],
    stage: str,
) -> None:
    """The run ends soon, in an error or a sentence; no socket, task or tool goes on."""
    go_on = asyncio.Event()
    run = await in_the_middle(emulator, satellite, bell, stage, go_on)
    live = [session for session in emulator.sessions if not session.closed]
    calm(emulator, bell)
    async with asyncio.timeout(5):
        await end(hass, entry)
        for session in live:
            await session_closed(session)
        if stage == "tool":
            go_on.set()
            # The tool outlasts the voice, and then core lets a player wait for ever.
            await run.until_event(PipelineEventType.RUN_END)
            await run.abort()
        else:
            await run.end()
    if stage == "listening":
        assert run.error == "stt-stream-failed"
    elif end is not stop:  # which cancels tools
        assert run.answer.lower().endswith(("try again.", "try again in a moment."))
    assert bell.rung == (stage == "tool")
    if end is reload:
        assert entry.state is ConfigEntryState.LOADED
        emulator.hears.append(NAME)
        run = await satellite.run()
        assert run.error is None
        assert run.answer == f"You said: {NAME}"


# --- Tools


async def longest_gap(run: Run) -> float:
    """Return for how many seconds at most the player got nothing, once it had begun."""
    longest = 0.0
    await run.until_played()
    while not run.has(PipelineEventType.RUN_END):
        began, size = time.monotonic(), len(run.data)
        await more_of(run, size)
        longest = max(longest, time.monotonic() - began)
    return longest


async def more_of(run: Run, size: int) -> None:
    """Wait until the player has more than so many bytes, or the run ends."""
    await run.until(lambda: len(run.data) > size or run.has(PipelineEventType.RUN_END))


async def test_slow_tool(emulator: Emulator, satellite: Satellite, bell: Bell) -> None:
    """A tool of 6 s leaves no gap in which a player would give up."""
    bell.meanwhile = lambda: asyncio.sleep(6)
    emulator.hears.append(RING)
    ring = ("ring_the_bell", {"reason": "dinner"})
    emulator.replies.append(
        Reply(text="Let me see.", pcm=said_at(400), tool_calls=[ring])
    )
    run = satellite.start()
    gap = await longest_gap(run)
    await run.end()
    assert run.error is None
    assert run.answer == RUNG
    assert run.wav.seconds > 6
    assert gap < PATIENCE_SECONDS
    bell.meanwhile = None
    await assert_remembers(emulator, satellite, RING)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (HomeAssistantError("The bell is broken."), "Sorry, that did not work: The"),
        (ZeroDivisionError("A bug"), "Something unexpected went wrong."),
    ],
)
async def test_raising_tool(
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    error: Exception,
    answer: str,
) -> None:
    """The model reports an error of a tool; the integration itself reports a bug."""

    async def fail() -> None:
        raise error

    bell.meanwhile = fail
    emulator.hears.append(RING)
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith(answer)
    assert bell.rung == 1
    bell.meanwhile = None
    await assert_remembers(emulator, satellite, RING)


def results(emulator: Emulator) -> list[str]:
    """Return the results of tools that the newest session was told."""
    items = emulator.sessions[-1].conversation
    return [item.fields["output"] for item in items if "output" in item.fields]


async def test_hung_up_while_the_tool_runs(
    emulator: Emulator, satellite: Satellite, bell: Bell
) -> None:
    """What a tool returns for a turn that nobody waits for any more goes nowhere.

    Even if its connection was lost meanwhile: the model is told that the turn was stopped.
    """
    go_on = asyncio.Event()
    run = await in_the_middle(emulator, satellite, bell, "tool", go_on)
    session = emulator.sessions[-1]
    session.abort()
    await session_closed(session)
    await run.abort()
    go_on.set()
    calm(emulator, bell)
    emulator.hears.append("hello")
    assert (await satellite.run()).answer == "Hello! How can I help?"
    assert bell.rung == 1
    assert conversation_lines(emulator).count("function_call") == len(
        outputs := results(emulator)
    )
    assert all("The turn was stopped" in output for output in outputs)


async def test_lost_while_a_turn_is_taken_back(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
) -> None:
    """The model knows the words of an automation once, and not also as heard words."""
    trigger = {"trigger": "conversation", "command": "tell me the plan"}
    action = {"set_conversation_response": "There is no plan."}
    automation = {"triggers": trigger, "actions": action}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    emulator.faults.add("no_ack:response.cancel", times=1)
    emulator.hears.append("tell me the plan")
    emulator.replies.append(Reply(text="We take the bank.", hold=asyncio.Event()))
    run = satellite.start()
    session = await newest(emulator)
    await session.wait_for("response.cancel")
    session.abort()
    await run.end()
    assert run.answer == "There is no plan."
    calm(emulator, bell)
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    assert conversation_lines(emulator) == [
        "user: tell me the plan",
        "function_call",  # so core writes down what triggered
        "function_call_output",
        "assistant: There is no plan.",
        f"user: {NAME}",
        f"assistant: You said: {NAME}",
    ]


async def test_second_run_while_the_tool_runs(
    emulator: Emulator, satellite: Satellite, bell: Bell
) -> None:
    """A person who speaks again meanwhile is answered after it; its result is known."""
    go_on = asyncio.Event()
    first = await in_the_middle(emulator, satellite, bell, "tool", go_on)
    emulator.hears.append("what is my name")
    second = satellite.start()
    await second.until_event(PipelineEventType.STT_START)
    go_on.set()
    await first.end()
    await second.end()
    assert second.error is None
    assert second.answer == "Your name is Ada."
    assert bell.rung == 1
    assert [line.partition(":")[0] for line in conversation_lines(emulator)] == [
        "user",
        "function_call",
        "function_call_output",
        "user",
        "assistant",
    ]


async def started(
    hass: HomeAssistant, text: str, conversation_id: str, **kwargs: str
) -> asyncio.Task[ConversationResult]:
    """Type something, and return when core has copied the chat log for that run."""
    copied = asyncio.Event()

    @callback
    def note(_: str, event: ChatLogEventType, data: dict[str, Any]) -> None:
        is_added = event is ChatLogEventType.CONTENT_ADDED
        if is_added and data["content"]["content"] == text:
            copied.set()

    unsubscribe = async_subscribe_chat_logs(hass, note)
    try:
        run = asyncio.create_task(say(hass, text, conversation_id, **kwargs))
        await copied.wait()
    finally:
        unsubscribe()
    return run


async def typed_meanwhile(
    hass: HomeAssistant,
    first: asyncio.Task[ConversationResult],
    go_on: asyncio.Event,
    text: str,
    conversation_id: str,
) -> str:
    """Type something while another run goes on, let that end, and return what is said to it.

    Since 2026.11 core refuses it until then.
    """
    if hasattr(ChatLog, "turn_active"):
        assert "is busy" in speech(await say(hass, text, conversation_id))
        go_on.set()
        await first
        return speech(await say(hass, text, conversation_id))
    second = await started(hass, text, conversation_id)
    go_on.set()
    return speech(await second)


def logged(hass: HomeAssistant, conversation_id: str) -> list[str]:
    """Return core's chat log as lines: who, and what."""
    return [
        f"{content.role}: {content.content or 'call'}"
        if isinstance(content, (UserContent, AssistantContent))
        else content.role
        for content in hass.data[DATA_CHAT_LOGS][conversation_id].content
    ]


async def test_two_typed_runs_at_once(
    hass: HomeAssistant, emulator: Emulator, bell: Bell, entry: MockConfigEntry
) -> None:
    """The second waits, and core and the service know of both; the tool has run once."""
    conversation_id = (await say(hass, NAME)).conversation_id
    assert conversation_id
    began, go_on = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        began.set()
        await go_on.wait()

    bell.meanwhile = hang
    first = await started(hass, RING, conversation_id)
    await began.wait()
    answer = await typed_meanwhile(
        hass, first, go_on, "what is my name", conversation_id
    )
    assert answer == "Your name is Ada."
    assert speech(await first) == RUNG
    assert bell.rung == 1
    both = [
        f"user: {NAME}",
        f"assistant: You said: {NAME}",
        f"user: {RING}",
        "assistant: call",
        "tool_result",
        f"assistant: {RUNG}",
        "user: what is my name",
        "assistant: Your name is Ada.",
    ]
    assert logged(hass, conversation_id) == ["system", *both]
    items = ["function_call", "function_call_output"]
    assert conversation_lines(emulator) == [*both[:3], *items, *both[5:]]


async def test_second_typed_run_while_the_first_fails(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry
) -> None:
    """A sentence that replaces an answer also comes before the next answer.

    The sentences of a language take time to load when the first of them is needed.
    """
    conversation_id = (await say(hass, NAME)).conversation_id
    assert conversation_id
    go_on = asyncio.Event()
    emulator.replies.append(Reply(text="Hm", status="failed", hold=go_on))
    first = await started(hass, "hello", conversation_id, language="de")
    answer = await typed_meanwhile(
        hass, first, go_on, "what is my name", conversation_id
    )
    assert answer == "Your name is Ada."
    failed = speech(await first)
    lines = logged(hass, conversation_id)
    assert lines[3:4] + lines[-3:] == [
        "user: hello",
        f"assistant: {failed}",
        "user: what is my name",
        "assistant: Your name is Ada.",
    ]


@pytest.mark.parametrize("manner", ["1011", "silence"])
async def test_tool_outlives_two_connections(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    manner: str,
) -> None:
    """A call runs once, and its result is told once, to the newest connection only."""
    shorten_timeouts(monkeypatch, command_timeout=5.0, heartbeat=0.4)

    async def lose_two() -> None:
        lost = next(each for each in emulator.sessions if each.sent.of("response.done"))
        await session_closed(lost)
        while (session := await emulator.next_session()).closed:
            pass
        # What was said and the call: all that the new session is told.
        await session.sent.wait_for("conversation.item.done", 2)
        await session.end(manner)
        await session_closed(session)

    bell.meanwhile = lose_two
    emulator.hears.append(RING)
    emulator.faults.add(f"ends_at:tool/{manner}", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer == RUNG
    assert bell.rung == 1
    outputs = [
        event
        for session in emulator.sessions
        for event in session.received.of("conversation.item.create")
        if "output" in event["item"]
    ]
    assert len(outputs) == 1
    bell.meanwhile = None
    await assert_remembers(emulator, satellite, RING)


# --- Its event loop


@pytest.mark.parametrize("stage", ["listening", "thinking", "tool", "speaking"])
async def test_event_loop_stalls(
    emulator: Emulator, satellite: Satellite, bell: Bell, stage: str
) -> None:
    """A second in which nothing runs costs a second, and nothing else."""
    go_on = asyncio.Event()
    run = await in_the_middle(emulator, satellite, bell, stage, go_on)
    time.sleep(1)  # noqa: ASYNC251  # the fault
    go_on.set()
    await run.end()
    assert run.error is None
    expected = {"tool": RUNG, "speaking": "Once upon"}
    assert run.answer == expected.get(stage, f"You said: {NAME}")
    calm(emulator, bell)
    await assert_remembers(emulator, satellite, RING if stage == "tool" else NAME)
    assert len(emulator.sessions) == 2
    assert bell.rung == (stage == "tool")
