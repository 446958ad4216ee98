"""What may be asked of a session, a response and an item, checked before anything is sent.

Settings are accepted in GA's nested form, in the reference client's flat form, or mixed. Inside
they are kept by their path in GA's form. Limits are those of the official SDK (openai-python
3.54) and of Azure's documentation (2026-03-19).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
import re
from typing import Any

import orjson

from ..audio.pcm import decode_base64
from ..errors import InvalidAudioError, InvalidConfigError
from .dialect import FLAT_FORMATS, FLAT_PATHS, PREVIEW_VOICES, nest

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "PREVIEW_VOICES",
    "VOICES",
    "SessionConfig",
    "validate_item",
    "validate_response_config",
]

VOICES = (*PREVIEW_VOICES, "marin", "cedar")
_SPEECH_ONLY_VOICES = {"fable", "onyx", "nova"}

THRESHOLD_RANGE = (0.0, 1.0)
IDLE_TIMEOUT_MS_RANGE = (5_000, 30_000)
SPEED_RANGE = (0.25, 1.5)
TEMPERATURE_RANGE = (0.6, 1.2)
MAX_OUTPUT_TOKENS_RANGE = (1, 4096)
MAX_TOOL_NAME_LENGTH = 64
MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY_LENGTH = 64
MAX_METADATA_VALUE_LENGTH = 512

_TOOL_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_TOOL_NAME_LENGTH}}}")

# Takes a value and the dotted key it was found under; returns the canonical value.
type Check = Callable[[Any, str], Any]


class SessionConfig:
    """The settings of a session: checked, immutable, in one canonical form.

    Only the settings that were given are there: one that is null is not one that is absent.
    `temperature` exists in preview alone; it is kept here and not sent to a GA service.
    """

    __slots__ = ("_settings",)

    def __init__(self, data: Mapping[str, Any] | SessionConfig | None = None) -> None:
        """Check settings in flat or nested form.

        Raises InvalidConfigError, which names the key as it was written: unknown, out of range,
        of the wrong type, or given twice with different values.
        """
        given = data.as_dict() if isinstance(data, SessionConfig) else data or {}
        self._settings = _read(_mapping(given, "session"), _SESSION)
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
        """Show the settings without what is long, private or secret."""
        shown = {
            path: "..." if path in _NOT_SHOWN else value
            for path, value in self._settings.items()
        }
        return f"SessionConfig({shown})"


def validate_response_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check what `response.create` takes, in flat or nested form; return GA's form.

    Raises InvalidConfigError naming the key as it was written.
    """
    return nest(_read(_mapping(config, "response"), _RESPONSE))


