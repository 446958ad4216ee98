"""One assistant, which is a config subentry: what it is doing, and whether it can be reached."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN, ChatLog
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, llm
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.chat_session import current_session

from ..const import DOMAIN, LOGGER
from ..realtime import (
    CommandTimeoutError,
    ConnectError,
    ConnectionState,
    ConversationRecord,
    Dialect,
    Listeners,
    ModelStatus,
    RealtimeClient,
    RealtimeError,
    Response,
    SessionConfig,
)
from .availability import Availability
from .briefing import Briefing
from .connection_test import model_name
from .prompt import async_provide_llm_data, dialog_llm_context
from .secrets import SecretFilter
from .server_events import async_fire_server_events
from .session_key import SessionPurpose
from .session_pool import SessionPool
from .settings import AssistantSettings, build_options, offered_voices
from .telling import Telling, TurnEvent
from .timing import Timing

_BY_ACTIVITY = list(
    ModelStatus
)  # the reference client's order: idle is the least active


class Assistant:
    """An assistant and its sessions with the service."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        subentry: ConfigSubentry,
        model: str | None = None,
    ) -> None:
        """Begin with no session. It counts as reachable: set-up has just tried.

        ``model`` is the model behind the deployment, None where the service did not tell.
        """
        self.hass = hass
        self.entry = entry
        self.subentry = subentry
        self.name = subentry.title
        stored = AssistantSettings.from_subentry(subentry)
        self.voices = offered_voices(entry.data)
        self.settings = stored.with_voice_of(self.voices)
        if self.settings != stored:
            # The API version of its entry was changed.
            LOGGER.warning(
                "%s has no voice %s, and uses the service's own",
                self.name,
                stored.voice,
            )
        self.timing = Timing()
        self.model = model
        self.secrets = SecretFilter()
        self.latency_ms: int | None = None
        self._status = ModelStatus.IDLE
        self._listeners: Listeners[()] = Listeners("the assistant")
        # Hears what becomes of every turn.
        self.turn_events: Listeners[TurnEvent] = Listeners("a turn")
        # Hears that the assistant is about to go.
        self.closing: Listeners[()] = Listeners("the assistant's end")
        self.availability = Availability(
            hass,
            entry,
            self.name,
            self.timing,
            self.secrets,
            self.client,
            self.async_notify,
        )
        self.sessions = SessionPool(
            hass,
            subentry.subentry_id,
            self.settings,
            self.timing,
            self.availability,
            self._session_client,
            self.async_create_task,
            self._update_status,
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
    def dialect(self) -> Dialect:
        """The dialect that the service speaks, as far as it is known."""
        for session in self.sessions:
            return session.client.dialect
        return self.client().dialect

    @property
    def agent_id(self) -> str | None:
        """The entity id of the assistant as a conversation agent."""
        return er.async_get(self.hass).async_get_entity_id(
            CONVERSATION_DOMAIN, DOMAIN, self.subentry.subentry_id
        )

    @callback
    def async_add_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when the status or availability changes; returns its end."""
        return self._listeners.add(listener)

    @callback
    def async_notify(self) -> None:
        """Tell the listeners of a change."""
        self._listeners.notify()

    @callback
    def async_set_latency(self, latency_ms: int) -> None:
        """Note the time from the last word of a turn to the first sound of its answer."""
        self.latency_ms = latency_ms
        self.async_notify()

    @callback
    def async_tell_turn(self, conversation_id: str) -> Telling:
        """Return what tells of a new turn to those who watch the assistant."""
        return Telling(self.hass, conversation_id, self.turn_events.notify)

    async def async_provide_llm_data(
        self,
        chat_log: ChatLog,
        llm_context: llm.LLMContext,
        extra_system_prompt: str | None = None,
    ) -> None:
        """Put the instructions and the LLM API into a chat log.

        Raises HomeAssistantError when the template or an API does not work.
        """
        await async_provide_llm_data(
            self.settings, chat_log, llm_context, extra_system_prompt
        )

    async def async_open_ahead(self, language: str | None) -> None:
        """Open a session before it is needed: a dialog has been opened, or a run begun.

        While the service is away the turn itself tries, and tells a person why not.
        """
        if not self.available:
            return
        try:
            if (chat := current_session.get()) is not None:
                await self.sessions.async_conversation(chat.conversation_id)
                return
            session = await self.sessions.async_shared(SessionPurpose.AHEAD)
            log = ChatLog(self.hass, "")
            await self.async_provide_llm_data(
                log, dialog_llm_context(language, self.agent_id or "")
            )
            await session.async_tell(
                replace(Briefing.of_chat_log(log), contents=None),
                answers_alone=self.settings.detects_turns or None,
            )
        except (HomeAssistantError, RealtimeError) as err:
            told = self.secrets(str(err))
            LOGGER.debug("%s could not open a session ahead: %s", self.name, told)

    @asynccontextmanager
    async def async_read_aloud(
        self, instructions: str, voice: str | None
    ) -> AsyncIterator[Response]:
        """Speak a text outside any conversation, in a separate session.

        Without any input the model does what the instructions say. Raises RealtimeError.
        """
        session = await self.sessions.async_shared(SessionPurpose.READ_ALOUD)
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
        session.async_touch()

    @callback
    def async_create_task[ResultT](
        self, target: Coroutine[Any, Any, ResultT], name: str
    ) -> asyncio.Task[ResultT]:
        """Run something that ends with the entry."""
        return self.entry.async_create_task(self.hass, target, name)

    async def async_close(self) -> None:
        """End every session, task and timer. The assistant cannot be used afterwards."""
        self.closing.notify()
        self.availability.async_close()
        await self.sessions.async_close()

    # The clients

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

    def _session_client(
        self, config: SessionConfig, record: ConversationRecord | None
    ) -> RealtimeClient:
        """Return a client whose status and connection are the assistant's."""
        client = self.client(config, record)
        client.on("status_changed", self._on_status_changed)
        client.on("connection_changed", self._on_connection_changed)
        client.on("session.created", self._on_session_created)
        client.on("response.done", self.availability.async_response_done)
        if self.settings.fires_events:
            async_fire_server_events(
                self.hass, client, lambda: self.agent_id, self.secrets
            )
        return client

    @callback
    def _on_session_created(self, event: Mapping[str, Any]) -> None:
        """Learn which model the deployment has now: it may have got another one."""
        model = model_name(event["session"])
        if model and model != self.model:
            self.model = model
            self.async_notify()

    @callback
    def _on_status_changed(self, _: Mapping[str, Any]) -> None:
        self._update_status()

    @callback
    def _update_status(self) -> None:
        status = max(
            (session.client.status for session in self.sessions),
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
