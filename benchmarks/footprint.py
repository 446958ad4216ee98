"""Print what an idle session takes in memory, and how long the integration takes to import.

Each sample is a process of its own, and the kinds take turns. Sessions are compared with
websockets of aiohttp, both with TLS. The import is timed in a process that has imported Home
Assistant and the components that the integration builds on.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
import gc
import importlib
import json
import os
from pathlib import Path
from statistics import median
import sys
import time

from homeassistant.const import __version__ as home_assistant_version

from .processes import server

PACKAGE = "custom_components.azure_realtime_audio"
FOLDER = Path(*PACKAGE.split("."))
PLATFORMS = ("conversation", "diagnostics", "repairs", "sensor", "stt", "tts")

WARM_UP = 20
SESSIONS = 200
BARE, CLIENT = "bare", "client"
MOST_RATIO = 1.1
MOST_MS = 150


async def session_kib(kind: str, port: int, certificate: Path) -> float:
    """Return how much memory of this process an open session takes, in KiB."""
    from .variants import Address, realtime_client, websocket

    address = Address.trusting(certificate, port)
    async with address.http() as http, AsyncExitStack() as stack:

        async def resident_with(count: int) -> int:
            for _ in range(count):
                if kind == BARE:
                    opened = websocket(http, address, decode_text=False)
                    await (await stack.enter_async_context(opened)).receive()
                else:
                    await stack.enter_async_context(realtime_client(http, address))
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")

        before = await resident_with(WARM_UP)
        after = await resident_with(SESSIONS)
    return (after - before) / SESSIONS / 1024


def import_ms() -> float:
    """Return the CPU time that the modules of the integration take to import, in ms."""
    importlib.import_module("homeassistant.bootstrap")
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    for component in (*manifest["dependencies"], *PLATFORMS):
        importlib.import_module(f"homeassistant.components.{component}")
    start = time.process_time()
    for module in sorted(path.stem for path in FOLDER.glob("[!_]*.py")):
        importlib.import_module(f"{PACKAGE}.{module}")
    return (time.process_time() - start) * 1000


async def sample(*arguments: str) -> float:
    """Return what this module prints in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.footprint", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return float(output)


async def measure(rounds: int) -> None:
    """Print the memory of a session and the time of the import."""
    print(f"Home Assistant {home_assistant_version}, {rounds} rounds: median (range)")
    kib: dict[str, list[float]] = {BARE: [], CLIENT: []}
    async with server() as (_, port, certificate):
        for _ in range(rounds):
            for kind, samples in kib.items():
                samples.append(
                    await sample("--sessions", kind, str(port), str(certificate))
                )
    ratios = [ours / bare for bare, ours in zip(*kib.values(), strict=True)]
    show("idle session with TLS, bare aiohttp", kib[BARE], "KiB")
    show("idle session with TLS, RealtimeClient", kib[CLIENT], "KiB")
    show(f"  of bare, <= {MOST_RATIO}", ratios, "")
    imports = [await sample("--import") for _ in range(rounds)]
    show(f"import of the integration, <= {MOST_MS} ms", imports, "ms")


def show(name: str, samples: list[float], unit: str) -> None:
    """Print a row."""
    print(
        f"  {name:<42} {median(samples):7.2f} "
        f"({min(samples):.2f} to {max(samples):.2f}) {unit}"
    )


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="script/bench footprint", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--sessions", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--import", action="store_true", help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    if options["sessions"]:
        kind, port, certificate = options["sessions"]
        print(asyncio.run(session_kib(kind, int(port), Path(certificate))))
    elif options["import"]:
        print(import_ms())
    else:
        asyncio.run(measure(options["rounds"]))


if __name__ == "__main__":
    main()
