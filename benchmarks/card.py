"""Print what a conversation with the live card is like, and what the page takes for it.

A person speaks recorded sentences to the card in Chromium, in a real Home Assistant; the emulator
answers at once. All times are taken in the page: where a sentence goes into the microphone, and where
sound leaves the audio context for the speaker.

- first sound: from the last sample that was said to the first of the reply. Turn detection waits for
  half a second of silence, which is taken off.
- silence: from the first sample of an interruption to the last sample of the reply.
- truncation: how much more (or, negative, less) of the reply the model keeps than was heard.
- CPU: of the page's own process and of all of Chromium's, in percent of a core. Without a graphics
  card Chromium draws on the processor too.
- an hour: 240 turns of 15 seconds, each with a reply of 7.5 seconds, as fast as they go, since each
  interrupts the reply before it; and what the page then keeps.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import gzip
from pathlib import Path
import shutil
from statistics import median
import tempfile
import time
from typing import Any

from homeassistant.const import __version__ as home_assistant_version
from playwright.async_api import CDPSession, async_playwright

from emulator import Emulator, Reply
from script.card_page import RATE, CardPage, Spoken, logged_in, speech, tone
from script.dashboard import CARD, save_dashboard
from script.demo import API_KEY, DEPLOYMENT, set_up
from script.home_assistant import (
    PACKAGE,
    HomeAssistant,
    free_port,
    home_assistant,
    run_home_assistant,
    seed,
)

MODULE = PACKAGE / "frontend" / "azure-realtime-audio-card.js"
BYTES_PER_MS = RATE * 2 // 1000
DETECTION_MS = 500  # of silence end a turn
QUESTION = "tell me a story"
INTERRUPTION = "no something about cats"
STORY = "Once upon a time there was a small house at the edge of a wide forest. " * 3
REPLY_SECONDS = 7.5
HEARD_SECONDS = 1.5  # of a reply are heard before it is interrupted
CPU_SECONDS = 5.0
HOUR_TURNS = 240
PATIENCE_MS = 30_000
MIB = 1024 * 1024


@dataclass
class Times:
    """What the turns took, in ms."""

    first_sound: list[float] = field(default_factory=list)
    silence: list[float] = field(default_factory=list)
    truncation: list[float] = field(default_factory=list)

    def show(self) -> None:
        """Print a row for each."""
        print(f"\n{'ms':<24}median     least      most")
        for name, values in vars(self).items():
            print(
                f"{name:<24}{median(values):6.1f}{min(values):10.1f}{max(values):10.1f}"
            )


class Chromium:
    """What a running Chromium takes."""

    def __init__(self, browser: CDPSession, page: CDPSession) -> None:
        """Use a debugging session of the browser, and one of its only page."""
        self._browser = browser
        self._page = page

    async def _processes(self) -> list[dict[str, Any]]:
        told = await self._browser.send("SystemInfo.getProcessInfo")
        processes: list[dict[str, Any]] = told["processInfo"]
        return processes

    async def cpu(self, seconds: float) -> tuple[float, float]:
        """Return what the page and all of Chromium take for so long, in percent of a core."""
        before, start = await self._cpu_seconds(), time.monotonic()
        await asyncio.sleep(seconds)  # what is measured is what happens meanwhile
        after, end = await self._cpu_seconds(), time.monotonic()
        page, whole = (
            100 * (late - early) / (end - start)
            for early, late in zip(before, after, strict=True)
        )
        return page, whole

    async def _cpu_seconds(self) -> tuple[float, float]:
        processes = await self._processes()
        page = max(each["cpuTime"] for each in processes if each["type"] == "renderer")
        return page, sum(each["cpuTime"] for each in processes)

    async def memory(self) -> tuple[float, float]:
        """Return the page's JavaScript heap after a collection, and its whole process, in MiB."""
        await self._page.send("HeapProfiler.collectGarbage")
        told = await self._page.send("Runtime.getHeapUsage")
        renderers = [
            each for each in await self._processes() if each["type"] == "renderer"
        ]
        busiest = max(renderers, key=lambda each: each["cpuTime"])
        status = Path(f"/proc/{busiest['id']}/status").read_text()
        [resident] = [
            int(line.split()[1])
            for line in status.splitlines()
            if line.startswith("VmRSS")
        ]
        return told["usedSize"] / MIB, resident / 1024


