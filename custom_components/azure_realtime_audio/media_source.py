"""The model's spoken replies as media, playable while they are still being made."""

from typing import override

from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant

from .actions.reply_view import WAV
from .answers.reply import DATA_REPLIES, REPLY_URL
from .const import DOMAIN


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
