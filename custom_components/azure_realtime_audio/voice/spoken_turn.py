"""What was said to an open session, and the answer that the model has begun to it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from homeassistant.components.conversation import (
    ChatLog,
    Content,
    SystemContent,
    UserContent,
)
from homeassistant.exceptions import HomeAssistantError

from ..assistant.assistant import Assistant
from ..assistant.briefing import Briefing, PromptContext
from ..assistant.conversation_session import ConversationSession
from ..const import LOGGER
from ..core_internals import chat_log_as_it_is
from ..realtime import (
    CommandError,
    ConnectionLostError,
    RealtimeError,
    Response,
    ResponseActiveError,
)

_SPOKEN: Final = {"output_modalities": ["audio"]}
_TRANSCRIBE: Final = (
    "Write down exactly what the user says in the last message, in its language, "
    "and nothing else. Do not answer it."
)


class HeardSpeech(Protocol):
    """What one person says, as far as it is known: an item, and its words."""

    was_ended_by_hand: bool  # the service does not answer that by itself

    @property
    def item_id(self) -> str | None:
        """The item that it has become."""

    @property
    def transcript(self) -> str | None:
        """The words, once they are known."""

    async def async_wait_for_transcript(
        self, until: asyncio.Future[Any], seconds: float
    ) -> None:
        """Wait for the transcript, until something else happens, or for so long."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who speaks, and how: what is known before they have finished.

    ``waits_for_words`` says whether Home Assistant itself may answer, once it knows the
    words; ``detects_turns`` whether the service finds the end of what is said.
    """

    context: PromptContext
    waits_for_words: bool
    detects_turns: bool


class SpokenTurn:
    """One person's words in the session of their conversation, from the first of them on."""

    def __init__(
        self,
        assistant: Assistant,
        session: ConversationSession,
        speech_input: HeardSpeech,
        asker: Asker | None,
    ) -> None:
        """Take an open session. ``asker`` tells who speaks, where that is known."""
        self.session = session
        self.response: Response | None = None
        self._assistant = assistant
        self._input = speech_input
        self._asker = asker
        self._prepared: Briefing | None = None
        self._prepared_for: PromptContext | None = None
        self._own_answer: asyncio.Future[Response] | None = None
        self._said: UserContent | None = None

    def hear(self, speech_input: HeardSpeech) -> None:
        """Take what is said, of which nothing was known when the session was prepared."""
        self._input = speech_input

    # The answer's beginning

    async def async_prepare(
        self, *, will_answer: bool, clears_audio: bool = True
    ) -> None:
        """Have the session hear only what is said from now on, if it ``clears_audio``.

        If it will answer, tell it what a chat log would, as far as that is known; and let
        the service answer by itself, where the answer is sure to be wanted. Raises
        RealtimeError.
        """
        session = self.session
        briefing = await self._async_briefing() if will_answer else None
        asker = self._asker
        answers_alone = (
            briefing is not None
            and asker is not None
            and asker.detects_turns
            and not asker.waits_for_words
        )
        await session.async_tell(
            briefing, clears_audio=clears_audio, answers_alone=answers_alone
        )
        self._prepared = briefing
        self._own_answer = session.async_expect_answer() if answers_alone else None

    async def _async_briefing(self) -> Briefing | None:
        """Return what the agent would tell the model; None if that is not known or fails."""
        if self._asker is None:
            return None
        assistant, context = self._assistant, self._asker.context
        log = chat_log_as_it_is(assistant.hass, str(self.session.key))
        try:
            await assistant.async_provide_llm_data(
                log, context.llm_context, context.extra_system_prompt
            )
        except HomeAssistantError as err:  # the claim meets it again, and tells
            LOGGER.debug("The answer cannot begin before the claim: %s", err)
            return None
        self._prepared_for = context
        return Briefing.of_chat_log(log)

    async def async_begin(self) -> None:
        """Have the model answer before the turn is claimed, if the answer is sure to be wanted.

        What keeps the model from that shows again when the turn is claimed.
        """
        asker = self._asker
        if self._prepared is None or asker is None or asker.waits_for_words:
            return
        try:
            self.response = await self._async_answer()
        except (HomeAssistantError, RealtimeError) as err:
            told = self._assistant.secrets(str(err))
            LOGGER.debug("The answer could not begin before the claim: %s", told)

    async def _async_answer(self) -> Response:
        """Return the answer that the service begins by itself, or ask for one."""
        own = self._own_answer
        if own is not None and not self._input.was_ended_by_hand:
            await asyncio.wait((own,), timeout=self._assistant.timing.own_answer)
        if own is None:
            return await self.session.async_create_response(_SPOKEN)
        if not own.done():
            return await self._async_first_answer(own)
        return own.result()

    async def _async_first_answer(self, own: asyncio.Future[Response]) -> Response:
        """Ask for an answer; return that, or the service's own if it begins before."""
        asking = asyncio.ensure_future(self.session.async_create_response(_SPOKEN))
        try:
            await asyncio.wait((asking, own), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()  # which leaves no response behind
        if not asking.done():
            return own.result()
        try:
            response = asking.result()
        except ResponseActiveError, CommandError:
            if not own.done():
                raise
            return own.result()
        own.cancel()
        return response

    def withdraw(self) -> None:
        """Expect no answer of the service's own any more: one that begins is taken back."""
        if self._own_answer is not None:
            self._own_answer.cancel()

    def _begun(self) -> Response | None:
        """Return the answer that has begun; an own one of the service comes too late now."""
        own, self._own_answer = self._own_answer, None
        if self.response is None and own is not None and not own.cancel():
            self.response = own.result()
        return self.response

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

    async def async_take_over(
        self, chat_log: ChatLog, prompt_context: PromptContext
    ) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        From now on what was said is part of the chat log, and in the service's
        conversation as the audio it was. Raises RealtimeError.
        """
        _, *earlier, said = chat_log.content
        assert isinstance(said, UserContent)
        history, client = self.session.history, self.session.client
        item_id, begun = self._input.item_id, self._begun()
        if item_id is None or item_id not in client.item_ids:
            if self._input.transcript is None:
                raise ConnectionLostError
            return None  # the words are not lost: they are in the chat log
        history.unmark_orphaned([item_id])
        briefing = Briefing.of_chat_log(chat_log)
        if begun is not None and not self._knows(earlier, prompt_context, briefing):
            await self._async_take_back(begun)
            begun = None
        if begun is not None and self._prepared is not None:
            # The time may be in them: these are the instructions that the model has.
            chat_log.content[0] = SystemContent(self._prepared.instructions)
        elif not history.matches(earlier):
            await self.session.async_tell(
                replace(briefing, contents=earlier, is_before=True)
            )
        history.record(said, [item_id])
        self._said = said
        return begun

    def _knows(
        self, earlier: list[Content], context: PromptContext, briefing: Briefing
    ) -> bool:
        """Return whether the model knew all that it should when it began to answer."""
        return (
            self.session.history.matches(earlier)
            and self._prepared is not None
            and self._prepared_for == context
            and self._prepared.tools == briefing.tools
        )

    async def async_discard(self) -> None:
        """Take back the answer and what was said. Raises RealtimeError and AssistantError."""
        begun = self._begun()
        async with self.session.turn():
            if begun is not None:
                await self._async_take_back(begun)
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
