"""Turns far away from the service: the slope of latency over round-trip time.

The slope is the number of round trips for which a turn waits, whatever the machine. Each kind of
turn is taken in a session that is open already, unless the name of the kind says otherwise.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
import time
from typing import Any

from .frames import COUNTED, Counts, FrameLog, listing, round_trips
from .house import DOMAIN, LETTER_SECONDS, SPEED, Assistant, Assistants, House
from .script import Script
from .turn import SPEECH, spoken_turn, typed_turn

ROUND_TRIPS_MS = (0, 100, 200)
WAV = {"preferred_format": "wav"}
AREA = "kitchen"  # Home Assistant has one from the start
LIGHT = "light.kitchen_light"

# The round trips that a turn may wait for: the least possible number, and a fifth of one.
PLAIN = 1.2
FIRST_TYPED = 3.2  # TCP, upgrade, the turn
TLS = 1.0  # on top of the others

# How a spoken turn begins: by its number (0 is the first of its conversation) and the id of the
# conversation, if it is known.
type Begin = Callable[[int, str | None], Awaitable[AsyncGenerator[dict[str, Any]]]]


@dataclass(frozen=True)
class Taken:
    """One turn, or action, that was taken."""

    milliseconds: float
    started: float  # of time.monotonic


@dataclass
class Kind:
    """A kind of turn, and its measurements."""

    name: str
    speaker: str
    take: Callable[[int], Awaitable[Taken]]
    target: float | None = None
    rounds: int = 0
    latencies: dict[int, list[float]] = field(default_factory=dict)
    counts: list[Counts] = field(default_factory=list)
    frames: str = ""  # of the last turn

    @property
    def medians(self) -> dict[int, float]:
        """The median latency at each round-trip time, both in ms."""
        return {key: median(values) for key, values in self.latencies.items()}

    @property
    def round_trips(self) -> float:
        """The number of round trips for which the turn waits."""
        return round_trips(self.medians)

    @property
    def most(self) -> dict[str, int]:
        """The most that a turn had of each frame that costs something."""
        return {
            "model calls": max(counts.model_calls for counts in self.counts),
            **{
                name: max(counts.by_client[name] for counts in self.counts)
                for name in COUNTED
            },
        }


async def measure(
    house: House, kinds: Sequence[Kind], rounds: int, show: Callable[[Kind], None]
) -> None:
    """Take ``rounds`` turns of each kind at each round-trip time, after one that warms up."""
    script = Script(house.emulator, "Star")
    number = 0
    for kind in kinds:
        script.rounds = kind.rounds
        _set_distance(house, 0)
        await kind.take(0)
        taken_before = 1
        for milliseconds in ROUND_TRIPS_MS:
            _set_distance(house, milliseconds)
            kind.latencies[milliseconds] = []
            for _ in range(rounds):
                number += 1
                # No reply comes twice: Home Assistant would know it.
                script.text = f"Yes {number}"
                log = FrameLog(house.emulator)
                taken = await kind.take(taken_before)
                taken_before += 1
                # Frames that are still on their way belong to this turn.
                await asyncio.sleep(milliseconds / 1000 + 0.05)
                frames = log.frames()
                kind.latencies[milliseconds].append(taken.milliseconds)
                kind.counts.append(Counts.of(frames))
                kind.frames = listing(frames, taken.started)
        show(kind)
    _set_distance(house, 0)


def _set_distance(house: House, milliseconds: int) -> None:
    for proxy in (house.proxy, house.tls_proxy):
        proxy.round_trip = milliseconds / 1000


def spoken(house: House, begin: Begin) -> Callable[[int], Awaitable[Taken]]:
    """Return how a spoken turn is taken: until the first byte of sound, header aside."""
    conversation_id: str | None = None

    async def take(number: int) -> Taken:
        nonlocal conversation_id
        if not number:
            conversation_id = None
        times = await spoken_turn(house.home, await begin(number, conversation_id))
        conversation_id = times.conversation_id
        # A reply that is talked over would be cut: this one is played to its end.
        await asyncio.sleep(LETTER_SECONDS * len("Yes 1000"))
        return Taken(times.sounded, times.started)

    return take


def typed(
    house: House, assistant: Assistant, *, is_first: bool = False
) -> Callable[[int], Awaitable[Taken]]:
    """Return how a typed turn is taken: until its first words; ``is_first`` of a conversation."""
    conversation_id: str | None = None

    async def take(number: int) -> Taken:
        nonlocal conversation_id
        if is_first or not number:
            conversation_id = None
        times = await typed_turn(house.home, assistant.pipeline, conversation_id)
        conversation_id = times.conversation_id
        return Taken(times.written, times.started)

    return take


def acted(
    house: House,
    assistant: Assistant,
    action: str,
    change: Callable[[int], Awaitable[None]] | None = None,
) -> Callable[[int], Awaitable[Taken]]:
    """Return how an action is timed, after the actions that belong before it, and ``change``."""

    async def act(name: str, **data: Any) -> Taken:
        started = time.monotonic()
        await house.home.action(f"{DOMAIN}.{name}", assistant.agent, **data)
        return Taken((time.monotonic() - started) * 1000, started)

    async def take(number: int) -> Taken:
        await act(
            "append_audio",
            audio=b64encode(SPEECH).decode(),
            sample_rate=16_000,
        )
        taken = await act("commit_audio")
        if action == "create_response":
            if change:
                await change(number)
            taken = await act("create_response", modalities="text")
        return taken

    return take


async def kinds_of_turn(
    house: House, assistants: Assistants, *, tls: bool
) -> list[Kind]:
    """Return all kinds of turn; with ``tls``, the plain assistant speaks it."""
    plain, timed = assistants.plain, assistants.timed
    return [
        *_spoken_kinds(await _speakers(house, assistants)),
        *(
            Kind(name, "typed", typed(house, plain), PLAIN + rounds, rounds)
            for rounds, name in enumerate(ROUNDS)
        ),
        Kind(
            "first of a conversation",
            "typed",
            typed(house, plain, is_first=True),
            FIRST_TYPED + (TLS if tls else 0),
        ),
        Kind(
            "first of a conversation, TLS",
            "typed",
            typed(house, assistants.over_tls, is_first=True),
            FIRST_TYPED + TLS,
        ),
        *_actions(house, plain, timed),
        Kind(
            "plain", "chain of three models", spoken(house, _to_chain(house)), None, 0
        ),
    ]


ROUNDS = ("plain", "one tool", "two rounds of tools")


def _spoken_kinds(
    speakers: dict[str, Callable[[int], Awaitable[Taken]]],
) -> list[Kind]:
    """Return each speaker with and without a tool; the first with two rounds as well."""
    first = next(iter(speakers))
    return [
        Kind(ROUNDS[rounds], speaker, take, PLAIN + rounds, rounds)
        for speaker, take in speakers.items()
        for rounds in range(3 if speaker == first else 2)
    ]


async def _speakers(
    house: House, assistants: Assistants
) -> dict[str, Callable[[int], Awaitable[Taken]]]:
    plain, named, timed = assistants.plain, assistants.named, assistants.timed
    phone, satellite = await house.device("phone"), await house.device("satellite")
    await house.put_into(phone, AREA)
    return {
        "satellite": spoken(house, _to_satellite(house, plain, satellite, None)),
        "satellite in an area": spoken(
            house, _to_satellite(house, plain, satellite, AREA)
        ),
        "satellite, after `start_conversation`": spoken(
            house,
            _to_satellite(house, plain, satellite, AREA, starts_conversation=True),
        ),
        "satellite, `{{ now() }}`": spoken(
            house, _to_satellite(house, timed, satellite, AREA)
        ),
        "device in an area, no satellite": spoken(
            house, _to_dialog(house, plain, phone)
        ),
        "Assist dialog": spoken(house, _to_dialog(house, plain)),
        "Assist dialog, `{{ user_name }}`": spoken(house, _to_dialog(house, named)),
    }


def _to_satellite(
    house: House,
    assistant: Assistant,
    device_id: str,
    area_id: str | None,
    *,
    starts_conversation: bool = False,
) -> Begin:
    async def begin(
        number: int, conversation_id: str | None
    ) -> AsyncGenerator[dict[str, Any]]:
        if number:
            await house.home.command("chain/satellite_played")
        else:
            await house.put_into(device_id, area_id)
            await house.home.command(
                "assist_pipeline/pipeline/set_preferred", pipeline_id=assistant.pipeline
            )
        if starts_conversation:
            await house.home.action(
                "assist_satellite.start_conversation",
                "assist_satellite.satellite",
                answers=False,
                start_media_id="http://127.0.0.1/question.mp3",
                preannounce=False,
                extra_system_prompt=f"You have asked question {number}.",
            )
        return await house.home.events(
            "chain/satellite",
            output=WAV,
            is_new=not number and not starts_conversation,
        )

    return begin


def _to_dialog(
    house: House, assistant: Assistant, device_id: str | None = None
) -> Begin:
    """Return how the Assist dialog begins, or an app that names its device: by core's command."""

    async def begin(
        number: int, conversation_id: str | None
    ) -> AsyncGenerator[dict[str, Any]]:
        return await house.home.events(
            "assist_pipeline/run",
            start_stage="stt",
            end_stage="tts",
            pipeline=assistant.pipeline,
            conversation_id=conversation_id,
            device_id=device_id,
            input={"sample_rate": 16_000},
        )

    return begin


