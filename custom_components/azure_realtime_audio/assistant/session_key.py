"""Which session: a conversation's own, or one that conversations share."""

from enum import Enum


class Shared(Enum):
    """The sessions that are no conversation's own."""

    ACTIONS = "actions"
    READING = "reading"


type SessionKey = str | Shared
