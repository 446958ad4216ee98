"""How long an assistant waits for more words: presets of what turn detection is set to."""

from collections.abc import Mapping
from typing import Any, Final

from ..const import (
    CONF_EAGERNESS,
    CONF_SILENCE_DURATION_MS,
    CONF_TURN_DETECTION_TYPE,
    TURN_DETECTION_SEMANTIC_VAD,
)

CONF_PATIENCE: Final = "patience"  # in the form only: its figures are what is stored
CUSTOM: Final = "custom"

# The figures that count as a preset, by the setting; a preset that is chosen sets the first.
# The service takes the eagerness "auto" for "medium".
_PRESETS: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "quick": {CONF_SILENCE_DURATION_MS: (300,), CONF_EAGERNESS: ("high",)},
    "balanced": {CONF_SILENCE_DURATION_MS: (500,), CONF_EAGERNESS: ("auto", "medium")},
    "patient": {CONF_SILENCE_DURATION_MS: (1000,), CONF_EAGERNESS: ("low",)},
}
CHOICES: Final = [*_PRESETS, CUSTOM]


def patience(assistant: Mapping[str, Any]) -> str:
    """Return the preset that an assistant's figures are, or "custom"."""
    key = _deciding_key(assistant)
    for preset, figures in _PRESETS.items():
        if assistant[key] in figures[key]:
            return preset
    return CUSTOM


def with_patience(
    chosen: str, assistant: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of an assistant whose form was sent with this choice.

    ``before`` is what the form showed. A figure that was changed while the choice was not is
    the person's own, and stays.
    """
    key = _deciding_key(assistant)
    is_own = chosen == patience(before) and assistant[key] != before[key]
    if chosen == CUSTOM or is_own or assistant[key] in _PRESETS[chosen][key]:
        return dict(assistant)
    return {**assistant, key: _PRESETS[chosen][key][0]}


def _deciding_key(assistant: Mapping[str, Any]) -> str:
    """Return the setting that says how long a pause may be; with no turn detection, none does."""
    if assistant[CONF_TURN_DETECTION_TYPE] == TURN_DETECTION_SEMANTIC_VAD:
        return CONF_EAGERNESS
    return CONF_SILENCE_DURATION_MS
