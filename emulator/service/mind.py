"""The model in one session: what it hears, what it plans to say, and what it has read before."""

import json
from typing import Any

from ..model import brain
from ..model.reply import Reply
from ..settings import Settings
from ..wire.conversation import Item
from ..wire.usage import Tokens, text_tokens


class Mind:
    """Hears items and plans responses; remembers what earlier responses have read."""

    def __init__(self, settings: Settings) -> None:
        """Start with nothing read."""
        self._settings = settings
        # Each is the hash of all that a response has read up to some place.
        self._read: set[int] = set()

    async def words(
        self, item: Item, session_config: dict[str, Any], config: dict[str, Any]
    ) -> str:
        """Return the words of an item; both configurations say which words are likely."""
        if item.role == "user" and item.audio:
            likely = {
                "tools": [*session_config["tools"], *config["tools"]],
                "instructions": f"{session_config['instructions']}\n{config['instructions']}",
            }
            return await self._settings.ears_of_model.hear(item, likely)
        return item.text

    async def plan(
        self,
        session_config: dict[str, Any],
        config: dict[str, Any],
        context: list[Item],
    ) -> Reply:
        """Return the reply that a test forces, or else the reply that the brain finds."""
        if self._settings.replies:
            return self._settings.replies.popleft()
        lines = [
            brain.Line(
                item.type,
                item.role,
                item.fields,
                await self.words(item, session_config, config),
            )
            for item in context
        ]
        return brain.think(lines, config)

    def input_tokens(
        self, config: dict[str, Any], context: list[Item]
    ) -> tuple[Tokens, Tokens]:
        """Return the tokens that a response read, and those of them that were cached.

        As with real models, only a beginning is cached that some response has read before, to
        the byte: instructions and tools, then one item after the other.
        """
        setup = config["instructions"] + json.dumps(config["tools"])
        parts: list[tuple[Any, Tokens]] = [(setup, Tokens(text=text_tokens(setup)))]
        parts += [(item, item.tokens) for item in context]
        total, cached, place = Tokens(), Tokens(), 0
        for part in parts:
            place = hash((place, part))
            total += part[1]
            if place in self._read:
                cached += part[1]
            self._read.add(place)
        return total, cached
