"""A voice satellite: it runs the stock Assist pipeline and plays what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
import struct
from typing import Any

from homeassistant.components import assist_pipeline, stt, tts
from homeassistant.components.assist_pipeline import (
    AudioSettings,
    PipelineEvent,
    PipelineEventType,
    PipelineStage,
)
from homeassistant.components.assist_pipeline.pipeline import async_get_pipelines
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import chat_session
import numpy as np

EARS = "stt.azure_realtime_ears"
VOICE = "tts.azure_realtime_voice"

_CHUNK = 320  # 10 ms of 16 kHz PCM16, as pipelines send it
_SECOND = 32_000


def tone(seconds: float, hertz: float, rate: int) -> bytes:
    """Return a sine as PCM16."""
    times = np.arange(int(rate * seconds)) / rate
    return (12_000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()


def said_at(hertz: float, seconds: float = 0.3) -> bytes:
    """Return a reply, 24 kHz PCM16, that can be told from others by its pitch."""
    return tone(seconds, hertz, 24_000)


SPEECH = tone(0.6, 220, 16_000)


async def microphone(
    speech: bytes = SPEECH, silence_seconds: float | None = 20.0
) -> AsyncIterator[bytes]:
    """Yield speech, then silence until the reader leaves; None ends the stream with the speech.

    The sound comes faster than real time: more of it would not fit into the buffer that is kept
    while a session opens.
    """
    audio = bytes(3200) + speech + bytes(int((silence_seconds or 0) * _SECOND))
    for start in range(0, len(audio), _CHUNK):
        yield audio[start : start + _CHUNK]
        await asyncio.sleep(0)  # a microphone lets others work


async def waiting_microphone(
    speech: bytes = b"", go_on: asyncio.Event | None = None
) -> AsyncIterator[bytes]:
    """Yield speech, and nothing more until ``go_on`` (for ever without it)."""
    async for chunk in microphone(speech, None):
        yield chunk
    await (go_on or asyncio.Event()).wait()


async def played(seconds: float) -> None:
    """Let the time pass that playing takes."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


