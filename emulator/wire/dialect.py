"""GA and preview: what a client may send and what it gets to see.

The emulator thinks in GA's shape. This is the only file that knows the preview's names.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
import secrets
from typing import Any

from . import schema
from .errors import InvalidRequest
from .events import Event
from .validation import (
    Check,
    by_key,
    invalid_value,
    list_of,
    nullable,
    number,
    one_of,
    record,
    string_or,
    text,
)


class Dialect(ABC):
    """One of the two ways to say the same."""

    name: str

    @abstractmethod
    def session_patch(self, raw: Any) -> dict[str, Any]:
        """Check a `session.update` body; return it in GA's shape."""

    @abstractmethod
    def response_patch(self, raw: Any) -> dict[str, Any]:
        """Check a `response.create` body; return it in GA's shape."""

    @abstractmethod
    def item(self, raw: Any) -> dict[str, Any]:
        """Check an item that a client creates; return it in GA's shape."""

    @abstractmethod
    def events(self, event: Event) -> Iterator[Event]:
        """Yield what the wire carries for one canonical event: it, its like, or nothing."""


class Ga(Dialect):
    """`/openai/v1/realtime`."""

    name = "ga"

    def session_patch(self, raw: Any) -> dict[str, Any]:
        """Check a `session.update` body, whose `type` is required in every update."""
        if isinstance(raw, dict) and raw.get("type") == "transcription":
            raise InvalidRequest(
                "Passing a transcription session update event to a realtime session is not allowed.",
                "invalid_value",
                "session.type",
            )
        patch: dict[str, Any] = schema.SESSION(raw, "session")
        return _without(patch, "type", "model")

    def response_patch(self, raw: Any) -> dict[str, Any]:
        """Check a `response.create` body."""
        patch: dict[str, Any] = schema.RESPONSE(raw, "response")
        return patch

    def item(self, raw: Any) -> dict[str, Any]:
        """Check an item."""
        item: dict[str, Any] = schema.ITEM(raw, "item")
        return item

    def events(self, event: Event) -> Iterator[Event]:
        """Yield the event; deltas carry random padding against traffic analysis."""
        if event["type"] == "conversation.created":
            return
        wire = dict(event)
        if "session" in wire:
            session = {"type": "realtime", "object": "realtime.session"}
            wire["session"] = {**session, **_without(wire["session"], "temperature")}
        if "response" in wire:
            wire["response"] = _without(wire["response"], "temperature")
        if event["type"].endswith(".delta"):
            wire["obfuscation"] = secrets.token_urlsafe(12)[: 1 + secrets.randbelow(16)]
        yield wire


def _without(fields: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in keys}


