"""The meaning of a refused connection: HTTP answers, error events, close codes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
import json
import re
from typing import Any

from ..errors import (
    CannotConnectError,
    ConnectError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAuthError,
    NotRealtimeModelError,
    RateLimitedError,
    ServiceFailingError,
    UnsupportedApiVersionError,
)
from ..protocol.error_codes import ERROR_CODES, connect_error, error_code

# Close codes after which the official SDK connects again (openai-python 3.54), and a gateway's
# that found nobody behind it; None is a socket that broke without a close frame.
_TRANSIENT_CLOSES = frozenset({None, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015})
_POLICY_VIOLATION = 1008
# What servers say in plain words when they close so, besides the service's codes.
_REFUSING_WORDS: tuple[tuple[str, type[ConnectError]], ...] = (
    ("unauthori", InvalidAuthError),
    ("authentication", InvalidAuthError),
    ("api_key", InvalidAuthError),
    ("invalid_token", InvalidAuthError),
    ("forbidden", ForbiddenError),
    ("access_denied", ForbiddenError),
)


def handshake_error(status: int, headers: Mapping[str, str], body: str) -> ConnectError:
    """Return the error of an HTTP answer in place of the upgrade: Azure refuses so.

    Statuses as in Azure docs 2026-03-19; 400 OpperationNotSupported (sic) and 401 were captured
    on the WebSocket (2026-06-10, 2026-09-24). Nobody has captured the refusal of a retired model
    there; of REST, 400 OperationNotSupported and a bare 404 are known.
    """
    code, message = _body_error(body)
    if status in {400, 404} and ("api version" in message or "apiversion" in code):
        return UnsupportedApiVersionError()
    retry_after = _retry_after(headers)
    if known := connect_error(code, retry_after):
        return known
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return InvalidAuthError()
        case HTTPStatus.FORBIDDEN:
            return ForbiddenError()
        case HTTPStatus.NOT_FOUND:
            return DeploymentNotFoundError()
        case HTTPStatus.GONE:
            return NotRealtimeModelError()
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError(retry_after)
    answer = f"The service answered with HTTP status {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceFailingError(answer)
    return CannotConnectError(answer)


def refusal_error(
    error: Mapping[str, Any] | None, close_code: int | None, reason: str = ""
) -> ConnectError:
    """Return the error of an `error` event or a close before `session.created`: OpenAI refuses so.

    `reason` is that of the close frame. Captured 2026-09-18: 3000 for the key, 4000 for the shape of the request (model, beta header).
    """
    if known := connect_error(error_code(error or {})):
        return known
    match close_code:
        case 3000:
            return InvalidAuthError()
        case 4000:
            return NotRealtimeModelError()
        case 1008 if told := _error_in(reason):
            return told
    if close_code is None:
        return ServiceFailingError("The service ended the session before it began")
    return ServiceFailingError(
        f"The service closed the session at once (close code {close_code})"
    )


def is_transient_close(code: int | None, reason: str = "") -> bool:
    """Return whether a new connection may succeed after this WebSocket close code.

    1008 says no more than that something is not allowed, such as one session too many for now:
    whether that lasts shows in the frame's reason.
    """
    if code == _POLICY_VIOLATION:
        told = _error_in(reason)
        return told is None or told.transient
    return code in _TRANSIENT_CLOSES


def _error_in(reason: str) -> ConnectError | None:
    """Return the error that the reason of a close frame names, None if it names none."""
    words = re.sub(r"[^a-z0-9]+", "_", reason.lower())
    for row in ERROR_CODES:
        if row.error is not None and row.code is not None and row.code in words:
            return connect_error(row.code)
    kind = next((kind for word, kind in _REFUSING_WORDS if word in words), None)
    return kind() if kind else None


def _body_error(body: str) -> tuple[str, str]:
    """Return code and message of an HTTP error's JSON body in lower case, empty if it has none."""
    try:
        error = json.loads(body)
    except ValueError:
        return "", ""
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if not isinstance(error, dict):
        return "", ""
    return error_code(error), str(error.get("message")).lower()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait; Azure has retry-after-ms beside the standard header."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = lower.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) / unit
    try:
        moment = parsedate_to_datetime(lower["retry-after"])
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except KeyError, TypeError, ValueError:
        return None
