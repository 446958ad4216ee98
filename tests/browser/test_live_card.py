"""Tests of what a person sees, hears and is heard saying at the live card."""

from collections.abc import AsyncIterator
import re

from playwright.async_api import BrowserContext, expect
import pytest

from emulator import Emulator, Reply, Session
from emulator.model.voice import ToneVoice
from script.demo import LIGHT, SAMPLE_RATE, Assistant
from script.home_assistant import HomeAssistant

from .conftest import OUTPUT
from .live_card import CARD, LiveCard

DASHBOARD = "live-card"
QUESTION = "tell me a story"
STORY = "Once upon a time there was a lamp that nobody had ever switched off."
STORY_SECONDS = 6.0
PAUSE = bytes(SAMPLE_RATE * 2)  # a second: enough to end a turn
MS = SAMPLE_RATE * 2 // 1000  # bytes

# The next test begins a conversation of its own.
FORGET = """() => Object.keys(localStorage)
  .filter(key => key.startsWith("azure-realtime-audio"))
  .forEach(key => localStorage.removeItem(key))"""


async def tone(seconds: float) -> bytes:
    """Return something that counts as a voice, PCM16 of 24 kHz."""
    return await ToneVoice().say("a" * round(seconds / 0.04), voice="alloy", speed=1.0)


@pytest.fixture(scope="session")
async def dashboard(house: HomeAssistant, assistant: Assistant) -> str:
    """Make a dashboard with the card in it; return its URL."""
    await house.command(
        "lovelace/dashboards/create", url_path=DASHBOARD, title="Live", mode="storage"
    )
    await save_dashboard(house, assistant)
    return f"{house.url}/{DASHBOARD}/0"


async def save_dashboard(
    house: HomeAssistant, assistant: Assistant, **config: object
) -> None:
    """Put the card on the dashboard, with these settings."""
    card = {"type": f"custom:{CARD}", "entity": assistant.conversation, **config}
    view = {"type": "sections", "sections": [{"type": "grid", "cards": [card]}]}
    await house.command(
        "lovelace/config/save", url_path=DASHBOARD, config={"views": [view]}
    )


