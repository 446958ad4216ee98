"""The commands of a conversation: what each sends and what acknowledges it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from ..listeners import Event
from ..response import Response
from .acknowledgements import Command
from .dialect import Dialect
from .items import short_id
from .live_session import LiveSession
from .response_feed import MARK
from .session_config import MAX_METADATA_PAIRS, SessionConfig

# What shows that a response has begun: if response.created never comes, its first item does,
# or several other events.
_SURE_BEGINNINGS = frozenset({"response.created", "response.output_item.added"})
_BEGINNINGS = _SURE_BEGINNINGS | frozenset(
    {
        "response.output_item.done",
        "response.content_part.added",
        "response.function_call_arguments.delta",
        "response.output_text.delta",
        "response.output_audio_transcript.delta",
    }
)

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


def delete_item(live: LiveSession, item_id: str) -> Command[None]:
    """Delete an item."""
    wire_id = live.record.wire_id(item_id)
    return Command(
        "conversation.item.delete",
        {"item_id": wire_id},
        frozenset({"conversation.item.deleted"}),
        matches=lambda event: event.get("item_id", wire_id) == wire_id,
        result=lambda _: live.record.delete(item_id),
        is_optional=True,
    )


def truncate_item(
    live: LiveSession, item_id: str, content_index: int, audio_end_ms: int
) -> Command[None]:
    """Cut a spoken item to its first ``audio_end_ms`` ms."""
    wire_id = live.record.wire_id(item_id)
    return Command(
        "conversation.item.truncate",
        {
            "item_id": wire_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        },
        frozenset({"conversation.item.truncated"}),
        matches=lambda event: event.get("item_id", wire_id) == wire_id,
        result=lambda _: live.record_truncation(item_id, audio_end_ms),
    )


def create_item(
    live: LiveSession,
    item: Mapping[str, Any],
    previous_item_id: str | None = None,
    *,
    is_named: bool = True,
) -> Command[str]:
    """Add an item, which has an id. The result is the id that callers know it by.

    Unless the caller has chosen the id (``is_named``), that is what the service calls the
    item: some gateways choose the ids themselves. On the wire the ids are as short as the
    service takes them.
    """
    written = _on_the_wire(live, item)
    payload: dict[str, Any] = {"item": written}
    if previous_item_id is not None:
        payload["previous_item_id"] = live.record.wire_id(previous_item_id)

    def matches(event: Event) -> bool:
        added = event.get("item")
        if not added:  # that something was added is all that the event says
            return not live.responses
        added_id = added.get("id")
        if added_id == written["id"]:
            return True
        return added_id not in live.sent_item_ids and _is_same_item(written, added)

    def result(event: Event) -> str:
        wire_id: str = (event.get("item") or {}).get("id") or written["id"]
        item_id: str = item["id"] if is_named else wire_id
        live.record.record_sent({**item, "id": item_id}, previous_item_id, wire_id)
        live.sent_item_ids.append(wire_id)
        return item_id

    live.sent_item_ids.append(written["id"])
    return Command(
        "conversation.item.create",
        payload,
        frozenset({"conversation.item.added", "conversation.item.done"}),
        matches,
        result,
    )


def _on_the_wire(live: LiveSession, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item with the ids that this session takes and knows."""
    live.record.begin_to_tell(item["id"])
    written = {**item, "id": short_id(item["id"])}
    kind = item.get("type")
    if kind == "function_call":
        written["call_id"] = short_id(item["call_id"])
    elif kind == "function_call_output":
        written["call_id"] = live.wire_call_id(item["call_id"])
    return written