_EVENT_NAMES = {
    "conversation.item.added": "conversation.item.created",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
# What the first api-version does not send: Microsoft's client for it closes on such a type.
_LATER_EVENTS = (
    "conversation.created",
    "conversation.item.input_audio_transcription.delta",
)
_PART_TYPES = {"output_text": "text", "output_audio": "audio"}
_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FORMAT_NAMES = {ga: preview for preview, ga in _FORMATS.items()}

# Where a flat key lives in GA's shape.
_PATHS: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "instructions": ("instructions",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "input_audio_format": ("audio", "input", "format"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "temperature": ("temperature",),
    "max_response_output_tokens": ("max_output_tokens",),
}
_SAME_IN_RESPONSES = ("conversation", "metadata", "input")


class Preview(Dialect):
    """`/openai/realtime?api-version=...`, as Azure still serves it."""

    name = "preview"

    def __init__(self, api_version: str) -> None:
        """Choose what this api-version knows: the first one had three voices."""
        first = api_version == "2024-10-01-preview"
        self._later = _LATER_EVENTS if first else ()
        voices = ("alloy", "echo", "shimmer") if first else schema.VOICES[:8]
        shared = _shared_checks(one_of(*voices))
        self._session_check = record(
            {
                **shared,
                "model": text,
                "speed": number(0.25, 1.5),
                "input_audio_format": one_of(*_FORMATS),
                "input_audio_transcription": schema.TRANSCRIPTION,
                "input_audio_noise_reduction": schema.NOISE_REDUCTION,
                "turn_detection": nullable(
                    by_key(
                        "type",
                        {
                            "server_vad": schema.SERVER_VAD_CHECK,
                            "semantic_vad": schema.SEMANTIC_VAD_CHECK,
                            "none": record({"type": text}),
                        },
                    )
                ),
                "max_response_output_tokens": schema.MAX_TOKENS,
            }
        )
        self._item_check = schema.item_check("text", images=False)
        self._response_check = schema.response_check(
            {
                **shared,
                "max_response_output_tokens": schema.MAX_TOKENS,
                "max_output_tokens": schema.MAX_TOKENS,
            },
            self._item_check,
        )

    def session_patch(self, raw: Any) -> dict[str, Any]:
        """Check a flat `session.update` body and lift it."""
        return _lift(_without(self._session_check(raw, "session"), "model"))

    def response_patch(self, raw: Any) -> dict[str, Any]:
        """Check a flat `response.create` body and lift it."""
        flat = self._response_check(raw, "response")
        if "max_output_tokens" in flat:
            flat["max_response_output_tokens"] = flat.pop("max_output_tokens")
        if flat.get("input"):
            flat["input"] = [_lift_item(item) for item in flat["input"]]
        return _lift(flat)

    def item(self, raw: Any) -> dict[str, Any]:
        """Check an item; an assistant's part is `text` here."""
        return _lift_item(self._item_check(raw, "item"))

    def events(self, event: Event) -> Iterator[Event]:
        """Yield the event under its old name; an item's end is not told apart from its start."""
        if event["type"] in ("conversation.item.done", *self._later):
            return
        wire = {**event, "type": _EVENT_NAMES.get(event["type"], event["type"])}
        if "session" in wire:
            wire["session"] = _flat_session(wire["session"])
        if "response" in wire:
            wire["response"] = _flat_response(wire["response"])
        if "item" in wire:
            wire["item"] = _flat_item(wire["item"])
        if event["type"] == "response.function_call_arguments.done":
            del wire["name"]
        yield wire


def _modalities(value: Any, path: str) -> list[str]:
    modalities: list[str] = list_of(one_of("text", "audio"))(value, path)
    if set(modalities) == {"text", "audio"}:
        return ["audio"]
    if modalities == ["text"]:
        return modalities
    raise invalid_value(
        modalities, path, "Supported combinations are: ['text'] and ['audio', 'text']."
    )


def _shared_checks(voice: Check) -> dict[str, Check]:
    return {
        "modalities": _modalities,
        "instructions": text,
        "voice": voice,
        "output_audio_format": one_of(*_FORMATS),
        "tools": schema.tools_check({"function": schema.function_tool}),
        "tool_choice": string_or(
            schema.TOOL_MODES, by_key("type", {"function": _forced_function})
        ),
        "temperature": number(0.6, 1.2),
    }


def _forced_function(value: Any, path: str) -> dict[str, Any]:
    """Accept Microsoft's `function: {name}` and the reference SDK's bare `name`."""
    if "function" in value:
        nested = record({"name": text}, required=("name",))
        checked = record({"type": text, "function": nested})(value, path)
        return {"type": "function", "name": checked["function"]["name"]}
    flat: dict[str, Any] = schema.FORCED_FUNCTION(value, path)
    return flat


def _lift(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        if key in _SAME_IN_RESPONSES:
            nested[key] = value
            continue
        *parents, leaf = _PATHS[key]
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = _lift_value(key, value)
    return nested


def _lift_value(key: str, value: Any) -> Any:
    if key.endswith("_audio_format"):
        kind = _FORMATS[value]
        return {"type": kind, "rate": 24000} if kind == "audio/pcm" else {"type": kind}
    if key == "turn_detection" and value is not None and value["type"] == "none":
        return None
    return value


def _lift_item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("role") != "assistant":
        return item
    return {
        **item,
        "content": [{**part, "type": "output_text"} for part in item["content"]],
    }


def _flat_item(item: dict[str, Any]) -> dict[str, Any]:
    flat = {"object": "realtime.item", **item}
    if "content" in flat:
        flat["content"] = [
            {**part, "type": _PART_TYPES.get(part["type"], part["type"])}
            for part in flat["content"]
        ]
    return flat


def _flat_modalities(modalities: list[str]) -> list[str]:
    return ["text", "audio"] if modalities == ["audio"] else modalities


def _flat_session(session: dict[str, Any]) -> dict[str, Any]:
    """Return the flat session with the extra keys of the beta's last months (captured 2025-12)."""
    hears, speaks = session["audio"]["input"], session["audio"]["output"]
    return {
        "id": session["id"],
        "object": "realtime.session",
        "model": session["model"],
        "expires_at": session["expires_at"],
        "modalities": _flat_modalities(session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": speaks["voice"],
        "speed": speaks["speed"],
        "input_audio_format": _FORMAT_NAMES[hears["format"]["type"]],
        "output_audio_format": _FORMAT_NAMES[speaks["format"]["type"]],
        "input_audio_transcription": hears["transcription"],
        "input_audio_noise_reduction": hears["noise_reduction"],
        "turn_detection": hears["turn_detection"],
        "tools": session["tools"],
        "tool_choice": session["tool_choice"],
        "temperature": session["temperature"],
        "max_response_output_tokens": session["max_output_tokens"],
        "tracing": None,
        "truncation": session["truncation"],
        "prompt": None,
        "include": None,
        "client_secret": None,
    }


def _flat_response(response: dict[str, Any]) -> dict[str, Any]:
    flat = dict(response)
    speaks = flat.pop("audio")["output"]
    flat["modalities"] = _flat_modalities(flat.pop("output_modalities"))
    flat["voice"] = speaks["voice"]
    flat["output_audio_format"] = _FORMAT_NAMES[speaks["format"]["type"]]
    flat["output"] = [_flat_item(item) for item in flat["output"]]
    return flat
