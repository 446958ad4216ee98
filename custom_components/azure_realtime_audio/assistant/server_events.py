"""Server events on the event bus, for automations."""

from collections.abc import Mapping
from typing import Any


def _without_audio(value: Any) -> Any:
    """Copy an event, less the base64 of its audio (a config under that key stays)."""
    if isinstance(value, Mapping):
        return {
            key: _without_audio(item)
            for key, item in value.items()
            if not (key == "audio" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_without_audio(item) for item in value]
    return value
