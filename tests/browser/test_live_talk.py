"""Tests of the live card: what a person says to it, hears from it and sees of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
import re
from typing import Any, Literal

import numpy as np
from playwright.async_api import Browser, BrowserContext, ViewportSize, expect
import pytest

from emulator import Emulator, Reply
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
from .live_card import LOSE_CONNECTION

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


def cough() -> bytes:
    """Return a short noise, PCM16 mono of 24 kHz."""
    noise = np.random.default_rng(1).normal(0, 6000, round(0.15 * RATE))
    return bytes(noise.clip(-32768, 32767).astype("<i2").tobytes())


async def seconds_heard(card: CardPage) -> float:
    """Return how much of a tone has left the speaker, pauses left out."""
    return sum(sound.seconds or 0.0 for sound in await card.sounds())


async def begin_story(card: CardPage, service: Emulator) -> None:
    """Ask for a story, which is one tone, and hear two seconds of it."""
    service.hears.append(QUESTION)
    service.replies.append(Reply(text=STORY, pcm=tone(STORY_SECONDS, 440)))
    spoken = await card.say(await speech(QUESTION))
    await card.sounding_for(spoken.end, 2.0)


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


async def test_interruption(card: CardPage, service: Emulator) -> None:
    """Speech silences a reply at once, and the model's memory ends where the person's does."""
    await begin_story(card, service)
    await picture(card, "story")
    service.hears.append(INTERRUPTION)
    hold = asyncio.Event()
    service.replies.append(Reply(text=CATS, pcm=tone(1.0, 440), hold=hold))
    spoken = await card.say(await speech(INTERRUPTION))
    silent = await card.silence(spoken.begin)
    assert silent - spoken.begin < SILENCE_MS
    heard_ms = await seconds_heard(card) * 1000
    await expect(card.card.locator(".cut")).to_have_count(1)
    await picture(card, "interrupted")
    [cut] = [item for item in service.sessions[-1].conversation if item.is_cut]
    kept_ms = len(cut.audio) / (2 * RATE / 1000)
    assert kept_ms == pytest.approx(heard_ms, abs=TRUNCATION_MS)
    hold.set()
    await expect(card.reply.last).to_contain_text(CATS)
    await card.first_sound(spoken.end)
    await card.until_status("Listening")
    told = await card.reply.first.locator("[dir=auto]").inner_text()
    assert told and told != STORY and STORY.startswith(told)


async def test_false_interruption(card: CardPage, service: Emulator) -> None:
    """A cough pauses a reply, which then goes on where it was, to its last sample."""
    await begin_story(card, service)
    service.hears.append("")
    spoken = await card.say(cough())
    silent = await card.silence(spoken.begin, quiet_ms=100)
    assert silent < spoken.begin + 1000
    await card.first_sound(silent)
    await card.until_status("Listening")
    await card.silence(silent)
    assert await seconds_heard(card) == pytest.approx(STORY_SECONDS, abs=0.05)
    await expect(card.person).to_have_count(1)
    await expect(card.reply).to_have_count(1)
    assert not [item for item in service.sessions[-1].conversation if item.is_cut]


async def test_lost_socket(card: CardPage, service: Emulator) -> None:
    """A conversation goes on after the browser's connection was lost, in mid-sentence even."""
    await begin_story(card, service)
    await card.status.evaluate(LOSE_CONNECTION)
    await card.until_status("Listening")
    service.hears.append(INTERRUPTION)
    service.replies.append(Reply(text=CATS, pcm=tone(1.0, 440)))
    spoken = await card.say(await speech(INTERRUPTION))
    await card.first_sound(spoken.end)
    await expect(card.reply.last).to_contain_text(CATS)
    await expect(card.person.first).to_contain_text(QUESTION)
    await card.until_status("Listening")
    said = [item.role for item in service.sessions[-1].conversation]
    assert said == ["user", "assistant", "user", "assistant"]


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
    await expect(card.card).to_contain_text("A turn")
    await card.until_status("Ready")
    await card.foot.click()
    await expect(
        card.card.get_by_role("list", name="Where the time went")
    ).to_contain_text("voice")
    await picture(card, f"watch-{look}")
    assert await card.card.evaluate(_SCROLLED_ASIDE) == []
    assert not await card.sounds()
    await card.page.context.close()
