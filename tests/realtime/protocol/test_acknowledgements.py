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

from .conftest import Bench


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


async def test_each_has_its_own_error(bench: Bench) -> None:
    """A refusal names its command by event id, by its wording, or is the only one left."""
    pending = PendingCommands()
    delete = pending.add(commands.delete_item(bench.live, "item_1"), 10.0)
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


async def test_refusal_that_may_be_of_several(bench: Bench) -> None:
    """Those that are acknowledged were not refused; the error waits for the one that is left."""
    pending = PendingCommands()
    delete = pending.add(commands.delete_item(bench.live, "item_1"), 10.0)
    commit = pending.add(commands.commit_audio(), 10.0)
    pending.refuse({"type": "invalid_request_error", "message": "Nein."})
    assert not delete.future.done()
    assert not commit.future.done()
    pending.acknowledge(committed("item_1"))
    assert commit.future.result() == "item_1"
    with pytest.raises(CommandError, match="Nein"):
        delete.future.result()


async def test_as_many_refusals_as_commands(bench: Bench) -> None:
    """Where all are refused, nobody has to wait."""
    pending = PendingCommands()
    deletions = [
        pending.add(commands.delete_item(bench.live, f"item_{number}"), 10.0)
        for number in range(3)
    ]
    pending.refuse({"message": "Error deleting item: a"})
    pending.refuse({"message": "Error deleting item: b"})
    assert not any(each.future.done() for each in deletions)
    pending.refuse({"message": "Error deleting item: c"})
    errors = [each.future.exception() for each in deletions]
    assert [str(error)[-1] for error in errors] == ["a", "b", "c"]


async def test_refusal_of_a_command_that_is_out_of_time() -> None:
    """The reason that was told is better than none."""
    pending = PendingCommands()
    clear = pending.add(commands.clear_audio(), 10.0)
    pending.add(commands.commit_audio(), 11.0)
    pending.refuse({"type": "invalid_request_error", "message": "Nein."})
    assert pending.expire(10.0)
    with pytest.raises(CommandError, match="Nein"):
        clear.future.result()


@pytest.mark.parametrize(
    "told",
    [
        {"param": "audio", "message": "Invalid 'audio'."},
        {"event_id": "append", "message": "Invalid."},
        {"param": "session.voice", "message": "Invalid 'session.voice'."},
        {"code": "item_delete_invalid_item_id", "message": "Kein solches Item."},
    ],
)
async def test_refusal_of_something_else(told: dict[str, Any]) -> None:
    """What the error tells is not what waits, though nothing else does."""
    pending = PendingCommands()
    commit = pending.add(commands.commit_audio(), 10.0)
    pending.refuse({"type": "invalid_request_error", **told})
    pending.acknowledge(committed("item_1"))
    assert commit.future.result() == "item_1"


async def test_refusal_of_a_command_that_is_known_no_more() -> None:
    """An error that names a command which has its answer is nobody else's."""
    pending = PendingCommands()
    first = pending.add(commands.commit_audio(), 10.0)
    pending.acknowledge(committed("item_1"))
    second = pending.add(commands.commit_audio(), 10.0)
    refusal = {"type": "invalid_request_error", "message": "Nein."}
    pending.refuse({**refusal, "event_id": first.event_id})
    assert not second.future.done()
    # The id of a gateway's own, which names no command.
    pending.refuse({**refusal, "event_id": "event_of_a_gateway"})
    with pytest.raises(CommandError, match="Nein"):
        second.future.result()


async def test_refusal_while_audio_is_under_way() -> None:
    """It may be of the audio, so that a command that is acknowledged was not refused."""
    pending = PendingCommands()
    clear = pending.add(commands.clear_audio(), 10.0)
    refusal = {"type": "invalid_request_error", "message": "Nein."}
    pending.refuse(refusal, may_be_audio=True)
    pending.acknowledge({"type": "input_audio_buffer.cleared"})
    assert clear.future.result() is None
    late = pending.add(commands.clear_audio(), 20.0)
    pending.refuse(refusal, may_be_audio=True)
    assert pending.expire(20.0)
    assert isinstance(late.future.exception(), CommandError)
