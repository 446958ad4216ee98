"""What is missing or odd in an event costs that event at most, whatever comes after it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
import copy
import logging
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionLostError,
    ModelStatus,
)
from custom_components.azure_realtime_audio.realtime.protocol import commands
from custom_components.azure_realtime_audio.realtime.protocol.acknowledgements import (
    PendingCommand,
)
from emulator.wire.conversation import Conversation, Item
from emulator.wire.dialect import Ga

from .conftest import SESSION, Bench

QUESTION = {
    "id": "item_q",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Which?"}],
}
OF_ANSWER: dict[str, Any] = {
    "response_id": "resp_1",
    "item_id": "item_a",
    "content_index": 0,
}
OF_CALL = {"response_id": "resp_1", "item_id": "item_c"}


def _item(status: str, content: list[Any]) -> dict[str, Any]:
    return {
        "id": "item_a",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _call(status: str, arguments: str) -> dict[str, Any]:
    return {
        "id": "item_c",
        "type": "function_call",
        "status": status,
        "call_id": "call_1",
        "name": "turn_on",
        "arguments": arguments,
    }


SAID = [{"type": "output_audio", "transcript": "This one."}]
ANSWER = _item("completed", SAID)
CALL = _call("completed", '{"a":1}')
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "conversation_id": "conv_1",
    "status": "in_progress",
    "status_details": None,
    "output": [],
    "usage": None,
    "metadata": None,
}
DONE = {
    **RESPONSE,
    "status": "completed",
    "output": [ANSWER, CALL],
    "usage": {
        "input_tokens": 12,
        "output_tokens": 7,
        "input_token_details": {"cached_tokens": 2},
    },
    "metadata": {"a": "b"},
}
# A session from its greeting on: a question, spoken and written, an answer and a call.
EVENTS: list[dict[str, Any]] = [
    {"type": "session.updated", "session": {**SESSION, "expires_at": 7}},
    {
        "type": "input_audio_buffer.committed",
        "item_id": "item_s",
        "previous_item_id": None,
    },
    {
        "type": "conversation.item.added",
        "previous_item_id": None,
        "item": {
            **QUESTION,
            "id": "item_s",
            "content": [{"type": "input_audio", "transcript": None}],
        },
    },
    {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_s",
        "content_index": 0,
        "transcript": "Hello",
    },
    {"type": "conversation.item.added", "previous_item_id": "item_s", "item": QUESTION},
    {"type": "conversation.item.done", "previous_item_id": "item_s", "item": QUESTION},
    {"type": "error", "error": {"type": "x", "code": "y", "message": "z"}},
    {"type": "response.created", "response": RESPONSE},
    {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "output_index": 0,
        "item": _item("in_progress", []),
    },
    {
        "type": "conversation.item.added",
        "previous_item_id": "item_q",
        "item": _item("in_progress", []),
    },
    {
        "type": "response.content_part.added",
        **OF_ANSWER,
        "part": {"type": "audio", "transcript": ""},
    },
    {"type": "response.output_audio_transcript.delta", **OF_ANSWER, "delta": "This "},
    {"type": "response.output_audio.delta", **OF_ANSWER, "delta": "AAAAAAAA"},
    {"type": "response.output_audio_transcript.delta", **OF_ANSWER, "delta": "one."},
    {"type": "response.output_audio.done", **OF_ANSWER},
    {
        "type": "response.output_audio_transcript.done",
        **OF_ANSWER,
        "transcript": "This one.",
    },
    {"type": "conversation.item.done", "previous_item_id": "item_q", "item": ANSWER},
    {"type": "response.output_item.done", "response_id": "resp_1", "item": ANSWER},
    {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "item": _call("in_progress", ""),
    },
    {
        "type": "conversation.item.added",
        "previous_item_id": "item_a",
        "item": _call("in_progress", ""),
    },
    {
        "type": "response.function_call_arguments.delta",
        **OF_CALL,
        "call_id": "call_1",
        "delta": '{"a":1}',
    },
    {
        "type": "response.function_call_arguments.done",
        **OF_CALL,
        "call_id": "call_1",
        "arguments": '{"a":1}',
    },
    {"type": "conversation.item.done", "previous_item_id": "item_a", "item": CALL},
    {"type": "response.output_item.done", "response_id": "resp_1", "item": CALL},
    {"type": "response.done", "response": DONE},
    {"type": "conversation.item.truncated", "item_id": "item_x", "audio_end_ms": 1},
    {"type": "conversation.item.deleted", "item_id": "item_y"},
    {"type": "input_audio_buffer.cleared"},
]
ODD: list[Any] = [None, True, 7, 0.5, "", "odd", [], ["odd"], [None], {}, {"odd": 7}]
GONE = object()

type Path = tuple[Any, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path to every value below a value."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from paths(value[key], (*path, key))


def changed(event: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return an event with another value at a path, or without the key."""
    event = copy.deepcopy(event)
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(value)
    return event


