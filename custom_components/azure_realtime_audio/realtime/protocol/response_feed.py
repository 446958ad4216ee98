"""What the service's events say of one response, written into its content."""

from binascii import a2b_base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pybase64 import b64decode

from ..audio import AudioFormat
from ..errors import RealtimeError
from ..response import Delta, DeltaKind, Response, ResponseContent, ToolCall
from .event_shapes import MAX_TEXT

# How much of a response is kept, in bytes: 11 minutes of speech, three times what a model's
# output tokens are enough for. What a service sends beyond that is dropped.
MAX_SIZE: Final = 32 * 1024 * 1024
# The key of the metadata by which the client knows the response that it has asked for.
MARK: Final = "azure_realtime_audio_request"
# How much text of one event is kept, in characters.
MAX_PIECE: Final = 16 * 1024
# The approximate memory overhead of one Delta, in bytes.
_DELTA_SIZE = 200

_TEXT_DELTAS: dict[str, DeltaKind] = {
    "response.output_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
}
# The event that closes a part has the part's whole text under this key, which makes up for
# deltas that were missed.
_WHOLE_TEXT_EVENTS: dict[str, tuple[DeltaKind, str]] = {
    "response.output_text.done": ("text", "text"),
    "response.output_audio_transcript.done": ("transcript", "transcript"),
}
_WHOLE_TEXT_PARTS: dict[str, tuple[DeltaKind, str]] = {
    "output_text": ("text", "text"),
    "output_audio": ("transcript", "transcript"),
}

_FINAL_STATUSES = frozenset({"completed", "cancelled", "incomplete", "failed"})


class ResponseFeed:
    """Writes one response, which ``response`` shows."""

    def __init__(
        self,
        response_id: str,
        cancel: Callable[[Response], Awaitable[bool]],
        audio_format: AudioFormat = AudioFormat.PCM,
        max_size: int = MAX_SIZE,
    ) -> None:
        """Start in progress. ``cancel`` asks the service to stop it, ``max_size`` is in bytes."""
        self.content = ResponseContent(response_id, audio_format)
        self.response = Response(self.content, cancel)
        self.is_being_cancelled = False
        # A single event of an unknown response is none that has begun, unless it says so.
        self.has_begun = False
        self.is_announced = False
        # Whether it follows what was said, so that turn detection may have begun it.
        self.is_own_answer = False
        self._arguments: dict[str, str] = {}
        self._max_size = max_size
        self._size = 0
        self._text_size = 0

    def describe(self, response: Mapping[str, Any]) -> None:
        """Take over what a ``response.created`` or ``response.done`` says of the response."""
        content = self.content
        if metadata := response.get("metadata"):
            content.metadata = {k: v for k, v in metadata.items() if k != MARK}
        content.conversation_id = (
            response.get("conversation_id") or content.conversation_id
        )
        content.usage = response.get("usage") or content.usage
        content.status_details = response.get("status_details")

    def feed(self, event: Mapping[str, Any]) -> bool:
        """Take in one of its events. True for the first audio of the response."""
        event_type = event["type"]
        if event_type == "response.output_audio.delta":
            return self.feed_audio(event)
        content_index = event.get("content_index", 0)
        if kind := _TEXT_DELTAS.get(event_type):
            self._add_text(kind, event["item_id"], content_index, event["delta"])
        elif whole := _WHOLE_TEXT_EVENTS.get(event_type):
            kind, key = whole
            self._complete_text(kind, event["item_id"], content_index, event.get(key))
        elif event_type == "response.output_item.added":
            self.content.items.setdefault(event["item"]["id"], event["item"])
        elif event_type == "response.function_call_arguments.done":
            self._arguments[event["item_id"]] = event.get("arguments") or ""
        elif event_type == "response.output_item.done":
            self._complete_item(event["item"])
        return False

    def feed_audio(self, event: Mapping[str, Any]) -> bool:
        """Take in a piece of its audio. True for the first of the response."""
        delta = event["delta"]
        try:
            audio = b64decode(delta, None, True)
        except ValueError:
            try:
                audio = a2b_base64(delta)  # forgives line breaks and the like
            except ValueError:
                return False  # the piece is not base64: the reply goes on without it
        self._size += len(audio) + _DELTA_SIZE
        if self._size > self._max_size:
            return False
        content = self.content
        is_first = not content.audio_bytes
        content.audio_bytes += len(audio)
        content.deltas.append(
            Delta("audio", event["item_id"], event.get("content_index", 0), "", audio)
        )
        content.readers.notify()
        return is_first

    def finish(self, response: Mapping[str, Any]) -> None:
        """End with what ``response.done`` says; it makes up for events that never came."""
        self.describe(response)
        status = response.get("status")
        if status not in _FINAL_STATUSES:
            status = "failed" if self.response.error else "completed"
        self.content.status = status
        for item in response.get("output") or ():
            if "id" in item:
                self._complete_item(item)
        self._end()

    def abandon(self, error: RealtimeError) -> None:
        """Mark the response as failed because the connection was lost."""
        if not self.content.is_done:
            self.content.error = error
            self.content.status = "failed"
            self._end()

    def _end(self) -> None:
        self.content.ended.set()
        self.content.readers.notify()

    def _add_text(
        self, kind: DeltaKind, item_id: str, content_index: int, text: str
    ) -> None:
        room = MAX_TEXT - self._text_size
        text = text[: min(room, MAX_PIECE)]
        self._size += len(text) + _DELTA_SIZE
        self._text_size += len(text)
        if room <= 0 or self._size > self._max_size:
            return
        texts = self.content.texts
        key = (kind, item_id, content_index)
        texts[key] = texts.get(key, "") + text
        self.content.deltas.append(Delta(kind, item_id, content_index, text, b""))
        self.content.readers.notify()

    def _complete_text(
        self, kind: DeltaKind, item_id: str, content_index: int, whole: str | None
    ) -> None:
        key = (kind, item_id, content_index)
        known = self.content.texts.get(key, "")
        if not whole or whole == known:
            return
        if whole.startswith(known):
            self._add_text(kind, item_id, content_index, whole[len(known) :])
            return
        self._size += len(whole)
        if self._size <= self._max_size:  # a delta was missed in the midst of it
            self.content.texts[key] = whole[:MAX_TEXT]

    def _complete_item(self, described: Mapping[str, Any]) -> None:
        """Take over an item that is finished; what its description lacks may be known."""
        item_id = described["id"]
        told = {key: value for key, value in described.items() if value is not None}
        item = {**self.content.items.get(item_id, {}), "status": "completed", **told}
        if not item.get("arguments") and (known := self._arguments.get(item_id)):
            item["arguments"] = known
        self.content.items[item_id] = item
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._add_tool_call(item)
        for content_index, part in enumerate(item.get("content") or ()):
            if whole := _WHOLE_TEXT_PARTS.get(part.get("type", "")):
                kind, key = whole
                self._complete_text(kind, item_id, content_index, part.get(key))

    def _add_tool_call(self, item: Mapping[str, Any]) -> None:
        call_id, name = item.get("call_id"), item.get("name")
        if not call_id or not name:
            return  # such a call can be neither run nor answered
        calls = self.content.tool_calls
        if call_id not in (known.call_id for known in calls):
            arguments = item.get("arguments") or "{}"
            calls.append(ToolCall(call_id, name, arguments, item["id"]))
