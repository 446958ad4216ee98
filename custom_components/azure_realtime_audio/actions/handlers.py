"""What each action does with the session that an assistant keeps for actions."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN, ChatLog
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import llm
from homeassistant.util.json import JsonObjectType

from ..answers.reply import DATA_REPLIES, Reply
from ..assistant.assistant import Assistant
from ..assistant.briefing import Briefing
from ..assistant.conversation_session import ConversationSession
from ..assistant.session_key import ActionConversation
from ..assistant.telling import Telling
from ..chat.history import system_prompt
from ..chat.tools import function_tools
from ..const import (
    CONF_CONVERSATION,
    DEFAULT_RESPONSE_TIMEOUT,
    DOMAIN,
    EVENT_REPLY,
    LOGGER,
)
from ..errors import translated
from ..realtime import (
    Changes,
    RealtimeError,
    Response,
    SessionConfig,
    validate_response_config,
)
from .audio_input import (
    async_append_base64,
    async_append_media,
    async_file_input,
    async_media_input,
)
from .session_settings import leaves, nested, settable, with_secrets

# What the field that tells the conversation holds besides names.
SHARED: Final = "auto"
NEW: Final = "new"
OUT_OF_BAND: Final = "none"

_AUDIO_SOURCES = ("audio", "media_content_id", "path")
# What the assistant sets before a response, unless an action has.
_PREPARED_KEYS = ("instructions", "tools")
_TURN_DETECTION = "audio.input.turn_detection"


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action that was called: for which assistant, and in which session."""

    call: ServiceCall
    assistant: Assistant
    session: ConversationSession

    @property
    def hass(self) -> HomeAssistant:
        """Home Assistant."""
        return self.call.hass

    @property
    def data(self) -> Mapping[str, Any]:
        """The fields of the action."""
        return self.call.data


async def async_append_audio(request: ActionRequest) -> JsonObjectType:
    """Append audio from one of three sources; returns its duration in ms."""
    sources = [source for source in _AUDIO_SOURCES if source in request.data]
    if len(sources) != 1:
        raise _invalid("one_audio_source")
    limit = request.assistant.timing.append
    try:
        async with asyncio.timeout(limit):
            duration_ms = await _async_append(request)
            request.session.floor.has_said = True
    except TimeoutError:
        raise translated("append_timeout", seconds=f"{limit:g}") from None
    return {"duration_ms": duration_ms}


async def _async_append(request: ActionRequest) -> int:
    hass, data, floor = request.hass, request.data, request.session.floor
    max_seconds = request.assistant.timing.max_audio
    async with floor.audio.all_or_nothing():
        if "audio" in data:
            return await async_append_base64(
                hass,
                floor.audio,
                data["audio"],
                data["audio_format"],
                data.get("sample_rate"),
                max_seconds,
            )
        if "path" in data:
            opening = async_file_input(hass, data["path"])
        else:
            opening = async_media_input(request.call, data["media_content_id"])
        async with opening as media_input:
            return await async_append_media(hass, floor.audio, media_input, max_seconds)


async def async_commit_audio(request: ActionRequest) -> JsonObjectType:
    """End what was said; returns the id of its item."""
    floor = request.session.floor
    async with floor.audio.lock:
        item_id = await request.session.client.commit_audio()
        floor.has_said = True
    return {"item_id": item_id}


async def async_clear_audio_buffer(request: ActionRequest) -> None:
    """Throw away what was appended."""
    audio = request.session.floor.audio
    async with audio.lock:
        await audio.async_drop()


async def async_create_conversation_item(request: ActionRequest) -> JsonObjectType:
    """Add a text, or any item; returns its id."""
    text, item = request.data.get("text"), request.data.get("item")
    if (text is None) == (item is None):
        raise _invalid("text_or_item")
    if item is None:
        role = request.data["role"]
        part_type = "output_text" if role == "assistant" else "input_text"
        content = [{"type": part_type, "text": text}]
        item = {"type": "message", "role": role, "content": content}
    item_id = await request.session.client.create_conversation_item(
        item, request.data.get("previous_item_id")
    )
    request.session.floor.has_said = True
    return {"item_id": item_id}


