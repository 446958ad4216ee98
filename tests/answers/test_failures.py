"""Failures of a typed turn, and the remains of a cancelled turn."""

import asyncio
from typing import Any

from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import HomeAssistant
from homeassistant.helpers.intent import IntentResponseErrorCode
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS
from emulator import Emulator, Reply

from ..actions.test_outage import clients
from ..conftest import SUBENTRY_ID
from ..realtime.test_odd_services import lose
from ..talk import (
    STATUS,
    becomes,
    change_assistant,
    said,
    say,
    set_timing,
    shorten_timeouts,
    speech,
    tool_called,
)
from ..test_conversation import Assist, assert_apology, sentence


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("http_401", "invalid_auth"),
        ("openai_invalid_api_key", "invalid_auth"),
        ("http_403", "forbidden"),
        ("http_404_deployment", "deployment_not_found"),
        ("http_400", "not_realtime_model"),
        ("http_400_api_version", "unsupported_api_version"),
        ("http_429:0", "rate_limited"),
        ("openai_insufficient_quota", "quota_exceeded"),
        ("http_500", "service_trouble"),
        ("http_503", "service_trouble"),
        ("ends_at:created/1006", "service_trouble"),
        ("ends_at:connect/reset", "cannot_connect"),
    ],
)
async def test_cannot_connect(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    fault: str,
    key: str,
) -> None:
    """Each failure has a sentence of its own, and the words are not lost."""
    emulator.faults.add(fault)
    result = await say(hass, "my name is Ada")
    await assert_apology(hass, result, key)

    emulator.faults.clear()
    emulator.replies.append(Reply(text="Ada."))
    await say(hass, "what is my name", result.conversation_id)
    assert said(emulator.sessions[-1]) == [
        "user: my name is Ada",
        f"assistant: {speech(result)}",
        "user: what is my name",
        "assistant: Ada.",
    ]


@pytest.mark.parametrize(
    ("fault", "key", "placeholders"),
    [
        ("refuse:response.create", "command_refused", "The server had an error"),
        ("no_ack:conversation.item.create", "command_timeout", ""),
        ("no_ack:response.create", "command_timeout", ""),
        ("ends_at:response.create/1006*2", "connection_lost", ""),
        ("ends_at:conversation.item.create/1011*2", "connection_lost", ""),
        ("ends_at:thinking/1011*2", "connection_lost", ""),
        ("response_failed", "response_failed", "The server had an error"),
        ("response_rate_limited", "rate_limited", ""),
        ("content_filter", "content_filter", ""),
        ("response_empty", "no_answer", ""),
        ("response_stalls", "command_timeout", ""),
    ],
)
async def test_turn_fails(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    key: str,
    placeholders: str,
) -> None:
    """A turn that fails ends in a sentence, and the next turn works."""
    shorten_timeouts(monkeypatch)
    set_timing(hass, response_stall=0.3)
    emulator.faults.add(fault if "*" in fault else f"{fault}*1")
    emulator.replies.append(Reply(text="A long answer that will not be complete."))
    result = await say(hass, "hello")
    expected = await sentence(hass, key, error="{}")
    assert result.response.error_code is IntentResponseErrorCode.FAILED_TO_HANDLE
    for part in expected.split("{}"):
        assert part in speech(result)
    assert placeholders in speech(result)
    assert "response.create" not in speech(result)
    assert "Traceback" not in caplog.text

    emulator.replies.clear()
    emulator.replies.append(Reply(text="I am back."))
    result = await say(hass, "are you there", result.conversation_id)
    assert speech(result) == "I am back."
    conversation_lines = said(emulator.sessions[-1])
    assert conversation_lines[0] == "user: hello"
    assert conversation_lines[-2:] == ["user: are you there", "assistant: I am back."]


