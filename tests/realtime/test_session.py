"""Settings are checked, by name and before anything is sent."""

from copy import deepcopy
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime.errors import InvalidConfigError
from custom_components.azure_realtime_audio.realtime.protocol.items import validate_item
from custom_components.azure_realtime_audio.realtime.protocol.session_config import (
    DEFAULT_SESSION_CONFIG,
    VOICES,
    SessionConfig,
    validate_response_config,
)

PCM = {"type": "audio/pcm", "rate": 24000}
FILTER = {"read_only": True, "tool_names": ["a"]}
MCP_TOOL = {
    "type": "mcp",
    "server_label": "docs",
    "server_url": "https://example.com/mcp",
    "authorization": "secret",
    "headers": {"X-Team": "secret"},
    "allowed_tools": ["a", "b"],
    "require_approval": {"always": FILTER, "never": {}},
    "server_description": "Docs",
    "defer_loading": True,
    "allowed_callers": ["direct"],
}


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return a value under a dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    result: dict[str, Any] = value
    return result


def refusal(settings: Any) -> InvalidConfigError:
    """Return the refusal of a session's settings."""
    with pytest.raises(InvalidConfigError) as raised:
        SessionConfig(settings)
    return raised.value


ACCEPTED: list[tuple[str, Any]] = [
    ("model", "gpt-realtime"),
    ("instructions", ""),
    ("instructions", "Be brief."),
    ("output_modalities", ["audio"]),
    ("output_modalities", ["text"]),
    ("audio.input.format", PCM),
    ("audio.input.format", {"type": "audio/pcmu"}),
    ("audio.output.format", {"type": "audio/pcma"}),
    ("audio.input.transcription", None),
    ("audio.input.transcription", {"model": "my-deployment"}),
    (
        "audio.input.transcription",
        {
            "model": "m",
            "language": "de",
            "prompt": "",
            "keywords": ["Licht"],
            "languages": ["de", "en"],
            "delay": "xhigh",
        },
    ),
    ("audio.input.noise_reduction", None),
    ("audio.input.noise_reduction", {"type": "near_field"}),
    ("audio.input.noise_reduction", {"type": "far_field", "strength": 0.5}),
    ("audio.input.turn_detection", None),
    ("audio.input.turn_detection", {"type": "server_vad"}),
    (
        "audio.input.turn_detection",
        {
            "type": "server_vad",
            "threshold": 0.0,
            "prefix_padding_ms": 0,
            "silence_duration_ms": 700,
            "create_response": False,
            "interrupt_response": True,
            "idle_timeout_ms": 5000,
        },
    ),
    (
        "audio.input.turn_detection",
        {
            "type": "semantic_vad",
            "eagerness": "high",
            "create_response": True,
            "interrupt_response": False,
        },
    ),
    *(("audio.output.voice", voice) for voice in VOICES),
    ("audio.output.voice", {"id": "voice_1"}),
    ("audio.output.speed", 0.25),
    ("audio.output.speed", 1.5),
    ("tools", []),
    ("tools", [{"type": "function", "name": "light__turn-on_1"}]),
    (
        "tools",
        [
            {
                "type": "function",
                "name": "f" * 64,
                "description": "",
                "parameters": {"type": "object", "properties": {}},
            },
            MCP_TOOL,
            {"type": "mcp", "server_label": "x", "connector_id": "connector_gmail"},
            {
                "type": "mcp",
                "server_label": "y",
                "tunnel_id": "t",
                "allowed_tools": FILTER,
                "require_approval": "never",
            },
        ],
    ),
    ("tool_choice", "auto"),
    ("tool_choice", "none"),
    ("tool_choice", "required"),
    ("tool_choice", {"type": "function", "name": "f"}),
    ("tool_choice", {"type": "mcp", "server_label": "docs", "name": "search"}),
    ("max_output_tokens", 1),
    ("max_output_tokens", 4096),
    ("max_output_tokens", "inf"),
    ("parallel_tool_calls", False),
    ("reasoning", {"effort": "minimal"}),
    ("truncation", "auto"),
    ("truncation", "disabled"),
    (
        "truncation",
        {
            "type": "retention_ratio",
            "retention_ratio": 0.8,
            "token_limits": {"post_instructions": 5000},
        },
    ),
    ("tracing", None),
    ("tracing", "auto"),
    ("tracing", {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}}),
    ("include", None),
    ("include", ["item.input_audio_transcription.logprobs"]),
    ("prompt", None),
    ("prompt", {"id": "pmpt_1", "version": "2", "variables": {"a": "b"}}),
    ("temperature", 0.6),
    ("temperature", 1.2),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_ga_setting_is_kept(path: str, value: Any) -> None:
    """Every setting of GA, at its limits, comes out as it went in."""
    assert SessionConfig(nested(path, value)).as_dict() == nested(path, value)


