"""The conversation entity: an assistant to talk to, in writing or aloud."""

from typing import Literal, override

from homeassistant.components.conversation import (
    ChatLog,
    ConversationEntity,
    ConversationEntityFeature,
    ConversationInput,
    ConversationResult,
)
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .answers.chat_answer import ChatAnswer
from .data import AssistantRuntime, AzureRealtimeAudioConfigEntry
from .entity import AssistantEntity

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a conversation entity for each assistant."""
    for subentry_id, runtime in entry.runtime_data.items():
        async_add_entities(
            [AssistantConversation(runtime)], config_subentry_id=subentry_id
        )


class AssistantConversation(AssistantEntity, ConversationEntity):
    """An assistant to talk to, in any language."""

    _attr_name = None
    _attr_supports_streaming = True

    def __init__(self, runtime: AssistantRuntime) -> None:
        """Offer control of the house if the assistant was given an LLM API."""
        super().__init__(runtime)
        if self.assistant.settings.llm_api_ids:
            self._attr_supported_features = ConversationEntityFeature.CONTROL

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Every language."""
        return MATCH_ALL

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Open a session ahead, which nobody waits for: somebody is about to speak."""
        self.assistant.async_create_task(
            self.assistant.async_open_ahead(language), "open a session ahead"
        )

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer, or say in a sentence why not."""
        answer = ChatAnswer(self.runtime, self.entity_id, user_input, chat_log)
        return await answer.async_result()
