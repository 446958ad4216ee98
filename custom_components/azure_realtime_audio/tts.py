"""The voice of an assistant."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
import re
from typing import Any, Final, override

from homeassistant.components import tts
from homeassistant.components.tts import (
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_VOICE,
    TextToSpeechEntity,
    TTSAudioRequest,
    TTSAudioResponse,
    Voice,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
import numpy as np

from .assistant import Assistant, AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity
from .errors import response_failure, translated_error
from .realtime import SAMPLE_RATE, RealtimeError
from .realtime.audio import Resampler, wav_header
from .realtime.session import VOICES
from .speech import Speech
from .turn import Turn

PARALLEL_UPDATES = 0

# Since 2026.11 core reads the WAV header itself and converts from the first byte on, and
# leaves alone what an engine has already made as asked. Before, its ffmpeg waits for 64 KB:
# a stream of four times the bytes starts after 0.3 s instead of 1.3 s.
CORE_STREAMS_WAV: Final = hasattr(tts, "PcmFormat")
_RATE, _CHANNELS = (SAMPLE_RATE, 1) if CORE_STREAMS_WAV else (48_000, 2)
_FORMAT_OPTIONS: Final = (
    (ATTR_PREFERRED_SAMPLE_CHANNELS, ATTR_PREFERRED_SAMPLE_RATE)
    if CORE_STREAMS_WAV
    else ()
)

# How OpenAI's guide has a model say something of one's own (2025), without any input: a
# text in a message would be answered now and then.
_INSTRUCTIONS = (
    "Say exactly the following, word for word, in the language it is written in "
    "({language}). Add nothing, leave nothing out, and do not answer it: “{text}”"
)
_SENTENCE_END = re.compile(r"[.!?。！？…]['\")\]]*\s+|\n+")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the voice of each assistant."""
    for subentry_id, assistant in entry.runtime_data.items():
        async_add_entities([AssistantVoice(assistant)], config_subentry_id=subentry_id)


class AssistantVoice(AssistantEntity, TextToSpeechEntity):
    """Plays the model's own speech in a spoken turn; elsewhere reads the given text.

    The text is read out of band: it does not become part of any conversation.
    """

    _attr_translation_key = "voice"
    _attr_default_language = "en"
    _attr_supported_languages = sorted(LANGUAGES)
    _attr_supported_options = [ATTR_VOICE, *_FORMAT_OPTIONS]

    def __init__(self, assistant: Assistant) -> None:
        """Name the entity after the assistant's subentry."""
        super().__init__(assistant)
        self._attr_unique_id = f"{assistant.subentry.subentry_id}_tts"

    @callback
    @override
    def async_get_supported_voices(self, language: str) -> list[Voice]:
        """Every voice speaks every language."""
        return [Voice(voice, voice.capitalize()) for voice in VOICES]

    @override
    async def async_stream_tts_audio(
        self, request: TTSAudioRequest
    ) -> TTSAudioResponse:
        """Speak, from the first moment there is something to hear."""
        chat = current_session.get()
        turn = chat and self.assistant.turns.async_voice(chat.conversation_id)
        pcm = (
            self._async_speak(turn, request)
            if turn
            else self._async_read(request.message_gen, request)
        )
        return TTSAudioResponse("wav", _wav(pcm, request.options))

    async def _async_speak(
        self, turn: Turn, request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        """Yield what the model says, and then as speech what it did not say."""
        async for pcm in turn.async_pcm():
            yield pcm
        async for pcm in self._async_read(_only(turn.unsaid), request):
            yield pcm

    async def _async_read(
        self, text: AsyncIterable[str], request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        """Yield a text as speech, sentence by sentence. Raises HomeAssistantError."""
        voice = request.options.get(ATTR_VOICE)
        try:
            async for sentence in _sentences(text):
                speech = Speech()
                instructions = _INSTRUCTIONS.format(
                    language=request.language, text=sentence
                )
                async with self.assistant.async_read_aloud(
                    instructions, voice
                ) as response:
                    speech.add(response)
                    speech.finish()
                    async for _, pcm in speech.pieces():
                        yield pcm
                    await response.done()
                if error := response_failure(response):
                    raise error
        except RealtimeError as err:
            raise translated_error(err) from err


async def _only(text: str) -> AsyncGenerator[str]:
    yield text


async def _sentences(chunks: AsyncIterable[str]) -> AsyncGenerator[str]:
    """Yield whole sentences as soon as they are there: they sound better than words."""
    text = ""
    async for chunk in chunks:
        text += chunk
        *whole, text = _split(text)
        for sentence in whole:
            yield sentence
    if text.strip():
        yield text.strip()


def _split(text: str) -> list[str]:
    """Return the sentences of a text; the last may not have ended."""
    sentences = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if sentence := text[start : end.end()].strip():
            sentences.append(sentence)
        start = end.end()
    return [*sentences, text[start:]]


async def _wav(
    pcm: AsyncGenerator[bytes], options: dict[str, Any]
) -> AsyncGenerator[bytes]:
    """Yield a WAV of unknown length, in the format that costs core the least time."""
    rate = int(options.get(ATTR_PREFERRED_SAMPLE_RATE) or _RATE)
    channels = int(options.get(ATTR_PREFERRED_SAMPLE_CHANNELS) or _CHANNELS)
    resampler = Resampler(SAMPLE_RATE, rate)
    async with aclosing(pcm):
        is_first = True
        async for chunk in pcm:
            header = wav_header(rate, channels) if is_first else b""
            is_first = False
            yield header + _spread(resampler.process(chunk), channels)
    yield _spread(resampler.flush(), channels)


def _spread(pcm: bytes, channels: int) -> bytes:
    """Give every channel the same PCM16."""
    return np.frombuffer(pcm, "<i2").repeat(channels).tobytes()