@pytest.mark.parametrize(
    ("key", "value", "path", "canonical"),
    [
        ("modalities", ["text", "audio"], "output_modalities", ["audio"]),
        ("modalities", ["audio"], "output_modalities", ["audio"]),
        ("modalities", ["text"], "output_modalities", ["text"]),
        ("voice", "shimmer", "audio.output.voice", "shimmer"),
        ("speed", 1, "audio.output.speed", 1.0),
        ("input_audio_format", "pcm16", "audio.input.format", PCM),
        (
            "output_audio_format",
            "g711_ulaw",
            "audio.output.format",
            {"type": "audio/pcmu"},
        ),
        (
            "output_audio_format",
            "g711_alaw",
            "audio.output.format",
            {"type": "audio/pcma"},
        ),
        (
            "input_audio_transcription",
            {"model": "m", "language": None},
            "audio.input.transcription",
            {"model": "m"},
        ),
        ("input_audio_transcription", None, "audio.input.transcription", None),
        (
            "input_audio_noise_reduction",
            {"type": "far_field"},
            "audio.input.noise_reduction",
            {"type": "far_field"},
        ),
        (
            "turn_detection",
            {"type": "server_vad", "silence_duration_ms": 800.0},
            "audio.input.turn_detection",
            {"type": "server_vad", "silence_duration_ms": 800},
        ),
        ("turn_detection", None, "audio.input.turn_detection", None),
        ("turn_detection", {"type": "none"}, "audio.input.turn_detection", None),
        ("max_response_output_tokens", 100.0, "max_output_tokens", 100),
        (
            "tool_choice",
            {"type": "function", "function": {"name": "f"}},
            "tool_choice",
            {"type": "function", "name": "f"},
        ),
        ("temperature", 1, "temperature", 1.0),
    ],
)
def test_reference_setting_is_lifted(
    key: str, value: Any, path: str, canonical: Any
) -> None:
    """Every key of the reference client's flat form has its place in GA's."""
    assert SessionConfig({key: value}).as_dict() == nested(path, canonical)


def test_pcm_has_its_rate() -> None:
    """GA's default is written out, so that both forms are equal."""
    assert SessionConfig(
        {"audio": {"input": {"format": {"type": "audio/pcm"}}}}
    ) == SessionConfig({"input_audio_format": "pcm16"})


