"""One response: text, transcript, audio, tool calls, usage, as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, overload

from .audio import AudioFormat
from .errors import RealtimeError
from .listeners import Listeners

type DeltaKind = Literal["text", "transcript", "audio"]


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


class Deltas(Sequence[Delta]):
    """A view of the deltas of a response: it grows with the response and is read-only."""

    __slots__ = ("_deltas",)

    def __init__(self, deltas: list[Delta]) -> None:
        """Show this list, which is not copied."""
        self._deltas = deltas

    def __len__(self) -> int:
        """Return how many deltas there are so far."""
        return len(self._deltas)

    def __iter__(self) -> Iterator[Delta]:
        """Return an iterator over the deltas."""
        return iter(self._deltas)

    @overload
    def __getitem__(self, index: int) -> Delta: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Delta]: ...

    def __getitem__(self, index: int | slice) -> Delta | Sequence[Delta]:
        """Return a delta, or a copy of some."""
        return self._deltas[index]


def _no_readers() -> Listeners[()]:
    return Listeners("a response")


@dataclass(slots=True)
class ResponseContent:
    """What is known of a response: ResponseFeed writes it, Response shows it.

    ``texts`` has the words by (kind, item id, content index); ``items`` has the items by
    id, as the service last described them.
    """

    id: str
    audio_format: AudioFormat
    status: str = "in_progress"
    status_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    conversation_id: str | None = None
    is_out_of_band: bool = False
    was_asked_for: bool = False
    deltas: list[Delta] = field(default_factory=list)
    texts: dict[tuple[DeltaKind, str, int], str] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    tool_calls: list[ToolCall] = field(default_factory=list)
    audio_bytes: int = 0
    error: RealtimeError | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    # Told of every delta, and of the end.
    readers: Listeners[()] = field(default_factory=_no_readers)

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.ended.is_set()


class Response:
    """A response of the model, complete once ``done()`` returns.

    ``async for delta in response`` yields every Delta from the first one on, for any
    number of readers, and ends with the response.
    """

    def __init__(
        self,
        content: ResponseContent,
        cancel: Callable[[Response], Awaitable[bool]],
    ) -> None:
        """Show this content; ``cancel`` asks the service to stop the response."""
        self._content = content
        self._cancel = cancel
        self._deltas = Deltas(content.deltas)

    def __repr__(self) -> str:
        """Show which response it is, and nothing that was said."""
        return f"<Response {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """The service's id of the response."""
        return self._content.id

    @property
    def audio_format(self) -> AudioFormat:
        """The format of the audio: the session's output format."""
        return self._content.audio_format

    @property
    def status(self) -> str:
        """The service's word: in_progress, completed, cancelled, incomplete or failed."""
        return self._content.status

    @property
    def status_details(self) -> dict[str, Any] | None:
        """Why the response ended as it did, as the service describes it."""
        return self._content.status_details

    @property
    def usage(self) -> dict[str, Any] | None:
        """The tokens that the response took, as the service counts them."""
        return self._content.usage

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata that the response was asked for with."""
        return self._content.metadata

    @property
    def conversation_id(self) -> str | None:
        """The service's id of the conversation; None out of band, or where it is not told."""
        return self._content.conversation_id

    @property
    def was_asked_for(self) -> bool:
        """Whether the client created it: the service begins others by itself."""
        return self._content.was_asked_for

    @property
    def is_out_of_band(self) -> bool:
        """Whether the response is no part of the conversation."""
        return self._content.is_out_of_band

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self._content.is_done

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
        """What the model said, in ``audio_format`` (24 kHz PCM16 by default), so far."""
        return b"".join(delta.audio for delta in self._deltas if delta.kind == "audio")

    @property
    def audio_ms(self) -> int:
        """How long the audio is so far, in ms."""
        return self.audio_format.duration_ms(self._content.audio_bytes)

    @property
    def audio_ms_by_item(self) -> dict[str, int]:
        """How long the audio of each item is so far, in ms."""
        sizes: dict[str, int] = {}
        for delta in self._deltas:
            if delta.kind == "audio":
                sizes[delta.item_id] = sizes.get(delta.item_id, 0) + len(delta.audio)
        return {
            item_id: self.audio_format.duration_ms(size)
            for item_id, size in sizes.items()
        }

    @property
    def words_by_item(self) -> dict[str, str]:
        """What the model said or wrote in each item so far."""
        words: dict[str, list[str]] = {}
        for (_, item_id, _), text in self._content.texts.items():
            words.setdefault(item_id, []).append(text)
        return {
            item_id: "\n".join(filter(None, said)) for item_id, said in words.items()
        }

    @property
    def deltas(self) -> Sequence[Delta]:
        """Every Delta so far, in a read-only view; ``changed`` tells when there may be more."""
        return self._deltas

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The functions that the model wants called, so far. The list is a copy."""
        return list(self._content.tool_calls)

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items of the response in order, as the service last described them, copied."""
        return [dict(item) for item in self._content.items.values()]

    @property
    def item_ids(self) -> list[str]:
        """The ids of those items."""
        return list(self._content.items)

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the response failed (``type``, ``code``, ``message``), if it did."""
        error = (self.status_details or {}).get("error")
        return error if isinstance(error, dict) else None

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """Yield every Delta. Raises ConnectionLostError if the socket dies first."""
        deltas = self._content.deltas
        position = 0
        while True:
            while position < len(deltas):
                yield deltas[position]
                position += 1
            if self.is_done:
                break
            await self._content.readers.wait()
        self._raise_loss()

    async def done(self, timeout: float | None = None) -> Response:
        """Wait for the end, at most ``timeout`` seconds.

        A failed response does not raise; see ``status`` and ``error``. Raises
        ConnectionLostError if the socket dies first, and TimeoutError.
        """
        async with asyncio.timeout(timeout):
            await self.ended()
        self._raise_loss()
        return self

    async def ended(self) -> None:
        """Wait for the end, whatever it is."""
        await self._content.ended.wait()

    def changed(self) -> Awaitable[None]:
        """Wait for the next Delta, or the end."""
        return self._content.readers.wait()

    async def cancel(self) -> bool:
        """Stop it and wait for its end; False if it had ended already."""
        return await self._cancel(self)

    def _raise_loss(self) -> None:
        if self._content.error:
            raise self._content.error.without_traceback()

    def _joined(self, kind: DeltaKind) -> str:
        texts = self._content.texts
        return "\n".join(text for key, text in texts.items() if key[0] == kind)
