"""The voice of an assistant."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import Any, Final, override

from homeassistant.components.assist_pipeline import PipelineRun, PipelineStage
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
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import KIND_TTS, LOGGER
from .core_internals import (
    CORE_STREAMS_WAV,
    ordered_speech_options,
    pipeline_run_that_orders_speech,
)
from .data import AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity
from .errors import UnknownVoiceError, unraised
from .realtime import SAMPLE_RATE
from .voice.browser import is_browser_at_home
from .voice.encoder import FOR_BROWSERS, AudioFormat, async_encode
from .voice.languages import SUPPORTED_LANGUAGES
from .voice.read_aloud import async_read_aloud
from .voice.speech import failure_sound
from .voice.turn import Turn

PARALLEL_UPDATES = 0

# Before 2026.11, core's ffmpeg waits for 64 KB: a stream of four times the bytes starts after
# 0.3 s instead of 1.3 s.
_FOR_CORE: Final = (
    AudioFormat("wav") if CORE_STREAMS_WAV else AudioFormat("wav", 48_000, 2)
)
# What is made when the request names no format, which core takes to be MP3, or no rate of an MP3:
# players wait for bytes, and more of them fit into a second than at the model's own rate.
_DEFAULT_EXTENSION: Final = "mp3"
_MP3_RATE: Final = 48_000
# An option of our own, which no caller can give: WAV alone would be that of other players.
_ATTR_IS_FOR_BROWSER: Final = "is_for_browser"
_BROWSER_OPTIONS: Final = {
    ATTR_PREFERRED_FORMAT: FOR_BROWSERS.extension,
    _ATTR_IS_FOR_BROWSER: True,
}
_SPOKEN_STAGES: Final = (PipelineStage.WAKE_WORD, PipelineStage.STT)
# The width of a sample is always 16 bits, as where core converts.
_DETAILS: Final = (
    ATTR_PREFERRED_SAMPLE_RATE,
    ATTR_PREFERRED_SAMPLE_CHANNELS,
    ATTR_PREFERRED_SAMPLE_BYTES,
    ATTR_PREFERRED_BITRATE,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the voice of each assistant."""
    for subentry_id, runtime in entry.runtime_data.items():
        async_add_entities(
            [AssistantTtsEntity(runtime)], config_subentry_id=subentry_id
        )


class AssistantTtsEntity(AssistantEntity, TextToSpeechEntity):
    """Plays the model's own speech in a spoken turn; elsewhere reads the given text.

    The text is read out of band: it does not become part of any conversation.
    """

    _attr_translation_key = "voice"
    kind = KIND_TTS
    _attr_default_language = "en"
    _attr_supported_languages = SUPPORTED_LANGUAGES
    _attr_supported_options = [ATTR_VOICE, ATTR_PREFERRED_FORMAT, *_DETAILS]

    @property
    @override
    def default_options(self) -> Mapping[str, Any]:
        """What a player gets that names nothing: other options for the browser that speaks.

        Raises UnknownVoiceError where speech is ordered in a voice that does not exist: later,
        the player would only get an empty answer of HTTP 500. A pipeline's reply is never
        refused, because a person waits for it.
        """
        run = pipeline_run_that_orders_speech()
        if run is None:
            self._check_voice(ordered_speech_options())
        return _BROWSER_OPTIONS if self._answers_a_browser(run) else {}

    def _answers_a_browser(self, run: PipelineRun | None) -> bool:
        """Return whether a browser's spoken turn with this assistant orders its reply.

        What another agent writes stays MP3: core keeps the sound of such texts on the disk for
        good, and never that of a turn.
        """
        return (
            run is not None
            and run.start_stage in _SPOKEN_STAGES
            and not run.tts_audio_output
            and run.pipeline.conversation_engine == self.assistant.agent_id
            and is_browser_at_home(self.hass)
        )

    @callback
    @override
    def async_get_supported_voices(self, language: str) -> list[Voice]:
        """Every voice speaks every language."""
        return [Voice(voice, voice.capitalize()) for voice in self.assistant.voices]

    def _check_voice(self, options: Mapping[str, Any]) -> None:
        """Raise UnknownVoiceError for a voice that does not exist."""
        voice = options.get(ATTR_VOICE)
        if voice and voice not in self.assistant.voices:
            raise UnknownVoiceError(str(voice), self.assistant.voices)

    @override
    async def async_stream_tts_audio(
        self, request: TTSAudioRequest
    ) -> TTSAudioResponse:
        """Speak, from the first moment there is something to hear."""
        chat = current_session.get()
        turn = chat and self.turns.async_take_for_playback(chat.conversation_id)
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
        if not (text := turn.unspoken_text):
            return
        try:
            async for pcm in self._async_read(_only(text), request):
                yield pcm
        except HomeAssistantError as err:
            LOGGER.warning("%s could not speak: %s", self.assistant.name, err)
            yield failure_sound()

    async def _async_read_or_signal(
        self, request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        """Yield a text as speech, or a sound that tells that this is not possible.

        A person waits for an answer in this run. Raises HomeAssistantError after the sound:
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

    def _async_read(
        self, text: AsyncIterable[str], request: TTSAudioRequest
    ) -> AsyncGenerator[bytes]:
        assistant = self.assistant
        voice = request.options.get(ATTR_VOICE) or None
        if voice and voice not in assistant.voices:
            LOGGER.warning(
                "%s has no voice %s, and uses its own", assistant.name, voice
            )
            voice = None
        return async_read_aloud(assistant, text, request.language, voice)


async def _only(text: str) -> AsyncGenerator[str]:
    yield text


def _audio_format(options: dict[str, Any]) -> AudioFormat:
    """Return what the player wants, or what core makes that of in the least time."""
    if options.get(_ATTR_IS_FOR_BROWSER):
        return FOR_BROWSERS
    details = {
        detail: int(value)
        for detail in _DETAILS
        if (value := options.get(detail)) is not None
    }
    extension = options.get(ATTR_PREFERRED_FORMAT, _DEFAULT_EXTENSION)
    rate = _MP3_RATE if extension == "mp3" else SAMPLE_RATE
    wanted = AudioFormat(
        extension,
        details.get(ATTR_PREFERRED_SAMPLE_RATE, rate),
        details.get(ATTR_PREFERRED_SAMPLE_CHANNELS, 1),
        details.get(ATTR_PREFERRED_BITRATE),
    )
    is_left_alone = CORE_STREAMS_WAV or not details
    return wanted if is_left_alone and wanted.can_be_made else _FOR_CORE
