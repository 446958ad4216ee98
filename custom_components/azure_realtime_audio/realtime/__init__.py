"""A client for Azure OpenAI Realtime, in the vocabulary of ``AzureRealTimeAudio``.

It knows nothing of Home Assistant.
"""

from .audio import SAMPLE_RATE
from .client import KEPT_AFTER_LOSS, ConnectionState, RealtimeClient, RealtimeOptions
from .connection import WebSocketOptions
from .dialect import Dialect
from .endpoint import Endpoint, normalize_host
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
from .ledger import Ledger
from .response import Delta, Response, ToolCall
from .session import SessionConfig
from .status import ModelStatus

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
