"""Whatever Home Assistant's tools return, as JSON that the model can read."""

from collections.abc import Mapping, Set as AbstractSet
from datetime import date, time, timedelta
import json
import math
from typing import Any, Final

from homeassistant.helpers.json import json_dumps

# Integers beyond 64 bits, and nesting beyond what a person would write, have no place in JSON
# on the wire.
_BIGGEST_INTEGER: Final = 2**63
_DEEPEST: Final = 32


def as_json(value: Any) -> str:
    """Return a value as JSON text: what JSON has no word for, as well as can be told."""
    try:
        return json_dumps(value)
    except TypeError, ValueError, RecursionError:
        return json.dumps(_plain(value, _DEEPEST), ensure_ascii=False)


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        return "..."
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < _BIGGEST_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _without_surrogates(value)
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case Mapping():
            return {
                _without_surrogates(str(key)): _plain(item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() | AbstractSet():
            return [_plain(item, depth - 1) for item in value]
        case _:
            return _without_surrogates(str(value))


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
