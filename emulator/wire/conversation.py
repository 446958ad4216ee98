"""The conversation a session holds: items in order, with the audio that belongs to them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .audio import PCM_BYTES_PER_MS, duration_ms
from .errors import InvalidRequest
from .ids import MAX_ID_LENGTH, new_id
from .usage import Tokens, audio_tokens, text_tokens


@dataclass(eq=False)
class Item:
    """One item in GA's shape; audio is kept beside it as PCM16 24 kHz.

    Once a client has truncated an item (`is_cut`), the item takes up no more words of its response.
    """

    id: str
    type: str
    status: str = "completed"
    role: str | None = None
    content: list[dict[str, Any]] | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    audio: bytearray = field(default_factory=bytearray)
    is_cut: bool = False

    @classmethod
    def created(cls, wire: dict[str, Any]) -> Item:
        """Build a client's item, already checked and in GA's shape."""
        item = cls(
            id=wire.get("id") or new_id("item"),
            type=wire["type"],
            role=wire.get("role"),
        )
        if item.type == "function_call":
            item.fields["call_id"] = wire.get("call_id") or new_id("call")
        for key in ("call_id", "name", "arguments", "output", "phase"):
            if wire.get(key) is not None:
                item.fields[key] = wire[key]
        if "content" in wire:
            item.content = []
            for part in wire["content"]:
                item.audio += part.get("audio", b"")
                item.content.append({key: part[key] for key in part if key != "audio"})
        return item

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the item as events carry it: without its audio, unless it was asked for."""
        wire: dict[str, Any] = {"id": self.id, "type": self.type, "status": self.status}
        if self.role:
            wire["role"] = self.role
        if self.content is not None:
            wire["content"] = [dict(part) for part in self.content]
            if with_audio:
                for part in wire["content"]:
                    if part["type"].endswith("_audio"):
                        part["audio"] = base64.b64encode(self.audio).decode()
        return {**wire, **self.fields}

    @property
    def text(self) -> str:
        """Return the written words of the item."""
        if self.type == "function_call_output":
            return str(self.fields["output"])
        parts = (
            part.get("text") or part.get("transcript") or ""
            for part in self.content or ()
        )
        return " ".join(filter(None, parts))

    @property
    def tokens(self) -> Tokens:
        """Return the tokens that the item costs as input."""
        text = "".join(part.get("text", "") for part in self.content or ())
        text += "".join(
            str(self.fields.get(key, "")) for key in ("name", "arguments", "output")
        )
        images = sum(part["type"] == "input_image" for part in self.content or ())
        return Tokens(
            text=text_tokens(text),
            audio=audio_tokens(self.audio, spoken_by_model=self.role == "assistant"),
            image=images * 85,
        )


class Conversation:
    """The items of a session's default conversation, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self.id = new_id("conv")
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items, oldest first."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    @property
    def has_model_audio(self) -> bool:
        """Say whether the model has spoken: from then on its voice is fixed."""
        return any(item.role == "assistant" and item.audio for item in self._items)

    def find(self, item_id: str) -> Item | None:
        """Return an item by id."""
        return next((item for item in self._items if item.id == item_id), None)

    def add(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Insert an item: at the end, first (`"root"`), or after an id. Return the id before it."""
        if self.find(item.id):
            raise InvalidRequest(
                f"Error adding item: an item with id '{item.id}' already exists.",
                "item_create_duplicate_item_id",
            )
        if item.type == "function_call_output":
            self._require_call(item.fields["call_id"])
        position = self._position_after(previous_item_id)
        self._items.insert(position, item)
        return self._items[position - 1].id if position else None

    def check_ids(self, wire: dict[str, Any]) -> None:
        """Refuse ids of a client's item that are too long, but for a call of this conversation.

        Raises InvalidRequest.
        """
        calls = {item.fields.get("call_id") for item in self._items}
        for key in ("id", "call_id"):
            given = wire.get(key) or ""
            is_answer = wire["type"] == "function_call_output" and given in calls
            if len(given) > MAX_ID_LENGTH and not is_answer:
                raise InvalidRequest(
                    f"Invalid 'item.{key}': string too long. Expected a string with maximum "
                    f"length {MAX_ID_LENGTH}, but got a string with length {len(given)} instead.",
                    "string_above_max_length",
                    f"item.{key}",
                )

    def previous_id(self, item: Item) -> str | None:
        """Return the id of the item before this one."""
        position = self._items.index(item) if item in self._items else 0
        return self._items[position - 1].id if position else None

    def retrieve(self, item_id: str) -> Item:
        """Return an item that a client asks for."""
        return self._require(item_id, "retrieving", "retrieve")

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        self._items.remove(self._require(item_id, "deleting", "delete"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an item of the model to the audio that the client has played, and drop its transcript.

        The item of a response in progress may be cut as well, to no more than has been generated:
        a client that is interrupted often truncates before it cancels. The response itself goes on
        to its end on the wire, but the item stays cut: the next response must know only the words
        that the user has heard.
        """
        item = self._require(item_id, "truncating", "truncate")
        if (
            item.role != "assistant"
            or not item.audio
            or content_index != 0
            or audio_end_ms <= 0
        ):
            raise InvalidRequest(
                "Only model output audio messages can be truncated",
                "unsupported_content_type",
            )
        if audio_end_ms > duration_ms(item.audio):
            raise InvalidRequest(
                f"Audio content of {duration_ms(item.audio)}ms is already shorter than "
                f"{audio_end_ms}ms",
                "invalid_value",
                "audio_end_ms",
            )
        item.is_cut = True
        del item.audio[audio_end_ms * PCM_BYTES_PER_MS :]
        for part in item.content or ():
            part["transcript"] = None

    def _position_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == "root":
            return 0
        previous = self.find(previous_item_id)
        if previous is None:
            raise InvalidRequest(
                f"Error adding item: the previous item with id '{previous_item_id}' "
                "does not exist.",
                "item_create_invalid_previous_item_id",
            )
        return self._items.index(previous) + 1

    def _require_call(self, call_id: str) -> None:
        if not any(
            item.type == "function_call" and item.fields["call_id"] == call_id
            for item in self._items
        ):
            raise InvalidRequest(
                f"Tool call ID '{call_id}' not found in conversation.",
                "invalid_tool_call_id",
            )

    def _require(self, item_id: str, doing: str, verb: str) -> Item:
        item = self.find(item_id)
        if item is None:
            raise InvalidRequest(
                f"Error {doing} item: the item with id '{item_id}' does not exist.",
                f"item_{verb}_invalid_item_id",
            )
        return item
