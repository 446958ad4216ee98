"""The client events: how a frame becomes an event, and which fields each event has."""

import json
from typing import Any

from aiohttp import WSMessage, WSMsgType

from ..wire.errors import InvalidRequest
from ..wire.events import Event
from ..wire.validation import Check, anything, audio, integer, nullable, record, text


def _command(required: tuple[str, ...] = (), /, **fields: Check) -> Check:
    return record({"type": text, "event_id": text, **fields}, required=required)


# The types that the live service lists as supported, without those of other kinds of session.
_COMMANDS: dict[str, Check] = {
    "session.update": _command(("session",), session=anything),
    "session.close": _command(),
    "input_audio_buffer.append": _command(("audio",), audio=audio),
    "input_audio_buffer.commit": _command(),
    "input_audio_buffer.clear": _command(),
    "conversation.item.create": _command(
        ("item",), item=anything, previous_item_id=nullable(text)
    ),
    "conversation.item.retrieve": _command(("item_id",), item_id=text),
    "conversation.item.truncate": _command(
        ("item_id", "content_index", "audio_end_ms"),
        item_id=text,
        content_index=integer(0),
        audio_end_ms=integer(0),
    ),
    "conversation.item.delete": _command(("item_id",), item_id=text),
    "response.create": _command(response=nullable(anything)),
    "response.cancel": _command(response_id=nullable(text)),
}


def parsed(message: WSMessage) -> Event:
    """Return the event of a frame. Raises InvalidRequest if the frame holds no JSON object."""
    if message.type is WSMsgType.BINARY:
        raise InvalidRequest(
            "Invalid event: expected a text WebSocket message, but got a binary one.",
            "invalid_event",
        )
    try:
        event = json.loads(message.data)
    except ValueError as err:
        raise InvalidRequest(
            f"Invalid event: failed to parse JSON value ({err}). "
            "Please ensure your event is valid JSON.",
            "invalid_json",
        ) from err
    if not isinstance(event, dict):
        raise InvalidRequest("Invalid event: expected a JSON object.", "invalid_json")
    return event


def checked(event: Event) -> dict[str, Any]:
    """Return the fields of a client event. Raises InvalidRequest if one is wrong."""
    if "type" not in event:
        raise InvalidRequest(
            "Missing required parameter: 'type'.",
            "missing_required_parameter",
            "type",
        )
    if event["type"] not in _COMMANDS:
        supported = ", ".join(f"'{name}'" for name in _COMMANDS)
        raise InvalidRequest(
            f"Invalid value: '{event['type']}'. Supported values are: {supported}.",
            "invalid_value",
            "type",
        )
    fields: dict[str, Any] = _COMMANDS[event["type"]](event, "")
    return fields
