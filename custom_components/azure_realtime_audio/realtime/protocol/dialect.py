"""Two dialects on the wire, one vocabulary inside: GA's.

Preview is what Azure served from 2024-10 on; it is deprecated there since 2026-04-30 (Azure docs).
Preview names appear in this file and nowhere else.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from ..audio import AudioFormat
from ..errors import InvalidConfigError
from .event_shapes import MALFORMED, check_shape, is_audio_delta, readable_event

type Event = dict[str, Any]


class Dialect(StrEnum):
    """How the service names its events and fields."""

    GA = "ga"
    PREVIEW = "preview"


PREVIEW_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")

# Preview's flat session keys, and the paths of the same settings in GA.
FLAT_PATHS = {
    "modalities": "output_modalities",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
    "input_audio_format": "audio.input.format",
    "output_audio_format": "audio.output.format",
    "input_audio_transcription": "audio.input.transcription",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "turn_detection": "audio.input.turn_detection",
    "max_response_output_tokens": "max_output_tokens",
}

# Preview's names of the audio formats: PCM16 is 24 kHz mono little-endian, G.711 is 8 kHz.
FLAT_FORMATS: dict[str, dict[str, Any]] = {
    "pcm16": {"type": AudioFormat.PCM.value, "rate": AudioFormat.PCM.rate},
    "g711_ulaw": {"type": AudioFormat.PCMU.value},
    "g711_alaw": {"type": AudioFormat.PCMA.value},
}
_FLAT_FORMAT_BY_TYPE = {value["type"]: name for name, value in FLAT_FORMATS.items()}

_CANONICAL_TYPES = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
    "transcription_session.updated": "session.updated",
}
# The types under which sound comes, before an event is decoded.
SOUND_EVENTS = frozenset({"response.output_audio.delta", "response.audio.delta"})
_ALIASES = {
    canonical: preview
    for preview, canonical in _CANONICAL_TYPES.items()
    if canonical != "session.updated"
}

_ASSISTANT_PARTS = {"text": "output_text", "audio": "output_audio"}

# Of these every session of the preview dialect has one.
_PREVIEW_MARKS = ("modalities", "input_audio_format", "output_audio_format")

# Preview refuses a whole update for one key it does not know.
_PREVIEW_SESSION_KEYS = (
    "instructions",
    "tools",
    "tool_choice",
    "temperature",
    "max_response_output_tokens",
)
_PREVIEW_RESPONSE_KEYS = (
    "instructions",
    "tools",
    "tool_choice",
    "temperature",
    "conversation",
    "metadata",
)
_PREVIEW_TRANSCRIPTION_KEYS = ("model", "language", "prompt")


def detect(session: Mapping[str, Any]) -> Dialect | None:
    """Return the dialect of a `session.created` session; None where no key tells it."""
    if "type" in session or "audio" in session:
        return Dialect.GA
    if any(key in session for key in _PREVIEW_MARKS):
        return Dialect.PREVIEW
    return None


# The preview name of a canonical server event, None if it has no other name. Asked for with
# every event, so it is the dictionary's own method.
aliases = _ALIASES.get


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Turn values by dotted path ("audio.output.voice") into nested dicts."""
    nested: dict[str, Any] = {}
    for path, value in settings.items():
        *groups, name = path.split(".")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
        target[name] = value
    return nested


