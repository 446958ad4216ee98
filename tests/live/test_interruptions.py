"""Replies that a person talks over: what the service then holds is what was heard."""

import asyncio
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_TRANSCRIPTION_DEPLOYMENT
from emulator import Emulator, Reply

from ..bell import RING, add_bell_tool
from ..satellite import said_at
from ..talk import STATUS, becomes, change_assistant, set_timing
from .card import (
    COUGH,
    PAUSE,
    SPEECH,
    STORY,
    STORY_SECONDS,
    LiveCard,
    asked,
    begin_reply,
    logged,
    service_item,
)


async def interrupt(card: LiveCard, item_id: str, ms: int = 712) -> None:
    """Talk over the reply; the card pauses at once and tells where."""
    count = len(card.of_type("speech_started"))
    speaking = asyncio.create_task(card.speak())
    await card.until_event("speech_started", count + 1)
    await card.play(item_id, ms, "paused")
    await speaking


@pytest.mark.parametrize("speed", [0, 1.0])
async def test_talked_over(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard, speed: float
) -> None:
    """A reply ends at once at the very ms that left the speaker, whether or not it is still made."""
    set_timing(hass, live_tool=60)  # the answer itself has nothing to wait for
    emulator.speed = speed
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    item_id = await begin_reply(card)
    session = emulator.sessions[-1]
    if not speed:
        await session.sent.wait_for("response.done")
    emulator.speed = 0
    await interrupt(card, item_id)
    cut = await card.until_event("interrupted")
    assert (cut["item_id"], cut["audio_end_ms"]) == (item_id, 712)
    assert STORY.startswith(cut["text"])
    assert 0 < len(cut["text"]) < len(STORY) / 2
    assert service_item(session, item_id) == 712
    [cancelled] = [
        response["response"]["status"]
        for response in session.sent.of("response.done")[:1]
    ]
    assert cancelled == ("cancelled" if speed else "completed")
    # The person is answered, and the chat says no more than what was heard.
    await card.until_event("text_done", text="Hello! How can I help?")
    assert [text for role, text in logged(hass, card) if role == "assistant"][:1] == [
        cut["text"]
    ]
    assert asked(session) == 1
    assert "away" not in card.statuses


async def test_sound_after_an_interruption(emulator: Emulator, card: LiveCard) -> None:
    """No sound of the old reply comes after its end."""
    emulator.speed = 2.0
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    item_id = await begin_reply(card)
    await interrupt(card, item_id)
    await card.until_event("response_done", 2)
    kinds = [(event["type"], event.get("item_id")) for event in card.events]
    end = kinds.index(("interrupted", item_id))
    assert ("audio", item_id) not in kinds[end:]


async def test_cough(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard, story: str
) -> None:
    """What is too short to be a word costs nothing, and the reply goes on."""
    session = emulator.sessions[-1]
    await card.until_event("response_done")
    await card.speak(COUGH + PAUSE)
    forgotten = await card.until_event("false_interruption")
    assert forgotten["item_id"] == card.last("speech_started")["item_id"]
    await session.wait_for("conversation.item.delete")
    await card.until_event("status", 2, status="speaking")
    await card.until_event("audio_done")
    await card.play(story)
    await card.until_event("turn_done")
    await card.until_event("status", 2, status="idle")
    assert service_item(session, story) == STORY_SECONDS * 1000
    assert [item.role for item in session.conversation] == ["user", "assistant"]
    assert len(session.sent.of("response.created")) == 1
    assert logged(hass, card)[-1] == ("assistant", STORY)
    await becomes(hass, STATUS, "idle")
    # The next turn is answered by the service itself again.
    await card.speak()
    await card.until_event("response_done", 2)
    assert asked(session) == 0


