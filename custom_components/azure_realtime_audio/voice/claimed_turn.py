"""What an answer needs of the turn that it answers, wherever that was spoken."""

import asyncio
from typing import Any, Protocol

from homeassistant.components.conversation import ChatLog
from homeassistant.core import CALLBACK_TYPE

from ..assistant.briefing import PromptContext
from ..assistant.telling import Telling
from ..realtime import Response
from .speech import Speech


class ClaimedTurn(Protocol):
    """A turn that is answered aloud: said in a pipeline run, or in a live session."""

    conversation_id: str
    run: asyncio.Task[Any] | None
    speech: Speech
    telling: Telling
    latency_ms: int | None
    has_begun_to_speak: bool

    @property
    def is_stopped(self) -> bool:
        """Whether the answer is not heard any further."""

    def raise_failure(self) -> None:
        """Raise why nothing was heard, if that is so: AssistantError, RealtimeError."""

    async def async_take_over(
        self, chat_log: ChatLog, prompt_context: PromptContext
    ) -> Response | None:
        """Return the answer that the model has begun, if it knew all that it should.

        Raises RealtimeError.
        """

    def mark_speaking(self) -> bool:
        """Note that there is something to play; True the first time."""

    def note_first_audio(self) -> None:
        """Note the time from the last word to the first sound, once."""

    def follow_satellite(self, satellite_id: str, on_silent: CALLBACK_TYPE) -> None:
        """Call ``on_silent`` when the satellite's entity says that it plays no more."""

    def stop(self) -> None:
        """End the reply where it has been heard to."""

    def finish(self, chat_log: ChatLog, apology: str = "") -> None:
        """Let no response follow; ``apology`` says why the answer is none."""