def validate_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Check the shape of a conversation item that a client may create; return GA's form.

    Text parts get the type that their role asks for; keys beyond the shape are left to the
    service. Raises InvalidConfigError naming the key, as in "item.content[0].text".
    """
    checked: dict[str, Any] = _item(item, "item")
    return checked


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
            yield from _leaves(_mapping(value, key), f"{key}.")
        else:
            yield key, value


# --- Checks ---------------------------------------------------------------------------------


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidConfigError(key, "must be an object")
    return value


def _any(value: Any, key: str) -> Any:
    """Copy what only the service can judge, if JSON can carry it."""
    try:
        return orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError as err:
        raise InvalidConfigError(key, f"cannot be sent as JSON ({err})") from err


def _string(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise InvalidConfigError(key, "must be text")
    return value


def _text(value: Any, key: str) -> str:
    if not _string(value, key).strip():
        raise InvalidConfigError(key, "must not be empty")
    return str(value)


def _audio(value: Any, key: str) -> str:
    """Expect base64, as strict and as short as that of an append."""
    try:
        # Whole samples are left to the service: it knows the format of the session.
        decode_base64(_string(value, key), audio_format="")
    except InvalidAudioError as err:
        raise InvalidConfigError(key, "must be base64 of at most 15 MiB") from err
    return str(value)


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidConfigError(key, "must be true or false")
    return value


def _choice(*choices: str) -> Check:
    def check(value: Any, key: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise InvalidConfigError(key, f"must be {_either(choices)}")
        return value

    return check


def _either(choices: tuple[str, ...]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _number(low: float, high: float) -> Check:
    def check(value: Any, key: str) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise InvalidConfigError(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    return check


def _integer(low: int, high: int | None = None) -> Check:
    """Expect a whole number; it may come as a float, that is what forms make of it."""
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


def _nullable(check: Check) -> Check:
    return lambda value, key: None if value is None else check(value, key)


def _list_of(check: Check) -> Check:
    def check_list(value: Any, key: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise InvalidConfigError(key, "must be a list")
        return [check(entry, f"{key}[{index}]") for index, entry in enumerate(value)]

    return check_list


def _object(
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


def _open_object(required: Mapping[str, Check]) -> Check:
    """Expect these keys, and let any others pass."""

    def check(value: Any, key: str) -> dict[str, Any]:
        return {
            name: required.get(name, _any)(entry, f"{key}.{name}")
            for name, entry in _with_keys(required, value, key).items()
        }

    return check


def _with_keys(names: Iterable[str], value: Any, key: str) -> Mapping[str, Any]:
    for name in names:
        if name not in _mapping(value, key):
            raise InvalidConfigError(f"{key}.{name}", "is missing")
    return _mapping(value, key)


def _by_tag(tag: str, shapes: Mapping[str, Check]) -> Check:
    """Expect one of several objects, told apart by the value of one key."""
    tags = _choice(*shapes)

    def check(value: Any, key: str) -> Any:
        kind = tags(_mapping(value, key).get(tag), f"{key}.{tag}")
        return shapes[kind](value, key)

    return check


def _text_or(choices: tuple[str, ...], check_object: Check) -> Check:
    """Expect one of some words, or an object."""
    word = _choice(*choices)
    return lambda value, key: (
        check_object(value, key) if isinstance(value, Mapping) else word(value, key)
    )


def _modalities(value: Any, key: str) -> list[str]:
    if value not in (["audio"], ["text"]):
        raise InvalidConfigError(
            key, 'must be ["audio"] or ["text"], audio has its transcript'
        )
    return list(value)


def _flat_modalities(value: Any, key: str) -> list[str]:
    """Accept audio without the "text" that preview wants beside it."""
    modalities = set(_list_of(_choice("text", "audio"))(value, key))
    if not modalities:
        raise InvalidConfigError(key, 'must be ["text", "audio"] or ["text"]')
    return ["audio"] if "audio" in modalities else ["text"]


def _audio_format(value: Any, key: str) -> dict[str, Any]:
    if isinstance(value, str):
        return dict(FLAT_FORMATS[_choice(*FLAT_FORMATS)(value, key)])
    checked: dict[str, Any] = _FORMAT(value, key)
    if checked["type"] == "audio/pcm":
        checked["rate"] = 24_000
    return checked


def _voice(value: Any, key: str) -> str | dict[str, Any]:
    if isinstance(value, Mapping):
        custom: dict[str, Any] = _object({"id": _text})(value, key)
        return custom
    if isinstance(value, str) and value in _SPEECH_ONLY_VOICES:
        raise InvalidConfigError(
            key, f"{value} is a text-to-speech voice, Realtime has {_either(VOICES)}"
        )
    voice: str = _choice(*VOICES)(value, key)
    return voice


def _turn_detection(value: Any, key: str) -> dict[str, Any] | None:
    """Read the oldest form of "no turn detection", the type none, as null."""
    if value is None or (isinstance(value, Mapping) and value.get("type") == "none"):
        return None
    checked: dict[str, Any] = _VAD(value, key)
    return checked


def _tool_name(value: Any, key: str) -> str:
    if not isinstance(value, str) or not _TOOL_NAME.fullmatch(value):
        raise InvalidConfigError(
            key,
            f"must be 1 to {MAX_TOOL_NAME_LENGTH} letters, digits, underscores or hyphens",
        )
    return value


def _mcp_tool(value: Any, key: str) -> dict[str, Any]:
    tool: dict[str, Any] = _MCP_TOOL(value, key)
    if not tool.keys() & {"server_url", "connector_id", "tunnel_id"}:
        raise InvalidConfigError(
            f"{key}.server_url", "or connector_id or tunnel_id must be given"
        )
    return tool


def _tools(value: Any, key: str) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = _list_of(_TOOL)(value, key)
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if (name := tool.get("name")) in names:
            raise InvalidConfigError(
                f"{key}[{index}].name", "is the name of another tool as well"
            )
        if name is not None:
            names.add(name)
    return tools


def _tool_choice(value: Any, key: str) -> str | dict[str, Any]:
    """Accept the form of chat completions as well: Azure's preview documentation has it."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        checked = _object({"type": _any, "function": _object({"name": _tool_name})})(
            value, key
        )
        value = {"type": checked["type"], **checked["function"]}
    choice: str | dict[str, Any] = _TOOL_CHOICE(value, key)
    return choice


