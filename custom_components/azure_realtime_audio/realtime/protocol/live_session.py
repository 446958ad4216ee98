"""One session with the service, from its socket's opening to its end, without the socket."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
import logging
from typing import Any

import orjson

from ..audio import AudioFormat
from ..errors import RealtimeError
from ..listeners import Emitter, Event
from ..response import Response
from .acknowledgements import APPEND_ID, PendingCommand, PendingCommands
from .conversation_record import ConversationRecord
from .dialect import SOUND_EVENTS, Decoder, Dialect, canonical_type
from .error_codes import FATAL_CODES
from .event_shapes import (
    MALFORMED,
    MAX_TEXT,
    readable_error,
    readable_event,
    without_long_texts,
)
from .items import MAX_ID_LENGTH, short_id
from .response_feed import ResponseFeed
from .status import ModelStatus, StatusTracker
from .unsent_speech import UnsentSpeech

_LOGGER = logging.getLogger(__name__)

# How many ended responses are remembered, so that their late events are dropped.
_ENDED_RESPONSES = 64
# How many item ids are remembered as the client's own, however late the service tells of them.
_SENT_ITEMS = 256
# How many frames are remembered, so that one that comes again is dropped.
_RECENT_FRAMES = 8
_MAX_RECENT_FRAME = 1024 * 1024  # bytes
# What comes in a bigger frame is not text, or is no text of a model's: its strings are cut.
_MAX_TEXT_FRAME = MAX_TEXT  # bytes
# They name the item that the speech becomes.
_SPEECH_EVENTS = frozenset(
    f"input_audio_buffer.{what}"
    for what in ("speech_started", "speech_stopped", "committed")
)

# How often nothing but an open microphone may be found, until that counts as quiet.
_IDLE_LOOKS = 20

# How long a response may be silent, in seconds, of which nothing tells that it was to begin.
_DOUBT = 30.0


class Renewal(StrEnum):
    """Why a session wants to be followed by another one."""

    DUE = "due"
    UNANSWERED = "unanswered"
    APPEND_REFUSED = "append_refused"


class LiveSession:
    """What is true of one session: it begins and ends with its socket.

    ``receive`` takes in a frame and ``tick`` the time: they change the state and emit
    events. What the session wants stands in plain attributes: ``is_greeted`` (the service
    has begun), ``is_configured`` (a ``session.updated`` has been seen), ``fatal_error``
    (what the service said last, if it ends a session), ``wants_renewal``. ``description``
    is the session as the service describes it, ``has_answered`` tells that a turn has gone
    through in it, ``tells_conversations`` that responses name their conversation,
    ``has_new_deadline`` that a frame has brought ``deadline`` nearer. Times are seconds of the caller's clock.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        emitter: Emitter,
        status: StatusTracker,
        record: ConversationRecord,
        speech: UnsentSpeech,
        cancel: Callable[[Response], Awaitable[bool]],
        secret: bytes = b"",
        quiet_check: float = 1.0,
    ) -> None:
        """Begin. ``secret`` is removed from what is received, ``cancel`` stops a response.

        A session that is due for renewal is looked at every ``quiet_check`` seconds, until
        nothing goes on.
        """
        self.is_greeted = False
        self.is_configured = False
        self.has_answered = False
        self.fatal_error: Mapping[str, Any] | None = None
        self.wants_renewal: Renewal | None = None
        self.description: dict[str, Any] = {}
        self.pending = PendingCommands()
        self.responses: dict[str, ResponseFeed] = {}
        self.active: Response | None = None
        self.sent_item_ids: deque[str] = deque(maxlen=_SENT_ITEMS)
        self.tells_conversations = False
        self.has_new_deadline = False
        self.status = status
        self.record = record
        self._emitter = emitter
        self._speech = speech
        self._cancel = cancel
        self._secret = secret
        self._quiet_check = quiet_check
        self._decoder = Decoder(dialect)
        self._output_format = AudioFormat.PCM
        self._recent_frames: deque[bytes] = deque(maxlen=_RECENT_FRAMES)
        self._recent_ids: deque[str] = deque(maxlen=_RECENT_FRAMES)
        self._numbers_events = True
        self._long_call_ids: set[str] = set()
        self._ended_responses: deque[str] = deque(maxlen=_ENDED_RESPONSES)
        self._has_missed_beginning = False
        self._has_heard_turn = False
        self._speech_item_id = ""  # of what the service hears, until it is a turn
        self._answers_turns = False
        self._doubt_at: float | None = None
        self._doubted: dict[str, int] = {}
        self._is_in_use = False
        self._renew_at: float | None = None
        self._heard = -1
        self._idle_looks = 0

    # --- What it is

    @property
    def dialect(self) -> Dialect:
        """The dialect that the service speaks, as far as it has shown."""
        return self._decoder.dialect

    @property
    def creating(self) -> PendingCommand[Any] | None:
        """The command that asks for the conversation's next response, if there is one."""
        for pending in self.pending.of_type("response.create"):
            if not pending.command.is_aside and not pending.future.done():
                return pending
        return None

    @property
    def is_answering(self) -> bool:
        """Whether the conversation has a response, or is about to: the next one has to wait.

        The service knows best of a response that nobody has asked for and that is no answer
        of its own to what was said, and of one of which a single event is all that came.
        """
        if self.creating is not None:
            return True
        active = self.active
        return active is not None and not self.is_doubtful(active.id)

    def is_doubtful(self, response_id: str) -> bool:
        """Return whether a response in progress may be none."""
        feed = self.responses.get(response_id)
        if feed is None or feed.content.was_asked_for:
            return False
        return self.status.is_manual or not feed.is_announced or not feed.is_own_answer

    @property
    def may_answer_by_itself(self) -> bool:
        """Whether the service may begin an answer just now, to what was said."""
        return self._answers_turns and (self._has_heard_turn or bool(self._speech))

    @property
    def appended(self) -> int:
        """How many pieces of audio were ever appended."""
        return self._speech.count

    def wire_call_id(self, call_id: str) -> str:
        """Return what this session calls a function call, of which callers have this id."""
        return call_id if call_id in self._long_call_ids else short_id(call_id)

    @property
    def deadline(self) -> float | None:
        """The time at which ``tick`` has something to do; None if there is nothing."""
        deadlines = (
            self.status.deadline,
            self.pending.deadline,
            self._renew_at,
            self._doubt_at,
        )
        return min((each for each in deadlines if each is not None), default=None)

    # --- Time

    def begin_use(self, renew_at: float) -> None:
        """Note that the session is as it should be; it is due for renewal at ``renew_at``."""
        self._is_in_use = True
        self._renew_at = renew_at

    def tick(self, now: float) -> None:
        """Do what is due by now."""
        self.status.tick(now)
        if self.pending.expire(now) and self._is_in_use:
            # We cannot know what such a session holds.
            self.wants_renewal = self.wants_renewal or Renewal.UNANSWERED
        if self._doubt_at is not None and now >= self._doubt_at:
            self._end_doubtful(now)
        if self._renew_at is not None and now >= self._renew_at:
            self._renew_when_quiet(now)

    def _end_doubtful(self, now: float) -> None:
        """End responses that nobody asked for and of which nothing comes any more."""
        self._doubt_at = None
        for feed in [*self.responses.values()]:
            if not self.is_doubtful(feed.response.id):
                continue
            count = len(feed.content.deltas) + len(feed.content.items)
            if self._doubted.get(feed.response.id) == count:
                self.end_response(feed, {"status": "cancelled"})
            else:
                self._doubted[feed.response.id] = count
                self._doubt_at = now + _DOUBT

    def end(self, error: RealtimeError) -> None:
        """Have everything that waits for something of this session hear ``error``."""
        self.pending.fail(error)
        self.active = None
        responses, self.responses = self.responses, {}
        for feed in responses.values():
            self.record.update_from_response(feed.response)
            feed.abandon(error)
        self.status.disconnected()

    def _renew_when_quiet(self, now: float) -> None:
        is_idle = (
            self.status.status is ModelStatus.IDLE
            and not self.responses
            and not self.pending
        )
        self._idle_looks = self._idle_looks + 1 if is_idle else 0
        # A microphone may be open all the time: where the service detects turns, nobody
        # speaks to it.
        hears_nobody = not self.status.is_manual and self._idle_looks > _IDLE_LOOKS
        if is_idle and (self._heard == self._speech.size or hears_nobody):
            self._renew_at = None
            self.wants_renewal = self.wants_renewal or Renewal.DUE
        else:
            self._renew_at = now + self._quiet_check
            self._heard = self._speech.size

    # --- What the service sends

    def receive(self, frame: bytes, now: float) -> None:
        """Take in a frame. What is no event, or not a whole one, is logged and ignored."""
        received: Any = None
        try:
            received = orjson.loads(frame)
            if self._secret and self._has_secret(frame, received):
                frame = frame.replace(self._secret, b"***")
                received = orjson.loads(frame)
            if len(frame) > _MAX_TEXT_FRAME and received["type"] not in SOUND_EVENTS:
                received = without_long_texts(received)
            if self._numbers_events and self._has_come_before(frame, received):
                return
            events = self._decoder.decode(received)
        except MALFORMED as err:
            _LOGGER.debug("Ignored a frame that is no event: %s", type(err).__name__)
            self._take_in_incomplete(received, now)
            return
        for event in events:
            self._take_in(event, now)

    def _has_come_before(self, frame: bytes, received: Mapping[str, Any]) -> bool:
        """Return whether a frame comes again, where the ids of events tell.

        Some gateways give all events one id, or none: there, two pieces of a reply may well
        be equal.
        """
        event_id = received.get("event_id")
        if type(event_id) is not str or len(frame) > _MAX_RECENT_FRAME:
            return False
        if event_id not in self._recent_ids:
            self._recent_ids.append(event_id)
            self._recent_frames.append(frame)
            return False
        if frame in self._recent_frames:
            return True
        self._numbers_events = False
        self._recent_frames.clear()
        return False

    def _has_secret(self, frame: bytes, received: Mapping[str, Any]) -> bool:
        """Return whether the secret is in a frame. It is not looked for in sound.

        That would take longer than to decode the sound. What is around it has at most as
        many bytes as the frame has more than the sound.
        """
        if received["type"] not in SOUND_EVENTS:
            return self._secret in frame
        around = len(frame) - len(received["delta"])
        return (
            frame.find(self._secret, 0, around) >= 0
            or frame.find(self._secret, len(frame) - around) >= 0
        )

    def _take_in_incomplete(self, received: Any, now: float) -> None:
        """Heed what an event tells that lacks what it is about: something is done, or ended.

        It is no event for listeners.
        """
        try:
            event = readable_event(received)
        except MALFORMED:
            return
        event_type = canonical_type(event["type"])
        match event_type:
            case "session.created":
                self.is_greeted = True
            case "session.updated":
                self.is_configured = True
            case "error":
                self._on_error({"error": readable_error(received)}, now)
            case "response.created":
                self._has_missed_beginning = True
            case "response.done":
                described = event.get("response") or {}
                if feed := self._feed_of(described):
                    self.end_response(feed, described)
        self.pending.acknowledge({**event, "type": event_type})

    def _feed_of(self, described: Mapping[str, Any]) -> ResponseFeed | None:
        """Return the response in progress that a description without an id fits best."""
        item_ids = {item.get("id") for item in described.get("output") or ()}
        feeds = [*self.responses.values()]
        for feed in feeds:
            if not item_ids.isdisjoint(feed.content.items):
                return feed
        if len(feeds) == 1:
            return feeds[0]
        return self.responses.get(self.active.id) if self.active else None

    def _take_in(self, event: dict[str, Any], now: float) -> None:
        event_type = event["type"]
        if self._has_missed_beginning and event_type.startswith("response."):
            self._make_up_beginning(event, now)
        self.fatal_error = None  # the session goes on, so that it was not fatal
        if event_type in _SPEECH_EVENTS:
            self._complete_item_id(event)
        try:
            if handler := self._HANDLERS.get(event_type):
                handler(self, event, now)
            elif event_type.startswith("response."):
                self._on_response_part(event, now)
            if self.pending:
                self.pending.acknowledge(event)
        except Exception:  # a bug of ours costs this event only
            _LOGGER.exception("Taking in %s failed", event_type)
        self._emitter.emit(event_type, event)

    def _complete_item_id(self, event: dict[str, Any]) -> None:
        """Give an event of speech that names no item the id of what the service hears.

        Without it nobody would learn that a person has finished.
        """
        item_id = event.get("item_id") or self._speech_item_id
        event["item_id"] = item_id
        is_over = event["type"] == "input_audio_buffer.committed"
        self._speech_item_id = "" if is_over else item_id

    def _make_up_beginning(self, event: Event, now: float) -> None:
        """Tell that a response has begun, of which the event was not whole that told so."""
        response_id = event.get("response_id") or event.get("response", {}).get("id")
        if response_id in self.responses or response_id in self._ended_responses:
            return
        self._has_missed_beginning = False
        if response_id is not None and event["type"] != "response.created":
            response = {"id": response_id, "status": "in_progress"}
            self._take_in({"type": "response.created", "response": response}, now)

    def _on_session_created(self, event: Event, _: float) -> None:
        self._describe(dict(event["session"]))
        self.is_greeted = True

    def _on_session_updated(self, event: Event, _: float) -> None:
        self._describe({**self.description, **event["session"]})
        self.is_configured = True

    def _describe(self, session: dict[str, Any]) -> None:
        self.description = session
        audio = session.get("audio") or {}
        audio_input = audio.get("input") or {}
        turn_detection = audio_input.get("turn_detection")
        self.status.is_manual = turn_detection is None
        self._answers_turns = (
            turn_detection is not None
            and turn_detection.get("create_response") is not False
        )
        self._speech.audio_format = _format_of(audio_input)
        self._output_format = _format_of(audio.get("output") or {})

    def _on_error(self, event: Event, _: float) -> None:
        error = event["error"]
        code = error.get("code")
        _LOGGER.debug("The service reported an error: %s (%s)", error.get("type"), code)
        if code in FATAL_CODES or not self.is_configured:
            self.fatal_error = error
        elif error.get("event_id") == APPEND_ID:
            self._on_append_refused()
        self.pending.refuse(error, may_be_audio=bool(self._speech))

    def _on_append_refused(self) -> None:
        """Want another session, which gets the sentence of which a piece is missing, whole.

        Only once for a sentence: the service may never take it. And not at the expense of
        an answer that is being given or about to be.
        """
        if not self._speech or not self.is_configured or self.wants_renewal:
            return  # the sentence is a turn already, or about to be sent again
        is_answering = (
            self.status.status is ModelStatus.THINKING
            or self.creating is not None
            or bool(self.responses)
        )
        if is_answering or self._speech.was_resent:
            _LOGGER.debug("The service has not taken a piece of what is being said")
            return
        self._speech.was_resent = True
        self.wants_renewal = Renewal.APPEND_REFUSED

    def _on_speech_started(self, _: Event, __: float) -> None:
        self.status.listening()

    def _on_speech_stopped(self, _: Event, __: float) -> None:
        self.status.thinking()

    def _on_committed(self, event: Event, _: float) -> None:
        self._has_heard_turn = True
        pieces = self._speech.take(self._appended_before("input_audio_buffer.commit"))
        if item_id := event.get("item_id"):
            self.record.committed(item_id, event.get("previous_item_id"), pieces)
        self.status.audio_committed()

    def _on_cleared(self, _: Event, __: float) -> None:
        appended = self._appended_before("input_audio_buffer.clear")
        if appended is None:
            self._speech.clear()
        else:
            self._speech.take(appended)  # the client goes on with what came later
        self.status.audio_cleared()
        if self._speech:
            self.status.audio_appended()

    def _appended_before(self, command_type: str) -> int | None:
        """Return how much had been appended when what an event acknowledges was asked for.

        An acknowledgement takes a round trip, and audio goes on meanwhile. None if nobody has
        asked for it.
        """
        asked_for = self.pending.of_type(command_type)
        return asked_for[0].appended if asked_for else None

    def _on_item(self, event: Event, _: float) -> None:
        self.record.feed(event)
        item = event.get("item") or {}
        if item.get("id") not in self.sent_item_ids:
            self._note_call_id(item.get("call_id"))

    def _note_call_id(self, call_id: str | None) -> None:
        """Note a call that the model makes, whose id is longer than a client's may be."""
        if call_id is not None and len(call_id) > MAX_ID_LENGTH:
            self._long_call_ids.add(call_id)

    def _on_item_truncated(self, event: Event, _: float) -> None:
        self.record_truncation(event["item_id"], event["audio_end_ms"])

    def record_truncation(self, item_id: str, audio_end_ms: int) -> None:
        """Cut what the model says in an item, also in one that it is still speaking."""
        for feed in self.responses.values():
            self.record.update_from_response(feed.response)
        self.record.truncate(item_id, audio_end_ms)

    def _on_response_part(self, event: Event, now: float) -> None:
        if (response_id := event.get("response_id")) is None:
            return
        feed = self._feed(response_id, now)
        if feed is None:
            return
        feed.is_announced |= feed.has_begun
        feed.has_begun = True
        if feed.feed(event):
            self.status.first_audio(now)

    def _on_audio_delta(self, event: Event, now: float) -> None:
        """Take in what comes most often, with as few steps as possible."""
        feed = self.responses.get(event["response_id"])
        if feed is None:
            self._on_response_part(event, now)
        elif feed.feed_audio(event):
            self.status.first_audio(now)

    def _on_response_created(self, event: Event, now: float) -> None:
        described = event["response"]
        feed = self._feed(described["id"], now)
        if feed is not None:
            feed.describe(described)
            feed.is_announced = feed.has_begun = True
            feed.is_own_answer, self._has_heard_turn = self._has_heard_turn, False
            self.tells_conversations |= feed.content.conversation_id is not None
            if self._seems_to_be_none(self.active, feed):
                self.active = feed.response
            self.status.response_created(len(self.responses) > 1)

    def _seems_to_be_none(self, active: Response | None, begun: ResponseFeed) -> bool:
        """Return whether what is active can be no response, now that another has begun."""
        known = self.responses.get(active.id) if active else None
        if known is None or known is begun:
            return False
        return not known.is_announced or (
            begun.is_own_answer and self.is_doubtful(known.response.id)
        )

    def _on_response_done(self, event: Event, now: float) -> None:
        described = event["response"]
        feed = self._feed(described["id"], now)
        if feed is not None:
            self.end_response(feed, described)

    def begin_asked_for(self, feed: ResponseFeed) -> None:
        """Note that this response was asked for, as its content tells.

        The conversation has one at a time: of others the end was missed, or they were none.
        """
        if feed.content.is_out_of_band:
            if feed.response is self.active:
                self.active = None
            return
        self._has_heard_turn |= feed.is_own_answer  # its own answer may come yet
        for other in [*self.responses.values()]:
            if other is not feed and not other.content.is_out_of_band:
                self.end_response(other, {"status": "cancelled"})
        self.active = None if feed.response.is_done else feed.response

    def _feed(self, response_id: str, now: float) -> ResponseFeed | None:
        """Return the response's feed, new if it is; None for what comes after its end."""
        feed = self.responses.get(response_id)
        if feed is None and response_id not in self._ended_responses:
            feed = ResponseFeed(response_id, self._cancel, self._output_format)
            self.responses[response_id] = feed
            if self._doubt_at is None and not self.pending.of_type("response.create"):
                self._doubt_at = now + _DOUBT
                self.has_new_deadline = True
            if self.active is None:
                self.active = feed.response
        return feed

    def end_response(self, feed: ResponseFeed, described: Mapping[str, Any]) -> None:
        """End a response as it is described."""
        feed.finish(described)
        response = feed.response
        self._doubted.pop(response.id, None)
        for call in response.tool_calls:
            self._note_call_id(call.call_id)
        self.has_answered |= response.status in {"completed", "incomplete"}
        self.record.update_from_response(response)
        self.responses.pop(response.id, None)
        self._ended_responses.append(response.id)
        if self.active is response:
            self.active = None
        self.status.response_done(response, bool(self.responses))

    _HANDLERS: dict[str, Callable[[LiveSession, Event, float], None]] = {
        "session.created": _on_session_created,
        "session.updated": _on_session_updated,
        "error": _on_error,
        "input_audio_buffer.speech_started": _on_speech_started,
        "input_audio_buffer.speech_stopped": _on_speech_stopped,
        "input_audio_buffer.committed": _on_committed,
        "input_audio_buffer.cleared": _on_cleared,
        "conversation.item.added": _on_item,
        "conversation.item.done": _on_item,
        "conversation.item.deleted": _on_item,
        "conversation.item.truncated": _on_item_truncated,
        "conversation.item.input_audio_transcription.completed": _on_item,
        "response.created": _on_response_created,
        "response.done": _on_response_done,
        "response.output_audio.delta": _on_audio_delta,
    }


def _format_of(audio: Mapping[str, Any]) -> AudioFormat:
    """Return the format of the audio that goes in or out: PCM16 unless a known one is told."""
    try:
        return AudioFormat((audio.get("format") or {}).get("type") or "")
    except ValueError:
        return AudioFormat.PCM
