"""The settings of a session, a response and an item, checked before they are sent.

Settings are accepted in GA's nested form, in the reference client's flat form, or mixed. Inside
they are kept by their path in GA's form. Limits are those of the official SDK (openai-python
3.54) and of Azure's documentation (2026-03-19).
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from ..audio import SAMPLE_RATE, AudioFormat
from ..errors import InvalidConfigError
from .checks import (
    Check,
    anything,
    by_tag,
    choice,
    closed_object,
    either,
    flag,
    integer,
    list_of,
    mapping,
    nullable,
    number,
    object_value,
    string,
    text,
    text_or,
)
from .dialect import FLAT_FORMATS, FLAT_PATHS, PREVIEW_VOICES, nest
from .items import check_input_item
from .tool_schemas import check_tool_choice, check_tools

# The best first: OpenAI recommends those two.
VOICES = ("marin", "cedar", *PREVIEW_VOICES)
# The first API version that had a Realtime API had only these.
_VOICES_OF_VERSION = {"2024-10-01-preview": ("alloy", "echo", "shimmer")}
_SPEECH_ONLY_VOICES = {"fable", "onyx", "nova"}

THRESHOLD_RANGE = (0.0, 1.0)
IDLE_TIMEOUT_MS_RANGE = (5_000, 30_000)
SPEED_RANGE = (0.25, 1.5)
TEMPERATURE_RANGE = (0.6, 1.2)
MAX_OUTPUT_TOKENS_RANGE = (1, 4096)
MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY_LENGTH = 64
MAX_METADATA_VALUE_LENGTH = 512


class SessionConfig:
    """The settings of a session: checked, immutable, in one canonical form.

    Only the settings that were given are kept: a null setting differs from an absent one.
    `temperature` exists in preview alone; it is kept here and not sent to a GA service.
    """

    __slots__ = ("_settings",)

    def __init__(self, data: Mapping[str, Any] | SessionConfig | None = None) -> None:
        """Check settings in flat or nested form.

        Raises InvalidConfigError, which names the key as it was written: unknown, out of range,
        of the wrong type, or given twice with different values.
        """
        given = data.as_dict() if isinstance(data, SessionConfig) else data or {}
        self._settings = _read(mapping(given, "session"), _SESSION)
        self._settings.pop("type", None)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as GA nests them, without the session's type. The dict is yours."""
        return nest(deepcopy(self._settings))

    def merge(self, other: SessionConfig) -> SessionConfig:
        """Return these settings with those of another on top, as `session.update` does it."""
        merged = SessionConfig()
        merged._settings = {**self._settings, **other._settings}
        return merged

    def __eq__(self, other: object) -> bool:
        """Tell whether the settings are the same, in whatever form they were given."""
        return isinstance(other, SessionConfig) and self._settings == other._settings

    __hash__ = None  # type: ignore[assignment]  # it compares by content, which has lists

    def __repr__(self) -> str:
        """Show the settings without the values that are long, private or secret."""
        shown = {
            path: "..." if path in _NOT_SHOWN else value
            for path, value in self._settings.items()
        }
        return f"SessionConfig({shown})"


def validate_response_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings of `response.create`, in flat or nested form; return GA's form.

    Raises InvalidConfigError naming the key as it was written.
    """
    return nest(_read(mapping(config, "response"), _RESPONSE))


def _read(
    data: Mapping[str, Any], known: Mapping[str, tuple[str, Check]]
) -> dict[str, Any]:
    """Check every setting and return them by canonical path, in the table's order."""
    settings: dict[str, Any] = {}
    written: dict[str, str] = {}
    for key, value in _leaves(data):
        if key in _READ_ONLY:
            raise InvalidConfigError(key, "is the service's to set")
        if key not in known:
            raise InvalidConfigError(key, "is not a known setting")
        path, check = known[key]
        checked = check(value, key)
        if path in settings and settings[path] != checked:
            raise InvalidConfigError(
                key, f"contradicts {written[path]}, which means the same"
            )
        settings[path] = checked
        written[path] = key
    return {path: settings[path] for path, _ in known.values() if path in settings}


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its dotted key; only GA's "audio" is a tree of settings."""
    for name, value in data.items():
        key = f"{prefix}{name}"
        if key in {"audio", "audio.input", "audio.output"}:
            yield from _leaves(mapping(value, key), f"{key}.")
        else:
            yield key, value


