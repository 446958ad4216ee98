"""Text-to-speech that takes its time, and then streams sound."""

import asyncio
from collections.abc import AsyncGenerator
from typing import override

from homeassistant.components.tts import (
    TextToSpeechEntity,
    TTSAudioRequest,
    TTSAudioResponse,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from custom_components.azure_realtime_audio.realtime.audio import wav_header

from . import MODELS

CHUNK = 4800  # bytes, 100 ms


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    """Add the text-to-speech entity."""
    add([ChainTextToSpeech()])


class ChainTextToSpeech(TextToSpeechEntity):
    """The text-to-speech of the chain."""

    _attr_name = "Chain"
    _attr_unique_id = "chain"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    @override
    async def async_stream_tts_audio(
        self, request: TTSAudioRequest
    ) -> TTSAudioResponse:
        """Begin to speak with the first words."""
        return TTSAudioResponse("wav", self._sound(request))

    async def _sound(self, request: TTSAudioRequest) -> AsyncGenerator[bytes]:
        models = self.hass.data[MODELS]
        await anext(request.message_gen)
        await asyncio.sleep(models.seconds)
        yield wav_header()
        for start in range(0, len(models.pcm), CHUNK):
            yield models.pcm[start : start + CHUNK]
            await asyncio.sleep(0.1 / models.speed)
        async for _ in request.message_gen:
            pass
