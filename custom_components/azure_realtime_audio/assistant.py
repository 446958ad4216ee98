"""One assistant: its sessions with the service, their status, and whether it can be reached."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from enum import Enum
import random
import re
from typing import Any, Final

from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import (
    CONF_API_KEY,
    CONF_LLM_HASS_API,
    EVENT_HOMEASSISTANT_STOP,
)
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import chat_session, entity_registry as er, llm
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.template import Template

from .const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_EAGERNESS,
    CONF_FIRE_EVENTS,
    CONF_HOST_NAME,
    CONF_INSTRUCTIONS,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_NOISE_REDUCTION,
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_SPEED,
    CONF_TEMPERATURE,
    CONF_THRESHOLD,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    CONF_TRANSCRIPTION_LANGUAGE,
    CONF_TURN_DETECTION_TYPE,
    CONF_VOICE,
    DOMAIN,
    EVENT_SERVER_EVENT,
    LOGGER,
    MAX_SESSIONS,
    NOISE_REDUCTION_NONE,
    SESSION_IDLE,
    TURN_DETECTION_SEMANTIC_VAD,
    TURN_DETECTION_SERVER_VAD,
)
from .hearing import BufferFullError, NothingHeardError
from .history import History
from .realtime import (
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectionState,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAudioError,
    InvalidAuthError,
    InvalidConfigError,
    InvalidHostError,
    ModelStatus,
    NotConnectedError,
    NotRealtimeModelError,
    RateLimitedError,
    RealtimeClient,
    RealtimeError,
    RealtimeOptions,
    Response,
    ResponseActiveError,
    SessionConfig,
    UnsupportedApiVersionError,
)
from .turn import Turns

# Seconds that a turn waits for its connection.
CONNECT_WAIT: Final = 20.0
# Seconds that a second turn of the same conversation waits for the first.
TURN_WAIT: Final = 10.0
# Seconds between tries to reach a service that went away.
PROBE_DELAY: Final = 5.0
MAX_PROBE_DELAY: Final = 300.0

_DIGITS = re.compile(r"\d+")

_RATE_LIMIT_CODES = frozenset({"inference_rate_limit_exceeded", "rate_limit_exceeded"})
_BY_ACTIVITY = (
    ModelStatus.IDLE,
    ModelStatus.LISTENING,
    ModelStatus.THINKING,
    ModelStatus.SPEAKING,
)


class Shared(Enum):
    """The sessions that are no conversation's own."""

    ACTIONS = "actions"
    READING = "reading"


type SessionKey = str | Shared
type AzureRealtimeAudioConfigEntry = ConfigEntry[dict[str, Assistant]]


class TooManySessionsError(RealtimeError):
    """Every session that an assistant may have is in the middle of a turn."""


