"""One turn of a live session: what a person says or types, and the reply to that."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.components.conversation import AssistantContent, ChatLog, UserContent
from homeassistant.core import CALLBACK_TYPE, callback

from ..assistant.assistant import Assistant
from ..assistant.briefing import PromptContext
from ..assistant.conversation_session import ConversationSession
from ..realtime import RealtimeError, Response
from ..voice.playback import heard_words
from ..voice.speech import Speech
from ..voice.spoken_turn import Asker, SpokenTurn
from .card_playback import CardPlayback, HeardPlayback
from .reply_player import ReplyPlayer
from .speech import LiveSpeech


@dataclass(frozen=True, slots=True)
class Interruption:
    """Where a reply ends: ``item_id`` is cut to its first ``audio_end_ms`` ms.

    ``text`` is about what was heard of its words. Without an item nothing was heard at all.
    """

    item_id: str | None
    audio_end_ms: int
    text: str


class LiveTurn:
    """What is said in a live session, and its answer: a ClaimedTurn.

    The answer is an answer of the conversation entity like any other. What is heard of the
    reply is what the browser reports.
    """

    def __init__(
        self,
        assistant: Assistant,
        conversation_id: str,
        asker: Asker,
        session: ConversationSession | None,
        speech: LiveSpeech | None,
    ) -> None:
        """Begin; without ``speech`` the words were typed. ``session`` is that of the speech."""
        self.conversation_id = conversation_id
        self.run: asyncio.Task[Any] | None = None
        self.speech = Speech(assistant.timing.speech_gap)
        self.telling = assistant.async_tell_turn(conversation_id)
        self.latency_ms: int | None = None
        self.has_begun_to_speak = False
        self.playback: HeardPlayback = CardPlayback(assistant.timing.live_patience)
        # Where the reply is played, if not in the browser.
        self.player: ReplyPlayer | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_prepared = False
        self.heard = speech
        self._assistant = assistant
        self._asked_at = asyncio.get_running_loop().time()
        self._is_stopped = False
        self._log: ChatLog | None = None
        self._first_sound_at: float | None = None
        self._spoken: SpokenTurn | None = None
        if session is not None and speech is not None:
            self._spoken = SpokenTurn(assistant, session, speech, asker)

    # What is said

    async def async_prepare(self) -> None:
        """Let the model know all that it needs, before a person speaks. Raises RealtimeError."""
        if self._spoken is not None:
            await self._spoken.async_prepare(will_answer=True, clears_audio=False)
            self.is_prepared = True

    @callback
    def withdraw(self) -> None:
        """Give a turn up for which nobody has spoken."""
        if self._spoken is not None:
            self._spoken.withdraw()

    @callback
    def hear(self, speech: LiveSpeech) -> None:
        """Take what is said, for which the turn was prepared."""
        self.heard = speech
        if self._spoken is not None:
            self._spoken.hear(speech)

    @callback
    def play_at(self, player: ReplyPlayer) -> None:
        """Have the reply played at a media player."""
        self.player = player
        self.playback = player.playback

    @callback
    def begin(self) -> None:
        """Tell that the person has finished: the time of the answer begins."""
        self._asked_at = asyncio.get_running_loop().time()
        speech = self.heard
        if speech is not None and speech.ended_at is not None:
            self._asked_at = speech.ended_at
            self.telling.heard(
                speech.item_id or self.telling.turn_id,
                speech.started_at,
                speech.ended_at,
                speech.silence_ms,
            )
        else:
            self.telling.asked(self._asked_at)
        self.telling.start({"kind": "live", "name": self._assistant.name})
        if speech is not None:
            speech.tell_words(self._tell_words)

    def _tell_words(self, text: str, is_final: bool) -> None:
        self.telling.user_text(text, is_final=is_final)
        if is_final:
            self.correct()

    async def async_words(self) -> str | None:
        """Return what was said, as soon as the model begins to answer at the latest.

        Where the model waits for that, the words are not waited for long.
        """
        if self._spoken is None:
            return None
        timing = self._assistant.timing
        if not self.is_prepared:
            return await self._spoken.async_words(timing.live_words)
        await self._spoken.async_begin()
        return await self._spoken.async_words(timing.transcript)

    @callback
    def correct(self) -> None:
        """Put words into the chat log that were not known when it was written."""
        if self._log is not None and self._spoken is not None:
            self._spoken.correct(self._log)

    # The answer: what ChatAnswer needs

    @property
    def is_stopped(self) -> bool:
        """Whether the answer is not heard any further."""
        return self._is_stopped

    def raise_failure(self) -> None:
        """Raise nothing: a live session tells by itself that it hears nothing."""

    async def async_take_over(
        self, chat_log: ChatLog, prompt_context: PromptContext
    ) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        Raises RealtimeError.
        """
        if self._spoken is None:
            return None
        client = self._spoken.session.client
        if not self.is_prepared and client.active_response is not None:
            await (
                client.cancel_response()
            )  # an own one of the service, to be taken back
        return await self._spoken.async_take_over(chat_log, prompt_context)

    def mark_speaking(self) -> bool:
        """Note that there is something to hear. No pipeline has to be told."""
        self.has_begun_to_speak = True
        return False

    def note_first_audio(self) -> None:
        """Note the time from the last word to the first sound, once."""
        if self.latency_ms is None:
            self._first_sound_at = asyncio.get_running_loop().time()
            seconds = self._first_sound_at - self._asked_at
            self.latency_ms = round(seconds * 1000)
            if self.heard is not None:
                self._assistant.async_set_latency(self.latency_ms)

    def follow_satellite(self, satellite_id: str, on_silent: CALLBACK_TYPE) -> None:
        """Follow nothing: the browser reports by itself what it plays."""

    @callback
    def stop(self) -> None:
        """End the reply where it has been heard to."""
        self._is_stopped = True
        self.speech.finish()
        self.playback.stop()

    def finish(self, chat_log: ChatLog, apology: str = "") -> None:
        """Let no response follow."""
        self._log = chat_log
        self.speech.finish()
        self.correct()
        session = self._assistant.sessions.get(self.conversation_id)
        if session is not None and isinstance(chat_log.content[-1], UserContent):
            # Core 2026.10 drops a turn in which nothing was said to the person.
            session.history.remember_aborted(chat_log.content)

    @callback
    def over(self) -> None:
        """Tell the end of the turn: all has been heard."""
        if self._first_sound_at is not None:
            self.telling.step("voice", self._first_sound_at)
        self.telling.done()

    # An interruption

    async def async_interrupt(
        self, session: ConversationSession | None, patience: float
    ) -> Interruption:
        """Say no more, and let the model know what was heard of the reply.

        Waits ``patience`` seconds for the browser to tell where it has paused.
        """
        self.stop()
        responses = self._responses()
        waits = [_async_cancel(response) for response in responses]
        if self.playback.has_sound:
            waits.append(self.playback.async_paused(patience))
        await asyncio.gather(*waits)
        cut = Interruption(None, 0, "")
        for response in responses:
            words = response.words_by_item
            for item_id, said_ms in response.audio_ms_by_item.items():
                heard_ms = min(self.playback.heard_ms(item_id), said_ms)
                text = words.get(item_id, "")
                if heard_ms < said_ms:
                    text = heard_words(text, heard_ms / said_ms)
                    await self._async_cut(session, item_id, heard_ms)
                if heard_ms:
                    cut = Interruption(item_id, heard_ms, text)
        await self._async_end_task()
        self._correct_heard(session, responses)
        return cut

    def _responses(self) -> Sequence[Response]:
        """Return what the model says, an answer included that is not claimed yet."""
        responses = [*self.speech.responses]
        begun = self._spoken.response if self._spoken else None
        if begun is not None and begun not in responses:
            responses.append(begun)
        return responses

    async def _async_cut(
        self, session: ConversationSession | None, item_id: str, heard_ms: int
    ) -> None:
        if session is None:
            return
        with suppress(RealtimeError):
            if heard_ms:
                await session.client.truncate_item(item_id, 0, heard_ms)
            else:  # a truncation to nothing is refused
                await session.client.delete_item(item_id)

    async def _async_end_task(self) -> None:
        """Let the answer end, in which a tool may still be at work."""
        if self.task is None or self.task is asyncio.current_task():
            return
        await asyncio.wait((self.task,), timeout=self._assistant.timing.live_tool)
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait((self.task,))

    def _correct_heard(
        self, session: ConversationSession | None, responses: Sequence[Response]
    ) -> None:
        """Let the chat log say no more than what was heard."""
        if self._log is None or session is None:
            return
        for response in responses:
            told = None
            for item_id in response.item_ids:
                told = told or session.history.content_of(item_id)
            if not isinstance(told, AssistantContent) or not told.content:
                continue
            corrected = replace(told, content=self._heard_of(response))
            for position, content in enumerate(self._log.content):
                if content is told and corrected != told:
                    self._log.content[position] = corrected
                    session.history.replace(told, corrected)

    def _heard_of(self, response: Response) -> str:
        said = response.audio_ms_by_item
        heard = []
        for item_id, words in response.words_by_item.items():
            said_ms = said.get(item_id, 0)
            part = self.playback.heard_ms(item_id) / said_ms if said_ms else 0.0
            heard.append(heard_words(words, part))
        return "\n".join(filter(None, heard))


async def _async_cancel(response: Response) -> None:
    with suppress(RealtimeError):
        await response.cancel()
