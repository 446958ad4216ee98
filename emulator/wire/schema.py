"""What the GA dialect accepts: session, response and item fields with their limits.

Sources: the typed models of the official OpenAI SDK and Microsoft's Realtime reference as of
2026-11. Everything inside the emulator has this shape; the preview dialect is turned into it.
"""

from typing import Any

from .errors import InvalidRequest
from .function_schema import check_parameters, warn_of_limits
from .validation import (
    Check,
    anything,
    audio,
    boolean,
    by_key,
    integer,
    list_of,
    mapping,
    matching,
    nullable,
    number,
    one_of,
    record,
    string_or,
    text,
)

VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)

# The documentation says 500 ms of silence; live services start sessions with 200 (captured
# on OpenAI's GA service and on Azure's preview).
SERVER_VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}

DEFAULT_INSTRUCTIONS = (
    "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI. Act like a "
    "human, but remember that you aren't a human and that you can't do human things in the real "
    "world. Your voice and personality should be warm and engaging, with a lively and playful tone."
)


def default_session(model: str) -> dict[str, Any]:
    """Return the configuration a session starts with (captured 2025-12 and 2026-09).

    Only preview has a temperature.
    """
    pcm = {"type": "audio/pcm", "rate": 24000}
    return {
        "model": model,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "temperature": 0.8,
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": pcm,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            },
            "output": {"format": pcm, "voice": "alloy", "speed": 1.0},
        },
    }


def pcm_rate(value: Any, path: str) -> int:
    """Accept 24000 Hz; a lower rate has its own refusal."""
    if isinstance(value, int) and value < 24000:
        raise InvalidRequest(
            f"Invalid '{path}': integer below minimum value. "
            f"Expected a value >= 24000, but got {value} instead.",
            "integer_below_min_value",
            path,
        )
    return int(integer(24000, 24000)(value, path))


_G711 = record({"type": text})
_FORMAT = by_key(
    "type",
    {
        "audio/pcm": record({"type": text, "rate": pcm_rate}, defaults={"rate": 24000}),
        "audio/pcmu": _G711,
        "audio/pcma": _G711,
    },
)

TRANSCRIPTION = nullable(
    record(
        {
            "model": text,
            "language": nullable(text),
            "prompt": nullable(text),
            "keywords": nullable(list_of(text)),
            "languages": nullable(list_of(text)),
            "delay": nullable(one_of("minimal", "low", "medium", "high", "xhigh")),
        },
    )
)
NOISE_REDUCTION = nullable(
    record(
        {"type": one_of("near_field", "far_field"), "strength": nullable(anything)},
        required=("type",),
    )
)

