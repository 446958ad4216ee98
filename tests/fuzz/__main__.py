"""Send very many damaged frames: ``python -m tests.fuzz --inputs 1000000 --seed 1``."""

import argparse
import asyncio
import logging
from random import Random
import sys
import time

from .session import PREVIEW, attack, connected, emulated, record

_PER_SESSION = 5000


async def fuzz(inputs: int, seed: int) -> None:
    """Attack one client after the other, of each dialect in turn."""
    async with emulated() as emulator:
        recorded = [*await record(emulator, None), *await record(emulator, PREVIEW)]
        begun = time.monotonic()
        for number in range(-(-inputs // _PER_SESSION)):
            api_version = PREVIEW if number % 2 else None
            random = Random(f"{seed}/{number}")
            async with connected(emulator, api_version) as (client, session):
                try:
                    await attack(
                        emulator, client, session, recorded, random, _PER_SESSION
                    )
                except BaseException:
                    sys.stdout.write(f"\nIn session {number} of seed {seed}:\n")
                    raise
            emulator.sessions.clear()
            done = (number + 1) * _PER_SESSION
            rate = done / (time.monotonic() - begun)
            sys.stdout.write(f"\r{done} inputs, {rate:.0f} per second")
            sys.stdout.flush()
    sys.stdout.write("\nNothing was raised, and every session was of use afterwards.\n")


def main() -> None:
    """Read the command line, and begin."""
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(fuzz(arguments.inputs, arguments.seed))


if __name__ == "__main__":
    main()
