"""The sessions of one assistant: each conversation's own, and those that are shared."""

import asyncio
from collections.abc import Callable, Iterator

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.chat_session import current_session

from ..chat.history import History, placeholders
from ..errors import TooManySessionsError
from ..realtime import (
    ConnectionState,
    ConversationRecord,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    SessionConfig,
)
from .availability import Availability
from .conversation_session import ConversationSession, CreateTask
from .kept_conversations import async_kept_conversations
from .session_key import ActionConversation, SessionKey, SessionPurpose
from .settings import AssistantSettings
from .timing import Timing

# Makes a client for a session; with a record of items it goes on with that conversation.
type ClientFactory = Callable[
    [SessionConfig, ConversationRecord | None], RealtimeClient
]


class SessionPool:
    """Opens sessions when they are needed, and ends idle ones."""

    def __init__(
        self,
        hass: HomeAssistant,
        subentry_id: str,
        settings: AssistantSettings,
        timing: Timing,
        availability: Availability,
        make_client: ClientFactory,
        create_task: CreateTask,
        on_change: Callable[[], None],
    ) -> None:
        """Begin with no session. ``on_change`` is called when one has gone."""
        # Called with the id of a conversation whose session has ended.
        self.on_conversation_ended: Callable[[str], None] | None = None
        self._hass = hass
        self._subentry_id = subentry_id
        self._settings = settings
        self._timing = timing
        self._availability = availability
        self._make_client = make_client
        self._create_task = create_task
        self._on_change = on_change
        self._kept = async_kept_conversations(hass)
        # In order of use, the least used first.
        self._sessions: dict[SessionKey, ConversationSession] = {}
        self._closed = False

    def __iter__(self) -> Iterator[ConversationSession]:
        """Iterate over the sessions in use, the least used first."""
        return iter(self._sessions.values())

    def __len__(self) -> int:
        """Return how many sessions are in use."""
        return len(self._sessions)

    def get(self, key: SessionKey) -> ConversationSession | None:
        """Return the session of a conversation or a purpose, if there is one."""
        return self._sessions.get(key)

    async def async_conversation(self, conversation_id: str) -> ConversationSession:
        """Return the connected session of a conversation, kept as long as its chat.

        Raises RealtimeError.
        """
        if (session := self._sessions.get(conversation_id)) is None:
            session = self._adopt(conversation_id) or self._add(
                conversation_id, self._settings.session_config()
            )
            chat = current_session.get()
            if chat is not None and chat.conversation_id == conversation_id:
                # Capture the id, not the session: core may keep the ChatSession long after
                # ours is closed.
                chat.async_on_cleanup(lambda: self._end_conversation(conversation_id))
        return await self._async_connected(session)

    async def async_shared(
        self, purpose: SessionPurpose | ActionConversation
    ) -> ConversationSession:
        """Return the connected session for a purpose, or of a conversation of actions.

        Its turns end by hand, unless a conversation is to have it. Raises RealtimeError.
        """
        if (session := self._sessions.get(purpose)) is None:
            config = self._settings.session_config(
                detects_turns=purpose is SessionPurpose.AHEAD
            )
            session = self._add(purpose, config)
        return await self._async_connected(session)

    @callback
    def async_end(self, session: ConversationSession) -> None:
        """Forget a session and close it in a task of the entry; once."""
        if self._sessions.get(session.key) is not session:
            return
        del self._sessions[session.key]
        if session.conversation_id is not None and self.on_conversation_ended:
            self.on_conversation_ended(session.conversation_id)
        self._on_change()
        self._create_task(session.async_close(), "close a realtime session")

    async def async_close(self) -> None:
        """End every session; what was said is kept for the next set-up of the entry."""
        self._closed = True
        self.on_conversation_ended = None
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            if session.conversation_id and (kept := session.async_take()):
                self._kept.async_keep(self._subentry_id, session.conversation_id, kept)
        await asyncio.gather(*(session.async_close() for session in sessions))

    def _adopt(self, conversation_id: str) -> ConversationSession | None:
        """Give the session that was opened ahead to a conversation that has said nothing."""
        if self._kept.has(self._subentry_id, conversation_id):
            return None
        session = self._sessions.pop(SessionPurpose.AHEAD, None)
        if session is not None:
            session.key = conversation_id
            self._sessions[conversation_id] = session
        return session

    def _add(self, key: SessionKey, config: SessionConfig) -> ConversationSession:
        """Make a session, and room for it. Raises TooManySessionsError."""
        if self._closed:
            raise NotConnectedError
        if len(self._sessions) >= self._timing.max_sessions:
            self.async_end(self._least_used())
        kept = None
        if isinstance(key, str):
            kept = self._kept.async_take(self._subentry_id, key)
        session = self._sessions[key] = ConversationSession(
            self._hass,
            key,
            self._make_client(config, kept.record if kept else None),
            kept.history if kept else History(placeholders(self._hass)),
            self._settings.turn_detection_config() or {},
            self._timing,
            self._create_task,
            self.async_end,
        )
        return session

    def _least_used(self) -> ConversationSession:
        if ahead := self._sessions.get(SessionPurpose.AHEAD):
            return ahead
        for session in self._sessions.values():
            is_purpose = isinstance(session.key, SessionPurpose)
            if not (is_purpose or session.is_busy or session.has_caller):
                return session
        raise TooManySessionsError

    async def _async_connected(
        self, session: ConversationSession
    ) -> ConversationSession:
        self._sessions[session.key] = self._sessions.pop(session.key)
        session.async_touch()
        if session.client.state is ConnectionState.OPEN:
            return session
        # An apology that is read aloud must not use up the try of the next turn.
        purpose = None if session.conversation_id is not None else session.key
        if isinstance(purpose, ActionConversation):
            purpose = SessionPurpose.ACTIONS
        try:
            async with self._availability.attempt(purpose):
                await session.async_connect()
        except RealtimeError:
            if session.is_unused:
                self.async_end(session)
            raise
        return session

    def _end_conversation(self, conversation_id: str) -> None:
        self._kept.async_take(self._subentry_id, conversation_id)
        if session := self._sessions.get(conversation_id):
            self.async_end(session)
