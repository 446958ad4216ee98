"""The options of a client, and the states of its connection."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .protocol.session_config import SessionConfig


class ConnectionState(StrEnum):
    """The state of the websocket, as browsers name it."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RealtimeOptions:
    """Where the model is and how its sessions begin.

    ``api_version`` None, "" or "v1" is the GA protocol; a date is that preview.
    ``session_config`` takes the reference client's flat form or GA's nested form.
    ``token_provider`` returns a Microsoft Entra token and is used instead of the key. It
    has the time of a handshake (``connect_timeout``).
    """

    host_name: str
    deployment: str
    api_key: str = field(default="", repr=False)
    api_version: str | None = None
    session_config: SessionConfig | Mapping[str, Any] | None = None
    token_provider: Callable[[], Awaitable[str]] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WebSocketOptions:
    """How the connection behaves. Times are seconds.

    ``heartbeat`` is the time between pings, ``connect_timeout`` bounds the handshake,
    ``command_timeout`` the wait for an acknowledgement. ``created_timeout`` is how long to
    wait for a ``session.created`` before the session is configured anyway: the service
    always sends one, some gateways do not.

    ``max_reconnect_attempts`` counts the tries in a row that fail after a socket was lost;
    0 never reconnects. The delay doubles from ``reconnect_delay`` to
    ``max_reconnect_delay``, and chance adds up to a quarter. It begins anew when a turn has
    gone through, or the connection has lasted longer than the longest delay.

    ``renew_after`` is the age at which a session is moved to a new socket as soon as
    nothing goes on, or earlier if the service says that it ends soon. Azure documents 60
    minutes, and has been seen to end sessions after 30 (sonichi/sutando#1307, May 2026).
    Lives shorter than ``shortest_life`` are not believed: the clocks differ. An old session
    is looked at every ``quiet_check`` seconds.
    """

    heartbeat: float = 20.0
    connect_timeout: float = 10.0
    command_timeout: float = 10.0
    created_timeout: float = 3.0
    max_reconnect_attempts: int = 5
    reconnect_delay: float = 0.5
    max_reconnect_delay: float = 8.0
    renew_after: float = 25 * 60.0
    shortest_life: float = 60.0
    quiet_check: float = 1.0
