"""The websocket commands of the card: live conversations, and a check of the service."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN
from homeassistant.components.media_source import generate_media_source_id
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.loader import async_get_integration
from homeassistant.util.hass_dict import HassKey
import voluptuous as vol

from .answers.live_reply import LiveReply, OnPiece
from .answers.reply import DATA_REPLIES
from .assistant.connection_test import async_measure_connection
from .chat.history import spoken_history
from .const import DOMAIN
from .core_internals import chat_log_as_it_is, chat_session_of
from .data import AssistantRuntime
from .errors import TooManySessionsError, async_sentence, translated, translated_error
from .live.image import NotAnImageError
from .live.session import BrowserSession, LiveRequest, TooMuchAtOnceError
from .realtime import SAMPLE_RATE, Dialect, RealtimeError
from .voice.speech import Speech

# Live sessions of one browser window. One is what a card needs.
_MAX_OF_CONNECTION: Final = 2
_MAX_TEXT: Final = 10_000

type Command = dict[str, Any]

# One check at a time: each opens a session.
DATA_CHECK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_check")
DATA_LIVE: HassKey[dict[str, tuple[ActiveConnection, BrowserSession]]] = HassKey(
    f"{DOMAIN}_live"
)


class CommandRefusedError(Exception):
    """A command that cannot be done: a code for the card, and a sentence for a person."""

    def __init__(self, code: str, error: HomeAssistantError) -> None:
        """Take both."""
        super().__init__(code)
        self.code = code
        self.error = error


@callback
def async_setup_websocket_api(hass: HomeAssistant) -> None:
    """Register the commands; once, whether or not an entry is loaded."""
    hass.data[DATA_LIVE] = {}
    hass.data[DATA_CHECK] = asyncio.Lock()
    for command in (websocket_live_start, websocket_live_send, websocket_check):
        websocket_api.async_register_command(hass, command)


def runtime_of(
    hass: HomeAssistant, connection: ActiveConnection, entity_id: str, policy: str
) -> AssistantRuntime:
    """Return the assistant of a conversation entity.

    Raises Unauthorized, and CommandRefusedError if there is none or it is not loaded.
    """
    if not connection.user.permissions.check_entity(entity_id, policy):
        raise Unauthorized(entity_id=entity_id, permission=policy)
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or (entity.domain, entity.platform) != (
        CONVERSATION_DOMAIN,
        DOMAIN,
    ):
        raise CommandRefusedError("not_found", translated("one_assistant"))
    if entity.disabled:
        error = translated("assistant_unavailable", name=entity_id)
        raise CommandRefusedError("unavailable", error)
    entry = hass.config_entries.async_get_entry(entity.config_entry_id or "")
    runtime: AssistantRuntime | None = None
    if entry is not None and entry.state is ConfigEntryState.LOADED:
        runtime = entry.runtime_data.get(entity.config_subentry_id)
    if runtime is None:
        error = translated("assistant_unavailable", name=entity_id)
        raise CommandRefusedError("unavailable", error)
    return runtime


async def async_refuse(
    hass: HomeAssistant,
    connection: ActiveConnection,
    msg: Command,
    refused: CommandRefusedError,
) -> None:
    """Answer a command with why it cannot be done."""
    error = refused.error
    language = msg.get("language") or hass.config.language
    connection.send_error(
        msg["id"],
        refused.code,
        await async_sentence(hass, language, error),
        translation_key=error.translation_key,
        translation_domain=error.translation_domain,
        translation_placeholders=error.translation_placeholders or {},
    )


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/live/start",
        vol.Required("entity_id"): cv.entity_id,
        vol.Optional("conversation_id"): vol.All(str, vol.Length(min=1, max=255)),
        vol.Optional("language"): vol.All(str, vol.Length(max=64)),
        vol.Optional("hands_free", default=True): bool,
        vol.Optional("screen"): vol.All(str, vol.Length(max=255)),
    }
)
@websocket_api.async_response
async def websocket_live_start(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Begin a live session, which ends with its subscription."""
    try:
        _start(hass, connection, msg)
    except CommandRefusedError as refused:
        await async_refuse(hass, connection, msg, refused)


