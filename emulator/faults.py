"""The faults of a real service, which tests switch on by name.

    NAME[:ARGUMENT][*TIMES]

Without TIMES a fault lasts until a test removes it. `--help` prints the tables below.
"""

from typing import Any

from .wire.events import Event

FAULTS = {
    # The handshake, Azure's way: an HTTP status before the upgrade.
    "http_400": "handshake: 400 OpperationNotSupported (sic), the model cannot do realtime",
    "http_400_spelled": "the same, spelled OperationNotSupported",
    "http_400_api_version": "handshake: 400 API version not supported",
    "http_401": "handshake: 401 access denied",
    "http_403": "handshake: 403 network rules",
    "http_404_deployment": "handshake: 404 DeploymentNotFound",
    "http_404_resource": "handshake: 404 Resource not found",
    "http_429": "handshake: 429 with retry-after and retry-after-ms (argument: ms, default 1500)",
    "http_500": "handshake: 500",
    "http_503": "handshake: 503",
    # The handshake, OpenAI's way: upgrade, error, close.
    "openai_invalid_api_key": "101, error invalid_api_key, close 3000",
    "openai_invalid_model": "101, error invalid_model, close 4000",
    "openai_missing_model": "101, error missing_model, close 4000",
    "openai_beta_disabled": "101, error beta_api_shape_disabled, close 4000",
    "openai_insufficient_quota": "101, error insufficient_quota, close 4000",
    # The connection.
    "wrong_dialect": "the session speaks preview on the GA path, and GA on the preview path",
    "no_session_created": "session.created never comes; else the session works",
    "slow_pong": "pongs come late (argument: seconds, default 1)",
    "no_pong": "pings are not answered",
    "session_expires": "error session_expired and close 1001 after (argument: seconds, default 1)",
    "no_expires_at": "session.created has expires_at null",
    "ends_at": "the socket ends (argument: STAGE/MANNER, as below, e.g. speech/reset)",
    # Commands.
    "no_ack": "a client event (argument: its type) is swallowed: not done, not acknowledged",
    "late_ack": "a client event (argument: its type) is handled 300 ms late",
    "round_trip": "events come late, and hold up nothing (argument: ms, default 200)",
    "refuse": "a client event (argument: TYPE or TYPE/MESSAGE) is refused: server_error",
    # The wire.
    "null_error_codes": "errors have code null, as in 2024",
    "null_error_event_ids": "errors name no client event, as with some gateways",
    "unknown_events": "an event of an unknown type goes before every response.created",
    "constant_event_ids": "all events have the same id, as with some gateways",
    "null_event_ids": "events have no id, as with others",
    "long_ids": "the service gives items and calls ids of 53 characters, as some gateways do",
    "chosen_ids": "the service gives clients' items ids of its own, as some gateways do",
    "missing_keys": "events lack keys (argument: TYPE/KEY, as below; default: of items)",
    "odd_done": "response.done has values of odd kinds (argument: which, as below)",
    "stray_response": "an event of an unknown response after session.updated (argument: its type)",
    "unknown_keys": "every event, session, item and response has a key nobody knows",
    "truncated_json": "half a JSON frame goes before every response.created",
    "binary_frame": "a binary frame goes before every response.created",
    "huge_event": "20 MiB go with every response.created (argument: what, as below)",
    "flood": "events go before every response.created as fast as they can (argument: 2000)",
    "doubled_events": "every event except audio deltas comes twice",
    "reordered_events": "events change places (argument: which, as below, default ends)",
    "schema_2024": "text.done has `value`, item.truncated has `index`",
    # Responses.
    "response_failed": "responses end failed with server_error, code null",
    "response_rate_limited": "responses end failed with rate_limit_exceeded",
    "response_quota": "responses end failed with insufficient_quota",
    "response_incomplete": "responses end incomplete, max_output_tokens, after some output",
    "content_filter": "responses end incomplete, content_filter, after some output",
    "response_empty": "responses complete without any output",
    "response_stalls": "responses stop after the third delta and never end",
    "string_status_details": "status_details is a bare string",
    "no_usage": "response.done has usage null",
    "late_answer": "turn detection's own response begins late (argument: seconds, default 0.3)",
    "no_answer": "turn detection begins no response, whatever create_response says",
    "late_cancel": "response.cancel takes effect late (argument: seconds, default 0.5)",
    "no_rate_limits": "rate_limits.updated never comes",
    # Transcription of what the user said.
    "transcription_late": "transcripts come late (argument: seconds, default 1)",
    "transcription_failed": "transcription fails, as Azure does for a missing deployment",
    "no_transcription": "transcription events never come",
}

