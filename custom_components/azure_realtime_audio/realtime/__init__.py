"""A client for Azure OpenAI Realtime, in the vocabulary of ``AzureRealTimeAudio``.

It knows nothing of Home Assistant.
"""

from .audio import (
    BYTES_PER_SECOND,
    G711_SAMPLE_RATE,
    SAMPLE_RATE,
    AudioFormat,
    Resampler,
    alaw_decode,
    alaw_encode,
    decode_base64,
    pcm_chunks,
    pcm_duration_ms,
    ulaw_decode,
    ulaw_encode,
    wav_header,
)
from .backoff import backoff_delays, with_jitter
from .client import RealtimeClient
from .errors import (
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
    ServiceFailingError,
    UnencryptedHostError,
    UnsupportedApiVersionError,
)
from .listeners import Listeners
from .options import ConnectionState, RealtimeOptions, WebSocketOptions
from .protocol.changes import NO_CHANGES, Changes
from .protocol.conversation_record import ConversationRecord
from .protocol.dialect import Dialect
from .protocol.error_codes import QUOTA_CODES, RATE_LIMIT_CODES
from .protocol.items import new_item_id
from .protocol.session_config import (
    MAX_OUTPUT_TOKENS_RANGE,
    SPEED_RANGE,
    TEMPERATURE_RANGE,
    THRESHOLD_RANGE,
    SessionConfig,
    validate_response_config,
    voices_of,
)
from .protocol.status import ModelStatus
from .protocol.tool_schemas import complete_schema
from .response import Delta, Response, ToolCall
from .transport.endpoint import AZURE_DOMAINS, Endpoint, normalize_host

__all__ = [
    "AZURE_DOMAINS",
    "BYTES_PER_SECOND",
    "G711_SAMPLE_RATE",
    "MAX_OUTPUT_TOKENS_RANGE",
    "NO_CHANGES",
    "QUOTA_CODES",
    "RATE_LIMIT_CODES",
    "SAMPLE_RATE",
    "SPEED_RANGE",
    "TEMPERATURE_RANGE",
    "THRESHOLD_RANGE",
    "AudioFormat",
    "CannotConnectError",
    "Changes",
    "CommandError",
    "CommandTimeoutError",
    "ConnectError",
    "ConnectionLostError",
    "ConnectionState",
    "ConversationRecord",
    "Delta",
    "DeploymentNotFoundError",
    "Dialect",
    "Endpoint",
    "ForbiddenError",
    "InvalidAudioError",
    "InvalidAuthError",
    "InvalidConfigError",
    "InvalidHostError",
    "Listeners",
    "ModelStatus",
    "NotConnectedError",
    "NotRealtimeModelError",
    "QuotaExceededError",
    "RateLimitedError",
    "RealtimeClient",
    "RealtimeError",
    "RealtimeOptions",
    "Resampler",
    "Response",
    "ResponseActiveError",
    "ServiceFailingError",
    "SessionConfig",
    "ToolCall",
    "UnencryptedHostError",
    "UnsupportedApiVersionError",
    "WebSocketOptions",
    "alaw_decode",
    "alaw_encode",
    "backoff_delays",
    "complete_schema",
    "decode_base64",
    "new_item_id",
    "normalize_host",
    "pcm_chunks",
    "pcm_duration_ms",
    "ulaw_decode",
    "ulaw_encode",
    "validate_response_config",
    "voices_of",
    "wav_header",
    "with_jitter",
]
