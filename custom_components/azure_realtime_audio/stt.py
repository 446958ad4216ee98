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
from homeassistant.helpers.chat_session import ChatSession, current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util.ulid import ulid_now

from .const import KIND_STT, LOGGER
from .core_internals import calling_pipeline_input
from .data import AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity
from .errors import AssistantError, NothingHeardError
from .realtime import RealtimeError
from .voice.languages import SUPPORTED_LANGUAGES
from .voice.stand_in import async_stand_in
from .voice.turn import Turn

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the ears of each assistant."""
    for subentry_id, runtime in entry.runtime_data.items():
        async_add_entities(
            [AssistantSttEntity(runtime)], config_subentry_id=subentry_id
        )


class AssistantSttEntity(AssistantEntity, SpeechToTextEntity):
    """Sends the microphone to the model, which hears the person itself.

    In a run whose agent is the same assistant, the model begins to answer what it heard;
    the conversation entity of the run takes that answer over. Elsewhere it only writes
    down what was said.
    """

    _attr_translation_key = "ears"
    kind = KIND_STT

    @property
    @override
    def supported_languages(self) -> list[str]:
        """What the model understands, each language with and without its regions."""
        return SUPPORTED_LANGUAGES

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
            requires_external_vad=not self.assistant.settings.detects_turns,
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
        turn = self.turns.async_begin(chat, calling_pipeline_input())
        try:
            return await self._async_hear(turn, metadata.language, stream)
        except NothingHeardError:
            return SpeechResult("", SpeechResultState.SUCCESS)
        except (AssistantError, RealtimeError) as err:
            told = self.assistant.secrets(str(err))
            LOGGER.warning("%s could not listen: %s", self.assistant.name, told)
            # The conversation entity tells why, if it is the agent of the run.
            is_offered = self.turns.async_fail(turn, err.without_traceback())
            return await self._async_offered(is_offered, None, metadata.language)
        finally:
            self.turns.async_release(turn)

    async def _async_hear(
        self, turn: Turn, language: str, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        spoken = await turn.async_listen(stream)
        seconds = self.assistant.timing.transcript
        if not turn.is_expected:
            text = await spoken.async_transcribe(seconds) or ""
            return SpeechResult(text, SpeechResultState.SUCCESS)
        words = await spoken.async_words(seconds)
        return await self._async_offered(self.turns.async_offer(turn), words, language)

    async def _async_offered(
        self, is_offered: bool, words: str | None, language: str
    ) -> SpeechResult:
        """Return what stands for a turn that the agent of the run may claim."""
        if not is_offered:
            return SpeechResult(None, SpeechResultState.ERROR)
        words = words or await async_stand_in(self.hass, language)
        return SpeechResult(words, SpeechResultState.SUCCESS)
