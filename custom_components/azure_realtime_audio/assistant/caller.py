"""Who calls an action, as far as Home Assistant tells."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self
import weakref

from homeassistant.core import Context, callback
from homeassistant.helpers.trace import trace_id_get


@dataclass(frozen=True, slots=True)
class Caller:
    """A run of an automation or a script, a user, or a task of another program.

    All actions of one run have one context. Other programs have a new context each time:
    what they call one after the other in a task belongs together, and so does what a user
    calls by hand.
    """

    context_id: str
    user_id: str | None
    is_run: bool
    task: weakref.ref[asyncio.Task[Any]] | None

    @classmethod
    @callback
    def of(cls, context: Context) -> Self:
        """Return who calls an action in this task with this context."""
        task = asyncio.current_task()
        return cls(
            context.id,
            context.user_id,
            trace_id_get() is not None or context.parent_id is not None,
            None if task is None else weakref.ref(task),
        )

    def is_same(self, other: Caller) -> bool:
        """Return whether two actions are the same caller's."""
        if self.context_id == other.context_id:
            return True
        if self.is_run or other.is_run:
            return False
        if self.user_id is not None and self.user_id == other.user_id:
            return True
        if self.task is None or other.task is None or (task := self.task()) is None:
            return False
        return task is other.task()

    def may_be_same(self, other: Caller) -> bool:
        """Return whether nothing is known of either that would tell them apart."""
        if self.is_run or other.is_run:
            return self.is_same(other)
        return self.is_same(other) or self.user_id is None is other.user_id
