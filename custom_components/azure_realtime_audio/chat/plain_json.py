"""Whatever Home Assistant's tools return, as JSON that the model can read."""

from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
import json
import math
from numbers import Integral
from typing import Any, Final

from homeassistant.helpers.json import json_dumps
import orjson

# Integers beyond 64 bits, and nesting beyond what a person would write, have no place in JSON
# on the wire. A structure that contains itself has no end.
_BIGGEST_INTEGER: Final = 2**63
_DEEPEST: Final = 32
_MOST_VALUES: Final = 20_000
_LEFT_OUT: Final = "..."


def as_json(value: Any) -> str:
    """Return a value as JSON text: what JSON has no word for, as well as can be told."""
    try:
        return json_dumps(value)
    except TypeError, ValueError, RecursionError:
        return json.dumps(_Teller().tell(value, _DEEPEST), ensure_ascii=False)


def is_json(value: Any) -> bool:
    """Return whether a value is made of what JSON has words for, and of nothing else.

    Objects that Home Assistant can write as JSON, such as states, do not count: they may be
    impossible to copy.
    """
    try:
        orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError, ValueError, RecursionError:
        return False
    return True


def as_text(text: str) -> str:
    """Return a text without halves of characters, which cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


class _Teller:
    """Makes what JSON can carry of one value."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._left = _MOST_VALUES

    def tell(self, value: Any, depth: int) -> Any:
        """Return a value of JSON that says the same, or as much as can be said."""
        self._left -= 1
        if depth == 0:
            return _LEFT_OUT
        try:
            return self._told(value, depth)
        except Exception:  # noqa: BLE001  # a tool's object may fail in any way
            return f"<{type(value).__name__}>"

    def _told(self, value: Any, depth: int) -> Any:
        match value:
            case None | bool():
                return value
            case Enum():
                return self.tell(value.value, depth - 1)
            case Integral():
                number = int(value)
                return number if abs(number) < _BIGGEST_INTEGER else str(number)
            case float():
                return value if math.isfinite(value) else str(value)
            case str():
                return as_text(value)
            case bytes() | bytearray() | memoryview():
                return bytes(value).decode("utf-8", "replace")
            case date() | time():
                return value.isoformat()
            case timedelta():
                return str(value)
            case Mapping():
                return self._object(value.items(), depth)
            case Sequence() | AbstractSet():
                return self._list(value, depth)
            case _ if is_dataclass(value) and not isinstance(value, type):
                parts = (
                    (part.name, getattr(value, part.name)) for part in fields(value)
                )
                return self._object(parts, depth)
            case _ if hasattr(value, "as_dict") and not isinstance(value, type):
                return self.tell(value.as_dict(), depth - 1)
            case _:
                return as_text(str(value))

    def _object(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for key, value in pairs:
            if self._left <= 0:
                told[_LEFT_OUT] = _LEFT_OUT
                break
            told[as_text(str(key))] = self.tell(value, depth - 1)
        return told

    def _list(self, values: Iterable[Any], depth: int) -> list[Any]:
        told: list[Any] = []
        for value in values:
            if self._left <= 0:
                told.append(_LEFT_OUT)
                break
            told.append(self.tell(value, depth - 1))
        return told
