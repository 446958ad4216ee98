"""Print when a spoken turn is sent and when it is heard, in the Assist dialog of a browser.

A page of Home Assistant's own frontend, in Chromium and in Firefox, hears a tone from its
microphone. The clock starts at the end of that tone. The silence that turn detection waits for is
taken off, as in `script/bench latency`; the models answer at once, and speak at one, two and four
times the speed of playback.

The columns, in ms: the first byte of the reply is in the browser; the first sample that can be
heard comes out of its audio element; the difference. Each browser is measured under its own
name, for which it gets a WAV, and under Safari's, for which it gets an MP3.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import shutil
from statistics import median
import time
from typing import Any, Protocol

from homeassistant.const import __version__ as home_assistant_version
from playwright.async_api import async_playwright

from emulator import Emulator, Reply
from script.home_assistant import HomeAssistant
from tests.browser.dialog import RECORD_SOUNDS

from .firefox import firefox, is_installed
from .latency.house import running_house
from .latency.turn import SILENCE_SECONDS

SPEEDS = (1.0, 2.0, 4.0)
REPLY = "It is somewhat cloudy today, with a little rain at night and in the morning"
LOGIN_SECONDS = 1800
TURN_SECONDS = 30.0
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Safari/605.1.15"
)

# A microphone that hears a tone once, and then the faint noise of a room: of full silence Firefox
# would send nothing at all. The tone ends at `spokeUntil`.
MICROPHONE = """
  navigator.mediaDevices && (navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    await context.resume();
    const room = context.createMediaStreamDestination();
    const voice = context.createOscillator(), volume = context.createGain();
    voice.frequency.value = 220;
    volume.gain.value = 0.4;
    voice.connect(volume).connect(room);
    const rustling = context.createConstantSource();
    rustling.offset.value = 0.0005;
    rustling.connect(room);
    rustling.start();
    const begin = context.currentTime + 0.5, end = begin + 0.6;
    voice.start(begin);
    voice.stop(end);
    window.spokeUntil = performance.now() + (end - context.currentTime) * 1000;
    return room.stream;
  });
"""

# Waits for something in the page, whose elements are in shadow roots. One turn is one sound.
TURN = """
  window.until = async find => {
    for (let found; ; await new Promise(next => setTimeout(next, 20)))
      if (found = find()) return found;
  };
  const elements = function* (root) {
    for (const element of root.querySelectorAll("*")) {
      yield element;
      if (element.shadowRoot) yield* elements(element.shadowRoot);
    }
  };
  const press = async label => {
    const button = await until(() => {
      for (const element of elements(document))
        if (element.localName === "ha-icon-button" && element.label?.startsWith(label))
          return element;
    });
    button.click();
  };
  window.openDialog = () => press("Assist");
  window.takeTurn = async () => {
    const number = recordedSounds.length;
    await press("Start listening");
    const sound = await until(() => recordedSounds[number]);
    await until(() => sound.events.includes("ended") || sound.events.includes("error"));
    return {sent: sound.sentAt - spokeUntil, heard: sound.loudAt - spokeUntil, ...sound};
  };
"""


class BrowserPage(Protocol):
    """The page of a browser, as a turn uses it."""

    async def goto(self, url: str) -> Any:
        """Load a document."""

    async def evaluate(self, expression: str) -> Any:
        """Return what an expression or its promise has as JSON."""


@dataclass(frozen=True)
class Times:
    """When a reply was sent and heard, in ms after turn detection could first know the end."""

    sent: float
    heard: float
    coding: str


async def take_turn(page: BrowserPage, url: str, emulator: Emulator) -> Times:
    """Open the dialog, speak in it, and hear the reply to its end."""
    await page.goto(url)
    await page.evaluate("openDialog()")
    emulator.hears.append("what is the weather like")
    emulator.replies.append(Reply(text=REPLY))
    async with asyncio.timeout(TURN_SECONDS):
        sound = await page.evaluate("takeTurn()")
    wait = SILENCE_SECONDS * 1000
    return Times(sound["sent"] - wait, sound["heard"] - wait, sound["type"])


async def bench(rounds: int) -> None:
    """Take all turns and print the table."""
    async with running_house() as running:
        house, emulator = running.home, running.emulator
        assistants = await running.set_up(tls=False)
        await house.command(
            "assist_pipeline/pipeline/set_preferred",
            pipeline_id=assistants.plain.pipeline,
        )
        print(f"\nHome Assistant {home_assistant_version}; medians in ms.")
        print("browser   speed  coding          sent    heard   heard - sent")
        browsers = {"Chromium": chromium} if shutil.which("chromium") else {}
        if is_installed():
            browsers["Firefox"] = firefox
        for name, browser in browsers.items():
            for user_agent in (None, SAFARI):
                scripts = (log_in(house), RECORD_SOUNDS, MICROPHONE, TURN)
                async with browser(user_agent, *scripts) as page:
                    for speed in SPEEDS:
                        emulator.speed = speed
                        # The first turn warms up.
                        turns = [
                            await take_turn(page, house.url, emulator)
                            for _ in range(rounds + 1)
                        ]
                        show(name, speed, turns[1:])


def show(browser: str, speed: float, turns: list[Times]) -> None:
    """Print a row."""
    sent, heard = (
        median(values)
        for values in zip(*((turn.sent, turn.heard) for turn in turns), strict=True)
    )
    late = median(turn.heard - turn.sent for turn in turns)
    print(
        f"{browser:<9}{speed:5.0f}x  {turns[0].coding:<11}{sent:9.0f}{heard:9.0f}{late:15.0f}",
        flush=True,
    )


def log_in(house: HomeAssistant) -> str:
    """Return a script that leaves what the frontend keeps after a login."""
    tokens = json.dumps(
        {
            "access_token": house.token,
            "token_type": "Bearer",
            "expires_in": LOGIN_SECONDS,
            "expires": int((time.time() + LOGIN_SECONDS) * 1000),
            "hassUrl": house.url,
            "clientId": f"{house.url}/",
            "refresh_token": "",
        }
    )
    return (
        f"if (location.origin === {json.dumps(house.url)}) "
        f"localStorage.setItem('hassTokens', {json.dumps(tokens)});"
    )


@asynccontextmanager
async def chromium(
    user_agent: str | None, *scripts: str
) -> AsyncGenerator[BrowserPage]:
    """Run Chromium, with a name of its own or this one, and yield a page of it."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        context = await running.new_context(
            user_agent=user_agent, service_workers="block"
        )
        page = await context.new_page()
        for script in scripts:
            await page.add_init_script(script)
        yield page
        await running.close()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        prog="script/bench heard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    asyncio.run(bench(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
