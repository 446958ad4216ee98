"""Turns that a person begins and ends by hand."""

from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_TURN_DETECTION_TYPE
from emulator import Emulator, Session

from ..satellite import tone
from ..talk import STATUS, becomes, change_assistant
from .card import PAUSE, SPEECH, STORY_SECONDS, LiveCard, asked, service_item

SHORT = tone(0.05, 220, 24_000)


def detection(session: Session) -> dict[str, Any] | None:
    """Return how the service finds the end of a turn now."""
    found: dict[str, Any] | None = session.config["audio"]["input"]["turn_detection"]
    return found


async def detecting(session: Session, *, answers: bool) -> None:
    """Wait until the service finds the end of a turn, and then answers by itself or not."""
    while (detection(session) or {}).get("create_response") is not answers:
        count = len(session.sent.of("session.updated"))
        await session.sent.wait_for("session.updated", count + 1)


async def test_held(emulator: Emulator, card: LiveCard) -> None:
    """What is said while the button is held is a turn, from its first word to its last."""
    await card.start(hands_free=False)
    await card.until_event("status", status="idle")
    session = emulator.sessions[-1]
    assert detection(session) is None
    await card.speak()  # nobody listens
    await card.send("turn", action="begin")
    await card.until_event("status", status="listening")
    await card.speak(SPEECH)
    await card.send("turn", action="end")
    await card.until_event("turn_done")
    assert card.words == "Hello! How can I help?"
    spoken, _ = session.conversation
    assert len(spoken.audio) == len(SPEECH)
    # The session of the conversation is as it was before, for a satellite.
    await card.stop()
    await detecting(session, answers=False)


async def test_held_for_a_moment(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """A button that is pressed by mistake asks nothing."""
    await card.start(hands_free=False)
    await card.until_event("status", status="idle")
    await card.send("turn", action="begin")
    await card.speak(SHORT)
    await card.send("turn", action="end")
    await card.until_event("status", 2, status="idle")
    await becomes(hass, STATUS, "idle")
    assert asked(emulator.sessions[-1]) == 0
    assert not card.of_type("error")


async def test_held_over_a_reply(
    emulator: Emulator, card: LiveCard, story: str
) -> None:
    """To hold the button ends the reply that is being said."""
    await card.send("hands_free", on=False)
    await card.play(story, 720, "paused")
    await card.send("turn", action="begin")
    assert (await card.until_event("interrupted"))["audio_end_ms"] == 720
    await card.speak(SPEECH)
    await card.send("turn", action="end")
    await card.until_event("text_done", text="Hello! How can I help?")
    assert service_item(emulator.sessions[-1], story) == 720


async def test_other_session_of_a_conversation(
    emulator: Emulator, card: LiveCard, story: str
) -> None:
    """A session that takes a conversation over waits until the one before has gone."""
    await card.start(conversation_id=card.conversation_id, hands_free=False)
    await card.until_event("ended", reason="taken_over")
    await card.send("turn", action="begin")
    await card.speak(SPEECH)
    await card.send("turn", action="end")
    await card.until_event("text_done", text="Hello! How can I help?")
    session = emulator.sessions[-1]
    assert detection(session) is None
    assert service_item(session, story) == 700


async def test_hands_free_again(emulator: Emulator, card: LiveCard) -> None:
    """Hands-free and by hand may change within a conversation."""
    await card.start(hands_free=False)
    await card.until_event("status", status="idle")
    await card.send("turn", action="begin")
    await card.speak(SPEECH)
    await card.send("turn", action="end")
    await card.until_event("turn_done")
    await card.send("hands_free", on=True)
    session = emulator.sessions[-1]
    await detecting(session, answers=True)
    await card.speak(SPEECH + PAUSE)
    await card.until_event("turn_done", 2)
    assert asked(session) == 1


async def test_by_hand_in_mid_sentence(
    emulator: Emulator, card: LiveCard, story: str
) -> None:
    """A reply that was paused for a person goes on when nobody listens to that person any more."""
    await card.speak(SPEECH)
    speech = await card.until_event("speech_started", 2)
    await card.until_event("status", 2, status="listening")
    await card.play(story, 720, "paused")
    await card.send("hands_free", on=False)
    await card.until_event("false_interruption", item_id=speech["item_id"])
    await card.until(lambda: card.statuses[-1] == "speaking")
    await card.until_event("audio_done")
    await card.play(story)
    await card.until_event("turn_done")
    assert service_item(emulator.sessions[-1], story) == STORY_SECONDS * 1000


async def test_assistant_without_turn_detection(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A hands-free conversation finds the end of a turn, whatever the assistant's settings are."""
    await change_assistant(hass, init_integration, **{CONF_TURN_DETECTION_TYPE: "none"})
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    await card.until_event("turn_done")
    assert card.words == "Hello! How can I help?"
