"""The actions: the client's commands on the session that an assistant keeps for them.

Each takes exactly one assistant, by its conversation entity, and needs the right to control
it. Response data is the assistant's own, not keyed by entity.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Final, NamedTuple

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from .actions.audio_input import AUDIO_FORMATS
from .actions.handlers import (
    ActionRequest,
    async_append_audio,
    async_cancel_response,
    async_clear_audio_buffer,
    async_commit_audio,
    async_create_conversation_item,
    async_create_response,
    async_delete_item,
    async_set_model_speak_done,
    async_truncate_item,
    async_update_session,
)
from .actions.reply_view import ReplyView
from .actions.target import async_target
from .answers.reply import DATA_REPLIES, Replies
from .assistant.session_key import SessionPurpose
from .const import DEFAULT_RESPONSE_TIMEOUT, DOMAIN
from .errors import translated_error
from .realtime import RealtimeError

MAX_RESPONSE_TIMEOUT: Final = 300
# A session ends after an hour; an item has a handful of parts.
MAX_AUDIO_END_MS: Final = 3_600_000
MAX_CONTENT_INDEX: Final = 63


# A media content id, or the value of a media selector.
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


class Action(NamedTuple):
    """What an action does, and the fields it takes."""

    handle: Callable[[ActionRequest], Awaitable[ServiceResponse]]
    fields: VolDictType
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL


ACTIONS: Final[Mapping[str, Action]] = {
    "append_audio": Action(
        async_append_audio,
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
    "commit_audio": Action(async_commit_audio, {}),
    "clear_audio_buffer": Action(async_clear_audio_buffer, {}, SupportsResponse.NONE),
    "create_conversation_item": Action(
        async_create_conversation_item,
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
        async_delete_item,
        {vol.Required("item_id"): cv.string},
        SupportsResponse.NONE,
    ),
    "truncate_item": Action(
        async_truncate_item,
        {
            vol.Required("item_id"): cv.string,
            # Bounded: JSON on the wire takes no integer of more than 64 bits.
            vol.Required("audio_end_ms"): _up_to(MAX_AUDIO_END_MS),
            vol.Optional("content_index", default=0): _up_to(MAX_CONTENT_INDEX),
        },
        SupportsResponse.NONE,
    ),
    "create_response": Action(
        async_create_response,
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
    "cancel_response": Action(async_cancel_response, {}),
    "set_model_speak_done": Action(
        async_set_model_speak_done, {}, SupportsResponse.NONE
    ),
    "update_session": Action(async_update_session, {vol.Required("session"): dict}),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, and the view that plays the replies they make."""
    hass.data[DATA_REPLIES] = Replies()
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
    handle: Callable[[ActionRequest], Awaitable[ServiceResponse]],
    call: ServiceCall,
) -> ServiceResponse:
    """Carry out an action on the session of the assistant it is meant for."""
    assistant = await async_target(call)
    try:
        session = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
        return await handle(ActionRequest(call, assistant, session))
    except RealtimeError as err:
        raise translated_error(err) from err
