"""One response: text, transcript, audio, tool calls, usage, as they arrive."""

import asyncio
from binascii import Error as Base64Error, a2b_base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .audio.pcm import pcm_duration_ms
from .errors import RealtimeError

type DeltaKind = Literal["text", "transcript", "audio"]

# How much of a response is kept, in bytes: 11 minutes of speech, three times what a model's
# output tokens are enough for. A service that does not stop is not listened to any longer.
MAX_SIZE = 32 * 1024 * 1024
# What a Delta costs besides what it holds, about.
_DELTA_SIZE = 200

_TEXT_DELTAS: dict[str, DeltaKind] = {
    "response.output_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
}
# The event that closes a part tells its whole text under this key: what was missed of
# the deltas is made up for.
_WHOLE_TEXT_EVENTS: dict[str, tuple[DeltaKind, str]] = {
    "response.output_text.done": ("text", "text"),
    "response.output_audio_transcript.done": ("transcript", "transcript"),
}
_WHOLE_TEXT_PARTS: dict[str, tuple[DeltaKind, str]] = {
    "output_text": ("text", "text"),
    "output_audio": ("transcript", "transcript"),
}


class Delta(NamedTuple):
    """A piece of a response: text of a ``text`` or ``transcript``, bytes of an ``audio``."""

    kind: DeltaKind
    item_id: str
    content_index: int
    text: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called; ``arguments`` is the JSON text it wrote."""

    call_id: str
    name: str
    arguments: str
    item_id: str


class Response:
    """A response of the model, complete once ``done()`` returns.

    ``async for delta in response`` yields every Delta from the first one on, for any
    number of readers, and ends with the response.
    """

    def __init__(
        self,
        response_id: str,
        cancel: Callable[[Response], Awaitable[bool]],
        audio_format: str = "audio/pcm",
    ) -> None:
        """Start in progress; ``cancel`` asks the service to stop it."""
        if type(response_id) is not str:
            raise TypeError("A response id is text")
        self.id = response_id
        self.audio_format = audio_format
        self.status = "in_progress"
        self.status_details: dict[str, Any] | None = None
        self.usage: dict[str, Any] | None = None
        self.metadata: dict[str, str] = {}
        self.conversation_id: str | None = None
        self.is_out_of_band = False
        self.is_being_cancelled = False
        self.tool_calls: list[ToolCall] = []
        self._cancel = cancel
        self._deltas: list[Delta] = []
        self._texts: dict[tuple[DeltaKind, str, int], str] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._audio_bytes = 0
        self._size = 0
        self._error: RealtimeError | None = None
        self._ended = asyncio.Event()
        self._readers: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        """Show which response it is, and nothing that was said."""
        return f"<Response {self.id} {self.status}>"

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    @property
    def text(self) -> str:
        """What the model wrote, so far."""
        return self._joined("text")

    @property
    def transcript(self) -> str:
        """What the model said, in words, so far."""
        return self._joined("transcript")

    @property
    def audio(self) -> bytes:
        """What the model said, in the session's output format (24 kHz PCM16), so far."""
        return b"".join(delta.audio for delta in self._deltas if delta.kind == "audio")

    @property
    def audio_ms(self) -> int:
        """How long the audio is so far, in ms."""
        return pcm_duration_ms(self._audio_bytes, self.audio_format)

    @property
    def audio_ms_by_item(self) -> dict[str, int]:
        """How long the audio of each item is so far, in ms."""
        sizes: dict[str, int] = {}
        for delta in self._deltas:
            if delta.kind == "audio":
                sizes[delta.item_id] = sizes.get(delta.item_id, 0) + len(delta.audio)
        return {
            item_id: pcm_duration_ms(size, self.audio_format)
            for item_id, size in sizes.items()
        }

    @property
    def deltas(self) -> Sequence[Delta]:
        """Every Delta so far; ``changed`` tells when there may be more."""
        return self._deltas

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items of the response in order, as the service last described them."""
        return list(self._items.values())

    @property
    def item_ids(self) -> list[str]:
        """The ids of those items."""
        return list(self._items)

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the response failed (``type``, ``code``, ``message``), if it did."""
        error = (self.status_details or {}).get("error")
        return error if isinstance(error, dict) else None

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """Yield every Delta. Raises ConnectionLostError if the socket dies first."""
        position = 0
        while True:
            while position < len(self._deltas):
                yield self._deltas[position]
                position += 1
            if self.is_done:
                break
            await self.changed()
        if self._error:
            raise self._error.again()

    async def done(self, timeout: float | None = None) -> Response:
        """Wait for the end, at most ``timeout`` seconds.

        A failed response does not raise; see ``status`` and ``error``. Raises
        ConnectionLostError if the socket dies first, and TimeoutError.
        """
        async with asyncio.timeout(timeout):
            await self._ended.wait()
        if self._error:
            raise self._error.again()
        return self

    async def ended(self) -> None:
        """Wait for the end, whatever it is."""
        await self._ended.wait()

    async def changed(self) -> None:
        """Wait for the next Delta, or the end."""
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers.append(reader)
        await reader

    async def cancel(self) -> bool:
        """Stop it and wait for its end; False if it had ended already."""
        return await self._cancel(self)

    def describe(self, response: Mapping[str, Any]) -> None:
        """Take over what a ``response.created`` or ``response.done`` says of it."""
        self.metadata = response.get("metadata") or self.metadata
        self.conversation_id = response.get("conversation_id") or self.conversation_id
        self.usage = response.get("usage") or self.usage
        details = response.get("status_details")
        # Some services send a bare word (livekit/agents#5994).
        self.status_details = {"type": details} if isinstance(details, str) else details

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
            self._items.setdefault(event["item"]["id"], event["item"])
        elif event_type == "response.output_item.done":
            self._complete_item(event["item"])
        return False

    def finish(self, response: Mapping[str, Any]) -> None:
        """End with what ``response.done`` says; it makes up for events that never came."""
        self.describe(response)
        self.status = response.get("status") or "completed"
        for item in response.get("output") or ():
            if "id" in item:
                self._complete_item(item)
        self._end()

    def abandon(self, error: RealtimeError) -> None:
        """End without an end: the socket is gone."""
        if not self.is_done:
            self._error = error
            self.status = "failed"
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._wake_readers()

    def feed_audio(self, event: Mapping[str, Any]) -> bool:
        """Take in a piece of its audio. True for the first of the response."""
        item_id, content_index = event["item_id"], event.get("content_index", 0)
        if type(item_id) is not str or type(content_index) is not int:
            raise TypeError("A piece of audio is of no item")
        try:
            audio = a2b_base64(event["delta"])
        except Base64Error:
            return False
        self._size += len(audio) + _DELTA_SIZE
        if self._size > MAX_SIZE:
            return False
        is_first = not self._audio_bytes
        self._audio_bytes += len(audio)
        self._deltas.append(Delta("audio", item_id, content_index, "", audio))
        if self._readers:
            self._wake_readers()
        return is_first

    def _add_text(
        self, kind: DeltaKind, item_id: str, content_index: int, text: str
    ) -> None:
        self._size += len(text) + _DELTA_SIZE
        if self._size > MAX_SIZE:
            return
        key = (kind, item_id, content_index)
        self._texts[key] = self._texts.get(key, "") + text
        self._deltas.append(Delta(kind, item_id, content_index, text, b""))
        self._wake_readers()

    def _complete_text(
        self, kind: DeltaKind, item_id: str, content_index: int, whole: str | None
    ) -> None:
        known = self._texts.get((kind, item_id, content_index), "")
        if whole and whole != known and whole.startswith(known):
            self._add_text(kind, item_id, content_index, whole[len(known) :])

    def _complete_item(self, item: dict[str, Any]) -> None:
        item_id = item["id"]
        self._items[item_id] = item
        if item.get("type") == "function_call" and item.get("status") != "incomplete":
            self._add_tool_call(item)
        for content_index, part in enumerate(item.get("content") or ()):
            if whole := _WHOLE_TEXT_PARTS.get(part.get("type", "")):
                kind, key = whole
                self._complete_text(kind, item_id, content_index, part.get(key))

    def _add_tool_call(self, item: Mapping[str, Any]) -> None:
        call_id, name = item.get("call_id"), item.get("name")
        if not call_id or not name:
            return  # it can be neither run nor answered
        if call_id not in (known.call_id for known in self.tool_calls):
            arguments = item.get("arguments") or "{}"
            self.tool_calls.append(ToolCall(call_id, name, arguments, item["id"]))

    def _joined(self, kind: DeltaKind) -> str:
        return "\n".join(text for key, text in self._texts.items() if key[0] == kind)

    def _wake_readers(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)
        self._readers.clear()
