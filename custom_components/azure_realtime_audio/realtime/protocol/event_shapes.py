"""What the client relies on in the service's events, whoever speaks for the service."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

# Classes that a value may have, keys of an object, or the one shape of a list's parts.
# Objects and lists may be null. Keys that nobody reads are nobody's business.
type Shape = tuple[type, ...] | dict[str, Shape] | list[Shape]

_STRING: Shape = (str,)
_INTEGER: Shape = (int,)
_STRING_OR_NULL: Shape = (str, NoneType)
_INTEGER_OR_NULL: Shape = (int, NoneType)

_ERROR: Shape = {
    "type": _STRING_OR_NULL,
    "code": (str, int, NoneType),  # gateways have put the HTTP status here
    "message": _STRING_OR_NULL,
    "event_id": _STRING_OR_NULL,
}
_ITEM: Shape = {
    "id": _STRING,
    "type": _STRING_OR_NULL,
    "role": _STRING_OR_NULL,
    "status": _STRING_OR_NULL,
    "name": _STRING_OR_NULL,
    "call_id": _STRING_OR_NULL,
    "arguments": _STRING_OR_NULL,
    "content": [
        {
            "type": _STRING_OR_NULL,
            "text": _STRING_OR_NULL,
            "transcript": _STRING_OR_NULL,
        }
    ],
}
_FORMAT: Shape = {"type": _STRING_OR_NULL}
_EVENT: dict[str, Shape] = {
    "type": _STRING,
    "event_id": _STRING_OR_NULL,
    "item_id": _STRING,
    "previous_item_id": _STRING_OR_NULL,
    "response_id": _STRING,
    "content_index": _INTEGER,
    "audio_end_ms": _INTEGER,
    "delta": _STRING,
    "text": _STRING_OR_NULL,
    "transcript": _STRING_OR_NULL,
    "item": _ITEM,
    "error": _ERROR,
    "response": {
        "id": _STRING,
        "conversation_id": _STRING_OR_NULL,
        "status": _STRING_OR_NULL,
        "status_details": {
            "type": _STRING_OR_NULL,
            "reason": _STRING_OR_NULL,
            "error": _ERROR,
        },
        "usage": {
            "input_tokens": _INTEGER_OR_NULL,
            "output_tokens": _INTEGER_OR_NULL,
            "input_token_details": {"cached_tokens": _INTEGER_OR_NULL},
        },
        "metadata": {},
        "output": [_ITEM],
    },
    "session": {
        "id": _STRING_OR_NULL,
        "expires_at": (int, float, NoneType),
        "output_modalities": [_STRING],
        "audio": {
            "input": {"format": _FORMAT, "transcription": {}, "turn_detection": {}},
            "output": {"format": _FORMAT},
        },
    },
}


def check_shape(event: Mapping[str, Any]) -> None:
    """Raise TypeError if an event, in GA's form, has a value of a kind nobody expects.

    Checked in one place, so that no one after it has to: an object where an id belongs
    would be found much later, in what has been kept of it.
    """
    for key, value in event.items():
        if (shape := _EVENT.get(key)) is not None:
            _check(key, value, shape)


def _check(key: str, value: Any, shape: Shape) -> None:
    match shape:
        case tuple():
            # A bool is an int to Python, but not to the service.
            if not isinstance(value, shape) or isinstance(value, bool):
                raise _unexpected(key, value)
        case [part_shape]:
            if not isinstance(value, list | None):
                raise _unexpected(key, value)
            for part in value or ():
                if part is None:
                    raise _unexpected(key, part)
                _check(key, part, part_shape)
        case dict():
            if not isinstance(value, dict | None):
                raise _unexpected(key, value)
            for name, part_shape in shape.items():
                if value and name in value:
                    _check(name, value[name], part_shape)


def _unexpected(key: str, value: Any) -> TypeError:
    return TypeError(f"{key} is {type(value).__name__}")
