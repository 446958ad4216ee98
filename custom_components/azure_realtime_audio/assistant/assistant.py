"""One assistant: its sessions with the service, their status, and whether it can be reached."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from homeassistant.components.assist_pipeline import PipelineInput
from homeassistant.components.conversation import (
    DOMAIN as CONVERSATION_DOMAIN,
    ChatLog,
    ConversationInput,
    ConverseError,
)
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API, EVENT_HOMEASSISTANT_STOP, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import chat_session, entity_registry as er, llm
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..chat.history import History, placeholders
from ..const import (
    CONF_FIRE_EVENTS,
    CONF_INSTRUCTIONS,
    CONF_TURN_DETECTION_TYPE,
    DOMAIN,
    EVENT_SERVER_EVENT,
    MAX_SESSIONS,
    TURN_DETECTION_SERVER_VAD,
)
from ..errors import TooManySessionsError, translated
from ..realtime import (
    CommandTimeoutError,
    ConnectError,
    ConnectionState,
    ConversationRecord,
    ModelStatus,
    NotConnectedError,
    RealtimeClient,
    RealtimeError,
    Response,
    SessionConfig,
)
from ..voice.turn import Turns
from .availability import Availability
from .conversation_session import AssistantSession, SessionKey, Shared
from .kept_conversations import KeptConversation, async_kept_conversations
from .settings import build_options, session_config

_BY_ACTIVITY = (
    ModelStatus.IDLE,
    ModelStatus.LISTENING,
    ModelStatus.THINKING,
    ModelStatus.SPEAKING,
)


type AzureRealtimeAudioConfigEntry = ConfigEntry[dict[str, Assistant]]


class Assistant:
    """One assistant, which is a config subentry: what every platform holds."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: AzureRealtimeAudioConfigEntry,
        subentry: ConfigSubentry,
    ) -> None:
        """Begin with no session. It counts as reachable: set-up has just tried."""
        self.hass = hass
        self.entry = entry
        self.subentry = subentry
        self.name = subentry.title
        self._sessions: dict[SessionKey, AssistantSession] = {}
        self._kept = async_kept_conversations(hass)
        self._listeners: list[Callable[[], None]] = []
        self.turns = Turns(self)
        self.availability = Availability(self)
        self.latency_ms: int | None = None
        self._status = ModelStatus.IDLE
        self._closed = False
        entry.async_on_unload(
            hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_stop)
        )

    @property
    def status(self) -> ModelStatus:
        """The status of the most active session."""
        return self._status

    @property
    def available(self) -> bool:
        """Whether the service could be reached when it was last tried."""
        return self.availability.is_available

    @property
    def sessions(self) -> Collection[AssistantSession]:
        """The sessions in use, the least used first."""
        return self._sessions.values()

    def session(self, key: SessionKey) -> AssistantSession | None:
        """Return the session of a conversation, or of what shares one, if there is one."""
        return self._sessions.get(key)

    @callback
    def async_add_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when the status or availability changes; returns its end."""
        self._listeners.append(listener)

        @callback
        def remove() -> None:
            self._listeners.remove(listener)

        return remove

    async def async_conversation_session(
        self, conversation_id: str
    ) -> AssistantSession:
        """Return the connected session of a conversation, kept as long as its chat.

        Raises RealtimeError.
        """
        if (session := self._sessions.get(conversation_id)) is None:
            config = session_config(self.subentry.data)
            kept = self._kept.async_take(self.subentry.subentry_id, conversation_id)
            session = self._add_session(conversation_id, config, kept)
            chat = chat_session.current_session.get()
            if chat is not None and chat.conversation_id == conversation_id:
                # By its id: core may keep the chat for longer than there is anything to say.
                chat.async_on_cleanup(lambda: self._end_conversation(conversation_id))
        return await self._async_connected(session)

    async def async_action_session(self) -> AssistantSession:
        """Return the connected session that actions share: its turns end by hand.

        Raises RealtimeError.
        """
        return await self._async_shared_session(Shared.ACTIONS)

    @asynccontextmanager
    async def async_read_aloud(
        self, instructions: str, voice: str | None
    ) -> AsyncIterator[Response]:
        """Have something said that no conversation knows of, in a session of its own.

        Without any input the model does what the instructions say. Raises RealtimeError.
        """
        session = await self._async_shared_session(Shared.READING)
        config: dict[str, Any] = {
            "conversation": "none",
            "output_modalities": ["audio"],
            "instructions": instructions,
            "tools": [],
            "input": [],
        }
        if voice:
            config["audio"] = {"output": {"voice": voice}}
        async with session.response(config) as response:
            yield response
        session.async_used()

    async def _async_shared_session(self, key: Shared) -> AssistantSession:
        if (session := self._sessions.get(key)) is None:
            config = session_config(self.subentry.data, detects_turns=False)
            session = self._add_session(key, config)
        return await self._async_connected(session)

    @callback
    def async_end_session(self, session: AssistantSession) -> None:
        """Forget a session and close it in a task of the entry; once."""
        if self._sessions.get(session.key) is not session:
            return
        del self._sessions[session.key]
        if not isinstance(session.key, Shared):
            self.turns.async_session_ended(session.key)
        self._update_status()
        self.async_create_task(session.async_close(), "close a realtime session")

    def _end_conversation(self, conversation_id: str) -> None:
        self._kept.async_take(self.subentry.subentry_id, conversation_id)
        if session := self._sessions.get(conversation_id):
            self.async_end_session(session)

    async def async_provide_llm_data(
        self,
        chat_log: ChatLog,
        llm_context: llm.LLMContext,
        extra_system_prompt: str | None = None,
    ) -> None:
        """Put the instructions and the LLM API into a chat log.

        Raises HomeAssistantError when the template or an API does not work.
        """
        data = self.subentry.data
        try:
            await chat_log.async_provide_llm_data(
                llm_context,
                data.get(CONF_LLM_HASS_API),
                data.get(CONF_INSTRUCTIONS),
                extra_system_prompt,
            )
        except ConverseError as err:  # the chat log has logged why
            if isinstance(err.__cause__, Unauthorized):
                raise translated("llm_api_not_allowed") from err
            raise translated("prompt_failed") from err

    def llm_context(self, pipeline_input: PipelineInput) -> llm.LLMContext:
        """Return what core tells the agent of a pipeline run, before it does."""
        run = pipeline_input.run
        pipeline = run.pipeline
        language = pipeline.conversation_language
        if language == MATCH_ALL:
            language = (
                pipeline.stt_language or pipeline.tts_language or pipeline.language
            )
        return ConversationInput(
            text="",
            context=run.context,
            conversation_id=pipeline_input.session.conversation_id,
            device_id=pipeline_input.device_id,
            satellite_id=pipeline_input.satellite_id,
            language=language,
            agent_id=self.agent_id,
        ).as_llm_context(DOMAIN)

    @property
    def agent_id(self) -> str:
        """The entity id of the assistant as a conversation agent."""
        entity_id = er.async_get(self.hass).async_get_entity_id(
            CONVERSATION_DOMAIN, DOMAIN, self.subentry.subentry_id
        )
        return entity_id or ""

    @property
    def turn_detection(self) -> str:
        """How the end of what a person says is found, as the settings call it."""
        kind: str = self.subentry.data.get(
            CONF_TURN_DETECTION_TYPE, TURN_DETECTION_SERVER_VAD
        )
        return kind

    @callback
    def async_set_latency(self, latency_ms: int) -> None:
        """Note the time from the last word of a turn to the first sound of its answer."""
        self.latency_ms = latency_ms
        self.async_notify()

    @callback
    def async_create_task[ResultT](
        self, target: Coroutine[Any, Any, ResultT], name: str
    ) -> asyncio.Task[ResultT]:
        """Run something that ends with the entry."""
        return self.entry.async_create_task(self.hass, target, name)

    async def async_close(self) -> None:
        """End every session, task and timer; the assistant is of no more use."""
        self._closed = True
        self.turns.async_close()
        self.availability.async_close()
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            if isinstance(session.key, str) and (kept := session.async_take()):
                self._kept.async_keep(self.subentry.subentry_id, session.key, kept)
        await asyncio.gather(*(session.async_close() for session in sessions))

    async def _async_stop(self, _: Event) -> None:
        await self.async_close()

    # --- Sessions

    def _add_session(
        self,
        key: SessionKey,
        config: SessionConfig,
        kept: KeptConversation | None = None,
    ) -> AssistantSession:
        """Make a session, and room for it. Raises TooManySessionsError."""
        if self._closed:
            raise NotConnectedError
        if len(self._sessions) >= MAX_SESSIONS:
            self.async_end_session(self._least_used_session())
        client = self.client(config, kept.record if kept else None)
        client.on("status_changed", self._on_status_changed)
        client.on("connection_changed", self._on_connection_changed)
        client.on("response.done", self.availability.async_response_done)
        if self.subentry.data.get(CONF_FIRE_EVENTS):
            client.on("*", self._on_server_event)
        history = kept.history if kept else History(placeholders(self.hass))
        session = AssistantSession(self, key, client, history)
        self._sessions[key] = session
        return session

    def client(
        self,
        config: SessionConfig | None = None,
        record: ConversationRecord | None = None,
    ) -> RealtimeClient:
        """Return a client of the entry's deployment, not connected.

        It goes on with the conversation in ``record``.
        """
        return RealtimeClient(
            build_options(self.entry.data, config),
            session=async_get_clientsession(self.hass),
            record=record,
        )

    def _least_used_session(self) -> AssistantSession:
        for key, session in self._sessions.items():
            if not isinstance(key, Shared) and not session.is_busy:
                return session
        raise TooManySessionsError("Every session is in the middle of a turn")

    async def _async_connected(self, session: AssistantSession) -> AssistantSession:
        # The dictionary is in order of use, the least used first.
        self._sessions[session.key] = self._sessions.pop(session.key)
        session.async_used()
        if session.client.state is ConnectionState.OPEN:
            return session
        try:
            # An apology that is read aloud must not use up the try of the next turn.
            purpose = session.key if isinstance(session.key, Shared) else None
            async with self.availability.attempt(purpose):
                await session.async_connect()
        except RealtimeError:
            if not session.client.item_ids:
                self.async_end_session(session)
            raise
        return session

    # --- Status and availability

    @callback
    def _on_status_changed(self, _: Mapping[str, Any]) -> None:
        self._update_status()

    @callback
    def _update_status(self) -> None:
        status = max(
            (session.client.status for session in self._sessions.values()),
            key=_BY_ACTIVITY.index,
            default=ModelStatus.IDLE,
        )
        if status is not self._status:
            self._status = status
            self.async_notify()

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        if event["state"] is ConnectionState.OPEN:
            self.availability.async_connected()
        elif isinstance(event["error"], (ConnectError, CommandTimeoutError)):
            self.availability.async_failed(event["error"])

    @callback
    def async_notify(self) -> None:
        """Tell the listeners of a change."""
        for listener in tuple(self._listeners):
            listener()

    # --- Events for automations

    @callback
    def _on_server_event(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "response.output_audio.delta":
            return
        self.hass.bus.async_fire(
            EVENT_SERVER_EVENT,
            {
                "entity_id": self.agent_id or None,
                "type": event["type"],
                "event": _without_audio(event),
            },
        )


def _without_audio(value: Any) -> Any:
    """Copy an event, less the base64 of its audio (a config under that key stays)."""
    if isinstance(value, Mapping):
        return {
            key: _without_audio(item)
            for key, item in value.items()
            if not (key == "audio" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_without_audio(item) for item in value]
    return value
