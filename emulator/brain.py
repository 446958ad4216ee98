"""The model's mind, such as it is: from the words of a conversation to a reply."""

from dataclasses import dataclass
import re
from typing import Any

from .reply import Reply


@dataclass(frozen=True)
class Line:
    """One item as the brain sees it."""

    type: str
    role: str | None
    fields: dict[str, Any]
    words: str


def think(lines: list[Line], config: dict[str, Any]) -> Reply:
    """Plan a response to what was said last."""
    own = config["own_instructions"] or ""
    if verbatim := re.search(
        r"say exactly:?\s*[\"“](.*)[\"”]", own, re.IGNORECASE | re.DOTALL
    ):
        return Reply(text=verbatim[1])
    last = lines[-1] if lines else None
    if last is None or not last.words:
        return Reply(text="Hello! How can I help?")
    return Reply(text=f"You said: {last.words}")
