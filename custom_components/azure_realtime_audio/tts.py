"""The voice of an assistant."""

from collections.abc import AsyncGenerator, AsyncIterable
import re
from typing import Any, Final, override

from homeassistant.components import tts
from homeassistant.components.tts import (
    ATTR_PREFERRED_BITRATE,
    ATTR_PREFERRED_FORMAT,
    ATTR_PREFERRED_SAMPLE_BYTES,
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_VOICE,
    TextToSpeechEntity,
    TTSAudioRequest,
    TTSAudioResponse,
    Voice,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assistant.assistant import Assistant, AzureRealtimeAudioConfigEntry
from .const import LOGGER
from .entity import AssistantEntity
from .errors import response_failure, translated_error, unraised
from .realtime import SAMPLE_RATE, VOICES, RealtimeError
from .voice.encoder import AudioFormat, async_encode
from .voice.speech import Speech, failure_sound
from .voice.turn import Turn

PARALLEL_UPDATES = 0

# Since 2026.11 core leaves alone what an engine has made as asked, reads the header of a WAV
# itself and converts from the first byte on. Before, it leaves alone only what nobody asked
# any details of, and its ffmpeg waits for 64 KB: a stream of four times the bytes starts
# after 0.3 s instead of 1.3 s.
CORE_STREAMS_WAV: Final = hasattr(tts, "PcmFormat")
_FOR_CORE: Final = (
    AudioFormat("wav") if CORE_STREAMS_WAV else AudioFormat("wav", 48_000, 2)
)
# What core makes where nothing is said.
_DEFAULT_EXTENSION: Final = "mp3"
# The width of a sample is always 16 bits, as where core converts.
_DETAILS: Final = (
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_BYTES,
    ATTR_PREFERRED_BITRATE,
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
    _attr_supported_options = [ATTR_VOICE, ATTR_PREFERRED_FORMAT, *_DETAILS]

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
        if turn:
            pcm = self._async_speak(turn, request)
        elif chat:
            pcm = self._async_read_or_signal(request)
        else:
            pcm = self._async_read(request.message_gen, request)
        audio_format = _audio_format(request.options)
        return TTSAudioResponse(audio_format.extension, async_encode(pcm, audio_format))

    async def _async_speak(
        self, turn: Turn, request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        """Yield what the model says, and then as speech what it did not say."""
        async for pcm in turn.async_pcm():
            yield pcm
        try:
            async for pcm in self._async_read(_only(turn.unsaid), request):
                yield pcm
        except HomeAssistantError as err:
            LOGGER.warning("%s could not speak: %s", self.assistant.name, err)
            yield failure_sound()

    async def _async_read_or_signal(
        self, request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        """Yield a text as speech, or a sound that tells that this is not possible.

        Somebody waits for an answer in this run. Raises HomeAssistantError after the sound:
        core would keep it, and play it in place of the text once the service is back.
        """
        try:
            async for pcm in self._async_read(request.message_gen, request):
                yield pcm
        except HomeAssistantError as err:
            failure = unraised(err)
        else:
            return
        yield failure_sound()
        raise failure

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


def _audio_format(options: dict[str, Any]) -> AudioFormat:
    """Return what the player wants, or what core makes that of in the least time."""
    details = {
        detail: int(value)
        for detail in _DETAILS
        if (value := options.get(detail)) is not None
    }
    wanted = AudioFormat(
        options.get(ATTR_PREFERRED_FORMAT, _DEFAULT_EXTENSION),
        details.get(ATTR_PREFERRED_SAMPLE_RATE, SAMPLE_RATE),
        details.get(ATTR_PREFERRED_SAMPLE_CHANNELS, 1),
        details.get(ATTR_PREFERRED_BITRATE),
    )
    is_left_alone = CORE_STREAMS_WAV or not details
    return wanted if is_left_alone and wanted.can_be_made else _FOR_CORE
