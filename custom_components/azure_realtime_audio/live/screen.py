"""A named screen: a page in a browser that Home Assistant can speak at, and hear."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.ulid import ulid_now

from ..assistant.timing import Timing
from ..errors import translated
from ..realtime import BYTES_PER_SECOND, SAMPLE_RATE, Resampler

type Purpose = Literal["question", "conversation"]
type Failure = Literal["sound", "microphone"]

# Pipelines hear 16 kHz.
_PIPELINE_RATE: Final = 16_000
# What may wait for a pipeline that takes the sound slower than it is said; of more, the last.
_MAX_WAITING: Final = 10 * BYTES_PER_SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """An open page: ``tell`` sends it an event; ``user_id`` is of the person who is logged in."""

    tell: Callable[[Mapping[str, Any]], None]
    user_id: str


class Satellite(Protocol):
    """The entity of a screen."""

    def async_page_changed(self) -> None:
        """Learn that a page has come, or has gone."""

    def async_run(self) -> None:
        """Hear what somebody says at the page."""

    def async_stop(self) -> None:
        """End what goes on."""

    def async_fail(self, error: HomeAssistantError) -> None:
        """End what goes on, with an error."""


class Listening:
    """What a page's microphone hears: 24 kHz PCM16 mono comes in, 16 kHz goes out."""

    def __init__(self, listening_id: str) -> None:
        """Begin with silence."""
        self.id = listening_id
        self._resampler = Resampler(SAMPLE_RATE, _PIPELINE_RATE)
        self._waiting = bytearray()
        self._changed = asyncio.Event()
        self.is_open = True

    @callback
    def put(self, pcm: bytes) -> None:
        """Take a frame."""
        if self.is_open:
            self._waiting += pcm
            del self._waiting[: max(0, len(self._waiting) - _MAX_WAITING) & ~1]
            self._changed.set()

    @callback
    def close(self) -> None:
        """Take nothing any more; what was heard can still be read."""
        self.is_open = False
        self._changed.set()

    async def audio(self) -> AsyncGenerator[bytes]:
        """Yield what is heard, 16 kHz PCM16 mono, until the end."""
        while self._waiting or self.is_open:
            await self._changed.wait()
            self._changed.clear()
            heard, self._waiting = bytes(self._waiting), bytearray()
            if pcm := self._resampler.process(heard):
                yield pcm


class Screen:
    """Holds the page that has a name at the moment; the newest of several."""

    def __init__(self, name: str, unique_id: str, timing: Timing) -> None:
        """Begin without a page. The unique id is that of the screen's entity and device."""
        self.name = name
        self.unique_id = unique_id
        self.satellite: Satellite | None = None
        self.has_satellite = asyncio.Event()
        self._timing = timing
        self._page: Page | None = None
        self._playing: dict[str, asyncio.Future[None]] = {}
        self._listening: Listening | None = None

    @property
    def page(self) -> Page | None:
        """The page, if one is open."""
        return self._page

    # The page

    @callback
    def connect(self, page: Page) -> None:
        """Have a page; another one that had the name is told so."""
        self._leave_page({"type": "taken_over"})
        self._page = page
        self._tell_satellite()

    @callback
    def disconnect(self, page: Page) -> None:
        """Lose a page, unless another has the name already."""
        if page is self._page:
            self._leave_page(None)
            self._tell_satellite()

    @callback
    def end(self) -> None:
        """Tell the page that its screen is no more."""
        if self._page is not None:
            self._leave_page({"type": "ended"})
            self._tell_satellite()

    def _tell_satellite(self) -> None:
        if self.satellite is not None:
            self.satellite.async_page_changed()

    def _leave_page(self, last_words: Mapping[str, Any] | None) -> None:
        """End all that goes on at the page."""
        page, self._page = self._page, None
        if page is not None and last_words is not None:
            page.tell(last_words)
        for playing in self._playing.values():
            if not playing.done():
                playing.set_exception(self.gone())
        if self._listening is not None:
            self._listening.close()

    def gone(self) -> HomeAssistantError:
        """Return the error of what a page did not stay for."""
        return translated("screen_gone", name=self.name)

    # What the page tells

    @callback
    def hear(self, page: Page, pcm: bytes) -> None:
        """Take a frame of a page's microphone. One with half a sample is passed over."""
        if page is self._page and self._listening is not None and not len(pcm) % 2:
            self._listening.put(pcm)

    @callback
    def done(self, play_id: str) -> None:
        """Learn that the page has played something to its end."""
        if (playing := self._playing.get(play_id)) and not playing.done():
            playing.set_result(None)

    @callback
    def failed(self, failed_id: str, failure: Failure) -> None:
        """Learn that the page cannot play, or cannot listen."""
        error = translated(f"screen_no_{failure}", name=self.name)
        if (playing := self._playing.get(failed_id)) and not playing.done():
            playing.set_exception(error)
        listening = self._listening
        if listening is not None and listening.id == failed_id:
            self.end_listening(listening)
            if self.satellite is not None:
                self.satellite.async_fail(error)

    # What the page is to do

    @callback
    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell the page something, if there is one."""
        if self._page is not None:
            self._page.tell(event)

    async def async_announce(
        self, url: str, preannounce_url: str | None, text: str
    ) -> None:
        """Have the page play something, to its end. Raises HomeAssistantError."""
        play_id = ulid_now()
        announcement = {"type": "announce", "id": play_id, "url": url, "text": text}
        if preannounce_url is not None:
            announcement["preannounce_url"] = preannounce_url
        with self.playing(play_id) as playing:
            self.tell(announcement)
            await self.async_played(playing)

    @contextmanager
    def playing(self, play_id: str) -> Generator[asyncio.Future[None]]:
        """Expect the page to tell of something that it plays. Raises HomeAssistantError."""
        if self._page is None:
            raise self.gone()
        playing = asyncio.get_running_loop().create_future()
        self._playing[play_id] = playing
        try:
            yield playing
        finally:
            del self._playing[play_id]
            # An error that came first may have kept everybody from waiting.
            if playing.done() and not playing.cancelled():
                playing.exception()

    async def async_played(self, playing: asyncio.Future[None]) -> None:
        """Wait until the page has played it. Raises HomeAssistantError."""
        try:
            async with asyncio.timeout(self._timing.screen_plays):
                await playing
        except TimeoutError:
            raise translated("screen_silent", name=self.name) from None

    @contextmanager
    def listening(self, purpose: Purpose, text: str) -> Generator[Listening]:
        """Have the page listen; ``text`` is what was asked. Raises HomeAssistantError."""
        if self._page is None:
            raise self.gone()
        listening = Listening(ulid_now())
        self._listening = listening
        self.tell(
            {"type": "listen", "id": listening.id, "purpose": purpose, "text": text}
        )
        try:
            yield listening
        finally:
            self.end_listening(listening)

    @callback
    def end_listening(self, listening: Listening) -> None:
        """Have the page close its microphone, once."""
        if listening is self._listening:
            self._listening = None
            listening.close()
            self.tell({"type": "listen_end", "id": listening.id})