def _modalities(value: Any, key: str) -> list[str]:
    if value not in (["audio"], ["text"]):
        raise InvalidConfigError(
            key, 'must be ["audio"] or ["text"], audio has its transcript'
        )
    return list(value)


def _flat_modalities(value: Any, key: str) -> list[str]:
    """Accept audio without the "text" that preview wants beside it."""
    modalities = set(list_of(choice("text", "audio"))(value, key))
    if not modalities:
        raise InvalidConfigError(key, 'must be ["text", "audio"] or ["text"]')
    return ["audio"] if "audio" in modalities else ["text"]


def voices_of(api_version: str | None) -> tuple[str, ...]:
    """Return the voices that an API version has, the best first; GA has no version."""
    if not api_version:
        return VOICES
    return _VOICES_OF_VERSION.get(api_version, PREVIEW_VOICES)


def _audio_format(value: Any, key: str) -> dict[str, Any]:
    if isinstance(value, str):
        return dict(FLAT_FORMATS[choice(*FLAT_FORMATS)(value, key)])
    checked: dict[str, Any] = _FORMAT(value, key)
    if checked["type"] == AudioFormat.PCM:
        checked["rate"] = AudioFormat.PCM.rate
    return checked


def _voice(value: Any, key: str) -> str | dict[str, Any]:
    if isinstance(value, Mapping):
        custom: dict[str, Any] = closed_object({"id": text})(value, key)
        return custom
    if isinstance(value, str) and value in _SPEECH_ONLY_VOICES:
        raise InvalidConfigError(
            key, f"{value} is a text-to-speech voice, Realtime has {either(VOICES)}"
        )
    voice: str = choice(*VOICES)(value, key)
    return voice


def _turn_detection(value: Any, key: str) -> dict[str, Any] | None:
    """Read the oldest form of "no turn detection", the type none, as null."""
    if value is None or (isinstance(value, Mapping) and value.get("type") == "none"):
        return None
    checked: dict[str, Any] = _VAD(value, key)
    return checked


def _max_output_tokens(value: Any, key: str) -> int | str:
    if value == "inf":
        return "inf"
    low, high = MAX_OUTPUT_TOKENS_RANGE
    try:
        limit: int = integer(low, high)(value, key)
    except InvalidConfigError as err:
        raise InvalidConfigError(key, f'{err.reason}, or "inf"') from None
    return limit


def _metadata(value: Any, key: str) -> dict[str, str]:
    metadata = dict(mapping(value, key))
    if len(metadata) > MAX_METADATA_PAIRS:
        raise InvalidConfigError(
            key, f"must not have more than {MAX_METADATA_PAIRS} pairs"
        )
    for name, content in metadata.items():
        if not isinstance(name, str) or len(name) > MAX_METADATA_KEY_LENGTH:
            raise InvalidConfigError(
                key, f"must have keys of at most {MAX_METADATA_KEY_LENGTH} characters"
            )
        if len(string(content, f"{key}.{name}")) > MAX_METADATA_VALUE_LENGTH:
            raise InvalidConfigError(
                f"{key}.{name}",
                f"must be at most {MAX_METADATA_VALUE_LENGTH} characters long",
            )
    return metadata


# --- Shapes ---------------------------------------------------------------------------------

