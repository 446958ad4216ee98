"""Conversations between two set-ups of their entry, so that nothing said is lost by one.

A refused key, a deployment made anew, a changed setting: each sets the entry up again, and
that closes its sessions. Core keeps the chat log; but what a person said is in there only as
far as it was written down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from ..chat.history import History
from ..const import DOMAIN, SESSION_IDLE
from ..realtime import ConversationRecord


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """What a session knew: the service's items, and what each stands for in the chat log."""

    record: ConversationRecord
    history: History


class KeptConversations:
    """Keeps conversations in memory for as long as an idle session would be open."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with none."""
        self._hass = hass
        self._kept: dict[tuple[str, str], KeptConversation] = {}
        self._timers: dict[tuple[str, str], Callable[[], None]] = {}

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def has(self, subentry_id: str, conversation_id: str) -> bool:
        """Return whether an assistant's conversation is kept."""
        return (subentry_id, conversation_id) in self._kept

    @callback
    def async_keep(
        self, subentry_id: str, conversation_id: str, kept: KeptConversation
    ) -> None:
        """Keep an assistant's conversation until it is taken, or for as long as an idle session."""
        key = subentry_id, conversation_id
        self.async_take(*key)
        self._kept[key] = kept

        @callback
        def expire(_: datetime) -> None:
            self.async_take(*key)

        self._timers[key] = async_call_later(
            self._hass, SESSION_IDLE, HassJob(expire, cancel_on_shutdown=True)
        )

    @callback
    def async_take(
        self, subentry_id: str, conversation_id: str
    ) -> KeptConversation | None:
        """Return an assistant's conversation and keep it no longer."""
        key = subentry_id, conversation_id
        if stop_timer := self._timers.pop(key, None):
            stop_timer()
        return self._kept.pop(key, None)


DATA_KEPT: HassKey[KeptConversations] = HassKey(f"{DOMAIN}_kept_conversations")


@callback
def async_kept_conversations(hass: HomeAssistant) -> KeptConversations:
    """Return the conversations that wait for another set-up."""
    return hass.data.setdefault(DATA_KEPT, KeptConversations(hass))
