"""Replies that are stopped: what the service then holds is what was heard."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, Reply, Session

from ..bell import RING, add_bell_tool
from ..satellite import Run, Satellite, microphone, new_conversation, said_at, speak_to
from ..talk import AGENT, STATUS, becomes, said, say

STORY = "Once upon a time there was a lamp that nobody had ever switched off."
STORY_SECONDS = 6.0
# Bytes of the player's WAV: 24 kHz mono on 2026.11, 48 kHz stereo before.
HALF_A_SECOND = 24_000
# A player may have got a piece more than the truncation says, or one less.
TOLERANCE_MS = 150


@pytest.fixture
async def satellite(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> AsyncIterator[Satellite]:
    """Have a satellite, and a model that speaks as slowly as it is heard."""
    await speak_to(hass, AGENT)
    emulator.speed = 1.0
    yield Satellite(
        hass, new_conversation(), satellite_id="assist_satellite.kitchen_display"
    )
    emulator.speed = 0


async def tell_a_story(emulator: Emulator, satellite: Satellite) -> tuple[Run, Session]:
    """Have a long reply begun, of which some has been heard."""
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    run = satellite.start()
    await run.until_played(HALF_A_SECOND)
    return run, emulator.sessions[-1]


def reply_ms(session: Session) -> int:
    """Return how long the first thing is that the model has said, as the service has it."""
    first = next(item for item in session.conversation if item.role == "assistant")
    return len(first.audio) // 48


def everything_told(session: Session) -> str:
    """Return all that the client has sent, less its audio, as one text."""
    events = [
        event
        for event in session.received
        if event["type"] != "input_audio_buffer.append"
    ]
    return str(events)


async def next_answer(emulator: Emulator, satellite: Satellite) -> str:
    """Say something else and return the answer."""
    emulator.speed = 0
    run = await satellite.run()
    assert run.error is None
    return run.answer


async def test_hung_up(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A satellite cancels its run: the reply ends where it was heard to, and stays."""
    began = asyncio.get_running_loop().time()
    run, session = await tell_a_story(emulator, satellite)
    await run.abort()
    at_most_ms = (asyncio.get_running_loop().time() - began) * 1000
    done = await session.sent.wait_for("response.done")
    assert done["response"]["status"] == "cancelled"
    await becomes(hass, STATUS, "idle")
    [cut] = [await session.wait_for("conversation.item.truncate")]
    await session.sent.wait_for("conversation.item.truncated")
    assert reply_ms(session) == cut["audio_end_ms"]
    assert 100 < cut["audio_end_ms"] < at_most_ms

    assert await next_answer(emulator, satellite) == "Hello! How can I help?"
    assert emulator.sessions[-1] is session
    assert [item.role for item in session.conversation] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert not session.received.of("conversation.item.delete")
    assert "Error" not in everything_told(session)
    assert "CancelledError" not in everything_told(session)