def wrong_kinds(index: int, path: Path) -> list[Any]:
    """Return values that are odd at a path: another of the same kind may well be right."""
    value: Any = EVENTS[index]
    for key in path:
        value = value[key]
    return [odd for odd in ODD if type(odd) is not type(value) or not odd]


class Log(logging.Handler):
    """Keeps what the library logs as an error: a bug of ours."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, with its traceback."""
        self.lines.append(logging.Formatter().format(record))


class Story:
    """What a client does while the service tells these events."""

    def __init__(self) -> None:
        """Begin with a session in use."""
        self.bench = Bench()
        self.bench.speech.add(bytes(4))
        self.pending: dict[str, PendingCommand[Any]] = {}

    def tell(self, events: list[dict[str, Any]]) -> None:
        """Let the service send events, in answer to what a client does."""
        live = self.bench.live
        for command in (
            commands.commit_audio(),
            commands.create_item(live, QUESTION),
            commands.create_response(live, None),
            commands.truncate_item(live, "item_x", 0, 1),
            commands.delete_item(live, "item_y"),
            commands.clear_audio(),
        ):
            self.pending[command.type] = live.pending.add(command, 10.0)
        for event in events:
            fields = {key: value for key, value in event.items() if key != "type"}
            self.bench.receive(event["type"], **fields)

    def told_again(self) -> dict[str, dict[str, Any]]:
        """Lose the session; return what the next one is told, by id, as the service takes it.

        The result of the call comes while there is no session.
        """
        self.bench.live.end(ConnectionLostError())
        output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
        self.bench.record.record_sent({"id": "item_o", **output}, None)
        service, conversation = Ga(), Conversation()
        told = {}
        for item in self.bench.record.items():
            written = commands.create_item(self.bench.live, item).payload["item"]
            conversation.add(Item.created(service.item(written)))
            told[item["id"]] = item
        return told


@pytest.fixture
def logged() -> Iterator[Log]:
    """Keep what the library logs as errors."""
    with logged_errors() as handler:
        yield handler


@contextmanager
def logged_errors() -> Iterator[Log]:
    """Keep what the library logs as errors."""
    logger = logging.getLogger("custom_components.azure_realtime_audio.realtime")
    handler = Log()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def assert_costs_that_event_at_most(
    index: int, odd: dict[str, Any], log: Log
) -> None:
    """Tell the story with one event changed; the rest of it has its effect."""
    story = Story()
    story.tell([*EVENTS[:index], odd, *EVENTS[index + 1 :]])
    live = story.bench.live
    # Commands have their results, and responses end.
    waiting = [each for each in story.pending.values() if not each.future.done()]
    assert waiting == []
    response = story.pending["response.create"].future.result()
    assert response.is_done
    assert not live.responses
    assert not live.is_answering
    assert response.transcript == "This one."
    (call,) = response.tool_calls
    assert (call.call_id, call.name) == ("call_1", "turn_on")
    assert story.bench.word() is ModelStatus.THINKING  # the tool runs
    # The next session is told what the other events have told, and takes it.
    told = story.told_again()
    assert {"item_q", "item_a", "item_c", "item_o"} <= told.keys()
    assert told["item_q"]["content"] == QUESTION["content"]
    assert told["item_a"]["content"] == [{"type": "output_text", "text": "This one."}]
    assert log.lines == []


