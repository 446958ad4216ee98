"""Changes that are sent in one go: without waiting in between, and all of them or none."""

import asyncio
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    Changes,
    CommandError,
    CommandTimeoutError,
    ConnectionState,
    InvalidConfigError,
    NotConnectedError,
    RealtimeClient,
    SessionConfig,
)
from emulator import Emulator, Session

from .conftest import MakeClient
from .test_client import next_event, user_text

BRIEF = SessionConfig({"instructions": "Be brief."})
ORPHAN = {
    "id": "orphan",
    "type": "function_call_output",
    "call_id": "nobody_called",
    "output": "{}",
}


def message(item_id: str) -> dict[str, Any]:
    """Return a user's message with an id of its own, which it says."""
    return {"id": item_id, **user_text(item_id)}


def texts(session: Session) -> list[str]:
    """Return what the conversation says."""
    return [item.text for item in session.conversation]


async def test_order(emulator: Emulator, client: RealtimeClient) -> None:
    """A response knows everything that was sent before it."""
    await client.create_conversation_item(message("old"))
    response = await client.create_response(
        after=Changes(
            clears_audio=True,
            deleted=["old", "not_there"],
            session=BRIEF,
            items=[message("one"), message("two")],
        )
    )
    session = emulator.sessions[-1]
    assert [event["type"] for event in list(session.received)[-7:]] == [
        "input_audio_buffer.clear",
        "conversation.item.delete",
        "conversation.item.delete",
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
        "response.create",
    ]
    await response.done()
    assert session.config["instructions"] == "Be brief."
    assert client.item_ids == ["one", "two", *response.item_ids]


async def test_behind_an_item(emulator: Emulator, client: RealtimeClient) -> None:
    """Items go one behind the other, wherever the first goes."""
    await client.create_conversation_item(message("last"))
    await client.apply(
        Changes(items=[message("one"), message("two")], previous_item_id="root")
    )
    assert texts(emulator.sessions[-1]) == ["one", "two", "last"]
    assert client.item_ids == ["one", "two", "last"]


async def test_nothing_is_awaited(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """Everything is sent before anything is acknowledged."""
    client = make_client({"command_timeout": 0.3}, api_version=api_version)
    await client.connect()
    session = emulator.sessions[-1]
    emulator.faults.add("no_ack:session.update", times=1)
    creating = asyncio.ensure_future(
        client.create_response(after=Changes(session=BRIEF, items=[message("one")]))
    )
    await session.wait_for("response.create")
    assert not creating.done()
    with pytest.raises(CommandTimeoutError):
        await creating


@pytest.mark.parametrize("fault", ["", "null_error_codes", "null_error_event_ids"])
async def test_refused_item(
    emulator: Emulator, client: RealtimeClient, fault: str
) -> None:
    """The item's own error is raised, and the conversation is as it was."""
    if fault:
        emulator.faults.add(fault)
    await client.create_conversation_item(message("old"))
    with pytest.raises(CommandError, match="Tool call ID"):
        await client.create_response(
            after=Changes(items=[message("one"), ORPHAN, message("two")])
        )
    assert client.item_ids == ["old"]
    assert client.active_response is None
    # What could have been left behind of the response would be in the way of this one.
    await (await client.create_response()).done()
    assert texts(emulator.sessions[-1])[0] == "old"
    assert len(texts(emulator.sessions[-1])) == 2


async def test_refused_settings(emulator: Emulator, client: RealtimeClient) -> None:
    """Nothing that rested on settings which the service refused stays."""
    emulator.faults.add("refuse:session.update", times=1)
    with pytest.raises(CommandError):
        await client.create_response(
            after=Changes(session=BRIEF, items=[message("new")])
        )
    assert client.item_ids == []
    assert client.current_session["instructions"] != "Be brief."


async def test_refused_response(emulator: Emulator, client: RealtimeClient) -> None:
    """Where the response itself is refused, its items go."""
    emulator.faults.add("refuse:response.create", times=1)
    with pytest.raises(CommandError):
        await client.create_response(after=Changes(items=[message("new")]))
    assert client.item_ids == []
    assert texts(emulator.sessions[-1]) == []


async def test_what_cannot_be_sent(emulator: Emulator, client: RealtimeClient) -> None:
    """A value that JSON cannot carry is refused before the service has answered the rest."""
    with pytest.raises(InvalidConfigError):
        await client.apply(
            Changes(items=[message("new"), {**message("odd"), "extra": object()}])
        )
    assert client.item_ids == []


async def test_behind_the_configuration(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """Commands are sent right behind a configuration that is under way."""
    client = make_client(api_version=api_version)
    emulator.faults.add("late_ack:session.update", times=1)
    await client.connect(configured=False)
    assert client.state == "connecting"
    response = await client.create_response(after=Changes(items=[message("one")]))
    await response.done()
    assert client.state == "open"
    assert client.item_ids[0] == "one"


async def test_behind_a_refused_configuration(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """Commands behind a refused configuration fail with it."""
    client = make_client(api_version=api_version)
    emulator.faults.add("refuse:session.update", times=1)
    await client.connect(configured=False)
    with pytest.raises(CommandError, match="The server had an error"):
        await client.create_response()
    assert client.state is ConnectionState.CLOSED
    with pytest.raises(NotConnectedError):
        await client.create_response()


async def test_behind_what_was_said_before(
    emulator: Emulator, make_client: MakeClient, api_version: str | None
) -> None:
    """A new session knows the conversation before it hears more; nothing is lost or doubled."""
    client = make_client(api_version=api_version)
    await client.connect()
    await client.create_conversation_item(message("one"))
    lost = asyncio.ensure_future(
        next_event(client, "connection_changed", state=ConnectionState.CONNECTING)
    )
    emulator.sessions[-1].abort()
    await lost
    emulator.faults.add("late_ack:session.update", times=1)
    await client.connect(configured=False)
    await client.apply(Changes(items=[message("two")]))
    assert texts(emulator.sessions[-1]) == ["one", "two"]
    await client.connect()
    assert client.item_ids == ["one", "two"]
