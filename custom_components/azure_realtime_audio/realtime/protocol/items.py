"""The shape of the conversation items that a client may create."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from ..audio.pcm import decode_base64
from ..errors import InvalidAudioError, InvalidConfigError
from .checks import (
    Check,
    anything,
    by_tag,
    closed_object,
    flag,
    list_of,
    open_object,
    string,
    text,
)
from .tool_schemas import check_tool_name

# The service refuses longer ids of items and calls from clients.
MAX_ID_LENGTH: Final = 32


def validate_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Check the shape of a conversation item that a client may create; return GA's form.

    Text parts get the type that their role asks for; keys beyond the shape are left to the
    service. Raises InvalidConfigError naming the key, as in "item.content[0].text".
    """
    checked: dict[str, Any] = _item(item, "item")
    return checked


def new_item_id() -> str:
    """Return an id for an item, of 29 characters: the service takes 32."""
    return f"item_{uuid4().hex[:24]}"


def short_id(long_id: str) -> str:
    """Return an id as the service takes it from a client: always the same for the same id.

    What JSON cannot carry as text is left to the check of what is sent.
    """
    if type(long_id) is not str or len(long_id) <= MAX_ID_LENGTH:
        return long_id
    try:
        digest = sha256(long_id.encode())
    except UnicodeEncodeError:
        return long_id
    return f"id_{digest.hexdigest()[: MAX_ID_LENGTH - 3]}"


def _audio(value: Any, key: str) -> str:
    """Expect base64, as strict and as short as that of an append."""
    try:
        # Whole samples are left to the service: it knows the format of the session.
        decode_base64(string(value, key), sample_bytes=1)
    except InvalidAudioError as err:
        raise InvalidConfigError(key, "must be base64 of at most 15 MiB") from err
    return str(value)


def _text_part(kind: str) -> Check:
    """Expect a text part, and give it the type that its role asks for."""
    part = open_object({"text": string})
    return lambda value, key: {**part(value, key), "type": kind}


# A client cannot create the assistant's audio: the service makes it (Azure docs 2026-03-19).
_USER_PART = by_tag(
    "type",
    {
        "input_text": _text_part("input_text"),
        "text": _text_part("input_text"),
        "input_audio": open_object({"audio": _audio}),
        "input_image": open_object({"image_url": text}),
    },
)
_SYSTEM_PART = by_tag(
    "type", {"input_text": _text_part("input_text"), "text": _text_part("input_text")}
)
_ASSISTANT_PART = by_tag(
    "type",
    {"output_text": _text_part("output_text"), "text": _text_part("output_text")},
)
_ITEMS = {
    "message": by_tag(
        "role",
        {
            role: open_object({"content": list_of(part)})
            for role, part in (
                ("user", _USER_PART),
                ("system", _SYSTEM_PART),
                ("assistant", _ASSISTANT_PART),
            )
        },
    ),
    "function_call": open_object(
        {"call_id": text, "name": check_tool_name, "arguments": string}
    ),
    "function_call_output": open_object({"call_id": text, "output": string}),
    "mcp_approval_response": open_object(
        {"approval_request_id": text, "approve": flag}
    ),
    "mcp_approval_request": open_object({}),
    "mcp_call": open_object({}),
    "mcp_list_tools": open_object({}),
}
_item = by_tag("type", _ITEMS)
check_input_item = by_tag(
    "type", {**_ITEMS, "item_reference": closed_object({"type": anything, "id": text})}
)