async def async_delete_item(request: ActionRequest) -> None:
    """Delete an item."""
    await request.session.client.delete_item(request.data["item_id"])


async def async_truncate_item(request: ActionRequest) -> None:
    """Cut a spoken item to what was played."""
    await request.session.client.truncate_item(
        request.data["item_id"],
        request.data["content_index"],
        request.data["audio_end_ms"],
    )


async def async_create_response(request: ActionRequest) -> JsonObjectType:
    """Let the model answer, and run its tools."""
    data = request.data
    config: dict[str, Any] = {
        key: data[key] for key in ("metadata", "modalities", "voice") if key in data
    }
    if is_out_of_band := data.get(CONF_CONVERSATION) == OUT_OF_BAND:
        config["conversation"] = OUT_OF_BAND
    briefing, llm_api = await _async_briefing(request)
    if not data["run_tools"]:
        llm_api = None
    if instructions := data.get("instructions"):
        api_prompt = llm_api.api_prompt if llm_api else ""
        config["instructions"] = f"{api_prompt}\n{instructions}".strip()
    config = validate_response_config(config)
    timing = request.assistant.timing
    floor = request.session.floor
    if not is_out_of_band:
        await floor.async_begin_reply()
        if request.session.on_own_answer is None:  # else turn detection ends a turn
            floor.audio.async_leave()
    with ExitStack() as stack:
        if not is_out_of_band:
            stack.callback(floor.async_reply_ended)
        reply = Reply(
            request.session,
            config,
            briefing,
            llm_api,
            data["timeout"],
            timing,
            _telling(request),
        )
        await request.hass.data[DATA_REPLIES].async_begin(
            reply, request.assistant.entry.entry_id
        )
        if data["wait"]:
            await reply.async_finish()
        else:
            _finish_unattended(request, reply, stack.pop_all())
        return reply.as_dict()


async def _async_briefing(
    request: ActionRequest,
) -> tuple[Briefing, llm.APIInstance | None]:
    """Return the assistant's instructions and tools, as they are now.

    What an action has set stays. The second is what runs the tools: None if they are not
    the assistant's.
    """
    llm_context = llm.LLMContext(
        platform=DOMAIN,
        context=request.call.context,
        language=request.hass.config.language,
        assistant=CONVERSATION_DOMAIN,
        device_id=None,
    )
    log = ChatLog(request.hass, "")
    await request.assistant.async_provide_llm_data(log, llm_context)
    own = request.session.own_settings
    briefing = Briefing(
        instructions=own.get("instructions", system_prompt(log)),
        tools=own.get("tools", function_tools(log.llm_api)),
    )
    return briefing, None if "tools" in own else log.llm_api


@callback
def _finish_unattended(request: ActionRequest, reply: Reply, stack: ExitStack) -> None:
    """Finish a reply that no action waits for; unwind the stack then."""
    task = request.assistant.entry.async_create_background_task(
        request.hass, _async_finish_unattended(request, reply), "reply to an action"
    )
    task.add_done_callback(lambda _: stack.close())


async def _async_finish_unattended(request: ActionRequest, reply: Reply) -> None:
    try:
        await reply.async_finish()
    except (HomeAssistantError, RealtimeError) as err:
        told = request.assistant.secrets(str(err))
        LOGGER.warning("A reply that no action waits for ended early: %s", told)


async def async_cancel_response(request: ActionRequest) -> JsonObjectType:
    """Stop the answer, its tools included."""
    reply = request.hass.data[DATA_REPLIES].in_progress(request.session)
    if reply is not None:
        reply.stop()
    was_active = await request.session.client.cancel_response()
    return {"cancelled": was_active or reply is not None}


async def async_set_model_speak_done(request: ActionRequest) -> None:
    """Tell that the answer has been played."""
    request.session.client.set_model_speak_done()


async def async_reset_conversation(request: ActionRequest) -> None:
    """Forget what was said and set; the next action begins anew."""
    await async_cancel_response(request)
    request.assistant.sessions.async_end(request.session)


