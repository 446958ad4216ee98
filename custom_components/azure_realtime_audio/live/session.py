"""One live session: a person at a browser, and an assistant that may be interrupted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from homeassistant.components import conversation
from homeassistant.components.conversation import ConversationInput
from homeassistant.core import CALLBACK_TYPE, Context, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.intent import IntentResponseType
from homeassistant.util.ulid import ulid_now

from ..assistant.assistant import Assistant
from ..assistant.briefing import PromptContext
from ..assistant.conversation_session import ConversationSession
from ..assistant.telling import TurnEvent
from ..const import (
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    DEFAULT_ASSISTANT,
    DOMAIN,
    LOGGER,
    TURN_DETECTION_SERVER_VAD,
)
from ..core_internals import chat_session_of
from ..errors import async_sentence, translated, translated_error
from ..realtime import (
    CommandError,
    ConnectionState,
    Dialect,
    RealtimeClient,
    RealtimeError,
)
from ..voice.spoken_turn import Asker
from ..voice.stand_in import async_stand_in
from ..voice.turns import Turns
from .card_playback import BrowserDoesNotReadError, PlaybackState
from .ears import Ears
from .image import ImageNotTakenError, checked_image
from .microphone import Microphone
from .reply_player import MediaPlayerError, Publish, ReplyPlayer
from .sound import async_send_sound
from .speech import LiveSpeech
from .turn import LiveTurn

type Tell = Callable[[Mapping[str, Any]], None]
type EndReason = Literal["taken_over", "unloaded", "failed", "idle"]

# What a browser may have asked for that is not done yet.
_MAX_WAITING: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """What a browser wants: in which conversation, with whose rights, in which language.

    Without ``hands_free`` the person says by hand when a turn begins and ends.
    """

    conversation_id: str
    context: Context
    language: str
    hands_free: bool = True
    satellite_id: str | None = None  # of the screen where the person is
    device_id: str | None = None
    publish: Publish


class TooMuchAtOnceError(Exception):
    """The browser asks for more than can be done."""


class BrowserSession:
    """Listens to a browser, and lets the assistant answer, until one of them leaves.

    What the service and the browser tell is taken in at once; what follows from that is done
    by one task, one thing after the other. ``tell`` hears the events for the browser.
    """

    def __init__(
        self,
        assistant: Assistant,
        turns: Turns,
        request: LiveRequest,
        tell: Tell,
        on_closed: Callable[[BrowserSession], None],
        previous: BrowserSession | None = None,
    ) -> None:
        """Begin, once the ``previous`` session of the conversation has left nothing behind.

        ``on_closed`` is called when this one has.
        """
        self.id = ulid_now()
        self.conversation_id = request.conversation_id
        self.user_id = request.context.user_id
        self._assistant = assistant
        self._hass = assistant.hass
        self._turns = turns
        self._request = request
        self._tell = tell
        self._on_closed = on_closed
        self._previous = previous
        self._is_hands_free = request.hands_free
        self._media_player: str | None = None
        self._microphone = Microphone(partial(self.fail, "live_too_slow"))
        if request.hands_free:
            self._microphone.open()
        self._session: ConversationSession | None = None
        self._inbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._turn: LiveTurn | None = None
        self._next: LiveTurn | None = None
        self._ears = Ears(
            assistant.settings, self._tell, self._update_status, self._on_heard
        )
        self._ears.is_hands_free = request.hands_free
        self._deciding = 0
        self._is_capturing = False
        self._is_opening = True
        self._status = "thinking"
        self.is_ended = False
        self._closing: asyncio.Task[None] | None = None
        self._heard_at = self._hass.loop.time()
        self._unsubscribe: CALLBACK_TYPE = lambda: None
        self._cleanups: list[CALLBACK_TYPE] = [
            assistant.turn_events.add(self._on_turn_event),
            assistant.async_add_listener(self._on_assistant),
            async_track_time_interval(
                self._hass,
                self._on_interval,
                timedelta(seconds=assistant.timing.live_touch),
            ),
        ]
        self._tasks: set[asyncio.Task[Any]] = set()
        # Later: the browser is told first that the session has started.
        self._start(self._async_work(), "live session", eagerly=False)
        microphone = self._microphone.async_send(self._client)
        self._start(microphone, "live microphone", eagerly=False)

    def _start(
        self, target: Coroutine[Any, Any, None], name: str, *, eagerly: bool = True
    ) -> asyncio.Task[None]:
        """Run something that ends with the session, at the latest."""
        task = self._assistant.entry.async_create_background_task(
            self._hass, target, name, eager_start=eagerly
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # The browser

    @callback
    def hear(self, pcm: bytes) -> None:
        """Take a frame of the microphone, 24 kHz PCM16 mono."""
        self._microphone.put(pcm)

    @callback
    def report_playback(
        self, item_id: str, played_ms: int, state: PlaybackState
    ) -> None:
        """Take in how much of an item has left the speaker."""
        if (turn := self._turn) is not None:
            turn.playback.report(item_id, played_ms, state)
            self._update_status()

    @callback
    def set_turn(self, *, begins: bool) -> None:
        """Begin or end a turn by hand. Raises TooMuchAtOnceError."""
        if self._is_hands_free or begins is self._is_capturing:
            return
        self._is_capturing = begins
        if begins:
            self._microphone.open(held=True)
            self._do(self._async_capture)
        else:
            self._microphone.close()
            self._do(self._async_commit)
        self._update_status()

    @callback
    def set_hands_free(self, *, is_on: bool) -> None:
        """Let the service find the end of a turn, or the person. Raises TooMuchAtOnceError."""
        if is_on is self._is_hands_free:
            return
        self._is_hands_free = self._ears.is_hands_free = is_on
        self._is_capturing = False
        self._ears.forget()  # the service does, with its turn detection
        if is_on:
            self._microphone.open()
        else:
            self._microphone.close()
        self._update_status()
        self._do(self._async_change_detection)

    @callback
    def set_output(self, media_player: str | None) -> None:
        """Play the replies that begin from now on at a media player; None: in the browser."""
        self._media_player = media_player

    @callback
    def say(self, text: str) -> None:
        """Say something in writing, which ends a reply. Raises TooMuchAtOnceError."""
        self._do(partial(self._async_typed, text))

    @callback
    def show(self, data_url: str, text: str) -> None:
        """Show the model a picture, with a question or without.

        Raises NotAnImageError and TooMuchAtOnceError.
        """
        if self._assistant.dialect is not Dialect.GA:
            raise ImageNotTakenError
        self._do(partial(self._async_shown, checked_image(data_url), text.strip()))

    @callback
    def interrupt(self) -> None:
        """End the reply; nothing is asked. Raises TooMuchAtOnceError."""
        self._do(self._async_interrupt)

    # The work

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._inbox.qsize() >= _MAX_WAITING:
            raise TooMuchAtOnceError
        self._heard_at = self._hass.loop.time()
        self._inbox.put_nowait(work)

    async def _async_work(self) -> None:
        """Do what is to be done, one thing after the other."""
        await self._async_wait_for_previous()
        self._inbox.put_nowait(self._async_prepare)
        while True:
            work = await self._inbox.get()
            try:
                await work()
            except RealtimeError as err:
                shown = translated_error(err, self._assistant.secrets)
                await self._async_tell_error(shown)
            except HomeAssistantError as err:
                await self._async_tell_error(self._assistant.secrets.of_sentence(err))
            except Exception:  # noqa: BLE001  # a bug must not leave the person without a word
                LOGGER.exception("A live session of %s", self._assistant.name)
                await self._async_tell_error(translated("unexpected"))
            self._is_opening = False
            self._update_status()

    async def _async_wait_for_previous(self) -> None:
        if self._previous is not None:
            await self._previous.async_closed()
            self._previous = None

    async def _async_tell_error(self, error: HomeAssistantError) -> None:
        LOGGER.debug("A live session of %s: %s", self._assistant.name, error)
        self._tell(
            {
                "type": "error",
                "message": await async_sentence(
                    self._hass, self._request.language, error
                ),
                "translation_key": error.translation_key,
                "translation_placeholders": error.translation_placeholders or {},
                "can_retry": True,
            }
        )

    # The session with the service

    def _client(self) -> RealtimeClient | None:
        return self._session.client if self._session else None

    async def _async_session(self) -> ConversationSession:
        """Return the conversation's session, open. Raises RealtimeError, HomeAssistantError."""
        sessions = self._assistant.sessions
        session = sessions.get(self.conversation_id)
        if (
            session is not None
            and session is self._session
            and session.client.state is ConnectionState.OPEN
        ):
            return session
        with chat_session_of(self._hass, self.conversation_id, self._request.context):
            session = await sessions.async_conversation(self.conversation_id)
        if session is not self._session:
            self._leave_session()
            self._session = session
            session.is_listening = True
            self._ears.follow(session.client)
            self._unsubscribe = session.client.on(
                "connection_changed", self._on_connection_changed
            )
        detection = self._turn_detection if self._is_hands_free else None
        if session.turn_detection != detection:
            await session.async_detect_turns(detection)
        if not self._is_capturing:
            self._microphone.release()
        return session

    @property
    def _turn_detection(self) -> dict[str, Any]:
        """How the service finds the end of a turn, also for an assistant whose turns end by hand."""
        return self._assistant.settings.turn_detection_config() or {
            "type": TURN_DETECTION_SERVER_VAD,
            "create_response": False,
            "interrupt_response": False,
            CONF_PREFIX_PADDING_MS: DEFAULT_ASSISTANT[CONF_PREFIX_PADDING_MS],
            CONF_SILENCE_DURATION_MS: DEFAULT_ASSISTANT[CONF_SILENCE_DURATION_MS],
        }

    def _leave_session(self) -> None:
        turn, self._next = self._next, None
        if turn is not None:
            turn.withdraw()
        self._ears.leave()
        self._unsubscribe()
        if (session := self._session) is not None:
            session.is_listening = False
            session.async_touch()
        self._session = None

    async def _async_prepare(self) -> None:
        """Let the model know all that it needs before somebody speaks."""
        session = await self._async_session()
        if self._turn is not None or self._next is not None or self._is_hearing:
            return
        turn = self._new_turn(session, LiveSpeech())
        async with session.turn():
            await turn.async_prepare()
        self._next = turn

    def _new_turn(
        self, session: ConversationSession | None, speech: LiveSpeech | None
    ) -> LiveTurn:
        request = self._request
        asked = ConversationInput(
            text="",
            context=request.context,
            conversation_id=self.conversation_id,
            device_id=request.device_id,
            satellite_id=request.satellite_id,
            language=request.language,
            agent_id=self._assistant.agent_id or "",
        )
        asker = Asker(
            PromptContext(asked.as_llm_context(DOMAIN), None),
            waits_for_words=False,
            detects_turns=self._is_hands_free,
        )
        return LiveTurn(self._assistant, self.conversation_id, asker, session, speech)

    def _drop_next(self) -> None:
        """Give up the turn for which the session is prepared; the service must not answer."""
        turn, self._next = self._next, None
        if turn is not None:
            turn.withdraw()
            self._answer_no_more()

    async def _async_change_detection(self) -> None:
        self._drop_next()
        session = await self._async_session()
        detection = self._turn_detection if self._is_hands_free else None
        if session.turn_detection != detection:
            await session.async_detect_turns(detection)
        await self._async_prepare()

    # What the service tells

    @property
    def _is_hearing(self) -> bool:
        return self._ears.is_hearing or self._is_capturing

    @callback
    def _on_heard(self, speech: LiveSpeech) -> None:
        self._heard_at = self._hass.loop.time()
        self._deciding += 1
        self._inbox.put_nowait(partial(self._async_heard, speech))
        self._update_status()

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        self._update_status()

    @callback
    def _on_assistant(self) -> None:
        """Try again when the service can be reached again."""
        is_away = self._client() is None or self._status == "away"
        if is_away and self._assistant.available and self._inbox.empty():
            self._inbox.put_nowait(self._async_prepare)

    # Turns

    async def _async_heard(self, speech: LiveSpeech) -> None:
        """Answer what was said; unless it was no word, while the assistant spoke."""
        try:
            if self._turn is not None and speech.has_started:
                if await self._async_is_false(speech):
                    await self._async_forget(speech)
                    return
            await self._async_interrupt()
        finally:
            self._deciding -= 1
        session = await self._async_session()
        turn, self._next = self._next, None
        if turn is None:
            turn = self._new_turn(session, speech)
        else:
            turn.hear(speech)
        self._begin(turn)

    async def _async_is_false(self, speech: LiveSpeech) -> bool:
        """Return whether what interrupts a reply was no word."""
        session = self._session
        if session is not None and session.transcribes:
            await speech.async_transcribed(self._assistant.timing.live_words)
            if speech.is_transcribed:
                return speech.transcript is None
        return speech.is_short

    async def _async_forget(self, speech: LiveSpeech) -> None:
        """Take back what was no word; the reply goes on."""
        self._tell({"type": "false_interruption", "item_id": speech.item_id})
        session = self._session
        if session is None or speech.item_id is None:
            return
        try:
            await session.client.delete_item(speech.item_id)
        except RealtimeError:
            session.history.mark_orphaned([speech.item_id])

    async def _async_interrupt(self) -> None:
        """End the reply where it has been heard to, if there is one."""
        if (turn := self._turn) is None:
            return
        session = self._session_of_conversation()
        cut = await turn.async_interrupt(session, self._assistant.timing.live_pause)
        self._turn = None
        turn.telling.interrupted(cut.item_id, cut.audio_end_ms, cut.text)
        self._end_turn(turn, session)

    def _session_of_conversation(self) -> ConversationSession | None:
        """Return the session, also one that only the answer to typed words has opened."""
        return self._session or self._assistant.sessions.get(self.conversation_id)

    async def _async_typed(self, text: str) -> None:
        await self._async_interrupt()
        self._drop_next()
        turn = self._new_turn(None, None)
        self._begin(turn, text)

    async def _async_shown(self, data_url: str, text: str) -> None:
        await self._async_interrupt()
        session = await self._async_session()
        content = [{"type": "input_image", "image_url": data_url}]
        if text:
            content.append({"type": "input_text", "text": text})
        item = {"type": "message", "role": "user", "content": content}
        speech = LiveSpeech(was_ended_by_hand=True)
        speech.commit(await session.client.create_conversation_item(item))
        speech.transcribe(
            text or await async_stand_in(self._hass, self._request.language, "picture")
        )
        self._drop_next()
        self._begin(self._new_turn(session, speech))

    async def _async_capture(self) -> None:
        """Begin a turn by hand: forget what was heard before."""
        await self._async_interrupt()
        session = await self._async_session()
        await session.client.clear_audio_buffer()
        self._microphone.release()

    async def _async_commit(self) -> None:
        """End a turn by hand; ``_on_committed`` goes on, unless there was nothing."""
        session = await self._async_session()
        self._microphone.release()
        await self._microphone.async_drained()
        try:
            await session.client.commit_audio()
        except CommandError:  # too short to be anything
            await session.client.clear_audio_buffer()

    @callback
    def _begin(self, turn: LiveTurn, text: str | None = None) -> None:
        self._turn = turn
        if self._media_player is not None:
            turn.play_at(
                ReplyPlayer(
                    self._hass,
                    self._media_player,
                    self._request.context,
                    self._request.publish,
                    self._assistant.timing.live_patience,
                )
            )
        turn.begin()
        turn.task = self._start(self._async_answer(turn, text), "live answer")
        self._update_status()

    async def _async_answer(self, turn: LiveTurn, text: str | None) -> None:
        """Let the conversation entity answer, and send the sound of the answer."""
        playing = self._start(self._async_play(turn), "live playback")
        try:
            await self._async_converse(turn, text)
        except Exception:  # noqa: BLE001  # a bug must not leave the person without a word
            LOGGER.exception("A live session of %s", self._assistant.name)
            await self._async_tell_error(translated("unexpected"))
        finally:
            turn.speech.finish()
            if turn.is_stopped:
                playing.cancel()
        await asyncio.wait((playing,))
        if not turn.is_stopped:
            self._inbox.put_nowait(partial(self._async_over, turn))

    async def _async_converse(self, turn: LiveTurn, text: str | None) -> None:
        request, assistant = self._request, self._assistant
        if text is None:
            text = await turn.async_words()
            self._answer_no_more()
        if text is None:
            text = await async_stand_in(self._hass, request.language)
        self._turns.async_present(turn)
        try:
            result = await conversation.async_converse(
                self._hass,
                text,
                self.conversation_id,
                request.context,
                request.language,
                assistant.agent_id,
                request.device_id,
                satellite_id=request.satellite_id,
            )
        finally:
            self._turns.async_withdraw(turn)
        failed = result.response.response_type is IntentResponseType.ERROR
        if failed and not turn.telling.has_failed:  # core has refused the turn
            turn.telling.failed(result.response.speech["plain"]["speech"])

    def _answer_no_more(self) -> None:
        """Let the service not answer by itself while a turn goes on."""
        if self._is_hands_free:
            self._assistant.async_create_task(
                self._async_answer_no_more(), "let the service wait"
            )

    async def _async_answer_no_more(self) -> None:
        if (session := self._session) is not None:
            with suppress(RealtimeError):  # what the service begins is taken back
                await session.async_tell(None, answers_alone=False)

    async def _async_over(self, turn: LiveTurn) -> None:
        """Make ready for the next turn: the reply has been heard to its end."""
        if self._turn is not turn:
            return
        self._turn = None
        self._end_turn(turn, self._session)
        await self._async_prepare()

    def _end_turn(self, turn: LiveTurn, session: ConversationSession | None) -> None:
        turn.over()
        if (player := turn.player) is not None:
            player.end()
            if turn.is_stopped:
                self._assistant.async_create_task(player.async_stop(), "stop a reply")
        if session is not None:
            session.client.set_model_speak_done()
            session.client.abandon_tool_calls()
        self._heard_at = self._hass.loop.time()
        self._update_status()

    # The sound of a reply

    async def _async_play(self, turn: LiveTurn) -> None:
        """Send the sound of a reply, no faster than the browser takes it, and wait for its end."""
        try:
            if turn.player is not None:
                await turn.player.async_play(turn.speech, self._update_status)
            else:
                await async_send_sound(turn, self._tell_sound)
            await turn.playback.async_played()
        except BrowserDoesNotReadError:
            self.fail("live_not_read")
        except MediaPlayerError as err:
            await self._async_tell_error(err)

    def _tell_sound(self, event: Mapping[str, Any]) -> None:
        self._tell(event)
        self._update_status()

    @callback
    def _on_turn_event(self, told: TurnEvent) -> None:
        """Pass on each event of a turn of this conversation, at a satellite as well."""
        if told.conversation_id == self.conversation_id:
            self._tell({**told.event, "turn_id": told.turn_id})

    # Status

    @property
    def status(self) -> str:
        """What the assistant does here: idle, listening, thinking, speaking, or away."""
        return self._status

    @callback
    def _update_status(self) -> None:
        status = self._status_now()
        if status != self._status and not self.is_ended:
            self._status = status
            self._tell({"type": "status", "status": status})

    def _status_now(self) -> str:
        client = self._client()
        is_open = client is not None and client.state is ConnectionState.OPEN
        if not is_open and not self._is_opening:
            return "away"
        if self._is_hearing:
            return "listening"
        if self._turn is not None:
            playback = self._turn.playback
            if not playback.is_over:
                return "speaking"
            return "idle" if self._turn.speech.is_finished else "thinking"
        return "thinking" if self._deciding or not is_open else "idle"

    # The end

    @callback
    def _on_interval(self, _: datetime) -> None:
        """Keep the chat alive while somebody is there; end a session that nobody uses."""
        with chat_session_of(self._hass, self.conversation_id, self._request.context):
            pass
        if self._ears.forget_lost():
            self._inbox.put_nowait(self._async_prepare)
        idle = self._hass.loop.time() - self._heard_at
        if self._turn is None and idle > self._assistant.timing.live_idle:
            self.end("idle")

    @callback
    def fail(self, key: str) -> None:
        """End the session because it cannot go on; the browser is told why in a sentence."""
        self._assistant.async_create_task(self._async_fail(key), "end a live session")

    async def _async_fail(self, key: str) -> None:
        error = translated(key)
        sentence = await async_sentence(self._hass, self._request.language, error)
        LOGGER.warning("A live session of %s: %s", self._assistant.name, sentence)
        self.end("failed", sentence)

    @callback
    def end(self, reason: EndReason | None, message: str | None = None) -> None:
        """End the session, once; without a reason the browser has left."""
        if self._closing is not None:
            return
        if reason is not None:
            told = {"type": "ended", "reason": reason}
            self._tell(told if message is None else {**told, "message": message})
        self.is_ended = True
        self._closing = self._assistant.async_create_task(
            self._async_close(), "close a live session"
        )

    async def async_closed(self) -> None:
        """Wait until a session that was ended has left nothing behind."""
        if self._closing is not None:
            await asyncio.wait((self._closing,))

    async def _async_close(self) -> None:
        """Stop everything; the conversation stays, as far as it was heard."""
        for cleanup in self._cleanups:
            cleanup()
        self._microphone.close()
        try:
            await self._async_stop()
        finally:
            self._leave_session()
            self._on_closed(self)

    async def _async_stop(self) -> None:
        turn, self._turn = self._turn, None
        session = self._session_of_conversation()
        current = asyncio.current_task()
        answering = turn.task if turn else None
        for task in self._tasks:
            if task not in (current, answering):
                task.cancel()
        # A third session of the conversation waits for this one only.
        await self._async_wait_for_previous()
        if turn is not None:
            await turn.async_interrupt(session, 0)
            self._end_turn(turn, session)
        detection = self._assistant.settings.turn_detection_config()
        if (
            session is not None
            and session.client.state is ConnectionState.OPEN
            and session.turn_detection != detection
        ):
            with suppress(RealtimeError):
                await session.async_detect_turns(detection)
