"""What an action may set in a session, and what of that is in force."""

from collections.abc import Callable, Mapping
from typing import Any

from ..realtime import InvalidConfigError, SessionConfig

_TREE = frozenset({"audio", "audio.input", "audio.output"})


def leaves(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings in GA's nested form by their dotted keys."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if key in _TREE and isinstance(value, Mapping):
            found |= leaves(value, f"{key}.")
        else:
            found[key] = value
    return found


def nested(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted keys in GA's nested form."""
    settings: dict[str, Any] = {}
    for key, value in found.items():
        *path, name = key.split(".")
        part = settings
        for step in path:
            part = part.setdefault(step, {})
        part[name] = value
    return settings


def settable(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a session could be set to what it is, by dotted keys.

    The service describes more: its own id, and nulls where nothing is set.
    """
    found: dict[str, Any] = {}
    for key, value in leaves(session).items():
        try:
            config = SessionConfig(nested({key: _without_nulls(value)}))
        except InvalidConfigError:
            continue
        found |= leaves(config.as_dict())
    return found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_nulls(part) for key, part in value.items() if part is not None
        }
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value


def with_secrets(
    tools: list[Any], known: list[Any], shown: Callable[[Any], Any]
) -> list[Any]:
    """Return tools with the secrets of known ones that are else the same.

    ``shown`` returns a copy without secrets, as a tool was shown.
    """
    return [
        next((tool for tool in known if shown(tool) == shown(given)), given)
        if shown(given) == given
        else given
        for given in tools
    ]
