"""The model's speech in the format that a player wants, encoded as it comes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from fractions import Fraction
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.exceptions import HomeAssistantError

from ..realtime import SAMPLE_RATE, Resampler, pcm_chunks, wav_header

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame

# Those of MPEG: what players ask for.
_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
# More than speech needs, because players begin when they have so many bytes. Chromium takes blocks
# of 32 KiB: this is the most with which the first block is enough for it; from 224 on it waits for
# two. At low rates MPEG allows less, and LAME takes the most there is.
_MP3_KBITS: Final = 192
_WAVE_FORMAT_IEEE_FLOAT: Final = 3
_FLOAT_BYTES: Final = 4
_UNKNOWN_SIZE: Final = 0xFFFFFFFF
# What follows is the last block of metadata: 34 bytes that describe the stream.
_FLAC_MARKER: Final = b"fLaC\x80\x00\x00\x22"


class _Codec(NamedTuple):
    """An encoder of FFmpeg, the samples it takes and its own settings."""

    name: str
    sample_format: str
    options: dict[str, str]


_CODECS: Final = {
    "wav": _Codec("pcm_s16le", "s16", {}),
    # Without a reservoir of bits no frame waits for those after it.
    "mp3": _Codec("libmp3lame", "s16p", {"reservoir": "0"}),
    # Up to this level a block is 27 ms long; above it is 105 ms, and the first sound as late.
    "flac": _Codec("flac", "s16", {"compression_level": "2"}),
}
_FLOAT_WAV: Final = _Codec("pcm_f32le", "flt", {})


@dataclass(frozen=True)
class AudioFormat:
    """What a player wants: a file extension, Hz, channels, and kbit/s where they matter.

    Samples are integers of 16 bits. Those of a WAV may be floating-point numbers of 32 bits.
    """

    extension: str
    rate: int = SAMPLE_RATE
    channels: int = 1
    bitrate: int | None = None
    is_float: bool = False

    @property
    def can_be_made(self) -> bool:
        """Whether there is an encoder for it."""
        return (
            self.extension in _CODECS
            and self.rate in _RATES
            and self.channels in _LAYOUTS
        )

    @property
    def codec(self) -> _Codec:
        """Its encoder. Raises KeyError where there is none."""
        return _FLOAT_WAV if self.is_float else _CODECS[self.extension]


# What sounds soonest in Chromium and Firefox. Both begin when they have 230 kB of a WAV: 0.6 s of
# this one. It takes 3.1 Mbit/s, which a network at home has; a rate of 96 kHz would take 6.1, to
# save 0.25 s of a model that speaks in real time and 0.08 s of one four times as fast.
FOR_BROWSERS: Final = AudioFormat("wav", 48_000, 2, is_float=True)


class Encoder:
    """Makes WAV, MP3 or FLAC out of PCM16 mono of 24 kHz, piece by piece.

    How long it will be is not known when it begins; WAV and FLAC have a way to say so.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        """Prepare to make this format, which can be made."""
        from av import AudioCodecContext, CodecContext

        codec = audio_format.codec
        context = CodecContext.create(codec.name, "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = audio_format.rate
        context.layout = _LAYOUTS[audio_format.channels]
        context.format = codec.sample_format
        context.time_base = Fraction(1, audio_format.rate)
        context.options = codec.options
        if audio_format.extension == "mp3":
            # Constant, as some hardware wants it; and players tell the time by it.
            context.bit_rate = (audio_format.bitrate or _MP3_KBITS) * 1000
        context.open()
        self._context = context
        self._channels = audio_format.channels
        self._is_float = audio_format.is_float
        # FFmpeg's own mirrors what is above 10 kHz.
        self._resampler = Resampler(SAMPLE_RATE, audio_format.rate)
        self._header = _header(audio_format, context)

    def encode(self, pcm: bytes) -> bytes:
        """Return what can be said by now; the header comes with the first sound."""
        return self._packed(self._resampler.process(pcm))

    def flush(self) -> bytes:
        """Return the rest. Nothing can follow it."""
        return self._packed(self._resampler.flush()) + self._joined(None)

    def _packed(self, pcm: bytes) -> bytes:
        from av import AudioFrame
        import numpy as np

        if not pcm:
            return b""
        # Where FFmpeg makes two channels of one, it takes 3 dB off.
        samples = np.frombuffer(pcm, np.int16).repeat(self._channels)
        layout = _LAYOUTS[self._channels]
        if self._is_float:
            numbers = (samples / np.float32(32_768))[None]
            frame = AudioFrame.from_ndarray(numbers, "flt", layout)
        else:
            frame = AudioFrame.from_ndarray(samples[None], "s16", layout)
        frame.sample_rate = self._context.sample_rate
        return self._joined(frame)

    def _joined(self, frame: AudioFrame | None) -> bytes:
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        if data:
            data, self._header = self._header + data, b""
        return data


def _header(audio_format: AudioFormat, context: AudioCodecContext) -> bytes:
    match audio_format.extension:
        case "wav" if audio_format.is_float:
            return _float_wav_header(audio_format.rate, audio_format.channels)
        case "wav":
            return wav_header(audio_format.rate, audio_format.channels)
        case "flac":
            return _FLAC_MARKER + (context.extradata or b"")
        case _:  # every frame of an MP3 says what it is
            return b""


def _float_wav_header(rate: int, channels: int) -> bytes:
    """Return what comes before floating-point samples, as many as there will be."""
    frame_bytes = _FLOAT_BYTES * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        _UNKNOWN_SIZE,
        b"WAVE",
        b"fmt ",
        16,
        _WAVE_FORMAT_IEEE_FLOAT,
        channels,
        rate,
        rate * frame_bytes,
        frame_bytes,
        8 * _FLOAT_BYTES,
        b"data",
        _UNKNOWN_SIZE,
    )


async def async_encode(
    pcm: AsyncGenerator[bytes], audio_format: AudioFormat
) -> AsyncGenerator[bytes]:
    """Yield PCM16 mono of 24 kHz in another format, from the first sound on.

    Raises what ``pcm`` raises, after all the sound that came before.
    """
    encoder = Encoder(audio_format)
    failure: HomeAssistantError | None = None
    async with aclosing(pcm):
        try:
            async for piece in pcm:
                # A service may send a whole reply at once, which takes a while.
                for chunk in pcm_chunks(piece):
                    if data := encoder.encode(chunk):
                        yield data
                    await asyncio.sleep(0)  # a whole reply must not hold the event loop
        except HomeAssistantError as err:
            failure = err
    if data := encoder.flush():
        yield data
    if failure is not None:
        raise failure
