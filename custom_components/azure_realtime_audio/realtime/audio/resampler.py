"""A streaming resampler for PCM16."""

from math import gcd
from typing import TYPE_CHECKING

from ..errors import InvalidConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Half the filter's length in samples of the slower rate, and the shape of its window: images and
# aliases stay below -80 dB up to 7/8 of the band, for 2 ms of delay at 16 kHz.
_HALF_TAPS = 32
_KAISER_BETA = 8.0
# 11025 to 16000 Hz is the longest that usual rates need: 441 samples in, 640 out.
_MAX_PERIOD = 640


class Resampler:
    """Changes the sample rate of a stream of PCM16 mono little-endian.

    A polyphase low-pass filter with state: chunks of any size give the same samples as the whole
    would, to within a rounding. The output keeps the input's time line and, once flushed, its duration; it lags while
    streaming by 32 samples of the slower rate (2 ms at 16 kHz).
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        """Prepare to resample between two rates in Hz, each from 4000 to 192000.

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
        import numpy as np

        self._odd_byte = b""
        self._waiting = np.zeros(self._reach - 1, np.float32)
        self._received = 0
        self._produced = 0

    def process(self, pcm: bytes) -> bytes:
        """Return the samples that are complete by now; an odd byte waits for its other half."""
        pcm = self._odd_byte + pcm
        whole = len(pcm) & ~1
        self._odd_byte = pcm[whole:]
        if self.source_rate == self.target_rate:
            return pcm[:whole]
        import numpy as np

        samples = np.frombuffer(pcm, "<i2", whole // 2)
        self._received += len(samples)
        return self._convert(samples.astype(np.float32))

    def flush(self) -> bytes:
        """Return the rest of the stream and begin a new one. Half a sample is dropped."""
        if self.source_rate == self.target_rate:
            self._reset()
            return b""
        import numpy as np

        total = -(-self._received * self._up // self._down)
        missing = 2 * (total - self._produced)
        rest = self._convert(np.zeros(self._reach + self._down, np.float32))[:missing]
        self._reset()
        return rest

    def _convert(self, samples: NDArray[np.float32]) -> bytes:
        """Filter all whole periods: `down` samples in, `up` samples out."""
        import numpy as np

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
    import numpy as np

    moments = np.arange(up) * down / up
    places = np.arange(2 * reach + down - 1) - (reach - 1)
    distance = places[:, None] - moments[None, :]
    # The pass band ends at the slower rate's half.
    band = min(1.0, up / down)
    inside = np.clip(1 - (distance / reach) ** 2, 0, None)
    window = np.where(inside > 0, np.i0(_KAISER_BETA * np.sqrt(inside)), 0)
    bank = np.sinc(distance * band) * window
    # The weights of each output sample add up to one, so that a constant stays a constant.
    balanced: NDArray[np.float64] = bank / bank.sum(axis=0)
    return balanced.astype(np.float32)