@pytest.fixture
async def transcribing(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Have the service write down what it hears."""
    await change_assistant(
        hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1"}
    )
    emulator.hears.append("tell me a story")


async def test_long_noise(
    emulator: Emulator, transcribing: None, card: LiveCard, story: str
) -> None:
    """A noise without a word in it does not cost the reply, however long."""
    emulator.hears.append("")
    await interrupt(card, story)
    await card.until_event("false_interruption")
    assert not card.of_type("interrupted")


async def test_short_word(
    emulator: Emulator, transcribing: None, card: LiveCard, story: str
) -> None:
    """A short word is a word, where words are known."""
    emulator.hears.append("stop")
    await card.speak(COUGH + PAUSE)
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 700
    await card.until_event("user_text", text="stop")
    assert not card.of_type("false_interruption")


async def test_several_items(emulator: Emulator, card: LiveCard) -> None:
    """Of several items the played stay, the current one is cut, and later ones are gone."""
    emulator.replies.append(Reply(text="One two three", pcm=said_at(500, 2.0), items=3))
    first = await begin_reply(card)
    await card.until(lambda: len(card.of_type("audio_done")) == 3)
    _, second, third = card.played
    await card.play(first)
    await interrupt(card, second, 300)
    cut = await card.until_event("interrupted")
    assert (cut["item_id"], cut["audio_end_ms"]) == (second, 300)
    session = emulator.sessions[-1]
    assert [service_item(session, item) for item in (first, second, third)] == [
        2000,
        300,
        None,
    ]


async def test_thinking(emulator: Emulator, card: LiveCard) -> None:
    """Who goes on talking before the model has begun gets an answer to all of it."""
    emulator.first_audio_ms = 60_000
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    session = emulator.sessions[-1]
    await session.sent.wait_for("response.created")
    emulator.first_audio_ms = 0
    await card.speak()
    assert (await card.until_event("interrupted"))["item_id"] is None
    await card.until_event("response_done", status="completed")
    assert [item.role for item in session.conversation] == ["user", "user", "assistant"]


async def test_tool_that_goes_on(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A tool that takes too long does not keep the person from being answered."""
    bell = await add_bell_tool(hass, init_integration)
    set_timing(hass, live_tool=0.1)
    bell.hold = asyncio.Event()
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    await bell.has_begun.wait()
    await card.speak()
    await card.until_event("interrupted")
    await card.until_event("text_done", text="Hello! How can I help?")
    bell.release()
    session = emulator.sessions[-1]
    [output] = [i for i in session.conversation if i.type == "function_call_output"]
    assert "The turn was stopped" in output.text


async def test_stop_button(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard, story: str
) -> None:
    """The stop button ends the reply, and asks nothing."""
    await card.play(story, 720, "paused")
    await card.send("interrupt")
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 720
    await card.until_event("turn_done")
    await card.until_event("status", 2, status="idle")
    await becomes(hass, STATUS, "idle")
    session = emulator.sessions[-1]
    assert service_item(session, story) == 720
    assert asked(session) == 0
    await card.speak()
    await card.until_event("text_done", text="Hello! How can I help?")


async def test_typed_over(emulator: Emulator, card: LiveCard, story: str) -> None:
    """Typed words end the reply, and are answered."""
    await card.play(story, 720, "paused")
    await card.send("text", text="Say: enough")
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 720
    await card.until_event("text_done", text="enough")


async def test_late_report(emulator: Emulator, card: LiveCard, story: str) -> None:
    """A browser has a moment to tell where it has paused, even after the last word."""
    await card.until_event("response_done")
    count = len(card.of_type("speech_stopped"))
    speaking = asyncio.create_task(card.speak())
    await card.until_event("speech_stopped", count + 1)
    await card.play(story, 712, "paused")
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 712
    await speaking


async def test_silent_browser(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard, story: str
) -> None:
    """A browser that does not tell where it has paused is taken at its last word."""
    await card.speak(SPEECH + PAUSE)
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 700
    assert service_item(emulator.sessions[-1], story) == 700


async def test_spoken_over_a_typed_turn(emulator: Emulator, card: LiveCard) -> None:
    """The service does not answer by itself what is said over the reply to typed words."""
    card.plays = False
    await card.start()
    await card.until_event("status", status="idle")
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    await card.send("text", text="Tell me a story")
    item_id = (await card.until_event("audio_done"))["item_id"]
    await interrupt(card, item_id)
    await card.until_event("text_done", text="Hello! How can I help?")
    session = emulator.sessions[-1]
    assert service_item(session, item_id) == 712
    assert len(session.sent.of("response.created")) == asked(session) == 2


async def test_chat_that_is_busy(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """A turn that core refuses is told in a sentence, and the next is answered."""
    await card.start()
    with patch(
        "homeassistant.components.conversation.entity.async_get_chat_log",
        side_effect=HomeAssistantError("This conversation is busy"),
    ):
        await card.send("text", text="Hello?")
        error = await card.until_event("error")
    assert error["message"] == "This conversation is busy"
    await card.until_event("turn_done")
    await card.send("text", text="Say: here I am")
    await card.until_event("text_done", text="here I am")


async def test_bug(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """A bug in a turn is told in a sentence, and the next turn is answered."""
    await card.start()
    with patch(
        "homeassistant.components.conversation.entity.async_get_chat_log",
        side_effect=ValueError,
    ):
        await card.send("text", text="Hello?")
        error = await card.until_event("error")
    assert error["translation_key"] == "unexpected"
    await card.until_event("turn_done")
    await card.send("text", text="Say: here I am")
    await card.until_event("text_done", text="here I am")
