"""What becomes of one turn, told to those who watch the assistant."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.components.websocket_api import current_connection
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_bytes
from homeassistant.util.json import json_loads
from homeassistant.util.ulid import ulid_now

from ..realtime import Delta, Response, ToolCall

# What is shown of a tool's result, in bytes of JSON.
MAX_RESULT: Final = 4096
# How many entities of a call are named.
_MAX_ENTITIES = 32


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """An event of one turn: ``event`` is as the websocket commands tell it."""

    conversation_id: str
    turn_id: str
    event: Mapping[str, Any]


class Telling:
    """Tells the words, tool calls, cost and time of one turn while they come.

    Times in its events are ms from the beginning of the turn.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        conversation_id: str,
        tell: Callable[[TurnEvent], None],
    ) -> None:
        """Begin a turn; ``tell`` hears each event.

        ``item_id`` is that of what the person says, once it is known. ``has_words`` tells
        whether the words were told, ``has_failed`` whether it was told why there is no answer.
        """
        self.turn_id = self.item_id = ulid_now()
        self.has_words = self.has_failed = False
        self._hass = hass
        self._conversation_id = conversation_id
        self._tell_event = tell
        self._loop = asyncio.get_running_loop()
        self._began = self._asked = self._loop.time()
        self._steps: list[dict[str, Any]] = []
        self._called: dict[str, float] = {}
        self._latency: dict[str, int] = {}
        self._words: dict[str, list[str]] = {}
        self._told_response: str | None = None
        self._is_started = False
        self._is_over = False

    @callback
    def tell(self, event_type: str, **fields: Any) -> None:
        """Tell an event of the turn."""
        event = {"type": event_type, **fields}
        self._tell_event(TurnEvent(self._conversation_id, self.turn_id, event))

    @callback
    def start(self, source: Mapping[str, Any]) -> None:
        """Tell that the turn has begun, and where; once."""
        if not self._is_started:
            self._is_started = True
            self.tell("turn_started", source=source)

    @callback
    def user_text(self, text: str, *, is_final: bool = True) -> None:
        """Tell what the person has said so far: all of it."""
        self.has_words = True
        self.tell("user_text", item_id=self.item_id, text=text, final=is_final)

    # Speech

    @callback
    def speech_started(self, item_id: str) -> None:
        """Tell that the service hears a person."""
        self.item_id = item_id
        self.tell("speech_started", item_id=item_id)

    @callback
    def speech_stopped(self, item_id: str) -> None:
        """Tell that the service hears the person no more."""
        self.tell("speech_stopped", item_id=item_id)

    @callback
    def heard(
        self,
        item_id: str,
        began: float | None,
        ended: float,
        silence_ms: int | None,
    ) -> None:
        """Note that what was said is an item: the time of the answer begins.

        ``began`` and ``ended`` are times of the event loop: when it was first heard, and
        when its end was found, after so much silence, as far as that is known.
        """
        self.item_id = item_id
        began = ended if began is None else began
        last_word = max(began, ended - (silence_ms or 0) / 1000)
        self.asked(began)
        self.step("speech", began, last_word)
        self.step("end_of_turn", last_word)
        self._asked = ended

    @callback
    def interrupted(self, item_id: str | None, audio_end_ms: int, text: str) -> None:
        """Tell where a reply ends that the person has talked over."""
        self.tell("interrupted", item_id=item_id, audio_end_ms=audio_end_ms, text=text)

    # Time

    @callback
    def step(self, name: str, start: float, end: float | None = None) -> None:
        """Note what took from ``start`` until ``end``, or now: times of the event loop."""
        until = self._loop.time() if end is None else end
        self._steps.append(
            {"name": name, "start_ms": self._ms(start), "end_ms": self._ms(until)}
        )

    @callback
    def asked(self, since: float | None = None) -> None:
        """Note since when somebody waits for the next word: now, or a time of the event loop."""
        self._asked = self._loop.time() if since is None else since
        self._began = min(self._began, self._asked)

    def _ms(self, time: float) -> int:
        return max(0, round((time - self._began) * 1000))

    # Responses

    @callback
    def delta(self, response: Response, delta: Delta) -> None:
        """Tell a piece of a response, its sound excepted."""
        if response.id not in self._latency:
            seconds = self._loop.time() - self._asked
            self._latency[response.id] = max(0, round(seconds * 1000))
        if delta.kind == "audio":
            return
        self._words.setdefault(delta.item_id, []).append(delta.text)
        self.tell(
            "text", item_id=delta.item_id, response_id=response.id, delta=delta.text
        )

    @callback
    def response_done(self, response: Response, since: float) -> None:
        """Tell the end of a response that was begun at ``since``, and what it took; once."""
        if response.id == self._told_response:
            return
        self._told_response = response.id
        for item_id in list(self._words):
            self.tell("text_done", item_id=item_id, text="".join(self._words[item_id]))
        self._words.clear()
        self.step("model", since)
        self.tell(
            "response_done",
            response_id=response.id,
            status=response.status,
            latency_ms=self._latency.get(response.id),
            usage=_usage(response),
            cost=None,
        )

    # Tools

    @callback
    def called(self, call: llm.ToolInput, title: str | None = None) -> None:
        """Tell that the model calls a tool."""
        self._called[call.id] = self._loop.time()
        self.tell(
            "tool_call",
            call_id=call.id,
            name=call.tool_name,
            title=title,
            arguments=call.tool_args,
        )

    @callback
    def result(self, call_id: str, name: str, result: llm.ToolResult) -> None:
        """Tell what a tool has returned."""
        now = self._loop.time()
        began = self._called.pop(call_id, now)
        self.step("tool", began, now)
        self.tell(
            "tool_result",
            call_id=call_id,
            name=name,
            error=result.error,
            result=_bounded(result.data),
            entities=list(self._entities(result.data)),
            ms=round((now - began) * 1000),
        )
        self.asked()

    @callback
    def call(self, call: ToolCall) -> None:
        """Tell that the model calls a tool, in the words of the model."""
        arguments = _parsed(call.arguments)
        is_object = isinstance(arguments, dict)
        self.called(
            llm.ToolInput(call.name, arguments if is_object else {}, call.call_id)
        )

    @callback
    def output(self, call: ToolCall, output: str) -> None:
        """Tell what a tool has returned, as the model is told it."""
        data = _parsed(output)
        error = isinstance(data, dict) and "error" in data
        self.result(call.call_id, call.name, llm.ToolResult(data, error=error))

    def _entities(self, data: Any) -> Iterator[str]:
        """Yield the ids of entities that are named in a result, each once."""
        found: set[str] = set()
        # A list would be moved for each value that is taken from its front.
        waiting = deque([data])
        while waiting and len(found) < _MAX_ENTITIES:
            match waiting.popleft():
                case Mapping() as mapping:
                    waiting += [*mapping.keys(), *mapping.values()]
                case list() | tuple() as values:
                    waiting += values
                case str() as text if "." in text and text not in found:
                    if len(text) < 256 and self._hass.states.get(text) is not None:
                        found.add(text)
                        yield text

    # The end

    @callback
    def failed(
        self,
        message: str,
        key: str | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> None:
        """Tell why there is no answer, in one sentence."""
        self.has_failed = True
        self.tell(
            "error",
            message=message,
            translation_key=key,
            translation_placeholders=placeholders or {},
            can_retry=True,
        )

    @callback
    def done(self) -> None:
        """Tell the end of the turn, and where its time went; once."""
        if self._is_started and not self._is_over:
            self._is_over = True
            steps = sorted(self._steps, key=lambda step: step["start_ms"])
            self.tell("turn_done", steps=steps)


def source_of(satellite_id: str | None, device_id: str | None) -> dict[str, Any]:
    """Return where a person speaks, as far as it is known of a turn of the conversation entity."""
    if satellite_id or device_id:
        return {
            "kind": "satellite",
            "entity_id": satellite_id,
            "device_id": device_id,
        }
    return {"kind": "unknown" if current_connection.get() is None else "dialog"}


def _usage(response: Response) -> dict[str, int] | None:
    if (usage := response.usage) is None:
        return None
    details = usage.get("input_token_details") or {}
    return {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "total_tokens": usage.get("total_tokens", 0),
        "cached_tokens": details.get("cached_tokens", 0),
    }


def _parsed(text: str) -> Any:
    try:
        return json_loads(text)
    except ValueError:
        return text


def _bounded(data: Any) -> Any:
    """Return what a tool has returned, or the beginning of its JSON where that is long."""
    try:
        text = json_bytes(data)
    except TypeError, ValueError:
        return None
    if len(text) <= MAX_RESULT:
        return json_loads(text)
    return text[:MAX_RESULT].decode(errors="ignore")
