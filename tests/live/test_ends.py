"""How live conversations end, and what is left of them: nothing but the conversation."""

import asyncio
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.chat_session import DATA_CHAT_SESSION
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.live.microphone import Microphone
from custom_components.azure_realtime_audio.realtime import RealtimeClient
from emulator import Emulator, Reply

from ..bell import RING, add_bell_tool
from ..conftest import SUBENTRY_ID
from ..satellite import said_at
from ..talk import STATUS, becomes, change_assistant, said, set_timing, shorten_timeouts
from .card import STORY, STORY_SECONDS, LiveCard, begin_reply, logged, service_item


def live_count(entry: MockConfigEntry) -> int:
    """Return how many live sessions the assistant has."""
    return len(entry.runtime_data[SUBENTRY_ID].live)


async def test_window_closed(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """With the window the session goes; the reply ends where it was heard to."""
    card = LiveCard(await hass_ws_client(hass))
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    item_id = await begin_reply(card)
    session = emulator.sessions[-1]
    await session.sent.wait_for("response.done")
    await card.leave()
    await session.sent.wait_for("conversation.item.truncated")
    await hass.async_block_till_done()
    assert live_count(init_integration) == 0
    assert service_item(session, item_id) == 700
    assert logged(hass, card)[-1][1] in STORY[: len(STORY) // 2]
    await becomes(hass, STATUS, "idle")


async def test_reloaded(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
    story: str,
) -> None:
    """With the entry the session goes, and the card is told; the conversation stays."""
    await change_assistant(hass, init_integration, voice="echo")
    assert (await card.until_event("ended"))["reason"] == "unloaded"
    card.plays = True
    await card.start(conversation_id=card.conversation_id)
    await card.send("text", text="Say: once more")
    await card.until_event("text_done", text="once more")
    assert emulator.sessions[-1].conversation.find(story) is not None


async def test_idle(
    hass: HomeAssistant, init_integration: MockConfigEntry, card: LiveCard
) -> None:
    """A session in which nobody says anything for a quarter of an hour ends."""
    await card.start()
    await card.until_event("status", status="idle")
    set_timing(hass, live_idle=0.0)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    assert (await card.until_event("ended"))["reason"] == "idle"
    await hass.async_block_till_done()
    assert live_count(init_integration) == 0
    # The card is told so as well if it has missed that, and may begin again and again.
    answer = await card.send("text", text="Hello?")
    assert answer["error"]["translation_key"] == "live_not_found"
    for _ in range(2):
        assert (await card.start())["success"]


async def test_chat_stays(
    hass: HomeAssistant, card: LiveCard, freezer: FrozenDateTimeFactory
) -> None:
    """The chat does not time out as long as the card is there."""
    await card.start()
    await card.send("text", text="My name is Ada")
    await card.until_event("turn_done")
    chat = hass.data[DATA_CHAT_SESSION][card.conversation_id]
    before = chat.last_updated
    freezer.tick(timedelta(seconds=61))
    async_fire_time_changed(hass)
    assert chat.last_updated - before >= timedelta(seconds=61)


async def test_browser_that_does_not_read(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A browser gets 20 s of sound ahead and no more; one that never plays is given up."""
    set_timing(hass, live_patience=0.2)
    card.plays = False
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, 60.0)))
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    ended = await card.until_event("ended")
    assert ended["reason"] == "failed"
    assert ended["message"].startswith("The browser has not taken the reply")
    [sound] = card.played.values()
    assert 20_000 <= len(sound) // 48 <= 20_200
    await hass.async_block_till_done()
    assert live_count(init_integration) == 0


async def test_paused_browser(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """A browser that pauses is not given up; what it plays makes room for more."""
    set_timing(hass, live_patience=0.2)
    card.plays = False
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, 30.0)))
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    item_id = (await card.until_event("audio"))["item_id"]
    await card.play(item_id, 10, "paused")
    await card.until(lambda: len(card.played[item_id]) >= 20_000 * 48)
    passed = asyncio.Event()
    hass.loop.call_later(0.4, passed.set)
    await passed.wait()
    assert not card.of_type("ended")
    await card.play(item_id, 15_000)
    await card.until_event("audio_done")
    await card.play(item_id)
    await card.until_event("turn_done")
    assert len(card.played[item_id]) == 30_000 * 48


async def test_taken_over_twice(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A session waits for all that had its conversation, one that never began included."""
    bell = await add_bell_tool(hass, init_integration)
    set_timing(hass, live_tool=0.3)
    bell.hold = asyncio.Event()
    emulator.replies.append(Reply(tool_calls=[(RING, {})]))
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    await bell.has_begun.wait()
    live = init_integration.runtime_data[SUBENTRY_ID].live
    [first] = live._sessions.values()  # noqa: SLF001  # the order is what is tested
    for _ in range(2):
        await card.start(conversation_id=card.conversation_id)
    await first.async_closed()
    await card.until_event("status", 2, status="idle")
    sessions = init_integration.runtime_data[SUBENTRY_ID].assistant.sessions
    session = sessions.get(card.conversation_id)
    assert session is not None
    assert session.is_listening
    bell.release()


class SlowClient(RealtimeClient):
    """Takes no audio."""

    def __init__(self) -> None:
        """Connect to nothing."""

    async def append_pcm(self, pcm: bytes, *, sample_rate: int = 24_000) -> None:
        """Never return."""
        await asyncio.Event().wait()


async def test_slow_service() -> None:
    """A service that takes no audio ends a session after ten seconds of speech."""
    overflows: list[None] = []
    microphone = Microphone(lambda: overflows.append(None))
    client = SlowClient()
    sending = asyncio.create_task(microphone.async_send(lambda: client))
    microphone.open()
    # Until the session is open the last ten seconds are kept.
    for _ in range(1100):
        microphone.put(bytes(480))
    assert not overflows
    microphone.release()
    await asyncio.sleep(0)  # the sender takes its first piece
    for _ in range(1100):
        microphone.put(bytes(480))
    assert overflows
    sending.cancel()
    await asyncio.wait((sending,))


async def test_odd_frames(emulator: Emulator, card: LiveCard) -> None:
    """Frames that are no PCM16 cost nothing but themselves."""
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak(b"")
    await card.speak(b"\x01")
    await card.speak()
    await card.until_event("turn_done")
    assert card.words == "Hello! How can I help?"


async def test_connection_lost(
    hass: HomeAssistant,
    emulator: Emulator,
    card: LiveCard,
    story: str,
) -> None:
    """A connection that is lost in mid-sentence is told, and the conversation goes on."""
    emulator.sessions[-1].abort()
    await card.until_event("status", status="away")
    await card.until(lambda: card.statuses[-1] != "away")
    await card.until_event("audio_done")
    await card.play(story)
    await card.until_event("turn_done")
    card.plays = True
    await card.speak()
    await card.until_event("text_done", text="Hello! How can I help?")
    assert emulator.sessions[-1].conversation.find(story) is not None


async def test_connection_lost_while_speaking(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """An answer that breaks off is told in a sentence with a way on; what was said stays."""
    emulator.speed = 1.0
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    item_id = await begin_reply(card)
    emulator.speed = 0
    emulator.sessions[-1].abort()
    error = await card.until_event("error")
    assert error["translation_key"] == "connection_lost"
    assert error["message"].startswith("The connection to the Azure service was lost.")
    assert error["can_retry"]
    await card.until_event("audio_done")
    await card.play(item_id)
    await card.until_event("turn_done")
    card.plays = True
    await card.send("text", text="Say: here I am")
    await card.until_event("text_done", text="here I am")


async def test_outage(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A live conversation outlasts an outage: it goes on as soon as the service is found."""
    shorten_timeouts(monkeypatch)
    set_timing(hass, probe_delay=0.01, max_probe_delay=0.05)
    card = LiveCard(await hass_ws_client(hass))
    await card.start()
    await card.send("text", text="My name is Ada")
    await card.until_event("turn_done")
    emulator.faults.add("http_503")
    emulator.sessions[-1].abort()
    await card.until_event("status", status="away")
    await becomes(hass, STATUS, "unavailable")
    emulator.faults.remove("http_503")
    await card.until(lambda: card.statuses[-1] == "idle")
    await card.speak()
    await card.until_event("text_done", text="Hello! How can I help?")
    assert "user: My name is Ada" in said(emulator.sessions[-1])
    await card.leave()


async def test_service_away_at_the_beginning(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A card that begins while the service is away hears why, and goes on when it is back."""
    shorten_timeouts(monkeypatch)
    emulator.faults.add("http_503")
    card = LiveCard(await hass_ws_client(hass))
    await card.start()
    error = await card.until_event("error")
    assert error["translation_key"] == "service_trouble"
    await card.until_event("status", status="away")
    emulator.faults.remove("http_503")
    await card.send("text", text="Say: good morning")
    await card.until_event("text_done", text="good morning")
    assert card.statuses[-1] != "away"
    await card.leave()
