"""A client for Azure OpenAI Realtime, in the vocabulary of ``AzureRealTimeAudio``.

It knows nothing of Home Assistant.
"""

from .audio.pcm import SAMPLE_RATE
from .client import KEPT_AFTER_LOSS, ConnectionState, RealtimeClient, RealtimeOptions
from .errors import (
    QUOTA_CODES,
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAudioError,
    InvalidAuthError,
    InvalidConfigError,
    InvalidHostError,
    NotConnectedError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    RealtimeError,
    ResponseActiveError,
    UnsupportedApiVersionError,
)
from .protocol.conversation_record import Ledger
from .protocol.dialect import Dialect
from .protocol.session_config import SessionConfig
from .protocol.status import ModelStatus
from .response import Delta, Response, ToolCall
from .transport.endpoint import Endpoint, normalize_host
from .transport.websocket import WebSocketOptions

__all__ = [
    "KEPT_AFTER_LOSS",
    "QUOTA_CODES",
    "SAMPLE_RATE",
    "CannotConnectError",
    "CommandError",
    "CommandTimeoutError",
    "ConnectError",
    "ConnectionLostError",
    "ConnectionState",
    "Delta",
    "DeploymentNotFoundError",
    "Dialect",
    "Endpoint",
    "ForbiddenError",
    "InvalidAudioError",
    "InvalidAuthError",
    "InvalidConfigError",
    "InvalidHostError",
    "Ledger",
    "ModelStatus",
    "NotConnectedError",
    "NotRealtimeModelError",
    "QuotaExceededError",
    "RateLimitedError",
    "RealtimeClient",
    "RealtimeError",
    "RealtimeOptions",
    "Response",
    "ResponseActiveError",
    "SessionConfig",
    "ToolCall",
    "UnsupportedApiVersionError",
    "WebSocketOptions",
    "normalize_host",
]
