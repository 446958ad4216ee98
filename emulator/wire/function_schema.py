"""What the service takes as the parameters of a function, which JSON Schema alone would not ask for.

The refusals were reported of OpenAI's and Azure's REST APIs and of Realtime, 2024 to 2026.
"""

from collections.abc import Iterator
import logging
from typing import Any

from .errors import InvalidRequest

_LOGGER = logging.getLogger(__name__)

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_REFUSED_AT_TOP = ("oneOf", "anyOf", "allOf", "enum", "not")
_NEEDED = {"object": "properties", "array": "items"}

# The REST APIs refuse more; of Realtime nobody has told.
MAX_TOOLS = 128
MAX_DESCRIPTION = 1024  # characters


def check_parameters(name: str, schema: dict[str, Any], path: str) -> None:
    """Raise InvalidRequest if a function's parameters are not what the service takes."""

    def refuse(what: str) -> InvalidRequest:
        return InvalidRequest(
            f"Invalid schema for function '{name}': {what}",
            "invalid_function_parameters",
            path,
        )

    if schema.get("type") != "object":
        raise refuse(
            "schema must be a JSON Schema of 'type: \"object\"', "
            f"got 'type: \"{schema.get('type')}\"'."
        )
    if not set(_REFUSED_AT_TOP).isdisjoint(schema):
        refused = "/".join(f"'{key}'" for key in _REFUSED_AT_TOP)
        raise refuse(
            f"schema must have type 'object' and not have {refused} at the top level."
        )
    for context, part in _parts(schema, ()):
        kinds = part.get("type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            needed = _NEEDED.get(kind) if isinstance(kind, str) else None
            if needed is not None and needed not in part:
                raise refuse(f"In context={context}, {kind} schema missing {needed}.")


def _parts(
    schema: Any, context: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every schema in a schema, itself first, and where it is."""
    if not isinstance(schema, dict):
        return
    yield context, schema
    properties = schema.get("properties")
    for name, each in properties.items() if isinstance(properties, dict) else ():
        yield from _parts(each, (*context, "properties", name))
    for key in ("items", "additionalProperties"):
        yield from _parts(schema.get(key), (*context, key))
    for key in _ALTERNATIVES:
        alternatives = schema.get(key)
        if isinstance(alternatives, list):
            for index, each in enumerate(alternatives):
                yield from _parts(each, (*context, key, str(index)))


def warn_of_limits(tools: list[dict[str, Any]]) -> None:
    """Log what the REST APIs would refuse: whether Realtime does is not known."""
    if len(tools) > MAX_TOOLS:
        _LOGGER.warning(
            "%s tools: REST takes %s, of Realtime nothing is known",
            len(tools),
            MAX_TOOLS,
        )
    for tool in tools:
        length = len(tool.get("description") or "")
        if length > MAX_DESCRIPTION:
            _LOGGER.warning(
                "The description of the tool %s has %s characters: REST takes %s, "
                "of Realtime nothing is known",
                tool["name"],
                length,
                MAX_DESCRIPTION,
            )
