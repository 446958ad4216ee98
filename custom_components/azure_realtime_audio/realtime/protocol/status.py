"""What the model is doing, as one of four words, and when it changes."""

import asyncio
from enum import StrEnum

from ..listeners import Emitter
from ..response import Response


class ModelStatus(StrEnum):
    """The status of the reference client."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class StatusTracker:
    """Follows the session's events and tells each change of status.

    Two deliberate corrections of the reference client: SPEAKING begins with the first
    audio of a response, not at its end, and it ends by itself when the audio's own
    duration has passed, for an app that never reports the end of playback.
    """

    def __init__(self, emitter: Emitter) -> None:
        """Start idle; listeners of ``status_changed`` hear each new status."""
        self._emitter = emitter
        self._status = ModelStatus.IDLE
        self._waits_for_tools = False
        self._playback_end = 0.0
        self._playback_timer: asyncio.TimerHandle | None = None

    @property
    def status(self) -> ModelStatus:
        """The status now."""
        return self._status

    def set(self, status: ModelStatus) -> None:
        """Change the status, unless it is that already."""
        if status is not ModelStatus.SPEAKING:
            self._stop_timer()
        if status is not ModelStatus.THINKING:
            self._waits_for_tools = False
        if status is self._status:
            return
        self._status = status
        self._emitter.emit_own(
            "status_changed", {"type": "status_changed", "status": status}
        )

    def reset(self) -> None:
        """Go idle: the connection is new or gone, or the app stopped speaking."""
        self._playback_end = 0.0
        self.set(ModelStatus.IDLE)

    def listening(self) -> None:
        """Hear the person: what was being played is over."""
        self._playback_end = 0.0
        self.set(ModelStatus.LISTENING)

    def thinking(self) -> None:
        """Begin to work on what was heard."""
        self.set(ModelStatus.THINKING)

    def buffer_cleared(self) -> None:
        """Forget what was heard."""
        if self._status is ModelStatus.LISTENING:
            self.set(ModelStatus.IDLE)

    def response_created(self, others_in_progress: bool) -> None:
        """Begin a response. One beside a reply that is being spoken goes unnoticed."""
        if self._status is ModelStatus.SPEAKING and others_in_progress:
            return
        self.set(ModelStatus.THINKING)

    def first_audio(self) -> None:
        """Begin to speak, unless the person has just interrupted."""
        if self._status is not ModelStatus.LISTENING:
            now = asyncio.get_running_loop().time()
            self._playback_end = max(self._playback_end, now)
            self._stop_timer()
            self.set(ModelStatus.SPEAKING)

    def response_done(self, response: Response, others_in_progress: bool) -> None:
        """Play the response to its end, wait for its tools, or go idle.

        A response that was cancelled is not played any further.
        """
        if self._status is ModelStatus.LISTENING:
            return
        if response.audio_ms and self._status is ModelStatus.SPEAKING:
            self._playback_end += response.audio_ms / 1000
        if response.tool_calls and response.status == "completed":
            self.set(ModelStatus.THINKING)
            self._waits_for_tools |= not response.is_out_of_band
        elif others_in_progress or (response.is_out_of_band and self._waits_for_tools):
            return
        elif self._status is ModelStatus.SPEAKING and response.status != "cancelled":
            self._speak_until(self._playback_end)
        else:
            self.reset()

    def _speak_until(self, when: float) -> None:
        self._stop_timer()
        loop = asyncio.get_running_loop()
        self._playback_timer = loop.call_at(when, self.reset)

    def _stop_timer(self) -> None:
        if self._playback_timer is not None:
            self._playback_timer.cancel()
            self._playback_timer = None