def _start(hass: HomeAssistant, connection: ActiveConnection, msg: Command) -> None:
    runtime = runtime_of(hass, connection, msg["entity_id"], POLICY_CONTROL)
    live = hass.data[DATA_LIVE]
    own = [each for owner, each in live.values() if owner is connection]
    if sum(not each.is_ended for each in own) >= _MAX_OF_CONNECTION:
        raise _too_many()
    context = connection.context(msg)
    with chat_session_of(hass, msg.get("conversation_id"), context) as chat:
        conversation_id = chat.conversation_id
    place = runtime.screens.async_place(msg.get("screen"))
    request = LiveRequest(
        conversation_id=conversation_id,
        context=context,
        language=msg.get("language") or hass.config.language,
        hands_free=msg["hands_free"],
        satellite_id=place.satellite_id,
        device_id=place.device_id,
        publish=partial(_publish, hass, runtime.assistant.entry.entry_id),
    )

    @callback
    def tell(event: Mapping[str, Any]) -> None:
        if msg["id"] in connection.subscriptions:
            connection.send_event(msg["id"], event)

    @callback
    def hear(_: HomeAssistant, __: ActiveConnection, pcm: bytes) -> None:
        session.hear(pcm)

    handler_id, unregister = connection.async_register_binary_handler(hear)
    try:
        session = runtime.live.async_begin(request, tell)
    except TooManySessionsError:
        unregister()
        raise _too_many() from None
    except Unauthorized:
        unregister()
        raise

    @callback
    def stop() -> None:
        unregister()
        live.pop(session.id, None)
        session.end(None)

    connection.subscriptions[msg["id"]] = stop
    live[session.id] = (connection, session)
    connection.send_result(msg["id"])
    assistant = runtime.assistant
    tell(
        {
            "type": "started",
            "session": session.id,
            "binary_handler_id": handler_id,
            "conversation_id": conversation_id,
            "sample_rate": SAMPLE_RATE,
            "name": assistant.name,
            "status": session.status,
            "takes_images": assistant.dialect is Dialect.GA,
            "history": spoken_history(chat_log_as_it_is(hass, conversation_id)),
        }
    )


@callback
def _publish(
    hass: HomeAssistant, entry_id: str, speech: Speech, on_piece: OnPiece
) -> tuple[str, CALLBACK_TYPE]:
    """Keep a reply as media; returns the id of the media, and what ends it."""
    reply = LiveReply(speech, on_piece)
    hass.data[DATA_REPLIES].keep(reply, entry_id)
    return generate_media_source_id(DOMAIN, reply.token), reply.finish


