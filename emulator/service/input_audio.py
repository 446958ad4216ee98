"""The input audio buffer: it holds the user's speech until that becomes an item."""

import asyncio
from typing import Any

from ..wire.audio import PCM_BYTES_PER_MS, decode, duration_ms
from ..wire.conversation import Item
from ..wire.errors import InvalidRequest
from .session_port import SessionPort
from .turn_detection import ONSET_MS, SpeechStarted, SpeechStopped, TurnDetector

_LEAST_COMMIT_MS = 100


class InputAudio:
    """Buffers audio and cuts it into user turns: on commit, by server VAD, or when idle."""

    def __init__(self, session: SessionPort) -> None:
        """Listen for a session."""
        self._session = session
        self._buffer = bytearray()
        self._received_bytes = 0
        self._detector: TurnDetector | None = None
        self._item_id: str | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self.reset_detection()

    @property
    def _turn_detection(self) -> dict[str, Any]:
        return self._session.config["audio"]["input"]["turn_detection"] or {}

    @property
    def _position_ms(self) -> int:
        return self._received_bytes // PCM_BYTES_PER_MS

    def reset_detection(self) -> None:
        """Start turn detection afresh, as a change of its configuration does.

        Semantic VAD is accepted but finds nothing, because Azure behaved so in 2026-08.
        """
        server_vad = self._turn_detection.get("type") == "server_vad"
        self._detector = (
            TurnDetector(self._turn_detection, self._position_ms)
            if server_vad
            else None
        )
        self._item_id = None
        self.stop_idling()

    async def append(self, data: bytes) -> None:
        """Take audio in the session's input format."""
        kind = self._session.config["audio"]["input"]["format"]["type"]
        if kind == "audio/pcm" and len(data) % 2:
            raise InvalidRequest(
                "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
                "but got an invalid value.",
                "invalid_value",
                "audio",
            )
        pcm = decode(data, kind)
        self._buffer += pcm
        self._received_bytes += len(pcm)
        if self._detector is None:
            return
        for change in self._detector.feed(pcm):
            match change:
                case SpeechStarted(ms):
                    await self._speech_started(ms)
                case SpeechStopped(ms):
                    self._speech_stopped(ms)
        if not self._detector.speaking:
            padding_ms = self._turn_detection["prefix_padding_ms"] + 2 * ONSET_MS
            self._forget_before(self._position_ms - padding_ms)

    def commit(self) -> None:
        """Make the buffer a user item for the client. A commit never starts a response."""
        if duration_ms(self._buffer) < _LEAST_COMMIT_MS:
            held = len(self._buffer) / PCM_BYTES_PER_MS
            raise InvalidRequest(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {held:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        self._commit(
            len(self._buffer), self._item_id or self._session.settings.new_id("item")
        )
        self.reset_detection()

    def clear(self) -> None:
        """Empty the buffer."""
        self._buffer.clear()
        self.reset_detection()
        self._session.emit("input_audio_buffer.cleared")

    def idle_from(self, playback_ms: int) -> None:
        """Wait for the user from the end of a reply's playback on, if the session wants that."""
        self.stop_idling()
        timeout_ms = self._turn_detection.get("idle_timeout_ms")
        if timeout_ms is not None:
            seconds = (
                (playback_ms + timeout_ms) / 1000 / self._session.settings.clock_rate
            )
            self._idle_timer = asyncio.get_running_loop().call_later(
                seconds, self._idle_too_long
            )

    def stop_idling(self) -> None:
        """Stop waiting for the user because something happens or the session ends."""
        if self._idle_timer:
            self._idle_timer.cancel()
            self._idle_timer = None

    async def _speech_started(self, ms: int) -> None:
        self.stop_idling()
        self._forget_before(ms - self._turn_detection["prefix_padding_ms"])
        self._item_id = self._session.settings.new_id("item")
        self._session.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=self._start_ms,
            item_id=self._item_id,
        )
        if self._turn_detection["interrupt_response"]:
            await self._session.interrupt()
        await self._session.reached("speech")

    def _speech_stopped(self, ms: int) -> None:
        assert self._item_id is not None
        item_id, self._item_id = self._item_id, None
        self._session.emit(
            "input_audio_buffer.speech_stopped", audio_end_ms=ms, item_id=item_id
        )
        self._commit((ms - self._start_ms) * PCM_BYTES_PER_MS, item_id)
        if self._turn_detection["create_response"]:
            self._session.answer()

    def _idle_too_long(self) -> None:
        item_id = self._session.settings.new_id("item")
        self._session.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=self._start_ms,
            audio_end_ms=self._position_ms,
            item_id=item_id,
        )
        self._commit(len(self._buffer), item_id)
        self._session.answer()

    @property
    def _start_ms(self) -> int:
        return self._position_ms - duration_ms(self._buffer)

    def _forget_before(self, ms: int) -> None:
        surplus = (ms - self._start_ms) * PCM_BYTES_PER_MS
        if surplus > 0:
            del self._buffer[:surplus]

    def _commit(self, size: int, item_id: str) -> None:
        item = Item(
            item_id,
            "message",
            role="user",
            content=[{"type": "input_audio", "transcript": None}],
            audio=self._buffer[:size],
        )
        del self._buffer[:size]
        self._session.committed(item)
