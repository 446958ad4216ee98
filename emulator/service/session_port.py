"""The members of a session that its parts use."""

from typing import Any, Protocol

from ..settings import Settings
from ..wire.conversation import Conversation, Item
from .mind import Mind


class SessionPort(Protocol):
    """A session, as its input audio and its responses see it."""

    settings: Settings
    config: dict[str, Any]
    conversation: Conversation
    mind: Mind

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event."""

    async def reached(self, stage: str) -> bool:
        """End the connection if a fault names this stage; return whether it has ended."""

    def committed(self, item: Item) -> None:
        """Add a spoken item of the user to the conversation and transcribe it."""

    def answer(self) -> None:
        """Respond to a turn that turn detection has found."""

    async def interrupt(self) -> None:
        """Cancel the response that the user interrupts."""

    def ended(self, response_id: str, audio_ms: int) -> None:
        """Make room for the next response; `audio_ms` is the length of the ended one's audio."""
