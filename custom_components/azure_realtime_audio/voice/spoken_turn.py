"""What was said to an open session, and the answer that the model has begun to it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import ChatLog, UserContent
from homeassistant.exceptions import HomeAssistantError

from ..assistant.assistant import Assistant
from ..assistant.conversation_session import ConversationSession
from ..assistant.prompt import pipeline_llm_context
from ..chat.history import system_prompt
from ..chat.tools import function_tools
from ..const import LOGGER
from ..core_internals import chat_log_as_it_is
from ..realtime import CommandError, ConnectionLostError, RealtimeError, Response
from .listening import SpeechInput

_SPOKEN: Final = {"output_modalities": ["audio"]}
_TRANSCRIBE: Final = (
    "Write down exactly what the user says in the last message, in its language, "
    "and nothing else. Do not answer it."
)


class SpokenTurn:
    """One person's words in the session of their conversation, from the first of them on."""

    def __init__(
        self,
        assistant: Assistant,
        session: ConversationSession,
        speech_input: SpeechInput,
        pipeline_input: PipelineInput | None,
    ) -> None:
        """Take an open session. ``pipeline_input`` tells who speaks, where that is known."""
        self.session = session
        self.response: Response | None = None
        self._assistant = assistant
        self._input = speech_input
        self._pipeline_input = pipeline_input
        self._is_prepared = False
        self._said: UserContent | None = None

    # The answer's beginning

    async def async_prepare(self) -> None:
        """Tell the session what a chat log would, as far as that is known.

        Raises HomeAssistantError and RealtimeError.
        """
        if self._is_prepared or self._pipeline_input is None:
            return
        assistant, session = self._assistant, self.session
        log = chat_log_as_it_is(assistant.hass, str(session.key))
        await assistant.async_provide_llm_data(
            log,
            pipeline_llm_context(self._pipeline_input, assistant.agent_id or ""),
            self._pipeline_input.conversation_extra_system_prompt,
        )
        await session.async_apply_settings(
            system_prompt(log), function_tools(log.llm_api)
        )
        await session.history.async_sync(session.client, log.content)
        self._is_prepared = True

    async def async_begin(self) -> None:
        """Let the model begin to answer before the turn is claimed.

        What keeps it from that shows again when the turn is claimed.
        """
        try:
            await self.async_prepare()
            self.response = await self.session.async_create_response(_SPOKEN)
        except (HomeAssistantError, RealtimeError) as err:
            LOGGER.debug("The answer could not begin before the claim: %s", err)

    # The words

    async def async_words(self, seconds: float) -> str | None:
        """Return what was said, as soon as the model begins to answer at the latest.

        None when it is not known by then.
        """
        if self.session.transcribes:
            begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self.response is not None:
                begun = asyncio.ensure_future(_async_begun(self.response))
            try:
                await self._input.async_wait_for_transcript(begun, seconds)
            finally:
                begun.cancel()
        return self._input.transcript

    async def async_transcribe(self, seconds: float) -> str | None:
        """Return what was said to another agent: if need be, the model listens again.

        Raises RealtimeError.
        """
        if words := await self.async_words(seconds):
            return words
        item_id = self._input.item_id
        async with self.session.response(
            {
                "conversation": "none",
                "output_modalities": ["text"],
                "instructions": _TRANSCRIBE,
                "tools": [],
                "input": [{"type": "item_reference", "id": item_id}],
            }
        ) as response:
            with suppress(TimeoutError):
                await response.done(seconds)
            return response.text.strip() or None

    def correct(self, chat_log: ChatLog) -> None:
        """Put the words into the chat log that were not known when it was written."""
        if self._said is None or not (words := self._input.transcript):
            return
        for position, content in enumerate(chat_log.content):
            if content is self._said:
                corrected = replace(self._said, content=words)
                chat_log.content[position] = corrected
                self.session.history.replace(content, corrected)
        self._said = None

    # The claim

    async def async_take_over(self, chat_log: ChatLog) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        From now on what was said is part of the chat log, and in the service's
        conversation as the audio it was. Raises RealtimeError.
        """
        _, *earlier, said = chat_log.content
        assert isinstance(said, UserContent)
        history, client = self.session.history, self.session.client
        item_id, begun = self._input.item_id, self.response
        if item_id is None or item_id not in client.item_ids:
            if self._input.transcript is None:
                raise ConnectionLostError
            return None  # the words are not lost: they are in the chat log
        history.unmark_orphaned([item_id])
        knows_history = history.matches(earlier)
        knows_all = knows_history and self.session.has_settings(
            system_prompt(chat_log), function_tools(chat_log.llm_api)
        )
        if begun is not None and not knows_all:
            await self._async_take_back(begun)
            begun = None
        if not knows_history:
            await history.async_sync(client, earlier, is_before=True)
        history.record(said, [item_id])
        self._said = said
        return begun

    async def async_discard(self) -> None:
        """Take back the answer and what was said. Raises RealtimeError and AssistantError."""
        async with self.session.turn():
            if self.response is not None:
                await self._async_take_back(self.response)
            if item_id := self._input.item_id:
                await self._async_delete([item_id])
            await self.session.client.clear_audio_buffer()

    async def async_truncate(self, item_id: str, heard_ms: int) -> None:
        """Let the model know how much of an item was heard. Raises RealtimeError."""
        if heard_ms:
            await self.session.client.truncate_item(item_id, 0, heard_ms)
        else:  # a truncation to nothing is refused
            await self.session.client.delete_item(item_id)

    async def _async_take_back(self, response: Response) -> None:
        await response.cancel()
        await self._async_delete(response.item_ids)

    async def _async_delete(self, item_ids: Iterable[str]) -> None:
        for item_id in item_ids:
            with suppress(CommandError):  # it is not there any more
                await self.session.client.delete_item(item_id)


async def _async_begun(response: Response) -> None:
    """Wait until a response has anything to say or do, or ends."""
    while not (response.deltas or response.is_done):
        await response.changed()
