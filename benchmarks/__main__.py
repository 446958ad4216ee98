"""Print what the client costs per message, as a ratio of the bare socket in the same round.

The speed of a shared machine drifts. So the variants take turns, in the opposite order every other
round, and only the ratios mean something.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles
import sys
import time

from .server import DELTA_BYTES
from .variants import Variant, bare_socket, by_hand, client, openai_sdk

APPEND = bytes(1536)  # 32 ms of PCM16 at 24 kHz
APPENDS = 1000  # per round
DELTAS = 250  # per round
INTERVAL_US = 1500  # between deltas: each wakes the event loop by itself

BARE = "bare aiohttp"
BY_HAND = "by hand: base64 and JSON"
CLIENT = "RealtimeClient"
SDK = "openai SDK"


@dataclass(frozen=True)
class Measure:
    """Something done ``count`` times a round, and how much dearer than bare it may be."""

    name: str
    count: int
    target: float
    run: Callable[[Variant], Awaitable[object]]


MEASURES = [
    Measure(
        "append_pcm of 32 ms, 24 kHz",
        APPENDS,
        1.20,
        lambda variant: variant.append(APPEND, APPENDS),
    ),
    Measure(
        f"audio delta of {DELTA_BYTES} bytes, paced",
        DELTAS,
        1.40,
        lambda variant: variant.receive(
            {"deltas": str(DELTAS), "interval_us": str(INTERVAL_US)}
        ),
    ),
]


@asynccontextmanager
async def server() -> AsyncGenerator[int]:
    """Run the server in a process of its own and yield its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.server", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def cost(measure: Measure, variant: Variant) -> float:
    """Return the CPU time of this process per message, in microseconds."""
    start = time.process_time()
    await measure.run(variant)
    return (time.process_time() - start) / measure.count * 1e6


async def bench(rounds: int) -> None:
    """Run all rounds and print the table."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server())
        variants: dict[str, Variant] = {
            BARE: await stack.enter_async_context(bare_socket(port)),
            BY_HAND: await stack.enter_async_context(by_hand(port)),
            CLIENT: await stack.enter_async_context(client(port)),
            SDK: await stack.enter_async_context(openai_sdk(port)),
        }
        for measure in MEASURES:
            costs: dict[str, list[float]] = {name: [] for name in variants}
            for number in range(rounds + 1):
                for name in list(variants)[:: -1 if number % 2 else 1]:
                    costs[name].append(await cost(measure, variants[name]))
            # The first round warms up.
            show(measure, {name: values[1:] for name, values in costs.items()})


def show(measure: Measure, costs: dict[str, list[float]]) -> None:
    """Print the rows of one measure."""
    print(f"\n{measure.name:<32}  us median  ratio median   p95  target")
    for name, values in costs.items():
        ratios = [value / bare for value, bare in zip(values, costs[BARE], strict=True)]
        p95 = quantiles(ratios, n=20)[-1]
        target = f"{measure.target:6.2f}" if name == CLIENT else ""
        print(
            f"  {name:<30}  {median(values):9.1f}  {median(ratios):12.2f} "
            f"{p95:5.2f}  {target}"
        )


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="default %(default)s")
    asyncio.run(bench(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
