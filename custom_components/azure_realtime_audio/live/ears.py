"""What the service hears of a person in a live session."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..assistant.settings import AssistantSettings
from ..realtime import ConnectionState, RealtimeClient
from .speech import LiveSpeech

_TRANSCRIPTION = "conversation.item.input_audio_transcription"
# How many utterances may be waiting for their transcript.
_MAX_SPEECHES: Final = 8
# Seconds that somebody may speak without a pause.
_MAX_SPEECH: Final = 120.0


class Ears:
    """Follows what the service tells of one person's speech.

    ``tell`` hears the events for the browser, ``on_change`` that somebody begins to speak,
    ``on_heard`` each utterance once it is an item. Unless it ``is_hands_free`` the person
    says by hand when an utterance begins and ends.
    """

    def __init__(
        self,
        settings: AssistantSettings,
        tell: Callable[[Mapping[str, Any]], None],
        on_change: CALLBACK_TYPE,
        on_heard: Callable[[LiveSpeech], None],
    ) -> None:
        """Follow nothing yet."""
        self.is_hands_free = True
        self._settings = settings
        self._tell = tell
        self._on_change = on_change
        self._on_heard = on_heard
        self._speech: LiveSpeech | None = None
        self._speeches: deque[LiveSpeech] = deque(maxlen=_MAX_SPEECHES)
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @property
    def is_hearing(self) -> bool:
        """Whether somebody speaks, as the service has found."""
        return self._speech is not None

    @callback
    def follow(self, client: RealtimeClient) -> None:
        """Follow what the service tells this client."""
        self._unsubscribe = [
            client.on(event, listener)
            for event, listener in (
                ("input_audio_buffer.speech_started", self._on_speech_started),
                ("input_audio_buffer.speech_stopped", self._on_speech_stopped),
                ("input_audio_buffer.committed", self._on_committed),
                (f"{_TRANSCRIPTION}.delta", self._on_words),
                (f"{_TRANSCRIPTION}.completed", self._on_transcribed),
                (f"{_TRANSCRIPTION}.failed", self._on_transcribed),
                ("connection_changed", self._on_connection_changed),
            )
        ]

    @callback
    def leave(self) -> None:
        """Follow nothing any more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        self._speech = None

    @callback
    def forget(self) -> None:
        """Forget whom the service hears: it will not tell the end of that.

        The browser has paused a reply for that person, and plays on.
        """
        speech, self._speech = self._speech, None
        if speech is not None:
            self._tell({"type": "false_interruption", "item_id": speech.item_id})

    @callback
    def forget_lost(self) -> bool:
        """Return whether somebody seems to speak for ever, which is forgotten then.

        The service forgets whom it hears when its turn detection is changed just then.
        """
        speech = self._speech
        if speech is None or speech.started_at is None or speech.ended_at is not None:
            return False
        if asyncio.get_running_loop().time() - speech.started_at <= _MAX_SPEECH:
            return False
        self.forget()
        return True

    @callback
    def _on_speech_started(self, event: Mapping[str, Any]) -> None:
        if not self.is_hands_free:
            return
        speech = self._speech or LiveSpeech()
        speech.padding_ms = self._settings.padding_ms
        speech.silence_ms = self._settings.silence_ms
        speech.start(event["item_id"], event.get("audio_start_ms"))
        self._speech = speech
        self._tell({"type": "speech_started", "item_id": event["item_id"]})
        self._on_change()

    @callback
    def _on_speech_stopped(self, event: Mapping[str, Any]) -> None:
        if self._speech is not None:
            self._speech.stop(event.get("audio_end_ms"))
            self._tell({"type": "speech_stopped", "item_id": event["item_id"]})

    @callback
    def _on_committed(self, event: Mapping[str, Any]) -> None:
        speech, self._speech = self._speech, None
        if speech is None:
            speech = LiveSpeech(was_ended_by_hand=not self.is_hands_free)
        speech.commit(event["item_id"])
        self._speeches.append(speech)
        self._on_heard(speech)

    def _speech_of(self, event: Mapping[str, Any]) -> LiveSpeech | None:
        for speech in self._speeches:
            if speech.item_id == event.get("item_id"):
                return speech
        return None

    @callback
    def _on_words(self, event: Mapping[str, Any]) -> None:
        if speech := self._speech_of(event):
            speech.add_words(event.get("delta") or "")

    @callback
    def _on_transcribed(self, event: Mapping[str, Any]) -> None:
        if speech := self._speech_of(event):
            speech.transcribe(event.get("transcript"))

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        if event["state"] is not ConnectionState.OPEN:
            self.forget()  # the client says it again, to the next session