REFUSED: list[tuple[str, Any, str]] = [
    ("foo", 1, "foo"),
    ("audio.foo", 1, "audio.foo"),
    ("audio.input.voice", "alloy", "audio.input.voice"),
    ("audio", "pcm16", "audio"),
    ("audio.input", None, "audio.input"),
    ("type", "transcription", "type"),
    ("id", "sess_1", "id"),
    ("expires_at", 1, "expires_at"),
    ("model", "", "model"),
    ("instructions", None, "instructions"),
    ("output_modalities", ["audio", "text"], "output_modalities"),
    ("output_modalities", "audio", "output_modalities"),
    ("modalities", [], "modalities"),
    ("modalities", ["video"], "modalities[0]"),
    ("modalities", "audio", "modalities"),
    ("input_audio_format", "mp3", "input_audio_format"),
    ("input_audio_format", None, "input_audio_format"),
    ("audio.input.format", {"type": "audio/opus"}, "audio.input.format.type"),
    (
        "audio.input.format",
        {"type": "audio/pcm", "rate": 16000},
        "audio.input.format.rate",
    ),
    (
        "audio.output.format",
        {"type": "audio/pcmu", "rate": 8000},
        "audio.output.format.rate",
    ),
    ("audio.output.voice", "marvin", "audio.output.voice"),
    ("audio.output.voice", ["alloy"], "audio.output.voice"),
    ("audio.output.voice", {"id": ""}, "audio.output.voice.id"),
    ("voice", {"name": "x"}, "voice.id"),
    ("speed", 0.2, "speed"),
    ("speed", 1.6, "speed"),
    ("speed", True, "speed"),
    ("speed", "1", "speed"),
    ("speed", float("nan"), "speed"),
    ("input_audio_transcription", {}, "input_audio_transcription.model"),
    ("input_audio_transcription", "whisper-1", "input_audio_transcription"),
    (
        "audio.input.transcription",
        {"model": "m", "temperature": 0},
        "audio.input.transcription.temperature",
    ),
    (
        "audio.input.transcription",
        {"model": "m", "keywords": ["a", 1]},
        "audio.input.transcription.keywords[1]",
    ),
    (
        "audio.input.transcription",
        {"model": "m", "languages": "de"},
        "audio.input.transcription.languages",
    ),
    (
        "audio.input.transcription",
        {"model": "m", "delay": "none"},
        "audio.input.transcription.delay",
    ),
    (
        "input_audio_noise_reduction",
        {"type": "mid_field"},
        "input_audio_noise_reduction.type",
    ),
    ("turn_detection", {}, "turn_detection.type"),
    ("turn_detection", "server_vad", "turn_detection"),
    ("turn_detection", {"type": "vad"}, "turn_detection.type"),
    (
        "turn_detection",
        {"type": "server_vad", "threshold": 1.1},
        "turn_detection.threshold",
    ),
    (
        "turn_detection",
        {"type": "server_vad", "prefix_padding_ms": -1},
        "turn_detection.prefix_padding_ms",
    ),
    (
        "turn_detection",
        {"type": "server_vad", "silence_duration_ms": 0.5},
        "turn_detection.silence_duration_ms",
    ),
    (
        "audio.input.turn_detection",
        {"type": "server_vad", "idle_timeout_ms": 4999},
        "audio.input.turn_detection.idle_timeout_ms",
    ),
    (
        "audio.input.turn_detection",
        {"type": "server_vad", "idle_timeout_ms": 30001},
        "audio.input.turn_detection.idle_timeout_ms",
    ),
    (
        "audio.input.turn_detection",
        {"type": "server_vad", "create_response": 1},
        "audio.input.turn_detection.create_response",
    ),
    (
        "audio.input.turn_detection",
        {"type": "server_vad", "eagerness": "low"},
        "audio.input.turn_detection.eagerness",
    ),
    (
        "audio.input.turn_detection",
        {"type": "semantic_vad", "threshold": 0.5},
        "audio.input.turn_detection.threshold",
    ),
    (
        "turn_detection",
        {"type": "semantic_vad", "eagerness": "max"},
        "turn_detection.eagerness",
    ),
    ("tools", {}, "tools"),
    ("tools", [{"name": "f"}], "tools[0].type"),
    ("tools", ["f"], "tools[0]"),
    ("tools", [{"type": "function"}], "tools[0].name"),
    ("tools", [{"type": "function", "name": "light.turn_on"}], "tools[0].name"),
    ("tools", [{"type": "function", "name": "f" * 65}], "tools[0].name"),
    ("tools", [{"type": "function", "name": ""}], "tools[0].name"),
    ("tools", [{"type": "function", "name": "licht_für_alle"}], "tools[0].name"),
    (
        "tools",
        [{"type": "function", "name": "f"}, {"type": "function", "name": "f"}],
        "tools[1].name",
    ),
    (
        "tools",
        [{"type": "function", "name": "f", "parameters": []}],
        "tools[0].parameters",
    ),
    (
        "tools",
        [{"type": "function", "function": {"name": "f"}}],
        "tools[0].name",
    ),
    (
        "tools",
        [{"type": "function", "name": "f", "strict": True}],
        "tools[0].strict",
    ),
    ("tools", [{"type": "mcp", "server_label": "x"}], "tools[0].server_url"),
    ("tools", [{**MCP_TOOL, "headers": {"X-Team": 1}}], "tools[0].headers.X-Team"),
    ("tools", [{**MCP_TOOL, "allowed_tools": "a"}], "tools[0].allowed_tools"),
    (
        "tools",
        [{**MCP_TOOL, "require_approval": "sometimes"}],
        "tools[0].require_approval",
    ),
    (
        "tools",
        [{**MCP_TOOL, "require_approval": {"never": "a"}}],
        "tools[0].require_approval.never",
    ),
    ("tool_choice", "any", "tool_choice"),
    ("tool_choice", {"type": "function"}, "tool_choice.name"),
    ("tool_choice", {"type": "tool"}, "tool_choice.type"),
    (
        "tool_choice",
        {"type": "function", "function": {"name": "a.b"}},
        "tool_choice.function.name",
    ),
    ("max_output_tokens", 0, "max_output_tokens"),
    ("max_output_tokens", 4097, "max_output_tokens"),
    ("max_output_tokens", float("inf"), "max_output_tokens"),
    ("max_response_output_tokens", "many", "max_response_output_tokens"),
    ("max_response_output_tokens", None, "max_response_output_tokens"),
    ("parallel_tool_calls", "yes", "parallel_tool_calls"),
    ("reasoning", {"effort": "max"}, "reasoning.effort"),
    ("reasoning", {}, "reasoning.effort"),
    ("truncation", "off", "truncation"),
    ("truncation", {"type": "retention_ratio"}, "truncation.retention_ratio"),
    (
        "truncation",
        {"type": "retention_ratio", "retention_ratio": 1.1},
        "truncation.retention_ratio",
    ),
    (
        "truncation",
        {"type": "retention_ratio", "retention_ratio": 1, "token_limits": 5},
        "truncation.token_limits",
    ),
    ("tracing", "on", "tracing"),
    ("include", ["logprobs"], "include[0]"),
    ("prompt", {"version": "1"}, "prompt.id"),
    ("temperature", 0.5, "temperature"),
    ("temperature", 1.3, "temperature"),
]


