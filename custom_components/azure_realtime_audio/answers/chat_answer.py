"""An answer in a chat log: what the model says, the tools that it calls, or why not."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from homeassistant.components.conversation import (
    AssistantContent,
    AssistantContentDeltaDict,
    ChatLog,
    ConversationInput,
    ConversationResult,
    ToolResultContentDeltaDict,
    async_get_result_from_chat_log,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm

from ..assistant.briefing import Briefing, PromptContext
from ..assistant.conversation_session import ConversationSession
from ..assistant.telling import source_of
from ..chat.history import complete_aborted_turn, has_answered
from ..chat.tools import (
    InvalidToolCallError,
    TooManyToolCallsError,
    TooManyToolRoundsError,
    error_result,
    tool_name,
)
from ..const import DOMAIN, LOGGER
from ..core_internals import START_OF_PLAYBACK, merge_concurrent_turns
from ..data import AssistantRuntime
from ..errors import async_sentence, response_failure, translated, translated_error
from ..realtime import RealtimeError, Response
from ..voice.claimed_turn import ClaimedTurn
from .rounds import Round, async_require_end, async_rounds

# A paragraph of its own, in the Assist dialog too.
_BREAK = "\n\n"


class ChatAnswer:
    """One answer to what a person has typed or said; aloud, if it was said."""

    def __init__(
        self,
        runtime: AssistantRuntime,
        agent_id: str,
        user_input: ConversationInput,
        chat_log: ChatLog,
    ) -> None:
        """Claim the turn, if the words were spoken."""
        self._assistant = runtime.assistant
        self._agent_id = agent_id
        self._input = user_input
        self._log = chat_log
        self._turn = turn = runtime.turns.async_claim(chat_log)
        conversation_id = chat_log.conversation_id
        self._telling = (
            turn.telling if turn else self._assistant.async_tell_turn(conversation_id)
        )

    async def async_result(self) -> ConversationResult:
        """Answer, or say in a sentence why not; whatever happens stays in the chat log."""
        apology = ""
        self._tell_beginning()
        try:
            # The next turn of the conversation waits until the chat log is complete.
            async with AsyncExitStack() as conversation:
                error = await self._async_try(conversation)
                if error is None:
                    return self._result()
                apology = await self._async_sentence(error)
                self._telling.failed(
                    apology, error.translation_key, error.translation_placeholders
                )
                return await self._async_apologize(apology)
        finally:
            if self._turn:
                self._turn.finish(self._log, apology)
            else:
                self._telling.done()

    def _tell_beginning(self) -> None:
        """Tell those who watch who speaks; what was typed is known already."""
        said = self._input
        source = source_of(said.satellite_id, said.device_id)
        if source["kind"] == "unknown" and said.context.user_id is None:
            source["kind"] = "action"  # of an automation
        self._telling.start(source)
        if not self._telling.has_words:
            self._telling.user_text(said.text)

    @property
    def _is_stopped(self) -> bool:
        return self._turn is not None and self._turn.is_stopped

    async def _async_try(
        self, conversation: AsyncExitStack
    ) -> HomeAssistantError | None:
        """Answer, or return why not. The conversation is held until it is left."""
        try:
            session = await self._async_session()
            await conversation.enter_async_context(session.turn())
            await self._async_answer(session)
        except RealtimeError as err:
            error = translated_error(err, self._assistant.secrets)
        except HomeAssistantError as err:
            error = self._assistant.secrets.of_sentence(err)
        except Exception:  # noqa: BLE001  # a tool's bug: a person waits for an answer
            LOGGER.exception("%s could not answer", self._assistant.name)
            error = translated("unexpected")
        else:
            return None
        if self._assistant.available:
            LOGGER.warning("%s could not answer: %s", self._assistant.name, error)
        return error

    async def _async_session(self) -> ConversationSession:
        """Return the conversation's session. Raises RealtimeError."""
        if self._turn:
            self._turn.raise_failure()
        sessions = self._assistant.sessions
        return await sessions.async_conversation(self._log.conversation_id)

    async def _async_answer(self, session: ConversationSession) -> None:
        """Let the model answer, and use its tools, until it has no more to say."""
        merge_concurrent_turns(self._log)
        context = PromptContext(
            self._input.as_llm_context(DOMAIN), self._input.extra_system_prompt
        )
        await self._assistant.async_provide_llm_data(
            self._log, context.llm_context, context.extra_system_prompt
        )
        begun = await self._async_claimed(context)
        seconds = self._assistant.timing.turn
        deadline = asyncio.get_running_loop().time() + seconds
        responses = _Responses(session, self._log, self._turn, begun)

        async def respond(this: Round) -> bool:
            return await self._async_respond(responses, this)

        try:
            await async_rounds(respond, deadline, seconds)
        except asyncio.CancelledError:
            session.history.remember_aborted(self._log.content)
            raise

    async def _async_claimed(self, context: PromptContext) -> Response | None:
        """Take a spoken turn over, with the response that the model has begun to it."""
        if (turn := self._turn) is None:
            return None
        begun = await turn.async_take_over(self._log, context)
        if self._input.satellite_id:
            turn.follow_satellite(self._input.satellite_id, turn.stop)
        return begun

    async def _async_respond(self, responses: _Responses, this: Round) -> bool:
        """Have one response, its tools run, in the chat log. Raises if there is none."""
        history = responses.session.history
        asked = asyncio.get_running_loop().time()
        async with responses.next(is_first=this.is_first) as response:
            try:
                async for content in self._log.async_add_delta_content_stream(
                    self._agent_id, self._deltas(response, this)
                ):
                    if isinstance(content, AssistantContent):
                        history.record(content, response.item_ids)
                        self._tell_response(response, content, asked)
                    else:
                        self._telling.result(
                            content.tool_call_id, content.tool_name, content.result
                        )
            except asyncio.CancelledError:
                if self._turn:
                    self._turn.stop()
                if said := complete_aborted_turn(self._log, self._agent_id, response):
                    history.record(said, response.item_ids)
                raise
            self._telling.response_done(response, asked)
            if self._is_stopped:
                return False
            await async_require_end(response)
        self._trace(response)
        if failure := response_failure(response):
            raise failure
        return self._log.unresponded_tool_results and not self._is_stopped

    async def _deltas(
        self, response: Response, this: Round
    ) -> AsyncGenerator[AssistantContentDeltaDict | ToolResultContentDeltaDict]:
        """Yield a response as the chat log takes it; ends early where the response does."""
        yield {"role": "assistant"}
        stream = aiter(response)
        item_id = None
        turn = self._turn
        try:
            while True:
                async with asyncio.timeout(self._assistant.timing.response_stall):
                    delta = await anext(stream)
                if turn and delta.kind != "text" and turn.mark_speaking():
                    self._stream(START_OF_PLAYBACK)
                self._telling.delta(response, delta)
                if delta.kind == "audio":
                    if turn:
                        turn.note_first_audio()
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
            async for content in _tool_deltas(response, self._log.llm_api, this):
                yield content

    def _tell_response(
        self, response: Response, content: AssistantContent, asked: float
    ) -> None:
        """Tell those who watch what a response has come to, and what it calls."""
        self._telling.response_done(response, asked)
        api = self._log.llm_api
        titles = {tool.name: tool.title for tool in api.tools} if api else {}
        for call in content.tool_calls or ():
            self._telling.called(call, titles.get(call.tool_name))

    def _stream(self, text: str) -> None:
        """Let the pipeline hear a piece of text that is not in the chat log, or is already."""
        if self._log.delta_listener:
            self._log.delta_listener(self._log, {"content": text})

    def _trace(self, response: Response) -> None:
        """Tell the conversation's trace what the response cost, in tokens and in time."""
        stats: dict[str, Any] = {}
        if usage := response.usage:
            cached = (usage.get("input_token_details") or {}).get("cached_tokens", 0)
            stats["input_tokens"] = usage.get("input_tokens", 0)
            stats["cached_input_tokens"] = cached
            stats["output_tokens"] = usage.get("output_tokens", 0)
        if self._turn and self._turn.latency_ms is not None:
            stats["latency_ms"] = self._turn.latency_ms
        if stats:
            self._log.async_trace({"stats": stats})

    # The result

    def _result(self) -> ConversationResult:
        """Return what was said; of an answer that the person has stopped, its beginning."""
        turn = self._turn
        if turn is None or not turn.is_stopped:
            return async_get_result_from_chat_log(self._input, self._log)
        response = intent.IntentResponse(language=self._input.language)
        last = self._log.content[-1]
        said = last.content if isinstance(last, AssistantContent) else None
        # A text whose playback has not begun must not be played now.
        response.async_set_speech((turn.has_begun_to_speak and said) or "")
        return ConversationResult(response, self._log.conversation_id)

    async def _async_apologize(self, sentence: str) -> ConversationResult:
        """Say what went wrong: once, and in the same bubble as a beginning of the answer.

        The Assist dialog shows a result of the type "error" in a bubble of its own, beside
        what was streamed: so that type is only for an answer that has not begun.
        """
        response = intent.IntentResponse(language=self._input.language)
        response.async_set_error(
            intent.IntentResponseErrorCode.FAILED_TO_HANDLE, sentence
        )
        last = self._log.content[-1]
        has_begun = self._turn is not None and self._turn.has_begun_to_speak
        if isinstance(last, AssistantContent) and last.content:
            whole = replace(last, content=f"{last.content}{_BREAK}{sentence}")
            self._log.content[-1] = whole
            session = self._assistant.sessions.get(self._log.conversation_id)
            if session is not None:
                session.history.replace(last, whole)
            self._stream(f"{_BREAK}{sentence}")
            response.response_type = intent.IntentResponseType.ACTION_DONE
            response.async_set_speech(whole.content or "")
        elif has_begun or has_answered(self._log):
            await self._async_add(f"{_BREAK}{sentence}")
            response.response_type = intent.IntentResponseType.ACTION_DONE
        else:
            self._log.async_add_assistant_content_without_tools(
                AssistantContent(self._agent_id, sentence)
            )
        return ConversationResult(response, self._log.conversation_id)

    async def _async_add(self, text: str) -> None:
        """Add a message to the chat log, and let its listener hear it."""

        async def message() -> AsyncGenerator[AssistantContentDeltaDict]:
            yield {"role": "assistant", "content": text}

        async for _ in self._log.async_add_delta_content_stream(
            self._agent_id, message()
        ):
            pass

    async def _async_sentence(self, error: HomeAssistantError) -> str:
        return await async_sentence(self._assistant.hass, self._input.language, error)