# The argument of `ends_at`.
STAGES = {
    "connect": "where the handshake would be answered (1006, reset and silence only)",
    "created": "before session.created",
    "speech": "after speech_started",
    "thinking": "after response.created",
    "audio": "after the third delta of a response, if that is one of audio",
    "text": "the same, of text",
    "arguments": "the same, of a tool call's arguments",
    "tool": "after response.done, if the response calls tools",
    "idle": "after response.done, if it calls none",
    "TYPE": "when a client event of this type arrives, which is not done then",
}
MANNERS = {
    "1000": "a close frame with this code, or any other than the next two; 1000:REASON says why",
    "1005": "a close frame without a code",
    "1006": "no close frame",
    "reset": "a TCP reset",
    "silence": "the connection stays open, and nothing comes any more",
    "CODE": "an error with this code, e.g. server_error, then close 1011",
}

# The argument of `reordered_events`.
ORDERS = {
    "ends": "transcript .done before audio .done, output_item.done before item .done",
    "created": "response.created after the first output_item.added",
    "done": "response.done before the .done of every part of it",
    "committed": "input_audio_buffer.committed after the item that it tells of",
    "transcript": "the transcript of what the user said before the item",
}

# The argument of `missing_keys`: a key may be below others, as in `response.done/response.output`.
# Without it, events of the conversation lack keys of their items.

# The argument of `huge_event`.
SIZES = {
    "unknown": "an event of an unknown type, before it; so without argument",
    "item": "an item of the conversation, before it",
    "transcript": "a delta of the transcript, after it",
    "audio": "a delta of the audio, after it",
}

# The argument of `odd_done`.
ODDITIES: dict[str, dict[str, Any]] = {
    "usage": {
        "usage": {"total_tokens": 19.5, "input_tokens": 12.5, "output_tokens": 7.0}
    },
    "output": {"output": [None, {"id": None, "type": 7}]},
    "metadata": {"metadata": ["a", "b"]},
    "status_details": {"status_details": ["odd"]},
    "status": {"status": None},
    "id": {"id": None},
}

# The default of `missing_keys`, in every conversation.item event of an item.
_SPARED_KEYS = ("type", "role", "status", "arguments", "output")

_HUGE = 20 * 1024 * 1024


class Faults:
    """The faults that are switched on."""

    def __init__(self, specs: tuple[str, ...] = ()) -> None:
        """Switch on the faults that the command line names."""
        self._times: dict[tuple[str, str], int | None] = {}  # by name and argument
        for spec in specs:
            self.add(spec)

    def add(self, spec: str, *, times: int | None = None) -> None:
        """Switch a fault on: `name`, `name:argument`, `name*2`. Raises ValueError for an unknown name."""
        spec, _, count = spec.partition("*")
        name, _, argument = spec.partition(":")
        if name not in FAULTS:
            raise ValueError(f"no fault is called {name}")
        self._times[(name, argument)] = int(count) if count else times

    def remove(self, spec: str) -> None:
        """Switch off a fault that was added as `name` or `name:argument`."""
        name, _, argument = spec.partition(":")
        self._times.pop((name, argument), None)

    def clear(self) -> None:
        """Switch all faults off."""
        self._times.clear()

    def take(self, name: str) -> str | None:
        """Return the argument of a fault if it is on (and use it up once), else None."""
        for active_name, argument in self._times:
            if active_name == name:
                self._use(active_name, argument)
                return argument
        return None

    def hits(self, name: str, argument: str) -> str | None:
        """Like `take`, for faults that name a client event or a stage.

        `ends_at:STAGE/MANNER` gives MANNER.
        """
        for active_name, target in self._times:
            target_type, _, rest = target.partition("/")
            if active_name == name and target_type == argument:
                self._use(active_name, target)
                return rest
        return None

    def _use(self, name: str, argument: str) -> None:
        times = self._times[(name, argument)]
        if times == 1:
            del self._times[(name, argument)]
        elif times is not None:
            self._times[(name, argument)] = times - 1


