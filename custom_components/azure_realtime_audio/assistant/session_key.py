"""Which session: a conversation's own, or one that conversations share."""

from enum import Enum


class SessionPurpose(Enum):
    """The sessions that are not one conversation's own."""

    ACTIONS = "actions"
    READ_ALOUD = "reading"


# A conversation's own session goes by the conversation's id.
type SessionKey = str | SessionPurpose
