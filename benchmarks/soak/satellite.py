"""A satellite with somebody who dials numbers, and does not always wait for the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
import random
import struct
import time
from typing import Any

import aiohttp
import numpy as np

from emulator.model import touch_tones
from emulator.wire.audio import RATE
from script.home_assistant import MICROPHONE_RATE, HomeAssistant, SetupError, connected

from .results import UNCLEAR, Results, Spoken, new_number

SILENCE_SECONDS = 0.5  # of turn detection, as an assistant has it
PATIENCE_SECONDS = 120.0  # until a turn has neither reply nor error
_READ_BEFORE_STOPPING = 16_000  # bytes
_STOPPED_SECONDS = 8.0
_HEADER_BYTES = 44


@dataclass(frozen=True)
class Manners:
    """What the person does in one turn."""

    talks_over_after: int | None = None  # bytes of the reply
    hangs_up_after: float | None = None  # seconds
    stops_reading_for: float | None = None  # seconds

    @classmethod
    def at_random(cls, rng: random.Random) -> Manners:
        """Choose: three times in four, wait politely for the end."""
        match rng.choices(
            ("polite", "talks over", "hangs up", "stops reading"), (75, 12, 8, 5)
        ):
            case ["talks over"]:
                return cls(talks_over_after=rng.randrange(4_000, 200_000))
            case ["hangs up"]:
                return cls(hangs_up_after=rng.uniform(0.1, 5.0))
            case ["stops reading"]:
                return cls(stops_reading_for=_STOPPED_SECONDS)
            case _:
                return cls()


POLITE = Manners()


class Satellite:
    """One of many. Every tenth is a browser: core's own command, and MP3."""

    def __init__(
        self,
        number: int,
        house: HomeAssistant,
        pipeline: str,
        results: Results,
        seed: int,
    ) -> None:
        """Begin without a conversation; of ``house`` only the address and the token are used."""
        self.number = number
        self._url, self._token = house.url, house.token
        self._pipeline = pipeline
        self.results = results
        self._rng = random.Random(f"{seed} {number}")
        self._turns = 0
        self._conversation: str | None = None
        self._handler = 0
        self._is_browser = number % 10 == 9

    async def live(self, until: float) -> None:
        """Talk until a time of ``time.monotonic``; hanging up costs the connection."""
        while time.monotonic() < until:
            with suppress(aiohttp.ClientError):
                async with connected(self._url, self._token) as house:
                    is_there = True
                    while is_there and time.monotonic() < until:
                        await asyncio.sleep(self._rng.uniform(0.2, 2.0))
                        if self._rng.random() < 0.15:
                            self._conversation = None
                        manners = Manners.at_random(self._rng)
                        spoken = await self._turn(house, manners)
                        is_there = not spoken.is_hung_up
            if self._rng.random() < 0.5:
                self._conversation = None

    async def one_turn(self, manners: Manners = POLITE) -> Spoken:
        """Take a turn in a conversation of its own."""
        async with connected(self._url, self._token) as house:
            self._conversation = None
            return await self._turn(house, manners)

    async def _turn(self, house: HomeAssistant, manners: Manners) -> Spoken:
        self._turns += 1
        spoken = Spoken(
            number=new_number(self.number, self._turns),
            repeats=self._rng.choice((1, 1, 2, 3)),
            is_star=self._rng.random() < 0.25,
        )
        self.results.begun += 1
        talk = asyncio.create_task(self._talk(house, spoken, manners))
        enough = asyncio.create_task(spoken.is_enough.wait())
        try:
            await asyncio.wait(
                (talk, enough),
                timeout=manners.hangs_up_after or PATIENCE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not talk.done() and not enough.done():
                spoken.is_hung_up = manners.hangs_up_after is not None
        finally:
            for task in (talk, enough):
                task.cancel()
            (error, _) = await asyncio.gather(talk, enough, return_exceptions=True)
        if isinstance(error, SetupError):
            # Core's words: they are to be expected only in the middle of a reload.
            spoken.error = f"{UNCLEAR}: {error}"
            spoken.told_at = time.monotonic()
        elif isinstance(error, Exception):
            raise error
        await self._hear(spoken)
        self.results.add(spoken)
        return spoken

    async def _talk(
        self, house: HomeAssistant, spoken: Spoken, manners: Manners
    ) -> None:
        """Say the words and take in the reply, as the manners tell."""
        speech = touch_tones.dialed(spoken.words, MICROPHONE_RATE)
        microphone: asyncio.Task[None] | None = None
        playing: asyncio.Task[None] | None = None
        url = ""

        def ended() -> None:
            spoken.spoken_at = time.monotonic() + SILENCE_SECONDS

        try:
            async for event in await self._run(house):
                data = event["data"] or {}
                spoken.story.append(event["type"])
                spoken.told_at = time.monotonic()
                match event["type"]:
                    case "run-start":
                        # In the middle of a reload there is no voice.
                        url = data.get("tts_output", {}).get("url", "")
                        self._conversation = data["conversation_id"]
                    case "stt-start":
                        handler = self._handler
                        microphone = asyncio.create_task(
                            house.speak(handler, speech, ended)
                        )
                    case "stt-end" if microphone:
                        microphone.cancel()
                    case "intent-progress":
                        delta = data.get("chat_log_delta") or {}
                        spoken.deltas += delta.get("content") or ""
                    case "intent-end":
                        response = data["intent_output"]["response"]
                        said = response["speech"]["plain"]["speech"]
                        if response["response_type"] == "error":
                            spoken.apology = said
                        else:
                            spoken.answer = said
                    case "error":
                        spoken.error = f"{data['code']}: {data['message']}"
                    case "run-end":
                        break
                begins = data.get("tts_start_streaming") or event["type"] == "tts-end"
                if begins and playing is None:
                    playing = asyncio.create_task(
                        self._play(house, url, spoken, manners)
                    )
            if playing:
                await playing
        finally:
            for task in (microphone, playing):
                if task:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _run(self, house: HomeAssistant) -> AsyncGenerator[dict[str, Any]]:
        """Begin a run of the pipeline; its events come, and the microphone's number is known."""
        if self._is_browser:
            events = await house.events(
                "assist_pipeline/run",
                start_stage="stt",
                end_stage="tts",
                pipeline=self._pipeline,
                conversation_id=self._conversation,
                # Core's detector (pymicro-vad 1.0.1) does not give back 11 KB of each run.
                input={"sample_rate": MICROPHONE_RATE, "no_vad": True},
            )
        else:
            events = await house.events(
                "observer/run",
                pipeline=self._pipeline,
                conversation_id=self._conversation,
                output={"preferred_format": "wav"},
            )
        return self._followed(events)

    async def _followed(
        self, events: AsyncGenerator[dict[str, Any]]
    ) -> AsyncGenerator[dict[str, Any]]:
        async for event in events:
            if event["type"] == "microphone":
                self._handler = event["data"]
                continue
            if event["type"] == "run-start" and self._is_browser:
                self._handler = event["data"]["runner_data"]["stt_binary_handler_id"]
            yield event

    async def _play(
        self, house: HomeAssistant, url: str, spoken: Spoken, manners: Manners
    ) -> None:
        """Fetch the reply as a player does, unless there is something else to do."""
        try:
            async with aclosing(house.fetch(url)) as sound:
                async for data in sound:
                    spoken.sound += data
                    if not spoken.sounded_at and len(spoken.sound) > _HEADER_BYTES:
                        spoken.sounded_at = time.monotonic()
                    if (
                        manners.stops_reading_for
                        and len(spoken.sound) > _READ_BEFORE_STOPPING
                    ):
                        await asyncio.sleep(manners.stops_reading_for)
                        manners = replace(manners, stops_reading_for=None)
                    if (
                        manners.talks_over_after
                        and not manners.stops_reading_for
                        and len(spoken.sound) > manners.talks_over_after
                    ):
                        spoken.is_enough.set()
                        return
        except (aiohttp.ClientError, SetupError) as err:
            spoken.sound_error = repr(err)

    async def _hear(self, spoken: Spoken) -> None:
        """Find the numbers in what was played."""
        sound, spoken.sound = bytes(spoken.sound), bytearray()
        spoken.sound_size = len(sound)
        if sound[:4] == b"RIFF":
            channels, rate = struct.unpack_from("<HI", sound, 22)
            pcm = sound[_HEADER_BYTES:]
            frames = np.frombuffer(pcm[: len(pcm) // 4 * 4], "<i2")
            spoken.heard = touch_tones.heard(frames[::channels].tobytes(), rate)
        elif sound:
            spoken.heard = touch_tones.heard(await _from_mp3(sound))


async def _from_mp3(sound: bytes) -> bytes:
    """Return MP3 as PCM16 mono of the emulator's rate."""
    output = ("-f", "s16le", "-ac", "1", "-ar", str(RATE))
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-loglevel", "quiet", "-i", "-", *output, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    pcm, _ = await ffmpeg.communicate(sound)
    return pcm
