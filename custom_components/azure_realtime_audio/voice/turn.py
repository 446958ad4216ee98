"""One spoken turn, shared by speech-to-text, conversation and text-to-speech."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import ChatLog, UserContent
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.chat_session import ChatSession
from homeassistant.helpers.event import async_call_later, async_track_state_change_event

from ..chat.history import system_prompt
from ..chat.tools import function_tools
from ..const import LOGGER
from ..core_internals import SATELLITE_RESPONDING, chat_log_as_it_is, is_chat_kept
from ..realtime import (
    CommandError,
    CommandTimeoutError,
    ConnectionLostError,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    Response,
)
from .listening import Hearing
from .speech import Playback, Speech

if TYPE_CHECKING:
    from ..assistant.assistant import Assistant
    from ..assistant.conversation_session import AssistantSession

TRANSCRIPT_SECONDS: Final = 10.0
# Seconds after the last word in which somebody has to take the turn.
CLAIM_SECONDS: Final = 10.0

_TRANSCRIBE = (
    "Write down exactly what the user says in the last message, in its language, "
    "and nothing else. Do not answer it."
)


class Turn:
    """What one person says in one pipeline run, and what the model says to it.

    Speech-to-text listens, and lets the model begin to answer if the run's agent is this
    assistant. The conversation entity claims the turn, whereby its tools may run. Then
    text-to-speech plays ``speech``. What nobody claims is taken back.
    """

    def __init__(
        self,
        assistant: Assistant,
        conversation_id: str,
        pipeline_input: PipelineInput | None,
        *,
        is_expected: bool,
    ) -> None:
        """Prepare to listen; ``is_expected`` says whether the assistant is to answer.

        ``pipeline_input`` tells who speaks. Without it, the model begins to answer only
        when the conversation entity claims the turn.
        """
        self.conversation_id = conversation_id
        self.pipeline_input = pipeline_input
        self.is_expected = is_expected
        self.is_claimed = False
        self.is_voiced = False
        self.is_stopped = False
        # Why nothing was heard, where the conversation entity is to tell that.
        self.failure: RealtimeError | None = None
        self.run: asyncio.Task[Any] | None = None
        self.previous: Turn | None = None
        self.response: Response | None = None
        self.speech = Speech()
        self.latency_ms: int | None = None
        self.unsaid = ""
        self._assistant = assistant
        self._hearing = Hearing(assistant.turn_detection)
        self._session: AssistantSession | None = None
        self._is_prepared = False
        self._stopping: asyncio.Future[None] | None = None
        self._said: UserContent | None = None
        self._has_begun_to_speak = False
        self._playback = Playback()
        self._unsubscribe: list[CALLBACK_TYPE] = [self._hearing.close]

    # --- Listening

    async def async_listen(self, stream: AsyncIterable[bytes]) -> None:
        """Send the microphone up until the person has finished. Raises RealtimeError.

        Then the model begins to answer, if it is to, and if all is known that its answer
        depends on. Whatever keeps it from that shows again when the turn is claimed.
        """
        opening = asyncio.ensure_future(self._async_open())
        try:
            await self._hearing.async_listen(stream, opening)
        finally:
            if self._session is not None:
                self._session.is_listening = False
        assert self._session is not None
        if not self._may_begin:
            return
        try:
            await self._async_prepare(self._session)
            self.response = await self._session.async_create_response(
                {"output_modalities": ["audio"]}
            )
        except (HomeAssistantError, RealtimeError) as err:
            LOGGER.debug("The answer could not begin before the claim: %s", err)

    @property
    def is_for_agent(self) -> bool:
        """Whether the run's agent is this assistant, as far as its pipeline tells.

        Core prepares the agent beside speech-to-text: a turn may fail before.
        """
        if self.is_expected or self.pipeline_input is None:
            return self.is_expected
        engine = self.pipeline_input.run.pipeline.conversation_engine
        return engine == self._assistant.agent_id

    @property
    def _may_begin(self) -> bool:
        """Whether the model may begin to answer before the turn is claimed."""
        return self.is_expected and self.pipeline_input is not None

    async def _async_open(self) -> RealtimeClient:
        """Have a session that knows the conversation up to here. Raises RealtimeError."""
        if self.previous is not None:
            await self.previous.async_end()
        session = await self._assistant.async_conversation_session(self.conversation_id)
        self._session = session
        session.is_listening = True
        async with session.turn():
            try:
                await self._async_make_ready(session)
            except CommandTimeoutError, ConnectionLostError, NotConnectedError:
                await session.async_connect()
                await self._async_make_ready(session)
            self._hearing.listen_to(session.client)
        return session.client

    async def _async_make_ready(self, session: AssistantSession) -> None:
        await session.client.clear_audio_buffer()
        if self._may_begin:
            with suppress(HomeAssistantError):  # the claim meets it again, and tells
                await self._async_prepare(session)

    async def _async_prepare(self, session: AssistantSession) -> None:
        """Tell the session what a chat log would. Raises HomeAssistantError, RealtimeError."""
        if self._is_prepared or self.pipeline_input is None:
            return
        assistant = self._assistant
        log = chat_log_as_it_is(assistant.hass, self.conversation_id)
        await assistant.async_provide_llm_data(
            log,
            assistant.llm_context(self.pipeline_input),
            self.pipeline_input.conversation_extra_system_prompt,
        )
        await session.async_tell(system_prompt(log), function_tools(log.llm_api))
        await session.history.async_sync(session.client, log.content)
        self._is_prepared = True

    # --- The words

    async def async_words(self) -> str | None:
        """Return what was said, as soon as the model begins to answer at the latest.

        None when it is not known by then.
        """
        assert self._session is not None
        if self._session.transcribes:
            begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self.response is not None:
                begun = asyncio.ensure_future(_async_begun(self.response))
            try:
                await self._hearing.async_words(begun, TRANSCRIPT_SECONDS)
            finally:
                begun.cancel()
        return self._hearing.transcript

    async def async_transcribe(self) -> str | None:
        """Return what was said, where nobody answers: if need be, the model listens again.

        Raises RealtimeError.
        """
        if words := await self.async_words():
            return words
        assert self._session is not None
        item_id = self._hearing.item_id
        async with self._session.response(
            {
                "conversation": "none",
                "output_modalities": ["text"],
                "instructions": _TRANSCRIBE,
                "tools": [],
                "input": [{"type": "item_reference", "id": item_id}],
            }
        ) as response:
            with suppress(TimeoutError):
                await response.done(TRANSCRIPT_SECONDS)
            return response.text.strip() or None

    def correct(self, chat_log: ChatLog) -> None:
        """Put the words into the chat log that were not known when it was written."""
        if self._said is None or not (words := self._hearing.transcript):
            return
        assert self._session is not None
        for position, content in enumerate(chat_log.content):
            if content is self._said:
                corrected = replace(self._said, content=words)
                chat_log.content[position] = corrected
                self._session.history.replace(content, corrected)
        self._said = None

    # --- The answer

    def raise_failure(self) -> None:
        """Raise why nothing was heard, if that is so: a RealtimeError."""
        if self.failure is not None:
            raise self.failure.without_traceback()

    async def async_take_over(self, chat_log: ChatLog) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        From now on what was said is part of the chat log, and in the service's
        conversation as the audio it was. Raises RealtimeError.
        """
        assert self._session is not None
        _, *earlier, said = chat_log.content
        assert isinstance(said, UserContent)
        history, client = self._session.history, self._session.client
        item_id, begun = self._hearing.item_id, self.response
        if item_id is None or item_id not in client.item_ids:
            if self._hearing.transcript is None:
                raise ConnectionLostError
            return None  # the words are not lost: they are in the chat log
        history.reclaim([item_id])
        knows_history = history.holds(earlier)
        knows_all = knows_history and self._session.was_told(
            system_prompt(chat_log), function_tools(chat_log.llm_api)
        )
        if begun is not None and not knows_all:
            await self._async_take_back(begun)
            begun = None
        if not knows_history:
            await history.async_sync(client, earlier, is_before=True)
        history.hold(said, [item_id])
        self._said = said
        return begun

    @property
    def has_begun_to_speak(self) -> bool:
        """Whether there has been something to play."""
        return self._has_begun_to_speak

    def begins_to_speak(self) -> bool:
        """Note that there is something to play; True the first time."""
        if self._has_begun_to_speak:
            return False
        self._has_begun_to_speak = True
        return True

    def first_audio(self) -> None:
        """Note the time from the last word to the first sound."""
        if self.latency_ms is None:
            seconds = asyncio.get_running_loop().time() - self._hearing.ended_at
            self.latency_ms = round(seconds * 1000)
            self._assistant.async_set_latency(self.latency_ms)

    @callback
    def finish(self, chat_log: ChatLog, apology: str = "") -> None:
        """Let no response follow: the speech ends with the last one.

        ``unsaid`` is then what the model wrote instead of saying it, and the apology.
        """
        written = [response.text for response in self.speech.responses]
        self.unsaid = " ".join(filter(None, [*written, apology]))
        self.speech.finish()
        self.correct(chat_log)

    # --- The voice

    @property
    def can_be_voiced(self) -> bool:
        """Whether its speech is what the run is about to play; once."""
        is_running = self.run is not None and not self.run.done()
        return (
            is_running
            and self._has_begun_to_speak
            and not self.is_stopped
            and not self.is_voiced
        )

    async def async_pcm(self) -> AsyncGenerator[bytes]:
        """Yield the reply as it is made, 24 kHz PCM16, and note what was played."""
        async for item_id, pcm in self.speech.pieces():
            self._playback.note(item_id, pcm)
            yield pcm

    @callback
    def follow_satellite(self, satellite_id: str) -> None:
        """Stop the reply where the satellite's entity says that it plays no more."""

        @callback
        def on_change(event: Event[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            was_responding = old and old.state == SATELLITE_RESPONDING
            is_responding = new and new.state == SATELLITE_RESPONDING
            if was_responding and not is_responding and self.is_voiced:
                self.stop()

        self.close_with(
            async_track_state_change_event(
                self._assistant.hass, satellite_id, on_change
            )
        )

    @callback
    def stop(self) -> None:
        """End the reply: nobody hears any more of it than has been heard by now."""
        if self.is_stopped or not self.is_claimed:
            return
        self.is_stopped = True
        self._playback.stop()
        self.speech.finish()
        self._stopping = self._assistant.async_create_task(
            self._async_interrupt(), "stop a reply"
        )

    async def _async_interrupt(self) -> None:
        """Let the model say no more, and know how much of the reply was heard."""
        for response in self.speech.responses:
            with suppress(RealtimeError):
                await response.cancel()
        if self._session is not None:
            self._session.client.set_model_speak_done()
        if not self.is_voiced:
            return  # others may have spoken the text
        heard = self._playback.heard_ms()
        for response in self.speech.responses:
            for item_id, said_ms in response.audio_ms_by_item.items():
                heard_ms = min(heard.get(item_id, 0), said_ms)
                if heard_ms < said_ms:
                    with suppress(RealtimeError):
                        await self._async_cut(item_id, heard_ms)

    async def _async_cut(self, item_id: str, heard_ms: int) -> None:
        assert self._session is not None
        if heard_ms:
            await self._session.client.truncate_item(item_id, 0, heard_ms)
        else:  # a truncation to nothing is refused
            await self._session.client.delete_item(item_id)

    # --- The end

    @callback
    def close_with(self, unsubscribe: CALLBACK_TYPE) -> None:
        """End something together with the turn."""
        self._unsubscribe.append(unsubscribe)

    @callback
    def close(self) -> None:
        """Be of no more use."""
        self.speech.finish()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        if self.previous is not None:
            self.previous.close()
            self.previous = None

    async def async_end(self) -> None:
        """Make way for the next turn of the conversation."""
        self.speech.finish()
        if not self.is_claimed:
            await self.async_discard()
            return
        self.stop()
        if self._stopping is not None:
            await asyncio.wait((self._stopping,))

    async def async_discard(self) -> None:
        """Take back a turn that nobody claimed: never answer unasked."""
        self.close()
        if self._session is None:
            return
        try:
            async with self._session.turn():
                if self.response is not None:
                    await self._async_take_back(self.response)
                if item_id := self._hearing.item_id:
                    await self._async_delete([item_id])
                await self._session.client.clear_audio_buffer()
        except RealtimeError as err:
            LOGGER.debug("A turn could not be taken back: %s", err)

    async def _async_take_back(self, response: Response) -> None:
        await response.cancel()
        await self._async_delete(response.item_ids)

    async def _async_delete(self, item_ids: Iterable[str]) -> None:
        assert self._session is not None
        for item_id in item_ids:
            with suppress(CommandError):  # it is not there any more
                await self._session.client.delete_item(item_id)


async def _async_begun(response: Response) -> None:
    """Wait until a response has anything to say or do, or ends."""
    while not (response.deltas or response.is_done):
        await response.changed()


class Turns:
    """The turns of an assistant's conversations, the last one of each."""

    def __init__(self, assistant: Assistant) -> None:
        """Begin with none."""
        self._assistant = assistant
        self._turns: dict[str, Turn] = {}
        self._expected: set[str] = set()

    @callback
    def async_expect(self, chat: ChatSession) -> None:
        """Note that the run that begins in this conversation has this assistant as agent.

        The pipeline tells it while the person begins to speak, sometimes before and
        sometimes after it lets speech-to-text listen.
        """
        conversation_id = chat.conversation_id
        turn = self._turns.get(conversation_id)
        if turn is not None and turn.run is None and not turn.is_expected:
            turn.is_expected = True
        elif conversation_id not in self._expected:
            self._expected.add(conversation_id)
            chat.async_on_cleanup(lambda: self._expected.discard(conversation_id))

    @callback
    def async_begin(
        self, chat: ChatSession, pipeline_input: PipelineInput | None
    ) -> Turn:
        """Begin a turn; it ends the one before."""
        conversation_id = chat.conversation_id
        is_expected = conversation_id in self._expected
        self._expected.discard(conversation_id)
        turn = Turn(
            self._assistant, conversation_id, pipeline_input, is_expected=is_expected
        )
        if (previous := self._turns.get(conversation_id)) is None:
            chat.async_on_cleanup(lambda: self._forget(conversation_id))
        turn.previous = previous
        self._turns[conversation_id] = turn
        return turn

    @callback
    def async_offer(self, turn: Turn) -> None:
        """Leave the turn to the rest of its run, which may claim it until it ends."""
        turn.run = run = asyncio.current_task()
        assert run is not None

        @callback
        def expire(_: object) -> None:
            if not turn.is_claimed:
                turn.run = None
                self.async_release(turn)

        hass = self._assistant.hass

        @callback
        def run_ended(_: object) -> None:
            expire(None)
            # A chat whose first run was cancelled is one that core never ends.
            if not is_chat_kept(hass, turn.conversation_id):
                self._forget(turn.conversation_id)

        @callback
        def forget_run() -> None:
            run.remove_done_callback(run_ended)

        run.add_done_callback(run_ended)
        turn.close_with(forget_run)
        turn.close_with(async_call_later(hass, CLAIM_SECONDS, expire))

    @callback
    def async_fail(self, turn: Turn, error: RealtimeError) -> bool:
        """Leave it to the agent to tell why nothing was heard; False if it cannot."""
        is_latest = self._turns.get(turn.conversation_id) is turn
        if not is_latest or not turn.is_for_agent:
            return False
        turn.failure = error
        self.async_offer(turn)
        return True

    @callback
    def async_release(self, turn: Turn) -> None:
        """Take the turn back, unless its run may still claim it."""
        if turn.run is None and self._turns.get(turn.conversation_id) is turn:
            del self._turns[turn.conversation_id]
            self._assistant.async_create_task(turn.async_discard(), "discard a turn")

    @callback
    def async_claim(self, chat_log: ChatLog) -> Turn | None:
        """Return the turn that was spoken in this run, if there is one, to be answered."""
        self._expected.discard(chat_log.conversation_id)
        turn = self._turns.get(chat_log.conversation_id)
        if turn is None:
            return None
        if turn.is_claimed or turn.run is not asyncio.current_task():
            turn.correct(chat_log)
            return None
        if turn.previous is not None:
            turn.previous.correct(chat_log)
            turn.previous.close()
            turn.previous = None
        turn.is_claimed = True
        return turn

    @callback
    def async_voice(self, conversation_id: str) -> Turn | None:
        """Return the turn whose reply is to be heard now; each only once."""
        turn = self._turns.get(conversation_id)
        if turn is None or not turn.can_be_voiced:
            return None
        turn.is_voiced = True
        return turn

    @callback
    def async_session_ended(self, conversation_id: str) -> None:
        """Drop the turn of a session that is gone, unless its run may still speak it."""
        turn = self._turns.get(conversation_id)
        if turn is not None and turn.run is not None and turn.run.done():
            self._forget(conversation_id)

    @callback
    def async_close(self) -> None:
        """Drop every turn."""
        for conversation_id in list(self._turns):
            self._forget(conversation_id)

    def _forget(self, conversation_id: str) -> None:
        """Drop what a conversation that has ended left."""
        self._expected.discard(conversation_id)
        if turn := self._turns.pop(conversation_id, None):
            turn.close()
