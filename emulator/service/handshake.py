"""The handshake: which requests get a session, and how the service refuses the others.

Azure refuses with an HTTP status before the upgrade. OpenAI's own endpoint upgrades, sends an
`error` and closes (captured 2026-09-18).
"""

import re
from typing import Any

from aiohttp import web

from ..faults import Faults
from ..settings import Settings
from ..wire.dialect import Dialect, Ga, Preview
from ..wire.ids import new_id

_NO_REALTIME = (
    "The realtime operation does not work with the specified model. "
    "Please choose different model and try again."
)
_STATUS: dict[str, tuple[int, str, str]] = {
    "http_400": (400, "OpperationNotSupported", _NO_REALTIME),
    "http_400_spelled": (400, "OperationNotSupported", _NO_REALTIME),
    "http_400_api_version": (400, "BadRequest", "API version not supported"),
    "http_401": (
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
        "provide a valid key for an active subscription and use a correct regional API endpoint "
        "for your resource.",
    ),
    "http_403": (403, "403", "Access denied due to Virtual Network/Firewall rules."),
    "http_404_deployment": (
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again.",
    ),
    "http_404_resource": (404, "404", "Resource not found"),
    "http_429": (
        429,
        "429",
        "Requests have exceeded the rate limit. Please retry later.",
    ),
    "http_500": (500, "InternalServerError", "The server had an error."),
    "http_503": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
}

_CLOSES: dict[str, tuple[int, str, str]] = {
    "openai_invalid_api_key": (3000, "invalid_api_key", "Incorrect API key provided."),
    "openai_invalid_model": (
        4000,
        "invalid_model",
        "The requested model does not exist.",
    ),
    "openai_missing_model": (
        4000,
        "missing_model",
        "You must provide a model parameter.",
    ),
    "openai_beta_disabled": (
        4000,
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    ),
    "openai_insufficient_quota": (
        4000,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
}

_API_VERSION = re.compile(r"202[4-9]-\d\d-\d\d(-preview)?")
_FIRST_API_VERSION = "2024-10-01-preview"


def chosen_dialect(request: web.Request, faults: Faults) -> Dialect:
    """Return the dialect of a request that gets a session."""
    version = request.query.get("api-version")
    is_ga = version is None
    if faults.take("wrong_dialect") is not None:
        is_ga = not is_ga
    return Ga() if is_ga else Preview(version or "2025-04-01-preview")


def refusal(
    settings: Settings, request: web.Request, *, ga: bool
) -> web.Response | None:
    """Return Azure's refusal of a request, or None if the request gets a session."""
    for name in _STATUS:
        if (argument := settings.faults.take(name)) is not None:
            return _answer(name, argument)
    reason = _what_is_wrong(settings, request, ga=ga)
    return _answer(reason) if reason else None


async def not_found(request: web.Request) -> web.Response:
    """Answer a request for any other path."""
    return _answer("http_404_resource")


def _what_is_wrong(settings: Settings, request: web.Request, *, ga: bool) -> str | None:
    version = request.query.get("api-version")
    if not _has_key(request, settings.api_key):
        return "http_401"
    if ga and settings.preview_only:
        return "http_404_resource"
    if ga and version is not None:
        return "http_401"
    if not ga:
        if version is None:
            return "http_404_resource"
        if not _API_VERSION.fullmatch(version) or version < _FIRST_API_VERSION:
            return "http_400_api_version"
    deployment = request.query.get("model" if ga else "deployment")
    if deployment in settings.other_deployments:
        return "http_400"
    return None if deployment == settings.deployment else "http_404_deployment"


def _has_key(request: web.Request, key: str) -> bool:
    return key in (
        request.headers.get("api-key"),
        request.headers.get("Authorization", "").removeprefix("Bearer "),
        request.query.get("api-key"),
    )


def _answer(name: str, argument: str = "") -> web.Response:
    status, code, message = _STATUS[name]
    headers = {"apim-request-id": new_id("request")}
    if status == 429:
        milliseconds = int(argument or 1500)
        headers["retry-after-ms"] = str(milliseconds)
        headers["retry-after"] = str(-(-milliseconds // 1000))
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


async def turned_away(settings: Settings, socket: web.WebSocketResponse) -> bool:
    """Refuse a client as OpenAI does, on the open socket; return whether the client is refused."""
    for name, (close_code, code, message) in _CLOSES.items():
        if settings.faults.take(name) is not None:
            error: dict[str, Any] = {"type": "invalid_request_error", "code": code}
            error |= {"message": message, "param": None, "event_id": None}
            event = {"type": "error", "event_id": new_id("event"), "error": error}
            await socket.send_json(event)
            reason = f"invalid_request_error.{code}"
            await socket.close(code=close_code, message=reason.encode())
            return True
    return False
