"""What one person says: sent up while it is said, to its end, and written down."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..assistant.telling import Telling
from ..assistant.timing import Timing
from ..const import TURN_DETECTION_NONE, TURN_DETECTION_SERVER_VAD
from ..errors import BufferFullError, NothingHeardError
from ..realtime import (
    CommandError,
    ConnectionLostError,
    ConnectionState,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
)

SAMPLE_RATE: Final = 16_000  # what Assist pipelines send, PCM16 mono
_BYTES_PER_SECOND = 2 * SAMPLE_RATE
# A pipeline sends 10 ms at a time. Sending 20 ms at a time halves the cost, and the delay
# is not noticed.
_APPEND_BYTES = _BYTES_PER_SECOND * 20 // 1000
# Below this peak no sample is speech, of 32768. Home Assistant's own time-out may have ended
# the turn, and only the loudness tells whether there was any speech.
_SILENCE_PEAK = 300

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class SpeechInput:
    """One utterance on its way from a microphone to an item of the conversation.

    It survives a connection that breaks and comes back in time: the client keeps what is
    said, and sends it again.
    """

    def __init__(
        self,
        turn_detection: str,
        timing: Timing,
        telling: Telling,
        silence_ms: int | None,
    ) -> None:
        """Prepare to listen; ``turn_detection`` is what ends it, as the settings call it.

        The service finds the end of speech after ``silence_ms``; None if that is not known.
        """
        self.ended_at = 0.0  # the event loop's time of the end of speech
        self.was_ended_by_hand = False  # the service does not answer that by itself
        self._turn_detection = turn_detection
        self._timing = timing
        self._telling = telling
        self._silence_ms = silence_ms
        self._words = ""
        self._began_at: float | None = None
        self._peak = 0
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._committed: asyncio.Future[str] = loop.create_future()
        self._transcribed: asyncio.Future[str | None] = loop.create_future()
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @property
    def item_id(self) -> str | None:
        """The item that it has become."""
        committed = self._committed
        if not committed.done() or committed.cancelled() or committed.exception():
            return None
        return committed.result()

    @property
    def transcript(self) -> str | None:
        """The words, once they are known."""
        return self._transcribed.result() if self._transcribed.done() else None

    async def async_listen(
        self, stream: AsyncIterable[bytes], opening: asyncio.Future[RealtimeClient]
    ) -> None:
        """Send the microphone up until the person has finished.

        ``opening`` ends with the client, which has to be told to ``listen_to``; what is
        said until then is kept. Raises RealtimeError.
        """
        upload = asyncio.ensure_future(self._async_upload(stream, opening))
        try:
            await asyncio.wait((opening, upload), return_when=asyncio.FIRST_COMPLETED)
            if upload.done():
                upload.result()
            await self._async_end_of_speech(await opening, upload)
        finally:
            opening.cancel()
            upload.cancel()
            await asyncio.gather(opening, upload, return_exceptions=True)

    async def async_wait_for_transcript(
        self, until: asyncio.Future[Any], seconds: float
    ) -> None:
        """Wait for the transcript, until something else happens, or for so long."""
        await asyncio.wait(
            (self._transcribed, until),
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )

    @callback
    def listen_to(self, client: RealtimeClient) -> None:
        """Follow what the service says about what it hears, from now on."""
        self._unsubscribe += [
            client.on(event, listener)
            for event, listener in (
                ("input_audio_buffer.speech_started", self._on_speech_started),
                ("input_audio_buffer.speech_stopped", self._on_speech_stopped),
                ("input_audio_buffer.committed", self._on_committed),
                (f"{_TRANSCRIPTION}.delta", self._on_words),
                (f"{_TRANSCRIPTION}.completed", self._on_transcribed),
                (f"{_TRANSCRIPTION}.failed", self._on_transcribed),
                ("connection_changed", self._on_connection_changed),
                ("speech_dropped", self._on_speech_dropped),
            )
        ]

    @callback
    def close(self) -> None:
        """Stop listening, even if the person still speaks."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        self._give_up(NotConnectedError())

    # The microphone

    async def _async_upload(
        self, stream: AsyncIterable[bytes], opening: asyncio.Future[RealtimeClient]
    ) -> None:
        """Send what comes, and what came while the session was being opened."""
        buffered = bytearray()
        catching_up = asyncio.ensure_future(self._async_catch_up(buffered, opening))
        try:
            async for chunk in stream:
                buffered += chunk
                if opening.done():
                    if len(buffered) >= _APPEND_BYTES:
                        await self._async_append(opening.result(), buffered)
                elif len(buffered) > self._timing.max_buffered * _BYTES_PER_SECOND:
                    raise BufferFullError
            await catching_up
            await self._async_append(opening.result(), buffered)
        finally:
            catching_up.cancel()
            await asyncio.gather(catching_up, return_exceptions=True)

    async def _async_catch_up(
        self, buffered: bytearray, opening: asyncio.Future[RealtimeClient]
    ) -> None:
        """Send what was said before the session was open, even if no more is said."""
        await self._async_append(await asyncio.shield(opening), buffered)

    async def _async_append(self, client: RealtimeClient, pcm: bytearray) -> None:
        """Send what there is, a second at a time: resampling takes many times its memory."""
        import numpy as np

        # `_async_catch_up` and `_async_upload` drain the same buffer, so its length is read
        # again after every await.
        while len(pcm) > 1:
            piece = bytes(pcm[: min(len(pcm), _BYTES_PER_SECOND) & ~1])
            del pcm[: len(piece)]
            if self._turn_detection != TURN_DETECTION_SERVER_VAD:
                samples = np.frombuffer(piece, "<i2").astype(np.int32)
                self._peak = max(self._peak, int(np.abs(samples).max()))
            await client.append_pcm(piece, sample_rate=SAMPLE_RATE)

    # Its end

    async def _async_end_of_speech(
        self, client: RealtimeClient, upload: asyncio.Future[None]
    ) -> None:
        """Wait until the service, or the sender of the audio, finds the end of the turn."""
        await self._async_wait(upload, self._started, seconds=self._no_speech_timeout)
        if self._started.done() and not upload.done():
            await self._async_wait(upload, seconds=self._timing.speech)
        if self._committed.done():
            self._committed.result()  # the reason of a loss, which the upload does not know
        if upload.done():
            upload.result()
        if not self._committed.done():
            await self._async_end_by_hand(client, is_cut=upload.done())
        if not self._committed.done():
            raise NothingHeardError
        await self._committed
        self.ended_at = self.ended_at or asyncio.get_running_loop().time()

    async def _async_wait(self, *others: asyncio.Future[Any], seconds: float) -> None:
        await asyncio.wait(
            (self._committed, *others),
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )

    @property
    def _no_speech_timeout(self) -> float:
        """Seconds until the first word. By hand, the end of the stream is all there is."""
        if self._turn_detection == TURN_DETECTION_NONE:
            return self._timing.no_speech + self._timing.speech
        return self._timing.no_speech

    async def _async_end_by_hand(self, client: RealtimeClient, *, is_cut: bool) -> None:
        """End the turn where the service does not, if there was any speech.

        Only server VAD can be trusted to tell: semantic VAD was seen to find nothing on
        Azure (August 2026).
        """
        if self._turn_detection != TURN_DETECTION_SERVER_VAD:
            if self._peak < _SILENCE_PEAK:
                return
        else:
            if not self._started.done():
                if not is_cut:
                    return
                await self._async_wait(self._started, seconds=self._timing.commit)
                if not self._started.done():
                    return
            if is_cut:
                await self._async_wait(seconds=self._timing.catch_up)
                if self._committed.done():
                    return
        with suppress(CommandError):  # there is too little of it, or it has just ended
            try:
                await client.commit_audio()
            except ConnectionLostError, NotConnectedError:
                await client.connect()  # there it has been said again
                await client.commit_audio()
            self.was_ended_by_hand = True

    # What the service tells

    @callback
    def _on_speech_started(self, event: Mapping[str, Any]) -> None:
        if not self._started.done():
            self._started.set_result(None)
            self._began_at = asyncio.get_running_loop().time()
            self._telling.speech_started(event["item_id"])

    @callback
    def _on_speech_stopped(self, event: Mapping[str, Any]) -> None:
        self.ended_at = asyncio.get_running_loop().time()
        self._telling.speech_stopped(event["item_id"])

    @callback
    def _on_committed(self, event: Mapping[str, Any]) -> None:
        if not self._committed.done():
            self._committed.set_result(event["item_id"])
            ended_at = self.ended_at or asyncio.get_running_loop().time()
            self._telling.heard(
                event["item_id"], self._began_at, ended_at, self._silence_ms
            )

    @callback
    def _on_words(self, event: Mapping[str, Any]) -> None:
        if event["item_id"] == self.item_id and not self._transcribed.done():
            self._words += event.get("delta") or ""
            self._telling.user_text(self._words, is_final=False)

    @callback
    def _on_transcribed(self, event: Mapping[str, Any]) -> None:
        if event["item_id"] == self.item_id and not self._transcribed.done():
            words = (event.get("transcript") or "").strip()
            self._transcribed.set_result(words or None)
            if words:
                self._telling.user_text(words)

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        match event["state"]:
            case ConnectionState.OPEN:
                pass
            case ConnectionState.CONNECTING if not self._committed.done():
                pass  # the client keeps what is said, or tells that it does not
            case _:
                self._give_up(event["error"] or ConnectionLostError())

    @callback
    def _on_speech_dropped(self, event: Mapping[str, Any]) -> None:
        self._give_up(event["error"])

    def _give_up(self, error: RealtimeError) -> None:
        if not self._committed.done():
            self._committed.set_exception(error)
            self._committed.exception()  # mark the error as seen: a turn may never await it
        if not self._transcribed.done():
            self._transcribed.set_result(None)
