"""Events with a value of the wrong kind are told from those of the service."""

from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime.protocol.event_shapes import (
    check_shape,
)
from custom_components.azure_realtime_audio.realtime.protocol.response_feed import (
    ResponseFeed,
)
from custom_components.azure_realtime_audio.realtime.response import Response


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"nobody_knows": [object]},
        {"previous_item_id": None, "item": None, "error": {"code": 401}},
        {"item": {"id": "item_1", "content": None}},
        {"item": {"id": "item_1", "content": [{"type": "text", "audio": 1}]}},
        {"response": {"id": "resp_1", "status_details": None, "output": []}},
        {"session": {"tools": [{"parameters": {"id": {}}}], "audio": {"input": None}}},
    ],
)
def test_what_a_service_may_say(fields: dict[str, Any]) -> None:
    """Null for an absent value and unread keys are allowed."""
    check_shape({"type": "x", **fields})


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"type": 1}, "type"),
        ({"item_id": None}, "item_id"),
        ({"content_index": True}, "content_index"),
        ({"item": []}, "item"),
        ({"item": {"id": ["item_1"]}}, "id"),
        ({"item": {"id": "item_1", "content": "hello"}}, "content"),
        ({"item": {"id": "item_1", "content": [None]}}, "content"),
        ({"response": {"output": [{"id": 1}]}}, "id"),
        ({"response": {"status_details": {"error": ["no"]}}}, "error"),
        ({"session": {"audio": {"input": {"format": "pcm16"}}}}, "format"),
    ],
)
def test_what_no_service_says(fields: dict[str, Any], key: str) -> None:
    """The error names the key and the kind, and not the value."""
    with pytest.raises(TypeError, match=f"^{key} is [A-Za-z]+$"):
        check_shape({"type": "x", **fields})


async def test_response_ends_whatever_it_lists() -> None:
    """An item without an id, and a call without a call id or a name, are left out."""

    async def cancel(_: Response) -> bool:
        return False

    feed = ResponseFeed("resp_1", cancel)
    response = feed.response
    feed.finish(
        {
            "status": "completed",
            "output": [
                {"type": "message"},
                {"id": "item_1", "type": "function_call", "name": "turn_on"},
                {"id": "item_2", "type": "function_call", "call_id": "c", "name": ""},
            ],
        }
    )
    assert response.is_done
    assert response.item_ids == ["item_1", "item_2"]
    assert not response.tool_calls
