"""The conversation entity: typed turns on the session of their conversation."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal, override

from homeassistant.components.conversation import (
    AssistantContent,
    AssistantContentDeltaDict,
    ChatLog,
    ConversationEntity,
    ConversationEntityFeature,
    ConversationInput,
    ConversationResult,
    ConverseError,
    SystemContent,
    ToolResultContentDeltaDict,
    async_get_result_from_chat_log,
)
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.const import CONF_LLM_HASS_API, MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_translations

from .assistant import Assistant, AzureRealtimeAudioConfigEntry
from .const import CONF_INSTRUCTIONS, DOMAIN, LOGGER
from .entity import AssistantEntity
from .errors import response_failure, translated, translated_error
from .realtime import (
    CommandTimeoutError,
    ConnectionLostError,
    NotConnectedError,
    RealtimeError,
    Response,
)
from .session import AssistantSession
from .tools import (
    MAX_TOOL_ROUNDS,
    InvalidToolCallError,
    ToolBudget,
    TooManyToolCallsError,
    error_result,
    function_tools,
    tool_input,
)
from .turn import Turn

PARALLEL_UPDATES = 0

# Seconds without a word, after which a response is taken for dead.
RESPONSE_STALL: Final = 30.0
# Seconds that a whole turn may take, its tools included.
TURN_TIMEOUT: Final = 300.0

# One more than the pipeline waits for (assist_pipeline, STREAM_RESPONSE_CHARS).
_BLANKS = " " * 61


class _LostBeforeAWordError(ConnectionLostError):
    """The connection was lost before the model had said anything."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a conversation entity for each assistant."""
    for subentry_id, assistant in entry.runtime_data.items():
        async_add_entities(
            [AssistantConversation(assistant)], config_subentry_id=subentry_id
        )


