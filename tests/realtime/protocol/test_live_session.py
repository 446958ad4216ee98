"""Renewal, odd events and bugs of our own, without a socket."""

import logging
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandTimeoutError,
    ConnectionLostError,
    ModelStatus,
)
from custom_components.azure_realtime_audio.realtime.protocol import commands
from custom_components.azure_realtime_audio.realtime.protocol.live_session import (
    Renewal,
)

from .conftest import Bench

AUDIO: dict[str, Any] = {"response_id": "resp_1", "item_id": "item_1", "delta": "AAAA"}


def test_renewal_is_due_when_nothing_goes_on(bench: Bench) -> None:
    """The second look that finds nothing new is the one that counts."""
    assert bench.live.deadline == 100.0
    bench.live.tick(99.9)
    assert bench.live.deadline == 100.0
    bench.live.tick(100.0)
    assert (bench.wish(), bench.live.deadline) == (None, 101.0)
    bench.speech.add(b"AAAA")
    bench.live.tick(101.0)
    assert bench.wish() is None
    bench.live.tick(102.0)
    assert bench.wish() is Renewal.DUE
    assert bench.live.deadline is None


def test_renewal_waits_for_a_response(bench: Bench) -> None:
    """A response in progress would be lost with the session."""
    bench.receive("response.created", response={"id": "resp_1"})
    for now in (100.0, 101.0, 102.0):
        bench.live.tick(now)
    assert bench.wish() is None
    bench.receive("response.done", response={"id": "resp_1", "status": "completed"})
    bench.live.tick(103.0)
    assert bench.wish() is Renewal.DUE


async def test_command_that_is_not_acknowledged(bench: Bench) -> None:
    """The caller gets the time-out, and the session is not to be trusted any more."""
    pending = bench.live.pending.add(commands.commit_audio(), 10.0)
    assert bench.live.deadline == 10.0
    bench.live.tick(9.9)
    assert not pending.future.done()
    bench.live.tick(10.0)
    assert isinstance(pending.future.exception(), CommandTimeoutError)
    assert bench.wish() is Renewal.UNANSWERED


def test_refused_piece_of_speech(bench: Bench) -> None:
    """The sentence goes to another session, once."""
    refusal = {"type": "server_error", "event_id": "append"}
    bench.receive("error", error=refusal)
    assert bench.wish() is None  # there is nothing to send again
    bench.speech.add(b"AAAA")
    bench.receive("error", error=refusal)
    assert bench.wish() is Renewal.APPEND_REFUSED
    bench.live.wants_renewal = None
    bench.receive("error", error=refusal)
    assert bench.wish() is None


def test_fatal_error(bench: Bench) -> None:
    """A fatal error is remembered only as long as no other event follows."""
    bench.receive("error", error={"code": "insufficient_quota"})
    assert bench.live.fatal_error == {"code": "insufficient_quota"}
    bench.receive("rate_limits.updated")
    assert bench.live.fatal_error is None


def test_end(bench: Bench) -> None:
    """A response in progress ends with the session, and its words are recorded."""
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": []}
    bench.receive("conversation.item.added", item=item)
    words: dict[str, Any] = {
        "response_id": "resp_1",
        "item_id": "item_1",
        "delta": "Half a",
    }
    bench.receive("response.output_audio_transcript.delta", **words)
    response = bench.live.active
    assert response is not None
    bench.live.end(ConnectionLostError())
    assert (response.is_done, response.status) == (True, "failed")
    assert bench.live.active is None
    (recorded,) = bench.record.items()
    assert recorded["content"] == [{"type": "output_text", "text": "Half a"}]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"status": 7},
        {"status_details": "cancelled"},
        {"status_details": []},
        {"usage": {"input_tokens": 12.5, "output_tokens": 7.0}},
        {"usage": []},
        {"output": None},
        {"output": [None, {"id": 7}, {"id": "item_1", "type": "message"}]},
        {"output": {}},
        {"metadata": []},
        {"modalities": 5},
        {"audio": 5, "voice": "alloy"},
        {"conversation_id": {}},
    ],
)
def test_odd_end_of_a_response(bench: Bench, odd: dict[str, Any]) -> None:
    """An odd response.done ends the response all the same."""
    bench.receive("response.output_audio.delta", **AUDIO)
    response = bench.live.active
    assert response is not None
    bench.receive("response.done", response={"id": "resp_1", **odd})
    assert response.is_done
    assert not bench.live.responses
    assert bench.word() is ModelStatus.SPEAKING  # to the end of the audio
    bench.live.tick(1.0)
    assert bench.word() is ModelStatus.IDLE


