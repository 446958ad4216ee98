"""Audio as the service speaks it: PCM16 mono little-endian at 24 kHz, or G.711 at 8 kHz."""

import binascii
from collections.abc import Iterator
import struct

from pybase64 import b64decode

from ..errors import InvalidAudioError

SAMPLE_RATE = 24_000
BYTES_PER_SECOND = 48_000
MAX_BASE64_LENGTH = 15 * 1024 * 1024

_UNKNOWN_SIZE = 0xFFFFFFFF


def pcm_duration_ms(byte_count: int) -> int:
    """Return how many whole ms so many bytes of 24 kHz PCM16 last."""
    return byte_count * 1000 // BYTES_PER_SECOND


def pcm_chunks(
    pcm: bytes, ms: int = 100, sample_rate: int = SAMPLE_RATE
) -> Iterator[bytes]:
    """Cut PCM16 mono of ``sample_rate`` Hz into chunks of ``ms``; the last may be shorter.

    Azure recommends about 100 ms per append.
    """
    size = 2 * (sample_rate * ms // 1000)
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def decode_base64(audio: str, sample_bytes: int = 2) -> bytes:
    """Decode the base64 audio of one append, strictly.

    Raises InvalidAudioError for anything but base64, for audio that is not whole samples
    of ``sample_bytes`` each, and for more than the 15 MiB that the service takes in one
    event.
    """
    if len(audio) > MAX_BASE64_LENGTH:
        raise InvalidAudioError("The audio is longer than 15 MiB of base64")
    try:
        decoded = b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as err:
        raise InvalidAudioError("The audio is not base64") from err
    if sample_bytes == 2:
        require_whole_samples(decoded)
    return decoded


def wav_header(
    sample_rate: int = SAMPLE_RATE, channels: int = 1, data_bytes: int | None = None
) -> bytes:
    """Return the 44 bytes before PCM16 data in a WAV file.

    A stream whose length is not known yet has the greatest sizes there are, which players read
    as "to the end".
    """
    riff_bytes = _UNKNOWN_SIZE if data_bytes is None else 36 + data_bytes
    frame_bytes = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        sample_rate,
        sample_rate * frame_bytes,
        frame_bytes,
        16,
        b"data",
        _UNKNOWN_SIZE if data_bytes is None else data_bytes,
    )


def require_whole_samples(pcm: bytes) -> None:
    """Raise InvalidAudioError for an odd number of bytes."""
    if len(pcm) % 2:
        raise InvalidAudioError("The audio is not PCM16: it has an odd number of bytes")
