"""The audio formats of a session: PCM16 at 24 kHz, G.711 mu-law and A-law at 8 kHz."""

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from .pcm import SAMPLE_RATE, require_whole_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

G711_SAMPLE_RATE = 8_000


class AudioFormat(StrEnum):
    """A format that a session takes or sends, by its name on the wire."""

    PCM = "audio/pcm"
    PCMU = "audio/pcmu"
    PCMA = "audio/pcma"

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return SAMPLE_RATE if self is AudioFormat.PCM else G711_SAMPLE_RATE

    @property
    def sample_bytes(self) -> int:
        """The size of a sample in bytes."""
        return 2 if self is AudioFormat.PCM else 1

    def duration_ms(self, byte_count: int) -> int:
        """Return how many whole ms so many bytes last."""
        return byte_count * 1000 // (self.rate * self.sample_bytes)

    def from_pcm(self, pcm: bytes) -> bytes:
        """Encode PCM16 of the format's rate. Raises InvalidAudioError for half a sample."""
        match self:
            case AudioFormat.PCMU:
                return ulaw_encode(pcm)
            case AudioFormat.PCMA:
                return alaw_encode(pcm)
        return pcm

    def to_pcm(self, audio: bytes) -> bytes:
        """Decode to PCM16 of the format's rate."""
        match self:
            case AudioFormat.PCMU:
                return ulaw_decode(audio)
            case AudioFormat.PCMA:
                return alaw_decode(audio)
        return audio


def ulaw_encode(pcm: bytes) -> bytes:
    """Encode PCM16 as G.711 mu-law. Raises InvalidAudioError for half a sample."""
    return _ulaw_tables()[0].take(_samples(pcm).view("<u2")).tobytes()


def ulaw_decode(audio: bytes) -> bytes:
    """Decode G.711 mu-law to PCM16."""
    import numpy as np

    return _ulaw_tables()[1].take(np.frombuffer(audio, np.uint8)).tobytes()


def alaw_encode(pcm: bytes) -> bytes:
    """Encode PCM16 as G.711 A-law. Raises InvalidAudioError for half a sample."""
    return _alaw_tables()[0].take(_samples(pcm).view("<u2")).tobytes()


def alaw_decode(audio: bytes) -> bytes:
    """Decode G.711 A-law to PCM16."""
    import numpy as np

    return _alaw_tables()[1].take(np.frombuffer(audio, np.uint8)).tobytes()


def _samples(pcm: bytes) -> NDArray[np.int16]:
    import numpy as np

    require_whole_samples(pcm)
    return np.frombuffer(pcm, "<i2")


@cache
def _ulaw_tables() -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Return the code of every sample and the sample of every code (ITU-T G.711, 14 bits)."""
    import numpy as np

    every_sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(int)
    magnitude = np.abs(every_sample >> 2).clip(max=8158) + 33
    segment = np.log2(magnitude).astype(int) - 5
    code = segment << 4 | (magnitude >> segment + 1 & 15)
    encoded = ~np.where(every_sample < 0, code | 128, code) & 255

    inverted = ~np.arange(256) & 255
    decoded = ((inverted & 15) * 8 + 132 << (inverted >> 4 & 7)) - 132
    decoded = np.where(inverted & 128, -decoded, decoded)
    return encoded.astype(np.uint8), decoded.astype("<i2")


@cache
def _alaw_tables() -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Return the code of every sample and the sample of every code (ITU-T G.711, 13 bits)."""
    import numpy as np

    every_sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(int)
    sample = every_sample >> 3
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = np.log2(magnitude.clip(16)).astype(int) - 4
    code = segment << 4 | (magnitude >> segment.clip(1) & 15)
    encoded = np.where(sample < 0, code, code | 128) ^ 0x55

    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    decoded = (code & 15) * 16 + np.where(segment > 0, 264, 8) << (segment - 1).clip(0)
    decoded = np.where(code & 128, decoded, -decoded)
    return encoded.astype(np.uint8), decoded.astype("<i2")
