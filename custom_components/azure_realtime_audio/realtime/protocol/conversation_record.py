"""What the service's conversation holds, in writing, so that it can be told again."""

from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ..audio.pcm import MAX_BASE64_LENGTH, SAMPLE_RATE
from ..listeners import Event
from ..response import Response

# Beyond these the oldest items go, as the service's own truncation does. Either is far more
# than what fits a model's context; the second bounds the memory that images take.
MAX_ITEMS = 500
MAX_CHARACTERS = 4 * 1024 * 1024

# What a person said is kept as sound until it is written down, the last minute of PCM16. In
# bytes.
MAX_SOUND = 60 * 2 * SAMPLE_RATE

# How much is told again at once, in bytes of JSON: on its way it is in memory several times.
BATCH_SIZE = 512 * 1024

# The service refuses longer item ids from clients.
_MAX_ID_LENGTH = 32

# Stands for what a person said where the service did not write it down, and too long ago.
UNWRITTEN = "[spoken, not written down]"


@dataclass(slots=True)
class _Held:
    """An item; ``said`` is what the model says in it, in words."""

    item: dict[str, Any]
    said: str = ""
    audio_ms: int = 0
    is_cut: bool = False
    size: int = 0

    def describe(self, item: Mapping[str, Any]) -> None:
        """Take over the item as it is described, without its audio."""
        content = [
            {key: value for key, value in part.items() if key != "audio"}
            for part in item.get("content") or ()
        ]
        self.item = {**item, "content": content}
        self.size = len(orjson.dumps(self.item))
        if item.get("role") == "assistant":
            self.say("\n".join(filter(None, map(_words, content))))

    def say(self, words: str) -> None:
        """Take over what the model says, unless that has been cut."""
        if words and not self.is_cut:
            self.said = words

    def cut(self, audio_end_ms: int) -> None:
        """Cut the words in proportion to the audio: where each was spoken is not known."""
        if audio_end_ms < self.audio_ms:
            heard = audio_end_ms / self.audio_ms
            self.said = self.said[: round(len(self.said) * heard)]
            self.audio_ms = audio_end_ms
        self.is_cut = True

    def in_writing(self, sound: str | None = None) -> dict[str, Any] | None:
        """Return the item as a client can create it; None if it cannot be, or says nothing.

        ``sound`` is the base64 of what a person says in it, where that is kept.
        """
        item = self.item
        keys: tuple[str, ...]
        match item["type"]:
            case "message" if content := self._content(sound):
                return {
                    "id": item["id"],
                    "type": "message",
                    "role": item["role"],
                    "content": content,
                }
            # The arguments of a call that was cut off are not whole.
            case "function_call" if item.get("status", "completed") == "completed":
                keys = ("call_id", "name", "arguments")
            case "function_call_output":
                keys = ("call_id", "output")
            case _:
                return None
        return {key: item[key] for key in ("id", "type", *keys)}

    def _content(self, sound: str | None) -> list[dict[str, Any]]:
        if self.item["role"] == "assistant":
            return [{"type": "output_text", "text": self.said}] if self.said else []
        if sound:
            return [{"type": "input_audio", "audio": sound}]
        return [
            {"type": "input_text", "text": part.get("transcript") or UNWRITTEN}
            if part["type"] == "input_audio"
            else part
            for part in self.item["content"]
        ]


