"""The sound of a reply to an action, over HTTP."""

from contextlib import aclosing, suppress
from http import HTTPStatus

from aiohttp import hdrs, web
from homeassistant.helpers.http import HomeAssistantView

from ..answers.reply import REPLY_URL, Replies

WAV = "audio/wav"


class ReplyView(HomeAssistantView):
    """The sound of a reply. Players do not log in: the token is the key."""

    requires_auth = False
    url = REPLY_URL
    name = "api:azure_realtime_audio:reply"

    def __init__(self, replies: Replies) -> None:
        """Serve these replies."""
        self._replies = replies

    async def head(self, request: web.Request, token: str) -> web.Response:
        """Tell whether the reply is there, as some renderers ask before they play."""
        found = self._replies.get(token) is not None
        return web.Response(
            status=HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, content_type=WAV
        )

    async def get(self, request: web.Request, token: str) -> web.StreamResponse:
        """Serve the reply: as a file when it is complete, else while it is made."""
        reply = self._replies.get(token)
        if reply is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        headers = {hdrs.CACHE_CONTROL: "no-store"}
        if reply.is_done:
            return web.Response(body=reply.wav, content_type=WAV, headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_type = WAV
        await response.prepare(request)
        with suppress(ConnectionError):  # a player may stop listening
            async with aclosing(reply.async_wav_stream()) as stream:
                async for chunk in stream:
                    await response.write(chunk)
            await response.write_eof()
        return response
