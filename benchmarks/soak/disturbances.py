"""The faults around the conversations: one every few seconds."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
import random
import time

from emulator import Emulator, Session
from script.home_assistant import HomeAssistant

# How long after a reload a satellite may still get core's error that there is no such entity.
RELOAD_SECONDS = 30.0
PAUSE_SECONDS = (1.5, 5.0)
# How long the model is faster or slower: the soak is in real time, and a reply takes seconds.
PACE_SECONDS = (3.0, 10.0)
# How a socket that was alive ends, as `ends_at` names it.
_ENDS = ("1005", "1000", "1001", "1006", "1008", "1011", "1012", "1013", "3000", "4000")

# Faults that last for some seconds.
_SPELLS = (
    *("http_429:500", "http_500", "http_503", "http_403", "http_404_deployment"),
    *("ends_at:created/1006", "no_session_created", "wrong_dialect", "slow_pong:2"),
    *("doubled_events", "reordered_events", "unknown_events", "unknown_keys"),
    *("truncated_json", "binary_frame", "null_error_codes", "schema_2024"),
    *("string_status_details", "no_usage", "no_rate_limits", "no_expires_at"),
    *("late_cancel", "transcription_late:2", "transcription_failed"),
    *("no_transcription", "late_ack:response.create", "late_ack:session.update"),
    *("late_ack:conversation.item.create", "late_ack:input_audio_buffer.append"),
)
# Faults that hit the next few events or connections.
_STROKES = (
    *("ends_at:audio/1006*3", "ends_at:audio/1011*3", "ends_at:audio/1000*2"),
    *("response_failed*3", "response_rate_limited*2", "response_quota*2"),
    *("response_incomplete*3", "content_filter*2", "response_empty*3"),
    *("response_stalls*1", "ends_at:connect/silence*1", "session_expires:3*4"),
    *("no_ack:response.create*1", "no_ack:session.update*1"),
    *("no_ack:input_audio_buffer.clear*1", "no_ack:response.cancel*1"),
    *("refuse:response.create*2", "refuse:session.update*1"),
    *("refuse:conversation.item.create*2", "refuse:input_audio_buffer.append*2"),
    *("ends_at:response.create/1006*2", "ends_at:conversation.item.create/1006*2"),
    *("ends_at:session.update/1006*2", "ends_at:conversation.item.truncate/1006*1"),
    *("ends_at:input_audio_buffer.append/1006*1", "ends_at:response.cancel/1006*1"),
    *("ends_at:response.create/1012*2", "ends_at:input_audio_buffer.clear/1013*2"),
)


class Disturbances:
    """Chooses faults at random, the same with the same seed."""

    def __init__(
        self, emulator: Emulator, house: HomeAssistant, entry_id: str, seed: int
    ) -> None:
        """Begin with a calm service."""
        self.happened = Counter[str]()
        self.log: list[tuple[float, str]] = []
        self.reloads: list[tuple[float, float]] = []  # from when until when
        self._emulator = emulator
        self._house = house
        self._entry_id = entry_id
        self._rng = random.Random(f"{seed} disturbances")
        self._kinds: dict[Callable[[], Awaitable[str]], int] = {
            self._spell: 30,
            self._stroke: 30,
            self._cut: 8,
            self._close: 8,
            self._stall_service: 6,
            self._stall_house: 6,
            self._change_pace: 6,
            self._reload: 2,
        }

    async def run(self, until: float) -> None:
        """Let things go wrong until a time of ``time.monotonic``; then clear up."""
        while time.monotonic() < until:
            await asyncio.sleep(self._rng.uniform(*PAUSE_SECONDS))
            (kind,) = self._rng.choices(list(self._kinds), list(self._kinds.values()))
            began = time.monotonic()
            name = await kind()
            self.happened[name] += 1
            self.log.append((began, name))
        self.end_all()

    def end_all(self) -> None:
        """Remove every fault."""
        self._emulator.faults.clear()
        self._usual_pace()

    def _usual_pace(self) -> None:
        self._emulator.speed, self._emulator.first_audio_ms = 2.0, 100

    async def _spell(self) -> str:
        name = self._rng.choice(_SPELLS)
        self._emulator.faults.add(name)
        await asyncio.sleep(self._rng.uniform(1.0, 3.0))
        self._emulator.faults.remove(name)
        return name

    async def _stroke(self) -> str:
        name = self._rng.choice(_STROKES)
        self._emulator.faults.add(name)
        return name

    async def _cut(self) -> str:
        for session in self._some_sessions():
            session.abort()
        return "sockets cut"

    async def _close(self) -> str:
        manner = self._rng.choice(_ENDS)
        for session in self._some_sessions():
            await session.end(manner)
        return f"sockets closed with {manner}"

    async def _stall_service(self) -> str:
        await self._emulator.stall(self._rng.uniform(0.5, 3.0))
        return "the service stands still"

    async def _stall_house(self) -> str:
        await self._house.command("observer/stall", seconds=1.0)
        return "Home Assistant's loop is held for 1 s"

    async def _change_pace(self) -> str:
        self._emulator.speed = self._rng.choice((1.0, 2.0, 8.0))
        self._emulator.first_audio_ms = self._rng.choice((0, 100, 400))
        await asyncio.sleep(self._rng.uniform(*PACE_SECONDS))
        self._usual_pace()
        return "another pace of the model"

    async def _reload(self) -> str:
        began = time.monotonic()
        await self._house.rest(
            "POST", f"config/config_entries/entry/{self._entry_id}/reload"
        )
        self.reloads.append((began, time.monotonic() + RELOAD_SECONDS))
        return "the entry reloaded"

    def _some_sessions(self) -> list[Session]:
        live = [session for session in self._emulator.sessions if not session.closed]
        return self._rng.sample(live, min(len(live), self._rng.randint(1, 5)))
