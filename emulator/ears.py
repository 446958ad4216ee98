"""The model's ears: the words in PCM16 24 kHz."""

from collections import deque
from typing import Any, Protocol


class Ears(Protocol):
    """Turn speech into text."""

    async def hear(self, pcm: bytes, session: dict[str, Any]) -> str:
        """Return what was said. The session's tools and instructions say what is likely."""


class ScriptedEars:
    """Hear what a test wrote down, in order; then always the same greeting."""

    def __init__(self, script: deque[str]) -> None:
        """Share the script with who fills it."""
        self._script = script

    async def hear(self, pcm: bytes, session: dict[str, Any]) -> str:
        """Return the next line of the script."""
        return self._script.popleft() if self._script else "hello"
