"""The turns of an assistant's conversations: who may answer them, and until when."""

import asyncio
from typing import TYPE_CHECKING, Final

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import ChatLog
from homeassistant.core import callback
from homeassistant.helpers.chat_session import ChatSession
from homeassistant.helpers.event import async_call_later

from ..core_internals import is_chat_kept
from ..realtime import RealtimeError
from .turn import Turn

if TYPE_CHECKING:
    from ..assistant.assistant import Assistant

# Seconds after the last word in which somebody has to take the turn.
CLAIM_SECONDS: Final = 10.0


class Turns:
    """The turns of an assistant's conversations, the last one of each."""

    def __init__(self, assistant: Assistant) -> None:
        """Begin with none."""
        self._assistant = assistant
        self._turns: dict[str, Turn] = {}
        self._expected: set[str] = set()

    @callback
    def async_expect(self, chat: ChatSession) -> None:
        """Note that the run that begins in this conversation has this assistant as agent.

        The pipeline tells it while the person begins to speak, sometimes before and
        sometimes after it lets speech-to-text listen.
        """
        conversation_id = chat.conversation_id
        turn = self._turns.get(conversation_id)
        if turn is not None and turn.run is None and not turn.is_expected:
            turn.is_expected = True
        elif conversation_id not in self._expected:
            self._expected.add(conversation_id)
            chat.async_on_cleanup(lambda: self._expected.discard(conversation_id))

    @callback
    def async_begin(
        self, chat: ChatSession, pipeline_input: PipelineInput | None
    ) -> Turn:
        """Begin a turn; it ends the one before."""
        conversation_id = chat.conversation_id
        is_expected = conversation_id in self._expected
        self._expected.discard(conversation_id)
        turn = Turn(
            self._assistant, conversation_id, pipeline_input, is_expected=is_expected
        )
        if (previous := self._turns.get(conversation_id)) is None:
            chat.async_on_cleanup(lambda: self._forget(conversation_id))
        turn.previous = previous
        self._turns[conversation_id] = turn
        return turn

    @callback
    def async_offer(self, turn: Turn) -> None:
        """Leave the turn to the rest of its run, which may claim it until it ends."""
        turn.run = run = asyncio.current_task()
        assert run is not None

        @callback
        def expire(_: object) -> None:
            if not turn.is_claimed:
                turn.run = None
                self.async_release(turn)

        hass = self._assistant.hass

        @callback
        def run_ended(_: object) -> None:
            expire(None)
            # A chat whose first run was cancelled is one that core never ends.
            if not is_chat_kept(hass, turn.conversation_id):
                self._forget(turn.conversation_id)

        @callback
        def forget_run() -> None:
            run.remove_done_callback(run_ended)

        run.add_done_callback(run_ended)
        turn.close_with(forget_run)
        turn.close_with(async_call_later(hass, CLAIM_SECONDS, expire))

    @callback
    def async_fail(self, turn: Turn, error: RealtimeError) -> bool:
        """Leave it to the agent to tell why nothing was heard; False if it cannot."""
        is_latest = self._turns.get(turn.conversation_id) is turn
        if not is_latest or not turn.is_for_agent:
            return False
        turn.failure = error
        self.async_offer(turn)
        return True

    @callback
    def async_release(self, turn: Turn) -> None:
        """Take the turn back, unless its run may still claim it."""
        if turn.run is None and self._turns.get(turn.conversation_id) is turn:
            del self._turns[turn.conversation_id]
            self._assistant.async_create_task(turn.async_discard(), "discard a turn")

    @callback
    def async_claim(self, chat_log: ChatLog) -> Turn | None:
        """Return the turn that was spoken in this run, if there is one, to be answered."""
        self._expected.discard(chat_log.conversation_id)
        turn = self._turns.get(chat_log.conversation_id)
        if turn is None:
            return None
        if turn.is_claimed or turn.run is not asyncio.current_task():
            turn.correct(chat_log)
            return None
        if turn.previous is not None:
            turn.previous.correct(chat_log)
            turn.previous.close()
            turn.previous = None
        turn.is_claimed = True
        return turn

    @callback
    def async_voice(self, conversation_id: str) -> Turn | None:
        """Return the turn whose reply is to be heard now; each only once."""
        turn = self._turns.get(conversation_id)
        if turn is None or not turn.can_be_voiced:
            return None
        turn.is_voiced = True
        return turn

    @callback
    def async_session_ended(self, conversation_id: str) -> None:
        """Drop the turn of a session that is gone, unless its run may still speak it."""
        turn = self._turns.get(conversation_id)
        if turn is not None and turn.run is not None and turn.run.done():
            self._forget(conversation_id)

    @callback
    def async_close(self) -> None:
        """Drop every turn."""
        for conversation_id in list(self._turns):
            self._forget(conversation_id)

    def _forget(self, conversation_id: str) -> None:
        """Drop what a conversation that has ended left."""
        self._expected.discard(conversation_id)
        if turn := self._turns.pop(conversation_id, None):
            turn.close()
