"""An Azure OpenAI Realtime server for tests and the demo: the emulated model hears, plans and speaks."""

from .faults import FAULTS
from .model.reply import Reply
from .server import Emulator, Handshake
from .service.session import Session

__all__ = ["FAULTS", "Emulator", "Handshake", "Reply", "Session"]
