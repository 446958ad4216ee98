"""The status of the model, as one of four words, and its changes."""

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

    ``deadline`` is the time, in seconds of the caller's clock, at which ``tick`` has
    something to do; None if there is nothing. ``is_manual`` tells that turn detection is
    off, so that the first audio after a turn begins the next one; ``awaits_audio`` that no
    audio has come since.
    """

    def __init__(self, emitter: Emitter) -> None:
        """Start idle; listeners of ``status_changed`` hear each new status."""
        self.deadline: float | None = None
        self.is_manual = True
        self.awaits_audio = True
        self._emitter = emitter
        self._status = ModelStatus.IDLE
        self._waits_for_tools = False
        self._playback_end = 0.0

    @property
    def status(self) -> ModelStatus:
        """The status now."""
        return self._status

    def tick(self, now: float) -> None:
        """Go idle if the reply has been played to its end by now."""
        if self.deadline is not None and now >= self.deadline:
            self.stop_speaking()

    # --- What the app does

    def audio_appended(self) -> None:
        """Begin to listen if the app says when a turn ends."""
        self.awaits_audio = False
        if self.is_manual:
            self.listening()

    def audio_dropped(self) -> None:
        """Note that the buffer is empty again: the next audio begins a turn."""
        self.awaits_audio = True

    def stop_speaking(self) -> None:
        """Go idle: the playback has ended."""
        self._playback_end = 0.0
        self._set(ModelStatus.IDLE)

    def abandon_work(self) -> None:
        """Go idle if the model was thinking: the tool result that it waits for will not come."""
        if self._status is ModelStatus.THINKING:
            self._set(ModelStatus.IDLE)

    # --- What the service does

    def disconnected(self) -> None:
        """Go idle: the connection is gone."""
        self.awaits_audio = True
        self.stop_speaking()

    def listening(self) -> None:
        """Begin to listen, which ends the playback."""
        self._playback_end = 0.0
        self._set(ModelStatus.LISTENING)

    def thinking(self) -> None:
        """Begin to work on the turn of the person."""
        self._set(ModelStatus.THINKING)

    def audio_committed(self) -> None:
        """Begin to work on the turn of the person; the buffer is empty."""
        self.awaits_audio = True
        self.thinking()

    def audio_cleared(self) -> None:
        """Forget the speech in the buffer, which is empty now."""
        self.awaits_audio = True
        if self._status is ModelStatus.LISTENING:
            self._set(ModelStatus.IDLE)

    def response_created(self, others_in_progress: bool) -> None:
        """Begin a response. One beside a reply that is being spoken goes unnoticed."""
        if self._status is ModelStatus.SPEAKING and others_in_progress:
            return
        self._set(ModelStatus.THINKING)

    def first_audio(self, now: float) -> None:
        """Begin to speak, unless the person has just interrupted."""
        if self._status is not ModelStatus.LISTENING:
            self._playback_end = max(self._playback_end, now)
            self.deadline = None
            self._set(ModelStatus.SPEAKING)

    def response_done(self, response: Response, others_in_progress: bool) -> None:
        """Play the response to its end, wait for its tools, or go idle.

        A response that was cancelled is not played any further.
        """
        if self._status is ModelStatus.LISTENING:
            return
        if response.audio_ms and self._status is ModelStatus.SPEAKING:
            self._playback_end += response.audio_ms / 1000
        if response.tool_calls and response.status == "completed":
            self._set(ModelStatus.THINKING)
            self._waits_for_tools |= not response.is_out_of_band
        elif others_in_progress or (response.is_out_of_band and self._waits_for_tools):
            return
        elif self._status is ModelStatus.SPEAKING and response.status != "cancelled":
            self.deadline = self._playback_end
        else:
            self.stop_speaking()

    def _set(self, status: ModelStatus) -> None:
        if status is not ModelStatus.SPEAKING:
            self.deadline = None
        if status is not ModelStatus.THINKING:
            self._waits_for_tools = False
        if status is self._status:
            return
        self._status = status
        self._emitter.emit_own(
            "status_changed", {"type": "status_changed", "status": status}
        )
