"""The instructions, tools and words that a session is told before the model answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from homeassistant.components.conversation import ChatLog, Content
from homeassistant.helpers import llm

from ..chat.history import system_prompt
from ..chat.tools import function_tools, offered_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """Instructions, function tools and what was said.

    ``contents`` are those of a chat log; without any, the conversation stays as it is.
    ``is_before`` puts what is missing of them before what the person has just said.
    ``function_names`` are what the tools are called, by the names that a chat log has for them.
    """

    instructions: str
    tools: Sequence[Mapping[str, Any]]
    contents: Sequence[Content] | None = None
    is_before: bool = False
    function_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_chat_log(cls, chat_log: ChatLog) -> Self:
        """Return all that a chat log says."""
        return cls(
            instructions=system_prompt(chat_log),
            tools=function_tools(chat_log.llm_api),
            contents=chat_log.content,
            function_names=offered_names(chat_log.llm_api),
        )


@dataclass(frozen=True, slots=True)
class PromptContext:
    """What the instructions and tools of a turn depend on, besides settings and the time."""

    llm_context: llm.LLMContext
    extra_system_prompt: str | None
