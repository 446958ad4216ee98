"""The shape of the tools that a session or a response may have."""

from collections.abc import Mapping
import re
from typing import Any

from ..errors import InvalidConfigError
from .checks import (
    anything,
    by_tag,
    closed_object,
    flag,
    headers,
    list_of,
    object_value,
    string,
    text,
    text_or,
)

MAX_TOOL_NAME_LENGTH = 64

_TOOL_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_TOOL_NAME_LENGTH}}}")

# Under which keywords of JSON Schema there are other schemas: one or several, and by name.
_SCHEMAS = (
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
)
_NAMED_SCHEMAS = ("$defs", "definitions", "patternProperties", "properties")


def check_tool_name(value: Any, key: str) -> str:
    """Expect a name that a tool may have."""
    if not isinstance(value, str) or not _TOOL_NAME.fullmatch(value):
        raise InvalidConfigError(
            key,
            f"must be 1 to {MAX_TOOL_NAME_LENGTH} letters, digits, underscores or hyphens",
        )
    return value


def complete_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a function's parameters, changed to what the service takes.

    The service refuses a schema in which an object has no properties, or a list no items.
    """
    schema.setdefault("type", "object")
    parts: list[Any] = [schema]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        for of_kind, keyword in (("object", "properties"), ("array", "items")):
            if of_kind in kinds and part.get(keyword) is None:
                part[keyword] = {}
        parts += (part[key] for key in _SCHEMAS if key in part)
        for key in _NAMED_SCHEMAS:
            if isinstance(named := part.get(key), dict):
                parts += named.values()
    return schema


def _parameters(value: Any, key: str) -> dict[str, Any]:
    """Expect the schema of a function's parameters."""
    return complete_schema(object_value(value, key))


def _mcp_tool(value: Any, key: str) -> dict[str, Any]:
    tool: dict[str, Any] = _MCP_TOOL(value, key)
    if not tool.keys() & {"server_url", "connector_id", "tunnel_id"}:
        raise InvalidConfigError(
            f"{key}.server_url", "or connector_id or tunnel_id must be given"
        )
    return tool


def check_tools(value: Any, key: str) -> list[dict[str, Any]]:
    """Expect a list of tools with different names."""
    tools: list[dict[str, Any]] = list_of(_TOOL)(value, key)
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if (name := tool.get("name")) in names:
            raise InvalidConfigError(
                f"{key}[{index}].name", "is the name of another tool as well"
            )
        if name is not None:
            names.add(name)
    return tools


def check_tool_choice(value: Any, key: str) -> str | dict[str, Any]:
    """Accept the form of chat completions as well: Azure's preview documentation has it."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        checked = closed_object(
            {"type": anything, "function": closed_object({"name": check_tool_name})}
        )(value, key)
        value = {"type": checked["type"], **checked["function"]}
    choice: str | dict[str, Any] = _TOOL_CHOICE(value, key)
    return choice


_TOOL_FILTER = closed_object({}, {"read_only": flag, "tool_names": list_of(text)})
_MCP_TOOL = closed_object(
    {"type": anything, "server_label": text},
    {
        "server_url": text,
        "connector_id": text,
        "tunnel_id": text,
        "authorization": text,
        "headers": headers,
        "allowed_tools": lambda value, key: (
            _TOOL_FILTER if isinstance(value, Mapping) else list_of(text)
        )(value, key),
        "require_approval": text_or(
            ("always", "never"),
            closed_object({}, {"always": _TOOL_FILTER, "never": _TOOL_FILTER}),
        ),
        "server_description": string,
        "defer_loading": flag,
        "allowed_callers": list_of(text),
    },
)
_TOOL = by_tag(
    "type",
    {
        "function": closed_object(
            {"type": anything, "name": check_tool_name},
            {"description": string, "parameters": _parameters},
        ),
        "mcp": _mcp_tool,
    },
)
_TOOL_CHOICE = text_or(
    ("auto", "none", "required"),
    by_tag(
        "type",
        {
            "function": closed_object({"type": anything, "name": check_tool_name}),
            "mcp": closed_object(
                {"type": anything, "server_label": text}, {"name": text}
            ),
        },
    ),
)
