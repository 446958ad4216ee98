"""The live sessions of one assistant."""

import asyncio

from homeassistant.core import callback
from homeassistant.exceptions import Unauthorized

from ..assistant.assistant import Assistant
from ..errors import TooManySessionsError
from ..voice.turns import Turns
from .session import BrowserSession, LiveRequest, Tell


class BrowserSessions:
    """Begins live sessions, a few at a time, and one in a conversation."""

    def __init__(self, assistant: Assistant, turns: Turns) -> None:
        """Begin with none."""
        self._assistant = assistant
        self._turns = turns
        self._sessions: dict[str, BrowserSession] = {}

    def __len__(self) -> int:
        """Return how many go on."""
        return sum(not session.is_ended for session in self._sessions.values())

    @callback
    def async_begin(self, request: LiveRequest, tell: Tell) -> BrowserSession:
        """Begin a session; one of the same conversation ends.

        Raises TooManySessionsError, and Unauthorized if the conversation is another user's:
        core 2026.10 does not know whose a chat is.
        """
        previous = None
        for session in [*self._sessions.values()]:
            if session.conversation_id == request.conversation_id:
                if session.user_id != request.context.user_id:
                    raise Unauthorized(context=request.context)
                session.end("taken_over")
                previous = session
        if len(self) >= self._assistant.timing.max_live:
            raise TooManySessionsError
        session = BrowserSession(
            self._assistant, self._turns, request, tell, self._forget, previous
        )
        self._sessions[session.id] = session
        return session

    async def async_close(self) -> None:
        """End every session: the assistant is about to go."""
        sessions = [*self._sessions.values()]
        for session in sessions:
            session.end("unloaded")
        await asyncio.gather(*(session.async_closed() for session in sessions))

    @callback
    def _forget(self, session: BrowserSession) -> None:
        self._sessions.pop(session.id, None)
