"""What goes wrong, in the words of the user interface."""

from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .realtime import (
    QUOTA_CODES,
    RATE_LIMIT_CODES,
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
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
    Response,
    ResponseActiveError,
    UnsupportedApiVersionError,
)
from .voice.listening import BufferFullError, NothingHeardError


class TooManySessionsError(RealtimeError):
    """Every session that an assistant may have is in the middle of a turn."""


class ConversationBusyError(RealtimeError):
    """Another turn of the same conversation does not end."""


_TRANSLATION_KEYS: dict[type[RealtimeError], str] = {
    BufferFullError: "cannot_connect",
    NothingHeardError: "nothing_heard",
    CannotConnectError: "cannot_connect",
    CommandError: "command_refused",
    CommandTimeoutError: "command_timeout",
    ConnectionLostError: "connection_lost",
    ConversationBusyError: "conversation_busy",
    DeploymentNotFoundError: "deployment_not_found",
    ForbiddenError: "forbidden",
    InvalidAudioError: "invalid_audio",
    InvalidAuthError: "invalid_auth",
    InvalidConfigError: "invalid_config",
    InvalidHostError: "invalid_host",
    NotConnectedError: "not_connected",
    NotRealtimeModelError: "not_realtime_model",
    QuotaExceededError: "quota_exceeded",
    RateLimitedError: "rate_limited",
    ResponseActiveError: "response_active",
    TooManySessionsError: "too_many_sessions",
    UnsupportedApiVersionError: "unsupported_api_version",
}


def translated_error(err: RealtimeError) -> HomeAssistantError:
    """Return the error in the words of the user interface."""
    placeholders = {"error": str(err).rstrip(".")}
    if isinstance(err, InvalidConfigError):
        placeholders |= {"key": err.key, "error": err.reason}
    return translated(translation_key(err), **placeholders)


def translation_key(err: RealtimeError) -> str:
    """Return what the translations call the error."""
    kinds = type(err).__mro__
    known = (_TRANSLATION_KEYS[kind] for kind in kinds if kind in _TRANSLATION_KEYS)
    return next(known, "unexpected")


def translated(key: str, /, **placeholders: str) -> HomeAssistantError:
    """Return an error with a sentence from the translations."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def unraised(err: HomeAssistantError) -> HomeAssistantError:
    """Return an equal error without a traceback: whoever keeps it keeps nothing else alive."""
    return HomeAssistantError(
        translation_domain=err.translation_domain,
        translation_key=err.translation_key,
        translation_placeholders=err.translation_placeholders,
    )


def response_failure(response: Response) -> HomeAssistantError | None:
    """Return why a response is no answer, if it is none."""
    details = response.status_details or {}
    error = response.error or {}
    if error.get("code") in RATE_LIMIT_CODES:
        return translated("rate_limited")
    if error.get("code") in QUOTA_CODES:
        return translated("quota_exceeded")
    if details.get("reason") == "content_filter":
        return translated("content_filter")
    if response.status == "cancelled":
        return translated("response_cancelled")
    if response.status == "failed":
        told = error.get("message") or (error or details).get("type")
        return translated("response_failed", error=told or "no reason was given")
    calls = response.tool_calls if response.status == "completed" else []
    if not (response.text or response.transcript or calls):
        return translated("no_answer")
    return None