class Ledger:
    """The items of the conversation, in order, with the words that were said.

    It hears the service's events in GA's form. The ``conversation.item`` events alone tell
    what there is, so what is said out of band never gets in.
    """

    def __init__(self) -> None:
        """Begin with an empty conversation."""
        self._held: list[_Held] = []
        # By item id, the oldest first. Each in one piece: thousands would leave holes in the
        # memory of the process, which it does not get rid of.
        self._sounds: dict[str, bytes] = {}

    @property
    def item_ids(self) -> list[str]:
        """The ids of the items, in order."""
        return [held.item["id"] for held in self._held]

    def feed(self, event: Event) -> None:
        """Take in an event about an item of the conversation."""
        match event["type"]:
            case "conversation.item.added":
                self._add(event["item"], event.get("previous_item_id"))
            case "conversation.item.done":
                self._complete(event["item"], event.get("previous_item_id"))
            case "conversation.item.deleted":
                self.keep(id_ for id_ in self.item_ids if id_ != event["item_id"])
            case "conversation.item.truncated":
                if held := self._find(event["item_id"]):
                    held.cut(event["audio_end_ms"])
            case "conversation.item.input_audio_transcription.completed":
                self._transcribe(event)

    def sent(self, item: Mapping[str, Any], previous_item_id: str | None) -> None:
        """Note the item as the client sent it: the service's echo may leave things out.

        Only the client knows whether it is the first one: the echo then has no previous
        item, like that of an item of which the service does not tell the place.
        """
        self._add(item, previous_item_id)
        if (held := self._find(item["id"])) is None:
            return
        held.describe(item)
        if previous_item_id == "root":
            self._held.remove(held)
            self._held.insert(0, held)

    def committed(
        self, item_id: str, previous_item_id: str | None, pieces: Iterable[bytes]
    ) -> None:
        """Note what a person said: it is an item now, if more is told of it or not.

        Its sound, which comes in pieces of base64, is kept until it is written down.
        """
        part = {"type": "input_audio", "transcript": None}
        item = {"id": item_id, "type": "message", "role": "user", "content": [part]}
        self._add(item, previous_item_id)
        self._sounds[item_id] = b"".join(map(a2b_base64, pieces))
        size = sum(map(len, self._sounds.values()))
        while size > MAX_SOUND:
            size -= len(self._sounds.pop(next(iter(self._sounds))))

    def hear(self, response: Response) -> None:
        """Take over what a response has said so far."""
        parts: dict[str, dict[int, str]] = {}
        for delta in response.deltas:
            said = parts.setdefault(delta.item_id, {})
            said[delta.content_index] = said.get(delta.content_index, "") + delta.text
        for item_id, audio_ms in response.audio_ms_by_item.items():
            if (held := self._find(item_id)) and not held.is_cut:
                held.audio_ms = audio_ms
        for item_id, said in parts.items():
            if held := self._find(item_id):
                held.say("\n".join(filter(None, said.values())))

    def items(self) -> Iterator[dict[str, Any]]:
        """Yield the items to create in an empty conversation, so that it equals this one.

        What was spoken becomes text; what a person said is sound until it is written down.
        A function call that is not answered yet is among them, for its answer needs it; an
        answer without its call would be refused.
        """
        calls = set()
        for held in list(self._held):
            sound = self._sound(held.item["id"])
            self._shorten_id(held)
            item = held.in_writing(sound)
            if item is None:
                continue
            if item["type"] == "function_call":
                calls.add(item["call_id"])
            if item["type"] != "function_call_output" or item["call_id"] in calls:
                yield item

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Yield these items in lists that are little longer than BATCH_SIZE, each when it is due."""
        batch: list[dict[str, Any]] = []
        size = 0
        for item in self.items():
            batch.append(item)
            size += len(orjson.dumps(item))
            if size >= BATCH_SIZE:
                yield batch
                batch, size = [], 0
        yield batch

    def keep(self, item_ids: Iterable[str]) -> None:
        """Forget all items but these."""
        kept = set(item_ids)
        for item_id in set(self.item_ids) - kept:
            self._sounds.pop(item_id, None)
        self._held = [held for held in self._held if held.item["id"] in kept]

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._sounds.clear()

    def _shorten_id(self, held: _Held) -> None:
        item_id: str = held.item["id"]
        if len(item_id) > _MAX_ID_LENGTH:
            held.item["id"] = item_id[-_MAX_ID_LENGTH:]
            if item_id in self._sounds:
                self._sounds[held.item["id"]] = self._sounds.pop(item_id)

    def _sound(self, item_id: str) -> str | None:
        """Return the base64 of what a person said, if it is kept."""
        sound = self._sounds.get(item_id)
        return b2a_base64(sound, newline=False).decode() if sound else None

    def _find(self, item_id: str) -> _Held | None:
        return next((held for held in self._held if held.item["id"] == item_id), None)

    def _add(self, item: Mapping[str, Any], previous_item_id: str | None) -> None:
        if self._find(item["id"]):
            return
        held = _Held({})
        held.describe(item)
        if held.size > MAX_BASE64_LENGTH:
            return  # no event is that big: it cannot be told again, but the rest can
        previous = self._find(previous_item_id) if previous_item_id else None
        position = self._held.index(previous) + 1 if previous else len(self._held)
        self._held.insert(position, held)
        size = sum(held.size for held in self._held)
        while len(self._held) > 1 and (
            len(self._held) > MAX_ITEMS or size > MAX_CHARACTERS
        ):
            size -= self._held.pop(0).size

    def _complete(self, item: Mapping[str, Any], previous_item_id: str | None) -> None:
        """Take over what the model has finished; the rest is known since it was added."""
        self._add(item, previous_item_id)
        held = self._find(item["id"])
        if held and held.item.get("status") == "in_progress":
            held.describe(item)

    def _transcribe(self, event: Event) -> None:
        if held := self._find(event["item_id"]):
            part = held.item["content"][event["content_index"]]
            part["transcript"] = event["transcript"].strip()
            if part["transcript"]:
                self._sounds.pop(event["item_id"], None)


def _words(part: Mapping[str, Any]) -> str:
    words: str = part.get("text") or part.get("transcript") or ""
    return words
