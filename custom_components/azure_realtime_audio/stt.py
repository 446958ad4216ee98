"""The ears of an assistant in an Assist pipeline."""

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
from homeassistant.core import HomeAssistant
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers.chat_session import ChatSession, current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util.ulid import ulid_now

from .assistant.assistant import Assistant, AzureRealtimeAudioConfigEntry
from .chat.history import placeholders
from .const import DOMAIN, LOGGER, TURN_DETECTION_NONE
from .core_internals import calling_pipeline_input
from .entity import AssistantEntity
from .realtime import RealtimeError
from .voice.listening import NothingHeardError
from .voice.turn import Turn

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the ears of each assistant."""
    for subentry_id, assistant in entry.runtime_data.items():
        async_add_entities([AssistantEars(assistant)], config_subentry_id=subentry_id)


class AssistantEars(AssistantEntity, SpeechToTextEntity):
    """Sends the microphone to the model, which hears the person itself.

    In a run whose agent is the same assistant, the model begins to answer what it heard;
    the conversation entity of the run takes that answer over. Elsewhere it only writes
    down what was said.
    """

    _attr_translation_key = "ears"

    def __init__(self, assistant: Assistant) -> None:
        """Name the entity after the assistant's subentry."""
        super().__init__(assistant)
        self._attr_unique_id = f"{assistant.subentry.subentry_id}_stt"

    @property
    @override
    def supported_languages(self) -> list[str]:
        """What the model understands."""
        return sorted(LANGUAGES)

    @property
    @override
    def supported_formats(self) -> list[AudioFormats]:
        """As Assist pipelines send it."""
        return [AudioFormats.WAV]

    @property
    @override
    def supported_codecs(self) -> list[AudioCodecs]:
        """As Assist pipelines send it."""
        return [AudioCodecs.PCM]

    @property
    @override
    def supported_bit_rates(self) -> list[AudioBitRates]:
        """As Assist pipelines send it."""
        return [AudioBitRates.BITRATE_16]

    @property
    @override
    def supported_sample_rates(self) -> list[AudioSampleRates]:
        """As Assist pipelines send it."""
        return [AudioSampleRates.SAMPLERATE_16000]

    @property
    @override
    def supported_channels(self) -> list[AudioChannels]:
        """As Assist pipelines send it."""
        return [AudioChannels.CHANNEL_MONO]

    @property
    @override
    def audio_processing(self) -> SpeechAudioProcessing:
        """The service ends the turn, unless its turn detection is off."""
        return SpeechAudioProcessing(
            requires_external_vad=(
                self.assistant.turn_detection == TURN_DETECTION_NONE
            ),
            prefers_auto_gain_enabled=True,
            prefers_noise_reduction_enabled=True,
        )

    @override
    async def async_process_audio_stream(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        """Listen to the end of the turn, and tell what was said as far as it is known."""
        if (chat := current_session.get()) is not None:
            return await self._async_process(chat, metadata, stream)
        # Over HTTP there is no conversation: this one ends with what is said.
        chat = ChatSession(ulid_now())
        token = current_session.set(chat)
        try:
            return await self._async_process(chat, metadata, stream)
        finally:
            current_session.reset(token)
            chat.async_cleanup()

    async def _async_process(
        self, chat: ChatSession, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        turns = self.assistant.turns
        turn = turns.async_begin(chat, calling_pipeline_input())
        try:
            text = await self._async_hear(turn, metadata.language, stream)
        except NothingHeardError:
            text = ""
        except RealtimeError as err:
            LOGGER.warning("%s could not listen: %s", self.assistant.name, err)
            return await self._async_failed(
                turn, metadata.language, err.without_traceback()
            )
        finally:
            turns.async_release(turn)
        return SpeechResult(text, SpeechResultState.SUCCESS)

    async def _async_hear(
        self, turn: Turn, language: str, stream: AsyncIterable[bytes]
    ) -> str:
        await turn.async_listen(stream)
        if not turn.is_expected:
            return await turn.async_transcribe() or ""
        words = await turn.async_words()
        self.assistant.turns.async_offer(turn)
        return words or await async_unknown_words(self.hass, language)

    async def _async_failed(
        self, turn: Turn, language: str, error: RealtimeError
    ) -> SpeechResult:
        """Let the conversation entity tell why nothing was heard, if it is the agent.

        A failed speech-to-text ends the run, and tells nobody anything.
        """
        if not self.assistant.turns.async_fail(turn, error):
            return SpeechResult(None, SpeechResultState.ERROR)
        words = await async_unknown_words(self.hass, language)
        return SpeechResult(words, SpeechResultState.SUCCESS)


async def async_unknown_words(hass: HomeAssistant, language: str) -> str:
    """Return what stands for words that are not known (yet), in the user's language."""
    key = f"component.{DOMAIN}.common.spoken"
    translations = await async_get_translations(hass, language, "common", {DOMAIN})
    words = translations[key]
    placeholders(hass).add(words)
    return words
