"""A network that flaps: each loss is mended, and the pauses before the tries are fair."""

import pytest

from custom_components.azure_realtime_audio.realtime import (
    ConnectionState,
    RealtimeClient,
)
from emulator import Emulator

from .conftest import Clock, MakeClient
from .test_client import record, user_text
from .test_close import becomes

FIRST = 0.01  # s, the client's first pause


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses take no time, and note how long each was to be."""
    pauses: list[float] = []

    def note(seconds: float) -> float:
        pauses.append(seconds)
        return 0.0

    module = "custom_components.azure_realtime_audio.realtime.supervisor"
    monkeypatch.setattr(f"{module}.with_jitter", note)
    return pauses


async def flap(emulator: Emulator, client: RealtimeClient) -> None:
    """Lose the connection, and have another one."""
    opened = becomes(client, ConnectionState.OPEN)
    emulator.sessions[-1].abort()
    await opened


async def turn(client: RealtimeClient) -> None:
    """Have the model answer."""
    await (await client.create_response({"output_modalities": ["text"]})).done()


async def test_many_quick_losses(
    emulator: Emulator, make_client: MakeClient, pauses: list[float]
) -> None:
    """As long as each is mended the conversation goes on, with longer and longer pauses."""
    client = make_client({"max_reconnect_attempts": 2, "max_reconnect_delay": 8.0})
    await client.connect()
    states = record(client, "connection_changed")
    await client.create_conversation_item(user_text("hello"))
    for _ in range(12):
        await flap(emulator, client)
    assert {event["state"] for event in states} == {"connecting", "open"}
    assert pauses == [min(FIRST * 2**number, 8.0) for number in range(12)]
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


async def test_loss_that_a_turn_has_mended(
    emulator: Emulator, make_client: MakeClient, pauses: list[float]
) -> None:
    """The next one is tried again at once."""
    client = make_client({"max_reconnect_delay": 8.0})
    await client.connect()
    for _ in range(4):
        await flap(emulator, client)
        await flap(emulator, client)
        await turn(client)
    assert pauses == [FIRST, 2 * FIRST] * 4


async def test_loss_that_time_has_mended(
    emulator: Emulator,
    make_client: MakeClient,
    clock: Clock,
    pauses: list[float],
) -> None:
    """A connection that lasts is as good as a turn; one that was renewed as well."""
    client = make_client({"max_reconnect_delay": 8.0, "renew_after": 60.0})
    await client.connect()
    await flap(emulator, client)
    await clock.advance(9.0)
    await flap(emulator, client)
    renewed = becomes(client, ConnectionState.OPEN)
    for seconds in (60.0, 1.0, 1.0):
        await clock.advance(seconds)
    await renewed
    await flap(emulator, client)
    assert pauses == [FIRST] * 3


async def test_response_that_failed_mends_nothing(
    emulator: Emulator, make_client: MakeClient, pauses: list[float]
) -> None:
    """A turn has not gone through if nothing was answered."""
    client = make_client({"max_reconnect_delay": 8.0})
    await client.connect()
    await flap(emulator, client)
    emulator.faults.add("response_failed*1")
    await turn(client)
    await flap(emulator, client)
    assert pauses == [FIRST, 2 * FIRST]


async def test_tries_that_fail_are_counted_anew(
    emulator: Emulator, make_client: MakeClient, pauses: list[float]
) -> None:
    """Those of a loss that was mended do not use up the tries of the next one."""
    client = make_client({"max_reconnect_attempts": 3})
    await client.connect()
    for _ in range(3):
        emulator.faults.add("http_503*2")
        await flap(emulator, client)
    emulator.faults.add("http_503*3")
    closed = becomes(client, ConnectionState.CLOSED)
    emulator.sessions[-1].abort()
    await closed


async def test_service_that_drops_every_session(
    emulator: Emulator, make_client: MakeClient, pauses: list[float]
) -> None:
    """It is asked less and less often, and found again."""
    client = make_client({"max_reconnect_attempts": 3, "max_reconnect_delay": 0.08})
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    states = record(client, "connection_changed")
    emulator.faults.add("session_expires:0.01")
    emulator.sessions[0].abort()
    while len(pauses) < 8:
        await emulator.next_session()
    emulator.faults.clear()
    await flap(emulator, client)
    await client.connect()
    await client.create_conversation_item(user_text("still there?"))
    assert [item.text for item in emulator.sessions[-1].conversation] == [
        "hello",
        "still there?",
    ]
    assert {event["state"] for event in states} == {"connecting", "open"}
    assert pauses[:6] == [0.01, 0.02, 0.04, 0.08, 0.08, 0.08]