def _max_output_tokens(value: Any, key: str) -> int | str:
    if value == "inf":
        return "inf"
    low, high = MAX_OUTPUT_TOKENS_RANGE
    try:
        limit: int = _integer(low, high)(value, key)
    except InvalidConfigError as err:
        raise InvalidConfigError(key, f'{err.reason}, or "inf"') from None
    return limit


def _metadata(value: Any, key: str) -> dict[str, str]:
    metadata = dict(_mapping(value, key))
    if len(metadata) > MAX_METADATA_PAIRS:
        raise InvalidConfigError(
            key, f"must not have more than {MAX_METADATA_PAIRS} pairs"
        )
    for name, text in metadata.items():
        if not isinstance(name, str) or len(name) > MAX_METADATA_KEY_LENGTH:
            raise InvalidConfigError(
                key, f"must have keys of at most {MAX_METADATA_KEY_LENGTH} characters"
            )
        if len(_string(text, f"{key}.{name}")) > MAX_METADATA_VALUE_LENGTH:
            raise InvalidConfigError(
                f"{key}.{name}",
                f"must be at most {MAX_METADATA_VALUE_LENGTH} characters long",
            )
    return metadata


def _headers(value: Any, key: str) -> dict[str, str]:
    return {
        name: _string(text, f"{key}.{name}")
        for name, text in _mapping(value, key).items()
    }


def _object_value(value: Any, key: str) -> dict[str, Any]:
    copied: dict[str, Any] = _any(dict(_mapping(value, key)), key)
    return copied


def _text_part(kind: str) -> Check:
    """Expect a text part, and give it the type that its role asks for."""
    part = _open_object({"text": _string})
    return lambda value, key: {**part(value, key), "type": kind}


# --- Shapes ---------------------------------------------------------------------------------

_FORMAT = _by_tag(
    "type",
    {
        "audio/pcm": _object({"type": _any}, {"rate": _integer(24_000, 24_000)}),
        "audio/pcmu": _object({"type": _any}),
        "audio/pcma": _object({"type": _any}),
    },
)
_VAD = _by_tag(
    "type",
    {
        "server_vad": _object(
            {"type": _any},
            {
                "threshold": _number(*THRESHOLD_RANGE),
                "prefix_padding_ms": _integer(0),
                "silence_duration_ms": _integer(0),
                "create_response": _flag,
                "interrupt_response": _flag,
                "idle_timeout_ms": _integer(*IDLE_TIMEOUT_MS_RANGE),
            },
        ),
        "semantic_vad": _object(
            {"type": _any},
            {
                "eagerness": _choice("low", "medium", "high", "auto"),
                "create_response": _flag,
                "interrupt_response": _flag,
            },
        ),
    },
)
_TRANSCRIPTION = _object(
    {"model": _text},
    {
        "language": _text,
        "prompt": _string,
        "keywords": _list_of(_text),
        "languages": _list_of(_text),
        "delay": _choice("minimal", "low", "medium", "high", "xhigh"),
    },
)
_NOISE_REDUCTION = _object(
    {"type": _choice("near_field", "far_field")}, {"strength": _any}
)

