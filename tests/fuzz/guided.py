"""Let coverage choose the damage: ``python -m tests.fuzz.guided --inputs 1000000 --seed 1``.

atheris keeps every input that made the client do something new, and damages that further. An
input is a few frames, one a line. They go over a real socket to a real client: that is fast
enough (2,000 inputs a second and more), and its reading of a frame has no smaller public door
but one that leaves out how its parts work together. The client lives for 5,000 inputs and has
to be of use after them, so what an input does may depend on those before it; what it harms is
told with the event that did.

Runs in .venv-fuzz, which ``script/fuzz --guided`` makes.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
from itertools import chain
import json
import logging
from pathlib import Path
from random import Random
import sys
from tempfile import TemporaryDirectory

import atheris

# Before anything else of ours is imported: what this imports of the integration is watched.
with atheris.instrument_imports(include=["custom_components"]):
    from .session import PREVIEW, Send, connected, emulated, record, under_attack

from emulator import Emulator

from .mutation import Event, Mutator

_PER_SESSION = 5000
_MAX_FRAMES = 8
_MAX_BYTES = 32 * 1024


class Target:
    """The attacked clients: one after the other, of each dialect in turn."""

    def __init__(self) -> None:
        """Have none yet."""
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._emulator: Emulator
        self._send: Send
        self._count = 0

    def begin(self) -> list[list[Event]]:
        """Start the emulator; returns a conversation of each dialect."""
        return self._loop.run_until_complete(self._begin())

    def attack(self, data: bytes) -> None:
        """Send an input. Raises AssertionError if it does harm."""
        self._loop.run_until_complete(self._attack(data))

    async def _begin(self) -> list[list[Event]]:
        # It ends with the process: atheris does not return.
        self._emulator = await emulated().__aenter__()
        return [await record(self._emulator, version) for version in (None, PREVIEW)]

    async def _attack(self, data: bytes) -> None:
        if self._count % _PER_SESSION == 0:
            await self._stack.aclose()
            self._emulator.sessions.clear()
            version = PREVIEW if self._count // _PER_SESSION % 2 else None
            ends = await self._stack.enter_async_context(
                connected(self._emulator, version)
            )
            self._send = await self._stack.enter_async_context(
                under_attack(self._emulator, *ends)
            )
        self._count += 1
        await self._send(data.split(b"\n")[:_MAX_FRAMES])


class Damage:
    """Makes inputs out of inputs: knows events, where libFuzzer knows bytes."""

    def __init__(self, recorded: list[Event]) -> None:
        """Take real events."""
        self._recorded = recorded

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Return an input with something else in it."""
        random = Random(seed)
        if random.random() < 0.2:
            mutated: bytes = atheris.Mutate(data, max_size)
            return mutated
        mutator = Mutator(self._recorded, random)
        frames = data.split(b"\n")[:_MAX_FRAMES]
        place = random.randrange(len(frames))
        match random.randrange(6):
            case 0:
                real = json.dumps(random.choice(self._recorded)).encode()
                frames.insert(place, real)
            case 1:
                frames[place] = _new(mutator)
            case 2:
                frames.insert(random.randrange(len(frames)), frames.pop(place))
            case 3 if len(frames) > 1:
                del frames[place]
            case _:
                frames[place] = _damaged(frames[place], mutator)
        return b"\n".join(frames)[:max_size]


def _damaged(frame: bytes, mutator: Mutator) -> bytes:
    try:
        if isinstance(event := json.loads(frame), dict):
            return mutator.damaged(event)
    except ValueError, RecursionError:
        pass  # no event any more
    return _new(mutator)


def _new(mutator: Mutator) -> bytes:
    frame = mutator.frame()
    return frame.encode() if isinstance(frame, str) else frame


def _seed_corpus(folder: Path, conversations: list[list[Event]]) -> None:
    """Write every event, and each with those that came after it."""
    for dialect, events in enumerate(conversations):
        frames = [json.dumps(event) for event in events]
        for number in range(len(frames)):
            (folder / f"{dialect}-{number}").write_text(frames[number])
            following = "\n".join(frames[number : number + _MAX_FRAMES])
            (folder / f"{dialect}-{number}-on").write_text(following)


def main() -> None:
    """Read the command line, and begin."""
    parser = argparse.ArgumentParser(prog="script/fuzz --guided", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    target = Target()
    conversations = target.begin()
    with TemporaryDirectory() as corpus:
        _seed_corpus(Path(corpus), conversations)
        options = {
            "runs": arguments.inputs,
            "seed": arguments.seed,
            "max_len": _MAX_BYTES,
            "rss_limit_mb": 0,
            "timeout": 30,
            "artifact_prefix": f"{corpus}/",
        }
        atheris.Setup(
            [
                sys.argv[0],
                *(f"-{key}={value}" for key, value in options.items()),
                corpus,
            ],
            target.attack,
            custom_mutator=Damage([*chain(*conversations)]),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
