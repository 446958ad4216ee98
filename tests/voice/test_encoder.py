"""Speech as WAV, MP3 and FLAC, piece by piece."""

import asyncio
from collections.abc import AsyncGenerator
import gc
import io
from itertools import product

import av
import numpy as np
import pytest

from custom_components.azure_realtime_audio.realtime.audio import pcm_chunks, wav_header
from custom_components.azure_realtime_audio.voice.encoder import (
    FOR_BROWSERS,
    AudioFormat,
    async_encode,
)

from ..satellite import Wav, said_at

DELTA = said_at(440, 0.1)


def decoded(data: bytes) -> Wav:
    """Decode any format."""
    with av.open(io.BytesIO(data), "r") as file:
        stream = file.streams.audio[0]
        to_wav = av.AudioResampler("s16", stream.layout, stream.rate)
        frames = [*file.decode(stream), None]
        pcm = b"".join(
            converted.to_ndarray().tobytes()
            for frame in frames
            for converted in to_wav.resample(frame)
        )
        return Wav(wav_header(stream.rate, stream.channels) + pcm)


async def said(pieces: list[bytes]) -> AsyncGenerator[bytes]:
    """Say something in pieces."""
    for piece in pieces:
        yield piece


async def encoded(pcm: bytes, audio_format: AudioFormat) -> bytes:
    """Encode something whole, as it comes from a service."""
    pieces = said(list(pcm_chunks(pcm)))
    return b"".join([data async for data in async_encode(pieces, audio_format)])


@pytest.mark.parametrize(
    ("extension", "rate", "channels"),
    product(
        ("wav", "mp3", "flac"), (8_000, 16_000, 22_050, 24_000, 44_100, 48_000), (1, 2)
    ),
)
@pytest.mark.parametrize("seconds", [0.05, 1.52])
async def test_formats(
    extension: str, rate: int, channels: int, seconds: float
) -> None:
    """The speech comes out whole, at the same loudness, in the requested format."""
    audio_format = AudioFormat(extension, rate, channels)
    assert audio_format.can_be_made
    wav = decoded(await encoded(said_at(440, seconds), audio_format))
    assert (wav.rate, wav.channels) == (rate, channels)
    assert wav.pitch == pytest.approx(440, abs=12)
    # LAME begins with 1105 samples of silence, ends with a whole frame and takes 0.5 dB off.
    padding = 3 * 1152 / rate if extension == "mp3" else 0.0002
    assert seconds <= wav.seconds < seconds + padding
    energy = (wav.samples**2).sum() / rate
    assert energy == pytest.approx((12_000 / 32768) ** 2 / 2 * seconds, rel=0.12)


@pytest.mark.parametrize(
    "audio_format",
    [
        AudioFormat("ogg"),
        AudioFormat("mp3", 96_000),
        AudioFormat("flac", 48_000, 6),
    ],
)
def test_left_to_others(audio_format: AudioFormat) -> None:
    """Formats that the encoder cannot make are left to core."""
    assert not audio_format.can_be_made


@pytest.mark.parametrize(
    ("audio_format", "kbits"),
    [
        (AudioFormat("mp3", 48_000), 192),
        (AudioFormat("mp3", bitrate=64), 64),
        (AudioFormat("mp3", 48_000, 2, 256), 256),
        (AudioFormat("mp3", bitrate=320), 160),  # the most at 24 kHz
    ],
)
async def test_bitrate(audio_format: AudioFormat, kbits: int) -> None:
    """An MP3 has a constant bitrate."""
    data = await encoded(said_at(440, 4.0), audio_format)
    assert len(data) * 8 / 4000 == pytest.approx(kbits, rel=0.05)


