"""The conversation entity: typed turns on the session of their conversation."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Literal, override

from homeassistant.components.conversation import (
    AssistantContent,
    AssistantContentDeltaDict,
    ChatLog,
    ConversationEntity,
    ConversationEntityFeature,
    ConversationInput,
    ConversationResult,
    ToolResultContentDeltaDict,
    async_get_result_from_chat_log,
)
from homeassistant.const import CONF_LLM_HASS_API, MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_translations

from .assistant.assistant import Assistant, AzureRealtimeAudioConfigEntry
from .assistant.conversation_session import AssistantSession
from .chat.history import complete_aborted_turn, has_answered, system_prompt
from .chat.tools import (
    MAX_TOOL_ROUNDS,
    InvalidToolCallError,
    ToolBudget,
    TooManyToolCallsError,
    error_result,
    function_tools,
    tool_input,
)
from .const import DOMAIN, LOGGER
from .core_internals import merge_concurrent_turns
from .entity import AssistantEntity
from .errors import response_failure, translated, translated_error
from .realtime import (
    CommandTimeoutError,
    ConnectionLostError,
    NotConnectedError,
    RealtimeError,
    Response,
)
from .voice.turn import Turn

PARALLEL_UPDATES = 0

# Seconds without a word, after which a response is taken for dead.
RESPONSE_STALL: Final = 30.0
# Seconds that a whole turn may take, its tools included.
TURN_TIMEOUT: Final = 300.0

# One more than the pipeline waits for (assist_pipeline, STREAM_RESPONSE_CHARS). The Assist
# dialog shows them as Markdown, in which blanks would make a code block of the reply.
_START_OF_PLAYBACK = "\n" * 61
# A paragraph of its own, in the Assist dialog too.
_BREAK = "\n\n"


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
                if turn and turn.is_stopped:
                    return _unfinished(user_input, chat_log, turn)
                if error is None:
                    return async_get_result_from_chat_log(user_input, chat_log)
                apology = await self._async_sentence(error, user_input.language)
                return await self._async_apologize(user_input, chat_log, turn, apology)
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
            if turn:
                turn.raise_failure()
            session = await self.assistant.async_conversation_session(
                chat_log.conversation_id
            )
            await conversation.enter_async_context(session.turn())
            await self._async_answer(session, user_input, chat_log, turn)
        except RealtimeError as err:
            error = translated_error(err)
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
        merge_concurrent_turns(chat_log)
        await self.assistant.async_provide_llm_data(
            chat_log, user_input.as_llm_context(DOMAIN), user_input.extra_system_prompt
        )
        begun = await turn.async_take_over(chat_log) if turn else None
        if turn and user_input.satellite_id:
            turn.follow_satellite(user_input.satellite_id)
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._async_rounds(session, chat_log, turn, begun)
        except asyncio.CancelledError:
            session.history.remember_aborted(chat_log.content)
            raise
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
            is_stopped = turn is not None and turn.is_stopped
            if is_stopped or not chat_log.unresponded_tool_results:
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
            try:
                async for content in chat_log.async_add_delta_content_stream(
                    self.entity_id, _deltas(response, chat_log, turn, budget)
                ):
                    if isinstance(content, AssistantContent):
                        session.history.hold(content, response.item_ids)
            except asyncio.CancelledError:
                if turn:
                    turn.stop()
                if said := complete_aborted_turn(chat_log, self.entity_id, response):
                    session.history.hold(said, response.item_ids)
                raise
            if turn and turn.is_stopped:
                return
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
        turn: Turn | None,
        sentence: str,
    ) -> ConversationResult:
        """Say what went wrong: once, and in the same bubble as a beginning of the answer.

        The Assist dialog shows a result of the type "error" in a bubble of its own, beside
        what was streamed: so that type is only for an answer that has not begun.
        """
        response = intent.IntentResponse(language=user_input.language)
        response.async_set_error(
            intent.IntentResponseErrorCode.FAILED_TO_HANDLE, sentence
        )
        last = chat_log.content[-1]
        if isinstance(last, AssistantContent) and last.content:
            whole = replace(last, content=f"{last.content}{_BREAK}{sentence}")
            chat_log.content[-1] = whole
            if session := self.assistant.session(chat_log.conversation_id):
                session.history.replace(last, whole)
            _stream(chat_log, f"{_BREAK}{sentence}")
            response.response_type = intent.IntentResponseType.ACTION_DONE
            response.async_set_speech(whole.content or "")
        elif has_answered(chat_log) or (turn and turn.has_begun_to_speak):
            await self._async_add(chat_log, f"{_BREAK}{sentence}")
            response.response_type = intent.IntentResponseType.ACTION_DONE
        else:
            chat_log.async_add_assistant_content_without_tools(
                AssistantContent(self.entity_id, sentence)
            )
        return ConversationResult(response, chat_log.conversation_id)

    async def _async_add(self, chat_log: ChatLog, text: str) -> None:
        """Add a message to the chat log, and let its listener hear it."""

        async def message() -> AsyncGenerator[AssistantContentDeltaDict]:
            yield {"role": "assistant", "content": text}

        async for _ in chat_log.async_add_delta_content_stream(
            self.entity_id, message()
        ):
            pass

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


def _unfinished(
    user_input: ConversationInput, chat_log: ChatLog, turn: Turn
) -> ConversationResult:
    """Return what was said of an answer that the person has stopped."""
    response = intent.IntentResponse(language=user_input.language)
    last = chat_log.content[-1]
    said = last.content if isinstance(last, AssistantContent) else None
    # What nobody has begun to play is not to be played now.
    response.async_set_speech((turn.has_begun_to_speak and said) or "")
    return ConversationResult(response, chat_log.conversation_id)


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
    await session.async_connect()
    await session.async_tell(system_prompt(chat_log), function_tools(chat_log.llm_api))
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
                # The pipeline would wait for 60 characters, which a short reply never has.
                _stream(chat_log, _START_OF_PLAYBACK)
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


def _stream(chat_log: ChatLog, text: str) -> None:
    """Let the pipeline hear a piece of text that is not in the chat log, or is already."""
    if chat_log.delta_listener:
        chat_log.delta_listener(chat_log, {"content": text})


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