class _Responses:
    """The responses of one answer, each to all that the chat log says by then."""

    def __init__(
        self,
        session: ConversationSession,
        chat_log: ChatLog,
        turn: ClaimedTurn | None,
        begun: Response | None,
    ) -> None:
        """Begin with the response that is being made already, if there is one."""
        self.session = session
        self._log = chat_log
        self._turn = turn
        self._begun = begun

    @asynccontextmanager
    async def next(self, *, is_first: bool) -> AsyncIterator[Response]:
        """Have a response; aloud, if the turn was spoken. Raises RealtimeError."""
        if is_first and self._begun is not None:
            made = self.session.cancel_on_exit(self._begun)
        else:
            modality = "audio" if self._turn else "text"
            made = self.session.response(
                {"output_modalities": [modality]}, Briefing.of_chat_log(self._log)
            )
        async with made as response:
            if self._turn:
                self._turn.speech.add(response)
            yield response


async def _tool_deltas(
    response: Response, llm_api: llm.APIInstance | None, this: Round
) -> AsyncGenerator[AssistantContentDeltaDict | ToolResultContentDeltaDict]:
    """Yield the calls, which the chat log runs, and the results of those that it must not."""
    calls: list[llm.ToolInput] = []
    failed: list[ToolResultContentDeltaDict] = []
    for call in response.tool_calls:
        try:
            calls.append(this.tool_input(llm_api, call))
        except (
            InvalidToolCallError,
            TooManyToolCallsError,
            TooManyToolRoundsError,
        ) as err:
            name = tool_name(llm_api, call.name)
            calls.append(llm.ToolInput(name, {}, call.call_id, external=True))
            failed.append(
                {
                    "role": "tool_result",
                    "tool_call_id": call.call_id,
                    "tool_name": name,
                    "result": error_result(err),
                }
            )
    if calls:
        yield {"tool_calls": calls}
    for result in failed:
        yield result