_ITEM_ADDED = ("conversation.item.added", "conversation.item.created")
_PARTS_DONE = (
    "audio.done",
    "audio_transcript.done",
    "text.done",
    "arguments.done",
    "content_part.done",
    "output_item.done",
)


class Wire:
    """Disturbs the events of one session on their way out, where a fault says so."""

    # By order: the ends of the types that come late, and the ends of the types they come after.
    _LATE: dict[
        str, tuple[tuple[str | tuple[str, ...], str | tuple[str, ...]], ...]
    ] = {
        "ends": (
            ("audio.done", "audio_transcript.done"),
            ("conversation.item.done", "response.output_item.done"),
        ),
        "created": (("response.created", "response.output_item.added"),),
        "done": ((_PARTS_DONE, "response.done"),),
        "committed": (("input_audio_buffer.committed", _ITEM_ADDED),),
        "transcript": (
            ((*_ITEM_ADDED, "conversation.item.done"), "transcription.completed"),
        ),
    }

    def __init__(self, faults: Faults) -> None:
        """Start undisturbed."""
        self._faults = faults
        self._held: list[tuple[str | tuple[str, ...], Event]] = []

    def frames(self, event: Event) -> list[Event | str | bytes]:
        """Return the events to send for an event, and the frames that are not events."""
        frames: list[Event | str | bytes] = []
        if event["type"] == "response.created":
            frames += self._noise()
        frames += self._reordered(self._bent(event))
        if event["type"] == "response.created":
            frames += self._huge_deltas(event["response"].get("id", ""))
        if event["type"] == "session.updated":
            frames += self._stray()
        if not event["type"].endswith("audio.delta") and self._is_on("doubled_events"):
            frames += frames[-1:]
        return frames

    def _is_on(self, name: str) -> bool:
        return self._faults.take(name) is not None

    def _noise(self) -> list[Event | str | bytes]:
        noise: list[Event | str | bytes] = []
        if self._is_on("unknown_events"):
            noise.append(
                {
                    "type": "response.mood.updated",
                    "event_id": "event_x",
                    "mood": "sunny",
                }
            )
        if self._is_on("truncated_json"):
            noise.append('{"type": "response.created", "respo')
        if self._is_on("binary_frame"):
            noise.append(b"\x00\x01\x02")
        if self._huge("unknown") or self._huge(""):
            noise.append({"type": "response.novel.added", "novel": "x" * _HUGE})
        if self._huge("item"):
            content = [{"type": "input_text", "text": "x" * _HUGE}]
            item = {"id": "item_novel", "type": "message", "role": "system"}
            noise.append(
                {
                    "type": "conversation.item.added",
                    "item": {**item, "content": content},
                }
            )
        if (count := self._faults.take("flood")) is not None:
            noise += [
                {"type": "response.drop.added", "drop": number}
                for number in range(int(count or 2000))
            ]
        return noise

    def _stray(self) -> list[Event | str | bytes]:
        """Return an event of a response that nobody has asked for, and that never ends."""
        if (event_type := self._faults.take("stray_response")) is None:
            return []
        response_id = "resp_stray"
        event: Event = {
            "type": event_type or "response.output_text.delta",
            "event_id": "event_stray",
            "response_id": response_id,
            "item_id": "item_stray",
            "content_index": 0,
            "delta": "stray",
            "item": {"id": "item_stray", "type": "message", "role": "assistant"},
        }
        if event["type"] == "response.created":
            event["response"] = {"id": response_id, "status": "in_progress"}
        return [event]

    def _huge(self, what: str) -> bool:
        return self._faults.hits("huge_event", what) is not None

    def _huge_deltas(self, response_id: str) -> list[Event | str | bytes]:
        place = {
            "response_id": response_id,
            "item_id": "item_novel",
            "content_index": 0,
        }
        return [
            {
                "type": f"response.output_audio{kind}.delta",
                **place,
                "delta": what[0] * _HUGE,
            }
            for what, kind in (("transcript", "_transcript"), ("Audio", ""))
            if self._huge(what.lower())
        ]

    def _bent(self, event: Event) -> Event:
        if event["type"] == "error" and self._is_on("null_error_codes"):
            event = {**event, "error": {**event["error"], "code": None}}
        if event["type"] == "error" and self._is_on("null_error_event_ids"):
            event = {**event, "error": {**event["error"], "event_id": None}}
        event = self._without_ids(event)
        details = event.get("response", {}).get("status_details")
        if details and self._is_on("string_status_details"):
            text = details.get("reason") or details["error"]["message"]
            event = {**event, "response": {**event["response"], "status_details": text}}
        if event["type"].endswith("text.done") and self._is_on("schema_2024"):
            event = _renamed(event, "text", "value")
        if event["type"] == "conversation.item.truncated" and self._is_on(
            "schema_2024"
        ):
            event = _renamed(event, "content_index", "index")
        if event["type"] == "response.done":
            event = self._odd(event)
        if (key := self._faults.hits("missing_keys", event["type"])) is not None:
            event = _without(event, key.split("."))
        elif event["type"].startswith("conversation.item.") and "item" in event:
            if self._faults.hits("missing_keys", "") is not None:
                for key in _SPARED_KEYS:
                    event = _without(event, ["item", key])
        if self._is_on("unknown_keys"):
            event = {key: _with_unknown_key(value) for key, value in event.items()}
            event["x_novelty"] = {"nested": [1, None]}
        return event

    def _without_ids(self, event: Event) -> Event:
        """Give events no ids of their own; they have no padding either, so that some are equal."""
        for fault, event_id in (
            ("constant_event_ids", "event_of_a_gateway"),
            ("null_event_ids", None),
        ):
            if self._is_on(fault):
                event = {**event, "event_id": event_id}
                event.pop("obfuscation", None)
        return event

    def _odd(self, event: Event) -> Event:
        for name, values in ODDITIES.items():
            is_default = name in {"usage", "output", "metadata"}
            if self._faults.hits("odd_done", name) is not None or (
                is_default and self._faults.hits("odd_done", "") is not None
            ):
                event = {**event, "response": {**event["response"], **values}}
        return event

    def _reordered(self, event: Event) -> list[Event]:
        if (order := self._faults.take("reordered_events")) is not None:
            for late, after in self._LATE[order or "ends"]:
                if event["type"].endswith(late) and _comes_with(event, order):
                    self._held.append((after, event))
                    return []
        waiting, self._held = self._held, []
        released = []
        for after, held in waiting:
            if event["type"].endswith(after):
                released.append(held)
            else:
                self._held.append((after, held))
        return [event, *released]


def _comes_with(event: Event, order: str) -> bool:
    """Say whether the event that a late event waits for is sure to come."""
    item = event.get("item")
    if item is None:
        return True
    if order == "transcript":
        return any(part["type"] == "input_audio" for part in item.get("content", ()))
    generated: bool = item.get("role") == "assistant" or item["type"] == "function_call"
    return generated and item["status"] != "in_progress"


def _without(event: Event, path: list[str]) -> Event:
    """Return an event without the key at a path."""
    key, *rest = path
    if key not in event:
        return event
    if not rest:
        return {name: value for name, value in event.items() if name != key}
    return {**event, key: _without(event[key], rest)}


def _renamed(event: Event, key: str, name: str) -> Event:
    return {name if each == key else each: value for each, value in event.items()}


def _with_unknown_key(value: Any) -> Any:
    return {**value, "x_novelty": True} if isinstance(value, dict) else value
