"""Tests of the live card: what a person says to it, hears from it and sees of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
import re
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, ViewportSize, expect
import pytest

from emulator import Emulator, Reply
from emulator.wire.conversation import Item
from script.card_page import RATE, CardPage, logged_in, speech, tone
from script.dashboard import CARD, save_dashboard
from script.demo import (
    LIGHT,
    Assistant,
    Turn,
    at_microphone,
    find_pipeline,
    talk_to_pipeline,
)
from script.home_assistant import HomeAssistant

from .conftest import OUTPUT

ORDER = "turn on the kitchen light"
DONE = "The kitchen light is on now."
QUESTION = "tell me a story"
STORY = (
    "Once upon a time there was a small house at the edge of a wide forest. In the house lived "
    "an old lamp that had never been switched off, and every evening it watched the road."
)
INTERRUPTION = "no something about cats"
CATS = "There was a cat."

# Elements that stand where a person cannot bring them back from.
_SCROLLED_ASIDE = """card => [...card.shadowRoot.querySelectorAll("*")]
  .filter(({scrollLeft}) => scrollLeft).map(({localName}) => localName)"""

# Home Assistant's own client tries to connect again until it can.
_LOSE_NETWORK = """() => {
  const {connection} = document.querySelector("home-assistant").hass;
  const connect = connection.options.createSocket;
  const found = new Promise(resolve => { window.findNetwork = () => { resolve(); }; });
  connection.options.createSocket = options => found.then(() => connect(options));
  connection.socket.close();
}"""

STORY_SECONDS = 8.0
SILENCE_MS = 150  # from the first sample of speech to the last of the reply
TRUNCATION_MS = 60
TABLET: ViewportSize = {"width": 800, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 780}


@dataclass(frozen=True)
class Look:
    """How a browser shows the card."""

    theme: Literal["light", "dark"] = "light"
    is_phone: bool = False

    def __str__(self) -> str:
        """Return a name for screenshots."""
        return f"{self.theme}-{'phone' if self.is_phone else 'desktop'}"


LOOKS = [
    Look(theme, is_phone) for theme in ("light", "dark") for is_phone in (False, True)
]
every_look = pytest.mark.parametrize("look", LOOKS, ids=str)


@pytest.fixture
def look() -> Look:
    """Return how the browser shows the card; a test may choose another."""
    return Look()


@pytest.fixture(scope="session")
async def dashboards(house: HomeAssistant, assistant: Assistant) -> str:
    """Make a dashboard for each kind of card; return the beginning of their addresses."""
    kinds: dict[str, dict[str, Any]] = {
        "talk": {},
        "watch": {"watch": True},
        "hold": {"hands_free": False},
    }
    for kind, options in kinds.items():
        card = {"type": CARD, "entity": assistant.conversation, **options}
        section = {"type": "grid", "cards": [card]}
        view = {"type": "sections", "max_columns": 1, "sections": [section]}
        await save_dashboard(house, f"{kind}-test", f"Card to {kind}", view)
    return house.url


async def open_card(
    browser: BrowserContext, house: HomeAssistant, url: str, look: Look
) -> CardPage:
    """Open a card in a browser of its own, which has had no conversation yet."""
    running = browser.browser
    assert isinstance(running, Browser)
    context = await running.new_context(
        storage_state=logged_in(house),
        color_scheme=look.theme,
        viewport=PHONE if look.is_phone else TABLET,
        device_scale_factor=2 if look.is_phone else 1,
        service_workers="block",
    )
    context.set_default_timeout(15_000)
    card = CardPage(await context.new_page())
    await card.open(url)
    return card


async def picture(card: CardPage, name: str) -> None:
    """Save a screenshot of the page."""
    await card.page.screenshot(path=OUTPUT / f"card-{name}.png")


@pytest.fixture
async def card(
    browser: BrowserContext,
    house: HomeAssistant,
    dashboards: str,
    look: Look,
    request: pytest.FixtureRequest,
) -> AsyncIterator[CardPage]:
    """Open a card that listens. The light is off."""
    await house.action("light.turn_off", LIGHT, answers=False)
    card = await open_card(browser, house, f"{dashboards}/talk-test", look)
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    try:
        await card.press("Start talking")
        await card.until_status("Listening")
        yield card
    finally:
        await picture(card, name)
        await card.page.context.close()


async def seconds_heard(card: CardPage, since: float = 0.0) -> float:
    """Return how much has left the speaker, of sounds that began at a time or later."""
    sounds = [sound for sound in await card.sounds() if sound.begin >= since]
    return sum(sound.seconds or 0.0 for sound in sounds)


def item_ms(item: Item) -> float:
    """Return how much of the model's voice an item of the conversation has."""
    return len(item.audio) * 1000 / (2 * RATE)


async def begin_story(card: CardPage, service: Emulator) -> float:
    """Ask for a story, which is one tone, and hear two seconds of it; return when it began."""
    service.hears.append(QUESTION)
    service.replies.append(Reply(text=STORY, pcm=tone(STORY_SECONDS, 440)))
    spoken = await card.say(await speech(QUESTION))
    await card.sounding_for(spoken.end, 2.0)
    return await card.first_sound(spoken.end)


