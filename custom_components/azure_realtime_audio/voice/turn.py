"""One spoken turn, shared by speech-to-text, conversation and text-to-speech."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import ChatLog
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, callback
from homeassistant.helpers.event import async_track_state_change_event

from ..assistant.assistant import Assistant
from ..assistant.briefing import PromptContext
from ..assistant.prompt import pipeline_llm_context
from ..assistant.telling import source_of
from ..const import LOGGER
from ..core_internals import SATELLITE_RESPONDING, tries_local_intents
from ..errors import AssistantError
from ..realtime import (
    CommandTimeoutError,
    ConnectionLostError,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    Response,
)
from .listening import SpeechInput
from .playback import Playback, heard_words
from .speech import Speech
from .spoken_turn import Asker, SpokenTurn


class TurnPhase(Enum):
    """How far a turn has come."""

    LISTENING = "listening"  # the person speaks
    OFFERED = "offered"  # the rest of the run may claim it
    CLAIMED = "claimed"  # the agent answers it
    PLAYING = "playing"  # the voice plays the answer
    ENDED = "ended"  # the answer is not heard any further
    DISCARDED = "discarded"  # no agent has claimed the turn, and it is taken back


_NEXT: Final = {
    TurnPhase.LISTENING: {TurnPhase.OFFERED, TurnPhase.DISCARDED},
    TurnPhase.OFFERED: {TurnPhase.CLAIMED, TurnPhase.DISCARDED},
    TurnPhase.CLAIMED: {TurnPhase.PLAYING, TurnPhase.ENDED},
    TurnPhase.PLAYING: {TurnPhase.ENDED},
    TurnPhase.ENDED: set(),
    TurnPhase.DISCARDED: set(),
}


class Turn:
    """What one person says in one pipeline run, and what the model says to it.

    Speech-to-text listens, and lets the model begin to answer if the run's agent is this
    assistant. The conversation entity claims the turn, whereby its tools may run. Then
    text-to-speech plays ``speech``. A turn that is not claimed is taken back.
    """

    def __init__(
        self,
        assistant: Assistant,
        conversation_id: str,
        pipeline_input: PipelineInput | None,
        *,
        is_expected: bool,
        previous: Turn | None,
    ) -> None:
        """Prepare to listen; ``is_expected`` says whether the assistant is to answer.

        ``pipeline_input`` tells who speaks, and to whom. ``previous`` is the turn before
        this one in the conversation.
        """
        self.conversation_id = conversation_id
        self.is_expected = is_expected
        self.phase = TurnPhase.LISTENING
        self.run: asyncio.Task[Any] | None = None
        # Why nothing was heard, where the conversation entity is to tell that.
        self.failure: AssistantError | RealtimeError | None = None
        self.speech = Speech(assistant.timing.speech_gap)
        self.telling = assistant.async_tell_turn(conversation_id)
        self.latency_ms: int | None = None
        self.unspoken_text = ""
        self.has_begun_to_speak = False
        self.was_played = False
        self._assistant = assistant
        self._pipeline_input = pipeline_input
        self._previous = previous
        self._input = SpeechInput(
            assistant.settings.turn_detection_type,
            assistant.timing,
            self.telling,
            assistant.settings.silence_ms,
        )
        self._first_audio_at: float | None = None
        self._spoken: SpokenTurn | None = None
        self._playback = Playback()
        self._stopping: asyncio.Task[None] | None = None
        self._cleanups: list[CALLBACK_TYPE] = [self._input.close]

    def advance(self, phase: TurnPhase) -> None:
        """Go on to another phase. Only ``Turns`` calls this, and ``stop``."""
        if phase not in _NEXT[self.phase]:
            raise RuntimeError(
                f"A turn that is {self.phase.value} is not {phase.value}"
            )
        self.phase = phase
        self.was_played |= phase is TurnPhase.PLAYING

    @property
    def is_claimed(self) -> bool:
        """Whether the agent answers the turn, or has."""
        return self.phase in (TurnPhase.CLAIMED, TurnPhase.PLAYING, TurnPhase.ENDED)

    @property
    def is_stopped(self) -> bool:
        """Whether the answer is not heard any further."""
        return self.phase is TurnPhase.ENDED

    # Listening

    @callback
    def tell_beginning(self) -> None:
        """Tell those who watch that a person is about to speak, and where."""
        pipeline_input = self._pipeline_input
        if self.is_expected and pipeline_input is not None:
            self.telling.start(
                source_of(pipeline_input.satellite_id, pipeline_input.device_id)
            )

    async def async_listen(self, stream: AsyncIterable[bytes]) -> SpokenTurn:
        """Send the microphone up until the person has finished. Raises RealtimeError.

        Then the model begins to answer, if it is to, and if all is known that its answer
        depends on.
        """
        opening = asyncio.ensure_future(self._async_open())
        try:
            await self._input.async_listen(stream, opening)
        finally:
            if self._spoken is not None:
                self._spoken.session.is_listening = False
        spoken = self._spoken
        if spoken is None:  # the input would have raised
            raise NotConnectedError
        if self.is_expected:
            await spoken.async_begin()
        return spoken

    async def _async_open(self) -> RealtimeClient:
        """Have a session that knows the conversation up to here. Raises RealtimeError."""
        if self._previous is not None:
            await self._previous.async_end()
        sessions = self._assistant.sessions
        session = await sessions.async_conversation(self.conversation_id)
        self._spoken = SpokenTurn(self._assistant, session, self._input, self._asker())
        session.is_listening = True
        async with session.turn():
            try:
                await self._spoken.async_prepare(will_answer=self.is_expected)
            except CommandTimeoutError, ConnectionLostError, NotConnectedError:
                await session.async_connect()
                await self._spoken.async_prepare(will_answer=self.is_expected)
            self._input.listen_to(session.client)
        return session.client

    def _asker(self) -> Asker | None:
        """Return who speaks, where that is known."""
        if (pipeline_input := self._pipeline_input) is None:
            return None
        assistant = self._assistant
        writes_down = assistant.settings.transcription_deployment != ""
        return Asker(
            PromptContext(
                pipeline_llm_context(pipeline_input, assistant.agent_id or ""),
                pipeline_input.conversation_extra_system_prompt,
            ),
            waits_for_words=writes_down and tries_local_intents(pipeline_input),
            detects_turns=assistant.settings.detects_turns,
        )

    # The answer

    def raise_failure(self) -> None:
        """Raise why nothing was heard, if that is so: AssistantError, RealtimeError."""
        if self.failure is not None:
            raise self.failure.without_traceback()

    async def async_take_over(
        self, chat_log: ChatLog, prompt_context: PromptContext
    ) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        Raises RealtimeError.
        """
        if self._spoken is None:
            raise ConnectionLostError
        return await self._spoken.async_take_over(chat_log, prompt_context)

    def correct(self, chat_log: ChatLog) -> None:
        """Put the words into the chat log that were not known when it was written."""
        if self._spoken is not None:
            self._spoken.correct(chat_log)

    def mark_speaking(self) -> bool:
        """Note that there is something to play; True the first time."""
        is_first = not self.has_begun_to_speak
        self.has_begun_to_speak = True
        return is_first

    def note_first_audio(self) -> None:
        """Note the time from the last word to the first sound, once."""
        if self.latency_ms is None:
            self._first_audio_at = asyncio.get_running_loop().time()
            seconds = self._first_audio_at - self._input.ended_at
            self.latency_ms = round(seconds * 1000)
            self._assistant.async_set_latency(self.latency_ms)

    @callback
    def finish(self, chat_log: ChatLog, apology: str = "") -> None:
        """Let no response follow: the speech ends with the last one.

        ``unspoken_text`` is then what the model wrote instead of saying it, and the apology.
        """
        written = [response.text for response in self.speech.responses]
        self.unspoken_text = " ".join(filter(None, [*written, apology]))
        self.speech.finish()
        self.correct(chat_log)
        if self._first_audio_at is not None:
            seconds = (
                sum(response.audio_ms for response in self.speech.responses) / 1000
            )
            begun = self._first_audio_at
            self.telling.step("voice", begun, begun + seconds)
        self.telling.done()

    # The voice

    @property
    def can_be_played(self) -> bool:
        """Whether its speech is what the run is about to play."""
        is_running = self.run is not None and not self.run.done()
        return (
            is_running and self.has_begun_to_speak and self.phase is TurnPhase.CLAIMED
        )

    async def async_pcm(self) -> AsyncGenerator[bytes]:
        """Yield the reply as it is made, 24 kHz PCM16, and note what was played."""
        async for item_id, pcm in self.speech.pieces():
            self._playback.note(item_id, pcm)
            yield pcm

    @callback
    def follow_satellite(self, satellite_id: str, on_silent: CALLBACK_TYPE) -> None:
        """Call ``on_silent`` when the satellite's entity says that it plays no more."""

        @callback
        def on_change(event: Event[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            was_responding = old and old.state == SATELLITE_RESPONDING
            is_responding = new and new.state == SATELLITE_RESPONDING
            if was_responding and not is_responding and self.was_played:
                on_silent()

        self.add_cleanup(
            async_track_state_change_event(
                self._assistant.hass, satellite_id, on_change
            )
        )

    @callback
    def stop(self) -> None:
        """End the reply where it has been heard to."""
        if self.phase in (TurnPhase.CLAIMED, TurnPhase.PLAYING):
            self.advance(TurnPhase.ENDED)
            self.interrupt()

    @callback
    def interrupt(self) -> None:
        """Let the model say no more, and know how much of the reply was heard by now."""
        self._playback.stop()
        self.speech.finish()
        if self._stopping is None:
            self._stopping = self._assistant.async_create_task(
                self._async_interrupt(), "stop a reply"
            )

    async def _async_interrupt(self) -> None:
        for response in self.speech.responses:
            with suppress(RealtimeError):
                await response.cancel()
        if (spoken := self._spoken) is None:
            return
        spoken.session.client.set_model_speak_done()
        if not self.was_played:
            return  # others may have spoken the text
        heard = self._playback.heard_ms()
        for response in self.speech.responses:
            words = response.words_by_item
            for item_id, said_ms in response.audio_ms_by_item.items():
                heard_ms = min(heard.get(item_id, 0), said_ms)
                if heard_ms < said_ms:
                    text = heard_words(words.get(item_id, ""), heard_ms / said_ms)
                    self.telling.interrupted(item_id, heard_ms, text)
                    with suppress(RealtimeError):
                        await spoken.async_truncate(item_id, heard_ms)

    # The end

    @callback
    def add_cleanup(self, cleanup: CALLBACK_TYPE) -> None:
        """Call something when the turn is closed."""
        self._cleanups.append(cleanup)

    @callback
    def close(self) -> None:
        """Release everything. The turn cannot be used afterwards."""
        self.speech.finish()
        self.telling.done()
        for cleanup in self._cleanups:
            cleanup()
        self._cleanups.clear()
        self.forget_previous()

    @callback
    def forget_previous(self, chat_log: ChatLog | None = None) -> None:
        """Close the turn before this one, once its words are in the chat log."""
        if self._previous is not None:
            if chat_log is not None:
                self._previous.correct(chat_log)
            self._previous.close()
            self._previous = None

    async def async_end(self) -> None:
        """Make way for the next turn of the conversation."""
        self.speech.finish()
        if not self.is_claimed:
            await self.async_discard()
            return
        self.interrupt()
        if self._stopping is not None:
            await asyncio.wait((self._stopping,))

    async def async_discard(self) -> None:
        """Take back a turn that no agent has claimed: never answer unasked."""
        self.close()
        if self._spoken is None:
            return
        try:
            await self._spoken.async_discard()
        except (AssistantError, RealtimeError) as err:
            told = self._assistant.secrets(str(err))
            LOGGER.debug("A turn could not be taken back: %s", told)
