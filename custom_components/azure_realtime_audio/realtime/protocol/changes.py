"""Changes to a session and its conversation that belong together, and are sent in one go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .acknowledgements import Command
from .commands import clear_audio, create_item, delete_item, update_session
from .items import new_item_id, validate_item
from .live_session import LiveSession
from .session_config import SessionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to change, in the order of these fields.

    ``clears_audio`` throws away what was appended since the last commit. ``deleted`` are the
    ids of items; an item that is not there is passed over. ``session`` changes settings.
    ``items``, which may have ids of their own, are added one behind the other: at the end,
    or behind ``previous_item_id`` ("root" is the front).
    """

    clears_audio: bool = False
    deleted: Sequence[str] = ()
    session: SessionConfig | None = None
    items: Sequence[Mapping[str, Any]] = ()
    previous_item_id: str | None = None

    def __bool__(self) -> bool:
        """Return whether there is anything to change."""
        return bool(self.clears_audio or self.deleted or self.session or self.items)

    def commands(
        self, live: LiveSession, on_updated: Callable[[SessionConfig], None]
    ) -> list[Command[Any]]:
        """Return the commands that make the changes in this session.

        ``on_updated`` is called with the settings once they are changed. Raises
        InvalidConfigError.
        """
        commands: list[Command[Any]] = [clear_audio()] if self.clears_audio else []
        commands += [delete_item(live, item_id) for item_id in self.deleted]
        if self.session is not None:
            commands.append(update_session(self.session, on_updated))
        previous_id = self.previous_item_id
        for described in self.items:
            item = {"id": new_item_id(), **validate_item(described)}
            commands.append(create_item(live, item, previous_id))
            previous_id = item["id"] if previous_id is not None else None
        return commands


NO_CHANGES = Changes()
