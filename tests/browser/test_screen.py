"""Tests of a card that is a named screen: what automations say at it, and what they hear there."""

import asyncio
from collections.abc import AsyncIterator
import re
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import BrowserContext, expect
import pytest

from custom_components.azure_realtime_audio.realtime import SAMPLE_RATE, wav_header
from emulator import Emulator, Reply
from script.card_page import ELEMENT, tone
from script.demo import Assistant
from script.home_assistant import HomeAssistant, SetupError

from .conftest import OUTPUT
from .live_card import LiveCard, total

DASHBOARD = "screen-hall"
HALL = "assist_satellite.hall"
# A browser that lets a page make no sound before a tap; the one of the tests lets any.
SILENCE = """AudioContext = class extends AudioContext {
  get state() { return "suspended"; }
  resume() { return new Promise(() => {}); }
}"""
DINNER = "Dinner is ready."
DINNER_SECONDS = 2.0


@pytest.fixture(scope="session")
async def dashboard(house: HomeAssistant, assistant: Assistant) -> str:
    """Make a dashboard with a card in it that is the screen of the hall; return its URL."""
    await house.command(
        "lovelace/dashboards/create", url_path=DASHBOARD, title="Hall", mode="storage"
    )
    card = {
        "type": f"custom:{ELEMENT}",
        "entity": assistant.conversation,
        "name": "Hall",
        "screen": "Hall",
    }
    view = {"type": "sections", "sections": [{"type": "grid", "cards": [card]}]}
    await house.command(
        "lovelace/config/save", url_path=DASHBOARD, config={"views": [view]}
    )
    return f"{house.url}/{DASHBOARD}/0"


async def becomes(house: HomeAssistant, state: str) -> None:
    """Wait until the satellite of the hall has a state."""
    template = f"{{{{ states('{HALL}') }}}}"
    async with asyncio.timeout(10):
        async for event in await house.events("render_template", template=template):
            if event["result"] == state:
                return


async def call(house: HomeAssistant, action: str, **data: object) -> dict[str, Any]:
    """Perform an action at the hall, as an automation does."""
    is_question = action == "ask_question"
    return await house.action(
        f"assist_satellite.{action}", HALL, answers=is_question, **data
    )