@pytest.mark.parametrize("seconds", [0.05, 1.52])
async def test_for_browsers(seconds: float) -> None:
    """A browser's WAV says nothing of its length, and has 384 kB a second, all of them sound."""
    data = await encoded(said_at(440, seconds), FOR_BROWSERS)
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    wav = Wav(data)
    assert (wav.rate, wav.channels, wav.is_float) == (48_000, 2, True)
    assert len(data) - 44 == pytest.approx(384_000 * seconds, abs=16)
    assert wav.pitch == pytest.approx(440, abs=12)
    energy = (wav.samples**2).sum() / wav.rate
    assert energy == pytest.approx((12_000 / 32768) ** 2 / 2 * seconds, rel=0.01)
    both = np.frombuffer(data[44:], "<f4").reshape(-1, 2)
    assert (both[:, 0] == both[:, 1]).all()
    # Players of another make read it alike.
    assert decoded(data).seconds == pytest.approx(seconds, abs=0.0002)


@pytest.mark.parametrize(
    "audio_format",
    [
        FOR_BROWSERS,
        AudioFormat("wav", 16_000),
        AudioFormat("mp3"),
        AudioFormat("flac", 48_000, 2),
    ],
)
class TestStream:
    """Tests of a stream while the model speaks."""

    async def test_first_sound(self, audio_format: AudioFormat) -> None:
        """Of the first 80 ms most is heard before there are more."""

        async def begins() -> AsyncGenerator[bytes]:
            yield said_at(440, 0.08)
            await asyncio.Event().wait()

        stream = async_encode(begins(), audio_format)
        async with asyncio.timeout(3):
            wav = decoded(await anext(stream))
        assert wav.seconds > 0.04
        assert abs(wav.samples).max() > 0.3

    async def test_nothing_said(self, audio_format: AudioFormat) -> None:
        """A reply without a sound has no header."""
        assert await encoded(b"", audio_format) == b""

    async def test_scraps(self, audio_format: AudioFormat) -> None:
        """Pieces may be of any size, and cut samples in half."""
        pieces = [DELTA[start : start + 333] for start in range(0, len(DELTA), 333)]
        stream = async_encode(said(pieces), audio_format)
        scraps = [data async for data in stream]
        assert all(scraps)
        assert b"".join(scraps) == await encoded(DELTA, audio_format)

    async def test_silence_comes_out(self, audio_format: AudioFormat) -> None:
        """The silence that fills a gap does not stay in the encoder."""
        stream = async_encode(said([DELTA, bytes(24_000)]), audio_format)
        data = await anext(stream)
        for _ in range(5):  # pieces of 100 ms
            data += await anext(stream)
        assert decoded(data).seconds > 0.5
        await stream.aclose()

    async def test_lets_others_work(self, audio_format: AudioFormat) -> None:
        """A long piece does not hold the event loop."""
        loop = asyncio.get_running_loop()
        turns = 0

        def take_turn() -> None:
            nonlocal turns
            turns += 1
            handle[0] = loop.call_soon(take_turn)

        handle = [loop.call_soon(take_turn)]
        async for _ in async_encode(said([said_at(440, 5.0)]), audio_format):
            pass
        handle[0].cancel()
        assert turns >= 50

    async def test_reader_leaves(self, audio_format: AudioFormat) -> None:
        """Nothing is kept for a reader who has gone."""
        is_over = False

        async def goes_on() -> AsyncGenerator[bytes]:
            nonlocal is_over
            try:
                while True:
                    yield DELTA
            finally:
                is_over = True

        gc.collect()
        before = contexts()
        stream = async_encode(goes_on(), audio_format)
        await anext(stream)
        assert contexts() == before + 1
        await stream.aclose()
        assert is_over
        assert contexts() == before


def contexts() -> int:
    """Return how many encoders are alive."""
    return sum(isinstance(found, av.AudioCodecContext) for found in gc.get_objects())


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
async def test_no_mirror_images(rate: int) -> None:
    """Resampling adds no mirror images: no added tone is louder than -60 dB."""
    wav = Wav(await encoded(said_at(7_000, 1.5), AudioFormat("wav", rate)))
    samples = wav.samples[rate // 4 :][:rate]
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(rate)))
    spectrum /= spectrum.max()
    spectrum[6_990:7_010] = 0
    assert 20 * np.log10(spectrum.max()) < -60
