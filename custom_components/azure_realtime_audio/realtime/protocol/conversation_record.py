"""What the service's conversation holds, in writing, so that a new session can be told."""

from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pybase64 import b64encode_as_string

from ..audio import MAX_BASE64_LENGTH, SAMPLE_RATE
from ..listeners import Event
from ..response import Response
from .items import short_id

# Beyond these the oldest items go, as the service's own truncation does. Either is far more
# than what fits a model's context; the second bounds the memory that images take.
MAX_ITEMS: Final = 500
MAX_CHARACTERS: Final = 4 * 1024 * 1024

# What a person said is kept as sound until it is transcribed: the last minute of PCM16, in
# bytes.
MAX_SOUND: Final = 60 * 2 * SAMPLE_RATE

# How much is told to a new session at once, in bytes of JSON: each batch is in memory several
# times while it is sent.
BATCH_SIZE: Final = 512 * 1024

# What says nothing of an item.
_NOTHING: Final[tuple[Any, ...]] = (None, "", [])

# Stands for what a person said where the service did not transcribe it and the sound is gone.
UNTRANSCRIBED: Final = "[spoken, not written down]"


@dataclass(slots=True)
class RecordedItem:
    """An item of the conversation.

    ``item`` is the item as the service or the client described it, ``words`` is what the
    model says in it, ``audio_ms`` how long that is. ``size`` is in bytes of JSON. The item's
    id is the one that callers have, ``wire_id`` is what the session calls the item.
    """

    item: dict[str, Any]
    wire_id: str
    words: str = ""
    audio_ms: int = 0
    is_truncated: bool = False
    size: int = 0

    @property
    def id(self) -> str:
        """The item's id."""
        item_id: str = self.item["id"]
        return item_id

    def describe(self, item: Mapping[str, Any]) -> None:
        """Take over the item as it is described, without its audio."""
        content = [
            {key: value for key, value in part.items() if key != "audio"}
            for part in item.get("content") or ()
        ]
        self.item = {**item, "content": content}
        self.size = _size(self.item)
        if item.get("role") == "assistant":
            self.say("\n".join(filter(None, map(_words, content))))

    def complete(self, described: Mapping[str, Any]) -> None:
        """Take over what is not known of the item; of one in progress, all that is told."""
        told = {
            key: value
            for key, value in described.items()
            if value not in _NOTHING and key != "id"
        }
        if self.item.get("status") == "in_progress":
            self.describe({**self.item, **told})
        elif any(self.item.get(key) in _NOTHING for key in told):
            known = {k: v for k, v in self.item.items() if v not in _NOTHING}
            self.describe({**told, **known})

    def say(self, words: str) -> None:
        """Take over what the model says, unless that has been truncated."""
        if words and not self.is_truncated:
            self.words = words

    def truncate(self, audio_end_ms: int) -> None:
        """Cut the words in proportion to the audio: when each was spoken is not known."""
        audio_end_ms = max(0, audio_end_ms)  # an odd service's may be negative
        if audio_end_ms < self.audio_ms:
            heard = audio_end_ms / self.audio_ms
            self.words = self.words[: round(len(self.words) * heard)]
            self.audio_ms = audio_end_ms
        self.is_truncated = True

    def transcribe(self, content_index: int, transcript: str) -> None:
        """Take over what the person said in one part of the item."""
        content = self.item["content"]
        if not content:
            content.append({"type": "input_audio"})
        if 0 <= content_index < len(content):
            content[content_index]["transcript"] = transcript

    def in_writing(self, sound: str | None = None) -> dict[str, Any] | None:
        """Return the item as a client can create it.

        None if a client cannot create such an item, or if it says nothing. ``sound`` is the
        base64 of what a person says in it, where that is kept.
        """
        item = self.item
        kind = item.get("type") or ("message" if self.words else None)
        written: dict[str, Any] = {"id": self.id, "type": kind}
        match kind:
            case "message":
                role = item.get("role") or ("assistant" if self.words else None)
                content = self._content(role, sound)
                if not content or not role:
                    return None
                return written | {"role": role, "content": content}
            # The arguments of a call that was cut off are not whole.
            case "function_call" if item.get("status") in {None, "completed"}:
                written["call_id"] = item.get("call_id")
                written["name"] = item.get("name")
                written["arguments"] = item.get("arguments") or "{}"
            case "function_call_output":
                written["call_id"] = item.get("call_id")
                written["output"] = item.get("output")
            case _:
                return None
        is_whole = all(isinstance(value, str) for value in written.values())
        return written if is_whole else None

    def _content(self, role: str | None, sound: str | None) -> list[dict[str, Any]]:
        if role == "assistant":
            return [{"type": "output_text", "text": self.words}] if self.words else []
        if sound:
            return [{"type": "input_audio", "audio": sound}]
        return [*filter(None, map(_part_in_writing, self.item["content"]))]


