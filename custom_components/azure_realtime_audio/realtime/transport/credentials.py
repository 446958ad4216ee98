"""The credential of a connection: a key, or a token that each handshake asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import CannotConnectError, InvalidAuthError
from ..options import RealtimeOptions

_NO_TOKEN = "There is no token to connect with"


async def credentials(options: RealtimeOptions, patience: float) -> dict[str, str]:
    """Return the header with the key or a token, which may take ``patience`` seconds.

    Raises CannotConnectError without a token, and InvalidAuthError for a credential that no
    header can have.
    """
    if (provide := options.token_provider) is None:
        return {"api-key": _sendable(options.api_key)}
    return {"Authorization": f"Bearer {_sendable(await _token(provide, patience))}"}


async def _token(provide: Callable[[], Awaitable[object]], patience: float) -> str:
    try:
        providing = asyncio.ensure_future(provide())
    except Exception as err:  # the caller's provider may raise anything
        raise CannotConnectError(_NO_TOKEN) from err
    providing.add_done_callback(_mark_seen)
    try:
        # Not ``asyncio.timeout``: a provider may take no notice of being cancelled.
        await asyncio.wait((providing,), timeout=patience)
        if not providing.done():
            raise CannotConnectError("The token to connect with did not come in time")
    finally:
        providing.cancel()
    error = None if providing.cancelled() else providing.exception()
    if error is not None or providing.cancelled():
        raise CannotConnectError(_NO_TOKEN) from error
    token = providing.result()
    if not isinstance(token, str) or not token:
        raise CannotConnectError(_NO_TOKEN)
    return token


def _mark_seen(future: asyncio.Future[Any]) -> None:
    """Mark an error as retrieved, because no task may wait for the future any more."""
    if not future.cancelled():
        future.exception()


def _sendable(secret: str) -> str:
    """Return a key or token that can be in a header. Raises InvalidAuthError."""
    if not secret.isprintable():
        raise InvalidAuthError("The key has characters that no key has")
    return secret
