"""Tests of the sound in the Assist dialog: when it begins, and whether it is complete."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal, override

from playwright.async_api import BrowserContext
import pytest

from emulator import Emulator, Reply
from emulator.model.voice import ToneVoice
from script.card_page import logged_in
from script.demo import Assistant
from script.home_assistant import HomeAssistant

from .conftest import OUTPUT, PIPELINE
from .dialog import AssistDialog

QUESTION = "how are you today"
ANSWER = "It is well with me."
DELTA_SECONDS = 0.1  # of sound, in each of the emulator's
ANSWER_SECONDS = 3.0
WAV_BYTES_PER_SECOND = 384_000
MP3_BYTES_PER_SECOND = 24_000
MP3_OF_48_KHZ_192_KBIT = "fffbb4"  # how each of its frames begins
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Safari/605.1.15"
)


class HoldAfter(asyncio.Event):
    """Holds a reply back once so much of its sound has been sent."""

    def __init__(self, seconds: float) -> None:
        """Let this much pass."""
        super().__init__()
        self._left = round(seconds / DELTA_SECONDS)

    @override
    async def wait(self) -> Literal[True]:
        self._left -= 1
        return self._left > 0 or await super().wait()


async def answer(service: Emulator, hold: asyncio.Event | None = None) -> None:
    """Prepare an answer that is one tone."""
    letters = round(ANSWER_SECONDS / 0.04)
    tone = await ToneVoice().say("a" * letters, voice="alloy", speed=1.0)
    service.hears.append(QUESTION)
    service.replies.append(Reply(text=ANSWER, pcm=tone, hold=hold))


async def test_chromium(dialog: AssistDialog, service: Emulator) -> None:
    """Chromium is heard with 0.6 s of a reply, to the last sample, and again if it plays again."""
    hold = HoldAfter(0.6)
    await answer(service, hold)
    await dialog.talk()
    sound = await dialog.heard("loud", "error")
    assert sound.type == "audio/x-wav"
    # Silence fills the gap while the rest is held back, so a slow machine may count some of it.
    assert 0.5 < sound.bytesWhenLoud / WAV_BYTES_PER_SECOND < 1.2
    hold.set()
    await assert_whole(dialog, 1)
    await dialog.play_again()
    await assert_whole(dialog, 2)


async def test_others(safari: AssistDialog, service: Emulator) -> None:
    """A browser that may not take a WAV is heard with 1.4 s of a reply, not with 2.0 as before."""
    hold = HoldAfter(1.5)
    await answer(service, hold)
    await safari.talk()
    sound = await safari.heard("loud", "error")
    assert (sound.type, sound.head) == ("audio/mpeg", MP3_OF_48_KHZ_192_KBIT)
    assert 1.3 < sound.bytesWhenLoud / MP3_BYTES_PER_SECOND < 1.9
    hold.set()
    await assert_whole(safari, 1)


async def assert_whole(dialog: AssistDialog, times: int) -> None:
    """Wait for the end of the sound, and check that nothing of the answer was left out."""
    sound = await dialog.heard("ended", "error")
    assert "error" not in sound.events
    assert sound.loudSeconds == pytest.approx(times * ANSWER_SECONDS, abs=times * 0.05)


@pytest.fixture
async def safari(
    browser: BrowserContext, house: HomeAssistant, assistant: Assistant
) -> AsyncIterator[AssistDialog]:
    """Open the Assist dialog in a Chromium that says that it is Safari."""
    assert browser.browser is not None
    context = await browser.browser.new_context(
        storage_state=logged_in(house), user_agent=SAFARI, service_workers="block"
    )
    dialog = AssistDialog(await context.new_page(), OUTPUT, "heard-others")
    try:
        await dialog.open(house.url, PIPELINE)
        yield dialog
    finally:
        await dialog.take_screenshot()
        await context.close()
