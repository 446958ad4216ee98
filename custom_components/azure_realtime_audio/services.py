"""The actions: the client's commands on the session that an assistant keeps for them.

Each takes exactly one assistant, by its conversation entity, and needs the right to control
it. Response data is the assistant's own, not keyed by entity.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN, ChatLog
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, llm
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .actions.audio_input import (
    AUDIO_FORMATS,
    async_append_base64,
    async_append_media,
    async_file_input,
    async_media_input,
)
from .actions.target import async_target
from .answers.reply import DATA_REPLIES, Replies, Reply
from .assistant.conversation_session import AssistantSession
from .chat.history import system_prompt
from .chat.tools import function_tools
from .const import DOMAIN, LOGGER
from .errors import translated, translated_error
from .media_source import ReplyView
from .realtime import (
    RealtimeClient,
    RealtimeError,
    SessionConfig,
    validate_response_config,
)

# How long one append may take, in seconds: ffmpeg may wait for a server, or the uplink be slow.
APPEND_TIMEOUT: Final = 120
DEFAULT_RESPONSE_TIMEOUT: Final = 60
MAX_RESPONSE_TIMEOUT: Final = 300
# A session ends after an hour; an item has a handful of parts.
MAX_AUDIO_END_MS: Final = 3_600_000
MAX_CONTENT_INDEX: Final = 63


_AUDIO_SOURCES = ("audio", "media_content_id", "path")
# What the assistant sets before a response, unless an action has.
_PREPARED_KEYS = ("instructions", "tools")
DATA_OWN_SETTINGS: HassKey[WeakKeyDictionary[AssistantSession, dict[str, Any]]] = (
    HassKey(f"{DOMAIN}_own_settings")
)
# What a session may hold that only its owner should know.
_SECRET_KEYS = frozenset({"authorization", "client_secret", "headers"})


# An id, or what the media selector makes of it.
_MEDIA_CONTENT_ID = vol.Any(
    cv.string,
    vol.All(
        vol.Schema(
            {vol.Required("media_content_id"): cv.string}, extra=vol.ALLOW_EXTRA
        ),
        itemgetter("media_content_id"),
    ),
)


def _up_to(most: int) -> vol.All:
    return vol.All(vol.Coerce(int), vol.Range(min=0, max=most))


async def _async_append_audio(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    sources = [source for source in _AUDIO_SOURCES if source in call.data]
    if len(sources) != 1:
        raise _invalid("one_audio_source")
    try:
        async with asyncio.timeout(APPEND_TIMEOUT):
            duration_ms = await _async_append(session.client, call)
    except TimeoutError:
        raise translated("append_timeout", seconds=str(APPEND_TIMEOUT)) from None
    return {"duration_ms": duration_ms}


async def _async_append(client: RealtimeClient, call: ServiceCall) -> int:
    data = call.data
    if "audio" in data:
        return await async_append_base64(
            client, data["audio"], data["audio_format"], data.get("sample_rate")
        )
    if "path" in data:
        media_input = await async_file_input(call.hass, data["path"])
    else:
        media_input = await async_media_input(call, data["media_content_id"])
    return await async_append_media(call.hass, client, media_input)


async def _async_commit_audio(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    return {"item_id": await session.client.commit_audio()}


async def _async_clear_audio_buffer(
    session: AssistantSession, call: ServiceCall
) -> None:
    await session.client.clear_audio_buffer()


async def _async_create_conversation_item(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    text, item = call.data.get("text"), call.data.get("item")
    if (text is None) == (item is None):
        raise _invalid("text_or_item")
    if item is None:
        role = call.data["role"]
        part_type = "output_text" if role == "assistant" else "input_text"
        content = [{"type": part_type, "text": text}]
        item = {"type": "message", "role": role, "content": content}
    item_id = await session.client.create_conversation_item(
        item, call.data.get("previous_item_id")
    )
    return {"item_id": item_id}


async def _async_delete_item(session: AssistantSession, call: ServiceCall) -> None:
    await session.client.delete_item(call.data["item_id"])


async def _async_truncate_item(session: AssistantSession, call: ServiceCall) -> None:
    await session.client.truncate_item(
        call.data["item_id"],
        call.data["content_index"],
        call.data["audio_end_ms"],
    )


async def _async_create_response(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    data = call.data
    config: dict[str, Any] = {
        key: data[key]
        for key in ("conversation", "metadata", "modalities", "voice")
        if key in data
    }
    llm_api = await _async_prepare(session, call)
    if not data["run_tools"]:
        llm_api = None
    if instructions := data.get("instructions"):
        house = llm_api.api_prompt if llm_api else ""
        config["instructions"] = f"{house}\n{instructions}".strip()
    config = validate_response_config(config)
    reply = Reply(session, config, llm_api, timeout=data["timeout"])
    await call.hass.data[DATA_REPLIES].async_begin(reply)
    if data["wait"]:
        await reply.async_finish()
    else:
        session.assistant.entry.async_create_background_task(
            call.hass, _async_finish_unattended(reply), "reply to an action"
        )
    return reply.as_dict()


async def _async_prepare(
    session: AssistantSession, call: ServiceCall
) -> llm.APIInstance | None:
    """Give the session the assistant's instructions and tools, as they are now.

    What an action has set stays. Returns what runs the tools: None if they are not the
    assistant's.
    """
    llm_context = llm.LLMContext(
        platform=DOMAIN,
        context=call.context,
        language=call.hass.config.language,
        assistant=CONVERSATION_DOMAIN,
        device_id=None,
    )
    log = ChatLog(call.hass, "")
    await session.assistant.async_provide_llm_data(log, llm_context)
    own = call.hass.data[DATA_OWN_SETTINGS].get(session, {})
    await session.async_tell(
        own.get("instructions", system_prompt(log)),
        own.get("tools", function_tools(log.llm_api)),
    )
    return None if "tools" in own else log.llm_api


async def _async_finish_unattended(reply: Reply) -> None:
    try:
        await reply.async_finish()
    except (HomeAssistantError, RealtimeError) as err:
        LOGGER.warning("A reply nobody waited for ended early: %s", err)


async def _async_cancel_response(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    reply = call.hass.data[DATA_REPLIES].in_progress(session)
    if reply is not None:
        reply.stop()
    was_active = await session.client.cancel_response()
    return {"cancelled": was_active or reply is not None}


async def _async_set_model_speak_done(
    session: AssistantSession, call: ServiceCall
) -> None:
    session.client.set_model_speak_done()


async def _async_update_session(
    session: AssistantSession, call: ServiceCall
) -> JsonObjectType:
    config = SessionConfig(call.data["session"])
    # With turn detection on, the service answers of its own accord.
    await _async_prepare(session, call)
    await session.client.update_session(config)
    own = call.hass.data[DATA_OWN_SETTINGS].setdefault(session, {})
    settings = config.as_dict()
    own |= {key: settings[key] for key in _PREPARED_KEYS if key in settings}
    return {"session": _without_secrets(session.client.current_session)}


def _without_secrets(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: _without_secrets(part)
                for key, part in value.items()
                if key not in _SECRET_KEYS
            }
        case list():
            return [_without_secrets(part) for part in value]
        case _:
            return value


class Action(NamedTuple):
    """What an action does, and the fields it takes."""

    handle: Callable[[AssistantSession, ServiceCall], Awaitable[ServiceResponse]]
    fields: VolDictType
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL


ACTIONS: Final[Mapping[str, Action]] = {
    "append_audio": Action(
        _async_append_audio,
        {
            vol.Optional("audio"): cv.string,
            vol.Optional("audio_format", default="pcm16"): vol.In(AUDIO_FORMATS),
            vol.Optional("sample_rate"): vol.All(
                vol.Coerce(int), vol.Range(min=8000, max=96000)
            ),
            vol.Optional("media_content_id"): _MEDIA_CONTENT_ID,
            vol.Optional("path"): cv.string,
        },
    ),
    "commit_audio": Action(_async_commit_audio, {}),
    "clear_audio_buffer": Action(_async_clear_audio_buffer, {}, SupportsResponse.NONE),
    "create_conversation_item": Action(
        _async_create_conversation_item,
        {
            vol.Optional("role", default="user"): vol.In(
                ["user", "assistant", "system"]
            ),
            vol.Optional("text"): cv.string,
            vol.Optional("item"): dict,
            vol.Optional("previous_item_id"): cv.string,
        },
    ),
    "delete_item": Action(
        _async_delete_item,
        {vol.Required("item_id"): cv.string},
        SupportsResponse.NONE,
    ),
    "truncate_item": Action(
        _async_truncate_item,
        {
            vol.Required("item_id"): cv.string,
            # Bounded: JSON on the wire takes no integer of more than 64 bits.
            vol.Required("audio_end_ms"): _up_to(MAX_AUDIO_END_MS),
            vol.Optional("content_index", default=0): _up_to(MAX_CONTENT_INDEX),
        },
        SupportsResponse.NONE,
    ),
    "create_response": Action(
        _async_create_response,
        {
            vol.Optional("instructions"): cv.string,
            vol.Optional("modalities"): vol.All(
                cv.ensure_list, [vol.In(["audio", "text"])]
            ),
            vol.Optional("voice"): cv.string,
            vol.Optional("conversation"): vol.In(["auto", "none"]),
            vol.Optional("metadata"): dict,
            vol.Optional("run_tools", default=True): cv.boolean,
            vol.Optional("wait", default=True): cv.boolean,
            vol.Optional("timeout", default=DEFAULT_RESPONSE_TIMEOUT): vol.All(
                vol.Coerce(float), vol.Range(min=1, max=MAX_RESPONSE_TIMEOUT)
            ),
        },
    ),
    "cancel_response": Action(_async_cancel_response, {}),
    "set_model_speak_done": Action(
        _async_set_model_speak_done, {}, SupportsResponse.NONE
    ),
    "update_session": Action(_async_update_session, {vol.Required("session"): dict}),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, and the view that plays the replies they make."""
    hass.data[DATA_REPLIES] = Replies()
    hass.data[DATA_OWN_SETTINGS] = WeakKeyDictionary()
    hass.http.register_view(ReplyView(hass.data[DATA_REPLIES]))
    for name, action in ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_async_handle, action.handle),
            schema=cv.make_entity_service_schema(action.fields),
            supports_response=action.supports_response,
        )


async def _async_handle(
    handle: Callable[[AssistantSession, ServiceCall], Awaitable[ServiceResponse]],
    call: ServiceCall,
) -> ServiceResponse:
    """Carry out an action on the session of the assistant it is meant for."""
    assistant = await async_target(call)
    try:
        return await handle(await assistant.async_action_session(), call)
    except RealtimeError as err:
        raise translated_error(err) from err


def _invalid(translation_key: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=translation_key
    )
