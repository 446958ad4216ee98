"""Print how long turns take to begin, and for how many round trips to the service they wait.

A real Home Assistant runs the stock Assist pipeline. The microphone goes up as fast as one speaks,
and the reply is fetched from /api/tts_proxy as soon as the pipeline says so. What turn detection
waits for, to be sure that nobody speaks, is taken off: no model is faster than that.

The first table is on loopback. In the second, the service is behind a proxy that delays every byte:
the median in ms at each round-trip time, and how far apart the middle half of the turns is; the
slope, which is the number of round trips, and how many there may be; the most model calls of a turn
(each is paid), and of the commands that take something back or tell it again.
"""

import argparse
import asyncio

from homeassistant.const import __version__ as home_assistant_version

from . import loopback, round_trips
from .documents import save
from .house import running_house
from .table import COLUMNS, row, rule


async def bench(options: argparse.Namespace) -> None:
    """Take all turns and print the tables."""
    print(f"\nHome Assistant {home_assistant_version}", flush=True)
    async with running_house() as house:
        assistants = await house.set_up(tls=options.tls)
        kinds = await round_trips.kinds_of_turn(house, assistants, tls=options.tls)
        if options.only:
            kinds = [
                kind for kind in kinds if options.only in f"{kind.speaker}, {kind.name}"
            ]

        def show(kind: round_trips.Kind) -> None:
            print(row(kind), flush=True)
            if options.frames:
                print(f"{kind.frames}\n", flush=True)

        print(COLUMNS, rule(COLUMNS), sep="\n")
        await round_trips.measure(house, kinds, options.rounds, show)
        if options.loopback:
            await loopback.bench(house, assistants.plain.pipeline, options.loopback)
    if options.save:
        save(kinds, home_assistant_version)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        prog="script/bench latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="turns of each kind at each round-trip time; default %(default)s",
    )
    parser.add_argument(
        "--loopback",
        type=int,
        default=10,
        help="turns of each kind on loopback, 0 for none; default %(default)s",
    )
    parser.add_argument(
        "--only", default="", help="kinds of turn with this text in their names"
    )
    parser.add_argument("--tls", action="store_true", help="let every kind speak TLS")
    parser.add_argument(
        "--frames", action="store_true", help="list the frames of a turn of each kind"
    )
    parser.add_argument(
        "--save",
        action="store_true",
        help="write the tables and the plot into README and docs",
    )
    options = parser.parse_args()
    if options.save and (options.only or options.tls):
        parser.error("--save is for all kinds of turn, as they are by default")
    asyncio.run(bench(options))


if __name__ == "__main__":
    main()