@every_look
async def test_tool(
    card: CardPage,
    house: HomeAssistant,
    service: Emulator,
    turn_on: str,
    look: Look,
) -> None:
    """An order is heard, carried out, shown as what it did, and answered to the last sample."""
    service.hears.append(ORDER)
    call = (turn_on, {"name": "Kitchen Light"})
    service.replies += [
        Reply(tool_calls=[call]),
        Reply(text=DONE, pcm=tone(2.0, 440)),
    ]
    spoken = await card.say(await speech(ORDER))
    await card.first_sound(spoken.end)
    await card.until_status("Speaking")
    await picture(card, f"speaking-{look}")
    await card.until_status("Listening")
    assert await house.state(LIGHT) == "on"
    await expect(card.person).to_contain_text(ORDER)
    await expect(card.done).to_contain_text("Kitchen Light")
    await expect(card.done).to_contain_text("On")
    await expect(card.reply).to_contain_text(DONE)
    await card.silence(spoken.end)
    assert await seconds_heard(card) == pytest.approx(2.0, abs=0.03)
    await expect(card.foot).to_contain_text("first sound")
    await expect(card.foot).to_contain_text("tokens")
    assert await card.card.evaluate(_SCROLLED_ASIDE) == []


@pytest.mark.parametrize("look", [Look(is_phone=True)], ids=str)
async def test_interruption(card: CardPage, service: Emulator, look: Look) -> None:
    """Speech silences a reply at once, and the model's memory ends where the person's does.

    The better of two counts for the silence, since a busy machine only adds.
    """
    silences = []
    for number in (1, 2):
        began = await begin_story(card, service)
        service.hears.append(INTERRUPTION)
        service.replies.append(Reply(text=CATS, pcm=tone(1.0, 440)))
        spoken = await card.say(await speech(INTERRUPTION))
        silent = await card.silence(spoken.begin)
        silences.append(silent - spoken.begin)
        heard_ms = 1000 * await seconds_heard(card, began)
        await card.first_sound(spoken.end)
        await expect(card.reply.last).to_contain_text(CATS)
        await picture(card, f"interrupted-{look}")
        *_, cut = [item for item in service.sessions[-1].conversation if item.is_cut]
        assert item_ms(cut) == pytest.approx(heard_ms, abs=TRUNCATION_MS)
        await expect(card.card.locator(".cut")).to_have_count(number)
        await card.until_status("Listening")
    assert min(silences) < SILENCE_MS
    told = await card.reply.first.locator("[dir=auto]").inner_text()
    assert told and told != STORY and STORY.startswith(told)


async def test_network_away(card: CardPage, service: Emulator) -> None:
    """A conversation goes on after the network was away in mid-sentence, with what was heard."""
    began = await begin_story(card, service)
    await card.page.evaluate(_LOSE_NETWORK)
    lost = await card.now()
    await card.until_status("Connection lost")
    silent = await card.silence(lost)
    heard_ms = 1000 * await seconds_heard(card, began)
    assert silent < lost + SILENCE_MS
    await picture(card, "away")
    await card.page.evaluate("findNetwork()")
    await card.until_status("Listening")
    service.hears.append(INTERRUPTION)
    service.replies.append(Reply(text=CATS, pcm=tone(1.0, 440)))
    spoken = await card.say(await speech(INTERRUPTION))
    await card.first_sound(spoken.end)
    await expect(card.reply.last).to_contain_text(CATS)
    await expect(card.person.first).to_contain_text(QUESTION)
    await card.until_status("Listening")
    items = list(service.sessions[-1].conversation)
    assert [item.role for item in items] == ["user", "assistant", "user", "assistant"]
    # The card tells four times a second where it is.
    assert heard_ms - 400 < item_ms(items[1]) < heard_ms + TRUNCATION_MS


@every_look
async def test_watch(
    browser: BrowserContext,
    house: HomeAssistant,
    assistant: Assistant,
    dashboards: str,
    service: Emulator,
    turn_on: str,
    look: Look,
) -> None:
    """A card that watches shows a turn of somebody else: words, what was done, reply, numbers."""
    await house.action("light.turn_off", LIGHT, answers=False)
    pipeline = await find_pipeline(house, assistant)
    card = await open_card(browser, house, f"{dashboards}/watch-test", look)
    await expect(card.card).to_contain_text("The next turn of this assistant")
    service.hears.append(ORDER)
    call = (turn_on, {"name": "Kitchen Light"})
    service.replies += [
        Reply(tool_calls=[call]),
        Reply(text=DONE, pcm=tone(2.0, 440)),
    ]
    said = at_microphone(await speech(ORDER))
    await talk_to_pipeline(house, pipeline, said, Turn("from elsewhere"))
    await expect(card.person).to_contain_text(ORDER)
    await expect(card.done).to_contain_text("Kitchen Light")
    await expect(card.reply).to_contain_text(DONE)
    await expect(card.card).to_contain_text("A turn in the Assist dialog")
    await card.until_status("Ready")
    await card.foot.click()
    await expect(
        card.card.get_by_role("list", name="Where the time went")
    ).to_contain_text("voice")
    await picture(card, f"watch-{look}")
    assert await card.card.evaluate(_SCROLLED_ASIDE) == []
    assert not await card.sounds()
    await card.page.context.close()
