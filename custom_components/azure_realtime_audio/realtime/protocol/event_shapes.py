"""What the client relies on in the events of Azure and of gateways that stand in for Azure."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

# Classes that a value may have, keys of an object, or the one shape of a list's parts.
# Objects and lists may be null. Keys that we do not read are not checked.
type Shape = tuple[type, ...] | dict[str, Shape] | list[Shape]

_STRING: Shape = (str,)
_INTEGER: Shape = (int,)
_STRING_OR_NULL: Shape = (str, NoneType)
_INTEGER_OR_NULL: Shape = (int, NoneType)
_NUMBER_OR_NULL: Shape = (int, float, NoneType)

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
_RESPONSE: dict[str, Shape] = {
    "id": _STRING,
    "conversation_id": _STRING_OR_NULL,
    "status": _STRING_OR_NULL,
    "status_details": {
        "type": _STRING_OR_NULL,
        "reason": _STRING_OR_NULL,
        "error": _ERROR,
    },
    "usage": {
        "input_tokens": _NUMBER_OR_NULL,
        "output_tokens": _NUMBER_OR_NULL,
        "input_token_details": {"cached_tokens": _NUMBER_OR_NULL},
    },
    "metadata": {},
    "output": [_ITEM],
}
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
    "response": _RESPONSE,
    "session": {
        "id": _STRING_OR_NULL,
        "expires_at": _NUMBER_OR_NULL,
        "output_modalities": [_STRING],
        "audio": {
            "input": {"format": _FORMAT, "transcription": {}, "turn_detection": {}},
            "output": {"format": _FORMAT},
        },
    },
}

# The keys without which an event of this type says nothing, as paths from the event.
type Path = tuple[str, ...]
_ITEM_EVENT: tuple[Path, ...] = (("item", "id"),)
_RESPONSE_EVENT: tuple[Path, ...] = (("response", "id"),)
_OUTPUT_ITEM: tuple[Path, ...] = (("response_id",), ("item", "id"))
_DELTA: tuple[Path, ...] = (("response_id",), ("item_id",), ("delta",))
_PART: tuple[Path, ...] = (("response_id",), ("item_id",))
_REQUIRED: dict[str, tuple[Path, ...]] = {
    "session.created": (("session",),),
    "session.updated": (("session",),),
    "error": (("error",),),
    "conversation.item.added": _ITEM_EVENT,
    "conversation.item.done": _ITEM_EVENT,
    "conversation.item.deleted": (("item_id",),),
    "conversation.item.truncated": (("item_id",), ("audio_end_ms",)),
    "conversation.item.input_audio_transcription.completed": (("item_id",),),
    "conversation.item.input_audio_transcription.failed": (("item_id",),),
    "response.created": _RESPONSE_EVENT,
    "response.done": _RESPONSE_EVENT,
    "response.output_item.added": _OUTPUT_ITEM,
    "response.output_item.done": _OUTPUT_ITEM,
    "response.output_text.delta": _DELTA,
    "response.output_text.done": _PART,
    "response.output_audio.delta": _DELTA,
    "response.output_audio_transcript.delta": _DELTA,
    "response.output_audio_transcript.done": _PART,
}


def check_shape(event: Mapping[str, Any]) -> None:
    """Raise TypeError if an event, in GA's form, lacks a key or has a value of a wrong kind.

    Events are checked in this one place, so that what reads them needs no checks: an object
    where an id belongs would be noticed much later, in what has been kept of the event.
    """
    for key, value in event.items():
        if (shape := _EVENT.get(key)) is not None:
            _check(key, value, shape)
    for path in _REQUIRED.get(event["type"], ()):
        _require(event, path)


def is_audio_delta(event: Mapping[str, Any]) -> bool:
    """Return whether a ``response.output_audio.delta`` has what such an event needs.

    This is ``check_shape`` for the event that comes most often.
    """
    return (
        type(event.get("response_id")) is str
        and type(event.get("item_id")) is str
        and type(event.get("delta")) is str
        and type(event.get("content_index", 0)) is int
    )


def is_item(item: Any) -> bool:
    """Return whether this is an item, in GA's form, with values of the expected kinds."""
    return item is not None and _fits("item", item, _ITEM)


def readable_response(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be read of a response, in GA's form: the keys of the expected kinds.

    A ``response.done`` ends its response, however odd the rest of it is.
    """
    readable = {
        key: value
        for key, value in response.items()
        if key in _RESPONSE and _fits(key, value, _RESPONSE[key])
    }
    if isinstance(output := response.get("output"), list):
        readable["output"] = [item for item in output if is_item(item)]
    return readable


def _fits(key: str, value: Any, shape: Shape) -> bool:
    try:
        _check(key, value, shape)
    except TypeError:
        return False
    return True


def _require(event: Mapping[str, Any], path: Path) -> None:
    value: Any = event
    for key in path:
        if not value or (value := value.get(key)) is None:
            raise TypeError(f"{'.'.join(path)} is missing")


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
