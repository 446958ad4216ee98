"""Print what the client costs, as ratios of the bare socket in the same round.

The speed of a shared machine drifts. So the variants take turns, in the opposite order every other
round, and only the ratios mean something. A target is what a ratio should be at most; for the
openai SDK, how many times ours it should be at least.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles
import time

from .processes import server
from .server import DELTA_BYTES
from .variants import BARE, BY_HAND, CLIENT, SDK, VARIANTS, Address, Variant

# Appends per round, in batches: the server has read one before the next is sent. Where the
# server lags behind, sending only fills a buffer and costs nothing.
BATCHES = 50
APPENDS = 20
DELTAS = 250  # per round
INTERVAL_US = 1500  # between deltas: each wakes the event loop by itself

SESSIONS = 50
SECONDS = 2.0  # of a round of real-time sessions
CHUNK = bytes(1536)  # 32 ms of PCM16 at 24 kHz
CHUNK_SECONDS = 0.032
DELTA_SECONDS = DELTA_BYTES / 48_000


@dataclass
class Measure:
    """The costs of the variants in each round: ``costs`` has the samples by variant.

    ``most`` is the highest allowed ratio of ours to ``base``, ``least`` the lowest of the SDK to ours.
    """

    name: str
    most: float
    least: float | None = None
    base: str = BARE
    costs: Mapping[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in VARIANTS}
    )

    async def take(
        self, rounds: int, sample: Callable[[str], Awaitable[float]]
    ) -> None:
        """Sample every variant by its name in every round; the first one warms up."""
        for number in range(rounds + 1):
            for name in list(VARIANTS)[:: -1 if number % 2 else 1]:
                cost = await sample(name)
                if number:
                    self.costs[name].append(cost)

    def show(self) -> None:
        """Print a row for each variant."""
        print(f"\n{self.name:<42} us  ratio    p5   p95  target")
        for name, costs in self.costs.items():
            target = ""
            ratios = self._ratios(name, self.base)
            if name == CLIENT:
                target = f"<= {self.most}"
            if name == SDK and self.least:
                of_ours = median(self._ratios(SDK, CLIENT))
                target = f">= {self.least} of ours: {of_ours:.2f}"
            p5, *_, p95 = quantiles(ratios, n=20, method="inclusive")
            print(
                f"  {name:<34} {median(costs):8.1f} {median(ratios):6.2f} "
                f"{p5:5.2f} {p95:5.2f}  {target}"
            )

    def _ratios(self, name: str, of: str) -> list[float]:
        pairs = zip(self.costs[name], self.costs[of], strict=True)
        return [cost / base for cost, base in pairs]


async def append(variant: Variant, size: int) -> float:
    """Return the CPU time that an append takes in this process, in microseconds."""
    spent = 0.0
    for _ in range(BATCHES):
        start = time.process_time()
        await variant.append(bytes(size), APPENDS)
        spent += time.process_time() - start
        await variant.commit()
    return spent / BATCHES / APPENDS * 1e6


async def receive(variant: Variant, interval_us: int) -> float:
    """Return the CPU time that an audio delta takes in this process, in microseconds."""
    start = time.process_time()
    await variant.receive(asked(DELTAS, interval_us))
    return (time.process_time() - start) / DELTAS * 1e6


async def first_delta(sessions: Sequence[Variant]) -> float:
    """Ask in one session after the other; returns the median of how long each took, in us."""
    return median([await each.receive(asked(1, 0)) for each in sessions]) * 1e6


async def real_time(sessions: Sequence[Variant]) -> float:
    """Talk in all sessions at once; returns the CPU time of one session for a second, in us."""
    start = time.process_time()
    await asyncio.gather(
        *(
            talk(session, DELTA_SECONDS * number / len(sessions))
            for number, session in enumerate(sessions)
        )
    )
    return (time.process_time() - start) / len(sessions) / SECONDS * 1e6


async def talk(variant: Variant, delay: float) -> None:
    """Append and receive in real time, both at once."""
    await asyncio.sleep(delay)
    deltas = round(SECONDS / DELTA_SECONDS)
    reply = asyncio.create_task(
        variant.receive(asked(deltas, round(DELTA_SECONDS * 1e6)))
    )
    due = time.monotonic()
    for _ in range(round(SECONDS / CHUNK_SECONDS)):
        await variant.append(CHUNK, 1)
        due += CHUNK_SECONDS
        await asyncio.sleep(due - time.monotonic())
    await reply
    await variant.commit()


def asked(deltas: int, interval_us: int) -> dict[str, str]:
    """Return the metadata that tells the server what to say."""
    return {"deltas": str(deltas), "interval_us": str(interval_us)}


MESSAGES: Sequence[tuple[Measure, Callable[[Variant], Awaitable[float]]]] = (
    (Measure("append of 1536 bytes (32 ms)", 1.3), lambda each: append(each, 1536)),
    (Measure("append of 4800 bytes (100 ms)", 1.4), lambda each: append(each, 4800)),
    (
        Measure(f"audio delta of {DELTA_BYTES} bytes, paced", 1.6, 2.2),
        lambda each: receive(each, INTERVAL_US),
    ),
    (
        Measure(f"audio delta of {DELTA_BYTES} bytes, in bursts", 4.1, 6.0),
        lambda each: receive(each, 0),
    ),
)


async def measure_messages(address: Address, rounds: int) -> None:
    """Print what single messages cost on one session."""
    async with AsyncExitStack() as stack:
        variants = {
            name: await stack.enter_async_context(variant(address))
            for name, variant in VARIANTS.items()
        }
        for measure, cost in MESSAGES:

            def sample(
                name: str, cost: Callable[[Variant], Awaitable[float]] = cost
            ) -> Awaitable[float]:
                return cost(variants[name])

            await measure.take(rounds, sample)
            measure.show()


async def measure_sessions(address: Address, rounds: int) -> None:
    """Print what many sessions cost, and how soon they hear an answer."""
    kind = f"{SESSIONS} sessions{' with TLS' if address.tls else ''}"
    first = Measure(f"{kind}: question to first delta", 2.5, base=BY_HAND)
    cpu = Measure(f"{kind}: a second of one", 1.3, 2.8)
    async with AsyncExitStack() as stack:
        sessions = {
            name: [
                await stack.enter_async_context(variant(address))
                for _ in range(SESSIONS)
            ]
            for name, variant in VARIANTS.items()
        }
        await first.take(rounds, lambda name: first_delta(sessions[name]))
        first.show()
        await cpu.take(max(2, rounds // 4), lambda name: real_time(sessions[name]))
        cpu.show()


async def bench(rounds: int) -> None:
    """Measure everything."""
    async with server() as (port, tls_port, certificate):
        plain, tls = Address(port), Address.trusting(certificate, tls_port)
        await measure_messages(plain, rounds)
        for address in (plain, tls):
            await measure_sessions(address, rounds)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="default %(default)s")
    asyncio.run(bench(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
