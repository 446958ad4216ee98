"""A response puts itself together from events, also when some are missing."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionLostError,
    Response,
)
from custom_components.azure_realtime_audio.realtime.protocol.event_shapes import (
    MAX_TEXT,
)
from custom_components.azure_realtime_audio.realtime.protocol.response_feed import (
    MAX_PIECE,
    ResponseFeed,
)


async def _no_cancel(response: Response) -> bool:
    return False


@pytest.fixture
def feed() -> ResponseFeed:
    """Return what writes a response in progress."""
    return ResponseFeed("resp_1", _no_cancel)


@pytest.fixture
def response(feed: ResponseFeed) -> Response:
    """Return that response."""
    return feed.response


def audio_delta(audio: bytes, item_id: str = "item_1") -> dict[str, Any]:
    """Return a piece of audio."""
    return {
        "type": "response.output_audio.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": b64encode(audio).decode(),
    }


def transcript_delta(text: str, item_id: str = "item_1") -> dict[str, Any]:
    """Return a piece of transcript."""
    return {
        "type": "response.output_audio_transcript.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": text,
    }


def spoken_item(transcript: str, item_id: str = "item_1") -> dict[str, Any]:
    """Return a finished message item."""
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": transcript}],
    }


def call_item(call_id: str, status: str = "completed") -> dict[str, Any]:
    """Return a finished function call item."""
    return {
        "id": f"item_{call_id}",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": "HassTurnOn",
        "arguments": '{"name":"Kitchen Light"}',
    }


async def test_pieces_reach_every_reader(
    feed: ResponseFeed, response: Response
) -> None:
    """An early and a late reader get the same pieces, in order, from the first one on."""

    async def read() -> list[str | bytes]:
        return [delta.text or delta.audio async for delta in response]

    early = asyncio.Task(read(), eager_start=True)  # waits for the first piece already
    assert feed.feed(audio_delta(b"\1\0" * 240)) is True
    assert feed.feed(transcript_delta("Hello ")) is False
    assert feed.feed(audio_delta(b"\2\0" * 240)) is False
    feed.feed(transcript_delta("there."))
    assert response.audio_ms == 20
    feed.finish({"status": "completed", "usage": {"total_tokens": 7}})
    expected = [b"\1\0" * 240, "Hello ", b"\2\0" * 240, "there."]
    assert await early == expected
    assert await read() == expected
    assert response.transcript == "Hello there."
    assert response.audio == b"\1\0" * 240 + b"\2\0" * 240
    assert response.usage == {"total_tokens": 7}


async def test_what_was_missed_is_made_up_for(
    feed: ResponseFeed, response: Response
) -> None:
    """The closing events bring the text whose deltas never came, and nothing twice."""
    feed.feed(transcript_delta("One "))
    feed.feed(
        {
            "type": "response.output_audio_transcript.done",
            "item_id": "item_1",
            "content_index": 0,
            "transcript": "One two.",
        }
    )
    feed.finish({"output": [spoken_item("One two."), spoken_item("Three.", "item_2")]})
    assert [delta.text async for delta in response] == ["One ", "two.", "Three."]
    assert response.transcript == "One two.\nThree."
    assert response.status == "completed"
    assert response.item_ids == ["item_1", "item_2"]


async def test_each_tool_call_is_told_once(
    feed: ResponseFeed, response: Response
) -> None:
    """A call is in its item's done event and in the response's; a cut-off one is not one."""
    feed.feed({"type": "response.output_item.added", "item": call_item("call_1")})
    assert response.tool_calls == []
    feed.feed({"type": "response.output_item.done", "item": call_item("call_1")})
    feed.finish(
        {"output": [call_item("call_1"), call_item("call_2", status="incomplete")]}
    )
    assert [(call.call_id, call.name) for call in response.tool_calls] == [
        ("call_1", "HassTurnOn")
    ]


@pytest.mark.parametrize(
    ("details", "error"),
    [
        (
            {"type": "failed", "error": {"code": None, "message": "overloaded"}},
            {"code": None, "message": "overloaded"},
        ),
        ({"type": "failed", "error": "overloaded"}, None),
        (None, None),
    ],
)
async def test_failure_is_told(
    feed: ResponseFeed, response: Response, details: Any, error: Any
) -> None:
    """The reason is there if the service gives one."""
    feed.finish({"status": "failed", "status_details": details})
    assert (await response.done()).status == "failed"
    assert response.error == error


async def test_broken_audio_is_left_out(feed: ResponseFeed, response: Response) -> None:
    """A piece that is not base64 is left out, and the reply goes on."""
    event = audio_delta(b"")
    event["delta"] = "A"
    assert feed.feed(event) is False
    feed.feed(audio_delta(b"\1\0"))
    assert response.audio == b"\1\0"


async def test_audio_in_lines(feed: ResponseFeed, response: Response) -> None:
    """Line breaks in base64 are forgiven."""
    for delta in ("AQAC\r\nAAMA\n", "BAA=\n"):
        feed.feed(audio_delta(b"") | {"delta": delta})
    assert response.audio == b"\1\0\2\0\3\0\4\0"


async def test_waiting_is_bounded(feed: ResponseFeed, response: Response) -> None:
    """A response that never ends times out, and can still be read later."""
    with pytest.raises(TimeoutError):
        await response.done(timeout=0.01)
    feed.finish({"status": "completed"})
    assert await response.done() is response
    assert response.output == []


async def test_lost_connection_ends_every_reader(
    feed: ResponseFeed, response: Response
) -> None:
    """Readers get what had arrived, then the reason."""
    feed.feed(transcript_delta("Half a "))
    feed.abandon(ConnectionLostError(1006))
    feed.abandon(ConnectionLostError(1001))
    reader = aiter(response)
    assert (await anext(reader)).text == "Half a "
    with pytest.raises(ConnectionLostError) as raised:
        await anext(reader)
    assert raised.value.code == 1006
    with pytest.raises(ConnectionLostError):
        await response.done()


async def test_repr_says_nothing_that_was_said(
    feed: ResponseFeed, response: Response
) -> None:
    """The words of a conversation do not reach a log by accident."""
    feed.feed(transcript_delta("secret"))
    assert repr(response) == "<Response resp_1 in_progress>"


async def test_a_service_that_does_not_stop() -> None:
    """A reply is kept up to its limit, and ends as others do."""
    feed = ResponseFeed("resp_1", _no_cancel, max_size=10_000)
    response = feed.response
    for _ in range(100):
        feed.feed(audio_delta(bytes(480)))
        feed.feed(transcript_delta("word "))
    size = len(response.audio) + len(response.transcript)
    assert 5_000 < size < 10_000
    feed.finish({"id": "resp_1", "status": "completed", "output": []})
    assert len([delta async for delta in response]) == len(response.deltas)


async def test_huge_pieces(feed: ResponseFeed, response: Response) -> None:
    """A text of 20 MiB goes to nobody whole; of sounds there is room for 32 MiB."""
    mebibyte = 2**20
    for _ in range(3):
        feed.feed(transcript_delta("x" * 20 * mebibyte))
    for _ in range(4):
        feed.feed(audio_delta(bytes(10 * mebibyte)))
    assert response.audio == bytes(30 * mebibyte)
    assert response.transcript == "x" * 3 * MAX_PIECE
    for _ in range(10):
        feed.feed(transcript_delta("y" * MAX_PIECE))
    assert len(response.transcript) <= MAX_TEXT
    feed.finish({"status": "completed"})
    assert (await response.done()).status == "completed"


async def test_deltas_are_a_view(feed: ResponseFeed, response: Response) -> None:
    """The view of the deltas grows with the response, and cannot be changed."""
    deltas = response.deltas
    feed.feed(transcript_delta("One "))
    feed.feed(transcript_delta("two."))
    assert [delta.text for delta in deltas] == ["One ", "two."]
    assert (len(deltas), deltas[1].text, deltas[-1:][0].text) == (2, "two.", "two.")
    assert not hasattr(deltas, "append")
    response.tool_calls.clear()
    response.output.append({})
    assert response.output == []


async def test_reader_that_gives_up(feed: ResponseFeed, response: Response) -> None:
    """A reader that gives up leaves nothing behind."""
    waiting = asyncio.ensure_future(response.changed())
    await asyncio.sleep(0)
    assert len(feed.content.readers) == 1
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert len(feed.content.readers) == 0
