"""Audio as the service speaks it: PCM16 mono little-endian at 24 kHz, or G.711 at 8 kHz."""

from base64 import b64decode
import binascii
from collections.abc import Iterator
from math import gcd
import struct

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidAudioError, InvalidConfigError

SAMPLE_RATE = 24_000
BYTES_PER_SECOND = 48_000
MAX_BASE64_LENGTH = 15 * 1024 * 1024

_G711_BYTES_PER_SECOND = 8_000
_UNKNOWN_SIZE = 0xFFFFFFFF

# Half the filter's length in samples of the slower rate, and the shape of its window: images and
# aliases stay below -80 dB up to 7/8 of the band, for 2 ms of delay at 16 kHz.
_HALF_TAPS = 32
_KAISER_BETA = 8.0
# 11025 to 16000 Hz is the longest that usual rates need: 441 samples in, 640 out.
_MAX_PERIOD = 640


def pcm_duration_ms(byte_count: int, audio_format: str = "audio/pcm") -> int:
    """Return how many whole ms so many bytes last: PCM16 at 24 kHz, or G.711 at 8 kHz."""
    rate = BYTES_PER_SECOND if audio_format == "audio/pcm" else _G711_BYTES_PER_SECOND
    return byte_count * 1000 // rate


def pcm_chunks(pcm: bytes, ms: int = 100) -> Iterator[bytes]:
    """Cut 24 kHz PCM16 into chunks of so many ms; the last may be shorter.

    Azure recommends about 100 ms per append.
    """
    size = BYTES_PER_SECOND * ms // 1000
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def decode_base64(audio: str, audio_format: str = "audio/pcm") -> bytes:
    """Decode the base64 audio of one append, strictly.

    Raises InvalidAudioError for anything but base64, for PCM16 that is not whole
    samples, and for more than the 15 MiB that the service takes in one event.
    """
    if len(audio) > MAX_BASE64_LENGTH:
        raise InvalidAudioError("The audio is longer than 15 MiB of base64")
    try:
        pcm = b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as err:
        raise InvalidAudioError("The audio is not base64") from err
    if audio_format == "audio/pcm":
        _require_whole_samples(pcm)
    return pcm


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


