"""The model's spoken replies as media, playable while they are still being made."""

from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import override

from aiohttp import hdrs, web
from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import HomeAssistantView

from .answers.reply import DATA_REPLIES, REPLY_URL, Replies
from .const import DOMAIN

WAV = "audio/wav"


async def async_get_media_source(hass: HomeAssistant) -> ReplyMediaSource:
    """Set up the media source of replies."""
    return ReplyMediaSource(hass)


class ReplyMediaSource(MediaSource):
    """Replies by their token: only who was told it finds them."""

    name = "Azure Realtime Audio"

    def __init__(self, hass: HomeAssistant) -> None:
        """Look replies up in Home Assistant's data."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Resolve a token to the URL of its reply."""
        if self.hass.data[DATA_REPLIES].get(item.identifier) is None:
            raise Unresolvable(
                translation_domain=DOMAIN, translation_key="reply_not_found"
            )
        return PlayMedia(REPLY_URL.format(token=item.identifier), WAV)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Show an empty shelf: what was said in private is not for every user to hear."""
        if item.identifier:
            raise BrowseError(
                translation_domain=DOMAIN, translation_key="reply_not_found"
            )
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=None,
            media_class=MediaClass.APP,
            media_content_type="",
            title=self.name,
            can_play=False,
            can_expand=True,
            children=[],
        )


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
