"""Touch tones (ITU-T Q.23): digits as sound that is cheap to make and never misheard."""

from functools import lru_cache
import itertools

import numpy as np
from numpy.typing import NDArray

from ..wire.audio import RATE

_LOW = (697, 770, 852, 941)  # Hz, one for each row of the keys
_HIGH = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")

# Together 100 ms, as long as a delta of audio: no key is cut in two where one comes late.
_TONE_SECONDS = 0.06
_GAP_SECONDS = 0.04
_PAUSE_SECONDS = 0.2  # between words; turn detection waits longer
_LEAST_TONE_SECONDS = 0.03
_FRAME_SECONDS = 0.01
_AMPLITUDE = 4000
_QUIET = 500  # root mean square of PCM16
_PURE = 0.8  # of the power that a key's two tones have


def dialed(words: str, rate: int = RATE) -> bytes:
    """Return digits, `*` and `#` as PCM16 mono; words are set apart by a pause."""
    pause = bytes(2 * int(_PAUSE_SECONDS * rate))
    return pause.join(
        b"".join(_key(key, rate) for key in word) for word in words.split()
    )


def heard(pcm: bytes, rate: int = RATE) -> str:
    """Return the words that were dialed in PCM16 mono; other sounds are none."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    frame = int(_FRAME_SECONDS * rate)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    loud = np.sqrt((frames**2).mean(axis=1)) > _QUIET
    words, end = "", 0
    for is_loud, group in itertools.groupby(range(len(loud)), key=loud.__getitem__):
        at = list(group)
        if not is_loud or len(at) * _FRAME_SECONDS < _LEAST_TONE_SECONDS:
            continue
        key = _key_of(frames[at[0] : at[-1] + 1].ravel(), rate)
        if words and (at[0] - end) * _FRAME_SECONDS > _PAUSE_SECONDS * 0.75:
            words += " "
        words += key
        end = at[-1]
    return " ".join(words.split())


@lru_cache(maxsize=64)
def _key(key: str, rate: int) -> bytes:
    row = next(number for number, keys in enumerate(_KEYS) if key in keys)
    time = np.arange(int(_TONE_SECONDS * rate)) / rate
    tone: NDArray[np.float64] = sum(
        (
            np.sin(2 * np.pi * hertz * time)
            for hertz in (_LOW[row], _HIGH[_KEYS[row].index(key)])
        ),
        np.zeros(len(time)),
    )
    return (_AMPLITUDE * tone).astype("<i2").tobytes() + bytes(
        2 * int(_GAP_SECONDS * rate)
    )


def _key_of(samples: NDArray[np.float64], rate: int) -> str:
    """Return the key that these samples sound like, "" for none."""
    middle = samples[len(samples) // 8 : len(samples) - len(samples) // 8]
    low, high = (_powers(middle, group, rate) for group in (_LOW, _HIGH))
    row, column = int(low.argmax()), int(high.argmax())
    of_key = low[row] + high[column]
    if of_key < _PURE * (middle**2).mean() or min(low[row], high[column]) < of_key / 8:
        return ""
    return _KEYS[row][column]


def _powers(
    samples: NDArray[np.float64], hertz: tuple[int, ...], rate: int
) -> NDArray[np.float64]:
    """Return the mean square of what samples have of each tone."""
    times = np.arange(len(samples)) / rate
    waves = np.exp(-2j * np.pi * np.outer(hertz, times))
    powers: NDArray[np.float64] = 2 * np.abs(waves @ samples / len(samples)) ** 2
    return powers
