"""The commands of a conversation: what each sends and what acknowledges it."""

from collections.abc import Callable, Mapping
from typing import Any

from ..listeners import Event
from ..response import Response
from .acknowledgements import Command
from .live_session import LiveSession
from .session_config import SessionConfig

# What tells items apart besides their ids.
_ITEM_KIND = ("type", "role", "call_id")


def update_session(
    config: SessionConfig, on_updated: Callable[[SessionConfig], None] | None = None
) -> Command[None]:
    """Change the session's settings; ``on_updated`` is called once they are changed."""

    def result(_: Event) -> None:
        if on_updated is not None:
            on_updated(config)

    return Command(
        "session.update",
        {"session": config.as_dict()},
        frozenset({"session.updated"}),
        result=result,
    )


def commit_audio() -> Command[str]:
    """Make an item of the audio in the buffer. The result is the item's id."""
    return Command(
        "input_audio_buffer.commit",
        {},
        frozenset({"input_audio_buffer.committed"}),
        result=lambda event: event.get("item_id") or "",
    )


def clear_audio() -> Command[None]:
    """Empty the buffer."""
    return Command(
        "input_audio_buffer.clear", {}, frozenset({"input_audio_buffer.cleared"})
    )


def delete_item(item_id: str) -> Command[None]:
    """Delete an item."""
    return Command(
        "conversation.item.delete",
        {"item_id": item_id},
        frozenset({"conversation.item.deleted"}),
        matches=lambda event: event.get("item_id") == item_id,
        is_optional=True,
    )


def truncate_item(item_id: str, content_index: int, audio_end_ms: int) -> Command[None]:
    """Cut a spoken item to its first ``audio_end_ms`` ms."""
    return Command(
        "conversation.item.truncate",
        {
            "item_id": item_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        },
        frozenset({"conversation.item.truncated"}),
        matches=lambda event: event.get("item_id") == item_id,
    )


def create_item(
    live: LiveSession, item: Mapping[str, Any], previous_item_id: str | None = None
) -> Command[str]:
    """Add an item, which has an id. The result is the id that the service gives it."""
    payload: dict[str, Any] = {"item": item}
    if previous_item_id is not None:
        payload["previous_item_id"] = previous_item_id

    def matches(event: Event) -> bool:
        added = event["item"]
        if added["id"] == item["id"]:
            return True
        # Some gateways choose the ids themselves.
        return added["id"] not in live.sent_item_ids and _is_same_item(item, added)

    def result(event: Event) -> str:
        item_id: str = event["item"]["id"]
        live.record.record_sent({**item, "id": item_id}, previous_item_id)
        return item_id

    live.sent_item_ids.append(item["id"])
    return Command(
        "conversation.item.create",
        payload,
        frozenset({"conversation.item.added", "conversation.item.done"}),
        matches,
        result,
    )


def create_response(
    live: LiveSession, config: Mapping[str, Any] | None
) -> Command[Response]:
    """Let the model answer. The result is the response as it begins."""
    payload = {} if config is None else {"response": config}
    is_out_of_band = (config or {}).get("conversation") == "none"
    known = set(live.responses)

    def matches(event: Event) -> bool:
        feed = live.responses.get(_response_id(event))
        if feed is None or feed.response.id in known:
            return False
        # response.created names neither the command nor, with every service, the
        # conversation; where it does, a response out of band has none.
        response = feed.response
        is_active = response is live.active
        return not (is_out_of_band and is_active and response.conversation_id)

    def result(event: Event) -> Response:
        feed = live.responses[_response_id(event)]
        feed.content.is_out_of_band = is_out_of_band
        feed.content.was_asked_for = True
        if is_out_of_band and feed.response is live.active:
            live.active = None
        return feed.response

    return Command(
        "response.create",
        payload,
        # The second makes up for a response.created that never comes.
        frozenset({"response.created", "response.output_item.added"}),
        matches,
        result,
    )


def cancel_response(response: Response) -> Command[None]:
    """Stop a response."""
    return Command(
        "response.cancel",
        {"response_id": response.id} if response.is_out_of_band else {},
        frozenset({"response.done"}),
        matches=lambda event: event["response"]["id"] == response.id,
    )


def _response_id(event: Event) -> str:
    response_id: str = event.get("response_id") or event["response"]["id"]
    return response_id


def _is_same_item(sent: Mapping[str, Any], added: Mapping[str, Any]) -> bool:
    """Return whether an item that the service tells of may be the one that was sent."""
    return all(sent.get(key) == added.get(key) for key in _ITEM_KIND) and [
        part.get("type") for part in sent.get("content") or ()
    ] == [part.get("type") for part in added.get("content") or ()]
