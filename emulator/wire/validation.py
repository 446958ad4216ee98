"""Checks of the values that a client sends, with the refusals of the service.

A check takes a value and its path (`session.audio.output.voice`) and returns the value, with
defaults filled in, or raises InvalidRequest.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
import re
from typing import Any

from .errors import InvalidRequest

type Check = Callable[[Any, str], Any]

_MAX_AUDIO_CHARACTERS = 15 * 1024 * 1024


def anything(value: Any, path: str) -> Any:
    """Accept every value."""
    return value


def boolean(value: Any, path: str) -> bool:
    """Accept true and false."""
    if isinstance(value, bool):
        return value
    raise _wrong_type(value, path, "a boolean")


def text(value: Any, path: str) -> str:
    """Accept a string."""
    if isinstance(value, str):
        return value
    raise _wrong_type(value, path, "a string")


def mapping(value: Any, path: str) -> dict[str, Any]:
    """Accept an object with any keys."""
    if isinstance(value, dict):
        return value
    raise _wrong_type(value, path, "an object")


def audio(value: Any, path: str) -> bytes:
    """Accept base64, at most 15 MiB of it; return the decoded bytes."""
    if len(text(value, path)) > _MAX_AUDIO_CHARACTERS:
        raise InvalidRequest(
            f"Invalid '{path}': string too long.", "string_above_max_length", path
        )
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as err:
        raise InvalidRequest(
            f"Invalid '{path}'. Expected base64-encoded audio bytes but got an invalid value.",
            "invalid_value",
            path,
        ) from err


def matching(pattern: str) -> Check:
    """Accept a string that matches a pattern."""

    def check(value: Any, path: str) -> str:
        if re.fullmatch(pattern, text(value, path)):
            return str(value)
        raise InvalidRequest(
            f"Invalid '{path}': string does not match pattern. "
            f"Expected a string that matches the pattern '^{pattern}$'.",
            "invalid_value",
            path,
        )

    return check


def one_of(*values: str) -> Check:
    """Accept one of some strings."""

    def check(value: Any, path: str) -> str:
        if isinstance(value, str) and value in values:
            return value
        raise invalid_value(value, path, _supported(values))

    return check


def number(low: float, high: float) -> Check:
    """Accept a number in a range, both ends included."""

    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(value, path, "a decimal")
        if low <= value <= high:
            return value
        raise invalid_value(value, path, f"Expected a value between {low} and {high}.")

    return check


def integer(low: int, high: int | None = None) -> Check:
    """Accept an integer in a range, both ends included."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(value, path, "an integer")
        if value >= low and (high is None or value <= high):
            return value
        limits = f">= {low}" if high is None else f"between {low} and {high}"
        raise invalid_value(value, path, f"Expected a value {limits}.")

    return check


def nullable(check: Check) -> Check:
    """Accept null and every value that `check` accepts."""
    return lambda value, path: None if value is None else check(value, path)


def string_or(strings: Check, others: Check) -> Check:
    """Check strings one way and everything else another way."""
    return lambda value, path: (strings if isinstance(value, str) else others)(
        value, path
    )


def list_of(check: Check) -> Check:
    """Accept a list whose every element passes."""

    def check_list(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong_type(value, path, "an array")
        return [
            check(element, f"{path}[{index}]") for index, element in enumerate(value)
        ]

    return check_list


def record(
    fields: Mapping[str, Check],
    *,
    required: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
) -> Check:
    """Accept an object with no other keys than `fields`; fill in `defaults`."""

    def check(value: Any, path: str) -> dict[str, Any]:
        below = f"{path}." if path else ""
        for key in mapping(value, path):
            if key not in fields:
                raise unknown_parameter(f"{below}{key}")
        for key in required:
            if key not in value:
                raise missing_parameter(f"{below}{key}")
        checked = {
            key: fields[key](element, f"{below}{key}") for key, element in value.items()
        }
        return {**(defaults or {}), **checked}

    return check


def by_key(key: str, variants: Mapping[str, Check]) -> Check:
    """Let one key of an object, usually `type`, say which check applies."""

    def check(value: Any, path: str) -> Any:
        below = f"{path}.{key}" if path else key
        if key not in mapping(value, path):
            raise missing_parameter(below)
        variant = one_of(*variants)(value[key], below)
        return variants[variant](value, path)

    return check


def invalid_value(value: Any, path: str, hint: str) -> InvalidRequest:
    """Return the refusal of a value outside of the allowed range."""
    shown = f"'{value}'" if isinstance(value, str) else value
    return InvalidRequest(f"Invalid value: {shown}. {hint}", "invalid_value", path)


def unknown_parameter(path: str) -> InvalidRequest:
    """Return the refusal of a key the service does not know."""
    return InvalidRequest(f"Unknown parameter: '{path}'.", "unknown_parameter", path)


def missing_parameter(path: str) -> InvalidRequest:
    """Return the refusal of an object that lacks a key."""
    return InvalidRequest(
        f"Missing required parameter: '{path}'.", "missing_required_parameter", path
    )


def _supported(values: tuple[str, ...]) -> str:
    quoted = [f"'{value}'" for value in values]
    if len(quoted) == 1:
        return f"Value must be {quoted[0]}."
    return f"Supported values are: {', '.join(quoted[:-1])} and {quoted[-1]}."


_JSON_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _wrong_type(value: Any, path: str, expected: str) -> InvalidRequest:
    got = _JSON_NAMES[type(value)]
    return InvalidRequest(
        f"Invalid type for '{path}': expected {expected}, but got {got} instead.",
        "invalid_type",
        path,
    )