_TOOL_FILTER = _object({}, {"read_only": _flag, "tool_names": _list_of(_text)})
_MCP_TOOL = _object(
    {"type": _any, "server_label": _text},
    {
        "server_url": _text,
        "connector_id": _text,
        "tunnel_id": _text,
        "authorization": _text,
        "headers": _headers,
        "allowed_tools": lambda value, key: (
            _TOOL_FILTER if isinstance(value, Mapping) else _list_of(_text)
        )(value, key),
        "require_approval": _text_or(
            ("always", "never"),
            _object({}, {"always": _TOOL_FILTER, "never": _TOOL_FILTER}),
        ),
        "server_description": _string,
        "defer_loading": _flag,
        "allowed_callers": _list_of(_text),
    },
)
_TOOL = _by_tag(
    "type",
    {
        "function": _object(
            {"type": _any, "name": _tool_name},
            {"description": _string, "parameters": _object_value},
        ),
        "mcp": _mcp_tool,
    },
)
_TOOL_CHOICE = _text_or(
    ("auto", "none", "required"),
    _by_tag(
        "type",
        {
            "function": _object({"type": _any, "name": _tool_name}),
            "mcp": _object({"type": _any, "server_label": _text}, {"name": _text}),
        },
    ),
)
_PROMPT = _object({"id": _text}, {"version": _text, "variables": _object_value})
_REASONING = _object({"effort": _choice("minimal", "low", "medium", "high", "xhigh")})
_TRUNCATION = _text_or(
    ("auto", "disabled"),
    _object(
        {"type": _choice("retention_ratio"), "retention_ratio": _number(0.0, 1.0)},
        {"token_limits": _object({}, {"post_instructions": _integer(0)})},
    ),
)
_TRACING = _text_or(
    ("auto",),
    _object(
        {}, {"workflow_name": _string, "group_id": _string, "metadata": _object_value}
    ),
)

# A client cannot create the assistant's audio: the service makes it (Azure docs 2026-03-19).
_USER_PART = _by_tag(
    "type",
    {
        "input_text": _text_part("input_text"),
        "text": _text_part("input_text"),
        "input_audio": _open_object({"audio": _audio}),
        "input_image": _open_object({"image_url": _text}),
    },
)
_SYSTEM_PART = _by_tag(
    "type", {"input_text": _text_part("input_text"), "text": _text_part("input_text")}
)
_ASSISTANT_PART = _by_tag(
    "type",
    {"output_text": _text_part("output_text"), "text": _text_part("output_text")},
)
_ITEMS = {
    "message": _by_tag(
        "role",
        {
            role: _open_object({"content": _list_of(part)})
            for role, part in (
                ("user", _USER_PART),
                ("system", _SYSTEM_PART),
                ("assistant", _ASSISTANT_PART),
            )
        },
    ),
    "function_call": _open_object(
        {"call_id": _text, "name": _tool_name, "arguments": _string}
    ),
    "function_call_output": _open_object({"call_id": _text, "output": _string}),
    "mcp_approval_response": _open_object(
        {"approval_request_id": _text, "approve": _flag}
    ),
    "mcp_approval_request": _open_object({}),
    "mcp_call": _open_object({}),
    "mcp_list_tools": _open_object({}),
}
_item = _by_tag("type", _ITEMS)
_input_item = _by_tag(
    "type", {**_ITEMS, "item_reference": _object({"type": _any, "id": _text})}
)

# --- Tables of settings: key as written -> (path in GA's form, check) --------------------------

_NESTED: dict[str, Check] = {
    "type": _choice("realtime"),
    "model": _text,
    "instructions": _string,
    "output_modalities": _modalities,
    "audio.input.format": _audio_format,
    "audio.input.transcription": _nullable(_TRANSCRIPTION),
    "audio.input.noise_reduction": _nullable(_NOISE_REDUCTION),
    "audio.input.turn_detection": _turn_detection,
    "audio.output.format": _audio_format,
    "audio.output.voice": _voice,
    "audio.output.speed": _number(*SPEED_RANGE),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "max_output_tokens": _max_output_tokens,
    "parallel_tool_calls": _flag,
    "reasoning": _REASONING,
    "truncation": _TRUNCATION,
    "tracing": _nullable(_TRACING),
    "include": _nullable(_list_of(_choice("item.input_audio_transcription.logprobs"))),
    "prompt": _nullable(_PROMPT),
    "temperature": _number(*TEMPERATURE_RANGE),
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
    "conversation": ("conversation", _choice("auto", "none")),
    "metadata": ("metadata", _nullable(_metadata)),
    "input": ("input", _list_of(_input_item)),
}
_READ_ONLY = {"object", "id", "expires_at", "client_secret"}
_NOT_SHOWN = {"instructions", "tools", "prompt", "tracing", "audio.input.transcription"}

# What the reference client sends when it is told nothing, but for its transcription model:
# whisper-1 retires on Azure on 2026-12-15, and Azure wants a deployment's name there.
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
