"""Talk to a real Home Assistant in many conversations at once while things go wrong; judge it.

Each satellite dials numbers (touch tones) that are its turn's alone, in real time, over a websocket
of its own; the emulator hears them, and answers with the same number in text and in sound. A number
behind a star makes it call a tool. Some people talk over a reply, hang up, or stop reading it.
Meanwhile there is a fault every few seconds. Two assistants share the conversations.

Home Assistant and the integration keep idle objects for --keep seconds instead of five minutes, so
that a leak shows within minutes. The run ends without faults: every satellite must get an answer, and
then everything must be as it was before.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import re
import shutil
import sys
import tempfile
import time

from homeassistant.const import __version__ as home_assistant_version

from emulator import Emulator
from script.home_assistant import (
    ROOT,
    HomeAssistant,
    connected,
    free_port,
    home_assistant,
    run_home_assistant,
    seed,
)

from .disturbances import Disturbances
from .gauges import Gauges, Sample, drift, slope
from .results import Outcome, Results
from .satellite import Satellite
from .slow import slow_consumers

DOMAIN = "azure_realtime_audio"
API_KEY = "soak"
OBSERVER = Path(__file__).parent.parent / "observer"
OUTPUT = ROOT / "soak-output"
ASSISTANTS = 2  # each has at most 32 sessions
WARM_UP_KEEP_SECONDS = 2.0
CALM_SECONDS = 30.0  # until a service that was away is found again
NOISE_MB = 0.5  # a minute
# How much more memory Home Assistant may use at the end than before. In a run of 10 minutes this is
# 0.3 KB for each turn.
KEPT_MB = 2.0
# Core's timers keep a chat or two, by the context in which they were set.
OURS = (
    *("ConversationSession", "RealtimeClient", "Connection", "Response", "Turn"),
    *("SpeechInput", "TTSCache"),
)

START = time.monotonic()


def say(text: str) -> None:
    """Print a line behind the seconds since the start."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


