"""What one response after another says, as sound, while it is being made."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Final

from ..realtime import (
    BYTES_PER_SECOND,
    G711_SAMPLE_RATE,
    SAMPLE_RATE,
    AudioFormat,
    Delta,
    Listeners,
    Resampler,
    Response,
)

# A player that gets nothing for some seconds gives up (home-assistant-voice-pe#612).
GAP_SECONDS: Final = 0.5
# What a player gets while it still has something to play, so as not to give up...
_TOKEN_SILENCE = bytes(BYTES_PER_SECOND * 20 // 1000)
# ... and when it has nothing left.
_SILENCE = bytes(int(BYTES_PER_SECOND * GAP_SECONDS))

_NOTE_SECONDS = 0.18
_FALLING_HERTZ = (587, 392)
_VOLUME = 8000  # of 32767


def failure_sound() -> bytes:
    """Return two falling notes, 24 kHz PCM16: what is played where nothing can be said."""
    import numpy as np

    times = np.arange(int(SAMPLE_RATE * _NOTE_SECONDS)) / SAMPLE_RATE
    fade = np.sin(np.pi * times / _NOTE_SECONDS)
    notes = [fade * np.sin(2 * np.pi * hertz * times) for hertz in _FALLING_HERTZ]
    sound = np.concatenate([*notes, np.zeros(len(times))])
    return bytes((_VOLUME * sound).astype("<i2").data)


class Speech:
    """The sound of a reply that may take several responses, with tools in between.

    Any number of readers hear it from the beginning, as PCM16 mono of 24 kHz. Silence
    fills gaps that are longer than ``gap`` seconds.
    """

    def __init__(self, gap: float = GAP_SECONDS) -> None:
        """Begin with nothing to say."""
        self._gap = gap
        self.responses: list[Response] = []
        self.is_finished = False
        self._changes: Listeners[()] = Listeners("a reply")

    def add(self, response: Response) -> None:
        """Let a response follow those before it."""
        self.responses.append(response)
        self._changes.notify()

    def finish(self) -> None:
        """Let no response follow."""
        self.is_finished = True
        self._changes.notify()

    @property
    def pcm(self) -> bytes:
        """Everything that has been said so far."""
        decode = _Decoder()
        said = [
            decode(response.audio_format, response.audio) for response in self.responses
        ]
        return b"".join((*said, decode.flush()))

    async def deltas(self) -> AsyncGenerator[tuple[Response, Delta | None]]:
        """Yield what each response says as it comes, words included; None at its end.

        Ends with the last response.
        """
        number = 0
        while not (self.is_finished and number == len(self.responses)):
            if number == len(self.responses):
                await self._changes.wait()
                continue
            response, position = self.responses[number], 0
            while position < len(response.deltas) or not response.is_done:
                if position == len(response.deltas):
                    await response.changed()
                    continue
                yield response, response.deltas[position]
                position += 1
            number += 1
            yield response, None

    async def pieces(self) -> AsyncGenerator[tuple[str | None, bytes]]:
        """Yield (item id, PCM) as it comes; silence, of no item, fills the gaps.

        Ends with the last response, or early with the socket.
        """
        loop = asyncio.get_running_loop()
        played_until = 0.0
        number = position = 0
        decode = _Decoder()
        change: Awaitable[object]
        while True:
            item_id, pcm = None, b""
            if number == len(self.responses):
                if self.is_finished:
                    if rest := decode.flush():
                        yield None, rest
                    return
                change = self._changes.wait()
            elif position < len(deltas := self.responses[number].deltas):
                delta = deltas[position]
                position += 1
                if delta.kind != "audio":
                    continue
                item_id = delta.item_id
                pcm = decode(self.responses[number].audio_format, delta.audio)
            elif self.responses[number].is_done:
                number, position = number + 1, 0
                continue
            else:
                change = self.responses[number].changed()
            if item_id is None:
                try:
                    async with asyncio.timeout(self._gap):
                        await change
                    continue
                except TimeoutError:
                    if not played_until:
                        continue
                pcm = _TOKEN_SILENCE if loop.time() < played_until else _SILENCE
            played_until = max(played_until, loop.time()) + len(pcm) / BYTES_PER_SECOND
            yield item_id, pcm


class _Decoder:
    """Makes 24 kHz PCM16 of the formats that a session may have."""

    def __init__(self) -> None:
        self._resampler = Resampler(G711_SAMPLE_RATE, SAMPLE_RATE)

    def __call__(self, audio_format: AudioFormat, audio: bytes) -> bytes:
        if audio_format is AudioFormat.PCM:
            return audio
        return self._resampler.process(audio_format.to_pcm(audio))

    def flush(self) -> bytes:
        """Return the last ms of G.711, which the resampler held back."""
        return self._resampler.flush()
