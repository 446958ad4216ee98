"""A media player that plays: it fetches what it is given at the speed at which that sounds."""

import asyncio
from contextlib import suppress
import logging
from pathlib import Path
import shutil
from typing import Any, override

from homeassistant.components import media_source
from homeassistant.components.media_player import (
    BrowseMedia,
    MediaPlayerDeviceClass,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
    async_process_play_media_url,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddEntitiesCallback
from homeassistant.helpers.typing import ConfigType, DiscoveryInfoType

_LOGGER = logging.getLogger(__name__)

# With a sound card it is heard, else it takes as long as if it were.
_ALOUD = ("ffplay", "-loglevel", "error", "-nodisp", "-autoexit")
_SILENT = ("ffmpeg", "-loglevel", "error", "-re", "-i")
_NOWHERE = ("-f", "null", "-")


async def async_setup_platform(
    hass: HomeAssistant,
    config: ConfigType,
    async_add_entities: AddEntitiesCallback,
    discovery_info: DiscoveryInfoType | None = None,
) -> None:
    """Add the speaker."""
    async_add_entities([KitchenSpeaker()])


class KitchenSpeaker(MediaPlayerEntity):
    """A speaker that is playing or idle."""

    _attr_device_class = MediaPlayerDeviceClass.SPEAKER
    _attr_name = "Kitchen speaker"
    _attr_should_poll = False
    _attr_state = MediaPlayerState.IDLE
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY_MEDIA
        | MediaPlayerEntityFeature.BROWSE_MEDIA
        | MediaPlayerEntityFeature.STOP
    )
    _attr_unique_id = "kitchen_speaker"

    def __init__(self) -> None:
        """Begin silent, under the id that the README's examples have."""
        self.entity_id = "media_player.kitchen"
        self._playing: asyncio.Task[None] | None = None

    @override
    async def async_play_media(
        self, media_type: MediaType | str, media_id: str, **kwargs: Any
    ) -> None:
        """Play a media source item or a URL, instead of what is playing."""
        if media_source.is_media_source_id(media_id):
            item = await media_source.async_resolve_media(
                self.hass, media_id, self.entity_id
            )
            media_id = item.url
        await self.async_media_stop()
        self._playing = self.hass.async_create_background_task(
            self._async_play(async_process_play_media_url(self.hass, media_id)),
            "the kitchen speaker",
        )

    @override
    async def async_media_stop(self) -> None:
        """Stop playing."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Be silent in the end."""
        await self.async_media_stop()

    @override
    async def async_browse_media(
        self,
        media_content_type: MediaType | str | None = None,
        media_content_id: str | None = None,
    ) -> BrowseMedia:
        """Offer what can be heard of the media sources."""
        return await media_source.async_browse_media(
            self.hass,
            media_content_id,
            content_filter=lambda item: item.media_content_type.startswith("audio/"),
        )

    async def _async_play(self, url: str) -> None:
        is_aloud = Path("/dev/snd").exists() and shutil.which("ffplay")
        command = (*_ALOUD, url) if is_aloud else (*_SILENT, url, *_NOWHERE)
        self._show(MediaPlayerState.PLAYING)
        player = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            if await player.wait():
                _LOGGER.error("The kitchen speaker could not play")
        finally:
            with suppress(ProcessLookupError):
                player.kill()
            self._show(MediaPlayerState.IDLE)

    def _show(self, state: MediaPlayerState) -> None:
        self._attr_state = state
        self.async_write_ha_state()