class ConversationRecord:
    """The items of the conversation, in order, with the words that were said.

    The record reads the service's events in GA's form. Only the ``conversation.item``
    events tell which items there are, so that what is said out of band never gets in.
    """

    def __init__(
        self, max_sound: int = MAX_SOUND, batch_size: int = BATCH_SIZE
    ) -> None:
        """Begin with an empty conversation.

        ``max_sound`` bounds the sound that is kept, in bytes of the session's format;
        ``batch_size`` is about the length of ``batches``, in bytes of JSON.
        """
        self._max_sound = max_sound
        self._batch_size = batch_size
        self._items: list[RecordedItem] = []
        # By item id, the oldest first. Each in one piece: thousands of pieces would leave
        # holes in the memory of the process, which it does not get rid of.
        self._sounds: dict[str, bytes] = {}

    @property
    def item_ids(self) -> list[str]:
        """The ids of the items, in order."""
        return [recorded.id for recorded in self._items]

    @property
    def last_item_is_output(self) -> bool:
        """Whether the last item is the result of a tool."""
        last = self._items[-1].item if self._items else {}
        return last.get("type") == "function_call_output"

    def take(self) -> ConversationRecord:
        """Return a record of this conversation, and forget it here."""
        taken = ConversationRecord(self._max_sound, self._batch_size)
        taken._items, self._items = self._items, []
        taken._sounds, self._sounds = self._sounds, {}
        return taken

    # --- What the service tells

    def feed(self, event: Event) -> None:
        """Take in an event about an item of the conversation."""
        match event["type"]:
            case "conversation.item.added":
                self._add(event["item"], event.get("previous_item_id"))
            case "conversation.item.done":
                self._complete(event["item"], event.get("previous_item_id"))
            case "conversation.item.deleted":
                self.delete(event["item_id"])
            case "conversation.item.truncated":
                self.truncate(event["item_id"], event["audio_end_ms"])
            case "conversation.item.input_audio_transcription.completed":
                self._transcribe(event)

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        if recorded := self._find(item_id):
            self.forget({recorded.id})

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Cut what the model says in an item to its first ``audio_end_ms`` ms."""
        if recorded := self._find(item_id):
            recorded.truncate(audio_end_ms)

    def record_sent(
        self,
        item: Mapping[str, Any],
        previous_item_id: str | None,
        wire_id: str | None = None,
    ) -> None:
        """Note the item as the client sent it: the service's echo may leave things out.

        Only the client knows whether it is the first one: the echo then has no previous
        item, like that of an item of which the service does not tell the place. ``wire_id``
        is the id of the echo, if that is another.
        """
        wire_id = wire_id or item["id"]
        recorded = next((each for each in self._items if each.id == item["id"]), None)
        if recorded is not None:
            # Told again: the echo is no item of its own, even if it has an id of its own.
            self._items = [
                each
                for each in self._items
                if each is recorded or each.wire_id != wire_id
            ]
        else:
            self._add({**item, "id": wire_id}, previous_item_id)
            recorded = self._find(wire_id)
        if recorded is None:
            return
        recorded.describe(item)
        recorded.wire_id = wire_id
        if previous_item_id == "root":
            self._items.remove(recorded)
            self._items.insert(0, recorded)

    def committed(
        self, item_id: str, previous_item_id: str | None, pieces: Iterable[bytes]
    ) -> None:
        """Note what a person said: it is an item now, even if no other event tells so.

        Its sound, which comes in pieces, is kept until it is transcribed.
        """
        part = {"type": "input_audio", "transcript": None}
        item = {"id": item_id, "type": "message", "role": "user", "content": [part]}
        self._add(item, previous_item_id)
        if recorded := self._find(item_id):
            recorded.complete(item)
        self._sounds[item_id] = b"".join(pieces)
        size = sum(map(len, self._sounds.values()))
        while size > self._max_sound:
            size -= len(self._sounds.pop(next(iter(self._sounds))))

    def update_from_response(self, response: Response) -> None:
        """Take over what a response has said so far."""
        for item_id, audio_ms in response.audio_ms_by_item.items():
            if (recorded := self._find(item_id)) and not recorded.is_truncated:
                recorded.audio_ms = audio_ms
        for item in response.output:
            if recorded := self._find(item["id"]):
                recorded.complete(item)
        for item_id, words in response.words_by_item.items():
            if recorded := self._find(item_id):
                recorded.say(words)

    # --- What a new session is told

    def items(self) -> Iterator[dict[str, Any]]:
        """Yield the items to create in an empty conversation, so that it equals this one.

        What was spoken becomes text; what a person said is sound until it is transcribed. A
        function call that is not answered yet is among them, because its answer needs it;
        an answer without its call would be refused.
        """
        calls = set()
        for recorded in list(self._items):
            sound = self._sound(recorded.id)
            item = recorded.in_writing(sound)
            if item is None:
                continue
            if item["type"] == "function_call":
                calls.add(item["call_id"])
            if item["type"] != "function_call_output" or item["call_id"] in calls:
                yield item

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Yield these items in lists of little more than the batch size, each when it is due."""
        batch: list[dict[str, Any]] = []
        size = 0
        for item in self.items():
            batch.append(item)
            size += _size(item)
            if size >= self._batch_size:
                yield batch
                batch, size = [], 0
        yield batch

    def forget(self, item_ids: AbstractSet[str]) -> None:
        """Forget these items."""
        for item_id in item_ids:
            self._sounds.pop(item_id, None)
        self._items = [item for item in self._items if item.id not in item_ids]

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._sounds.clear()

    # --- What the session calls them

    def begin_to_tell(self, item_id: str) -> None:
        """Note that an item is told to a new session, which gets short ids."""
        if recorded := self._find(item_id):
            recorded.wire_id = short_id(recorded.id)

    def wire_id(self, item_id: str) -> str:
        """Return what this session calls an item, of which callers have this id."""
        recorded = self._find(item_id)
        return recorded.wire_id if recorded else short_id(item_id)

    def _sound(self, item_id: str) -> str | None:
        """Return the base64 of what a person said, if it is kept."""
        sound = self._sounds.get(item_id)
        return b64encode_as_string(sound) if sound else None

    def _find(self, item_id: str) -> RecordedItem | None:
        for recorded in self._items:
            if item_id in (recorded.wire_id, recorded.id):
                return recorded
        return None

    def _add(self, item: Mapping[str, Any], previous_item_id: str | None) -> None:
        if self._find(item["id"]):
            return
        recorded = RecordedItem({}, item["id"])
        recorded.describe(item)
        if recorded.size > MAX_BASE64_LENGTH:
            return  # no event can hold such an item, so that no session can be told of it
        previous = self._find(previous_item_id) if previous_item_id else None
        position = self._items.index(previous) + 1 if previous else len(self._items)
        self._items.insert(position, recorded)
        size = sum(each.size for each in self._items)
        while len(self._items) > 1 and (
            len(self._items) > MAX_ITEMS or size > MAX_CHARACTERS
        ):
            size -= self._items.pop(0).size

    def _complete(self, item: Mapping[str, Any], previous_item_id: str | None) -> None:
        """Take over what the model has finished; the rest is known since it was added."""
        self._add(item, previous_item_id)
        if recorded := self._find(item["id"]):
            recorded.complete(item)

    def _transcribe(self, event: Event) -> None:
        item_id = event["item_id"]
        transcript = (event.get("transcript") or "").strip()
        if recorded := self._find(item_id):
            recorded.transcribe(event.get("content_index", 0), transcript)
            if transcript:
                self._sounds.pop(recorded.id, None)


def _size(item: Mapping[str, Any]) -> int:
    """Return the length in bytes of JSON; more than any event of what JSON cannot carry."""
    try:
        return len(orjson.dumps(item))
    except orjson.JSONEncodeError:  # nested deeper than it may be
        return MAX_BASE64_LENGTH + 1


def _part_in_writing(part: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a part of what was said to the model as a client can write it; None if it cannot."""
    match part.get("type"):
        case "input_audio":
            return {
                "type": "input_text",
                "text": part.get("transcript") or UNTRANSCRIBED,
            }
        case "input_text" if not part.get("text"):
            return None
        case _:
            return {key: value for key, value in part.items() if value is not None}


def _words(part: Mapping[str, Any]) -> str:
    words: str = part.get("text") or part.get("transcript") or ""
    return words