class AssistantConversation(AssistantEntity, ConversationEntity):
    """An assistant to talk to, in any language."""

    _attr_name = None
    _attr_supports_streaming = True

    def __init__(self, assistant: Assistant) -> None:
        """Offer control of the house if the assistant was given an LLM API."""
        super().__init__(assistant)
        self._attr_unique_id = assistant.subentry.subentry_id
        if assistant.subentry.data.get(CONF_LLM_HASS_API):
            self._attr_supported_features = ConversationEntityFeature.CONTROL

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Every language."""
        return MATCH_ALL

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """Learn that a spoken run has this agent: what is heard now is to be answered."""
        if (chat := current_session.get()) is not None:
            self.assistant.turns.async_expect(chat)

    @override
    async def _async_handle_message(
        self, user_input: ConversationInput, chat_log: ChatLog
    ) -> ConversationResult:
        """Answer, or say in a sentence why not; whatever happens stays in the chat log."""
        turn = self.assistant.turns.async_claim(chat_log)
        apology = ""
        try:
            # The next turn of the conversation waits until the chat log is complete.
            async with AsyncExitStack() as conversation:
                error = await self._async_try_to_answer(
                    user_input, chat_log, turn, conversation
                )
                if error is None:
                    return async_get_result_from_chat_log(user_input, chat_log)
                apology = await self._async_sentence(error, user_input.language)
                return await self._async_apologize(user_input, chat_log, apology)
        finally:
            if turn:
                turn.finish(chat_log, apology)

    async def _async_try_to_answer(
        self,
        user_input: ConversationInput,
        chat_log: ChatLog,
        turn: Turn | None,
        conversation: AsyncExitStack,
    ) -> HomeAssistantError | None:
        """Answer, or return why not. The conversation is held until it is left."""
        try:
            session = await self.assistant.async_conversation_session(
                chat_log.conversation_id
            )
            await conversation.enter_async_context(session.turn())
            await self._async_answer(session, user_input, chat_log, turn)
        except RealtimeError as err:
            error = translated_error(err)
        except ConverseError:  # the chat log has logged why
            error = translated("prompt_failed")
        except HomeAssistantError as err:
            error = err
        except Exception:  # noqa: BLE001  # a tool's bug: a person waits for an answer
            LOGGER.exception("%s could not answer", self.assistant.name)
            error = translated("unexpected")
        else:
            return None
        if self.assistant.available:
            LOGGER.warning("%s could not answer: %s", self.assistant.name, error)
        return error

    async def _async_answer(
        self,
        session: AssistantSession,
        user_input: ConversationInput,
        chat_log: ChatLog,
        turn: Turn | None,
    ) -> None:
        """Let the model answer, and use its tools, until it has no more to say."""
        _take_in_what_was_said_meanwhile(chat_log)
        data = self.assistant.subentry.data
        await chat_log.async_provide_llm_data(
            user_input.as_llm_context(DOMAIN),
            data.get(CONF_LLM_HASS_API),
            data.get(CONF_INSTRUCTIONS),
            user_input.extra_system_prompt,
        )
        begun = await turn.async_take_over(chat_log) if turn else None
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._async_rounds(session, chat_log, turn, begun)
        except TimeoutError:
            seconds = f"{TURN_TIMEOUT:g}"
            raise translated("response_timeout", seconds=seconds) from None

    async def _async_rounds(
        self,
        session: AssistantSession,
        chat_log: ChatLog,
        turn: Turn | None,
        begun: Response | None,
    ) -> None:
        budget = ToolBudget()
        for _ in range(MAX_TOOL_ROUNDS):
            try:
                await self._async_respond(session, chat_log, turn, begun, budget)
            except _LostBeforeAWordError:
                # The next session knows what was said.
                await self._async_respond(session, chat_log, turn, None, budget)
            if not chat_log.unresponded_tool_results:
                return
            begun = None
        raise translated("too_many_tool_rounds", rounds=str(MAX_TOOL_ROUNDS))

    async def _async_respond(
        self,
        session: AssistantSession,
        chat_log: ChatLog,
        turn: Turn | None,
        begun: Response | None,
        budget: ToolBudget,
    ) -> None:
        """Have one response, its tools run, in the chat log. Raises if there is none.

        ``begun`` is one that is being made already.
        """
        async with _async_response(session, chat_log, turn, begun) as response:
            async for content in chat_log.async_add_delta_content_stream(
                self.entity_id, _deltas(response, chat_log, turn, budget)
            ):
                if isinstance(content, AssistantContent):
                    session.history.hold(content, response.item_ids)
            if not response.is_done:
                raise CommandTimeoutError("response.create")
            try:
                await response.done()
            except ConnectionLostError as err:
                if response.deltas:
                    raise
                raise _LostBeforeAWordError(err.code) from err
        _trace(chat_log, response, turn)
        if failure := response_failure(response):
            raise failure

    async def _async_apologize(
        self,
        user_input: ConversationInput,
        chat_log: ChatLog,
        sentence: str,
    ) -> ConversationResult:
        """Say what went wrong."""

        async def apology() -> AsyncGenerator[AssistantContentDeltaDict]:
            yield {"role": "assistant", "content": sentence}

        # Streamed, so that it is heard even when the beginning of an answer was.
        async for _ in chat_log.async_add_delta_content_stream(
            self.entity_id, apology()
        ):
            pass
        response = intent.IntentResponse(language=user_input.language)
        response.async_set_error(
            intent.IntentResponseErrorCode.FAILED_TO_HANDLE, sentence
        )
        return ConversationResult(response, chat_log.conversation_id)

    async def _async_sentence(self, error: HomeAssistantError, language: str) -> str:
        """Return the error's sentence; English where there is no translation."""
        sentences = await async_get_translations(
            self.hass, language, "exceptions", {DOMAIN}
        )
        prefix = f"component.{DOMAIN}.exceptions"
        sentence = sentences.get(
            f"{prefix}.{error.translation_key}.message",
            sentences[f"{prefix}.unexpected.message"],
        )
        return sentence.format_map(error.translation_placeholders or {})


def _take_in_what_was_said_meanwhile(chat_log: ChatLog) -> None:
    """Put the turns before the user's words that ended while this one waited for them.

    Core copied the log before, and keeps that of the last to end. A log only grows. Since
    2026.11 there is but one, and one turn at a time.
    """
    stored = chat_log.hass.data.get(DATA_CHAT_LOGS, {}).get(chat_log.conversation_id)
    if stored is not None and stored is not chat_log:
        earlier_count = len(chat_log.content) - 1
        chat_log.content[-1:-1] = stored.content[earlier_count:]


