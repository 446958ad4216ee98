"""A media player of the house at which a reply is played."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.media_player import (
    ATTR_MEDIA_ANNOUNCE,
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    DOMAIN as MEDIA_PLAYER,
    SERVICE_PLAY_MEDIA,
    MediaType,
)
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_MEDIA_STOP
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN, LOGGER
from ..voice.speech import Speech
from .player_playback import PlayerPlayback

# Makes media of a speech that is being made. Called with what hears the pieces that a player
# has fetched, and of which item; returns the id of the media, and the media's end.
type Publish = Callable[
    [Speech, Callable[[str | None, bytes], None]], tuple[str, CALLBACK_TYPE]
]


class MediaPlayerError(HomeAssistantError):
    """A media player cannot play a reply."""

    def __init__(self, media_player: str) -> None:
        """Take the sentence from the translations."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key="media_player_failed",
            translation_placeholders={"name": media_player},
        )


class ReplyPlayer:
    """Plays one reply, with the rights of the person who wants it there."""

    def __init__(
        self,
        hass: HomeAssistant,
        media_player: str,
        context: Context,
        publish: Publish,
        patience: float,
    ) -> None:
        """Begin with nothing. A player that fetches nothing is given up after ``patience`` s."""
        self.playback = PlayerPlayback(patience)
        self._hass = hass
        self._media_player = media_player
        self._context = context
        self._publish = publish
        self._end_media: CALLBACK_TYPE | None = None

    async def async_play(self, speech: Speech, on_sound: CALLBACK_TYPE) -> None:
        """Have a reply played from its first sound on; returns when it is made to its end.

        ``on_sound`` hears that there is more of it. Raises MediaPlayerError.
        """
        playing: asyncio.Task[None] | None = None
        try:
            async for _, delta in speech.deltas():
                if delta is None or delta.kind != "audio":
                    continue
                self.playback.note_sent(delta.item_id, len(delta.audio))
                if playing is None:
                    playing = asyncio.ensure_future(self._async_begin(speech))
                on_sound()
            if playing is not None:
                await playing
        finally:
            if playing is not None:
                playing.cancel()

    async def _async_begin(self, speech: Speech) -> None:
        media, self._end_media = self._publish(speech, self.playback.note_given)
        data = {
            ATTR_MEDIA_CONTENT_ID: media,
            ATTR_MEDIA_CONTENT_TYPE: MediaType.MUSIC,
            ATTR_MEDIA_ANNOUNCE: True,
        }
        await self._async_call(SERVICE_PLAY_MEDIA, data)

    async def async_stop(self) -> None:
        """Play no more. A player that cannot stop plays on."""
        try:
            await self._async_call(SERVICE_MEDIA_STOP, {})
        except MediaPlayerError as err:
            LOGGER.debug("A reply cannot be stopped: %s", err)

    @callback
    def end(self) -> None:
        """Note that the reply has been heard, or was ended."""
        if self._end_media is not None:
            self._end_media()

    async def _async_call(self, action: str, data: Mapping[str, Any]) -> None:
        try:
            await self._hass.services.async_call(
                MEDIA_PLAYER,
                action,
                {ATTR_ENTITY_ID: self._media_player, **data},
                blocking=True,
                context=self._context,
            )
        except HomeAssistantError as err:
            LOGGER.debug("%s does not obey: %s", self._media_player, err)
            raise MediaPlayerError(self._media_player) from None
