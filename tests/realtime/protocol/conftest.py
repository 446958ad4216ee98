"""A session without a socket: tests hand it frames and the time."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from custom_components.azure_realtime_audio.realtime.listeners import Emitter
from custom_components.azure_realtime_audio.realtime.protocol.conversation_record import (
    ConversationRecord,
)
from custom_components.azure_realtime_audio.realtime.protocol.dialect import (
    Dialect,
    aliases,
)
from custom_components.azure_realtime_audio.realtime.protocol.live_session import (
    LiveSession,
    Renewal,
)
from custom_components.azure_realtime_audio.realtime.protocol.status import (
    ModelStatus,
    StatusTracker,
)
from custom_components.azure_realtime_audio.realtime.protocol.unsent_speech import (
    UnsentSpeech,
)
from custom_components.azure_realtime_audio.realtime.response import Response

SESSION = {"id": "sess_1", "type": "realtime", "audio": {"input": {}, "output": {}}}


class Bench:
    """A live session and its parts, as the supervisor has them."""

    def __init__(self) -> None:
        """Begin with a session that is in use, due for renewal at 100 s."""
        self.emitter = Emitter(aliases)
        self.status = StatusTracker(self.emitter)
        self.record = ConversationRecord()
        self.speech = UnsentSpeech()
        self.live = LiveSession(
            Dialect.GA,
            emitter=self.emitter,
            status=self.status,
            record=self.record,
            speech=self.speech,
            cancel=self._cancel,
        )
        self.receive("session.created", session=SESSION)
        self.receive("session.updated", session=SESSION)
        self.speech.open()
        self.live.begin_use(100.0)

    async def _cancel(self, _: Response) -> bool:
        return False

    def word(self) -> ModelStatus:
        """Return the status."""
        return self.status.status

    def wish(self) -> Renewal | None:
        """Return why the session wants to be followed by another one."""
        return self.live.wants_renewal

    def receive(self, event_type: str, now: float = 0.0, **fields: Any) -> None:
        """Let the service send an event."""
        event: Mapping[str, Any] = {"type": event_type, **fields}
        self.live.receive(orjson.dumps(event), now)


@pytest.fixture
def bench() -> Bench:
    """Return a session in use."""
    return Bench()
