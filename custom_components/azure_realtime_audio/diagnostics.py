"""What a maintainer needs to see of an entry: no key, no address, nothing that was said."""

from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.util import dt as dt_util

from .assistant.availability import Availability
from .assistant.conversation_session import ConversationSession
from .assistant.session_key import ActionConversation, SessionPurpose
from .const import CONF_HOST_NAME, CONF_INSTRUCTIONS, DOMAIN
from .data import AzureRealtimeAudioConfigEntry
from .realtime import AZURE_DOMAINS


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> dict[str, Any]:
    """Return an entry's diagnostics, with all its assistants."""
    return _entry(entry) | {
        "assistants": [
            _assistant(entry, subentry) for subentry in entry.subentries.values()
        ]
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return an entry's diagnostics, with the one assistant of the device."""
    return _entry(entry) | {
        "assistants": [
            _assistant(entry, subentry)
            for subentry in entry.subentries.values()
            if (DOMAIN, subentry.subentry_id) in device.identifiers
        ]
    }


def _entry(entry: AzureRealtimeAudioConfigEntry) -> dict[str, Any]:
    data = {**entry.data, CONF_HOST_NAME: _without_resource(entry.data[CONF_HOST_NAME])}
    return {
        "version": f"{entry.version}.{entry.minor_version}",
        "state": entry.state.value,
        "error": entry.error_reason_translation_key,
        "data": async_redact_data(data, {CONF_API_KEY}),
    }


def _without_resource(host_name: str) -> str:
    """Return the domain of Azure that a host is in; of a gateway, nothing."""
    domains = (domain for domain in AZURE_DOMAINS if host_name.endswith(domain))
    return f"{REDACTED}{next(domains, '')}"


def _assistant(
    entry: AzureRealtimeAudioConfigEntry, subentry: ConfigSubentry
) -> dict[str, Any]:
    """Return an assistant's settings, and how it is, if the entry is loaded."""
    settings = {"settings": async_redact_data(subentry.data, {CONF_INSTRUCTIONS})}
    if not hasattr(entry, "runtime_data"):
        return settings
    assistant = entry.runtime_data[subentry.subentry_id].assistant
    return settings | {
        "model": assistant.model,
        "available": assistant.available,
        "last_error": _last_error(assistant.availability),
        "status": assistant.status,
        "latency_ms": assistant.latency_ms,
        "max_sessions": assistant.timing.max_sessions,
        "sessions": [_session(session) for session in assistant.sessions],
    }


def _last_error(availability: Availability) -> dict[str, str] | None:
    """Return why the service cannot be reached, and since when it was last so; None if it can."""
    error, failed_at = availability.last_error, availability.failed_at
    if error is None or failed_at is None:
        return None
    return {
        "type": type(error).__name__,
        "message": str(error),
        "time": failed_at.isoformat(),
    }


def _session(session: ConversationSession) -> dict[str, Any]:
    match session.key:  # a conversation's own is its id, or its name
        case SessionPurpose() as purpose:
            kind = purpose.value
        case ActionConversation():
            kind = SessionPurpose.ACTIONS.value
        case _:
            kind = "conversation"
    return {
        "kind": kind,
        "state": session.client.state,
        "dialect": session.client.dialect,
        "status": session.client.status,
        "busy": session.is_busy,
        "items": len(session.client.item_ids),
        "age_seconds": round((dt_util.utcnow() - session.created_at).total_seconds()),
    }