@pytest.mark.parametrize("index", range(len(EVENTS)))
async def test_missing_key(index: int, logged: Log) -> None:
    """Each key of each event is taken away once."""
    for path in paths(EVENTS[index]):
        if path != ("type",):
            odd = changed(EVENTS[index], path, GONE)
            await assert_costs_that_event_at_most(index, odd, logged)


@pytest.mark.parametrize("index", range(len(EVENTS)))
async def test_odd_value(index: int, logged: Log) -> None:
    """Each value is null once, and of each wrong kind."""
    for path in paths(EVENTS[index]):
        if path != ("type",):
            for value in wrong_kinds(index, path):
                odd = changed(EVENTS[index], path, value)
                await assert_costs_that_event_at_most(index, odd, logged)


@st.composite
def odd_events(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    """Draw an event of the story with up to six oddities in it."""
    # The last event has no key but its type.
    index = draw(st.integers(0, len(EVENTS) - 2))
    event = EVENTS[index]
    kinds = [path for path in paths(event) if path != ("type",)]
    for path in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=6)):
        odd = draw(st.sampled_from([GONE, *wrong_kinds(index, path)]))
        with suppress(LookupError, TypeError):  # an oddity before it took its place
            event = changed(event, path, odd)
    return index, event


@given(odd_events())
@settings(max_examples=1_000, deadline=None, derandomize=True)
def test_anything_odd(drawn: tuple[int, dict[str, Any]]) -> None:
    """Whatever is odd in an event at once, it costs that event at most."""
    index, odd = drawn
    with logged_errors() as log:
        asyncio.run(assert_costs_that_event_at_most(index, odd, log))


def test_whole_numbers_as_fractions(bench: Bench) -> None:
    """Some services write every number with a point."""
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    delta: dict[str, Any] = {**OF_ANSWER, "content_index": 0.0, "item_id": "item_1"}
    bench.receive("conversation.item.added", item=item)
    bench.receive("response.output_audio.delta", **delta, delta="A" * 64_000)
    bench.receive("response.output_text.delta", **delta, delta="abcd")
    bench.receive("conversation.item.truncated", item_id="item_1", audio_end_ms=500.0)
    (told,) = bench.record.items()
    assert told["content"] == [{"type": "output_text", "text": "ab"}]


def test_no_event_of_any_kind(bench: Bench) -> None:
    """A frame that has no type, or of which a part is nested too deeply, is nothing."""
    heard: list[Any] = []
    bench.emitter.on("*", heard.append)
    deep = b"[" * 900 + b"]" * 900
    for frame in (
        b"[]",
        b'{"type": 7}',
        b'{"type": []}',
        b'{"type":"response.done","response":{"output":[{"id":"a","arguments":%b}]}}',
    ):
        bench.live.receive(frame.replace(b"%b", deep), 0.0)
    assert heard == []


def test_beginning_that_is_told_again(bench: Bench) -> None:
    """An odd second beginning of a response is nothing new."""
    bench.receive("response.created", response={"id": "resp_1"})
    bench.receive("response.created", response={})
    bench.receive("response.output_text.delta", **OF_ANSWER, delta="a")
    heard: list[Any] = []
    bench.emitter.on("response.created", heard.append)
    bench.receive("response.done", response={"id": "resp_2"})
    assert [event["response"]["id"] for event in heard] == ["resp_2"]


async def test_stray_event_while_a_response_is_asked_for(bench: Bench) -> None:
    """One event of a response that is not known is not taken for its beginning."""
    live = bench.live
    asking = live.pending.add(commands.create_response(live, None), 10.0)
    stray = {**OF_ANSWER, "response_id": "resp_stray", "delta": "a"}
    bench.receive("response.output_text.delta", **stray)
    assert not asking.future.done()
    bench.receive("response.created", response=RESPONSE)
    assert asking.future.result().id == "resp_1"
    assert live.active is asking.future.result()
    assert [*live.responses] == ["resp_1"]


def test_greeting_without_a_session(bench: Bench) -> None:
    """The service has begun, whatever it says of the session."""
    bench.live.is_greeted = False
    bench.receive("session.created", session=["odd"])
    assert bench.live.is_greeted
    assert bench.live.description["id"] == "sess_1"
