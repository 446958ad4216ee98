"""How much of a reply has been heard."""

import asyncio
from collections.abc import Mapping

from ..realtime import BYTES_PER_SECOND


class Playback:
    """How much of each item has been heard, as far as anybody here can know.

    Players do not report back: playback is taken to begin with the first byte it got and
    to go on without a break.
    """

    def __init__(self) -> None:
        """Begin with nothing played."""
        self._began: float | None = None
        self._stopped: float | None = None
        self._pieces: list[tuple[str | None, float]] = []

    def note(self, item_id: str | None, pcm: bytes) -> None:
        """Note that the player got this."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        self._pieces.append((item_id, len(pcm) / BYTES_PER_SECOND))

    def stop(self) -> None:
        """Note that the player has stopped: nothing more is heard from now on."""
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().time()

    def heard_ms(self) -> Mapping[str, int]:
        """Return how many ms of each item have been heard by now."""
        heard: dict[str, float] = {}
        if self._began is not None:
            until = self._stopped or asyncio.get_running_loop().time()
            left = max(0.0, until - self._began)
            for item_id, seconds in self._pieces:
                if item_id is not None:
                    heard[item_id] = heard.get(item_id, 0) + min(seconds, left)
                left = max(0.0, left - seconds)
        return {item_id: int(seconds * 1000) for item_id, seconds in heard.items()}


def heard_words(text: str, part: float) -> str:
    """Return about the words that were heard of a text, whole ones only.

    ``part`` is how much of its sound was heard, 0 to 1: when each word was spoken is not known.
    """
    if part >= 1:
        return text
    end = round(len(text) * max(0.0, part))
    if end < len(text) and not text[end : end + 1].isspace():
        end = text.rfind(" ", 0, end + 1) if " " in text[: end + 1] else 0
    return text[: max(0, end)].rstrip()
