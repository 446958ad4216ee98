"""The model's speech in the format that a player wants, encoded as it comes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.exceptions import HomeAssistantError

from ..realtime import SAMPLE_RATE, Resampler, pcm_chunks, wav_header

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame

# Those of MPEG: what players ask for.
_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
# More than speech needs. At low rates MPEG allows less, and LAME takes the most there is.
_MP3_KBITS: Final = 128
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


@dataclass(frozen=True)
class AudioFormat:
    """What a player wants: a file extension, Hz, channels, and kbit/s where they matter."""

    extension: str
    rate: int = SAMPLE_RATE
    channels: int = 1
    bitrate: int | None = None

    @property
    def can_be_made(self) -> bool:
        """Whether there is an encoder for it."""
        return (
            self.extension in _CODECS
            and self.rate in _RATES
            and self.channels in _LAYOUTS
        )


class Encoder:
    """Makes WAV, MP3 or FLAC of 16 bits out of PCM16 mono of 24 kHz, piece by piece.

    How long it will be is not known when it begins; WAV and FLAC have a way to say so.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        """Prepare to make this format, which can be made."""
        from av import AudioCodecContext, CodecContext

        codec = _CODECS[audio_format.extension]
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
        frame = AudioFrame.from_ndarray(samples[None], "s16", _LAYOUTS[self._channels])
        frame.sample_rate = self._context.sample_rate
        return self._joined(frame)

    def _joined(self, frame: AudioFrame | None) -> bytes:
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        if data:
            data, self._header = self._header + data, b""
        return data


def _header(audio_format: AudioFormat, context: AudioCodecContext) -> bytes:
    match audio_format.extension:
        case "wav":
            return wav_header(audio_format.rate, audio_format.channels)
        case "flac":
            return _FLAC_MARKER + (context.extradata or b"")
        case _:  # every frame of an MP3 says what it is
            return b""


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
