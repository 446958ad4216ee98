"""What the model is told about the house before a person speaks to it."""

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import (
    ChatLog,
    ConversationInput,
    ConverseError,
)
from homeassistant.const import MATCH_ALL
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import llm

from ..const import DOMAIN
from ..errors import translated
from .settings import AssistantSettings


async def async_provide_llm_data(
    settings: AssistantSettings,
    chat_log: ChatLog,
    llm_context: llm.LLMContext,
    extra_system_prompt: str | None = None,
) -> None:
    """Put an assistant's instructions and LLM API into a chat log.

    Raises HomeAssistantError when the template or an API does not work.
    """
    try:
        await chat_log.async_provide_llm_data(
            llm_context,
            list(settings.llm_api_ids) or None,
            settings.instructions or None,
            extra_system_prompt,
        )
    except ConverseError as err:  # the chat log has logged why
        if isinstance(err.__cause__, Unauthorized):
            raise translated("llm_api_not_allowed") from err
        raise translated("prompt_failed") from err


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