async def test_beginning_of_an_answer_is_kept(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """When the connection dies in the middle, what was said stays in the conversation."""
    emulator.replies.append(Reply(text="Once upon a time", hold=asyncio.Event()))
    turn = asyncio.create_task(say(hass, "tell me a story"))
    await emulator.next_session()
    lost = await emulator.next_session()
    beginning = (await lost.sent.wait_for("response.output_text.delta"))["delta"]
    await lost.close(1011)
    result = await turn
    apology = await sentence(hass, "connection_lost")
    assert speech(result) == f"{beginning}\n\n{apology}"

    emulator.replies.append(Reply(text="Yes."))
    await say(hass, "go on", result.conversation_id)
    assert said(emulator.sessions[-1]) == [
        "user: tell me a story",
        f"assistant: {beginning}",
        "user: go on",
        "assistant: Yes.",
    ]


async def test_cancelled_by_others(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """An answer that another client cancelled is said to be cancelled."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    turn = asyncio.create_task(say(hass, "count", "kitchen"))
    await becomes(hass, STATUS, "thinking")
    assistant: Assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    session = await assistant.sessions.async_conversation("kitchen")
    assert await session.client.cancel_response()
    said_first, apology = speech(await turn).split("\n\n")
    assert "one two three".startswith(said_first)
    assert apology == await sentence(hass, "response_cancelled")


async def test_cut_off_answer(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """An answer that reached the token limit is an answer."""
    emulator.faults.add("response_incomplete*1")
    emulator.replies.append(Reply(text="One two three four five six"))
    result = await say(hass, "count")
    assert result.response.error_code is None
    assert "One two three".startswith(speech(result)[:7])


async def test_cut_off_call(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """A call that reached the token limit is not carried out, and is no answer either."""
    emulator.faults.add("response_incomplete*1")
    light = await tool_called(hass, "HassTurnOn")
    emulator.replies.append(Reply(tool_calls=[(light, {"name": "Kitchen"})]))
    await assert_apology(hass, await say(hass, "light"), "no_answer")


@pytest.mark.parametrize(
    "changes",
    [
        {CONF_INSTRUCTIONS: "{{ 1 / 0 }}"},
        {CONF_LLM_HASS_API: ["gone"]},
    ],
)
async def test_cannot_be_prepared(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    changes: dict[str, Any],
) -> None:
    """A template or an API that does not work is told in a sentence."""
    await change_assistant(hass, init_integration, **changes)
    await assert_apology(hass, await say(hass, "hello"), "prompt_failed")


async def test_language_without_translations(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Where there is no translation, the sentence is English."""
    emulator.faults.add("http_403")
    result = await say(hass, "hallo", language="de")
    await assert_apology(hass, result, "forbidden")
    assert result.response.language == "de"


async def test_cancelled_turn(
    hass: HomeAssistant, assist: Assist, emulator: Emulator
) -> None:
    """An aborted run stops the model, which knows what was said until then."""
    emulator.replies += [
        Reply(text="Hello."),
        Reply(text="one two three", hold=asyncio.Event()),
        Reply(text="I was counting."),
    ]
    await assist.run("hello", "kitchen")
    assert await assist.answer() == "Hello."
    session = emulator.sessions[-1]
    await assist.run("count", "kitchen")
    assert await assist.next_piece()
    await assist.abort()
    await session.wait_for("response.cancel")
    done = await session.sent.wait_for("response.done", 2)
    assert done["response"]["status"] == "cancelled"
    await becomes(hass, STATUS, "idle")

    await assist.run("what were you doing", "kitchen")
    assert await assist.answer() == "I was counting."
    assert session is emulator.sessions[-1]
    hello, hi, count, counted, *last = said(session)
    assert (hello, hi, count) == ("user: hello", "assistant: Hello.", "user: count")
    assert counted in ("assistant: one", "assistant: one two")
    assert last == ["user: what were you doing", "assistant: I was counting."]


async def test_cancelled_before_the_answer(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Cancelled when a response may be about to begin, the next turn has none in its way."""
    emulator.faults.add("late_ack:response.create*1")
    emulator.replies.append(Reply(text="Who is there?", hold=asyncio.Event()))
    turn = asyncio.create_task(say(hass, "hello", "kitchen"))
    await emulator.next_session()
    session = await emulator.next_session()
    await session.received.wait_for("response.create")
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    emulator.replies.append(Reply(text="Here I am."))
    assert speech(await say(hass, "hello again", "kitchen")) == "Here I am."
    assert emulator.sessions[-1] is session
    assert said(session) == [
        "user: hello",
        "user: hello again",
        "assistant: Here I am.",
    ]


@pytest.mark.parametrize("fault", ["chosen_ids", "long_ids", "constant_event_ids"])
async def test_loss_at_an_odd_gateway(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    fault: str,
) -> None:
    """Whatever a gateway calls items: after losses the model knows both sides, in order."""
    emulator.faults.add(fault)
    emulator.replies += [Reply(text=text) for text in ("Hello.", "Ada.", "Yes.")]
    conversation_id = (await say(hass, "my name is Ada")).conversation_id
    for words in ("what is my name", "really"):
        await lose(emulator, *clients(hass))
        await say(hass, words, conversation_id)
    assert said(emulator.sessions[-1]) == [
        "user: my name is Ada",
        "assistant: Hello.",
        "user: what is my name",
        "assistant: Ada.",
        "user: really",
        "assistant: Yes.",
    ]