@pytest.fixture
async def card(
    browser: BrowserContext,
    house: HomeAssistant,
    dashboard: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[LiveCard]:
    """Open the dashboard in a new page, with nothing remembered. The light is off."""
    await house.action("light.turn_off", LIGHT, answers=False)
    page = await browser.new_page()
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    card = LiveCard(page, OUTPUT, f"live-{name}")
    try:
        yield card
    finally:
        await card.take_screenshot()
        await page.evaluate(FORGET)
        await page.close()


@pytest.fixture
async def story(card: LiveCard, dashboard: str, service: Emulator) -> LiveCard:
    """Be told a story, of which a second has been heard."""
    service.hears.append(QUESTION)
    service.replies.append(Reply(text=STORY, pcm=await tone(STORY_SECONDS)))
    await card.open(dashboard)
    await card.talk()
    await card.say(await tone(0.8) + PAUSE)
    await card.until_loud(1.0)
    return card


def held_ms(session: Session, number: int) -> int:
    """Return how many ms of a reply the service holds."""
    replies = [item for item in session.conversation if item.role == "assistant"]
    return len(replies[number].audio) // MS


async def test_conversation(
    card: LiveCard,
    dashboard: str,
    service: Emulator,
    house: HomeAssistant,
    turn_on: str,
) -> None:
    """A person at the browser's own microphone is answered, and sees what was done."""
    service.hears.append("turn on the kitchen light")
    arguments = {"name": "Kitchen Light"}
    service.replies.append(Reply(tool_calls=[(turn_on, arguments)]))
    service.replies.append(Reply(text="The light is on.", pcm=await tone(1.5)))
    await card.open(dashboard, speaks=False)
    await card.element.get_by_role("button", name="Start talking").click()
    await expect(card.person).to_have_text("turn on the kitchen light")
    await expect(card.tools).to_contain_text("Kitchen Light")
    await expect(card.replies).to_have_text("The light is on.")
    assert await house.state(LIGHT) == "on"
    await card.until_loud(1.4)
    heard = await card.until_silent()
    assert heard.loud_seconds == pytest.approx(1.5, abs=0.05)
    assert heard.pauses == []
    await expect(card.unheard).to_have_text("")
    await expect(card.element.locator(".foot")).to_contain_text("tokens")


async def test_barge_in(story: LiveCard, service: Emulator) -> None:
    """A person who talks over a reply silences it, and the service holds what was heard."""
    service.hears.append("no, something else")
    service.replies.append(Reply(text="Well.", pcm=await tone(0.4)))
    await story.say(await tone(0.8) + PAUSE)
    await expect(story.person.last).to_have_text("no, something else")
    await expect(story.element.locator(".cut")).to_be_visible()
    await story.take_screenshot("cut")
    session = service.sessions[-1]
    await expect(story.replies.last).to_have_text("Well.")
    cut = await story.replies.first.text_content()
    assert cut and STORY.startswith(cut) and len(cut) < len(STORY)

    heard = await story.until_silent()
    pause, told = heard.pauses[0], heard.speech_started[-1]
    assert pause.at - told < 150
    assert held_ms(session, 0) == pytest.approx(pause.loudSeconds * 1000, abs=60)


async def test_cough(story: LiveCard, service: Emulator) -> None:
    """A cough costs no more than a pause: the reply goes on, and nothing of it is lost."""
    service.hears.append("")
    await story.say(await tone(0.2) + PAUSE)
    heard = await story.until_silent()
    assert len(heard.speech_started) == 2
    assert heard.loud_seconds == pytest.approx(STORY_SECONDS, abs=0.05)
    await expect(story.person).to_have_text([QUESTION])
    await expect(story.replies).to_have_text([STORY])
    assert held_ms(service.sessions[-1], 0) == STORY_SECONDS * 1000


async def test_stop_button(story: LiveCard, service: Emulator) -> None:
    """The stop button ends the reply where it was heard to."""
    await story.element.get_by_role("button", name="Stop the answer").click()
    heard = await story.until_silent()
    await expect(story.element.locator(".cut")).to_be_visible()
    assert held_ms(service.sessions[-1], 0) == pytest.approx(
        heard.loud_seconds * 1000, abs=60
    )


async def test_lost_socket(story: LiveCard, service: Emulator) -> None:
    """A conversation outlives the websocket, with all that was said."""
    await story.page.evaluate("socket.close()")
    await story.has_state("Connection lost")
    await story.has_state("Listening")
    service.hears.append("are you there")
    service.replies.append(Reply(text="I am here.", pcm=await tone(0.4)))
    await story.say(await tone(0.8) + PAUSE)
    await expect(story.person.last).to_have_text("are you there")
    await expect(story.replies.last).to_have_text("I am here.")
    assert len(await story.person.all()) == 2
    said = [
        item.text for item in service.sessions[-1].conversation if item.role == "user"
    ]
    assert QUESTION in said


async def test_typed(card: LiveCard, dashboard: str, service: Emulator) -> None:
    """Typed words are answered aloud, without a microphone."""
    service.replies.append(Reply(text="Hello there.", pcm=await tone(0.6)))
    await card.open(dashboard)
    field = card.element.get_by_role("textbox")
    await field.fill("good morning")
    await field.press("Enter")
    await expect(card.person).to_have_text(["good morning"])
    await expect(card.replies).to_have_text(["Hello there."])
    await card.until_loud(0.5)


async def test_push_to_talk(card: LiveCard, dashboard: str, service: Emulator) -> None:
    """Space talks as long as it is held."""
    service.hears.append("what time is it")
    service.replies.append(Reply(text="It is noon.", pcm=await tone(0.6)))
    await card.open(dashboard)
    await card.element.locator("ha-card").focus()
    await card.page.keyboard.down(" ")
    await card.has_state("Listening")
    await card.say(await tone(0.8))
    await card.page.keyboard.up(" ")
    await expect(card.person).to_have_text(["what time is it"])
    await expect(card.replies).to_have_text(["It is noon."])


async def test_second_tab(
    story: LiveCard, browser: BrowserContext, dashboard: str
) -> None:
    """The microphone goes to where a person has tapped last, and the first tab says so."""
    other = LiveCard(await browser.new_page(), OUTPUT, "live-second-tab")
    try:
        await other.open(dashboard)
        await other.talk()
        await expect(story.problem).to_contain_text("another card or tab")
        # The conversation has gone along.
        await expect(other.person).to_have_text([QUESTION])
    finally:
        await other.page.close()


async def test_no_permission(card: LiveCard, dashboard: str) -> None:
    """A refused microphone is one sentence, with a way to try again."""
    await card.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => {"
        " throw new DOMException('no', 'NotAllowedError'); }"
    )
    await card.open(dashboard, speaks=False)
    await card.element.get_by_role("button", name="Start talking").click()
    await expect(card.problem).to_contain_text("may not use the microphone")
    await card.problem.get_by_role("button", name="Try again").click()
    await expect(card.problem).to_contain_text("may not use the microphone")


async def test_check_page(card: LiveCard, dashboard: str) -> None:
    """The check page finds all that a talk needs."""
    await card.open(dashboard)
    await card.element.get_by_role("button", name="Menu").click()
    await card.element.get_by_role("menuitem", name="Check").click()
    findings = card.element.locator(".check-list")
    await expect(findings).to_contain_text("reachable")
    await expect(findings.locator(".bad")).to_have_count(0)


async def test_form_and_suggestion(
    card: LiveCard, dashboard: str, assistant: Assistant
) -> None:
    """Home Assistant may draw the card's form, and is offered the card for our assistants only."""
    await card.open(dashboard)
    read = await card.page.evaluate(
        """([name, ours, other]) => {
          const element = customElements.get(name);
          const offer = window.customCards.find(each => each.type === name);
          const hass = document.querySelector("home-assistant").hass;
          return {
            fields: JSON.stringify(element.getConfigForm().schema),
            stub: element.getStubConfig(hass),
            ours: offer.getEntitySuggestion(hass, ours),
            other: offer.getEntitySuggestion(hass, other),
            badges: window.customBadges.map(each => each.type),
          };
        }""",
        [CARD, assistant.conversation, "conversation.home_assistant"],
    )
    for field in ("entity", "size", "hands_free", "watch", "echo_cancellation"):
        assert f'"{field}"' in read["fields"]
    assert read["stub"] == {"entity": assistant.conversation}
    assert read["ours"]["config"]["entity"] == assistant.conversation
    assert read["other"] is None
    assert "azure-realtime-audio-badge" in read["badges"]
