"""The reply of a live session, as media for a player elsewhere in the house."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
import secrets

from homeassistant.core import callback

from ..realtime import wav_header
from ..voice.speech import Speech

type OnPiece = Callable[[str | None, bytes], None]


class LiveReply:
    """A PlayableReply; ``on_piece`` hears what a player has been given, and of which item."""

    def __init__(self, speech: Speech, on_piece: OnPiece) -> None:
        """Let a speech be played that is being made."""
        self.token = secrets.token_urlsafe(32)
        self.on_done: Callable[[], None] | None = None
        self.is_done = False
        self._speech: Speech | None = speech
        self._on_piece: OnPiece | None = on_piece
        self._pcm = b""

    @callback
    def finish(self) -> None:
        """Note that the reply has been heard, or was ended; once."""
        if self._speech is None:
            return
        self._pcm = self._speech.pcm
        self._speech = self._on_piece = None
        self.is_done = True
        if self.on_done is not None:
            self.on_done()

    @property
    def wav(self) -> bytes:
        """The whole reply as a WAV file, 24 kHz PCM16 mono, once it is done."""
        return wav_header(data_bytes=len(self._pcm)) + self._pcm

    async def async_wav_stream(self) -> AsyncGenerator[bytes]:
        """Yield the reply as a WAV of unknown length while it is being made."""
        yield wav_header()
        if (speech := self._speech) is None:
            yield self._pcm
            return
        async with aclosing(speech.pieces()) as pieces:
            async for item_id, pcm in pieces:
                if self._on_piece is not None:
                    self._on_piece(item_id, pcm)
                yield pcm