@pytest.mark.parametrize(("path", "value", "named"), REFUSED)
def test_refusal_names_the_key(path: str, value: Any, named: str) -> None:
    """The key is named in the form in which the caller wrote it."""
    error = refusal(nested(path, value))
    assert error.key == named
    assert error.reason


def test_parameters_are_completed() -> None:
    """A schema gets what the service refuses it without, in every part of it."""
    bare = {"type": "object"}
    whole = {"type": "object", "properties": {}}
    given = {
        "properties": {
            "list": {"type": "array"},
            "maybe": {"type": ["array", "null"], "items": None},
            "either": {"anyOf": [bare, {"type": "array", "items": bare}, "odd"]},
            "named": {"$ref": "#/$defs/a"},
            "properties": {"type": "string"},
        },
        "$defs": {"a": bare},
        "additionalProperties": bare,
    }
    config = SessionConfig(
        {"tools": [{"type": "function", "name": "f", "parameters": given}]}
    )
    (tool,) = config.as_dict()["tools"]
    assert tool["parameters"] == {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {}},
            "maybe": {"type": ["array", "null"], "items": {}},
            "either": {"anyOf": [whole, {"type": "array", "items": whole}, "odd"]},
            "named": {"$ref": "#/$defs/a"},
            "properties": {"type": "string"},
        },
        "$defs": {"a": whole},
        "additionalProperties": whole,
    }
    assert "type" not in given  # what the caller has stays as it is


@pytest.mark.parametrize("voice", ["fable", "onyx", "nova"])
def test_text_to_speech_voices_are_explained(voice: str) -> None:
    """The reference client's documentation has them; Realtime does not."""
    error = refusal({"voice": voice})
    assert error.key == "voice"
    assert f"{voice} is a text-to-speech voice" in error.reason
    assert "alloy" in error.reason


def test_settings_must_be_an_object() -> None:
    """A list of settings is none."""
    assert refusal(["voice"]).key == "session"


def test_both_forms_may_be_mixed() -> None:
    """Where they say the same, or different things."""
    config = SessionConfig(
        {
            "type": "realtime",
            "voice": "echo",
            "turn_detection": None,
            "audio": {"output": {"voice": "echo", "speed": 1.2}},
        }
    )
    assert config.as_dict() == {
        "audio": {
            "input": {"turn_detection": None},
            "output": {"voice": "echo", "speed": 1.2},
        }
    }


@pytest.mark.parametrize(
    ("settings", "named", "other"),
    [
        (
            {"audio": {"output": {"voice": "echo"}}, "voice": "alloy"},
            "voice",
            "audio.output.voice",
        ),
        (
            {
                "turn_detection": None,
                "audio": {"input": {"turn_detection": {"type": "server_vad"}}},
            },
            "audio.input.turn_detection",
            "turn_detection",
        ),
        (
            {"max_output_tokens": 1, "max_response_output_tokens": 2},
            "max_response_output_tokens",
            "max_output_tokens",
        ),
    ],
)
def test_contradiction_is_refused(
    settings: dict[str, Any], named: str, other: str
) -> None:
    """Neither form silently wins."""
    error = refusal(settings)
    assert error.key == named
    assert other in error.reason


