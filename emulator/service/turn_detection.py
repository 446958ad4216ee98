"""Server VAD: it finds the start and the end of speech by the energy of the audio."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..wire.audio import PCM_BYTES_PER_MS, level

_FRAME_MS = 20
_FRAME_BYTES = _FRAME_MS * PCM_BYTES_PER_MS
ONSET_MS = 60  # shorter sounds are clicks
_FULL_THRESHOLD = 800  # root mean square of PCM16 that threshold 1.0 asks for
_FLOOR = 60
_HYSTERESIS = 0.5  # speech goes on down to this part of the level that starts it


@dataclass(frozen=True)
class SpeechStarted:
    """Speech began; `ms` counts from the session's first sample."""

    ms: int


@dataclass(frozen=True)
class SpeechStopped:
    """Speech was followed by enough silence; `ms` is the end of that silence."""

    ms: int


class TurnDetector:
    """Finds turns in a stream of PCM16 24 kHz."""

    def __init__(self, server_vad: dict[str, Any], position_ms: int) -> None:
        """Listen from `position_ms` on."""
        self._on = max(_FLOOR, server_vad["threshold"] * _FULL_THRESHOLD)
        self._silence_ms: int = server_vad["silence_duration_ms"]
        self._position_ms = position_ms
        self._rest = bytearray()
        self._loud_ms = 0
        self._quiet_ms = 0
        self.speaking = False

    def feed(self, pcm: bytes) -> Iterator[SpeechStarted | SpeechStopped]:
        """Yield the starts and ends of speech that these samples complete."""
        self._rest += pcm
        while len(self._rest) >= _FRAME_BYTES:
            loudness = level(self._rest[:_FRAME_BYTES])
            del self._rest[:_FRAME_BYTES]
            self._position_ms += _FRAME_MS
            yield from (
                self._still_speaking(loudness)
                if self.speaking
                else self._onset(loudness)
            )

    def _onset(self, loudness: float) -> Iterator[SpeechStarted]:
        self._loud_ms = self._loud_ms + _FRAME_MS if loudness >= self._on else 0
        if self._loud_ms >= ONSET_MS:
            self.speaking = True
            self._quiet_ms = 0
            yield SpeechStarted(self._position_ms - self._loud_ms)

    def _still_speaking(self, loudness: float) -> Iterator[SpeechStopped]:
        self._quiet_ms = (
            0 if loudness >= self._on * _HYSTERESIS else self._quiet_ms + _FRAME_MS
        )
        if self._quiet_ms >= max(self._silence_ms, _FRAME_MS):
            self.speaking = False
            self._loud_ms = 0
            yield SpeechStopped(self._position_ms)
