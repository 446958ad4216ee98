"""A voice satellite: it runs the stock Assist pipeline and plays what comes back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
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


def _tone(seconds: float, hertz: float = 220.0) -> bytes:
    times = np.arange(int(16_000 * seconds)) / 16_000
    return (12_000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()


SPEECH = _tone(0.6)


async def microphone(
    speech: bytes = SPEECH, silence_seconds: float | None = 60.0
) -> AsyncIterator[bytes]:
    """Yield speech, then silence until nobody listens; None ends it with the speech."""
    audio = bytes(3200) + speech + bytes(int((silence_seconds or 0) * 32_000))
    for start in range(0, len(audio), _CHUNK):
        yield audio[start : start + _CHUNK]
        await asyncio.sleep(0)  # a microphone lets others work


@dataclass
class Run:
    """What one pipeline run told, and what it played."""

    events: list[PipelineEvent] = field(default_factory=list)
    wav: bytes = b""

    def data(self, event_type: PipelineEventType) -> dict[str, Any]:
        """Return the data of the first event of a type."""
        event = next(event for event in self.events if event.type == event_type)
        return event.data or {}

    def has(self, event_type: PipelineEventType) -> bool:
        """Return whether there was such an event."""
        return any(event.type == event_type for event in self.events)

    @property
    def heard(self) -> str:
        """What speech-to-text told."""
        text: str = self.data(PipelineEventType.STT_END)["stt_output"]["text"]
        return text

    @property
    def answer(self) -> str:
        """What the agent said, in words."""
        output = self.data(PipelineEventType.INTENT_END)["intent_output"]
        text: str = output["response"]["speech"]["plain"]["speech"]
        return text

    @property
    def error(self) -> str | None:
        """The code of the error that ended the run."""
        if not self.has(PipelineEventType.ERROR):
            return None
        code: str = self.data(PipelineEventType.ERROR)["code"]
        return code

    @property
    def pcm(self) -> bytes:
        """What was played, less the WAV header."""
        return self.wav[44:]


@dataclass
class Satellite:
    """A device in one conversation."""

    hass: HomeAssistant
    conversation_id: str
    pipeline: str | None = None
    audio_output: str | None = "wav"
    satellite_id: str | None = None
    device_id: str | None = None

    async def run(
        self,
        audio: AsyncIterator[bytes] | None = None,
        *,
        end: PipelineStage = PipelineStage.TTS,
        extra_system_prompt: str | None = None,
    ) -> Run:
        """Say something, and play the reply as it comes."""
        run = Run()
        playing: list[asyncio.Task[None]] = []

        def on_event(event: PipelineEvent) -> None:
            run.events.append(event)
            if event.type is PipelineEventType.RUN_START and "tts_output" in event.data:
                token = event.data["tts_output"]["token"]
                playing.append(asyncio.create_task(self._play(run, token)))

        await assist_pipeline.async_pipeline_from_audio_stream(
            self.hass,
            context=Context(),
            event_callback=on_event,
            stt_metadata=stt.SpeechMetadata(
                language="en",
                format=stt.AudioFormats.WAV,
                codec=stt.AudioCodecs.PCM,
                bit_rate=stt.AudioBitRates.BITRATE_16,
                sample_rate=stt.AudioSampleRates.SAMPLERATE_16000,
                channel=stt.AudioChannels.CHANNEL_MONO,
            ),
            stt_stream=audio or microphone(),
            pipeline_id=self.pipeline,
            conversation_id=self.conversation_id,
            tts_audio_output={tts.ATTR_PREFERRED_FORMAT: self.audio_output},
            audio_settings=AudioSettings(is_vad_enabled=True),
            device_id=self.device_id,
            satellite_id=self.satellite_id,
            start_stage=PipelineStage.STT,
            end_stage=end,
            conversation_extra_system_prompt=extra_system_prompt,
        )
        for task in playing:
            if run.error or not run.has(PipelineEventType.TTS_END):
                task.cancel()
            await asyncio.wait((task,))
        return run

    async def _play(self, run: Run, token: str) -> None:
        stream = tts.async_get_stream(self.hass, token)
        assert stream is not None
        async for chunk in stream.async_stream_result():
            run.wav += chunk


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
    """Return the id of a conversation that nobody has had yet."""
    return f"satellite {chat_session.ulid_now()}"