async def async_update_session(request: ActionRequest) -> JsonObjectType:
    """Change the session, until it ends. What is as it was before is left alone."""
    session, secrets = request.session, request.assistant.secrets
    given = leaves(SessionConfig(request.data["session"]).as_dict())
    secrets.learn(given)
    if "tools" in given:
        known = session.own_settings.get("tools", [])
        given["tools"] = with_secrets(given["tools"], known, secrets)
    before = settable(session.client.current_session)
    for key in _PREPARED_KEYS:
        # The assistant's own, as they were returned: they may have changed since.
        if key in given and session.shown_settings.get(key) == secrets(given[key]):
            session.own_settings.pop(key, None)
            del given[key]
    changed = {
        key: value
        for key, value in given.items()
        if key not in before or secrets(before[key]) != secrets(value)
    }
    await _async_change(request, changed, before.get(_TURN_DETECTION))
    in_force = secrets(settable(session.client.current_session))
    session.shown_settings |= {
        key: in_force[key]
        for key in _PREPARED_KEYS
        if key in in_force and key not in session.own_settings
    }
    return {"session": nested(in_force)}


async def _async_change(
    request: ActionRequest, changed: Mapping[str, Any], turn_detection: object
) -> None:
    """Change settings of a session, which has a turn detection until now or None."""
    session = request.session
    # With turn detection on, the service answers of its own accord.
    briefing, _ = await _async_briefing(request)
    await session.async_tell(briefing)
    before = session.on_own_answer
    if changed.get(_TURN_DETECTION) is not None:
        session.on_own_answer = partial(_keep_own_answer, request)
    is_turned_off = (
        turn_detection is not None and changed.get(_TURN_DETECTION, True) is None
    )
    # What the service has heard and not taken for a turn must not be a part of the next one.
    changes = Changes(
        clears_audio=is_turned_off,
        session=SessionConfig(nested(changed)) if changed else None,
    )
    try:
        if changes:
            await session.client.apply(changes)
    except RealtimeError:
        session.on_own_answer = before
        raise
    if is_turned_off:
        session.on_own_answer = None
    own = {key: changed[key] for key in _PREPARED_KEYS if key in changed}
    if own:
        session.own_settings |= own
        briefing, _ = await _async_briefing(request)
        await session.async_tell(briefing)


@callback
def _keep_own_answer(request: ActionRequest, response: Response) -> None:
    """Make a reply of a response that the service has begun by itself.

    Its tools run with the rights of the caller that turned that on.
    """
    floor = request.session.floor
    floor.async_reply_begun()
    task = request.assistant.entry.async_create_background_task(
        request.hass, _async_own_answer(request, response), "reply of the service's own"
    )
    task.add_done_callback(lambda _: floor.async_reply_ended())


def _telling(request: ActionRequest) -> Telling:
    name = _conversation_name(request.session)
    return request.assistant.async_tell_turn(f"action/{name}")  # no chat's own id


def _conversation_name(session: ConversationSession) -> str:
    return session.key.name if isinstance(session.key, ActionConversation) else SHARED


async def _async_own_answer(request: ActionRequest, response: Response) -> None:
    try:
        _, llm_api = await _async_briefing(request)
    except HomeAssistantError as err:
        LOGGER.warning("The tools of a reply cannot run: %s", err)
        llm_api = None
    reply = Reply(
        request.session,
        {},
        None,
        llm_api,
        DEFAULT_RESPONSE_TIMEOUT,
        request.assistant.timing,
        _telling(request),
        begun=response,
    )
    request.hass.data[DATA_REPLIES].keep(reply, request.assistant.entry.entry_id)
    told = reply.as_dict()
    request.hass.bus.async_fire(
        EVENT_REPLY,
        {
            "entity_id": request.assistant.agent_id,
            "media_content_id": told["media_content_id"],
            "url": told["url"],
            CONF_CONVERSATION: _conversation_name(request.session),
        },
        context=request.call.context,
    )
    await _async_finish_unattended(request, reply)


def _invalid(translation_key: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=translation_key
    )
