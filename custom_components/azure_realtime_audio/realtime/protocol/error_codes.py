"""What the service's error codes mean: one row a code."""

from collections.abc import Mapping
from dataclasses import dataclass
import re
from typing import Any, Final

from ..errors import (
    CommandError,
    ConnectError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAuthError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    UnsupportedApiVersionError,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorCode:
    """One kind of error.

    ``code`` is the service's code in lower case. ``wording`` is the beginning of the
    service's message, for services that leave the code null. ``error`` is what a refused
    connection raises, ``detail`` its sentence where the class's own is not exact. A
    ``is_fatal`` code means that no new connection will fare better. ``command`` is the
    client event that the error refuses.
    """

    code: str | None = None
    wording: str | None = None
    error: type[ConnectError] | None = None
    detail: str | None = None
    is_fatal: bool = False
    is_quota: bool = False
    is_rate_limit: bool = False
    command: str | None = None


RESPONSE_ACTIVE: Final = "conversation_already_has_active_response"

# Codes seen on OpenAI and Azure until 2026-09; wordings logged from 2024 to 2026, the first
# that fits counts. Services of 2024 and early 2025 leave the code null, and some gateways name
# no event id: then the beginning of the message tells the code and the command.
ERROR_CODES: Final = (
    ErrorCode(
        code="account_deactivated",
        error=ForbiddenError,
        detail="The account is deactivated",
        is_fatal=True,
    ),
    ErrorCode(
        code="beta_api_shape_disabled", error=UnsupportedApiVersionError, is_fatal=True
    ),
    ErrorCode(
        code="billing_hard_limit_reached",
        error=QuotaExceededError,
        is_fatal=True,
        is_quota=True,
    ),
    ErrorCode(
        code="insufficient_quota",
        error=QuotaExceededError,
        is_fatal=True,
        is_quota=True,
    ),
    ErrorCode(code="invalid_api_key", error=InvalidAuthError, is_fatal=True),
    ErrorCode(code="invalid_model", error=NotRealtimeModelError, is_fatal=True),
    ErrorCode(code="model_not_found", error=DeploymentNotFoundError, is_fatal=True),
    ErrorCode(code="missing_model", error=DeploymentNotFoundError),
    ErrorCode(code="deploymentnotfound", error=DeploymentNotFoundError),
    ErrorCode(code="operationnotsupported", error=NotRealtimeModelError),
    ErrorCode(code="opperationnotsupported", error=NotRealtimeModelError),  # sic
    ErrorCode(code="rate_limit_exceeded", error=RateLimitedError, is_rate_limit=True),
    ErrorCode(
        code="inference_rate_limit_exceeded",
        error=RateLimitedError,
        is_rate_limit=True,
    ),
    ErrorCode(
        code="input_audio_buffer_commit_empty",
        wording="Error committing input audio buffer",
        command="input_audio_buffer.commit",
    ),
    ErrorCode(
        code="response_cancel_not_active",
        wording="Cancellation failed: no active response",
        command="response.cancel",
    ),
    ErrorCode(wording="Cancellation failed", command="response.cancel"),
    ErrorCode(
        code=RESPONSE_ACTIVE,
        wording="Conversation already has an active response",
        command="response.create",
    ),
    ErrorCode(
        code="item_delete_invalid_item_id",
        wording="Error deleting item",
        command="conversation.item.delete",
    ),
    ErrorCode(
        code="item_retrieve_invalid_item_id",
        wording="Error retrieving item",
        command="conversation.item.retrieve",
    ),
    ErrorCode(
        code="item_truncate_invalid_item_id",
        wording="Error truncating item",
        command="conversation.item.truncate",
    ),
    ErrorCode(
        wording="Only model output audio messages can be truncated",
        command="conversation.item.truncate",
    ),
    ErrorCode(wording="Audio content of", command="conversation.item.truncate"),
    ErrorCode(wording="Tool call ID", command="conversation.item.create"),
)

FATAL_CODES: Final = frozenset(row.code for row in ERROR_CODES if row.is_fatal)
# What a response fails with where the account may spend no more.
QUOTA_CODES: Final = frozenset(row.code for row in ERROR_CODES if row.is_quota)
# What a response fails with where the quota is used up for now.
RATE_LIMIT_CODES: Final = frozenset(
    row.code for row in ERROR_CODES if row.is_rate_limit
)
# The fields of commands that no other command has.
_COMMANDS_BY_PARAM: Final = {
    "audio": "input_audio_buffer.append",
    "audio_end_ms": "conversation.item.truncate",
    "content_index": "conversation.item.truncate",
    "item": "conversation.item.create",
    "previous_item_id": "conversation.item.create",
    "response": "response.create",
    "response_id": "response.cancel",
    "session": "session.update",
}
# These are about the session, so that they refuse no command.
_SESSION_CODES = FATAL_CODES | {"session_expired"}
_REFUSED_CONNECTIONS = {row.code: row for row in ERROR_CODES if row.error}


def error_code(error: Mapping[str, Any]) -> str:
    """Return an error's code in lower case, without its family.

    "invalid_request_error.invalid_model" becomes "invalid_model".
    """
    return str(error.get("code")).rpartition(".")[2].lower()


def connect_error(code: str, retry_after: float | None = None) -> ConnectError | None:
    """Return what a code means for the connection, None if it is not a known one.

    ``retry_after`` is in seconds. The code has the form that ``error_code`` returns.
    """
    if (row := _REFUSED_CONNECTIONS.get(code)) and row.error:
        if row.is_rate_limit:
            return RateLimitedError(retry_after)
        return row.error(row.detail)
    if code.endswith(("deprecated", "retired")):
        return NotRealtimeModelError()
    return None


def command_error(error: Mapping[str, Any]) -> CommandError:
    """Read the ``error`` object of an ``error`` event.

    Where the code is null, today's code is filled in if the message gives it away.
    """
    message = str(error.get("message") or "The service refused the command")
    row = _by_wording(message)
    return CommandError(
        message,
        code=error.get("code") or (row.code if row else None),
        error_type=error.get("type"),
        param=error.get("param"),
        event_id=error.get("event_id"),
    )


def refused_command(error: Mapping[str, Any]) -> str | None:
    """Return the command that an error without an event id refuses, if it tells."""
    if row := _by_wording(error.get("message") or ""):
        return row.command
    code = error_code(error)
    if command := next((row.command for row in ERROR_CODES if row.code == code), None):
        return command
    return _COMMANDS_BY_PARAM.get(re.split(r"[.\[]", error.get("param") or "")[0])


def is_request_refusal(error: Mapping[str, Any]) -> bool:
    """Return whether the error refuses a command rather than the session."""
    return (
        error.get("type") == "invalid_request_error"
        and error.get("code") not in _SESSION_CODES
    )


def _by_wording(message: str) -> ErrorCode | None:
    return next(
        (row for row in ERROR_CODES if row.wording and message.startswith(row.wording)),
        None,
    )