def create_response(
    live: LiveSession, config: Mapping[str, Any] | None
) -> Command[Response]:
    """Let the model answer. The result is the response as it begins."""
    payload = {} if config is None else {"response": _with_short_ids(live, config)}
    is_out_of_band = (config or {}).get("conversation") == "none"
    known = set(live.responses)
    others: set[str] = set()
    mark = None
    if live.may_answer_by_itself and live.dialect is Dialect.GA:
        mark = _marked(payload)

    def matches(event: Event) -> bool:
        feed = live.responses.get(_response_id(event))
        if feed is None or feed.content.was_asked_for:
            return False  # it is the answer to another command, perhaps one given up
        if feed.response.id in known or feed.response.id in others:
            return False
        if not _may_have_mark(event, mark):
            others.add(feed.response.id)
            return False
        if not feed.is_announced and event["type"] not in _SURE_BEGINNINGS:
            return False
        # response.created names neither the command nor, with every service, the
        # conversation; where it does, a response out of band has none.
        if is_out_of_band:
            return not (feed.response is live.active and feed.response.conversation_id)
        is_told = event["type"] == "response.created" and live.tells_conversations
        return bool(feed.response.conversation_id) or not is_told

    def result(event: Event) -> Response:
        feed = live.responses.get(_response_id(event))
        assert feed is not None  # as ``matches`` has found
        feed.content.is_out_of_band = is_out_of_band
        feed.content.was_asked_for = True
        live.begin_asked_for(feed)
        return feed.response

    return Command(
        "response.create",
        payload,
        _BEGINNINGS,
        matches,
        result,
        is_aside=is_out_of_band,
    )


def _marked(payload: dict[str, Any]) -> str | None:
    """Mark a response that is asked for, where the service may begin another by itself.

    Nothing else in response.created tells which command it answers. None where there is no
    room for a mark.
    """
    config = payload.get("response") or {}
    metadata = config.get("metadata") or {}
    if len(metadata) >= MAX_METADATA_PAIRS:
        return None
    mark = uuid4().hex
    payload["response"] = {**config, "metadata": {**metadata, MARK: mark}}
    return mark


def _may_have_mark(event: Event, mark: str | None) -> bool:
    """Return whether a response may be the one that was asked for with this mark."""
    response = event.get("response") or {}
    told = (response.get("metadata") or {}).get(MARK)
    if told is not None:
        return bool(told == mark)
    # A service that tells no metadata at all may have left the mark out.
    return mark is None or "metadata" not in response


def _with_short_ids(live: LiveSession, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a response is asked for with; its own input may refer to the conversation."""
    if "input" not in config:
        return dict(config)
    called = {
        item["call_id"] for item in config["input"] if item["type"] == "function_call"
    }
    given = []
    for item in config["input"]:
        written = dict(item)
        if isinstance(item_id := item.get("id"), str):
            is_reference = item["type"] == "item_reference"
            written["id"] = (live.record.wire_id if is_reference else short_id)(item_id)
        if isinstance(call_id := item.get("call_id"), str):
            is_given = call_id in called  # else it is a call that the conversation has
            written["call_id"] = (short_id if is_given else live.wire_call_id)(call_id)
        given.append(written)
    return {**config, "input": given}


def cancel_response(live: LiveSession, response: Response) -> Command[None]:
    """Stop a response: by its id where another one may be the conversation's."""
    is_other = response.is_out_of_band or live.is_doubtful(response.id)
    return Command(
        "response.cancel",
        {"response_id": response.id} if is_other else {},
        frozenset({"response.done"}),
        matches=lambda event: _response_id(event) == response.id,
    )


def _response_id(event: Event) -> str:
    """Return the id of the response that an event is about; empty if it does not tell."""
    response_id: str = (
        event.get("response_id") or (event.get("response") or {}).get("id") or ""
    )
    return response_id


def _is_same_item(sent: Mapping[str, Any], added: Mapping[str, Any]) -> bool:
    """Return whether an item that the service tells of may be the one that was sent."""
    return all(sent.get(key) == added.get(key) for key in _ITEM_KIND) and [
        part.get("type") for part in sent.get("content") or ()
    ] == [part.get("type") for part in added.get("content") or ()]