@dataclass
class House:
    """What runs, and what is set up in it."""

    home: HomeAssistant
    emulator: Emulator
    pid: int
    log: Path
    entry_id: str = ""
    pipelines: tuple[str, ...] = ()

    async def set_up(self) -> None:
        """Make the assistants as a user does: the first without transcription, the second with."""
        done = await self.home.fill_in(
            "config/config_entries/flow",
            {"handler": DOMAIN},
            {"host_name": self.emulator.url, "deployment": "soak", "api_key": API_KEY},
        )
        self.entry_id = done["result"]["entry_id"]
        await self.home.fill_in(
            "config/config_entries/subentries/flow",
            {"handler": [self.entry_id, "conversation"]},
            {"name": "Second", "transcription_deployment": "gpt-4o-transcribe"},
        )
        while len(self.pipelines) < ASSISTANTS:
            await self.home.entry_loaded(self.entry_id)
            answer = await self.home.command("assist_pipeline/pipeline/list")
            self.pipelines = tuple(
                pipeline["id"]
                for pipeline in answer["pipelines"]
                if pipeline["stt_engine"]
            )
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running_house() -> AsyncGenerator[House]:
    """Run Home Assistant in a process of its own; the emulator shares that of the satellites."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-realtime-"))
        )
        config, port = folder / "config", free_port()
        seed(config, port)
        (config / "custom_components" / OBSERVER.name).symlink_to(OBSERVER)
        with (config / "configuration.yaml").open("a") as configuration:
            configuration.write("observer:\n")
        emulator = await stack.enter_async_context(
            Emulator(
                api_key=API_KEY,
                deployment="soak",
                ears="touch_tones",
                voice="touch_tones",
                keep_events=False,
            )
        )
        log = folder / "home-assistant.log"
        OUTPUT.mkdir(exist_ok=True)
        stack.callback(lambda: shutil.copy(log, OUTPUT))
        starting = await stack.enter_async_context(run_home_assistant(config, log))
        owner = await stack.enter_async_context(
            home_assistant(f"http://127.0.0.1:{port}", starting)
        )
        # Satellites that have hung up log in again, for hours.
        home = await stack.enter_async_context(
            connected(owner.url, await owner.lasting_token())
        )
        house = House(home, emulator, starting.process.pid, log)
        await house.set_up()
        yield house


@dataclass
class Soak:
    """One run, its phases and its verdict."""

    house: House
    options: argparse.Namespace

    def __post_init__(self) -> None:
        """Prepare the satellites, the gauges and the disturbances."""
        options, house = self.options, self.house
        self.results = Results()
        self.gauges = Gauges(house.pid, house.home, house.emulator)
        self.disturbances = Disturbances(
            house.emulator, house.home, house.entry_id, options.seed
        )
        self.failures: list[str] = []
        self.satellites = [
            Satellite(
                number,
                house.home,
                house.pipelines[number % ASSISTANTS],
                self.results,
                options.seed,
            )
            for number in range(options.conversations)
        ]

    async def run(self) -> None:
        """Go through the phases."""
        options = self.options
        home = self.house.home
        self.disturbances.end_all()
        await home.command("observer/shorten", seconds=WARM_UP_KEEP_SECONDS)
        await self._all_answered()
        say("Warm")
        say("Locked out: the service refuses the key until a person enters it again")
        await self._locked_out()
        await self._all_answered()
        before = await self._quiet(None, WARM_UP_KEEP_SECONDS)
        await home.command("observer/shorten", seconds=options.keep)
        say(f"Before   {before.row()}")

        began = time.monotonic()
        ends = began + 60 * options.minutes
        measuring = asyncio.create_task(self.gauges.read_for_ever())
        telling = asyncio.create_task(self._tell())
        cpu_before = os.times()
        try:
            await asyncio.gather(
                self.disturbances.run(ends),
                *(satellite.live(ends) for satellite in self.satellites),
            )
            ended = time.monotonic()
            cpu = os.times()
            say("Calm: every satellite asks once more")
            await self._all_answered()
            say("Quiet: nobody speaks")
        finally:
            for task in (measuring, telling):
                task.cancel()
            await asyncio.gather(measuring, telling, return_exceptions=True)
        after = await self._quiet(before, options.keep)
        say(f"After    {after.row()}")
        driver = cpu.user + cpu.system - cpu_before.user - cpu_before.system
        await self._judge(began, ended, before, after, driver)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(30)
            say(
                f"{self.results.begun} turns; {self.gauges.samples[-1].row()}"
                f"{self.disturbances.log[-1][1] if self.disturbances.log else ''}"
            )

    async def _all_answered(self) -> None:
        """Let every satellite get an answer, as soon as the service has been found again."""

        async def ask(satellite: Satellite) -> None:
            satellite.results = calm
            until = time.monotonic() + CALM_SECONDS
            while (
                await satellite.one_turn()
            ).outcome() is not Outcome.ANSWERED and time.monotonic() < until:
                await asyncio.sleep(1)

        calm = Results()
        await asyncio.gather(*(ask(satellite) for satellite in self.satellites))
        for satellite in self.satellites:
            satellite.results = self.results
        self.results.stars |= calm.stars
        missing = len(self.satellites) - calm.outcomes[Outcome.ANSWERED]
        if missing:
            self.failures.append(f"{missing} satellites got no answer in the calm")

    async def _locked_out(self) -> None:
        """Have the key refused, and enter it in the flow that Home Assistant then starts."""
        home, faults = self.house.home, self.house.emulator.faults
        faults.add("http_401")
        satellite = self.satellites[0]
        satellite.results = Results()
        await satellite.one_turn()
        satellite.results = self.results
        async with asyncio.timeout(CALM_SECONDS):
            while not (
                asked := [
                    flow["flow_id"]
                    for flow in await home.command("config_entries/flow/progress")
                    if flow["handler"] == DOMAIN
                ]
            ):
                await asyncio.sleep(0.2)
        faults.clear()
        await home.rest(
            "POST", f"config/config_entries/flow/{asked[0]}", {"api_key": API_KEY}
        )
        await home.entry_loaded(self.house.entry_id)

    async def _quiet(self, wanted: Sample | None, kept_seconds: float) -> Sample:
        """Wait until no more is left than ``wanted`` has, or the time to keep idle objects is over."""
        until = time.monotonic() + 2 * kept_seconds + 15
        while True:
            await asyncio.sleep(2)
            sample = await self.gauges.read(objects=True)
            if time.monotonic() > until or self._is_quiet(sample, wanted):
                await self.house.home.command("observer/trim")
                return await self.gauges.read(objects=True)

    def _is_quiet(self, sample: Sample, wanted: Sample | None) -> bool:
        if wanted is None:
            return not sample.live_sessions and not any(
                sample.objects[kind]
                for kind in ("ConversationSession", "ChatSession", "TTSCache")
            )
        return not self._left_over(sample, wanted)

    def _left_over(self, sample: Sample, wanted: Sample) -> list[str]:
        return [
            f"{name}: {now}, not {then}"
            for name, now, then in (
                ("tasks", sample.tasks, wanted.tasks),
                ("sockets", sample.sockets, wanted.sockets),
                ("other files", sample.files, wanted.files),
                ("sessions", sample.live_sessions, wanted.live_sessions),
                *((kind, sample.objects[kind], wanted.objects[kind]) for kind in OURS),
            )
            if now > then
        ]

    # --- The verdict

    async def _judge(
        self, began: float, ended: float, before: Sample, after: Sample, driver: float
    ) -> None:
        results, options = self.results, self.options
        samples = self.gauges.between(began, ended)
        half = self.gauges.between((began + ended) / 2, ended)
        first, middle, last = samples[0], samples[len(samples) // 2], samples[-1]
        rises = self._rises(half, min(30.0, (ended - began) / 12))
        cpu = (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at)
        p50, p95 = results.latency_ms()
        calls = await self.house.home.command("observer/calls")
        tool_faults = results.tool_faults(calls)

        print(
            f"\nHome Assistant {home_assistant_version}, {options.conversations} conversations, "
            f"{options.minutes:g} min, seed {options.seed}, kept for {options.keep:g} s. "
            f"CPU: Home Assistant {cpu:.0%} of a core, satellites and emulator "
            f"{driver / (ended - began):.0%}. Load: {os.getloadavg()[1]:.1f}"
        )
        print(f"\nTurns {results.begun}")
        for outcome in Outcome:
            print(f"  {results.outcomes[outcome]:6} {outcome}")
        print(f"Errors by what they say ({results.errors.total()})")
        for sentence, count in results.errors.most_common():
            print(f"  {count:6} {sentence}")
        print(f"Faults ({self.disturbances.happened.total()})")
        for name, count in sorted(self.disturbances.happened.items()):
            print(f"  {count:6} {name}")
        print(
            f"Latency from the last word to the first sound: p50 {p50:.0f} ms, p95 {p95:.0f} ms"
        )
        print(
            f"Tool calls {sum(times for _, times in calls)}, of {len(results.stars)} turns with a "
            f"star; faults: {', '.join(tool_faults) or 'none'}"
        )
        for name, (rise, error, _) in rises.items():
            print(
                f"{name} in the last half: {rise:+.2f}/min, standard error {error:.2f}"
            )
        for name, sample in zip(
            ("before", "first", "middle", "last", "after"),
            (before, first, middle, last, after),
            strict=True,
        ):
            print(f"  {name:<8} {sample.row()}")
        errors_logged = log_errors(self.house.log)
        print(f"Home Assistant logged {errors_logged.total()} errors")
        for line, count in errors_logged.most_common():
            print(f"  {count:6} {line}")

        self.failures += [
            f"{results.outcomes[outcome]} turns: {outcome}"
            for outcome in (Outcome.WRONG, Outcome.GARBLED, Outcome.NEITHER)
            if results.outcomes[outcome]
        ]
        self.failures += [
            f"An unclear error: {error}"
            for at, error in results.unclear
            if not any(start < at < end for start, end in self.disturbances.reloads)
        ]
        self.failures += [f"Tool: {fault}" for fault in tool_faults]
        self.failures += [
            f"Left over: {thing}" for thing in self._left_over(after, before)
        ]
        if after.heap_mb > before.heap_mb + KEPT_MB:
            self.failures.append(
                f"Left over: {after.heap_mb - before.heap_mb:.1f} MB of heap in use"
            )
        self.failures += [
            f"{name} grows by {rise:.2f}/min"
            for name, (rise, error, noise) in rises.items()
            if rise > noise and rise > 2 * error
        ]
        with (OUTPUT / "suspects.txt").open("w") as file:
            file.writelines(f"{spoken}\n" for spoken in results.suspects)
            file.writelines(
                f"{at - began:8.1f} {error}\n" for at, error in results.unclear
            )
            file.writelines(
                f"{at - began:8.1f} {name}\n" for at, name in self.disturbances.log
            )

    def _rises(
        self, samples: Sequence[Sample], block_seconds: float
    ) -> dict[str, tuple[float, float, float]]:
        """Return the growth of memory, its standard error, and the growth that counts as noise."""
        counted = [sample for sample in samples if sample.objects]
        return {
            name: (*growth(among, value, block_seconds), noise)
            for name, growth, among, value, noise in (
                ("RSS (MB)", drift, samples, lambda s: s.rss_mb, NOISE_MB),
                ("Heap in use (MB)", slope, counted, lambda s: s.heap_mb, NOISE_MB),
                ("Blocks (1000)", slope, counted, lambda s: s.blocks / 1000, 5.0),
            )
        }


# The last words of a microphone, which cross with the end of listening.
_CROSSED = "Received binary message for non-existing handler"


def log_errors(log: Path) -> Counter[str]:
    """Return the errors of the log, without the numbers and ids that differ each time."""
    return Counter(
        re.sub(r"\d+|[0-9A-Z]{26}|0x[0-9a-f]+", "#", line.partition("ERROR ")[2])
        for line in log.read_text(errors="replace").splitlines()
        if " ERROR " in line and _CROSSED not in line
    )


async def soak(options: argparse.Namespace) -> list[str]:
    """Run it all; return what failed."""
    async with running_house() as house:
        say(f"Home Assistant {home_assistant_version} is set up, process {house.pid}")
        if options.slow_consumer:
            gauges = Gauges(house.pid, house.home, house.emulator)
            return await slow_consumers(
                house.home, house.emulator, house.pipelines[0], gauges
            )
        run = Soak(house, options)
        await run.run()
    return run.failures


def main() -> int:
    """Read the options, run and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="script/bench soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10, help="default %(default)s")
    parser.add_argument(
        "--conversations", type=int, default=50, help="default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=2026, help="default %(default)s")
    parser.add_argument(
        "--keep", type=float, default=60, help="seconds, default %(default)s"
    )
    parser.add_argument(
        "--slow-consumer",
        action="store_true",
        help="instead: long replies that come at once, to players that stop reading",
    )
    failures = asyncio.run(soak(parser.parse_args()))
    for failure in failures:
        print(f"FAILED: {failure}")
    if not failures:
        print("\nAll is as it must be.")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