def test_nothing_given_is_nothing_set() -> None:
    """No defaults are made up."""
    assert SessionConfig().as_dict() == {}
    assert SessionConfig({}) == SessionConfig(None)


def test_config_is_immutable() -> None:
    """Neither what was given nor what is handed out leads inside."""
    parameters: dict[str, Any] = {"type": "object", "properties": {"a": {"b": 1}}}
    given = {"tools": [{"type": "function", "name": "f", "parameters": parameters}]}
    before = deepcopy(given)
    config = SessionConfig(given)
    parameters["properties"]["a"]["b"] = 2
    assert config.as_dict() == before
    config.as_dict()["tools"].clear()
    assert config.as_dict() == before


def test_configs_are_equal_in_any_form() -> None:
    """Null and absent are not the same."""
    flat = SessionConfig({"voice": "alloy", "turn_detection": None})
    ga = SessionConfig(
        {"audio": {"output": {"voice": "alloy"}, "input": {"turn_detection": None}}}
    )
    assert flat == ga == SessionConfig(flat)
    assert flat != SessionConfig({"voice": "alloy"})
    assert flat != {"voice": "alloy", "turn_detection": None}


def test_merge_puts_one_on_top() -> None:
    """Each setting is replaced as a whole, as the service does it."""
    base = SessionConfig(
        {
            "voice": "alloy",
            "speed": 1.1,
            "turn_detection": {"type": "server_vad", "threshold": 0.4},
        }
    )
    merged = base.merge(
        SessionConfig({"turn_detection": {"type": "server_vad"}, "speed": 0.9})
    )
    assert merged == SessionConfig(
        {"voice": "alloy", "speed": 0.9, "turn_detection": {"type": "server_vad"}}
    )
    assert base.merge(SessionConfig({"turn_detection": None})).as_dict()["audio"][
        "input"
    ] == {"turn_detection": None}
    assert base.as_dict()["audio"]["output"]["speed"] == 1.1


def test_repr_shows_no_secret_and_no_instructions() -> None:
    """A representation may end in a log."""
    shown = repr(
        SessionConfig(
            {"voice": "alloy", "instructions": "secret plan", "tools": [MCP_TOOL]}
        )
    )
    assert "alloy" in shown
    assert "secret" not in shown


def test_default_is_the_reference_client_s() -> None:
    """But for its transcription model, which retires."""
    settings = DEFAULT_SESSION_CONFIG.as_dict()
    assert settings.pop("instructions")
    assert settings == {
        "audio": {
            "input": {
                "format": PCM,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.4,
                    "silence_duration_ms": 600,
                },
            },
            "output": {"voice": "alloy"},
        }
    }


# --- Responses


def test_response_config_of_either_form() -> None:
    """Flat and nested come out the same."""
    common = {
        "instructions": "x",
        "conversation": "none",
        "metadata": {"k" * 64: "v" * 512},
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": "required",
        "temperature": 0.8,
    }
    canonical = {
        **common,
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "marin", "format": PCM}},
        "max_output_tokens": 50,
    }
    flat = {
        **common,
        "modalities": ["audio", "text"],
        "voice": "marin",
        "output_audio_format": "pcm16",
        "max_response_output_tokens": 50,
    }
    assert validate_response_config(canonical) == canonical
    assert validate_response_config(flat) == canonical
    assert validate_response_config({"metadata": None}) == {"metadata": None}
    assert validate_response_config({}) == {}


