"""What the person is saying: kept until it is a turn, so that a lost connection loses no word."""

from collections import deque
from collections.abc import Iterator

from pybase64 import b64encode

from ..audio import MAX_BASE64_LENGTH, SAMPLE_RATE, AudioFormat, Resampler
from ..errors import InvalidAudioError, NotConnectedError
from .acknowledgements import APPEND_ID
from .conversation_record import MAX_SOUND

_PREFIX = (
    b'{"type":"input_audio_buffer.append","event_id":"%b","audio":"'
    % APPEND_ID.encode()
)
_SUFFIX = b'"}'
_MAX_LENGTH = MAX_BASE64_LENGTH // 4 * 3  # bytes of audio in one event


class UnsentSpeech:
    """The pieces of audio that were appended since the last commit.

    While the connection is open each piece is sent as well. After ``lose`` the pieces wait
    for the next connection, which gets all ``frames`` again. ``size`` is in bytes.
    ``was_resent`` tells that the sentence was sent to another session once already.
    """

    def __init__(self, *, max_size: int = MAX_SOUND) -> None:
        """Start closed. Of more than ``max_size`` bytes the oldest pieces are dropped."""
        self.audio_format = AudioFormat.PCM
        self.size = 0
        self.was_resent = False
        self._max_size = max_size
        self._is_open = False
        self._is_waiting = False
        self._pieces: deque[bytes] = deque()
        self._first = 0  # the number of the oldest piece, counted from the first ever
        self._resampler: Resampler | None = None

    def __bool__(self) -> bool:
        """Return whether there is speech that is not a turn yet."""
        return bool(self._pieces)

    @property
    def count(self) -> int:
        """How many pieces were ever added."""
        return self._first + len(self._pieces)

    # --- The connection

    def open(self) -> None:
        """Send pieces from now on: there is a connection, and it has got all ``frames``."""
        self._is_open = True
        self._is_waiting = False

    def lose(self) -> None:
        """Keep pieces from now on: there is no connection, but one is under way."""
        self._is_open = False
        self._is_waiting = True

    def close(self) -> bool:
        """Take no more pieces, and drop those there are. True if some waited."""
        was_waiting = self._is_waiting and bool(self._pieces)
        self._is_open = self._is_waiting = False
        self.clear()
        return was_waiting

    # --- The pieces

    def add(self, audio: bytes) -> bytes | None:
        """Keep a piece; returns the frame to send, None while there is no connection.

        Raises NotConnectedError if no connection is to be expected, and InvalidAudioError
        for more than one event can hold.
        """
        if len(audio) > _MAX_LENGTH:
            raise InvalidAudioError("One append takes at most 15 MiB of audio")
        if not self._is_open and not self._is_waiting:
            raise NotConnectedError
        self._pieces.append(audio)
        self.size += len(audio)
        while self.size > self._max_size and self._pieces:
            self.size -= len(self._pieces.popleft())
            self._first += 1
        if self._is_open:
            return _frame(audio)
        return None

    def frames(self) -> Iterator[bytes]:
        """Yield the frame of every piece, also of those that are added or dropped meanwhile."""
        number = self._first
        while (number := max(number, self._first)) < self.count:
            yield _frame(self._pieces[number - self._first])
            number += 1

    def take(self, count: int | None = None) -> list[bytes]:
        """Return the pieces, which are a turn now, and keep them no longer.

        ``count`` is how many had been added when the turn was ended, None if the service has
        ended it by itself: what came later is no part of it.
        """
        pieces: list[bytes] = []
        while self._pieces and (count is None or self._first < count):
            pieces.append(self._pieces.popleft())
            self._first += 1
        self.size -= sum(map(len, pieces))
        self.was_resent = False
        return pieces

    def clear(self) -> None:
        """Drop the pieces, and what the resampler holds back."""
        self.take()
        self._resampler = None

    # --- Audio formats

    def convert(self, pcm: bytes, sample_rate: int) -> bytes:
        """Return PCM16 of ``sample_rate`` Hz in the session's format.

        The resampler holds back the last ms, which ``flush`` returns. Raises
        InvalidConfigError for a rate that is no recorder's.
        """
        audio_format = self.audio_format
        if sample_rate != audio_format.rate:
            rates = sample_rate, audio_format.rate
            resampler = self._resampler
            if (
                resampler is None
                or (resampler.source_rate, resampler.target_rate) != rates
            ):
                self._resampler = resampler = Resampler(*rates)
            pcm = resampler.process(pcm)
        return audio_format.from_pcm(pcm)

    def needs_conversion(self, sample_rate: int) -> bool:
        """Return whether PCM16 of this rate is not what the session takes."""
        return sample_rate != SAMPLE_RATE or self.audio_format is not AudioFormat.PCM

    def flush(self) -> bytes:
        """Return what the resampler holds back; the stream is at its end."""
        resampler, self._resampler = self._resampler, None
        tail = resampler.flush() if resampler else b""
        return self.audio_format.from_pcm(tail)


def _frame(audio: bytes) -> bytes:
    return b"".join((_PREFIX, b64encode(audio), _SUFFIX))
