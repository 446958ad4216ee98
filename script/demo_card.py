"""The demo's person at a browser: talks to the live card, and interrupts it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
import shutil

from playwright.async_api import Error, async_playwright, expect

from .card_page import CardPage, logged_in, speech
from .home_assistant import HomeAssistant, SetupError

LIGHT = "light.kitchen_light"
ORDER = "turn on the kitchen light"
QUESTION = "tell me a story"
INTERRUPTION = "turn off the kitchen light"

PATIENCE_MS = 20_000
STORY_SECONDS = 2.5  # of the story are heard before it is interrupted
SILENCE_LIMIT_MS = 500

CHROMIUM = (
    "--no-sandbox",  # Chromium refuses to run as root with a sandbox
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass
class CardTalk:
    """The observations of a talk with the card."""

    lights: list[str] = field(default_factory=list)
    first_sound_ms: float = 0.0
    silence_ms: float = 0.0

    def failures(self) -> list[str]:
        """Return a sentence for each failure."""
        expected = {
            f"The light went {', '.join(self.lights)}.": self.lights
            == ["off", "on", "off"],
            f"The card fell silent after {self.silence_ms:.0f} ms.": self.silence_ms
            < SILENCE_LIMIT_MS,
        }
        return [sentence for sentence, is_so in expected.items() if not is_so]


def chromium() -> str | None:
    """Return the path of the browser, if there is one."""
    return shutil.which("chromium")


async def talk_to_card(
    house: HomeAssistant, url: str, pictures: Path, say: Callable[[str], None]
) -> CardTalk:
    """Open the dashboard at ``url``, and talk: an order, a question, and an interruption.

    Raises SetupError if the card does not do what a person waits for.
    """
    path = chromium()
    assert path is not None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        context = await browser.new_context(
            storage_state=logged_in(house),
            viewport={"width": 1000, "height": 900},
            service_workers="block",
        )
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        card = CardPage(await context.new_page())
        try:
            return await _talk(card, house, url, pictures, say)
        except (Error, AssertionError) as err:
            [first, *_] = str(err).splitlines()
            raise SetupError(f"The talk with the card stopped: {first}") from None
        finally:
            # A Ctrl-C has ended the browser already.
            with suppress(Error):
                await card.page.screenshot(path=pictures / "card.png")
                await browser.close()


async def _talk(
    card: CardPage,
    house: HomeAssistant,
    url: str,
    pictures: Path,
    say: Callable[[str], None],
) -> CardTalk:
    talk = CardTalk()
    await house.action("light.turn_off", LIGHT, answers=False)
    talk.lights.append(await house.state(LIGHT))
    order, question, interruption = [
        await speech(text) for text in (ORDER, QUESTION, INTERRUPTION)
    ]
    await card.open(url)
    await card.press("Start talking")
    await card.until_status("Listening")
    say(f'  said: "{ORDER}"')
    spoken = await card.say(order)
    talk.first_sound_ms = await card.first_sound(spoken.end) - spoken.end
    say(
        f"  the reply begins to sound, {talk.first_sound_ms:.0f} ms after the last word"
    )
    await card.until_status("Speaking")
    await card.until_status("Listening")
    talk.lights.append(await house.state(LIGHT))
    say(f"  the light is {talk.lights[-1]}")
    say(f'  said: "{QUESTION}"')
    spoken = await card.say(question)
    await card.sounding_for(spoken.end, STORY_SECONDS)
    await card.page.screenshot(path=pictures / "card-speaking.png")
    say(f'  interrupted: "{INTERRUPTION}"')
    spoken = await card.say(interruption)
    talk.silence_ms = await card.silence(spoken.begin) - spoken.begin
    say(f"  the card fell silent {talk.silence_ms:.0f} ms after the first word")
    await card.first_sound(spoken.end)
    await card.until_status("Speaking")
    await card.until_status("Listening")
    talk.lights.append(await house.state(LIGHT))
    say(f"  the light is {talk.lights[-1]}")
    return talk
