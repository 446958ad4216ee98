"""Home Assistant's LLM API as the model's function tools."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
import re
from typing import Any, Final, Self, cast, override

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_dumps_sorted
from homeassistant.util.json import JsonObjectType, json_loads
from probatio import to_openapi
import voluptuous as vol

from ..const import LOGGER
from ..realtime import ToolCall, complete_schema
from .plain_json import as_json, as_text, is_json

MAX_NAME_LENGTH: Final = 64
_HASH_LENGTH: Final = 8
# What one turn may take of the house. Far more than a person's wish needs, and little enough
# that a model which is confused, or misled by something it read, does no harm.
MAX_TOOL_ROUNDS: Final = 10
MAX_TOOL_CALLS: Final = 32
MAX_IDENTICAL_CALLS: Final = 3
# More than what fits the context of a model, and less than what an event can hold.
MAX_OUTPUT_LENGTH: Final = 200_000
_REFUSED_CHARACTERS = re.compile(r"[^a-zA-Z0-9_-]")
# Keywords that the service refuses at the top of a function's parameters.
_ALTERNATIVES: Final = ("allOf", "anyOf", "oneOf")
_REFUSED_KEYWORDS = frozenset({*_ALTERNATIVES, "enum", "not"})


class InvalidToolCallError(HomeAssistantError):
    """The model called a function that is not there, or wrote arguments that cannot be read."""


class TooManyToolCallsError(HomeAssistantError):
    """The model called more in one turn than it may."""


class TooManyToolRoundsError(HomeAssistantError):
    """The model called tools in more responses in a row than it may."""

    def __init__(self) -> None:
        """There is nothing to add."""
        super().__init__(
            f"No more than {MAX_TOOL_ROUNDS} rounds of calls are possible in one turn"
        )


class ToolBudget:
    """What the model may still call in one turn."""

    def __init__(self) -> None:
        """Start with the whole budget."""
        self._calls: Counter[tuple[str, str]] = Counter()

    def spend(self, name: str, arguments: str) -> None:
        """Count a call that is about to be run. Raises TooManyToolCallsError.

        ``arguments`` is canonical JSON: the same for calls that mean the same.
        """
        if self._calls.total() == MAX_TOOL_CALLS:
            raise TooManyToolCallsError(
                f"No more than {MAX_TOOL_CALLS} calls are possible in one turn"
            )
        if self._calls[name, arguments] == MAX_IDENTICAL_CALLS:
            raise TooManyToolCallsError(
                f"The same call was made {MAX_IDENTICAL_CALLS} times in this turn"
            )
        self._calls[name, arguments] += 1

    @property
    def spent(self) -> str:
        """The tools that were called, with how often, for a person to read."""
        counts: Counter[str] = Counter()
        for (name, _), count in self._calls.items():
            counts[name] += count
        return ", ".join(f"{name} ({count})" for name, count in counts.items())


def function_names(
    tool_names: Iterable[str], known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return names that functions may have (64 characters at most), by those of the tools.

    No two tools share one. ``known`` are the names that other functions have, or the same. A
    hash tells apart what would be called the same, so that a name does not depend on the order.
    """
    names = dict(known or {})
    wanted = {name: _plain_name(name) for name in tool_names if name not in names}
    taken = set(names.values())
    counts = Counter(wanted.values())
    for wanting, name in wanted.items():
        is_free = name not in taken and (name == wanting or counts[name] == 1)
        names[wanting] = name if name and is_free else _hashed_name(wanting)
    return names


def offered_names(llm_api: llm.APIInstance | None) -> dict[str, str]:
    """Return what the functions of an LLM API are called, by the names of the tools."""
    return function_names(tool.name for tool in llm_api.tools) if llm_api else {}


def tool_name(llm_api: llm.APIInstance | None, function_name: str) -> str:
    """Return the name of a function's tool; that of the function if there is no such tool."""
    tool = _tools_by_function(llm_api).get(function_name) if llm_api else None
    return tool.name if tool else function_name


def _plain_name(name: str) -> str:
    return _REFUSED_CHARACTERS.sub("_", name)[:MAX_NAME_LENGTH]


def _hashed_name(name: str) -> str:
    digest = sha256(name.encode("utf-8", "backslashreplace")).hexdigest()
    suffix = f"_{digest[:_HASH_LENGTH]}"
    return _plain_name(name)[: MAX_NAME_LENGTH - len(suffix)] + suffix


def function_tools(llm_api: llm.APIInstance | None) -> list[dict[str, Any]]:
    """Return the tools of an LLM API as a session's ``tools``."""
    if llm_api is None:
        return []
    functions: list[dict[str, Any]] = []
    for name, tool in _tools_by_function(llm_api).items():
        try:
            parameters = _parameters(tool, llm_api)
        except Exception as err:  # noqa: BLE001  # one tool's bug must not cost the others
            LOGGER.warning(
                "The model cannot be offered the tool %s: %s", tool.name, err
            )
            continue
        functions.append(
            {
                "type": "function",
                "name": name,
                "description": as_text(tool.description or ""),
                "parameters": parameters,
            }
        )
    return functions


