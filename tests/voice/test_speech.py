"""The sound of responses, one after another."""

import asyncio
from base64 import b64encode

import numpy as np
import pytest

from custom_components.azure_realtime_audio.realtime import AudioFormat, Response
from custom_components.azure_realtime_audio.realtime.audio import (
    Resampler,
    alaw_encode,
    ulaw_encode,
)
from custom_components.azure_realtime_audio.realtime.protocol.response_feed import (
    ResponseFeed,
)
from custom_components.azure_realtime_audio.voice.playback import Playback
from custom_components.azure_realtime_audio.voice.speech import Speech

from ..satellite import said_at


async def _cancel(_: Response) -> bool:
    return True


def response(audio_format: AudioFormat = AudioFormat.PCM) -> ResponseFeed:
    """Return what writes a response that has just begun."""
    return ResponseFeed("resp_1", _cancel, audio_format)


def say(speaker: ResponseFeed, pcm: bytes, item_id: str = "item_1") -> None:
    """Let a response say something."""
    speaker.feed(
        {
            "type": "response.output_audio.delta",
            "item_id": item_id,
            "content_index": 0,
            "delta": b64encode(pcm).decode(),
        }
    )


async def test_two_listeners() -> None:
    """A late listener hears the speech from the beginning."""
    speech, speaker = Speech(), response()
    speech.add(speaker.response)
    first = speech.pieces()
    say(speaker, b"\1\0")
    assert await anext(first) == ("item_1", b"\1\0")
    say(speaker, b"\2\0", "item_2")
    speaker.finish({"status": "completed"})
    speech.finish()
    assert [piece async for piece in first] == [("item_2", b"\2\0")]
    assert [pcm async for _, pcm in speech.pieces()] == [b"\1\0", b"\2\0"]
    assert speech.pcm == b"\1\0\2\0"


@pytest.mark.parametrize(
    ("audio_format", "encode"),
    [(AudioFormat.PCMU, ulaw_encode), (AudioFormat.PCMA, alaw_encode)],
)
async def test_g711(audio_format: AudioFormat, encode: type[bytes]) -> None:
    """Sessions of a telephone's sound are heard as any other."""
    narrow = Resampler(24_000, 8_000).process(said_at(500, 1.0))
    speech, speaker = Speech(), response(audio_format)
    speech.add(speaker.response)
    say(speaker, encode(narrow))
    speaker.finish({"status": "completed"})
    speech.finish()
    pcm = b"".join([pcm async for _, pcm in speech.pieces()])
    assert pcm == speech.pcm
    assert len(pcm) == pytest.approx(3 * len(narrow), rel=0.01)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2"), 24_000))
    assert np.argmax(spectrum) == pytest.approx(500, abs=2)


async def test_no_filling_before_the_beginning() -> None:
    """Nothing is played before there is anything to play: a player waits for that."""
    speech, speaker = Speech(gap=0), response()
    first = asyncio.ensure_future(anext(speech.pieces()))
    for _ in range(20):
        await asyncio.sleep(0)  # many gaps pass
    assert not first.done()
    speech.add(speaker.response)
    say(speaker, b"\1\0")
    assert await first == ("item_1", b"\1\0")


async def test_nothing_is_heard_of_what_is_not_played() -> None:
    """Without a player nothing has been heard."""
    assert Playback().heard_ms() == {}