@dataclass
class Bench:
    """A card that listens, in a house of its own."""

    card: CardPage
    chromium: Chromium
    emulator: Emulator

    async def begin_reply(self, seconds: float = REPLY_SECONDS) -> Spoken:
        """Ask for a story, which is one tone."""
        self.emulator.hears.append(QUESTION)
        self.emulator.replies.append(Reply(text=STORY, pcm=tone(seconds, 440)))
        return await self.card.say(await speech(QUESTION))

    async def take_turns(self, rounds: int) -> Times:
        """Ask and interrupt, again and again; the first round warms up."""
        times = Times()
        for number in range(rounds + 1):
            asked = await self.begin_reply()
            first = await self.card.first_sound(asked.end)
            await self.card.sounding_for(asked.end, HEARD_SECONDS)
            self.emulator.hears.append(INTERRUPTION)
            self.emulator.replies.append(Reply(text="Yes.", pcm=tone(0.5, 440)))
            spoken = await self.card.say(await speech(INTERRUPTION))
            silent = await self.card.silence(spoken.begin)
            heard = sum(
                each.seconds or 0.0
                for each in await self.card.sounds()
                if first <= each.begin < spoken.end
            )
            await self.card.first_sound(spoken.end)
            await self.card.until_status("Listening")
            cut = [
                each for each in self.emulator.sessions[-1].conversation if each.is_cut
            ][-1]
            if number:
                times.first_sound.append(first - asked.end - DETECTION_MS)
                times.silence.append(silent - spoken.begin)
                times.truncation.append(len(cut.audio) / BYTES_PER_MS - heard * 1000)
        return times

    async def show_cpu(self) -> None:
        """Print what the page takes while it listens and while it speaks."""
        print(f"\n{'% of a core':<24}page   Chromium")
        show_cpu("listening", await self.chromium.cpu(CPU_SECONDS))
        asked = await self.begin_reply(CPU_SECONDS + 5)
        await self.card.sounding_for(asked.end, 1.0)
        show_cpu("speaking", await self.chromium.cpu(CPU_SECONDS))
        await self.card.press("Stop the answer")
        await self.card.until_status("Listening")
        await self.card.press("End the talk")
        show_cpu("ready", await self.chromium.cpu(CPU_SECONDS))
        await self.card.press("Start talking")
        await self.card.until_status("Listening")

    async def show_hour(self, turns: int) -> None:
        """Print what the page keeps of an hour's conversation."""
        print(f"\n{'MiB':<24}heap    process")
        self.emulator.speed = 0
        self.emulator.first_audio_ms = (
            100  # a pause between two replies, to tell them apart
        )
        show_memory("at first", await self.chromium.memory())
        field = self.card.card.get_by_role("textbox")
        for number in range(1, turns + 1):
            since = await self.card.now()
            self.emulator.replies.append(
                Reply(text=STORY, pcm=tone(REPLY_SECONDS, 440))
            )
            await field.fill(f"Question number {number}")
            await field.press("Enter")
            await self.card.first_sound(since + 50)
            if number in (turns // 2, turns):
                show_memory(f"after {number} turns", await self.chromium.memory())


def show_cpu(name: str, percent: tuple[float, float]) -> None:
    """Print a row."""
    page, whole = percent
    print(f"{name:<24}{page:4.0f}{whole:11.0f}", flush=True)


def show_memory(name: str, mib: tuple[float, float]) -> None:
    """Print a row."""
    heap, resident = mib
    print(f"{name:<24}{heap:4.1f}{resident:11.0f}", flush=True)


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[tuple[HomeAssistant, Emulator, str]]:
    """Run both sides; yields the address of a dashboard with the card, too."""
    config, port = folder / "config", free_port()
    seed(config, port)
    async with (
        Emulator(
            api_key=API_KEY, deployment=DEPLOYMENT, speed=4, first_audio_ms=0
        ) as emulator,
        run_home_assistant(config, folder / "home-assistant.log") as starting,
        home_assistant(f"http://127.0.0.1:{port}", starting) as house,
    ):
        assistant = await set_up(house, emulator.url)
        card = {"type": CARD, "entity": assistant.conversation}
        await save_dashboard(house, "talk-bench", "Talk", {"cards": [card]})
        yield house, emulator, f"{house.url}/talk-bench"


async def bench(rounds: int, turns: int) -> None:
    """Measure everything."""
    module = MODULE.read_bytes()
    print(f"Home Assistant {home_assistant_version}, {rounds} rounds")
    print(f"The card's module: {len(gzip.compress(module, 9)) / 1000:.1f} kB gzipped")
    with tempfile.TemporaryDirectory(prefix="azure-realtime-") as name:
        async with (
            running(Path(name)) as (house, emulator, url),
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            context = await browser.new_context(
                storage_state=logged_in(house), service_workers="block"
            )
            context.set_default_timeout(PATIENCE_MS)
            card = CardPage(await context.new_page())
            chromium = Chromium(
                await browser.new_browser_cdp_session(),
                await context.new_cdp_session(card.page),
            )
            measured = Bench(card, chromium, emulator)
            await card.open(url)
            await card.press("Start talking")
            await card.until_status("Listening")
            (await measured.take_turns(rounds)).show()
            await measured.show_cpu()
            await measured.show_hour(turns)
            await browser.close()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        prog="script/bench card",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=10, help="default %(default)s")
    parser.add_argument(
        "--turns", type=int, default=HOUR_TURNS, help="of the hour, default %(default)s"
    )
    options = parser.parse_args()
    asyncio.run(bench(options.rounds, options.turns))


if __name__ == "__main__":
    main()
