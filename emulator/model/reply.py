"""What the model will say and do in one response."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(kw_only=True)
class Reply:
    """One response, planned: made by the brain, or forced by a test.

    `tool_calls` are (name, arguments); arguments may be a raw string, also a broken one.
    `audio` None follows the response's modality, False forces text, True forces speech.
    `pcm` (PCM16 24 kHz) takes the place of the voice. `items` splits the text over several
    messages. `hold` stops the response after its first delta until the event is set. `error`
    becomes `status_details.error` of a failed response. `reason` goes with status incomplete.
    """

    text: str = ""
    tool_calls: list[tuple[str, dict[str, Any] | str]] | None = None
    audio: bool | None = None
    pcm: bytes | None = None
    items: int = 1
    status: Literal["completed", "incomplete", "failed"] = "completed"
    reason: Literal["max_output_tokens", "content_filter"] = "max_output_tokens"
    error: dict[str, Any] | None = None
    hold: asyncio.Event | None = None

    def messages(self) -> list[str]:
        """Return the text of each message item."""
        if self.pcm is not None and not self.text:
            return [""]
        words = self.text.split(" ")
        size = -(-len(words) // self.items)
        texts = [" ".join(words[at : at + size]) for at in range(0, len(words), size)]
        return [text for text in texts if text]
