"""What the model is told about the house before a person speaks to it."""

from typing import override

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import (
    ChatLog,
    ConversationInput,
    ConverseError,
)
from homeassistant.components.websocket_api import current_connection
from homeassistant.const import MATCH_ALL
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import llm

from ..chat.clock import with_clock
from ..chat.tools import TellableApi
from ..const import DOMAIN, LOGGER
from ..errors import translated
from .settings import AssistantSettings


class AssistantApi(llm.API):
    """The LLM APIs that an assistant was given, or none, and a clock."""

    def __init__(self, hass: HomeAssistant, api_ids: tuple[str, ...]) -> None:
        """Take the ids of the APIs."""
        super().__init__(hass=hass, id="|".join(api_ids), name="Azure Realtime Audio")
        self._api_ids = list(api_ids)

    @override
    async def async_get_api_instance(
        self, llm_context: llm.LLMContext
    ) -> llm.APIInstance:
        """Return the APIs as one. Raises HomeAssistantError when one does not work."""
        if self._api_ids:
            llm_api = await llm.async_get_api(self.hass, self._api_ids, llm_context)
        else:
            llm_api = llm.APIInstance(self, "", llm_context, [])
        return TellableApi.of(with_clock(llm_api))


async def async_provide_llm_data(
    settings: AssistantSettings,
    chat_log: ChatLog,
    llm_context: llm.LLMContext,
    extra_system_prompt: str | None = None,
) -> None:
    """Put an assistant's instructions and LLM API into a chat log.

    Raises HomeAssistantError when the template or an API does not work.
    """
    if not settings.llm_api_ids:
        # Core 2026.11 keeps the instructions of the first turn while the LLM API is the same.
        # Here only the clock is: the owner's template is rendered for every turn.
        chat_log.llm_api = None
    try:
        await chat_log.async_provide_llm_data(
            llm_context,
            AssistantApi(chat_log.hass, settings.llm_api_ids),
            settings.instructions or None,
            extra_system_prompt,
        )
    except ConverseError as err:  # the template; the chat log has logged why
        raise translated("prompt_failed") from err
    except HomeAssistantError as err:
        LOGGER.error("The LLM API %s failed: %s", ", ".join(settings.llm_api_ids), err)
        is_refused = isinstance(err, Unauthorized)
        key = "llm_api_not_allowed" if is_refused else "prompt_failed"
        raise translated(key) from err


def pipeline_llm_context(
    pipeline_input: PipelineInput, agent_id: str
) -> llm.LLMContext:
    """Return what core tells the agent of a pipeline run, before core does."""
    run = pipeline_input.run
    pipeline = run.pipeline
    language = pipeline.conversation_language
    if language == MATCH_ALL:
        language = pipeline.stt_language or pipeline.tts_language or pipeline.language
    return ConversationInput(
        text="",
        context=run.context,
        conversation_id=pipeline_input.session.conversation_id,
        device_id=pipeline_input.device_id,
        satellite_id=pipeline_input.satellite_id,
        language=language,
        agent_id=agent_id,
    ).as_llm_context(DOMAIN)


def dialog_llm_context(language: str | None, agent_id: str) -> llm.LLMContext:
    """Return what core will tell the agent when the person at this dialog speaks to it."""
    connection = current_connection.get()
    return ConversationInput(
        text="",
        context=Context(user_id=connection.user.id if connection else None),
        conversation_id=None,
        device_id=None,
        satellite_id=None,
        language=language or MATCH_ALL,
        agent_id=agent_id,
    ).as_llm_context(DOMAIN)
