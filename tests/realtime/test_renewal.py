"""A session is moved to a new socket before the service ends it, without a sign for the person."""

import asyncio
from base64 import b64decode
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    ConnectionState,
    ModelStatus,
    RealtimeClient,
)
from emulator import Emulator, Reply

from .conftest import Clock, MakeClient
from .test_client import SPEECH, next_event, record, user_text

OLD = {"renew_after": 0.2, "quiet_check": 0.02}
LOOK = 1.0  # s: so often an old session is looked at
MINUTE = 60.0


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
    """A command given meanwhile is carried out on the new session."""
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


@pytest.mark.parametrize(
    ("life", "is_announced", "renewed_after"),
    [(30, False, 25), (60, True, 25), (20, True, 16)],
)
async def test_ahead_of_the_end(
    emulator: Emulator,
    make_client: MakeClient,
    clock: Clock,
    api_version: str | None,
    life: int,
    is_announced: bool,
    renewed_after: int,
) -> None:
    """With the default options the client renews each session before the service ends it."""
    emulator.session_seconds = life * MINUTE
    if not is_announced:
        emulator.faults.add("no_expires_at")
    client = make_client(api_version=api_version)
    await client.connect()
    inits = record(client, "init")
    states = record(client, "connection_changed")
    await client.create_conversation_item(user_text("hello"))
    await clock.advance(renewed_after * MINUTE - 10)
    await client.create_conversation_item(user_text("still there?"))
    await clock.advance(LOOK)
    assert client.state is ConnectionState.OPEN
    await clock.advance(10)
    await clock.advance(LOOK)
    await client.create_conversation_item(user_text("of course"))
    await client.connect()  # the command may be ahead of the rest
    assert [event["state"] for event in states] == ["connecting", "open"]
    assert said(emulator)[:3] == ["hello", "still there?", "of course"]
    old, _ = emulator.sessions
    await clock.advance((life - renewed_after) * MINUTE)
    await client.create_conversation_item(user_text("bye"))
    assert (old.closed, old.close_code, old.sent.of("error")) == (True, 1000, [])
    assert len(emulator.sessions) == 2
    assert inits == []


@pytest.fixture
async def aged(make_client: MakeClient, clock: Clock) -> RealtimeClient:
    """Return a client whose session is old, and would be left at the next look but one."""
    client = make_client(
        {"renew_after": MINUTE, "command_timeout": MINUTE},
        session_config={"turn_detection": {"type": "server_vad"}},
    )
    await client.connect()
    await client.clear_audio_buffer()  # the session is in use: its life has begun
    await clock.advance(MINUTE)
    return client


async def stays_so_long(client: RealtimeClient, clock: Clock) -> None:
    """See that the session stays, however often it is looked at."""
    for _ in range(4):
        assert client.state is ConnectionState.OPEN
        await clock.advance(LOOK)


async def goes_then(client: RealtimeClient, clock: Clock) -> None:
    """See that the session is left as soon as nothing goes on."""
    for _ in range(2):
        await clock.advance(LOOK)
    assert client.state is ConnectionState.CONNECTING
    await client.connect()


async def test_not_while_the_person_speaks(
    emulator: Emulator, aged: RealtimeClient, clock: Clock
) -> None:
    """Whom the service has not heard yet either."""
    for number in range(1, 5):
        assert aged.state is ConnectionState.OPEN
        assert aged.status is ModelStatus.IDLE
        await aged.append_pcm(bytes([number, 0]) * 960)
        await clock.advance(LOOK)
    await goes_then(aged, clock)
    await aged.commit_audio()
    (item,) = emulator.sessions[-1].conversation
    assert item.audio == b"".join(bytes([number, 0]) * 960 for number in range(1, 5))


async def test_open_microphone(
    emulator: Emulator, aged: RealtimeClient, clock: Clock
) -> None:
    """A microphone that is open all the time, and hears nobody, does not keep a session."""
    for _ in range(30):
        if aged.state is not ConnectionState.OPEN:
            break
        await aged.append_pcm(bytes(1920))
        await clock.advance(LOOK)
    assert aged.state is ConnectionState.CONNECTING
    await aged.connect()
    assert len(emulator.sessions) == 2


async def test_not_while_a_command_waits(
    emulator: Emulator, aged: RealtimeClient, clock: Clock
) -> None:
    """A session with a command under way is kept: the command may be carried out."""
    emulator.faults.add("no_ack:conversation.item.create*1")
    creating = asyncio.create_task(aged.create_conversation_item(user_text("hello")))
    session = emulator.sessions[0]
    created = await session.wait_for("conversation.item.create")
    await stays_so_long(aged, clock)
    added = {"type": "conversation.item.added", "item": created["item"]}
    await session.send(added)
    await creating
    await goes_then(aged, clock)
    assert said(emulator) == ["hello"]


async def test_not_while_a_reply_is_played(
    emulator: Emulator, aged: RealtimeClient, clock: Clock
) -> None:
    """A session is kept while its reply is played: an interruption has to be told to that session."""
    emulator.replies.append(Reply(text="well", pcm=10 * SPEECH))
    await (await aged.create_response()).done()
    await stays_so_long(aged, clock)
    assert aged.status is ModelStatus.SPEAKING
    await clock.advance(10)
    await goes_then(aged, clock)
    assert said(emulator) == ["well"]


async def test_not_while_a_reply_is_made(
    emulator: Emulator, aged: RealtimeClient, clock: Clock
) -> None:
    """A session is kept while its reply is made, even if the part so far has been played."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="well", pcm=SPEECH, hold=hold))
    response = await aged.create_response()
    await emulator.sessions[0].sent.wait_for("response.output_audio.delta")
    await aged.create_conversation_item(user_text("hello"))
    aged.set_model_speak_done()
    assert aged.status is ModelStatus.IDLE
    await stays_so_long(aged, clock)
    hold.set()
    await response.done()
    await clock.advance(1)
    await goes_then(aged, clock)


async def test_not_in_the_middle(emulator: Emulator, client: RealtimeClient) -> None:
    """The session stays while the model or the person speaks."""
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
    """A renewal that fails is tried again, as after a loss, and nothing is lost."""
    await client.create_conversation_item(user_text("hello"))
    emulator.faults.add(fault, times=2)
    states = record(client, "connection_changed")
    await changes_to(client, ConnectionState.OPEN)
    assert len(emulator.handshakes) == 4
    assert [event["state"] for event in states] == ["connecting", "open"]
    assert said(emulator) == ["hello"]


async def test_words_said_before(emulator: Emulator, client: RealtimeClient) -> None:
    """Audio that is appended before and committed after a renewal is not lost."""
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
    emulator: Emulator, make_client: MakeClient, told: bool
) -> None:
    """A session that is to end sooner is renewed sooner, if that can be believed."""
    emulator.session_seconds = 1.5
    if not told:
        emulator.faults.add("no_expires_at")
    client = make_client(
        {"reconnect_delay": 5.0, "shortest_life": 0.1, "quiet_check": 0.02}
    )
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
