"""What each action does with the session that an assistant keeps for actions."""

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary

from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN, ChatLog
from homeassistant.core import ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import llm
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType

from ..answers.reply import DATA_REPLIES, Reply
from ..assistant.conversation_session import AssistantSession
from ..chat.history import system_prompt
from ..chat.tools import function_tools
from ..const import DOMAIN, LOGGER
from ..errors import translated
from ..realtime import RealtimeClient, RealtimeError, SessionConfig
from ..realtime.protocol.session_config import validate_response_config
from .audio_input import (
    async_append_base64,
    async_append_media,
    async_file_input,
    async_media_input,
)

# How long one append may take, in seconds: ffmpeg may wait for a server, or the uplink be slow.
APPEND_TIMEOUT: Final = 120


_AUDIO_SOURCES = ("audio", "media_content_id", "path")


# What the assistant sets before a response, unless an action has.
_PREPARED_KEYS = ("instructions", "tools")


DATA_OWN_SETTINGS: HassKey[WeakKeyDictionary[AssistantSession, dict[str, Any]]] = (
    HassKey(f"{DOMAIN}_own_settings")
)


# What a session may hold that only its owner should know.
_SECRET_KEYS = frozenset({"authorization", "client_secret", "headers"})


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
    return {"session": _without_secrets(session.client.session)}


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


def _invalid(translation_key: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=translation_key
    )
