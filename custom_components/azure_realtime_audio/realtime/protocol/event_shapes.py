"""What the client relies on in the events of Azure and of gateways that stand in for Azure.

What has the wrong kind of value counts as missing, so that the rest of its event is read.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, Literal

import orjson

# What decoding an event that is no event of any dialect can raise.
MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# Classes that a value may have, keys of an object, or the one shape of a list's parts.
# Objects and lists may be null. Keys that we do not read are not checked. An id is text that
# is not empty.
type Shape = tuple[type, ...] | dict[str, Shape] | list[Shape] | Literal["id"]

_ID: Shape = "id"

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
    "param": _STRING_OR_NULL,
}
_ITEM: Shape = {
    "id": _ID,
    "type": _STRING_OR_NULL,
    "role": _STRING_OR_NULL,
    "status": _STRING_OR_NULL,
    "name": _STRING_OR_NULL,
    "call_id": _STRING_OR_NULL,
    "arguments": _STRING_OR_NULL,
    "output": _STRING_OR_NULL,
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
    "id": _ID,
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
# What preview has in other places than GA.
_FLAT_RESPONSE: dict[str, Shape] = {
    "modalities": [_STRING],
    "output_audio_format": _STRING_OR_NULL,
    "audio": {"output": {"format": _FORMAT}},
}
_FLAT_SESSION: dict[str, Shape] = {
    "modalities": [_STRING],
    "input_audio_format": _STRING_OR_NULL,
    "output_audio_format": _STRING_OR_NULL,
    "input_audio_transcription": {},
    "input_audio_noise_reduction": {},
    "turn_detection": {},
}
_SESSION: dict[str, Shape] = {
    "id": _STRING_OR_NULL,
    "expires_at": _NUMBER_OR_NULL,
    "output_modalities": [_STRING],
    "audio": {
        "input": {"format": _FORMAT, "transcription": {}, "turn_detection": {}},
        "output": {"format": _FORMAT},
    },
}
_EVENT: dict[str, Shape] = {
    "type": _STRING,
    "event_id": _STRING_OR_NULL,
    "item_id": _ID,
    "previous_item_id": _STRING_OR_NULL,
    "response_id": _ID,
    "content_index": _INTEGER,
    "audio_end_ms": _INTEGER,
    "delta": _STRING,
    "text": _STRING_OR_NULL,
    "transcript": _STRING_OR_NULL,
    "arguments": _STRING_OR_NULL,
    "item": _ITEM,
    "error": _ERROR,
    "response": _RESPONSE,
    "session": _SESSION,
}
# The same with the keys of both dialects, as an event comes.
_RECEIVED: dict[str, Shape] = {
    **_EVENT,
    "name": _STRING_OR_NULL,
    "response": {**_RESPONSE, **_FLAT_RESPONSE},
    "session": {**_SESSION, **_FLAT_SESSION},
}
# The longest text that anybody is told, in characters: four times what a model says at once.
MAX_TEXT: Final = 128 * 1024
_NO_TEXTS: Final = frozenset({"audio", "image_url"})
# What a model wants a function called with is never left out: the call would do something else.
_WRITTEN_AS_JSON: Final = frozenset({"arguments", "output"})

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
    "response.function_call_arguments.done": (("item_id",),),
    "response.output_text.delta": _DELTA,
    "response.output_text.done": _PART,
    "response.output_audio.delta": _DELTA,
    "response.output_audio_transcript.delta": _DELTA,
    "response.output_audio_transcript.done": _PART,
}


def without_long_texts(value: Any, key: str = "") -> Any:
    """Return a value with its strings cut to MAX_TEXT characters, but for sounds and images."""
    match value:
        case str() if key not in _NO_TEXTS:
            return value[:MAX_TEXT]
        case dict():
            return {
                name: without_long_texts(part, name) for name, part in value.items()
            }
        case list():
            return [without_long_texts(part, key) for part in value]
    return value


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
    response_id, item_id = event.get("response_id"), event.get("item_id")
    return (
        type(response_id) is str
        and response_id != ""
        and type(item_id) is str
        and item_id != ""
        and type(event.get("delta")) is str
        and type(event.get("content_index", 0)) is int
    )


def readable_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be read of an event of either dialect: the values of the expected kinds.

    Raises TypeError if not even its type is.
    """
    if "response" in event:
        event = {**event, "response": _with_details(event["response"])}
    readable: dict[str, Any] = _readable(event, _RECEIVED)
    if not isinstance(readable, dict) or "type" not in readable:
        raise TypeError("An event has no type")
    return readable


def _with_details(response: Any) -> Any:
    """Make an object of ``status_details`` that are a bare string (livekit/agents#5994)."""
    if isinstance(response, dict) and isinstance(response.get("status_details"), str):
        return {**response, "status_details": {"type": response["status_details"]}}
    return response


def readable_error(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error of an ``error`` event, wherever it has its fields."""
    error = event.get("error")
    if isinstance(error, str):
        error = {"message": error}
    elif not isinstance(error, dict):
        error = {key: event.get(key) for key in ("code", "message", "param")}
    readable: dict[str, Any] = _readable(error, _ERROR)
    return readable


def _require(event: Mapping[str, Any], path: Path) -> None:
    value: Any = event
    for key in path:
        if not value or (value := value.get(key)) is None:
            raise TypeError(f"{'.'.join(path)} is missing")


def _check(key: str, value: Any, shape: Shape) -> None:
    match shape:
        case "id":
            if not isinstance(value, str) or not value:
                raise _unexpected(key, value)
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


_UNREADABLE: Final = object()


def _readable(value: Any, shape: Shape, key: str = "") -> Any:
    """Return a value less what is not of the expected kinds in it."""
    match shape:
        case "id":
            return value if isinstance(value, str) and value else _UNREADABLE
        case tuple():
            return _readable_scalar(value, shape, key)
        case [part_shape]:
            if not isinstance(value, list | None):
                return _UNREADABLE
            parts = (_readable(part, part_shape) for part in value or ())
            return [
                part for part in parts if part is not _UNREADABLE and part is not None
            ]
        case dict():
            if not isinstance(value, dict | None):
                return _UNREADABLE
            readable = dict(value or {})
            for name, part_shape in shape.items():
                if name in readable:
                    part = _readable(readable.pop(name), part_shape, name)
                    if part is not _UNREADABLE:
                        readable[name] = part
            return None if value is None else readable


def _readable_scalar(value: Any, kinds: tuple[type, ...], key: str) -> Any:
    if isinstance(value, kinds) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and int in kinds and value.is_integer():
        return int(value)
    if key in _WRITTEN_AS_JSON:
        return orjson.dumps(value).decode()
    return _UNREADABLE


def _unexpected(key: str, value: Any) -> TypeError:
    return TypeError(f"{key} is {type(value).__name__}")
