"""Real frames, damaged in every way that comes to mind. A seed chooses how."""

from collections.abc import Callable, Iterator
import copy
import json
from random import Random
from typing import Any

type Event = dict[str, Any]
type Frame = str | bytes
# Where a value is: the dict or list that holds it, and its key or index there.
type Place = tuple[Any, Any]

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e308, 2**31, 2**63, -(2**63), 2**64 - 1),
    *("", " ", "0", "none", "null", "\x00", "\ud800", "\U0001f4a5", "é" * 99),
    *("AAAA", "=", "AA=A", "response", "resp_1", "item_1", "completed", "in_progress"),
    *([], {}, [None], [[]], [{}], ["text"], {"": None}, {"type": None}, {"id": []}),
    *(
        {"type": "audio"},
        {"type": "output_text", "text": 7},
        {"code": {}, "message": []},
    ),
)
_NO_EVENTS: tuple[str, ...] = (
    *(
        "",
        " ",
        "null",
        "true",
        "0",
        '""',
        "[]",
        "[[]]",
        "{}",
        "NaN",
        "{",
        "}",
        '{"type"',
    ),
    *(
        '{"type": null}',
        '{"type": []}',
        '{"type": {}}',
        '{"type": 1e999}',
        '{"type": ""}',
    ),
    *(
        '{"type": "response."}',
        '{"type": "error"}',
        '{"type": "*"}',
        "\ufeff{}",
        "1" * 5000,
    ),
    *("[" * 100_000, '{"type":' * 5000, "[" * 900 + "]" * 900),
    '{"type":"response.done","response":{"id":"resp_1","metadata":{"a":'
    + "[" * 900
    + "]" * 900
    + "}}}",
)


def _places(value: Any) -> Iterator[Place]:
    """Yield every place below a value."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield value, index
            yield from _places(part)


def _nested(random: Random, value: Any) -> Any:
    """Wrap a value in lists or dicts, deeper than anybody expects."""
    is_list = random.random() < 0.5
    for _ in range(random.choice((1, 2, 9, 60))):
        value = [value] if is_list else {"type": value}
    return value


class Mutator:
    """Makes frames out of recorded events."""

    def __init__(self, events: list[Event], random: Random) -> None:
        """Take real events, of one dialect or more."""
        self._events = events
        self._random = random
        self._kinds: tuple[Callable[[Event], object], ...] = (
            self._replace,
            self._replace,
            self._borrow,
            self._borrow,
            self._drop,
            self._rename,
            self._nest,
            self._repeat,
            self._retype,
        )

    def frame(self) -> Frame:
        """Return a frame: text mostly, bytes at times."""
        random = self._random
        if random.random() < 0.02:
            return random.choice(_NO_EVENTS)
        return self.damaged(random.choice(self._events))

    def damaged(self, event: Event) -> bytes:
        """Return an event as a frame, in which less or more is wrong; or nothing."""
        random = self._random
        event = copy.deepcopy(event)
        for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 6))):
            random.choice(self._kinds)(event)
        text = json.dumps(event, ensure_ascii=random.random() < 0.9)
        chance = random.random()
        if chance < 0.05:
            return text[: random.randrange(len(text) + 1)].encode(errors="replace")
        if chance < 0.10:
            return self._flipped(text.encode(errors="surrogatepass"))
        return text.encode(errors="surrogatepass")

    def _flipped(self, frame: bytes) -> bytes:
        flipped = bytearray(frame)
        for _ in range(self._random.choice((1, 2, 20))):
            flipped[self._random.randrange(len(flipped))] = self._random.randrange(256)
        return bytes(flipped)

    def _place(self, event: Event) -> Place:
        places = [*_places(event)]
        return self._random.choice(places) if places else (event, "type")

    def _replace(self, event: Event) -> None:
        holder, key = self._place(event)
        holder[key] = copy.deepcopy(self._random.choice(_VALUES))

    def _borrow(self, event: Event) -> None:
        """Put in what another event has somewhere: ids and types change places."""
        other, other_key = self._place(self._random.choice(self._events))
        holder, key = self._place(event)
        if other_key in other if isinstance(other, dict) else True:
            holder[key] = copy.deepcopy(other[other_key])

    def _drop(self, event: Event) -> None:
        holder, key = self._place(event)
        if isinstance(holder, list) or key in holder:
            del holder[key]

    def _rename(self, event: Event) -> None:
        holder, key = self._place(event)
        if isinstance(holder, dict) and key in holder:
            new = self._random.choice(("", "type", "id", "item", "response", f"{key}s"))
            holder[new] = holder.pop(key)

    def _nest(self, event: Event) -> None:
        holder, key = self._place(event)
        if isinstance(holder, list) or key in holder:
            holder[key] = _nested(self._random, holder[key])

    def _repeat(self, event: Event) -> None:
        holder, key = self._place(event)
        if isinstance(holder, list) or key in holder:
            value = holder[key]
            if isinstance(value, str):
                holder[key] = value * self._random.choice((2, 50))
            elif isinstance(value, list):
                value *= self._random.choice((2, 9))

    def _retype(self, event: Event) -> None:
        event["type"] = self._random.choice(self._events)["type"]