async def test_idle_at_once(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """The status is not "speaking" after a reply that is no longer played."""
    run, _ = await tell_a_story(emulator, satellite)
    await run.abort()
    async with asyncio.timeout(1):
        await becomes(hass, STATUS, "idle")


async def test_words_of_an_aborted_turn(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A new session also knows the words of the person and of the model."""
    run, session = await tell_a_story(emulator, satellite)
    await run.abort()
    await session.sent.wait_for("conversation.item.truncated")
    session.abort()
    assert await next_answer(emulator, satellite) == "Hello! How can I help?"
    renewed = emulator.sessions[-1]
    assert renewed is not session
    first, second, *_ = renewed.conversation
    assert first.audio  # the person's own voice
    told_again = (second.content or [{}])[0]["text"]
    assert told_again
    assert STORY.startswith(told_again)


async def test_player_stopped(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A satellite that plays no more ends the reply, and its run, without an error."""
    assert satellite.satellite_id
    hass.states.async_set(satellite.satellite_id, "processing")
    run, session = await tell_a_story(emulator, satellite)
    hass.states.async_set(satellite.satellite_id, "responding")
    assert not session.received.of("response.cancel")
    hass.states.async_set(satellite.satellite_id, "idle")
    heard_bytes = len(run.data)
    async with asyncio.timeout(2):
        await run.end()
    assert run.error is None
    assert STORY.startswith(run.answer)
    assert not run.output["continue_conversation"]
    cut = await session.wait_for("conversation.item.truncate")
    await session.sent.wait_for("conversation.item.truncated")
    bytes_per_ms = 2 * run.wav.channels * run.wav.rate // 1000
    assert cut["audio_end_ms"] == pytest.approx(
        heard_bytes / bytes_per_ms, abs=TOLERANCE_MS
    )
    assert reply_ms(session) == cut["audio_end_ms"]
    await becomes(hass, STATUS, "idle")
    assert await next_answer(emulator, satellite) == "Hello! How can I help?"


async def test_player_that_has_played_all(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """A satellite that leaves its reply at the end cuts nothing off."""
    assert satellite.satellite_id
    emulator.replies.append(Reply(text="Yes.", pcm=said_at(500, 0.3)))
    run = satellite.start()
    await run.until_played()
    hass.states.async_set(satellite.satellite_id, "responding")
    await run.end()
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.35, passed.set)
    await passed.wait()  # what was sent is heard by now
    hass.states.async_set(satellite.satellite_id, "idle")
    await next_answer(emulator, satellite)
    session = emulator.sessions[-1]
    assert not session.received.of("conversation.item.truncate")
    assert session.sent.of("response.done")[0]["response"]["status"] == "completed"


async def test_talked_over_while_it_is_made(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Of two runs on one conversation the first ends where it was heard to, in silence."""
    first, session = await tell_a_story(emulator, satellite)
    emulator.speed = 0
    second = await satellite.run()
    await first.end()
    assert first.error is None
    assert second.error is None
    assert first.answer
    assert STORY.startswith(first.answer)
    assert second.answer == "Hello! How can I help?"
    assert first.wav.seconds < STORY_SECONDS / 2
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id].content
    assert "cancelled" not in str(log)
    assert "cancelled" not in everything_told(session)
    assert [item.role for item in session.conversation] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]


async def test_talked_over_while_a_tool_runs(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """A tool is waited for, and the reply to it is no longer asked for."""
    bell = await add_bell_tool(hass, init_integration)
    bell.hold = asyncio.Event()
    emulator.speed = 0
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    first = satellite.start()
    await bell.has_begun.wait()
    is_listening = asyncio.Event()

    async def noticed() -> AsyncIterator[bytes]:
        async for chunk in microphone():
            yield chunk
            is_listening.set()

    second = satellite.start(noticed())
    await is_listening.wait()
    bell.release()
    await first.end()
    await second.end()
    assert first.error is None
    assert second.error is None
    assert first.answer == ""
    assert second.answer == "Hello! How can I help?"
    assert len(bell.rung) == 1
    session = emulator.sessions[-1]
    assert [item.type for item in session.conversation] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]


async def test_hung_up_while_a_tool_runs(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """The model is told in plain words that a call was given up, on every Home Assistant."""
    bell = await add_bell_tool(hass, init_integration)
    bell.hold = asyncio.Event()
    emulator.speed = 0
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    run = satellite.start()
    await bell.has_begun.wait()
    await run.abort()
    bell.release()
    assert await next_answer(emulator, satellite) == "Hello! How can I help?"
    session = emulator.sessions[-1]
    [output] = [i for i in session.conversation if i.type == "function_call_output"]
    assert "The turn was stopped" in output.text
    assert "CancelledError" not in everything_told(session)


async def test_another_agents_error(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Entries that core itself writes into a chat log are not told as the model's words."""
    emulator.replies.append(Reply(text="Yes."))
    await say(hass, "are you there", satellite.conversation_id)
    log: Any = hass.data[DATA_CHAT_LOGS][satellite.conversation_id]
    user, answer = log.content[-2:]
    for text in ("Error: CancelledError", "(no response)"):
        log.content += [
            type(user)(content=f"what of {text}"),
            type(answer)(agent_id="conversation.other", content=text),
        ]
    emulator.replies.append(Reply(text="Indeed."))
    await say(hass, "and now", satellite.conversation_id)
    assert said(emulator.sessions[-1]) == [
        "user: are you there",
        "assistant: Yes.",
        "user: what of Error: CancelledError",
        "user: what of (no response)",
        "user: and now",
        "assistant: Indeed.",
    ]


async def test_events_of_a_stopped_run(
    emulator: Emulator, satellite: Satellite
) -> None:
    """The run of a reply that was talked over ends as every run does."""
    first, _ = await tell_a_story(emulator, satellite)
    emulator.speed = 0
    await satellite.run()
    await first.end()
    assert first.has(PipelineEventType.INTENT_END)
    assert first.has(PipelineEventType.RUN_END)