@asynccontextmanager
async def _async_response(
    session: AssistantSession,
    chat_log: ChatLog,
    turn: Turn | None,
    begun: Response | None,
) -> AsyncIterator[Response]:
    """Have a response to all that the chat log says; aloud, if the turn was spoken."""
    if begun is not None:
        attended = session.attend(begun)
    else:
        try:
            await _async_catch_up(session, chat_log)
        except ConnectionLostError, NotConnectedError:  # while nobody looked
            await _async_catch_up(session, chat_log)
        modality = "audio" if turn else "text"
        attended = session.response({"output_modalities": [modality]})
    async with attended as response:
        if turn:
            turn.speech.add(response)
        yield response


async def _async_catch_up(session: AssistantSession, chat_log: ChatLog) -> None:
    """Bring the service up to date with the chat log."""
    system = chat_log.content[0]
    assert isinstance(system, SystemContent)
    await session.async_connect()
    await session.async_tell(system.content, function_tools(chat_log.llm_api))
    await session.history.async_sync(session.client, chat_log.content)


async def _deltas(
    response: Response, chat_log: ChatLog, turn: Turn | None, budget: ToolBudget
) -> AsyncGenerator[AssistantContentDeltaDict | ToolResultContentDeltaDict]:
    """Yield a response as the chat log takes it; ends early where the response does."""
    yield {"role": "assistant"}
    stream = aiter(response)
    item_id = None
    try:
        while True:
            async with asyncio.timeout(RESPONSE_STALL):
                delta = await anext(stream)
            if turn and delta.kind != "text" and turn.begins_to_speak():
                _start_speaking(chat_log)
            if delta.kind == "audio":
                if turn:
                    turn.first_audio()
                continue
            if item_id not in (None, delta.item_id):
                yield {"content": "\n"}  # the next of several messages
            item_id = delta.item_id
            yield {"content": delta.text}
    except StopAsyncIteration:
        pass
    except RealtimeError, TimeoutError:
        return  # what was said stays; the response tells how it ended
    if response.status == "completed":
        async for content in _tool_deltas(response, chat_log.llm_api, budget):
            yield content


def _start_speaking(chat_log: ChatLog) -> None:
    """Have the pipeline play the reply now.

    It would wait for 60 characters of text (STREAM_RESPONSE_CHARS), which a short reply
    never has. Blanks that only its listener hears leave the chat log clean.
    """
    if chat_log.delta_listener:
        chat_log.delta_listener(chat_log, {"content": _BLANKS})


async def _tool_deltas(
    response: Response, llm_api: llm.APIInstance | None, budget: ToolBudget
) -> AsyncGenerator[AssistantContentDeltaDict | ToolResultContentDeltaDict]:
    """Yield the calls, which the chat log runs, and the results of those nobody can run."""
    calls: list[llm.ToolInput] = []
    failed: list[ToolResultContentDeltaDict] = []
    for call in response.tool_calls:
        try:
            calls.append(tool_input(llm_api, call, budget))
        except (InvalidToolCallError, TooManyToolCallsError) as err:
            calls.append(llm.ToolInput(call.name, {}, call.call_id, external=True))
            failed.append(
                {
                    "role": "tool_result",
                    "tool_call_id": call.call_id,
                    "tool_name": call.name,
                    "result": error_result(err),
                }
            )
    if calls:
        yield {"tool_calls": calls}
    for result in failed:
        yield result


def _trace(chat_log: ChatLog, response: Response, turn: Turn | None) -> None:
    """Tell the conversation's trace what the response cost, in tokens and in time."""
    stats: dict[str, Any] = {}
    if usage := response.usage:
        cached = (usage.get("input_token_details") or {}).get("cached_tokens", 0)
        stats["input_tokens"] = usage.get("input_tokens", 0)
        stats["cached_input_tokens"] = cached
        stats["output_tokens"] = usage.get("output_tokens", 0)
    if turn and turn.latency_ms is not None:
        stats["latency_ms"] = turn.latency_ms
    if stats:
        chat_log.async_trace({"stats": stats})
