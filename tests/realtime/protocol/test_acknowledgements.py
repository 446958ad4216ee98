"""Commands find their acknowledgements, also when their callers give up."""

from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    ConnectionLostError,
)
from custom_components.azure_realtime_audio.realtime.protocol import commands
from custom_components.azure_realtime_audio.realtime.protocol.acknowledgements import (
    PendingCommands,
)


def committed(item_id: str) -> dict[str, Any]:
    """Return the acknowledgement of a commit."""
    return {"type": "input_audio_buffer.committed", "item_id": item_id}


async def test_in_order() -> None:
    """The oldest command that fits gets the event."""
    pending = PendingCommands()
    first = pending.add(commands.commit_audio(), 10.0)
    second = pending.add(commands.commit_audio(), 10.0)
    pending.acknowledge(committed("item_1"))
    pending.acknowledge(committed("item_2"))
    assert (first.future.result(), second.future.result()) == ("item_1", "item_2")
    assert len(pending) == 0


async def test_caller_that_gives_up() -> None:
    """The next command of the kind does not get the answer to the one before."""
    pending = PendingCommands()
    first = pending.add(commands.commit_audio(), 10.0)
    first.future.cancel()
    second = pending.add(commands.commit_audio(), 10.0)
    pending.acknowledge(committed("item_1"))
    assert not second.future.done()
    pending.acknowledge(committed("item_2"))
    assert second.future.result() == "item_2"


async def test_caller_that_gives_up_is_out_of_time_in_silence() -> None:
    """Nobody waits for it any more."""
    pending = PendingCommands()
    pending.add(commands.clear_audio(), 10.0).future.cancel()
    assert pending.deadline == 10.0
    assert not pending.expire(10.0)
    assert pending.deadline is None


async def test_each_has_its_own_error() -> None:
    """A refusal names its command by event id, by its wording, or is the only one left."""
    pending = PendingCommands()
    delete = pending.add(commands.delete_item("item_1"), 10.0)
    commit = pending.add(commands.commit_audio(), 10.0)
    clear = pending.add(commands.clear_audio(), 10.0)
    pending.refuse({"event_id": commit.event_id, "message": "a"})
    pending.refuse({"message": "Error deleting item: b"})
    pending.refuse({"type": "invalid_request_error", "message": "c"})
    for each, message in (
        (delete, "Error deleting item: b"),
        (commit, "a"),
        (clear, "c"),
    ):
        with pytest.raises(CommandError, match=message):
            each.future.result()


async def test_lost() -> None:
    """Every command hears of the loss."""
    pending = PendingCommands()
    commit = pending.add(commands.commit_audio(), 10.0)
    pending.fail(ConnectionLostError(1006))
    with pytest.raises(ConnectionLostError):
        commit.future.result()
