"""Which assistant an action is meant for."""

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.conversation import DOMAIN as CONVERSATION_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.service import async_extract_entity_ids

from ..assistant.assistant import Assistant
from ..const import DOMAIN
from ..data import AssistantRuntime
from ..errors import translated


async def async_target(call: ServiceCall) -> Assistant:
    """Return the one assistant of the target, which is available.

    Raises ServiceValidationError if there is not exactly one, Unauthorized if the caller may
    not control it, and HomeAssistantError if it is unavailable.
    """
    registry = er.async_get(call.hass)
    entities = [
        entity
        for entity_id in await async_extract_entity_ids(call)
        if (entity := registry.async_get(entity_id))
        and (entity.domain, entity.platform) == (CONVERSATION_DOMAIN, DOMAIN)
    ]
    if len(entities) != 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="one_assistant"
        )
    entity = entities[0]
    await async_check_permission(call, entity.entity_id, POLICY_CONTROL)
    entry = call.hass.config_entries.async_get_entry(entity.config_entry_id or "")
    if entry is not None and entry.state is ConfigEntryState.LOADED:
        runtime: AssistantRuntime = entry.runtime_data[entity.config_subentry_id]
        assistant = runtime.assistant
        if assistant.available:
            return assistant
    raise translated("assistant_unavailable", name=entity.entity_id)


async def async_check_permission(
    call: ServiceCall, entity_id: str, permission: str
) -> None:
    """Check that the caller, if it is a user, may do this with an entity.

    Raises Unauthorized and UnknownUser.
    """
    if (user_id := call.context.user_id) is None:
        return
    if (user := await call.hass.auth.async_get_user(user_id)) is None:
        raise UnknownUser(context=call.context)
    if not user.permissions.check_entity(entity_id, permission):
        raise Unauthorized(
            context=call.context, entity_id=entity_id, permission=permission
        )
