"""What this integration uses of Home Assistant's core without a promise of core.

Each function names the versions that need it. When core changes, this is the file to look at.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
import inspect
from typing import Any, Final

from homeassistant.components import tts
from homeassistant.components.assist_pipeline import PipelineInput, PipelineRun
from homeassistant.components.assist_pipeline.default_pipeline import (
    _DefaultPipelineProcessor,
)
from homeassistant.components.assist_pipeline.runtime import KEY_ASSIST_PIPELINE
from homeassistant.components.conversation import AssistantContent, ChatLog, Content
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers.chat_session import (
    DATA_CHAT_SESSION,
    ChatSession,
    async_get_chat_session,
)
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

# The state of an assist_satellite entity whose device plays a reply. Importing that component
# for one word would make it a dependency.
SATELLITE_RESPONDING: Final = "responding"

# What makes a pipeline play a reply now: one character more than it waits for
# (assist_pipeline, STREAM_RESPONSE_CHARS, 2026.10 and 2026.11), which a short reply never has.
# The Assist dialog shows them as Markdown, in which blanks would make a code block of the reply.
START_OF_PLAYBACK: Final = "\n" * 61

# Since 2026.11 core leaves alone what an engine has made as asked, reads the header of a WAV
# itself and converts from the first byte on. Before, it leaves alone only
# audio for which the player named no details, and its ffmpeg waits for 64 KB.
CORE_STREAMS_WAV: Final = hasattr(tts, "PcmFormat")

# Since 2026.11 a chat session belongs to a user.
_CHATS_HAVE_OWNERS: Final = (
    "context" in inspect.signature(async_get_chat_session).parameters
)
_DATA_CHAT_OWNERS: HassKey[dict[str, str | None]] = HassKey(f"{DOMAIN}_chat_owners")

# Core 2026.11 writes these into a chat log in the assistant's name: the first begins with an
# error's own text, the second stands for a turn in which no agent said anything.
_CORE_ERROR = "Error: "
_CORE_NO_RESPONSE = "(no response)"


@callback
def preferred_pipeline(hass: HomeAssistant) -> str:
    """Return the id of the preferred pipeline.

    Core has functions to make a pipeline and to change one, but the preferred one is the
    business of the user interface's websocket commands (2026.10 and 2026.11).
    """
    store = hass.data[KEY_ASSIST_PIPELINE].pipeline_store
    return store.async_get_preferred_item()


@callback
def prefer_pipeline(hass: HomeAssistant, pipeline_id: str) -> None:
    """Make a pipeline the preferred one, which core lets only a person do (as above)."""
    hass.data[KEY_ASSIST_PIPELINE].pipeline_store.async_set_preferred_item(pipeline_id)


async def async_delete_pipeline(hass: HomeAssistant, pipeline_id: str) -> None:
    """Delete a pipeline that is not the preferred one; core lets only a person do so (as above)."""
    await hass.data[KEY_ASSIST_PIPELINE].pipeline_store.async_delete_item(pipeline_id)


def calling_pipeline_input() -> PipelineInput | None:
    """Return the input of the pipeline run that has called this function, if one has.

    Core tells speech-to-text neither who speaks nor on which device, in which pipeline, or
    with which extra prompt (2026.10 and 2026.11). The run's own coroutine knows all of that,
    and is a caller of the speech-to-text entity.
    """
    pipeline_input: PipelineInput | None = _local_of_caller(
        PipelineInput.execute, "self"
    )
    return pipeline_input


def pipeline_run_that_orders_speech() -> PipelineRun | None:
    """Return the pipeline run that is having its own reply's stream made, if one is.

    Core asks a text-to-speech entity for its default options without telling for whom (2026.10
    and 2026.11). A run does so before it begins; whatever else is read aloud during the run,
    by an action of its for example, is ordered by others.
    """
    processor = _local_of_caller(
        _DefaultPipelineProcessor.prepare_text_to_speech, "self"
    )
    run: PipelineRun | None = processor and processor.host
    return run


def ordered_speech_options() -> Mapping[str, Any]:
    """Return the options of the speech that is being ordered.

    Core has an entity check neither them nor the voice among them (2026.10 and 2026.11). It
    asks for the default options in the same moment, and passes on what is raised there.
    """
    return _local_of_caller(tts.SpeechManager.process_options, "options") or {}


def _local_of_caller(function: Callable[..., Any], name: str) -> Any:
    """Return a local variable of a function that is among the callers; None if it is not."""
    code = inspect.unwrap(function).__code__
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is code:
            return frame.f_locals[name]
        frame = frame.f_back
    return None


def agent_of_run(pipeline_input: PipelineInput) -> str | None:
    """Return the agent that a pipeline run is going to ask; None if it will ask nobody.

    Core tells that only in an event, and only when the agent is asked (2026.10 and 2026.11).
    """
    agent = getattr(pipeline_input.run._processor, "intent_agent", None)  # noqa: SLF001
    return None if agent is None else agent.id


def tries_local_intents(pipeline_input: PipelineInput) -> bool:
    """Return whether Home Assistant itself may answer a pipeline run before its agent.

    Not where the agent has asked something: then only the agent hears the answer (2026.10
    and 2026.11).
    """
    run = pipeline_input.run
    is_asked = getattr(run._processor, "_intent_agent_only", False)  # noqa: SLF001
    return run.pipeline.prefer_local_intents and not is_asked


def current_run() -> asyncio.Task[Any]:
    """Return what tells one pipeline run from another: the task of its stages.

    Speech-to-text and the agent are called in the same task (2026.10 and 2026.11).
    """
    run = asyncio.current_task()
    assert run is not None
    return run


def chat_log_as_it_is(hass: HomeAssistant, conversation_id: str) -> ChatLog:
    """Return a copy of a conversation's chat log; an empty one where there is none.

    Core hands a chat log to the agent only (2026.10 and 2026.11), after speech-to-text.
    """
    log = hass.data.get(DATA_CHAT_LOGS, {}).get(conversation_id)
    if log is None:
        return ChatLog(hass, conversation_id)
    # Core 2026.11 keeps the LLM API of a chat and tells it who speaks now: a turn that is
    # still under way must not run its tools with the rights of the next.
    llm_api = replace(log.llm_api) if log.llm_api else None
    return replace(
        log, content=log.content.copy(), delta_listener=None, llm_api=llm_api
    )


def merge_concurrent_turns(chat_log: ChatLog) -> None:
    """Put turns that ended while this one waited for them before this one's words.

    Core 2026.10 gives each turn a copy of the log, and keeps the copy of the last turn to
    end. A log only grows. Core 2026.11 has one log, and one turn at a time.
    """
    stored = chat_log.hass.data.get(DATA_CHAT_LOGS, {}).get(chat_log.conversation_id)
    if stored is not None and stored is not chat_log:
        earlier_count = len(chat_log.content) - 1
        chat_log.content[-1:-1] = stored.content[earlier_count:]


@contextmanager
def chat_session_of(
    hass: HomeAssistant, conversation_id: str | None, context: Context
) -> Generator[ChatSession]:
    """Be in the chat session of a conversation, which is a user's.

    Raises Unauthorized for a chat of another user. Core 2026.11 knows whose a chat is. Core
    2026.10 does not: there a chat is its user's only if it was begun here.
    """
    if _CHATS_HAVE_OWNERS:
        owner: dict[str, Any] = {"context": context}
        with async_get_chat_session(hass, conversation_id, **owner) as chat:
            yield chat
        return
    owners = hass.data.setdefault(_DATA_CHAT_OWNERS, {})
    if conversation_id and is_chat_kept(hass, conversation_id):
        if owners.get(conversation_id, "") != context.user_id:
            raise Unauthorized(context=context)
    with async_get_chat_session(hass, conversation_id) as chat:
        if chat.conversation_id not in owners:
            owners[chat.conversation_id] = context.user_id
            chat.async_on_cleanup(partial(_forget_owner, owners, chat.conversation_id))
        yield chat


def _forget_owner(owners: dict[str, str | None], conversation_id: str) -> None:
    owners.pop(conversation_id, None)


def is_chat_kept(hass: HomeAssistant, conversation_id: str) -> bool:
    """Return whether core will tell the end of a chat.

    Core 2026.10 forgets a chat whose first run was cancelled, without calling its cleanup.
    """
    return conversation_id in hass.data.get(DATA_CHAT_SESSION, {})


def is_core_text(content: Content) -> bool:
    """Return whether core wrote a content itself, as 2026.11 does when a turn fails."""
    return (
        isinstance(content, AssistantContent)
        and not content.tool_calls
        and content.content is not None
        and (
            content.content == _CORE_NO_RESPONSE
            or content.content.startswith(_CORE_ERROR)
        )
    )
