"""The speech of a person while there is no connection."""

from base64 import b64decode

import orjson
import pytest

from custom_components.azure_realtime_audio.realtime import (
    AudioFormat,
    NotConnectedError,
)
from custom_components.azure_realtime_audio.realtime.protocol.unsent_speech import (
    UnsentSpeech,
)

PIECES = [bytes([number]) * 4 for number in range(6)]


def piece_of(frame: bytes | None) -> bytes:
    """Return the piece in a frame."""
    assert frame is not None
    event = orjson.loads(frame)
    assert (event["type"], event["event_id"]) == ("input_audio_buffer.append", "append")
    return b64decode(event["audio"])


def test_needs_a_connection() -> None:
    """Or the hope of one."""
    speech = UnsentSpeech()
    with pytest.raises(NotConnectedError):
        speech.add(PIECES[0])
    speech.open()
    assert piece_of(speech.add(PIECES[0])) == PIECES[0]
    speech.lose()
    assert speech.add(PIECES[1]) is None
    assert [piece_of(frame) for frame in speech.frames()] == PIECES[:2]
    speech.open()
    assert piece_of(speech.add(PIECES[2])) == PIECES[2]
    assert speech.take() == PIECES[:3]
    assert not speech


def test_waits_for_a_connection() -> None:
    """Until it is clear that none will come."""
    speech = UnsentSpeech()
    speech.open()
    speech.add(PIECES[0])
    speech.lose()
    speech.add(PIECES[1])
    assert speech.close()
    assert not speech.close()
    assert list(speech.frames()) == []
    with pytest.raises(NotConnectedError):
        speech.add(PIECES[2])


def test_nothing_is_given_up_where_nothing_was_said() -> None:
    """Without speech, closing reports no dropped speech."""
    speech = UnsentSpeech()
    speech.open()
    speech.lose()
    assert not speech.close()
    speech.open()
    speech.add(PIECES[0])
    assert not speech.close()  # there was a connection to the end


def test_the_newest_is_kept() -> None:
    """A person who never commits costs bounded memory."""
    speech = UnsentSpeech(max_size=8)
    speech.open()
    for piece in PIECES:
        speech.add(piece)
    assert speech.size == 8
    assert speech.take() == PIECES[-2:]


def test_appended_while_it_is_sent_again() -> None:
    """New pieces follow in their place; pieces without room are left out."""
    speech = UnsentSpeech(max_size=12)
    speech.lose()
    for piece in PIECES[:3]:
        speech.add(piece)
    frames = speech.frames()
    assert piece_of(next(frames)) == PIECES[0]
    speech.add(PIECES[3])  # drops the first, which has been sent
    assert piece_of(next(frames)) == PIECES[1]
    for piece in PIECES[4:]:
        speech.add(piece)  # drops the third, which has not been sent
    assert [piece_of(frame) for frame in frames] == PIECES[3:]
    assert speech.take() == PIECES[3:]


def test_cleared_while_it_is_sent_again() -> None:
    """The rest is not sent."""
    speech = UnsentSpeech()
    speech.lose()
    for piece in PIECES[:3]:
        speech.add(piece)
    frames = speech.frames()
    next(frames)
    speech.clear()
    assert list(frames) == []


def test_another_format() -> None:
    """The resampler follows the session's format."""
    speech = UnsentSpeech()
    assert len(speech.convert(bytes(9_600), 48_000) + bytes(0)) < 4_800
    speech.audio_format = AudioFormat.PCMU
    assert len(speech.convert(bytes(9_600), 48_000)) < 800
    assert speech.flush()
    assert speech.flush() == b""
