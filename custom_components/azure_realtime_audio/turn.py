"""One spoken turn, shared by speech-to-text, conversation and text-to-speech."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.conversation import (
    ChatLog,
    Content,
    ConversationInput,
    UserContent,
)
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import llm
from homeassistant.helpers.chat_session import ChatSession
from homeassistant.helpers.event import async_call_later
import numpy as np

from .const import LOGGER
from .realtime import (
    CommandError,
    ConnectionLostError,
    ConnectionState,
    RealtimeError,
    Response,
)
from .speech import Playback, Speech
from .tools import function_tools

if TYPE_CHECKING:
    from .assistant import Assistant, AssistantSession

SAMPLE_RATE: Final = 16_000  # what Assist pipelines send, PCM16 mono
_BYTES_PER_SECOND = 2 * SAMPLE_RATE
# A pipeline sends 10 ms at a time; twice that costs half and delays nobody.
_APPEND_BYTES = _BYTES_PER_SECOND * 20 // 1000
# What may be said before the session is open.
_MAX_BUFFERED_BYTES = 30 * _BYTES_PER_SECOND
# What turn detection gets when the microphone ends first: it waits for silence.
# Below this no sample is speech: where Home Assistant ends the turn, its own timeout may
# have done so. Of 32768.
_QUIET = 300
_CLOSING_SILENCE = bytes(_BYTES_PER_SECOND)

# Seconds to wait for the first word, for the last one, and for what follows from it.
NO_SPEECH_SECONDS: Final = 15.0
SPEECH_SECONDS: Final = 60.0
COMMIT_SECONDS: Final = 3.0
TRANSCRIPT_SECONDS: Final = 10.0
# Seconds after the last word in which somebody has to take the turn.
CLAIM_SECONDS: Final = 10.0

_TRANSCRIPTION = "conversation.item.input_audio_transcription"
_TRANSCRIBE = (
    "Write down exactly what the user says in the last message, in its language, "
    "and nothing else. Do not answer it."
)


class NothingHeardError(RealtimeError):
    """Nobody spoke."""


class BufferFullError(RealtimeError):
    """The service took so long to open a session that words would have been lost."""


class Turn:
    """What one person says in one pipeline run, and what the model says to it.

    Speech-to-text listens, and lets the model begin to answer if the run's agent is this
    assistant. The conversation entity claims the turn, whereby its tools may run. Then
    text-to-speech plays ``speech``. What nobody claims is taken back.
    """

    def __init__(
        self, assistant: Assistant, chat: ChatSession, *, is_answered: bool
    ) -> None:
        """Prepare to listen; ``is_answered`` says whether the model is to answer."""
        self.assistant = assistant
        self.conversation_id = chat.conversation_id
        self.is_answered = is_answered
        self.is_offered = False
        self.is_claimed = False
        self.is_voiced = False
        self.session: AssistantSession | None = None
        self.item_id: str | None = None
        self.response: Response | None = None
        self.transcript: str | None = None
        self.speech = Speech()
        self.latency_ms: int | None = None
        self.device_id: str | None = None
        self.run: asyncio.Task[Any] | None = None
        self.previous: Turn | None = None
        self._said: UserContent | None = None
        self._session_id: str | None = None
        self._playback = Playback()
        self._peak = 0
        self._ended_at = 0.0
        self._speech_started = asyncio.Event()
        self._committed: asyncio.Future[str] = (
            asyncio.get_running_loop().create_future()
        )
        self._transcribed = asyncio.Event()
        self._unsubscribe: list[CALLBACK_TYPE] = []

    # --- Listening

    async def async_listen(
        self, stream: AsyncIterable[bytes], llm_context: llm.LLMContext
    ) -> None:
        """Send the microphone up until the person has finished.

        Then the model begins to answer. Raises RealtimeError.
        """
        self.device_id = llm_context.device_id
        upload = asyncio.ensure_future(self._async_upload(stream, llm_context))
        try:
            self.item_id = await self._async_end_of_speech(upload)
        finally:
            upload.cancel()
            await asyncio.wait((upload,))
        assert self.session is not None
        self._session_id = self.session.client.session_id
        if self.is_answered:
            self.response = await self.session.client.create_response(
                {"output_modalities": ["audio"]}
            )

    async def _async_upload(
        self, stream: AsyncIterable[bytes], llm_context: llm.LLMContext
    ) -> None:
        """Send what comes, and what came while the session was being opened."""
        opening = asyncio.ensure_future(self._async_open(llm_context))
        buffered = bytearray()
        try:
            async for chunk in stream:
                buffered += chunk
                if opening.done():
                    if len(buffered) >= _APPEND_BYTES:
                        await self._async_append(opening.result(), buffered)
                elif len(buffered) > _MAX_BUFFERED_BYTES:
                    raise BufferFullError("The service takes too long to answer")
            await self._async_append(await opening, buffered)
        finally:
            opening.cancel()
            await asyncio.wait((opening,))

    async def _async_append(self, session: AssistantSession, pcm: bytearray) -> None:
        whole = bytes(pcm[: len(pcm) & ~1])
        del pcm[: len(whole)]
        samples = np.frombuffer(whole, "<i2").astype(np.int32)
        self._peak = max(self._peak, int(np.abs(samples).max(initial=0)))
        await session.client.append_pcm(whole, sample_rate=SAMPLE_RATE)

    async def _async_open(self, llm_context: llm.LLMContext) -> AssistantSession:
        """Have a session that knows the conversation up to here. Raises RealtimeError."""
        session = await self.assistant.async_conversation_session(self.conversation_id)
        self.session = session
        self._listen_to(session)
        async with session.turn():
            await session.client.clear_audio_buffer()
            if self.is_answered:
                instructions, llm_api = await self.assistant.async_prepare(llm_context)
                await session.async_tell(instructions, function_tools(llm_api))
                await session.history.async_sync(session.client, self._chat_log())
        return session

    def _chat_log(self) -> Sequence[Content]:
        logs = self.assistant.hass.data.get(DATA_CHAT_LOGS, {})
        log = logs.get(self.conversation_id)
        return log.content if log else ()

    async def _async_end_of_speech(self, upload: asyncio.Future[None]) -> str:
        """Wait for the service, or who sends the audio, to find the end of the turn."""
        begun = asyncio.ensure_future(self._speech_started.wait())
        try:
            await self._async_wait(upload, begun, seconds=self._patience)
            if begun.done() and not upload.done():
                await self._async_wait(upload, seconds=SPEECH_SECONDS)
        finally:
            begun.cancel()
        if upload.done():
            upload.result()
        if not self._committed.done() and (upload.done() or begun.done()):
            await self._async_end_by_hand()
        if not self._committed.done():
            raise NothingHeardError("Nobody spoke")
        item_id = await self._committed
        if not self._ended_at:
            self._ended_at = asyncio.get_running_loop().time()
        return item_id

    async def _async_wait(self, *others: asyncio.Future[Any], seconds: float) -> None:
        await asyncio.wait(
            (self._committed, *others),
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )

    @property
    def _patience(self) -> float:
        """Seconds until the first word. By hand, the end of the stream is all there is."""
        if self.assistant.detects_turns:
            return NO_SPEECH_SECONDS
        return NO_SPEECH_SECONDS + SPEECH_SECONDS

    async def _async_end_by_hand(self) -> None:
        """End the turn where turn detection does not."""
        assert self.session is not None
        client = self.session.client
        if self.assistant.detects_turns:
            await client.append_pcm(_CLOSING_SILENCE, sample_rate=SAMPLE_RATE)
            await self._async_wait(seconds=COMMIT_SECONDS)
            if self._committed.done() or not self._speech_started.is_set():
                return
        elif self._peak < _QUIET:
            return
        with suppress(CommandError):  # less than the service takes for speech: 100 ms
            await client.commit_audio()

    # --- What the service tells while it listens

    def _listen_to(self, session: AssistantSession) -> None:
        client = session.client
        for event, listener in (
            ("input_audio_buffer.speech_started", self._on_speech_started),
            ("input_audio_buffer.speech_stopped", self._on_speech_stopped),
            ("input_audio_buffer.committed", self._on_committed),
            (f"{_TRANSCRIPTION}.completed", self._on_transcribed),
            (f"{_TRANSCRIPTION}.failed", self._on_transcribed),
            ("connection_changed", self._on_connection_changed),
        ):
            self.async_close_with(client.on(event, listener))

    @callback
    def _on_speech_started(self, _: Mapping[str, Any]) -> None:
        self._speech_started.set()

    @callback
    def _on_speech_stopped(self, _: Mapping[str, Any]) -> None:
        self._ended_at = asyncio.get_running_loop().time()

    @callback
    def _on_committed(self, event: Mapping[str, Any]) -> None:
        if not self._committed.done():
            self._committed.set_result(event["item_id"])

    @callback
    def _on_transcribed(self, event: Mapping[str, Any]) -> None:
        if self._committed.done() and event["item_id"] == self._committed.result():
            self.transcript = (event.get("transcript") or "").strip() or None
            self._transcribed.set()

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        if event["state"] is not ConnectionState.OPEN:
            error = event["error"] or ConnectionLostError()
            if not self._committed.done():
                self._committed.set_exception(error)
            self._transcribed.set()

    # --- The words

    async def async_words(self) -> str | None:
        """Return what was said, as soon as the model begins to answer at the latest.

        None when it is not known by then.
        """
        waiting: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._transcribed.wait())
        ]
        if self.response is not None:
            waiting.append(asyncio.ensure_future(_async_begun(self.response)))
        try:
            if self.session is not None and self.session.transcribes:
                await asyncio.wait(
                    waiting,
                    timeout=TRANSCRIPT_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for task in waiting:
                task.cancel()
        return self.transcript

    async def async_transcribe(self) -> str | None:
        """Return what was said, where nobody answers: if need be, the model listens again.

        Raises RealtimeError.
        """
        if words := await self.async_words():
            return words
        assert self.session is not None
        response = await self.session.client.create_response(
            {
                "conversation": "none",
                "output_modalities": ["text"],
                "instructions": _TRANSCRIBE,
                "tools": [],
                "input": [{"type": "item_reference", "id": self.item_id}],
            }
        )
        try:
            return (await response.done(TRANSCRIPT_SECONDS)).text.strip() or None
        except TimeoutError:
            return None
        finally:
            await response.cancel()

    # --- The answer

    def first_audio(self) -> bool:
        """Note the time from the last word to the first sound; True the first time."""
        if self.latency_ms is not None:
            return False
        seconds = asyncio.get_running_loop().time() - self._ended_at
        self.latency_ms = round(seconds * 1000)
        self.assistant.async_set_latency(self.latency_ms)
        return True

    async def async_take_over(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        From now on what was said is part of the chat log, and in the service's
        conversation as the audio it was. Raises RealtimeError.
        """
        assert self.session is not None
        *earlier, said = chat_log.content
        assert isinstance(said, UserContent)
        self._said = said
        history, client = self.session.history, self.session.client
        if client.session_id != self._session_id or self.item_id is None:
            if self.transcript is None:
                raise ConnectionLostError
            return None  # the words are not lost: they are in the chat log
        begun = self.response
        knows_all = history.holds(earlier)
        if begun is not None and not (
            knows_all
            and self.device_id == user_input.device_id
            and not user_input.extra_system_prompt
        ):
            await self._async_take_back(begun)
            begun = None
        if not knows_all:
            await history.async_sync(client, earlier, is_before=True)
        history.hold(said, [self.item_id])
        return begun

    def correct(self, chat_log: ChatLog) -> None:
        """Put the words into the chat log that were not known when it was written."""
        if self._said is None or self.session is None or not self.transcript:
            return
        corrected = replace(self._said, content=self.transcript)
        for position, content in enumerate(chat_log.content):
            if content is self._said:
                chat_log.content[position] = corrected
                self.session.history.replace(content, corrected)
        self._said = None

    async def async_pcm(self) -> AsyncGenerator[bytes]:
        """Yield the reply as it is made, 24 kHz PCM16, and note what was played."""
        async for item_id, pcm in self.speech.pieces():
            self._playback.note(item_id, pcm)
            yield pcm

    async def async_interrupt(self) -> None:
        """Stop the reply, and let the model know how much of it was heard."""
        if self.session is None or not self.is_claimed:
            return
        for response in self.speech.responses:
            with suppress(RealtimeError):
                await response.cancel()
        heard = self._playback.heard_ms()
        for response in self.speech.responses:
            for item_id, said_ms in response.audio_ms_by_item.items():
                heard_ms = min(heard.get(item_id, 0), said_ms)
                if heard_ms < said_ms:
                    with suppress(RealtimeError):
                        await self._async_cut(item_id, heard_ms)

    async def _async_cut(self, item_id: str, heard_ms: int) -> None:
        assert self.session is not None
        if heard_ms:
            await self.session.client.truncate_item(item_id, 0, heard_ms)
        else:  # a truncation to nothing is refused
            await self.session.client.delete_item(item_id)

    # --- The end

    @callback
    def async_close_with(self, unsubscribe: CALLBACK_TYPE) -> None:
        """End something together with the turn."""
        self._unsubscribe.append(unsubscribe)

    @callback
    def finish(self, chat_log: ChatLog) -> None:
        """Let no response follow: the speech ends with the last one."""
        self.speech.finish()
        self.correct(chat_log)

    @callback
    def close(self) -> None:
        """Be of no more use."""
        self.speech.finish()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        if self._committed.done() and not self._committed.cancelled():
            self._committed.exception()  # nobody else may have asked

    async def async_discard(self) -> None:
        """Take back a turn that nobody claimed: never answer unasked."""
        self.close()
        if self.session is None:
            return
        client = self.session.client
        try:
            if self.response is not None:
                await self._async_take_back(self.response)
            if self.item_id is not None:
                await client.delete_item(self.item_id)
            await client.clear_audio_buffer()
        except RealtimeError as err:
            LOGGER.debug("A turn could not be taken back: %s", err)

    async def _async_take_back(self, response: Response) -> None:
        assert self.session is not None
        await response.cancel()
        for item_id in response.item_ids:
            await self.session.client.delete_item(item_id)


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
        """Note that the run that begins in this conversation has this assistant as agent."""
        self._expected.add(chat.conversation_id)

    async def async_begin(self, chat: ChatSession) -> Turn:
        """Begin a turn; a reply that still sounds is interrupted, to what was heard."""
        conversation_id = chat.conversation_id
        is_answered = conversation_id in self._expected
        self._expected.discard(conversation_id)
        turn = Turn(self._assistant, chat, is_answered=is_answered)
        if conversation_id not in self._turns:
            chat.async_on_cleanup(lambda: self.async_forget(conversation_id))
        turn.previous = previous = self._turns.get(conversation_id)
        self._turns[conversation_id] = turn
        if previous is not None:
            await self._async_end(previous)
        return turn

    @callback
    def async_claim(self, chat_log: ChatLog) -> Turn | None:
        """Return the turn that was spoken in this run, if there is one, to be answered."""
        turn = self._turns.get(chat_log.conversation_id)
        if turn is None:
            return None
        if turn.is_claimed or turn.run is not asyncio.current_task():
            turn.correct(chat_log)
            return None
        if turn.previous is not None:
            turn.previous.correct(chat_log)
            turn.previous = None
        turn.is_claimed = True
        return turn

    @callback
    def async_voice(self, conversation_id: str) -> Turn | None:
        """Return the turn whose reply is to be heard now; each only once."""
        turn = self._turns.get(conversation_id)
        if turn is None or turn.run is None or turn.run.done():
            return None
        if turn.is_voiced or not turn.speech.responses:
            return None
        turn.is_voiced = True
        return turn

    @callback
    def async_offer(self, turn: Turn) -> None:
        """Leave the turn to the rest of its run, which may claim it until it ends."""
        turn.run = run = asyncio.current_task()
        assert run is not None

        @callback
        def expire(*_: object) -> None:
            turn.is_offered = False
            self.async_release(turn)

        @callback
        def forget_run() -> None:
            run.remove_done_callback(expire)

        turn.is_offered = True
        run.add_done_callback(expire)
        turn.async_close_with(forget_run)
        turn.async_close_with(
            async_call_later(self._assistant.hass, CLAIM_SECONDS, expire)
        )

    @callback
    def async_release(self, turn: Turn) -> None:
        """Take back a turn that nobody claimed or is going to."""
        if turn.is_claimed or turn.is_offered:
            return
        if self._turns.get(turn.conversation_id) is turn:
            del self._turns[turn.conversation_id]
            self._assistant.async_create_task(turn.async_discard(), "discard a turn")

    @callback
    def async_forget(self, conversation_id: str) -> None:
        """Drop what a conversation that has ended left."""
        self._expected.discard(conversation_id)
        if turn := self._turns.pop(conversation_id, None):
            turn.close()

    @callback
    def async_close(self) -> None:
        """Drop every turn."""
        for conversation_id in list(self._turns):
            self.async_forget(conversation_id)

    async def _async_end(self, turn: Turn) -> None:
        if turn.is_claimed:
            turn.close()
            await turn.async_interrupt()
        else:
            await turn.async_discard()