def test_response_input_takes_items_and_references() -> None:
    """Items have the same checks as those of the conversation."""
    config = {
        "input": [
            {"type": "item_reference", "id": "item_1"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "Hi"}],
            },
        ],
        "reasoning": {"effort": "low"},
        "parallel_tool_calls": True,
        "prompt": {"id": "p"},
    }
    checked = validate_response_config(config)
    assert checked["input"] == [
        {"type": "item_reference", "id": "item_1"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi"}],
        },
    ]
    assert {key: checked[key] for key in config if key != "input"} == {
        key: value for key, value in config.items() if key != "input"
    }


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("auto", "response"),
        ({"turn_detection": None}, "turn_detection"),
        ({"audio": {"input": {"format": PCM}}}, "audio.input.format"),
        ({"audio": {"output": {"speed": 1.0}}}, "audio.output.speed"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"voice": "onyx"}, "voice"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: ""}}, "metadata"),
        ({"metadata": {1: ""}}, "metadata"),
        ({"metadata": {"a": "v" * 513}}, "metadata.a"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"input": {}}, "input"),
        ({"input": [{"type": "item_reference"}]}, "input[0].id"),
        (
            {"input": [{"type": "message", "role": "user", "content": [{}]}]},
            "input[0].content[0].type",
        ),
        ({"commit": True}, "commit"),
    ],
)
def test_refusal_names_the_response_s_key(config: Any, named: str) -> None:
    """Settings that only a session has are unknown here."""
    with pytest.raises(InvalidConfigError) as raised:
        validate_response_config(config)
    assert raised.value.key == named


# --- Items


def message(role: str, *content: Any, **more: Any) -> dict[str, Any]:
    """Return a message item."""
    return {"type": "message", "role": role, "content": list(content), **more}


@pytest.mark.parametrize(
    "item",
    [
        message("user", {"type": "input_text", "text": "Hi"}, id="item_1"),
        message("user", {"type": "input_audio", "audio": "AAAA", "transcript": "x"}),
        message("user", {"type": "input_image", "image_url": "data:", "detail": "low"}),
        message("system", {"type": "input_text", "text": ""}),
        message("assistant", {"type": "output_text", "text": "Hi"}, phase="commentary"),
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": ""},
        {
            "type": "mcp_approval_response",
            "approval_request_id": "a",
            "approve": False,
            "reason": "no",
        },
        {"type": "mcp_approval_request", "server_label": "x"},
        {"type": "mcp_call", "server_label": "x"},
        {"type": "mcp_list_tools", "server_label": "x"},
    ],
)
def test_item_is_kept(item: dict[str, Any]) -> None:
    """With keys that are the service's affair."""
    before = deepcopy(item)
    checked = validate_item(item)
    assert checked == before
    checked["id"] = "other"
    assert item == before


@pytest.mark.parametrize(
    ("role", "kind"),
    [("user", "input_text"), ("system", "input_text"), ("assistant", "output_text")],
)
def test_text_gets_the_type_of_its_role(role: str, kind: str) -> None:
    """Preview's "text" is understood for everyone."""
    item = message(role, {"type": "text", "text": "Hi"})
    assert validate_item(item)["content"] == [{"type": kind, "text": "Hi"}]


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ("Hi", "item"),
        ({"role": "user", "content": []}, "item.type"),
        ({"type": "item_reference", "id": "item_1"}, "item.type"),
        ({"type": "message", "content": []}, "item.role"),
        (message("developer"), "item.role"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "role": "user", "content": "Hi"}, "item.content"),
        (message("user", "Hi"), "item.content[0]"),
        (message("user", {"type": "input_text"}), "item.content[0].text"),
        (message("user", {"type": "text", "text": 1}), "item.content[0].text"),
        (message("user", {"type": "input_audio"}), "item.content[0].audio"),
        *(
            (
                message("user", {"type": "input_audio", "audio": audio}),
                "item.content[0].audio",
            )
            for audio in (
                "AAAA\n",
                "AA=A",
                "AAA",
                "-_-_",
                "\xe9",
                "A" * (15 * 2**20 + 4),
            )
        ),
        (
            message("user", {"type": "input_image", "image_url": ""}),
            "item.content[0].image_url",
        ),
        (
            message("system", {"type": "input_audio", "audio": "AAAA"}),
            "item.content[0].type",
        ),
        (
            message(
                "assistant",
                {"type": "text", "text": "Hi"},
                {"type": "output_audio", "audio": "AAAA"},
            ),
            "item.content[1].type",
        ),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": {}},
            "item.arguments",
        ),
        ({"type": "function_call_output", "call_id": "c"}, "item.output"),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        (
            {"type": "function_call_output", "call_id": "c", "output": {"a": 1}},
            "item.output",
        ),
    ],
)
def test_refusal_names_the_item_s_key(item: Any, named: str) -> None:
    """Down to the part."""
    with pytest.raises(InvalidConfigError) as raised:
        validate_item(item)
    assert raised.value.key == named
