"""The turns of an assistant's conversations: who may answer them, and until when."""

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import ChatLog
from homeassistant.core import callback
from homeassistant.helpers.chat_session import ChatSession
from homeassistant.helpers.event import async_call_later

from ..assistant.assistant import Assistant
from ..core_internals import agent_of_run, current_run, is_chat_kept
from ..errors import AssistantError
from ..realtime import RealtimeError
from .claimed_turn import ClaimedTurn
from .turn import Turn, TurnPhase


class Turns:
    """The last turn of each conversation. Only this class moves a turn from phase to phase."""

    def __init__(self, assistant: Assistant) -> None:
        """Begin with none."""
        self._assistant = assistant
        self._turns: dict[str, Turn] = {}
        self._guests: dict[str, ClaimedTurn] = {}

    @callback
    def async_begin(
        self, chat: ChatSession, pipeline_input: PipelineInput | None
    ) -> Turn:
        """Begin a turn; it ends the one before."""
        conversation_id = chat.conversation_id
        is_expected = (
            pipeline_input is not None
            and agent_of_run(pipeline_input) == self._assistant.agent_id
        )
        if (previous := self._turns.get(conversation_id)) is None:
            chat.async_on_cleanup(lambda: self._forget(conversation_id))
        elif previous.is_claimed:
            self.async_stop(previous)
        else:
            previous.advance(TurnPhase.DISCARDED)
        turn = self._turns[conversation_id] = Turn(
            self._assistant,
            conversation_id,
            pipeline_input,
            is_expected=is_expected,
            previous=previous,
        )
        turn.tell_beginning()
        return turn

    @callback
    def async_offer(self, turn: Turn) -> bool:
        """Leave the turn to the rest of its run, which may claim it until it ends.

        False where the person has begun another turn meanwhile.
        """
        if turn.phase is TurnPhase.DISCARDED:
            return False
        turn.advance(TurnPhase.OFFERED)
        turn.run = run = current_run()
        hass = self._assistant.hass

        @callback
        def expire(_: object) -> None:
            if turn.phase is TurnPhase.OFFERED:
                self._discard(turn)

        @callback
        def run_ended(_: object) -> None:
            expire(None)
            if not is_chat_kept(hass, turn.conversation_id):
                self._forget(turn.conversation_id)

        @callback
        def forget_run() -> None:
            run.remove_done_callback(run_ended)

        run.add_done_callback(run_ended)
        turn.add_cleanup(forget_run)
        turn.add_cleanup(async_call_later(hass, self._assistant.timing.claim, expire))
        return True

    @callback
    def async_fail(self, turn: Turn, error: AssistantError | RealtimeError) -> bool:
        """Leave it to the agent to tell why nothing was heard; False if it cannot."""
        if turn.phase is not TurnPhase.LISTENING or not self._is_latest(turn):
            return False
        if not turn.is_expected:
            return False
        turn.failure = error
        return self.async_offer(turn)

    @callback
    def async_release(self, turn: Turn) -> None:
        """Take the turn back, unless its run may still claim it."""
        if turn.phase is TurnPhase.LISTENING and self._is_latest(turn):
            self._discard(turn)

    @callback
    def async_present(self, guest: ClaimedTurn) -> None:
        """Let a turn that was heard elsewhere be claimed in the task that presents it."""
        guest.run = current_run()
        self._guests[guest.conversation_id] = guest

    @callback
    def async_withdraw(self, guest: ClaimedTurn) -> None:
        """Take a turn back that no answer has claimed."""
        if self._guests.get(guest.conversation_id) is guest:
            del self._guests[guest.conversation_id]

    @callback
    def async_claim(self, chat_log: ChatLog) -> ClaimedTurn | None:
        """Return the turn that was spoken in this run, if there is one, to be answered."""
        guest = self._guests.get(chat_log.conversation_id)
        if guest is not None and guest.run is current_run():
            del self._guests[chat_log.conversation_id]
            if (last := self._turns.get(chat_log.conversation_id)) is not None:
                last.correct(chat_log)
                self.async_stop(last)
            return guest
        turn = self._turns.get(chat_log.conversation_id)
        if turn is None:
            return None
        is_of_run = turn.run is current_run()
        if turn.phase is not TurnPhase.OFFERED or not is_of_run:
            turn.correct(chat_log)
            return None
        turn.forget_previous(chat_log)
        turn.advance(TurnPhase.CLAIMED)
        return turn

    @callback
    def async_take_for_playback(self, conversation_id: str) -> Turn | None:
        """Return the turn whose reply is to be heard now; each only once."""
        turn = self._turns.get(conversation_id)
        if turn is None or not turn.can_be_played:
            return None
        turn.advance(TurnPhase.PLAYING)
        return turn

    @callback
    def async_stop(self, turn: Turn) -> None:
        """End a reply where it has been heard to."""
        turn.stop()

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

    def _is_latest(self, turn: Turn) -> bool:
        return self._turns.get(turn.conversation_id) is turn

    def _discard(self, turn: Turn) -> None:
        """Take back a turn that no agent has claimed."""
        turn.advance(TurnPhase.DISCARDED)
        if self._is_latest(turn):
            del self._turns[turn.conversation_id]
        self._assistant.async_create_task(turn.async_discard(), "discard a turn")

    def _forget(self, conversation_id: str) -> None:
        """Drop what a conversation that has ended left."""
        if turn := self._turns.pop(conversation_id, None):
            turn.close()