def _to_chain(house: House) -> Begin:
    """Return how the chain begins: each stage is a cloud service, one round trip away."""

    async def begin(
        number: int, conversation_id: str | None
    ) -> AsyncGenerator[dict[str, Any]]:
        reply = f"Yes {number}"
        return await house.home.events(
            "chain/run",
            pipeline=house.chain,
            output=WAV,
            model_seconds=0,
            round_trip=house.proxy.round_trip,
            reply=reply,
            reply_seconds=len(reply) * LETTER_SECONDS,
            speed=SPEED,
        )

    return begin


def _actions(house: House, plain: Assistant, timed: Assistant) -> list[Kind]:
    async def change_tools(number: int) -> None:
        """Expose the only light, or hide it: with it, the tools for lights come and go."""
        await house.home.command(
            "homeassistant/expose_entity",
            assistants=["conversation"],
            entity_ids=[LIGHT],
            should_expose=bool(number % 2),
        )

    commit, create = "commit_audio", "create_response"
    return [
        Kind("`commit_audio`", "action", acted(house, plain, commit), PLAIN),
        Kind("`create_response`", "action", acted(house, plain, create), PLAIN),
        Kind(
            "`create_response`, other instructions",
            "action",
            acted(house, timed, create),
            PLAIN,
        ),
        Kind(
            "`create_response`, other tools",
            "action",
            acted(house, plain, create, change_tools),
            PLAIN,
        ),
    ]
