"""A chat log as the items of the service's conversation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from homeassistant.components.conversation import (
    AssistantContent,
    Content,
    SystemContent,
    ToolResultContent,
    UserContent,
)
from homeassistant.helpers.json import json_dumps

from .realtime import CommandError, RealtimeClient
from .tools import function_name, tool_output


@dataclass(slots=True)
class _Held:
    """What the service's conversation holds of one content: its items.

    Without a content the items stand for nothing in the chat log.
    """

    content: Content | None
    item_ids: list[str] = field(default_factory=list)


class History:
    """Keeps the service's conversation equal to a chat log, which is the truth.

    Turns that others answered are sent late; what a turn that was given up left behind,
    and what was changed in the log, is deleted.
    """

    def __init__(self) -> None:
        """Begin with an empty conversation."""
        self._held: list[_Held] = []

    def clear(self) -> None:
        """Forget everything: the conversation has ended."""
        self._held.clear()

    def hold(self, content: Content, item_ids: Iterable[str]) -> None:
        """Note that the service has this content already, as these items."""
        self._held.append(_Held(content, list(item_ids)))

    def holds(self, contents: Iterable[Content]) -> bool:
        """Whether the service's conversation is equal to this much of a chat log."""
        return [held.content for held in self._held] == _without_system(contents)

    def replace(self, content: Content, by: Content) -> None:
        """Note that the chat log says the same in other words now."""
        for held in self._held:
            if held.content is content:
                held.content = by

    def reclaim(self, item_ids: Iterable[str]) -> None:
        """Note that items which were left behind stand for something after all."""
        claimed = set(item_ids)
        for held in self._held:
            if held.content is None:
                held.item_ids = [id_ for id_ in held.item_ids if id_ not in claimed]
        self._held = [held for held in self._held if held.content or held.item_ids]

    def leave(self, item_ids: Iterable[str]) -> None:
        """Note items of which the chat log knows nothing, unless it turned out to."""
        known = {item_id for held in self._held for item_id in held.item_ids}
        if left := [item_id for item_id in item_ids if item_id not in known]:
            self._held.append(_Held(None, left))

    async def async_sync(
        self,
        client: RealtimeClient,
        contents: Sequence[Content],
        *,
        is_before: bool = False,
    ) -> None:
        """Make the service's conversation equal to the chat log. Raises RealtimeError.

        ``is_before`` puts what is missing before what the log does not have yet.
        """
        log = _without_system(contents)
        same = 0
        for held, content in zip(self._held, log, strict=False):
            if held.content != content:
                break
            same += 1
        while len(self._held) > same:
            for item_id in self._held[-1].item_ids:
                # It may never have arrived.
                with suppress(CommandError):
                    await client.delete_item(item_id)
            self._held.pop()
        previous_id = self._last_item_id if is_before else None
        pairs = _ToolPairs(log)
        for content in log[same:]:
            held = _Held(None)
            self._held.append(held)
            for item in _items(content, pairs):
                item_id = f"item_{uuid4().hex[:24]}"
                held.item_ids.append(item_id)
                await client.create_conversation_item(
                    {"id": item_id, **item}, previous_id
                )
                previous_id = item_id if is_before else None
            held.content = content

    @property
    def _last_item_id(self) -> str:
        ids = [item_id for held in self._held for item_id in held.item_ids]
        return ids[-1] if ids else "root"


def _without_system(contents: Iterable[Content]) -> list[Content]:
    return [content for content in contents if not isinstance(content, SystemContent)]


class _ToolPairs:
    """The tool calls of a chat log that have a result, and the results that have a call.

    The service refuses an output without its call, and a call without its output would
    wait for it for ever.
    """

    def __init__(self, log: Sequence[Content]) -> None:
        called = {
            call.id
            for content in log
            if isinstance(content, AssistantContent)
            for call in content.tool_calls or ()
        }
        answered = {
            content.tool_call_id
            for content in log
            if isinstance(content, ToolResultContent)
        }
        self.ids = called & answered


def _items(content: Content, pairs: _ToolPairs) -> Iterator[dict[str, Any]]:
    """Yield the conversation items of one content of a chat log."""
    match content:
        case UserContent(content=text) if text:
            yield _message("user", "input_text", text)
        case AssistantContent(content=text, tool_calls=tool_calls):
            if text:
                yield _message("assistant", "output_text", text)
            for call in tool_calls or ():
                if call.id in pairs.ids:
                    yield {
                        "type": "function_call",
                        "call_id": call.id,
                        "name": function_name(call.tool_name),
                        "arguments": json_dumps(call.tool_args),
                    }
        case ToolResultContent(tool_call_id=call_id) if call_id in pairs.ids:
            yield {
                "type": "function_call_output",
                "call_id": call_id,
                "output": tool_output(content.result),
            }


def _message(role: str, part_type: str, text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": role,
        "content": [{"type": part_type, "text": text}],
    }
