"""A session is moved to a new socket before the service ends it, and nobody notices."""

import asyncio
from base64 import b64decode
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CannotConnectError,
    CommandError,
    ConnectionState,
    RealtimeClient,
    client as client_module,
)
from emulator import Emulator, Reply

from .conftest import MakeClient
from .test_client import SPEECH, next_event, record, user_text

OLD = {"renew_after": 0.2}


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """See at once that nothing goes on any more."""
    monkeypatch.setattr(client_module, "_QUIET_SECONDS", 0.02)


@pytest.fixture
async def client(make_client: MakeClient, api_version: str | None) -> RealtimeClient:
    """Return a client whose session is old soon, of each dialect in turn."""
    client = make_client(OLD, api_version=api_version)
    await client.connect()
    return client


def changes_to(client: RealtimeClient, state: ConnectionState) -> asyncio.Future[Any]:
    """Return what ends with this state."""
    return asyncio.ensure_future(next_event(client, "connection_changed", state=state))


def said(emulator: Emulator) -> list[str]:
    """Return what the newest session's conversation says."""
    return [item.text for item in emulator.sessions[-1].conversation]


async def test_moves_in_time(emulator: Emulator, client: RealtimeClient) -> None:
    """The new session knows what was said; the old one is closed properly."""
    errors = record(client, "error")
    await client.create_conversation_item(user_text("hello"))
    old = client.session_id
    await changes_to(client, ConnectionState.OPEN)
    assert client.session_id not in (None, old)
    assert said(emulator) == ["hello"]
    await client.create_conversation_item(user_text("still there?"))
    assert said(emulator)[:2] == ["hello", "still there?"]
    assert emulator.sessions[0].closed
    assert errors == []


async def test_commands_wait(emulator: Emulator, client: RealtimeClient) -> None:
    """Whoever gives a command meanwhile finds it carried out on the new session."""
    emulator.faults.add("late_ack:session.update", times=1)
    await changes_to(client, ConnectionState.CONNECTING)
    await client.append_pcm(SPEECH)
    created, committed, _ = await asyncio.gather(
        client.create_conversation_item(user_text("hello")),
        client.commit_audio(),
        client.update_session({"instructions": "Be brief."}),
    )
    session = emulator.sessions[-1]
    assert len(emulator.sessions) == 2
    assert [item.id for item in session.conversation] == [created, committed]
    assert bytes([*session.conversation].pop().audio) == SPEECH
    assert session.config["instructions"] == "Be brief."


async def test_not_in_the_middle(emulator: Emulator, client: RealtimeClient) -> None:
    """As long as the model speaks, or the person, the session stays."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="well", audio=False, hold=hold))
    response = await client.create_response()
    looked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.5, looked.set_result, None)
    await looked
    assert len(emulator.sessions) == 1
    hold.set()
    await response.done()
    await changes_to(client, ConnectionState.OPEN)
    assert said(emulator) == ["well"]


@pytest.mark.parametrize("fault", ["http_503", "ends_at:session.update/1006"])
async def test_service_lets_nobody_in(
    emulator: Emulator, client: RealtimeClient, fault: str
) -> None:
    """It is tried again, as after a loss, and nothing is lost with it."""
    await client.create_conversation_item(user_text("hello"))
    emulator.faults.add(fault, times=2)
    states = record(client, "connection_changed")
    await changes_to(client, ConnectionState.OPEN)
    assert len(emulator.handshakes) == 4
    assert [event["state"] for event in states] == ["connecting", "open"]
    assert said(emulator) == ["hello"]


async def test_words_said_before(emulator: Emulator, client: RealtimeClient) -> None:
    """What was appended, and is to be committed later, is not lost."""
    await client.update_session({"turn_detection": {"type": "server_vad"}})
    await client.append_pcm(SPEECH[:960])
    await changes_to(client, ConnectionState.OPEN)
    await client.append_pcm(SPEECH[960:])
    await client.commit_audio()
    appended = emulator.sessions[-1].received.of("input_audio_buffer.append")
    assert b"".join(b64decode(event["audio"]) for event in appended) == SPEECH


async def test_refused_on_the_way(emulator: Emulator, client: RealtimeClient) -> None:
    """A session that cannot be had as it is to be ends the connection, with the reason."""
    emulator.faults.add("refuse:session.update*1")
    closed = await changes_to(client, ConnectionState.CLOSED)
    assert isinstance(closed["error"], CommandError)


@pytest.mark.parametrize("told", [True, False])
async def test_the_service_tells_when(
    emulator: Emulator,
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    told: bool,
) -> None:
    """A session that is to end sooner is renewed sooner, if that can be believed."""
    monkeypatch.setattr(client_module, "_SHORTEST_LIFE", 0.1)
    emulator.session_seconds = 1.5
    if not told:
        emulator.faults.add("no_expires_at")
    client = make_client({"reconnect_delay": 5.0})
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    first = emulator.sessions[0]
    if told:
        await changes_to(client, ConnectionState.OPEN)
        assert first.sent.of("error") == []
        assert said(emulator) == ["hello"]
    else:
        error = await next_event(client, "error")
        assert error["error"]["code"] == "session_expired"


async def test_no_token(make_client: MakeClient) -> None:
    """Whoever cannot say who they are cannot connect, and the reason is kept."""

    async def token() -> str:
        raise RuntimeError("The token service is away")

    client = make_client(token_provider=token)
    with pytest.raises(CannotConnectError) as caught:
        await client.connect()
    assert isinstance(caught.value.__cause__, RuntimeError)