def tool_input(
    llm_api: llm.APIInstance | None, call: ToolCall, budget: ToolBudget
) -> llm.ToolInput:
    """Return the model's call as Home Assistant's, to be run, at the budget's expense.

    Raises InvalidToolCallError and TooManyToolCallsError.
    """
    tools = {} if llm_api is None else _tools_by_function(llm_api)
    if (tool := tools.get(call.name)) is None:
        raise InvalidToolCallError(f"There is no function {call.name}")
    try:
        arguments = json_loads(call.arguments or "{}")
        # What is too deep to be written again could not be kept in the history either.
        canonical = json_dumps_sorted(arguments)
    except (TypeError, ValueError) as err:
        raise InvalidToolCallError(f"The arguments are not JSON: {err}") from err
    if not isinstance(arguments, dict):
        raise InvalidToolCallError("The arguments are not a JSON object")
    budget.spend(tool.name, canonical)
    return llm.ToolInput(tool_name=tool.name, tool_args=arguments, id=call.call_id)


@dataclass
class TellableApi(llm.APIInstance):
    """An LLM API whose results are what JSON can carry.

    Core copies each result to those who watch the chat log, and fails at some of the others.
    """

    @classmethod
    def of(cls, llm_api: llm.APIInstance) -> Self:
        """Return the same LLM API, but for its results."""
        return cls(
            **{part.name: getattr(llm_api, part.name) for part in fields(llm_api)}
        )

    @override
    async def async_call_tool(self, tool_input: llm.ToolInput) -> llm.ToolResult:
        """Call a tool. Raises what the tool raises."""
        result = await super().async_call_tool(tool_input)
        if is_json(result.data):
            return result
        data = cast("JsonObjectType", json_loads(as_json(result.data)))
        return llm.ToolResult(data=data, error=result.error)


def error_result(err: Exception) -> llm.ToolResult:
    """Return a failure as the result of a tool, as a chat log does."""
    return llm.ToolResult(
        data={"error": type(err).__name__, "error_text": str(err)}, error=True
    )


def tool_output(result: llm.ToolResult) -> str:
    """Return the result of a tool as the JSON text that the model reads."""
    data: Any = result.data
    if result.error and not (isinstance(data, Mapping) and "error" in data):
        data = {"error": data}
    output = as_json(data)
    if len(output) > MAX_OUTPUT_LENGTH:
        return f"{output[:MAX_OUTPUT_LENGTH]}… (the rest is left out)"
    return output


async def async_run_tool_call(
    llm_api: llm.APIInstance | None, tool_call: ToolCall, budget: ToolBudget
) -> str:
    """Run a call outside a chat log; a failure is told to the model as the output."""
    try:
        # Without an API there is no function that could be found.
        called = tool_input(llm_api, tool_call, budget)
        result = await cast("llm.APIInstance", llm_api).async_call_tool(called)
    except (HomeAssistantError, vol.Invalid) as err:
        result = error_result(err)
    except Exception as err:  # noqa: BLE001  # a tool's bug must not cost the answer
        LOGGER.exception("The tool %s failed", tool_call.name)
        result = error_result(err)
    return tool_output(result)


def _tools_by_function(llm_api: llm.APIInstance) -> dict[str, llm.Tool]:
    """Return the tools by the names their functions have.

    They are sorted, because core has them as integrations came up, and the service reuses what
    it has read only as long as every byte is the same. Of two tools of one name core only ever
    calls the first.
    """
    names = offered_names(llm_api)
    tools: dict[str, llm.Tool] = {}
    for tool in sorted(llm_api.tools, key=lambda tool: tool.name):
        tools.setdefault(names[tool.name], tool)
    return tools


def _parameters(tool: llm.Tool, llm_api: llm.APIInstance) -> dict[str, Any]:
    schema = to_openapi(
        tool.parameters,
        custom_serializer=llm_api.custom_serializer,
        openapi_version="3.1.0",
    )
    properties: dict[str, Any] = {}
    for keyword in _ALTERNATIVES:
        for alternative in schema.get(keyword, ()):
            properties |= alternative.get("properties", {})
    properties |= schema.get("properties", {})
    parameters = {
        key: value for key, value in schema.items() if key not in _REFUSED_KEYWORDS
    }
    parameters |= {"type": "object", "properties": properties}
    return complete_schema(
        cast(
            "dict[str, Any]", json_loads(as_json(parameters))
        )  # with no words but JSON's
    )