@pytest.fixture
async def screen(
    browser: BrowserContext,
    house: HomeAssistant,
    dashboard: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[LiveCard]:
    """Open the dashboard in a new page, which is the screen of the hall then."""
    page = await browser.new_page()
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    card = LiveCard(page, OUTPUT, f"screen-{name}")
    try:
        yield card
    finally:
        await card.take_screenshot()
        await page.close()


@pytest.fixture
async def awake(screen: LiveCard, house: HomeAssistant, dashboard: str) -> LiveCard:
    """Have the page open, tapped once somewhere, as wall tablets are."""
    await screen.open(dashboard)
    await becomes(house, "idle")
    await screen.card.locator(".name").first.click()
    return screen


async def test_announcement(
    awake: LiveCard, house: HomeAssistant, service: Emulator
) -> None:
    """An announcement is heard at the screen, after the chime, in the model's voice, and shown."""
    service.replies.append(Reply(text=DINNER, pcm=tone(DINNER_SECONDS)))
    announcing = asyncio.create_task(call(house, "announce", message=DINNER))
    await awake.until_status("Speaking")
    await expect(awake.replies.last).to_have_text(DINNER)
    await becomes(house, "responding")
    await awake.sounding_for(0, DINNER_SECONDS / 2)
    await awake.take_screenshot("speaking")
    assert not announcing.done()
    await announcing
    heard = total(await awake.until_silent())
    assert DINNER_SECONDS * 0.8 < heard < DINNER_SECONDS + 2
    await becomes(house, "idle")
    await awake.until_status("Ready")
    await expect(awake.problem).to_have_count(0)


async def test_stopped_announcement(
    awake: LiveCard, house: HomeAssistant, service: Emulator
) -> None:
    """A person at the screen ends an announcement."""
    service.replies.append(Reply(text=DINNER, pcm=tone(20)))
    announcing = asyncio.create_task(
        call(house, "announce", message=DINNER, preannounce=False)
    )
    await awake.sounding_for(0, 0.5)
    await awake.press("Stop the answer")
    await announcing
    heard = total(await awake.until_silent())
    assert heard < 10


async def test_question(
    awake: LiveCard, house: HomeAssistant, service: Emulator
) -> None:
    """A question opens the microphone of the screen, and the words are the automation's."""
    service.replies.append(Reply(text="Who is there?", pcm=tone(0.5)))
    asking = asyncio.create_task(
        call(house, "ask_question", question="Who is there?", preannounce=False)
    )
    await awake.until_status("Listening")
    await awake.take_screenshot("listening")
    service.hears.append("it is me")
    await awake.say_all(tone(1))
    answer = await asking
    assert answer["sentence"] == "it is me"
    await expect(awake.words.last).to_have_text("it is me")
    await awake.until_status("Ready")


async def test_conversation(
    awake: LiveCard, house: HomeAssistant, service: Emulator
) -> None:
    """An automation begins a conversation, which the model answers in its own voice."""
    service.replies.append(Reply(text="The washing is done.", pcm=tone(0.5)))
    await call(
        house,
        "start_conversation",
        start_message="The washing is done.",
        preannounce=False,
    )
    await awake.until_status("Listening")
    service.hears.append("thank you")
    service.replies.append(Reply(text="My pleasure.", pcm=tone(1.5)))
    spoken = await awake.say(tone(1))
    await expect(awake.words.last).to_have_text("thank you")
    await expect(awake.replies.last).to_have_text("My pleasure.")
    await awake.sounding_for(spoken.end, 1)
    await awake.take_screenshot("reply")
    await becomes(house, "idle")
    await awake.until_status("Ready")


@pytest.fixture
async def radio() -> AsyncIterator[str]:
    """Run a server that lets no page of others read what it sends; return a sound's address."""

    async def send(_: web.Request) -> web.Response:
        sound = tone(1)
        body = wav_header(SAMPLE_RATE, data_bytes=len(sound)) + sound
        response = web.Response(body=body, content_type="audio/wav")
        response.force_close()  # or the server would wait for the browser at its end
        return response

    app = web.Application()
    app.router.add_get("/news.wav", send)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/news.wav"))


async def test_sound_of_another_server(
    radio: str, awake: LiveCard, house: HomeAssistant
) -> None:
    """A sound that the page may not read is played all the same, to its end."""
    begun = asyncio.get_running_loop().time()
    await call(house, "announce", media_id=radio, preannounce=False)
    assert asyncio.get_running_loop().time() - begun > 1
    await awake.until_status("Ready")
    await expect(awake.problem).to_have_count(0)


async def test_without_a_tap(
    screen: LiveCard, house: HomeAssistant, dashboard: str
) -> None:
    """A browser that lets the page make no sound is told to the automation, and on the screen."""
    await screen.page.add_init_script(SILENCE)
    await screen.open(dashboard)
    await becomes(house, "idle")
    with pytest.raises(SetupError, match="could not play the sound"):
        await call(house, "announce", message="Hello")
    await expect(screen.problem).to_contain_text("keeps the sound back")


async def test_editor(
    awake: LiveCard, browser: BrowserContext, house: HomeAssistant, dashboard: str
) -> None:
    """A dashboard that is being edited takes no screen's name, and gives its own back."""
    other = await browser.new_page()
    await other.goto(f"{dashboard}?edit=1")
    await expect(other.locator(ELEMENT)).to_be_visible()
    await expect(awake.problem).to_have_count(0)
    assert await house.state(HALL) == "idle"
    await other.close()


async def test_page_goes(awake: LiveCard, house: HomeAssistant) -> None:
    """A screen whose page is closed is unavailable."""
    await awake.page.goto("about:blank")
    await becomes(house, "unavailable")
