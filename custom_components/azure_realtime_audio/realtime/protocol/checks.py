"""Checks of settings by their shape: each takes a value and the key it was found under."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from ..errors import InvalidConfigError

# Takes a value and the dotted key it was found under; returns the canonical value.
type Check = Callable[[Any, str], Any]


def mapping(value: Any, key: str) -> Mapping[str, Any]:
    """Expect an object."""
    if not isinstance(value, Mapping):
        raise InvalidConfigError(key, "must be an object")
    return value


def anything(value: Any, key: str) -> Any:
    """Copy a value that only the service can judge, if JSON can carry it."""
    try:
        return orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError as err:
        raise InvalidConfigError(key, f"cannot be sent as JSON ({err})") from err


def string(value: Any, key: str) -> str:
    """Expect text."""
    if not isinstance(value, str):
        raise InvalidConfigError(key, "must be text")
    return value


def text(value: Any, key: str) -> str:
    """Expect text that is not blank."""
    if not string(value, key).strip():
        raise InvalidConfigError(key, "must not be empty")
    return str(value)


def flag(value: Any, key: str) -> bool:
    """Expect true or false."""
    if not isinstance(value, bool):
        raise InvalidConfigError(key, "must be true or false")
    return value


def choice(*choices: str) -> Check:
    """Expect one of these words."""

    def check(value: Any, key: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise InvalidConfigError(key, f"must be {either(choices)}")
        return value

    return check


def either(choices: tuple[str, ...]) -> str:
    """Return the words as a sentence lists them: "a, b or c"."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def number(low: float, high: float) -> Check:
    """Expect a number from ``low`` to ``high``."""

    def check(value: Any, key: str) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise InvalidConfigError(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    return check


def integer(low: int, high: int | None = None) -> Check:
    """Expect a whole number, which may be a float: forms make one of every number."""
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"

    def check(value: Any, key: str) -> int:
        is_whole = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and value % 1 == 0
        )
        if not is_whole or value < low or (high is not None and value > high):
            raise InvalidConfigError(key, f"must be a whole number {limits}")
        return int(value)

    return check


def nullable(check: Check) -> Check:
    """Expect null, or what ``check`` expects."""
    return lambda value, key: None if value is None else check(value, key)


def list_of(check: Check) -> Check:
    """Expect a list whose entries pass ``check``."""

    def check_list(value: Any, key: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise InvalidConfigError(key, "must be a list")
        return [check(entry, f"{key}[{index}]") for index, entry in enumerate(value)]

    return check_list


def closed_object(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None
) -> Check:
    """Expect these keys and no others; an optional one that is null counts as absent."""
    checks = {**required, **(optional or {})}

    def check(value: Any, key: str) -> dict[str, Any]:
        checked: dict[str, Any] = {}
        for name, entry in _with_keys(required, value, key).items():
            if name not in checks:
                raise InvalidConfigError(f"{key}.{name}", "is not a known setting")
            if entry is not None or name in required:
                checked[name] = checks[name](entry, f"{key}.{name}")
        return checked

    return check


def open_object(required: Mapping[str, Check]) -> Check:
    """Expect these keys, and let any others pass."""

    def check(value: Any, key: str) -> dict[str, Any]:
        return {
            name: required.get(name, anything)(entry, f"{key}.{name}")
            for name, entry in _with_keys(required, value, key).items()
        }

    return check


def _with_keys(names: Iterable[str], value: Any, key: str) -> Mapping[str, Any]:
    for name in names:
        if name not in mapping(value, key):
            raise InvalidConfigError(f"{key}.{name}", "is missing")
    return mapping(value, key)


def by_tag(tag: str, shapes: Mapping[str, Check]) -> Check:
    """Expect one of several objects, told apart by the value of one key."""
    tags = choice(*shapes)

    def check(value: Any, key: str) -> Any:
        kind = tags(mapping(value, key).get(tag), f"{key}.{tag}")
        return shapes[kind](value, key)

    return check


def text_or(choices: tuple[str, ...], check_object: Check) -> Check:
    """Expect one of some words, or an object."""
    word = choice(*choices)
    return lambda value, key: (
        check_object(value, key) if isinstance(value, Mapping) else word(value, key)
    )


def headers(value: Any, key: str) -> dict[str, str]:
    """Expect an object whose values are text."""
    return {
        name: string(text, f"{key}.{name}")
        for name, text in mapping(value, key).items()
    }


def object_value(value: Any, key: str) -> dict[str, Any]:
    """Expect an object, and copy it."""
    copied: dict[str, Any] = anything(dict(mapping(value, key)), key)
    return copied