@pytest.mark.parametrize(
    "item",
    [
        {"id": "item_1"},
        {"id": "item_1", "type": "message"},
        {"id": "item_1", "type": "message", "role": "user", "content": [{}]},
        {"id": "item_1", "type": "function_call", "call_id": "c", "name": "f"},
        {"id": "item_1", "type": "function_call", "arguments": "{}"},
        {"id": "item_1", "type": "function_call_output", "output": {"a": 1}},
    ],
)
def test_odd_item(bench: Bench, item: dict[str, Any]) -> None:
    """An odd item never breaks what the next session is told."""
    bench.receive("conversation.item.added", item=item)
    for told in bench.record.items():
        assert told["id"] == "item_1"
        assert told.get("arguments", "{}") == "{}"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.updated"},
        {"type": "error"},
        {"type": "conversation.item.added"},
        {"type": "conversation.item.added", "item": {"type": "message"}},
        {"type": "conversation.item.truncated", "item_id": "item_1"},
        {"type": "response.done"},
        {"type": "response.done", "response": {"status": "completed"}},
        {"type": "response.done", "response": []},
        {"type": "response.output_text.delta", "item_id": "item_1"},
        {"type": "response.output_audio.delta", **AUDIO, "item_id": 7},
        {"type": "response.output_audio.delta", **AUDIO, "delta": None},
    ],
)
def test_event_that_is_not_whole(
    bench: Bench, event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An event that is not whole is ignored at the door, so that no listener has to check."""
    caplog.set_level(logging.DEBUG)
    heard: list[Any] = []
    bench.emitter.on("*", heard.append)
    bench.receive(event_type=event.pop("type"), **event)
    assert heard == []
    assert "Ignored a frame that is no event" in caplog.text


def test_bug_of_ours(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours is logged with its traceback, not as the service's fault, and costs one event only."""

    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(bench.status, "listening", broken)
    heard: list[Any] = []
    bench.emitter.on("*", heard.append)
    bench.receive("input_audio_buffer.speech_started")
    (line,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert line.exc_info
    bench.receive("input_audio_buffer.speech_stopped")
    assert bench.word() is ModelStatus.THINKING
    assert len(heard) == 2


def test_item_that_json_cannot_carry(bench: Bench) -> None:
    """An item nested deeper than a client may write is told to no session."""
    deep = b"[" * 300 + b"]" * 300
    frame = b'{"type":"conversation.item.added","item":{"id":"item_1","x":%b}}' % deep
    bench.live.receive(frame, 0.0)
    assert bench.record.item_ids == []


def test_odd_truncation(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Less than nothing of an item without audio was played."""
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": []}
    bench.receive("conversation.item.added", item=item)
    cut: dict[str, Any] = {"item_id": "item_1", "audio_end_ms": -1}
    bench.receive("conversation.item.truncated", **cut)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_response_that_is_none(bench: Bench) -> None:
    """What a single event may have begun ends when nothing more comes of it."""
    bench.receive("response.created", response={"id": "resp_1"})
    assert bench.word() is ModelStatus.THINKING
    assert bench.live.has_new_deadline
    assert not bench.live.is_answering  # nobody has asked for it
    assert bench.live.deadline == 30.0
    bench.live.tick(30.0)
    assert bench.live.deadline == 60.0
    bench.receive("response.output_text.delta", 31.0, **AUDIO)
    bench.live.tick(60.0)
    response = bench.live.active
    assert response is not None
    bench.live.tick(90.0)
    assert response.status == "cancelled"
    assert not bench.live.responses
    assert bench.word() is ModelStatus.IDLE


async def test_response_that_was_asked_for(bench: Bench) -> None:
    """It may take as long as it wants."""
    bench.receive("response.output_audio.delta", **AUDIO | {"response_id": "resp_0"})
    config = {"conversation": "none"}
    pending = bench.live.pending.add(commands.create_response(bench.live, config), 99.0)
    bench.receive("response.created", response={"id": "resp_1"})
    bench.live.tick(30.0)
    bench.live.tick(60.0)
    assert [*bench.live.responses] == ["resp_1"]
    assert not pending.future.result().is_done


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (
            {"call_id": "c", "output": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "{}"},
        ),
        (
            {"call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        ),
        (
            {"content": [{"type": "input_text", "text": "Hi"}, {"type": "input_text"}]},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hi"}],
            },
        ),
        (
            {"content": [{"type": "output_text", "text": "Hi"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi"}],
            },
        ),
    ],
)
def test_item_of_an_untold_kind(
    bench: Bench, item: dict[str, Any], told: dict[str, Any]
) -> None:
    """What an item is shows in its other keys."""
    call = {"id": "call", "type": "function_call", "call_id": "c", "name": "f"}
    bench.receive("conversation.item.added", item=call)
    bench.receive("conversation.item.added", item={"id": "item_1", **item})
    (_, again) = bench.record.items()
    assert again == {"id": "item_1", **told}


def test_words_of_an_item_without_content(bench: Bench) -> None:
    """What a person said is written down, though the item came without a place for it."""
    item = {"id": "item_1", "type": "message", "role": "user"}
    bench.receive("conversation.item.added", item=item)
    transcript: dict[str, Any] = {"item_id": "item_1", "transcript": "Hello"}
    bench.receive("conversation.item.input_audio_transcription.completed", **transcript)
    (told,) = bench.record.items()
    assert told["content"] == [{"type": "input_text", "text": "Hello"}]
