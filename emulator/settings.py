"""The settings of the emulator that its sessions read; they may change while it runs."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from .faults import Faults
from .model.ears import Ears, ScriptedEars, SphinxEars, TouchToneEars
from .model.reply import Reply
from .model.voice import EspeakVoice, ToneVoice, TouchToneVoice, Voice
from .wire.ids import new_id

_TRANSCRIBERS = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1", "whisper")


@dataclass(kw_only=True, eq=False)
class Settings:
    """The deployment, the model's behavior and the faults.

    `speed` is the multiple of real time at which the emulator makes audio (0: at once).
    `first_audio_ms` is the time from `response.created` to the first output, in milliseconds.
    `session_seconds` is the life of a session. `clock_rate` makes idle timeouts and the life of
    a session pass faster. `voice` and `ears` are cheap and scripted by default. `replies` and
    `hears` are used up from the left. `keep_events` is for tests: the events of a server that
    runs for hours would fill the memory. While `flowing` is cleared, the service stands still.
    """

    api_key: str = field(repr=False)
    deployment: str
    model: str = "gpt-realtime"
    preview_only: bool = False
    transcription_deployments: tuple[str, ...] = _TRANSCRIBERS
    other_deployments: tuple[str, ...] = (
        "gpt-4o",
        "gpt-realtime-translate",
        *_TRANSCRIBERS,
    )
    speed: float = 8.0
    first_audio_ms: int = 20
    session_seconds: float = 3600
    clock_rate: float = 1.0
    voice: Literal["tone", "espeak", "touch_tones"] = "tone"
    ears: Literal["script", "sphinx", "touch_tones"] = "script"
    keep_events: bool = True
    faults: Faults = field(default_factory=Faults)
    replies: deque[Reply] = field(default_factory=deque)
    hears: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Choose the voice and the ears."""
        self.voice_of_model = self._chosen_voice()
        self.ears_of_model = self._chosen_ears()
        self.flowing = asyncio.Event()
        self.flowing.set()

    def new_id(self, prefix: str) -> str:
        """Return an id for an item or a call, a long one if a fault says so."""
        suffix = "_of_a_gateway_with_long_ids"
        return new_id(prefix) + ("" if self.faults.take("long_ids") is None else suffix)

    @property
    def reasons(self) -> bool:
        """Say whether the model is one of the reasoning models."""
        return self.model.startswith("gpt-realtime-2")

    def _chosen_voice(self) -> Voice:
        match self.voice:
            case "tone":
                return ToneVoice()
            case "espeak":
                return EspeakVoice()
            case "touch_tones":
                return TouchToneVoice()

    def _chosen_ears(self) -> Ears:
        match self.ears:
            case "script":
                return ScriptedEars(self.hears)
            case "sphinx":
                return SphinxEars()
            case "touch_tones":
                return TouchToneEars()