class Resampler:
    """Changes the sample rate of a stream of PCM16 mono little-endian.

    A polyphase low-pass filter with state: chunks of any size give the same samples as the whole
    would, to within a rounding. The output keeps the input's time line and, once flushed, its duration; it lags while
    streaming by 32 samples of the slower rate (2 ms at 16 kHz).
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        """Take rates in Hz: all that recorders know, from 4000 to 192000.

        Raises InvalidConfigError for others, whose filter would be huge.
        """
        slower, faster = sorted((source_rate, target_rate))
        if slower < 4_000 or faster > 192_000:
            raise InvalidConfigError("sample_rate", "must be from 4000 to 192000 Hz")
        divisor = gcd(source_rate, target_rate)
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._up = target_rate // divisor
        self._down = source_rate // divisor
        if max(self._up, self._down) > _MAX_PERIOD:
            raise InvalidConfigError("sample_rate", "must be a usual one, in Hz")
        self._reach = -(-_HALF_TAPS * max(source_rate, target_rate) // target_rate)
        self._filter = _filter_bank(self._up, self._down, self._reach)
        self._reset()

    def _reset(self) -> None:
        self._odd_byte = b""
        self._waiting = np.zeros(self._reach - 1, np.float32)
        self._received = 0
        self._produced = 0

    def process(self, pcm: bytes) -> bytes:
        """Return what can be said by now; an odd byte waits for its other half."""
        pcm = self._odd_byte + pcm
        whole = len(pcm) & ~1
        self._odd_byte = pcm[whole:]
        if self.source_rate == self.target_rate:
            return pcm[:whole]
        samples = np.frombuffer(pcm, "<i2", whole // 2)
        self._received += len(samples)
        return self._convert(samples.astype(np.float32))

    def flush(self) -> bytes:
        """Return the rest of the stream and begin a new one. Half a sample is dropped."""
        if self.source_rate == self.target_rate:
            self._reset()
            return b""
        total = -(-self._received * self._up // self._down)
        missing = 2 * (total - self._produced)
        rest = self._convert(np.zeros(self._reach + self._down, np.float32))[:missing]
        self._reset()
        return rest

    def _convert(self, samples: NDArray[np.float32]) -> bytes:
        """Filter as many whole periods as there are: `down` samples in, `up` samples out."""
        waiting = np.concatenate((self._waiting, samples))
        width = len(self._filter)
        periods = max(0, (len(waiting) - width) // self._down + 1)
        if not periods:
            self._waiting = waiting
            return b""
        step = waiting.itemsize
        windows: NDArray[np.float32] = np.ndarray(
            (periods, width), waiting.dtype, waiting, 0, (self._down * step, step)
        )
        # A copy: matrix products of overlapping windows miss the fast path.
        blocks = np.ascontiguousarray(windows)
        self._waiting = waiting[periods * self._down :]
        self._produced += periods * self._up
        result: NDArray[np.float32] = np.rint(blocks @ self._filter)
        return result.clip(-32768, 32767).astype("<i2").tobytes()


def _filter_bank(up: int, down: int, reach: int) -> NDArray[np.float32]:
    """Return the matrix that makes `up` output samples of one window of input samples.

    Column j is a windowed sinc, `reach` input samples to either side of output j's moment.
    """
    moments = np.arange(up) * down / up
    places = np.arange(2 * reach + down - 1) - (reach - 1)
    distance = places[:, None] - moments[None, :]
    # The pass band ends at the slower rate's half.
    band = min(1.0, up / down)
    inside = np.clip(1 - (distance / reach) ** 2, 0, None)
    window = np.where(inside > 0, np.i0(_KAISER_BETA * np.sqrt(inside)), 0)
    bank = np.sinc(distance * band) * window
    # Every output sample weighs the same: a constant stays a constant.
    balanced: NDArray[np.float64] = bank / bank.sum(axis=0)
    return balanced.astype(np.float32)


def ulaw_encode(pcm: bytes) -> bytes:
    """Encode PCM16 as G.711 mu-law. Raises InvalidAudioError for half a sample."""
    return _ULAW_ENCODED.take(_samples(pcm).view("<u2")).tobytes()


def ulaw_decode(audio: bytes) -> bytes:
    """Decode G.711 mu-law to PCM16."""
    return _ULAW_DECODED.take(np.frombuffer(audio, np.uint8)).tobytes()


def alaw_encode(pcm: bytes) -> bytes:
    """Encode PCM16 as G.711 A-law. Raises InvalidAudioError for half a sample."""
    return _ALAW_ENCODED.take(_samples(pcm).view("<u2")).tobytes()


def alaw_decode(audio: bytes) -> bytes:
    """Decode G.711 A-law to PCM16."""
    return _ALAW_DECODED.take(np.frombuffer(audio, np.uint8)).tobytes()


def _samples(pcm: bytes) -> NDArray[np.int16]:
    _require_whole_samples(pcm)
    return np.frombuffer(pcm, "<i2")


def _require_whole_samples(pcm: bytes) -> None:
    if len(pcm) % 2:
        raise InvalidAudioError("The audio is not PCM16: it has an odd number of bytes")


def _ulaw_tables() -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Return the code of every sample and the sample of every code (ITU-T G.711, 14 bits)."""
    magnitude = np.abs(_EVERY_SAMPLE >> 2).clip(max=8158) + 33
    segment = np.log2(magnitude).astype(int) - 5
    code = segment << 4 | (magnitude >> segment + 1 & 15)
    encoded = ~np.where(_EVERY_SAMPLE < 0, code | 128, code) & 255

    inverted = ~_EVERY_CODE & 255
    decoded = ((inverted & 15) * 8 + 132 << (inverted >> 4 & 7)) - 132
    decoded = np.where(inverted & 128, -decoded, decoded)
    return encoded.astype(np.uint8), decoded.astype("<i2")


def _alaw_tables() -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Return the code of every sample and the sample of every code (ITU-T G.711, 13 bits)."""
    sample = _EVERY_SAMPLE >> 3
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = np.log2(magnitude.clip(16)).astype(int) - 4
    code = segment << 4 | (magnitude >> segment.clip(1) & 15)
    encoded = np.where(sample < 0, code, code | 128) ^ 0x55

    code = _EVERY_CODE ^ 0x55
    segment = code >> 4 & 7
    decoded = (code & 15) * 16 + np.where(segment > 0, 264, 8) << (segment - 1).clip(0)
    decoded = np.where(code & 128, decoded, -decoded)
    return encoded.astype(np.uint8), decoded.astype("<i2")


_EVERY_SAMPLE = np.arange(65536).astype(np.uint16).view(np.int16).astype(int)
_EVERY_CODE = np.arange(256)
_ULAW_ENCODED, _ULAW_DECODED = _ulaw_tables()
_ALAW_ENCODED, _ALAW_DECODED = _alaw_tables()
