"""The sound of a reply on its way to a browser."""

from collections.abc import Callable, Mapping
from typing import Any

from pybase64 import b64encode_as_string

from .turn import LiveTurn


async def async_send_sound(
    turn: LiveTurn, tell: Callable[[Mapping[str, Any]], None]
) -> None:
    """Send the sound of a turn's reply, no faster than the browser takes it.

    Ends with the reply. Raises BrowserDoesNotReadError.
    """
    playback = turn.playback
    item_id: str | None = None

    def end_item() -> None:
        if item_id is not None:
            duration_ms = playback.sent_ms(item_id)
            tell({"type": "audio_done", "item_id": item_id, "duration_ms": duration_ms})

    async for response, delta in turn.speech.deltas():
        if delta is None:
            end_item()
            item_id = None
            continue
        if delta.kind != "audio":
            continue
        if item_id != delta.item_id:
            end_item()
            item_id = delta.item_id
        await playback.async_room()
        if turn.is_stopped:
            return
        playback.note_sent(item_id, len(delta.audio))
        tell(
            {
                "type": "audio",
                "item_id": item_id,
                "response_id": response.id,
                "audio": b64encode_as_string(delta.audio),
            }
        )
