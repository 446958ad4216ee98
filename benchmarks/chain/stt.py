"""Speech-to-text that finds the end of speech as the service does, and then takes its time."""

import asyncio
from collections.abc import AsyncIterable
from typing import override

from homeassistant.components.stt import (
    AudioBitRates,
    AudioChannels,
    AudioCodecs,
    AudioFormats,
    AudioSampleRates,
    SpeechMetadata,
    SpeechResult,
    SpeechResultState,
    SpeechToTextEntity,
)
from homeassistant.components.stt.models import SpeechAudioProcessing
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
import numpy as np

from . import MODELS

SILENCE_BYTES = 16_000 * 2 // 2  # 500 ms
QUIET = 300  # of 32768


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    """Add the speech-to-text entity."""
    add([ChainSpeechToText()])


class ChainSpeechToText(SpeechToTextEntity):
    """The speech-to-text of the chain."""

    _attr_name = "Chain"
    _attr_unique_id = "chain"
    supported_languages = ["en"]
    supported_formats = [AudioFormats.WAV]
    supported_codecs = [AudioCodecs.PCM]
    supported_bit_rates = [AudioBitRates.BITRATE_16]
    supported_sample_rates = [AudioSampleRates.SAMPLERATE_16000]
    supported_channels = [AudioChannels.CHANNEL_MONO]
    audio_processing = SpeechAudioProcessing(
        requires_external_vad=False,
        prefers_auto_gain_enabled=False,
        prefers_noise_reduction_enabled=False,
    )

    @override
    async def async_process_audio_stream(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        """Wait for speech and for 500 ms of silence after it."""
        quiet_bytes = 0
        has_begun = False
        async for pcm in stream:
            is_loud = np.abs(np.frombuffer(pcm, "<i2").astype(int)).max() > QUIET
            has_begun = has_begun or bool(is_loud)
            quiet_bytes = 0 if is_loud else quiet_bytes + len(pcm)
            if has_begun and quiet_bytes >= SILENCE_BYTES:
                break
        await asyncio.sleep(self.hass.data[MODELS].seconds)
        return SpeechResult("What is it?", SpeechResultState.SUCCESS)
