"""Which session: a conversation's own, or one that conversations share."""

from dataclasses import dataclass
from enum import Enum


class SessionPurpose(Enum):
    """The sessions that are not one conversation's own."""

    ACTIONS = "actions"
    READ_ALOUD = "reading"
    AHEAD = "ahead"  # opened for the next conversation, which makes it its own


@dataclass(frozen=True, slots=True)
class ActionConversation:
    """A conversation of actions that goes by a name, beside the one that they share."""

    name: str


# A conversation's own session goes by the conversation's id.
type SessionKey = str | SessionPurpose | ActionConversation
