"""One websocket to one deployment: open, ping, send, receive, close."""

from collections.abc import Callable, Mapping
from typing import NoReturn

import aiohttp

from ..errors import CannotConnectError, ConnectionLostError
from ..options import WebSocketOptions
from .endpoint import Endpoint
from .refusals import handshake_error

# How long the service may take to answer a close, in seconds.
_CLOSE_TIMEOUT = 2.0

_FRAMES = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class _Refused(Exception):
    """The server has answered the handshake with a status and no upgrade."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


async def _upgrade_or_refuse(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the reason of a refusal, and follow no redirect: a redirect would take the key along."""
    response = await handler(request)
    if response.status == 101:
        return response
    try:
        body = await response.read()
    except aiohttp.ClientError:
        body = b""
    response.close()
    raise _Refused(response.status, response.headers, body.decode(errors="replace"))


class Connection:
    """One websocket, from the handshake to its end."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        options: WebSocketOptions,
    ) -> None:
        """Prepare a connection; ``headers`` carry the credential.

        ``is_lost`` tells that a frame could not be sent: the reader is about to notice the loss.
        """
        self._session = session
        self._endpoint = endpoint
        self._headers = headers
        self._options = options
        self.is_lost = False
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None

    async def open(self) -> None:
        """Upgrade. Raises a ConnectError with the server's reason."""
        # Shares the given session's connections and TLS; only the middleware is its own.
        self._http = aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_upgrade_or_refuse,),
            timeout=aiohttp.ClientTimeout(total=self._options.connect_timeout),
        )
        try:
            self._socket = await self._http.ws_connect(
                self._endpoint.url,
                headers=self._headers,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
                heartbeat=self._options.heartbeat,
                # The payload is base64 of PCM: it does not shrink. Retrieved items carry
                # whole recordings, far over aiohttp's default of 4 MiB.
                compress=0,
                max_msg_size=0,
                decode_text=False,
            )
        except _Refused as refused:
            error = handshake_error(refused.status, refused.headers, refused.body)
        except aiohttp.ClientResponseError:
            error = CannotConnectError("No WebSocket server answered")
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            raise CannotConnectError from err
        else:
            return
        finally:
            if self._socket is None:
                self._http.detach()
        # Raised here and not in the handlers above: an error keeps the handled exception as its
        # context, which holds the request with its key and the server's answer.
        raise error.without_traceback()

    async def send(self, event: bytes) -> None:
        """Send one JSON text. Raises ConnectionLostError."""
        assert self._socket is not None
        try:
            await self._socket.send_frame(event, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as err:
            self.is_lost = True
            raise ConnectionLostError(self.close_code) from err

    async def send_if_open(self, event: bytes) -> None:
        """Send one JSON text. On a lost connection this does nothing: the reader notices the loss."""
        assert self._socket is not None
        try:
            await self._socket.send_frame(event, aiohttp.WSMsgType.TEXT)
        except aiohttp.ClientError, OSError:
            self.is_lost = True

    async def read(self, on_frame: Callable[[bytes], None]) -> NoReturn:
        """Give every frame to ``on_frame``, until ConnectionLostError."""
        assert self._socket is not None
        receive = self._socket.receive
        try:
            while (message := await receive()).type in _FRAMES:
                on_frame(message.data)
        finally:
            # aiohttp keeps the error that ends the loop, and the error keeps this frame.
            del on_frame
        told = message.extra if message.type is aiohttp.WSMsgType.CLOSE else None
        raise ConnectionLostError(self.close_code, told or "")

    @property
    def close_code(self) -> int | None:
        """The websocket close code; None without a close frame."""
        return self._socket.close_code if self._socket else None

    async def close(self) -> None:
        """Close with code 1000, and release the socket and the HTTP session."""
        try:
            if self._socket is not None:
                await self._socket.close()
        finally:
            if self._http is not None:
                self._http.detach()
