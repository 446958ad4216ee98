"""A language model that takes its time, and then streams its reply word by word."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal, override

from homeassistant.components.conversation import (
    AssistantContentDeltaDict,
    ChatLog,
    ConversationEntity,
    ConversationInput,
    ConversationResult,
    async_get_result_from_chat_log,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import MODELS

WORD_SECONDS = 0.02


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    """Add the language model."""
    add([ChainConversation()])


class ChainConversation(ConversationEntity):
    """The language model of the chain."""

    _attr_name = "Chain"
    _attr_unique_id = "chain"
    _attr_supports_streaming = True

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Return that every language is supported."""
        return "*"

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Stream the configured reply."""
        async for _ in chat_log.async_add_delta_content_stream(
            self.entity_id, self._words()
        ):
            pass
        return async_get_result_from_chat_log(user_input, chat_log)

    async def _words(self) -> AsyncGenerator[AssistantContentDeltaDict]:
        models = self.hass.data[MODELS]
        yield {"role": "assistant"}
        await asyncio.sleep(models.seconds)
        for word in models.reply.split():
            yield {"content": f"{word} "}
            await asyncio.sleep(WORD_SECONDS)