class ConversationBusyError(RealtimeError):
    """Another turn of the same conversation does not end."""


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
        self._listeners: list[Callable[[], None]] = []
        self.turns = Turns(self)
        self.latency_ms: int | None = None
        self._status = ModelStatus.IDLE
        self._available = True
        self._probe: asyncio.Task[None] | None = None
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
        return self._available

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
            session = self._add_session(conversation_id, config)
            chat = chat_session.current_session.get()
            if chat is not None and chat.conversation_id == conversation_id:
                chat.async_on_cleanup(lambda: self.async_end_session(session))
        return await self._async_connected(session)

    async def async_action_session(self) -> AssistantSession:
        """Return the connected session that actions share: its turns end by hand.

        Raises RealtimeError.
        """
        return await self._async_shared_session(Shared.ACTIONS)

    @asynccontextmanager
    async def async_read_aloud(
        self, text: str, instructions: str, voice: str | None
    ) -> AsyncIterator[Response]:
        """Have a text spoken out of band, in a session of its own. Raises RealtimeError."""
        session = await self._async_shared_session(Shared.READING)
        config: dict[str, Any] = {
            "conversation": "none",
            "output_modalities": ["audio"],
            "instructions": instructions,
            "tools": [],
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            ],
        }
        if voice:
            config["audio"] = {"output": {"voice": voice}}
        async with session.response(config) as response:
            yield response
        session.async_used()

    async def _async_shared_session(self, key: Shared) -> AssistantSession:
        if (session := self._sessions.get(key)) is None:
            config = session_config(self.subentry.data, turn_detection=False)
            session = self._add_session(key, config)
        return await self._async_connected(session)

    @callback
    def async_end_session(self, session: AssistantSession) -> None:
        """Forget a session and close it in a task of the entry; once."""
        if self._sessions.get(session.key) is not session:
            return
        del self._sessions[session.key]
        self._update_status()
        self.async_create_task(session.async_close(), "close a realtime session")

    async def async_prepare(
        self, llm_context: llm.LLMContext
    ) -> tuple[str, llm.APIInstance | None]:
        """Return the instructions and the LLM API for a response outside a chat log.

        Raises HomeAssistantError when the template or an API does not work.
        """
        llm_api = None
        try:
            if api_ids := self.subentry.data.get(CONF_LLM_HASS_API):
                llm_api = await llm.async_get_api(self.hass, api_ids, llm_context)
            instructions = await self._async_instructions(llm_context, llm_api)
        except HomeAssistantError as err:
            LOGGER.warning("%s cannot be prepared: %s", self.name, err)
            raise translated("prompt_failed") from err
        return instructions, llm_api

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
        self._notify()

    @callback
    def async_create_task(self, target: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that ends with the entry."""
        self.entry.async_create_task(self.hass, target, name)

    async def async_close(self) -> None:
        """End every session, task and timer; the assistant is of no more use."""
        self._closed = True
        self.turns.async_close()
        self._stop_probe()
        sessions = list(self._sessions.values())
        self._sessions.clear()
        await asyncio.gather(*(session.async_close() for session in sessions))

    async def _async_stop(self, _: Event) -> None:
        await self.async_close()

    async def _async_instructions(
        self, llm_context: llm.LLMContext, llm_api: llm.APIInstance | None
    ) -> str:
        """Put together what a chat log would: the template, the API's part, the time."""
        user = None
        if llm_context.context and (user_id := llm_context.context.user_id):
            user = await self.hass.auth.async_get_user(user_id)
        variables = {
            "ha_name": self.hass.config.location_name,
            "user_name": user.name if user else None,
            "llm_context": llm_context,
        }

        def render(prompt: str) -> str:
            template = Template(prompt, self.hass)
            return str(template.async_render(variables, parse_result=False))

        prompt = self.subentry.data.get(CONF_INSTRUCTIONS)
        parts = [render(prompt or llm.DEFAULT_INSTRUCTIONS_PROMPT)]
        tools: list[llm.Tool] = []
        if llm_api is not None:
            parts.append(llm_api.api_prompt)
            tools = llm_api.tools
        if not any(tool.name.endswith("GetDateTime") for tool in tools):
            parts.append(render(llm.DATE_TIME_PROMPT))
        return "\n".join(parts)

    # --- Sessions

    def _add_session(self, key: SessionKey, config: SessionConfig) -> AssistantSession:
        """Make a session, and room for it. Raises TooManySessionsError."""
        if self._closed:
            raise NotConnectedError
        if len(self._sessions) >= MAX_SESSIONS:
            self.async_end_session(self._least_used_session())
        client = self._client(config)
        client.on("status_changed", self._on_status_changed)
        client.on("connection_changed", self._on_connection_changed)
        if self.subentry.data.get(CONF_FIRE_EVENTS):
            client.on("*", self._on_server_event)
        session = self._sessions[key] = AssistantSession(self, key, client)
        return session

    def _client(self, config: SessionConfig | None = None) -> RealtimeClient:
        return RealtimeClient(
            build_options(self.entry.data, config),
            session=async_get_clientsession(self.hass),
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
        try:
            await session.async_connect()
        except RealtimeError:
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
            self._notify()

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        if event["state"] is ConnectionState.OPEN:
            self._set_reachable()
        elif isinstance(event["error"], (ConnectError, CommandTimeoutError)):
            self._set_unreachable(event["error"])

    def _set_reachable(self) -> None:
        self._stop_probe()
        if not self._available:
            LOGGER.info("%s can reach the service again", self.name)
            self._available = True
            self._notify()

    def _set_unreachable(self, err: RealtimeError) -> None:
        if self._available:
            LOGGER.warning("%s cannot reach the service: %s", self.name, err)
            self._available = False
            self._notify()
        if isinstance(err, InvalidAuthError):
            # Only a new key helps, and that reloads the entry.
            self.entry.async_start_reauth(self.hass)
        elif self._probe is None and not self._closed:
            self._probe = self.entry.async_create_background_task(
                self.hass, self._async_probe(), f"{DOMAIN} probe {self.name}"
            )

    async def _async_probe(self) -> None:
        """Try to connect, less and less often, until the service lets us in."""
        delay = PROBE_DELAY
        wait = delay
        while True:
            await asyncio.sleep(wait * random.uniform(1.0, 1.25))
            delay = min(delay * 2, MAX_PROBE_DELAY)
            wait = delay
            try:
                async with self._client():
                    pass
            except InvalidAuthError as err:
                self._probe = None
                self._set_unreachable(err)
                return
            except RateLimitedError as err:
                wait = max(delay, err.retry_after or 0.0)
            except RealtimeError as err:
                LOGGER.debug("%s is still without the service: %s", self.name, err)
            else:
                self._probe = None
                self._set_reachable()
                return

    def _stop_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    # --- Events for automations

    @callback
    def _on_server_event(self, event: Mapping[str, Any]) -> None:
        # Every event of the service has an id; those of the client itself have none.
        if "event_id" not in event or event["type"] == "response.output_audio.delta":
            return
        entity_id = er.async_get(self.hass).async_get_entity_id(
            CONVERSATION_DOMAIN, DOMAIN, self.subentry.subentry_id
        )
        self.hass.bus.async_fire(
            EVENT_SERVER_EVENT,
            {
                "entity_id": entity_id,
                "type": event["type"],
                "event": _without_audio(event),
            },
        )


class AssistantSession:
    """One conversation with the service: that of a chat, or a shared one."""

    def __init__(
        self, assistant: Assistant, key: SessionKey, client: RealtimeClient
    ) -> None:
        """Begin unconnected. ``key`` is the conversation id, or what shares the session."""
        self.assistant = assistant
        self.key = key
        self.client = client
        self.history = History()
        self._turn = asyncio.Lock()
        self._told: tuple[str, Sequence[Mapping[str, Any]]] | None = None
        self._idle_timer: CALLBACK_TYPE | None = None
        self._closed = False
        client.on("connection_changed", self._on_connection_changed)

    @property
    def is_busy(self) -> bool:
        """Whether a turn or a response is in progress."""
        return self._turn.locked() or self.client.active_response is not None

    @property
    def transcribes(self) -> bool:
        """Whether the service writes down what it hears."""
        audio_input = self.client.session.get("audio", {}).get("input", {})
        return bool(audio_input.get("transcription"))

    @callback
    def async_used(self) -> None:
        """Put off the end of an idle session."""
        self._stop_idle_timer()
        if not self._closed:
            self._idle_timer = async_call_later(
                self.assistant.hass, SESSION_IDLE, self._on_idle
            )

    async def async_connect(self) -> None:
        """Be connected, or wait for a reconnection that is under way, for a while.

        Raises RealtimeError.
        """
        try:
            async with asyncio.timeout(CONNECT_WAIT):
                await self.client.connect()
        except TimeoutError:
            raise CannotConnectError from None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the conversation for oneself. Raises ConversationBusyError."""
        try:
            async with asyncio.timeout(TURN_WAIT):
                await self._turn.acquire()
        except TimeoutError:
            raise ConversationBusyError("Another turn is in progress") from None
        try:
            yield
        finally:
            self._turn.release()
            self.async_used()

    async def async_tell(
        self, instructions: str, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        """Give the session its instructions and function tools, if they are new to it.

        Raises RealtimeError.
        """
        if self._told != (instructions, tools):
            await self.client.update_session(
                {"instructions": instructions, "tools": tools}
            )
            self._told = (instructions, tools)

    def was_told(self, instructions: str, tools: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the session has these, but for the figures: the time of day goes on."""
        if self._told is None or self._told[1] != tools:
            return False
        return _DIGITS.sub("", self._told[0]) == _DIGITS.sub("", instructions)

    async def async_create_response(self, config: Mapping[str, Any]) -> Response:
        """Let the model begin to answer. Raises RealtimeError."""
        try:
            return await self.client.create_response(config)
        except asyncio.CancelledError, CommandTimeoutError:
            # It may be about to begin. A new connection is sure to have none.
            await self.client.close()
            raise

    @asynccontextmanager
    async def response(self, config: Mapping[str, Any]) -> AsyncIterator[Response]:
        """Let the model answer, and leave no response behind. Raises RealtimeError."""
        response = await self.async_create_response(config)
        async with self.attend(response):
            yield response

    @asynccontextmanager
    async def attend(self, response: Response) -> AsyncIterator[Response]:
        """Leave nothing behind of a response that is given up."""
        try:
            yield response
        finally:
            if not response.is_done:
                with suppress(RealtimeError):
                    await response.cancel()
            if not response.is_out_of_band:
                self.history.leave(response.item_ids)

    async def async_close(self) -> None:
        """Close the socket and stop the timer."""
        self._closed = True
        self._stop_idle_timer()
        await self.client.close()
        self.client.off_all()

    @callback
    def _on_connection_changed(self, event: Mapping[str, Any]) -> None:
        if event["state"] is ConnectionState.OPEN:
            # A new connection has an empty conversation.
            self.history.clear()

    @callback
    def _on_idle(self, _: datetime) -> None:
        self._idle_timer = None
        if self.is_busy:
            self.async_used()
        else:
            self.assistant.async_end_session(self)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer()
            self._idle_timer = None


def build_options(
    entry_data: Mapping[str, Any], session_config: SessionConfig | None = None
) -> RealtimeOptions:
    """Return how a config entry's deployment is reached."""
    return RealtimeOptions(
        host_name=entry_data[CONF_HOST_NAME],
        deployment=entry_data[CONF_DEPLOYMENT],
        api_key=entry_data[CONF_API_KEY],
        api_version=entry_data.get(CONF_API_VERSION) or None,
        session_config=session_config,
    )


def session_config(
    data: Mapping[str, Any], *, turn_detection: bool = True
) -> SessionConfig:
    """Return the session that a subentry's data describe, in GA's form.

    What is off or as the service has it anyway is left out: preview versions differ in the
    keys they know. Without ``turn_detection`` a turn ends by hand. Raises
    InvalidConfigError.
    """
    audio_input: dict[str, Any] = {
        "turn_detection": _turn_detection(data) if turn_detection else None
    }
    audio_output: dict[str, Any] = {}
    config: dict[str, Any] = {"audio": {"input": audio_input, "output": audio_output}}
    if deployment := data.get(CONF_TRANSCRIPTION_DEPLOYMENT):
        audio_input["transcription"] = {"model": deployment}
        if language := data.get(CONF_TRANSCRIPTION_LANGUAGE):
            audio_input["transcription"]["language"] = language
    reduction = data.get(CONF_NOISE_REDUCTION, NOISE_REDUCTION_NONE)
    if reduction != NOISE_REDUCTION_NONE:
        audio_input["noise_reduction"] = {"type": reduction}
    if voice := data.get(CONF_VOICE):
        audio_output["voice"] = voice
    if (speed := data.get(CONF_SPEED, 1.0)) != 1.0:
        audio_output["speed"] = speed
    if max_output_tokens := data.get(CONF_MAX_OUTPUT_TOKENS):
        config["max_output_tokens"] = int(max_output_tokens)
    if (temperature := data.get(CONF_TEMPERATURE)) is not None:
        config["temperature"] = temperature
    return SessionConfig(config)


def _turn_detection(data: Mapping[str, Any]) -> dict[str, Any] | None:
    keys: tuple[str, ...]
    match kind := data.get(CONF_TURN_DETECTION_TYPE, TURN_DETECTION_SERVER_VAD):
        case _ if kind == TURN_DETECTION_SERVER_VAD:
            keys = (CONF_THRESHOLD, CONF_PREFIX_PADDING_MS, CONF_SILENCE_DURATION_MS)
        case _ if kind == TURN_DETECTION_SEMANTIC_VAD:
            keys = (CONF_EAGERNESS,)
        case _:
            return None
    # What was heard is answered when it is known who has to: see turn.py.
    own = {"create_response": False, "interrupt_response": False}
    return {"type": kind, **own} | {key: data[key] for key in keys if key in data}


_TRANSLATION_KEYS: dict[type[RealtimeError], str] = {
    BufferFullError: "cannot_connect",
    NothingHeardError: "nothing_heard",
    CannotConnectError: "cannot_connect",
    CommandError: "command_refused",
    CommandTimeoutError: "command_timeout",
    ConnectionLostError: "connection_lost",
    ConversationBusyError: "conversation_busy",
    DeploymentNotFoundError: "deployment_not_found",
    ForbiddenError: "forbidden",
    InvalidAudioError: "invalid_audio",
    InvalidAuthError: "invalid_auth",
    InvalidConfigError: "invalid_config",
    InvalidHostError: "invalid_host",
    NotConnectedError: "not_connected",
    NotRealtimeModelError: "not_realtime_model",
    RateLimitedError: "rate_limited",
    ResponseActiveError: "response_active",
    TooManySessionsError: "too_many_sessions",
    UnsupportedApiVersionError: "unsupported_api_version",
}


def translated_error(err: RealtimeError) -> HomeAssistantError:
    """Return the error in the words of the user interface."""
    placeholders = {"error": str(err).rstrip(".")}
    if isinstance(err, InvalidConfigError):
        placeholders |= {"key": err.key, "error": err.reason}
    elif isinstance(err, CommandTimeoutError):
        placeholders["command"] = err.command
    key = _TRANSLATION_KEYS.get(type(err), "unexpected")
    return translated(key, **placeholders)


def translated(key: str, /, **placeholders: str) -> HomeAssistantError:
    """Return an error with a sentence from the translations."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def response_failure(response: Response) -> HomeAssistantError | None:
    """Return why a response is no answer, if it is none."""
    reason = (response.status_details or {}).get("reason")
    error = response.error or {}
    if error.get("code") in _RATE_LIMIT_CODES:
        return translated("rate_limited")
    if reason == "content_filter":
        return translated("content_filter")
    if response.status == "cancelled":
        return translated("response_cancelled")
    if response.status == "failed":
        message = error.get("message") or "no reason was given"
        return translated("response_failed", error=message)
    if not (response.text or response.transcript or response.tool_calls):
        return translated("no_answer")
    return None


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