@dataclass
class Wav:
    """The content of a WAV of unknown length."""

    data: bytes

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return int(struct.unpack_from("<H", self.data, 22)[0])

    @property
    def is_float(self) -> bool:
        """Whether its samples are floating-point numbers of 32 bits, not integers of 16."""
        return bool(struct.unpack_from("<H", self.data, 20)[0] == 3)

    @property
    def rate(self) -> int:
        """Samples a second."""
        return int(struct.unpack_from("<I", self.data, 24)[0])

    @property
    def samples(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The samples of the first channel, -1 to 1."""
        size = 4 if self.is_float else 2
        pcm = self.data[self.data.index(b"data", 0, 200) + 8 :]
        pcm = pcm[: len(pcm) // (size * self.channels) * size * self.channels]
        if self.is_float:
            return np.frombuffer(pcm, "<f4")[:: self.channels].astype(float)
        return np.frombuffer(pcm, "<i2")[:: self.channels] / 32768

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.samples) / self.rate

    @property
    def pitch(self) -> float:
        """The strongest tone in Hz, to 1 Hz."""
        spectrum = np.abs(np.fft.rfft(self.samples, self.rate))
        return float(np.argmax(spectrum))


@dataclass
class Run:
    """The events of one pipeline run, and the sound that it played."""

    events: list[PipelineEvent] = field(default_factory=list)
    data: bytes = b""
    task: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        """Let waiting tests look at the run again."""
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true of the run."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_event(self, event_type: PipelineEventType) -> None:
        """Wait for an event."""
        await self.until(lambda: self.has(event_type))

    async def until_played(self, size: int = 1) -> None:
        """Wait until the player has so many bytes."""
        await self.until(lambda: len(self.data) >= size)

    async def end(self) -> Run:
        """Wait for the end of the run, and of its speech."""
        assert self.task is not None
        await self.task
        return self

    async def abort(self) -> None:
        """Hang up."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait((self.task,))

    def event(self, event_type: PipelineEventType) -> dict[str, Any]:
        """Return the data of the first event of a type."""
        event = next(event for event in self.events if event.type == event_type)
        return event.data or {}

    def has(self, event_type: PipelineEventType) -> bool:
        """Return whether there was such an event."""
        return any(event.type == event_type for event in self.events)

    @property
    def heard(self) -> str:
        """The text of speech-to-text."""
        text: str = self.event(PipelineEventType.STT_END)["stt_output"]["text"]
        return text

    @property
    def output(self) -> dict[str, Any]:
        """The result of the agent."""
        found: dict[str, Any] = self.event(PipelineEventType.INTENT_END)[
            "intent_output"
        ]
        return found

    @property
    def answer(self) -> str:
        """The words of the agent."""
        text: str = self.output["response"]["speech"]["plain"]["speech"]
        return text

    @property
    def error(self) -> str | None:
        """The code of the error that ended the run."""
        if not self.has(PipelineEventType.ERROR):
            return None
        code: str = self.event(PipelineEventType.ERROR)["code"]
        return code

    @property
    def pcm(self) -> bytes:
        """The sound that was played, without the WAV header."""
        return self.data[44:]

    @property
    def wav(self) -> Wav:
        """The sound that was played, where the satellite takes WAV."""
        return Wav(self.data)


@dataclass
class Satellite:
    """A device in one conversation."""

    hass: HomeAssistant
    conversation_id: str
    pipeline: str | None = None
    audio_output: str | dict[str, Any] = field(
        default_factory=lambda: {tts.ATTR_PREFERRED_FORMAT: "wav"}
    )
    satellite_id: str | None = None
    device_id: str | None = None
    context: Context = field(default_factory=Context)

    async def run(
        self, audio: AsyncIterator[bytes] | None = None, **kwargs: Any
    ) -> Run:
        """Say something, and play the reply to its end."""
        return await self.start(audio, **kwargs).end()

    def start(
        self,
        audio: AsyncIterator[bytes] | None = None,
        *,
        end: PipelineStage = PipelineStage.TTS,
        extra_system_prompt: str | None = None,
    ) -> Run:
        """Say something, and play the reply as it comes."""
        run = Run()
        run.task = asyncio.create_task(
            self._run(run, audio or microphone(), end, extra_system_prompt)
        )
        return run

    async def _run(
        self,
        run: Run,
        audio: AsyncIterator[bytes],
        end: PipelineStage,
        extra_system_prompt: str | None,
    ) -> None:
        playing: list[asyncio.Task[None]] = []

        def on_event(event: PipelineEvent) -> None:
            run.events.append(event)
            run.changed()
            begins = (event.data or {}).get("tts_start_streaming")
            if (begins or event.type is PipelineEventType.TTS_END) and not playing:
                token = run.event(PipelineEventType.RUN_START)["tts_output"]["token"]
                playing.append(asyncio.create_task(self._play(run, token)))

        try:
            await assist_pipeline.async_pipeline_from_audio_stream(
                self.hass,
                context=self.context,
                event_callback=on_event,
                stt_metadata=stt.SpeechMetadata(
                    language="en",
                    format=stt.AudioFormats.WAV,
                    codec=stt.AudioCodecs.PCM,
                    bit_rate=stt.AudioBitRates.BITRATE_16,
                    sample_rate=stt.AudioSampleRates.SAMPLERATE_16000,
                    channel=stt.AudioChannels.CHANNEL_MONO,
                ),
                stt_stream=audio,
                pipeline_id=self.pipeline,
                conversation_id=self.conversation_id,
                tts_audio_output=self.audio_output,
                audio_settings=AudioSettings(is_vad_enabled=True),
                device_id=self.device_id,
                satellite_id=self.satellite_id,
                start_stage=PipelineStage.STT,
                end_stage=end,
                conversation_extra_system_prompt=extra_system_prompt,
            )
            if playing:
                await asyncio.wait(playing)
        finally:
            for task in playing:
                task.cancel()

    async def _play(self, run: Run, token: str) -> None:
        stream = tts.async_get_stream(self.hass, token)
        assert stream is not None
        async for chunk in stream.async_stream_result():
            run.data += chunk
            run.changed()


async def speak_to(
    hass: HomeAssistant,
    agent: str,
    *,
    ears: str | None = EARS,
    voice: str | None = VOICE,
    **changes: Any,
) -> str:
    """Make the preferred pipeline one with these engines; returns its id."""
    pipeline = async_get_pipelines(hass)[0]
    await assist_pipeline.async_update_pipeline(
        hass,
        pipeline,
        conversation_engine=agent,
        conversation_language="*",
        language="en",
        stt_engine=ears,
        stt_language="en",
        tts_engine=voice,
        tts_language="en",
        **changes,
    )
    return pipeline.id


def new_conversation() -> str:
    """Return the id of a new conversation."""
    return f"satellite {chat_session.ulid_now()}"
