"""The live card in a browser: a person who speaks to it, and what is heard of it."""

from base64 import b64encode
from dataclasses import dataclass
import json
from pathlib import Path
import time
from typing import Any

import numpy as np
from playwright.async_api import Page, StorageState, expect

from emulator.model.voice import EspeakVoice

from .home_assistant import HomeAssistant

ROOM = (Path(__file__).parent / "room.js").read_text()
ELEMENT = "azure-realtime-audio-card"
RATE = 24_000  # Hz, of all sound here
AUDIBLE = 500  # of 32768
LOGIN_SECONDS = 1800


@dataclass(frozen=True)
class Spoken:
    """When the first and the last sample of something said left the mouth, in ms of the page."""

    begin: float
    end: float


@dataclass(frozen=True)
class Sound:
    """A sound that left the page's speaker, in ms of the page; None as long as it goes on.

    ``seconds`` are those of its samples that can be heard.
    """

    begin: float
    end: float | None
    seconds: float | None


async def speech(text: str) -> bytes:
    """Return a sentence as PCM16 mono of 24 kHz, without the silence around it."""
    pcm = await EspeakVoice().say(text, voice="alloy", speed=1.0)
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > AUDIBLE)
    return pcm[2 * loud[0] : 2 * loud[-1] + 2]


def tone(seconds: float, frequency: float = 220.0) -> bytes:
    """Return a tone as PCM16 mono of 24 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 8000 * np.sin(2 * np.pi * frequency * time)
    return bytes(wave.astype("<i2").tobytes())


def logged_in(house: HomeAssistant) -> StorageState:
    """Return the browser storage that the frontend has after a login."""
    tokens = {
        "access_token": house.token,
        "token_type": "Bearer",
        "expires_in": LOGIN_SECONDS,
        "expires": int((time.time() + LOGIN_SECONDS) * 1000),
        "hassUrl": house.url,
        "clientId": f"{house.url}/",
        "refresh_token": "",
    }
    return {
        "cookies": [],
        "origins": [
            {
                "origin": house.url,
                "localStorage": [{"name": "hassTokens", "value": json.dumps(tokens)}],
            }
        ],
    }


class CardPage:
    """A page with one live card. Call ``open`` first."""

    def __init__(self, page: Page) -> None:
        """Use a page that is still empty."""
        self.page = page
        self.card = page.locator(ELEMENT)
        self.status = self.card.get_by_role("status").first
        self.person = self.card.locator(".bubble.person")
        self.reply = self.card.locator(".bubble.reply")
        self.done = self.card.locator(".did")
        self.foot = self.card.locator(".foot")

    async def open(self, url: str) -> None:
        """Open a dashboard, in a room of its own."""
        await self.page.add_init_script(ROOM)
        await self.page.goto(url)
        await self.status.wait_for()

    async def until_status(self, text: str) -> None:
        """Wait until the card says what it does."""
        await expect(self.status).to_have_text(text)

    async def press(self, label: str) -> None:
        """Press a button of the card."""
        await self.card.get_by_role("button", name=label, exact=True).click()

    async def say(self, pcm: bytes) -> Spoken:
        """Begin to say something, PCM16 mono of 24 kHz; returns at once."""
        told: dict[str, Any] = await self.page.evaluate(
            "pcm => room.say(pcm)", b64encode(pcm).decode()
        )
        return Spoken(**told)

    async def sounds(self) -> list[Sound]:
        """Return every sound of the page so far."""
        return [Sound(**each) for each in await self.page.evaluate("room.sounds")]

    async def now(self) -> float:
        """Return the page's time, in ms."""
        now: float = await self.page.evaluate("performance.now()")
        return now

    async def first_sound(self, since: float) -> float:
        """Wait for a sound that begins after a time; return when it does, in ms."""
        handle = await self.page.wait_for_function(
            "since => room.sounds.find(({begin}) => begin > since)?.begin", arg=since
        )
        begin: float = await handle.json_value()
        return begin

    async def sounding_for(self, since: float, seconds: float) -> None:
        """Wait until a sound that began after a time has gone on for so long, pauses included."""
        begin = await self.first_sound(since)
        await self.page.wait_for_function(
            "until => performance.now() > until", arg=begin + seconds * 1000
        )

    async def silence(self, since: float, quiet_ms: float = 400) -> float:
        """Wait until nothing sounds, for so long; return the end of what did after a time, in ms.

        Returns that time itself if nothing was heard after it.
        """
        handle = await self.page.wait_for_function(
            """([since, quiet]) => {
              const end = room.sounds.at(-1)?.end;
              if (end === null) return null;
              const last = Math.max(since, end ?? since);
              return performance.now() > last + quiet ? last : null;
            }""",
            arg=[since, quiet_ms],
        )
        last: float = await handle.json_value()
        return last
