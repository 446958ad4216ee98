"""A chat log as the items of the service's conversation."""

from collections.abc import (
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set as AbstractSet,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from homeassistant.components.conversation import (
    AssistantContent,
    ChatLog,
    Content,
    SystemContent,
    ToolResultContent,
    UserContent,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..core_internals import is_core_text
from ..realtime import Changes, Response, new_item_id
from .plain_json import as_json, as_text
from .tools import function_names, tool_output

# The service refuses longer ids from clients.
_MAX_ID_LENGTH: Final = 32

# What the model is told of a call that was given up while it was under way.
_ABORTED = llm.ToolResult(
    {"error": "The turn was stopped. Whether the call took effect is not known."},
    error=True,
)


_DATA_PLACEHOLDERS: HassKey[set[str]] = HassKey(f"{DOMAIN}_placeholders")


def placeholders(hass: HomeAssistant) -> set[str]:
    """Return what has stood in a chat log for spoken words that were not known."""
    return hass.data.setdefault(_DATA_PLACEHOLDERS, set())


def system_prompt(chat_log: ChatLog) -> str:
    """Return the instructions in a chat log."""
    system = chat_log.content[0]
    assert isinstance(system, SystemContent)
    return as_text(system.content)


def spoken_history(chat_log: ChatLog) -> list[dict[str, str]]:
    """Return what was said in a chat: each time who, ``role``, and the ``text``."""
    return [
        {"role": content.role, "text": content.content}
        for content in chat_log.content
        if isinstance(content, UserContent | AssistantContent) and content.content
    ]


def has_answered(chat_log: ChatLog) -> bool:
    """Return whether an assistant has said anything since the person last did."""
    return any(
        isinstance(content, AssistantContent) and content.content
        for content in _current_turn(chat_log)
    )


def complete_aborted_turn(
    chat_log: ChatLog, agent_id: str, response: Response
) -> AssistantContent | None:
    """Put what an aborted turn leaves open into the chat log.

    Calls that are under way get a result, for the model would wait for it. Returns what
    the response has said, unless it is in the log or is nothing.
    """
    answered: set[str] = set()
    called: list[llm.ToolInput] = []
    for content in _current_turn(chat_log):
        if isinstance(content, ToolResultContent):
            answered.add(content.tool_call_id)
        elif isinstance(content, AssistantContent):
            called += content.tool_calls or ()
    for call in called:
        if call.id not in answered:
            chat_log.async_add_assistant_content_without_tools(
                ToolResultContent(agent_id, call.id, call.tool_name, _ABORTED)
            )
    words = response.transcript or response.text
    if response.status == "completed" or not words:
        return None
    said = AssistantContent(agent_id, words)
    chat_log.async_add_assistant_content_without_tools(said)
    return said


def _current_turn(chat_log: ChatLog) -> Iterator[Content]:
    """Yield what followed the person's last words, the latest first."""
    for content in reversed(chat_log.content):
        if isinstance(content, UserContent):
            return
        yield content


@dataclass(slots=True)
class SyncedContent:
    """What the service's conversation holds of one content: its items.

    Without a content the items stand for nothing in the chat log. ``is_copy`` says whether
    the items were made of the content, not the content of the items.
    """

    content: Content | None
    item_ids: list[str] = field(default_factory=list)
    is_copy: bool = False


class History:
    """Keeps the service's conversation equal to a chat log, which is the truth.

    Turns that others answered are sent late; what a turn that was given up left behind,
    and what was changed in the log, is deleted.
    """

    def __init__(self, placeholders: AbstractSet[str] = frozenset()) -> None:
        """Begin with an empty conversation.

        ``placeholders`` are texts that stand for unknown words: no item is made of them.
        """
        self._placeholders = placeholders
        self._synced: list[SyncedContent] = []
        # The log as it was when its last turn was aborted, that turn included.
        self._aborted: list[Content] = []

    def clear(self) -> None:
        """Forget everything: the conversation has ended."""
        self._synced.clear()
        self._aborted.clear()

    def remember_aborted(self, contents: Iterable[Content]) -> None:
        """Keep a turn that was aborted: core 2026.10 drops it from the chat log."""
        self._aborted = self._told(contents)

    def record(self, content: Content, item_ids: Iterable[str]) -> None:
        """Note that the service has this content already, as these items."""
        self._synced.append(SyncedContent(content, list(item_ids)))

    def matches(self, contents: Iterable[Content]) -> bool:
        """Whether the service's conversation is equal to this much of a chat log."""
        return [held.content for held in self._synced] == self._told(contents)

    def replace(self, content: Content, by: Content) -> None:
        """Note that the chat log says the same in other words now."""
        for held in self._synced:
            if held.content is content:
                held.content = by
        self._aborted = [by if kept is content else kept for kept in self._aborted]

    def content_of(self, item_id: str) -> Content | None:
        """Return what an item stands for in the chat log."""
        for held in self._synced:
            if item_id in held.item_ids:
                return held.content
        return None

    def unmark_orphaned(self, item_ids: Iterable[str]) -> None:
        """Note that orphaned items stand for something in the chat log after all."""
        claimed = set(item_ids)
        for held in self._synced:
            if held.content is None:
                held.item_ids = [id_ for id_ in held.item_ids if id_ not in claimed]
        self._synced = [held for held in self._synced if held.content or held.item_ids]

    def mark_orphaned(self, item_ids: Iterable[str]) -> None:
        """Note items that stand for nothing in the chat log, unless they are known to."""
        known = set(_item_ids(self._synced))
        if left := [item_id for item_id in item_ids if item_id not in known]:
            self._synced.append(SyncedContent(None, left))

    @contextmanager
    def telling(
        self,
        contents: Sequence[Content],
        existing_ids: Container[str],
        *,
        is_before: bool = False,
        function_names: Mapping[str, str] | None = None,
    ) -> Iterator[Changes]:
        """Yield the changes that make the service's conversation equal to the chat log.

        They count as made when the context is left without an error. Otherwise what the
        service has of them stands for nothing in the log, and is deleted the next time.
        ``existing_ids`` are the ids of the items that the conversation has. ``is_before``
        puts what is missing before what the log does not have yet. ``function_names`` are
        what the model's functions are called, by the names of the tools.
        """
        log = self._told(contents)
        same = _common_length([held.content for held in self._synced], log)
        kept, outdated = self._synced[:same], self._synced[same:]
        pairs = _ToolPairs(log, kept, function_names)
        added = [SyncedContent(content, is_copy=True) for content in log[same:]]
        items: list[dict[str, Any]] = []
        for content, held in zip(log[same:], added, strict=True):
            for item in self._items(content, pairs):
                held.item_ids.append(item_id := new_item_id())
                items.append({"id": item_id, **item})
        in_question = SyncedContent(None, _item_ids([*outdated, *added]))
        previous_id = (_item_ids(kept) or ["root"])[-1] if is_before else None
        self._synced = [*kept, in_question]
        yield Changes(
            deleted=[id_ for id_ in _item_ids(outdated) if id_ in existing_ids],
            items=items,
            previous_item_id=previous_id,
        )
        self._synced = [
            each
            for held in self._synced
            for each in (added if held is in_question else (held,))
        ]

    def _items(self, content: Content, pairs: _ToolPairs) -> Iterator[dict[str, Any]]:
        """Yield the items of a content; none of words that were never known."""
        if isinstance(content, UserContent) and content.content in self._placeholders:
            return
        yield from _items(content, pairs)

    def _told(self, contents: Iterable[Content]) -> list[Content]:
        """Return what the model is told of a chat log, turns that core dropped included."""
        held = {id(held.content) for held in self._synced}
        log = [
            content
            for content in contents
            if not isinstance(content, SystemContent)
            and (id(content) in held or not is_core_text(content))
        ]
        return [*self._aborted, *log[_common_length(self._aborted, log) :]]


def _item_ids(synced: Iterable[SyncedContent]) -> list[str]:
    return [item_id for held in synced for item_id in held.item_ids]


def _common_length(one: Sequence[Content | None], other: Sequence[Content]) -> int:
    """Return how many contents two logs have in common before they differ."""
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same


class _ToolPairs:
    """The tool calls of a chat log that have a result, and the results that have a call.

    The service refuses an output without its call, and a call without its output would
    wait for it for ever.
    """

    def __init__(
        self,
        log: Sequence[Content],
        synced: Iterable[SyncedContent],
        names: Mapping[str, str] | None,
    ) -> None:
        """Compare calls and results; ``synced`` tells which calls the model has made itself.

        ``names`` are what the model's functions are called, by the names of the tools.
        """
        calls = [call for content in log for call in _calls(content)]
        called = {call.id for call in calls}
        self.names = function_names((call.tool_name for call in calls), names)
        self._made_by_model = {
            call.id
            for held in synced
            if not held.is_copy
            for call in _calls(held.content)
        }
        answered = {
            content.tool_call_id
            for content in log
            if isinstance(content, ToolResultContent)
        }
        self.ids = called & answered

    def service_id(self, call_id: str) -> str:
        """Return the id of a call in the service's conversation.

        Other agents' ids may be longer than the service takes from a client (32 characters),
        or empty.
        """
        if call_id in self._made_by_model or 0 < len(call_id) <= _MAX_ID_LENGTH:
            return call_id
        return f"call_{sha256(call_id.encode()).hexdigest()[: _MAX_ID_LENGTH - 5]}"


def _calls(content: Content | None) -> Sequence[llm.ToolInput]:
    calls = content.tool_calls if isinstance(content, AssistantContent) else None
    return calls or ()


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
                        "call_id": pairs.service_id(call.id),
                        "name": pairs.names[call.tool_name],
                        "arguments": as_json(call.tool_args),
                    }
        case ToolResultContent(tool_call_id=call_id) if call_id in pairs.ids:
            yield {
                "type": "function_call_output",
                "call_id": pairs.service_id(call_id),
                "output": tool_output(content.result),
            }


def _message(role: str, part_type: str, text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": role,
        "content": [{"type": part_type, "text": as_text(text)}],
    }