SERVER_VAD_CHECK = record(
    {
        "type": text,
        "threshold": number(0, 1),
        "prefix_padding_ms": integer(0),
        "silence_duration_ms": integer(0),
        "idle_timeout_ms": nullable(integer(5000, 30000)),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
    defaults=SERVER_VAD,
)
SEMANTIC_VAD_CHECK = record(
    {
        "type": text,
        "eagerness": one_of("low", "medium", "high", "auto"),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
    defaults=_SEMANTIC_VAD,
)

# The pattern is checked on the name alone: a dot in one name refuses the whole update.
_FUNCTION = record(
    {
        "type": text,
        "name": matching("[a-zA-Z0-9_-]+"),
        "description": nullable(text),
        "parameters": nullable(mapping),
    },
    required=("name",),
)


def function_tool(value: Any, path: str) -> dict[str, Any]:
    """Accept a function, if its parameters are a schema that the service takes."""
    tool: dict[str, Any] = _FUNCTION(value, path)
    if (parameters := tool.get("parameters")) is not None:
        check_parameters(tool["name"], parameters, f"{path}.parameters")
    return tool


_MCP_TOOL = record(
    {
        "type": text,
        "server_label": text,
        "server_url": text,
        "connector_id": text,
        "tunnel_id": text,
        "authorization": text,
        "headers": nullable(mapping),
        "allowed_tools": anything,
        "require_approval": anything,
        "server_description": text,
        "defer_loading": boolean,
        "allowed_callers": anything,
    },
    required=("server_label",),
)


def tools_check(kinds: dict[str, Check]) -> Check:
    """Return the check of a list of tools of these kinds."""
    checked = list_of(by_key("type", kinds))

    def check(value: Any, path: str) -> list[dict[str, Any]]:
        tools: list[dict[str, Any]] = checked(value, path)
        warn_of_limits(tools)
        return tools

    return check


_TOOLS = tools_check({"function": function_tool, "mcp": _MCP_TOOL})
TOOL_MODES = one_of("auto", "none", "required")
FORCED_FUNCTION = record({"type": text, "name": text}, required=("name",))
_TOOL_CHOICE = string_or(
    TOOL_MODES,
    by_key(
        "type",
        {
            "function": FORCED_FUNCTION,
            "mcp": record(
                {"type": text, "server_label": text, "name": nullable(text)},
                required=("server_label",),
            ),
        },
    ),
)

MAX_TOKENS = string_or(one_of("inf"), integer(1, 4096))
_VOICE = string_or(one_of(*VOICES), record({"id": text}, required=("id",)))


def _output_modalities(value: Any, path: str) -> list[str]:
    modalities: list[str] = list_of(one_of("text", "audio"))(value, path)
    if modalities in (["text"], ["audio"]):
        return modalities
    raise InvalidRequest(
        f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
        "invalid_value",
        path,
    )


_SHARED: dict[str, Check] = {
    "output_modalities": _output_modalities,
    "instructions": text,
    "tools": _TOOLS,
    "tool_choice": _TOOL_CHOICE,
    "max_output_tokens": MAX_TOKENS,
    "parallel_tool_calls": boolean,
    "reasoning": nullable(
        record({"effort": one_of("minimal", "low", "medium", "high", "xhigh")}),
    ),
    "prompt": nullable(mapping),
}

SESSION = record(
    {
        **_SHARED,
        "type": one_of("realtime"),
        "model": text,
        "audio": record(
            {
                "input": record(
                    {
                        "format": _FORMAT,
                        "transcription": TRANSCRIPTION,
                        "noise_reduction": NOISE_REDUCTION,
                        "turn_detection": nullable(
                            by_key(
                                "type",
                                {
                                    "server_vad": SERVER_VAD_CHECK,
                                    "semantic_vad": SEMANTIC_VAD_CHECK,
                                },
                            )
                        ),
                    }
                ),
                "output": record(
                    {"format": _FORMAT, "voice": _VOICE, "speed": number(0.25, 1.5)},
                ),
            }
        ),
        "truncation": string_or(
            one_of("auto", "disabled"),
            by_key(
                "type",
                {
                    "retention_ratio": record(
                        {
                            "type": text,
                            "retention_ratio": number(0, 1),
                            "token_limits": nullable(mapping),
                        },
                        required=("retention_ratio",),
                    )
                },
            ),
        ),
        "tracing": nullable(string_or(one_of("auto"), mapping)),
        "include": nullable(list_of(one_of("item.input_audio_transcription.logprobs"))),
    },
    required=("type",),
)


def metadata(value: Any, path: str) -> dict[str, str] | None:
    """Accept at most 16 pairs, keys to 64 and values to 512 characters."""
    if value is None:
        return None
    pairs: dict[str, str] = mapping(value, path)
    if len(pairs) > 16:
        raise InvalidRequest(
            f"Invalid '{path}': too many properties.",
            "object_above_max_properties",
            path,
        )
    for key, content in pairs.items():
        if len(key) > 64 or len(text(content, f"{path}.{key}")) > 512:
            raise InvalidRequest(
                f"Invalid '{path}.{key}': string too long.",
                "string_above_max_length",
                f"{path}.{key}",
            )
    return pairs


def item_check(assistant_text: str, *, images: bool) -> Check:
    """Return the check of a conversation item; dialects differ in an assistant's text part."""
    input_text = record({"type": text, "text": text}, required=("text",))
    user_parts: dict[str, Check] = {
        "input_text": input_text,
        "input_audio": record(
            {"type": text, "audio": audio, "transcript": nullable(text)},
            required=("audio",),
        ),
    }
    if images:
        user_parts["input_image"] = record(
            {
                "type": text,
                "image_url": text,
                "detail": nullable(one_of("auto", "low", "high")),
            },
            required=("image_url",),
        )
    common: dict[str, Check] = {
        "id": nullable(text),
        "object": nullable(text),
        "type": text,
        "status": nullable(one_of("completed", "incomplete", "in_progress")),
    }

    def message(parts: dict[str, Check]) -> Check:
        return record(
            {
                **common,
                "role": text,
                "content": list_of(by_key("type", parts)),
                "phase": nullable(one_of("commentary", "final_answer")),
            },
            required=("content",),
        )

    variants: dict[str, Check] = {
        "message": by_key(
            "role",
            {
                "system": message({"input_text": input_text}),
                "user": message(user_parts),
                "assistant": message({assistant_text: input_text}),
            },
        ),
        "function_call": record(
            {**common, "call_id": nullable(text), "name": text, "arguments": text},
            required=("name", "arguments"),
        ),
        "function_call_output": record(
            {**common, "call_id": text, "output": text}, required=("call_id", "output")
        ),
    }
    return by_key("type", variants)


def response_check(fields: dict[str, Check], item: Check) -> Check:
    """Return the check of a `response.create` body: a dialect's own fields and the common ones."""
    reference = record({"type": text, "id": text}, required=("id",))

    def given_item(value: Any, path: str) -> Any:
        is_reference = mapping(value, path).get("type") == "item_reference"
        return (reference if is_reference else item)(value, path)

    checked = record(
        {
            **fields,
            "instructions": nullable(text),
            "conversation": nullable(one_of("auto", "none")),
            "metadata": metadata,
            "input": nullable(list_of(given_item)),
        }
    )

    def response(value: Any, path: str) -> dict[str, Any]:
        """Take a null as nothing said: LiveKit sends one for instructions it has not got."""
        return {
            key: each for key, each in checked(value, path).items() if each is not None
        }

    return response


ITEM = item_check("output_text", images=True)
RESPONSE = response_check(
    {
        **_SHARED,
        "audio": record({"output": record({"format": _FORMAT, "voice": _VOICE})}),
    },
    ITEM,
)