def _too_many() -> CommandRefusedError:
    return CommandRefusedError(
        "too_many_sessions", translated(TooManySessionsError.key)
    )


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/check",
        vol.Required("entity_id"): cv.entity_id,
        vol.Optional("language"): vol.All(str, vol.Length(max=64)),
    }
)
@websocket_api.async_response
async def websocket_check(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Try the service once, and tell how it went: no key and no host name."""
    try:
        runtime = runtime_of(hass, connection, msg["entity_id"], POLICY_READ)
    except CommandRefusedError as refused:
        await async_refuse(hass, connection, msg, refused)
        return
    integration = await async_get_integration(hass, DOMAIN)
    client = runtime.assistant.client()
    told: dict[str, Any] = {
        "reachable": False,
        "dialect": client.dialect,
        "model": runtime.assistant.model,
        "round_trip_ms": None,
        "version": str(integration.version),
        "home_assistant": HOME_ASSISTANT_VERSION,
    }
    try:
        async with hass.data[DATA_CHECK]:
            figures = await async_measure_connection(client)
    except RealtimeError as err:
        language = msg.get("language") or hass.config.language
        shown = translated_error(err, runtime.assistant.secrets)
        told["error"] = await async_sentence(hass, language, shown)
    else:
        told |= {
            "reachable": True,
            "dialect": figures.dialect,
            "model": figures.model or runtime.assistant.model,
            "round_trip_ms": figures.round_trip_ms,
        }
    connection.send_result(msg["id"], told)


_MESSAGES: Final[Mapping[str, vol.Schema]] = {
    "playback": vol.Schema(
        {
            vol.Required("item_id"): str,
            vol.Required("played_ms"): vol.All(vol.Coerce(int), vol.Range(min=0)),
            vol.Required("state"): vol.In(("playing", "paused", "ended")),
        }
    ),
    "turn": vol.Schema({vol.Required("action"): vol.In(("begin", "end"))}),
    "hands_free": vol.Schema({vol.Required("on"): bool}),
    "text": vol.Schema(
        {vol.Required("text"): vol.All(str, vol.Length(min=1, max=_MAX_TEXT))}
    ),
    "image": vol.Schema(
        {
            vol.Required("data_url"): str,
            vol.Optional("text", default=""): vol.All(str, vol.Length(max=_MAX_TEXT)),
        }
    ),
    "interrupt": vol.Schema({}),
    "output": vol.Schema(
        {vol.Required("media_player"): vol.Any(None, cv.entity_domain("media_player"))}
    ),
}


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/live/send",
        vol.Required("session"): str,
        vol.Required("message"): vol.Schema(
            {vol.Required("type"): vol.In(_MESSAGES)}, extra=vol.ALLOW_EXTRA
        ),
    }
)
@websocket_api.async_response
async def websocket_live_send(
    hass: HomeAssistant, connection: ActiveConnection, msg: Command
) -> None:
    """Tell a live session of this connection something."""
    try:
        session = _own_session(hass, connection, msg["session"])
        kind, fields = _checked(msg["message"])
        if media_player := fields.get("media_player"):
            _check_player(hass, connection, media_player)
        try:
            _SEND[kind](session, fields)
        except TooMuchAtOnceError:
            raise _too_many() from None
        except NotAnImageError as err:
            raise CommandRefusedError("invalid_format", err) from None
    except CommandRefusedError as refused:
        await async_refuse(hass, connection, msg, refused)
    else:
        connection.send_result(msg["id"])


def _own_session(
    hass: HomeAssistant, connection: ActiveConnection, session_id: str
) -> BrowserSession:
    """Return a live session of this connection. Raises CommandRefusedError."""
    owner, session = hass.data[DATA_LIVE].get(session_id, (None, None))
    if session is None or owner is not connection or session.is_ended:
        raise CommandRefusedError("not_found", translated("live_not_found"))
    return session


def _check_player(
    hass: HomeAssistant, connection: ActiveConnection, media_player: str
) -> None:
    """Check that the caller may play something there, and that it is there.

    Raises Unauthorized and CommandRefusedError.
    """
    if not connection.user.permissions.check_entity(media_player, POLICY_CONTROL):
        raise Unauthorized(entity_id=media_player, permission=POLICY_CONTROL)
    if hass.states.get(media_player) is None:
        error = translated("media_player_failed", name=media_player)
        raise CommandRefusedError("not_found", error)


def _checked(message: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the kind of a message, and its fields. Raises vol.Invalid."""
    fields = dict(message)
    kind: str = fields.pop("type")
    return kind, _MESSAGES[kind](fields)


_SEND: Final[Mapping[str, Callable[[BrowserSession, dict[str, Any]], None]]] = {
    "playback": lambda session, fields: session.report_playback(**fields),
    "turn": lambda session, fields: session.set_turn(
        begins=fields["action"] == "begin"
    ),
    "hands_free": lambda session, fields: session.set_hands_free(is_on=fields["on"]),
    "text": lambda session, fields: session.say(fields["text"]),
    "image": lambda session, fields: session.show(**fields),
    "interrupt": lambda session, _: session.interrupt(),
    "output": lambda session, fields: session.set_output(fields["media_player"]),
}