_FORMAT = by_tag(
    "type",
    {
        AudioFormat.PCM.value: closed_object(
            {"type": anything}, {"rate": integer(SAMPLE_RATE, SAMPLE_RATE)}
        ),
        AudioFormat.PCMU.value: closed_object({"type": anything}),
        AudioFormat.PCMA.value: closed_object({"type": anything}),
    },
)
_VAD = by_tag(
    "type",
    {
        "server_vad": closed_object(
            {"type": anything},
            {
                "threshold": number(*THRESHOLD_RANGE),
                "prefix_padding_ms": integer(0),
                "silence_duration_ms": integer(0),
                "create_response": flag,
                "interrupt_response": flag,
                "idle_timeout_ms": integer(*IDLE_TIMEOUT_MS_RANGE),
            },
        ),
        "semantic_vad": closed_object(
            {"type": anything},
            {
                "eagerness": choice("low", "medium", "high", "auto"),
                "create_response": flag,
                "interrupt_response": flag,
            },
        ),
    },
)
_TRANSCRIPTION = closed_object(
    {"model": text},
    {
        "language": text,
        "prompt": string,
        "keywords": list_of(text),
        "languages": list_of(text),
        "delay": choice("minimal", "low", "medium", "high", "xhigh"),
    },
)
_NOISE_REDUCTION = closed_object(
    {"type": choice("near_field", "far_field")}, {"strength": anything}
)

_PROMPT = closed_object({"id": text}, {"version": text, "variables": object_value})
_REASONING = closed_object(
    {"effort": choice("minimal", "low", "medium", "high", "xhigh")}
)
_TRUNCATION = text_or(
    ("auto", "disabled"),
    closed_object(
        {"type": choice("retention_ratio"), "retention_ratio": number(0.0, 1.0)},
        {"token_limits": closed_object({}, {"post_instructions": integer(0)})},
    ),
)
_TRACING = text_or(
    ("auto",),
    closed_object(
        {}, {"workflow_name": string, "group_id": string, "metadata": object_value}
    ),
)


# --- Tables of settings: key as written -> (path in GA's form, check) --------------------------

_NESTED: dict[str, Check] = {
    "type": choice("realtime"),
    "model": text,
    "instructions": string,
    "output_modalities": _modalities,
    "audio.input.format": _audio_format,
    "audio.input.transcription": nullable(_TRANSCRIPTION),
    "audio.input.noise_reduction": nullable(_NOISE_REDUCTION),
    "audio.input.turn_detection": _turn_detection,
    "audio.output.format": _audio_format,
    "audio.output.voice": _voice,
    "audio.output.speed": number(*SPEED_RANGE),
    "tools": check_tools,
    "tool_choice": check_tool_choice,
    "max_output_tokens": _max_output_tokens,
    "parallel_tool_calls": flag,
    "reasoning": _REASONING,
    "truncation": _TRUNCATION,
    "tracing": nullable(_TRACING),
    "include": nullable(list_of(choice("item.input_audio_transcription.logprobs"))),
    "prompt": nullable(_PROMPT),
    "temperature": number(*TEMPERATURE_RANGE),
}
_SESSION: dict[str, tuple[str, Check]] = {
    **{path: (path, check) for path, check in _NESTED.items()},
    **{flat: (path, _NESTED[path]) for flat, path in FLAT_PATHS.items()},
    "modalities": ("output_modalities", _flat_modalities),
}
_RESPONSE: dict[str, tuple[str, Check]] = {
    **{
        key: _SESSION[key]
        for key in (
            "instructions",
            "output_modalities",
            "modalities",
            "audio.output.voice",
            "voice",
            "audio.output.format",
            "output_audio_format",
            "tools",
            "tool_choice",
            "max_output_tokens",
            "max_response_output_tokens",
            "parallel_tool_calls",
            "reasoning",
            "prompt",
            "temperature",
        )
    },
    "conversation": ("conversation", choice("auto", "none")),
    "metadata": ("metadata", nullable(_metadata)),
    "input": ("input", list_of(check_input_item)),
}
_READ_ONLY = {"object", "id", "expires_at", "client_secret"}
_NOT_SHOWN = {"instructions", "tools", "prompt", "tracing", "audio.input.transcription"}

# The defaults of the reference client without its transcription model: whisper-1 retires on Azure
# on 2026-12-15, and Azure wants a deployment's name there.
DEFAULT_SESSION_CONFIG = SessionConfig(
    {
        "instructions": (
            "You are a helpful voice assistant. Call the tools you have been given whenever they"
            " help to answer or to do what is asked."
        ),
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.4,
            "silence_duration_ms": 600,
        },
    }
)
