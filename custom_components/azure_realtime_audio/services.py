"""The actions: the client's commands on the session that an assistant keeps for them.

Each takes exactly one assistant, by its conversation entity, and needs the right to control
it. Response data is the assistant's own, not keyed by entity.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
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
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from .actions.audio_input import AUDIO_FORMATS
from .actions.handlers import (
    NEW,
    OUT_OF_BAND,
    SHARED,
    ActionRequest,
    async_append_audio,
    async_cancel_response,
    async_clear_audio_buffer,
    async_commit_audio,
    async_create_conversation_item,
    async_create_response,
    async_delete_item,
    async_reset_conversation,
    async_set_model_speak_done,
    async_truncate_item,
    async_update_session,
)
from .actions.reply_view import ReplyView
from .actions.target import async_target
from .answers.reply import DATA_REPLIES, Replies
from .assistant.assistant import Assistant
from .assistant.caller import Caller
from .assistant.session_key import ActionConversation, SessionPurpose
from .const import CONF_CONVERSATION, DEFAULT_RESPONSE_TIMEOUT, DOMAIN
from .errors import translated_error
from .realtime import RealtimeError

MAX_RESPONSE_TIMEOUT: Final = 300
# A session ends after an hour; an item has a handful of parts.
MAX_AUDIO_END_MS: Final = 3_600_000
MAX_CONTENT_INDEX: Final = 63
MAX_CONVERSATION_NAME: Final = 64


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


def _conversation(*, other_than: str | None = None) -> vol.All:
    """Return what checks which conversation an action is for."""
    return vol.All(
        cv.string,
        str.strip,
        vol.Length(min=1, max=MAX_CONVERSATION_NAME),
        vol.NotIn([other_than] if other_than else []),
    )


class Floor(Enum):
    """Whether an action waits for those of others on its conversation."""

    NOT_NEEDED = "not needed"
    PASSING = "has it while it runs"
    KEPT = "keeps it until the reply"
    WORDS = "keeps it, and may be the first of a turn"


class Action(NamedTuple):
    """What an action does, the fields it takes, and whether it waits for its turn."""

    handle: Callable[[ActionRequest], Awaitable[ServiceResponse]]
    fields: VolDictType
    floor: Floor
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL

    @property
    def all_fields(self) -> VolDictType:
        """The fields, with the one that every action has."""
        return {
            vol.Optional(CONF_CONVERSATION): _conversation(other_than=OUT_OF_BAND),
            **self.fields,
        }


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
        Floor.WORDS,
    ),
    "commit_audio": Action(async_commit_audio, {}, Floor.KEPT),
    "clear_audio_buffer": Action(
        async_clear_audio_buffer, {}, Floor.PASSING, SupportsResponse.NONE
    ),
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
        Floor.WORDS,
    ),
    "delete_item": Action(
        async_delete_item,
        {vol.Required("item_id"): cv.string},
        Floor.NOT_NEEDED,
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
        Floor.NOT_NEEDED,
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
            # Besides a name: outside of any conversation.
            vol.Optional(CONF_CONVERSATION): _conversation(),
            vol.Optional("metadata"): dict,
            vol.Optional("run_tools", default=True): cv.boolean,
            vol.Optional("wait", default=True): cv.boolean,
            vol.Optional("timeout", default=DEFAULT_RESPONSE_TIMEOUT): vol.All(
                vol.Coerce(float), vol.Range(min=1, max=MAX_RESPONSE_TIMEOUT)
            ),
        },
        Floor.KEPT,
    ),
    "cancel_response": Action(async_cancel_response, {}, Floor.NOT_NEEDED),
    "set_model_speak_done": Action(
        async_set_model_speak_done, {}, Floor.NOT_NEEDED, SupportsResponse.NONE
    ),
    "update_session": Action(
        async_update_session, {vol.Required("session"): dict}, Floor.PASSING
    ),
    "reset_conversation": Action(
        async_reset_conversation, {}, Floor.PASSING, SupportsResponse.NONE
    ),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, and the view that plays the replies they make."""
    hass.data[DATA_REPLIES] = Replies(hass)
    hass.http.register_view(ReplyView(hass.data[DATA_REPLIES]))
    for name, action in ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_async_handle, action),
            schema=cv.make_entity_service_schema(action.all_fields),
            supports_response=action.supports_response,
        )


async def _async_handle(action: Action, call: ServiceCall) -> ServiceResponse:
    """Carry out an action on the conversation of the assistant it is meant for.

    Where the action was told which, its response data says so.
    """
    assistant = await async_target(call)
    name = call.data.get(CONF_CONVERSATION, SHARED)
    is_shared = name in (SHARED, OUT_OF_BAND)
    if name == NEW:
        name = ulid_now()
    key = SessionPurpose.ACTIONS if is_shared else ActionConversation(name)
    try:
        told = await _async_carry_out(action, call, assistant, key)
    except RealtimeError as err:
        raise translated_error(err, assistant.secrets) from None
    except HomeAssistantError as err:
        if (shown := assistant.secrets.of_sentence(err)) is err:
            raise
        raise shown from None
    return told if is_shared or told is None else {**told, CONF_CONVERSATION: name}


async def _async_carry_out(
    action: Action,
    call: ServiceCall,
    assistant: Assistant,
    key: SessionPurpose | ActionConversation,
) -> ServiceResponse:
    caller = Caller.of(call.context)
    is_out_of_band = call.data.get(CONF_CONVERSATION) == OUT_OF_BAND
    while True:
        session = await assistant.sessions.async_shared(key)
        request = ActionRequest(call, assistant, session)
        if action.floor is Floor.NOT_NEEDED or is_out_of_band:
            return await action.handle(request)
        async with session.floor.turn(
            caller,
            is_word=action.floor is Floor.WORDS,
            is_kept=action.floor is not Floor.PASSING,
        ):
            # It may have been reset, or have ended, while this waited.
            if assistant.sessions.get(key) is session:
                return await action.handle(request)
