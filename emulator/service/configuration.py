"""How an update changes a configuration, and which changes the session refuses."""

from typing import Any

from ..settings import Settings
from ..wire.errors import InvalidRequest
from .session_port import SessionPort

# Below these keys an update replaces single fields; it replaces every other value whole.
_NESTED = ("audio", "input", "output")


def merged(config: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with the changes of an update."""
    result = dict(config)
    for key, value in patch.items():
        result[key] = merged(config[key], value) if key in _NESTED else value
    return result


def check_model(settings: Settings, patch: dict[str, Any], where: str) -> None:
    """Raise InvalidRequest if a `session` or `response` asks too much of the model."""
    if patch.get("reasoning") and not settings.reasons:
        raise InvalidRequest(
            f"Unsupported option for this model: '{where}.reasoning'.",
            "invalid_parameter",
            f"{where}.reasoning",
        )


def check_voice(session: SessionPort, config: dict[str, Any]) -> None:
    """Raise InvalidRequest if a configuration changes a voice that the user has heard."""
    voice = session.config["audio"]["output"]["voice"]
    changes = config["audio"]["output"]["voice"] != voice
    if changes and session.conversation.has_model_audio:
        raise InvalidRequest(
            "Cannot update a conversation's voice if assistant audio is present.",
            "cannot_update_voice",
        )