def flat_to_ga(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Nest the flat keys of a preview session or response as GA has them.

    Nothing is checked; null stays null, unknown and nested keys stay as they are.
    """
    settings: dict[str, Any] = {}
    for key, value in flat.items():
        if key == "modalities" and "audio" in (value or ()):
            # Audio always comes with its transcript, which preview spelled out as "text".
            value = ["audio"]
        elif (
            key in {"input_audio_format", "output_audio_format"}
            and value in FLAT_FORMATS
        ):
            value = dict(FLAT_FORMATS[value])
        elif key == "turn_detection" and value == {"type": "none"}:
            value = None
        settings[FLAT_PATHS.get(key, key)] = value
    return nest(settings)


def encode(event: Event, dialect: Dialect) -> Event:
    """Return a canonical client event in the words of the dialect, as a new event.

    Temperature is a preview setting: GA refuses the key, so it is dropped there. What preview
    lacks is dropped as well, except where the meaning would change: MCP tools, newer voices,
    images. Those raise InvalidConfigError, naming preview's own key.
    """
    key = _PAYLOADS.get(event["type"])
    if key is None or key not in event:
        return event
    return {**event, key: _ENCODERS[dialect][key](event[key])}


class Decoder:
    """Turns the events of one connection into canonical ones.

    `dialect` follows the frames: it is what `session.created` showed, whatever was asked for.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Begin with the dialect that the client has asked for."""
        self.dialect = dialect
        self._function_names: dict[str, str] = {}
        # Items that were created in progress, with their previous_item_id.
        self._unfinished: dict[str, str | None] = {}

    def decode(self, event: Event) -> list[Event]:
        """Return the canonical events that this one means, in order.

        The streams of deltas are not touched in GA: the list holds the event itself. Values of
        the wrong kind are left out. Of what is no event of any dialect, or lacks what its kind
        of event is about, this raises one of MALFORMED.
        """
        try:
            return self._decoded(event)
        except MALFORMED:
            return self._decoded(readable_event(event))

    def _decoded(self, event: Event) -> list[Event]:
        event_type = event["type"]
        if event_type == "response.output_audio.delta":
            if not is_audio_delta(event):
                raise TypeError("A piece of audio is of no item")
            return [event]
        if follow := self._FOLLOWED.get(event_type):
            events = follow(self, event)
        elif rename := _RENAMED.get(event_type):
            events = rename(event)
        else:
            events = [event]
        for decoded in events:
            check_shape(decoded)
        return events

    def _session(self, event: Event) -> list[Event]:
        session = event["session"]
        self.dialect = detect(session) or self.dialect
        if self.dialect is Dialect.PREVIEW:
            session = flat_to_ga(session)
        # An ephemeral key is a secret that the client does not need.
        session = {
            key: value for key, value in session.items() if key != "client_secret"
        }
        # Callers get copies of the session, made by way of JSON.
        orjson.dumps(session)
        return [{**_with_canonical_type(event), "session": session}]

    def _item_created(self, event: Event) -> list[Event]:
        """Return two events for preview's one: GA tells of an item when it is added, and when it is done."""
        added = {
            **event,
            "type": "conversation.item.added",
            "item": _item_to_ga(event["item"]),
        }
        if added["item"].get("status") == "in_progress":
            self._unfinished[added["item"]["id"]] = event.get("previous_item_id")
            return [added]
        return [added, {**added, "type": "conversation.item.done"}]

    def _output_item_added(self, event: Event) -> list[Event]:
        item = event["item"]
        if name := item.get("name"):
            self._function_names[item["id"]] = name
        return _item(event)

    def _output_item_done(self, event: Event) -> list[Event]:
        """Add the item's own done event, which GA sends just before the response's (captured 2025-12)."""
        done = {**event, "item": _item_to_ga(event["item"])}
        check_shape(done)
        item_id = done["item"].get("id")
        self._function_names.pop(item_id, None)
        if item_id not in self._unfinished:
            return [done]
        item_done = {
            "type": "conversation.item.done",
            "event_id": event.get("event_id"),
            "previous_item_id": self._unfinished.pop(item_id),
            "item": done["item"],
        }
        return [item_done, done]

    def _arguments_done(self, event: Event) -> list[Event]:
        """Add the function's name, which later preview versions give with the item only."""
        name = self._function_names.get(event.get("item_id", ""))
        return [event if name is None else {"name": name, **event}]

    # Events that read or update the decoder's state.
    _FOLLOWED: dict[str, Callable[[Decoder, Event], list[Event]]] = {
        "session.created": _session,
        "session.updated": _session,
        "transcription_session.updated": _session,
        "conversation.item.created": _item_created,
        "response.output_item.added": _output_item_added,
        "response.output_item.done": _output_item_done,
        "response.function_call_arguments.done": _arguments_done,
    }


def _item(event: Event) -> list[Event]:
    return [{**event, "item": _item_to_ga(event["item"])}]


def _with_canonical_type(event: Event) -> Event:
    return {**event, "type": canonical_type(event["type"])}


def _canonical(event: Event) -> list[Event]:
    return [_with_canonical_type(event)]


def _text_done(event: Event) -> list[Event]:
    """Rename `value`, under which services of 2024-10 have the text."""
    event = _with_canonical_type(event)
    if "text" not in event and "value" in event:
        event["text"] = event.pop("value")
    return [event]


def _truncated(event: Event) -> list[Event]:
    """Rename `index`, under which services of 2024-10 have the content index."""
    if "content_index" in event or "index" not in event:
        return [event]
    event = dict(event)
    event["content_index"] = event.pop("index")
    return [event]


def _response(event: Event) -> list[Event]:
    return [{**event, "response": _response_to_ga(event["response"])}]


def _response_to_ga(response: dict[str, Any]) -> dict[str, Any]:
    response = flat_to_ga(response)
    # Some services send a bare string (livekit/agents#5994).
    if isinstance(details := response.get("status_details"), str):
        response["status_details"] = {"type": details}
    if output := response.get("output"):
        response["output"] = [_item_to_ga(item) for item in output]
    return response


# Stateless renames and fix-ups.
_RENAMED: dict[str, Callable[[Event], list[Event]]] = {
    **dict.fromkeys(_CANONICAL_TYPES, _canonical),
    "conversation.item.added": _item,
    "conversation.item.done": _item,
    "conversation.item.retrieved": _item,
    "conversation.item.truncated": _truncated,
    "response.created": _response,
    "response.done": _response,
    "response.output_text.done": _text_done,
    "response.text.done": _text_done,
}


def canonical_type(event_type: str) -> str:
    """Return GA's name of a server event."""
    return _CANONICAL_TYPES.get(event_type, event_type)


def _item_to_ga(item: dict[str, Any]) -> dict[str, Any]:
    """Name the parts of an assistant's message as GA does. Some GA services use preview's names."""
    if item.get("role") is None:
        item = _with_kind(item)
    if item.get("role") != "assistant" or not item.get("content"):
        return item
    return {**item, "content": _rename_parts(item["content"], _ASSISTANT_PARTS)}


def _with_kind(item: dict[str, Any]) -> dict[str, Any]:
    """Add the type and role of an item that lacks them, where its other keys tell."""
    kind, parts = item.get("type"), item.get("content")
    if kind is None:
        if "output" in item:
            kind = "function_call_output"
        elif "arguments" in item or "name" in item:
            kind = "function_call"
        elif parts is not None:
            kind = "message"
    if kind == "message" and parts:
        is_said = str(parts[0].get("type")).startswith("input_")
        return {**item, "type": kind, "role": "user" if is_said else "assistant"}
    return item if kind is None else {**item, "type": kind}


def _rename_parts(
    parts: list[dict[str, Any]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {**part, "type": names.get(part.get("type", ""), part.get("type"))}
        for part in parts
    ]


def _session_to_ga_wire(session: dict[str, Any]) -> dict[str, Any]:
    """Add the session's type, which GA requires in every update (error captured on Azure)."""
    return {"type": "realtime", **_without_temperature(session)}


def _without_temperature(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "temperature"}


def _session_to_preview(session: dict[str, Any]) -> dict[str, Any]:
    flat = _flat(session)
    _refuse_mcp_tools(flat)
    if transcription := flat.get("input_audio_transcription"):
        flat["input_audio_transcription"] = _only(
            transcription, _PREVIEW_TRANSCRIPTION_KEYS
        )
    if noise_reduction := flat.get("input_audio_noise_reduction"):
        flat["input_audio_noise_reduction"] = _only(noise_reduction, ("type",))
    if turn_detection := flat.get("turn_detection"):
        flat["turn_detection"] = {
            k: v for k, v in turn_detection.items() if k != "idle_timeout_ms"
        }
    return _only(flat, (*FLAT_PATHS, *_PREVIEW_SESSION_KEYS))


def _response_to_preview(response: dict[str, Any]) -> dict[str, Any]:
    """Leave out the limit of tokens, whose name differs between services; the session has one."""
    flat = _flat(response)
    _refuse_mcp_tools(flat)
    if "input" in flat:
        flat["input"] = [
            _item_to_preview(item, f"input[{index}]")
            for index, item in enumerate(flat["input"])
        ]
    return _only(
        flat,
        (
            "modalities",
            "voice",
            "output_audio_format",
            *_PREVIEW_RESPONSE_KEYS,
            "input",
        ),
    )


def _item_to_preview(item: dict[str, Any], key: str = "item") -> dict[str, Any]:
    if str(item.get("type")).startswith("mcp_"):
        raise InvalidConfigError(f"{key}.type", "preview has no MCP tools")
    content = item.get("content")
    if content is None:
        return item
    for index, part in enumerate(content):
        if part.get("type") == "input_image":
            raise InvalidConfigError(
                f"{key}.content[{index}].type", "preview takes no images"
            )
    return {**item, "content": _rename_parts(content, {"output_text": "text"})}


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Take the settings of a canonical session or response under preview's names."""
    flat = {key: value for key, value in nested.items() if key != "audio"}
    for key, path in FLAT_PATHS.items():
        found, value = _get(nested, path)
        if found:
            flat.pop(path, None)
            flat[key] = value
    if flat.get("modalities") == ["audio"]:
        flat["modalities"] = ["audio", "text"]
    for key in ("input_audio_format", "output_audio_format"):
        if key in flat:
            flat[key] = _FLAT_FORMAT_BY_TYPE[flat[key]["type"]]
    if "voice" in flat and flat["voice"] not in PREVIEW_VOICES:
        raise InvalidConfigError("voice", f"preview has {', '.join(PREVIEW_VOICES)}")
    return flat


def _refuse_mcp_tools(flat: Mapping[str, Any]) -> None:
    for index, tool in enumerate(flat.get("tools", ())):
        if tool["type"] == "mcp":
            raise InvalidConfigError(f"tools[{index}].type", "preview has no MCP tools")
    if (
        isinstance(choice := flat.get("tool_choice"), Mapping)
        and choice["type"] == "mcp"
    ):
        raise InvalidConfigError("tool_choice.type", "preview has no MCP tools")


def _only(settings: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: settings[key] for key in keys if key in settings}


def _get(nested: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Return whether there is a value under a dotted path, and the value, which may be None."""
    *groups, name = path.split(".")
    for group in groups:
        nested = nested.get(group, {})
    return name in nested, nested.get(name)


_PAYLOADS = {
    "session.update": "session",
    "response.create": "response",
    "conversation.item.create": "item",
}
_ENCODERS: dict[Dialect, dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    Dialect.GA: {
        "session": _session_to_ga_wire,
        "response": _without_temperature,
        "item": lambda item: item,
    },
    Dialect.PREVIEW: {
        "session": _session_to_preview,
        "response": _response_to_preview,
        "item": _item_to_preview,
    },
}
