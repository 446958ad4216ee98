"""The socket: refused, lost, silent; and how the client comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
import gc
from itertools import islice
import logging
import time
from typing import Any
import weakref

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.azure_realtime_audio.realtime import (
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectionState,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAuthError,
    ModelStatus,
    NotConnectedError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    RealtimeClient,
    UnsupportedApiVersionError,
    WebSocketOptions,
    backoff_delays,
    with_jitter,
)
from custom_components.azure_realtime_audio.realtime.protocol.error_codes import (
    FATAL_CODES,
)
from custom_components.azure_realtime_audio.realtime.transport.websocket import (
    Connection,
)
from emulator import Emulator, Handshake, Reply
from tests.leaks import chain, find_leak

from .conftest import KEY, PREVIEW, MakeClient
from .test_client import next_event, record, user_text


async def state(client: RealtimeClient, wanted: ConnectionState) -> dict[str, Any]:
    """Wait for a state of the connection."""
    return await next_event(client, "connection_changed", state=wanted)


# --- Refused


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("http_400", NotRealtimeModelError),
        ("http_400_spelled", NotRealtimeModelError),
        ("http_400_api_version", UnsupportedApiVersionError),
        ("http_401", InvalidAuthError),
        ("http_403", ForbiddenError),
        ("http_404_deployment", DeploymentNotFoundError),
        ("http_404_resource", DeploymentNotFoundError),
        ("http_429", RateLimitedError),
        ("http_500", CannotConnectError),
        ("http_503", CannotConnectError),
        ("openai_invalid_api_key", InvalidAuthError),
        ("openai_invalid_model", NotRealtimeModelError),
        ("openai_missing_model", DeploymentNotFoundError),
        ("openai_beta_disabled", UnsupportedApiVersionError),
        ("openai_insufficient_quota", QuotaExceededError),
        ("ends_at:created/1006", CannotConnectError),
        ("ends_at:session.update/1006", CannotConnectError),
        ("refuse:session.update", CommandError),
        ("no_ack:session.update", CommandTimeoutError),
        ("ends_at:connect/silence", CannotConnectError),
    ],
)
async def test_refusal_is_told_apart(
    emulator: Emulator, make_client: MakeClient, fault: str, error: type[Exception]
) -> None:
    """Azure refuses with a status, OpenAI with an event; then the next try works."""
    client = make_client({"connect_timeout": 0.5, "command_timeout": 0.1})
    states = record(client, "connection_changed")
    emulator.faults.add(fault)
    with pytest.raises(error) as raised:
        await client.connect()
    assert client.state is ConnectionState.CLOSED
    assert repr(states[-1]["error"]) == repr(raised.value)
    assert KEY not in str(raised.value) + repr(raised.value)
    emulator.faults.clear()
    await client.connect()
    assert client.is_initialized


async def test_rate_limit_says_how_long_to_wait(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """In seconds."""
    emulator.faults.add("http_429:2500")
    with pytest.raises(RateLimitedError) as raised:
        await make_client().connect()
    assert raised.value.retry_after == 2.5


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"api_key": "wrong"}, InvalidAuthError),
        ({"deployment": "nobody"}, DeploymentNotFoundError),
        ({"deployment": "gpt-4o"}, NotRealtimeModelError),
        ({"api_version": "2023-01-01"}, UnsupportedApiVersionError),
        ({"host_name": "ws://127.0.0.1:1"}, CannotConnectError),
    ],
)
async def test_wrong_options(
    make_client: MakeClient, options: dict[str, str], error: type[ConnectError]
) -> None:
    """A wrong option has an error of its own."""
    with pytest.raises(error):
        await make_client(**options).connect()


@pytest.mark.parametrize("is_token", [False, True])
@pytest.mark.parametrize("odd", ["\n", "\r\nx: y", "\0", "\x1f", "\x85", "\ud800"])
async def test_key_that_no_header_can_have(
    emulator: Emulator, make_client: MakeClient, odd: str, is_token: bool
) -> None:
    """Such a key is refused before anything is sent, and no part of the key is told."""
    key = KEY + odd

    async def provide() -> str:
        return key

    client = make_client(
        api_key="" if is_token else key, token_provider=provide if is_token else None
    )
    with pytest.raises(InvalidAuthError) as raised:
        await client.connect()
    assert find_leak(f"{raised.value!r} {vars(raised.value)}", [KEY]) is None
    assert client.state is ConnectionState.CLOSED
    assert emulator.handshakes == []


async def test_redirect_is_not_followed(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A followed redirect would take the key to another server."""
    asked: list[web.Request] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request)
        raise web.HTTPTemporaryRedirect(
            emulator.url.replace("ws:", "http:") + request.path_qs
        )

    app = web.Application()
    app.router.add_get("/openai/v1/realtime", redirect)
    async with TestServer(app, host="127.0.0.1") as server:
        with pytest.raises(CannotConnectError):
            await make_client(host_name=f"ws://127.0.0.1:{server.port}").connect()
    assert len(asked) == 1
    assert emulator.handshakes == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: no\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n",
    ],
    ids=["other challenge", "no upgrade", "no HTTP"],
)
async def test_no_websocket_server(make_client: MakeClient, answer: bytes) -> None:
    """The server is not a Realtime service; the error does not hold the request with its key."""

    async def answer_at_once(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answer_at_once, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        client = make_client(host_name=f"ws://127.0.0.1:{port}")
        with pytest.raises(CannotConnectError, match="No WebSocket server"):
            await client.connect()
        async with aiohttp.ClientSession() as session:
            connection = Connection(
                session, client.endpoint, {"api-key": KEY}, WebSocketOptions()
            )
            with pytest.raises(CannotConnectError) as raised:
                await connection.open()
    assert raised.value.__context__ is None
    assert all(
        find_leak(f"{link!r} {vars(link)}", [KEY]) is None
        for link in chain(raised.value)
    )


async def test_cut_off_refusal_is_one(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A refusal whose body breaks off is told by its status."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=401, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/openai/v1/realtime", refuse)
    async with TestServer(app, host="127.0.0.1") as server:
        with pytest.raises(InvalidAuthError):
            await make_client(host_name=f"ws://127.0.0.1:{server.port}").connect()


async def test_session_without_created_is_configured_anyway(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Some gateways begin with silence."""
    emulator.faults.add("no_session_created")
    client = make_client({"created_timeout": 0.05})
    await client.connect()
    assert client.is_initialized


# --- Lost


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 1012, 1013])
async def test_lost_connection_comes_back(
    emulator: Emulator,
    make_client: MakeClient,
    api_version: str | None,
    code: int | None,
) -> None:
    """After a transient loss there is a new session, configured as the last one was."""
    client = make_client(api_version=api_version)
    await client.connect()
    await client.update_session({"instructions": "Be brief"})
    first = client.session_id
    states = record(client, "connection_changed")
    inits = record(client, "init")
    opened = asyncio.create_task(state(client, ConnectionState.OPEN))
    if code is None:
        emulator.sessions[0].abort()
    else:
        await emulator.sessions[0].close(code)
    await opened
    assert client.session_id not in (None, first)
    assert client.current_session["instructions"] == "Be brief"
    assert client.current_session["audio"]["input"]["turn_detection"] is None
    assert [event["state"] for event in states] == ["connecting", "open"]
    assert inits == []
    await client.create_conversation_item(user_text("hello"))


async def test_loss_ends_what_waits(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A response that was coming and a command under way raise; the status is idle."""
    client = make_client()
    await client.connect()
    emulator.replies.append(Reply(text="A long story", hold=asyncio.Event()))
    emulator.faults.add("no_ack:conversation.item.create*1")
    response = await client.create_response()
    create = asyncio.create_task(client.create_conversation_item(user_text("hello")))
    await emulator.sessions[0].wait_for("conversation.item.create")
    emulator.sessions[0].abort()
    with pytest.raises(ConnectionLostError):
        await create
    with pytest.raises(ConnectionLostError):
        await response.done()
    assert client.status is ModelStatus.IDLE
    assert client.active_response is None
    assert not client.is_initialized
    with pytest.raises(NotConnectedError):
        await client.commit_audio()
    await client.connect()  # waits for the connection that is being made
    assert client.is_initialized


@pytest.mark.parametrize(
    ("code", "fault", "error"),
    [
        (3000, None, ConnectionLostError),
        (4000, None, ConnectionLostError),
        ((1008, "invalid_api_key"), None, ConnectionLostError),
        (1011, "http_401", InvalidAuthError),
        (1011, "http_404_deployment", DeploymentNotFoundError),
        (1011, "refuse:session.update", CommandError),
    ],
)
async def test_fatal_loss_stops(
    emulator: Emulator,
    make_client: MakeClient,
    code: int | tuple[int, str],
    fault: str | None,
    error: type[Exception],
) -> None:
    """Where trying again cannot help, the client stops and says why."""
    client = make_client()
    await client.connect()
    if fault:
        emulator.faults.add(fault)
    closed = asyncio.create_task(state(client, ConnectionState.CLOSED))
    await emulator.sessions[0].close(*(code if isinstance(code, tuple) else (code,)))
    assert isinstance((await closed)["error"], error)
    assert len(emulator.handshakes) == (2 if fault else 1)
    with pytest.raises(NotConnectedError):
        await client.commit_audio()
    emulator.faults.clear()
    await client.connect()
    assert client.state is ConnectionState.OPEN


@pytest.mark.parametrize("stage", ["created", "thinking"])
async def test_session_limit(
    emulator: Emulator, make_client: MakeClient, stage: str
) -> None:
    """One session too many, for a moment, is a loss like others."""
    client = make_client()
    await client.connect()
    if stage == "created":
        lost = asyncio.create_task(state(client, ConnectionState.CONNECTING))
        emulator.faults.add("ends_at:created/1008:session_limit_reached", times=2)
        emulator.sessions[0].abort()
        await lost
    else:
        emulator.faults.add("ends_at:thinking/1008:session_limit_reached", times=1)
        response = await client.create_response()
        with pytest.raises(ConnectionLostError):
            await response.done(5)
    await client.connect()
    assert client.state is ConnectionState.OPEN
    assert (await (await client.create_response()).done(5)).status == "completed"


async def while_it_is_lost(
    client: RealtimeClient, *steps: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Future[list[BaseException | None]]:
    """Do something in the very moment in which the client drops its connection."""
    done: asyncio.Future[list[BaseException | None]] = asyncio.Future()

    def moment(_: object) -> None:
        results = asyncio.gather(
            *(asyncio.Task(step(), eager_start=True) for step in steps),
            return_exceptions=True,
        )
        results.add_done_callback(lambda each: done.set_result(each.result()))

    await client.append_pcm(b"\0\0")  # the status is LISTENING until the loss
    client.once("status_changed", moment)
    return done


@pytest.mark.parametrize("code", [1011, 3000, 4000])
@pytest.mark.parametrize("fault", [None, "http_401"])
async def test_connect_while_it_is_lost(
    emulator: Emulator, make_client: MakeClient, code: int, fault: str | None
) -> None:
    """Only the outcome of another try counts; all callers at that moment share the try."""
    client = make_client()
    await client.connect()
    connected = await while_it_is_lost(client, client.connect, client.connect)
    if fault:
        emulator.faults.add(fault)
    await emulator.sessions[0].close(code)
    results = await connected
    assert len(emulator.handshakes) == 2
    if fault:
        assert [type(result) for result in results] == [InvalidAuthError] * 2
        assert client.state is ConnectionState.CLOSED
    else:
        assert results == [None, None]
        await client.create_conversation_item(user_text("hello"))


async def test_close_while_it_is_lost(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A caller that waits for a connection hears that the client was closed; nothing hangs."""
    client = make_client()
    await client.connect()
    connected = await while_it_is_lost(client, client.connect, client.close)
    await emulator.sessions[0].close(3000)
    error, closed = await connected
    assert isinstance(error, NotConnectedError)
    assert closed is None
    assert client.state is ConnectionState.CLOSED
    assert len(emulator.handshakes) == 1
    await client.connect()


async def test_lost_again_at_once(emulator: Emulator, make_client: MakeClient) -> None:
    """One connect() is one try."""
    client = make_client({"max_reconnect_attempts": 0})
    await client.connect()
    connected = await while_it_is_lost(client, client.connect)
    emulator.faults.add("ends_at:created/1006")
    await emulator.sessions[0].close(1011)
    (error,) = await connected
    assert isinstance(error, CannotConnectError)
    assert len(emulator.handshakes) == 2


FATAL = {
    "account_deactivated": ForbiddenError,
    "beta_api_shape_disabled": UnsupportedApiVersionError,
    "billing_hard_limit_reached": QuotaExceededError,
    "insufficient_quota": QuotaExceededError,
    "invalid_api_key": InvalidAuthError,
    "invalid_model": NotRealtimeModelError,
    "model_not_found": DeploymentNotFoundError,
}


def test_every_fatal_code_is_tried() -> None:
    """Each fatal code has a row here that tells its error."""
    assert FATAL.keys() == FATAL_CODES


@pytest.mark.parametrize(("code", "reason"), FATAL.items())
async def test_error_before_a_close_is_its_reason(
    emulator: Emulator, make_client: MakeClient, code: str, reason: type[ConnectError]
) -> None:
    """An exhausted quota is not helped by a new connection, whatever the close code."""
    client = make_client()
    await client.connect()
    closed = asyncio.create_task(state(client, ConnectionState.CLOSED))
    session = emulator.sessions[0]
    await session.send({"type": "error", "error": {"code": code, "message": "No"}})
    await session.close(1011)
    assert isinstance((await closed)["error"], reason)
    assert len(emulator.handshakes) == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "model_not_found"])
async def test_error_after_which_the_session_goes_on(
    emulator: Emulator, make_client: MakeClient, code: str
) -> None:
    """An earlier refusal, such as that of a transcription, is not the reason of a later loss."""
    client = make_client()
    await client.connect()
    session = emulator.sessions[0]
    await session.send({"type": "error", "error": {"code": code, "message": "No"}})
    await client.create_conversation_item(user_text("hello"))
    opened = asyncio.create_task(state(client, ConnectionState.OPEN))
    await session.close(1012)
    await opened
    assert [item.text for item in emulator.sessions[-1].conversation] == ["hello"]


def test_delays_double_to_a_bound() -> None:
    """With some chance in them, so that not everybody comes back at the same time."""
    assert [*islice(backoff_delays(1.0, 5.0), 6)] == [1, 2, 4, 5, 5, 5]
    delays = [with_jitter(4.0) for _ in range(100)]
    assert 4.0 <= min(delays) < 4.2
    assert 4.8 < max(delays) <= 5.0


class Arrivals(list[Handshake]):
    """Handshakes, and when each came."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.times: list[float] = []

    def append(self, handshake: Handshake) -> None:
        """Note one."""
        super().append(handshake)
        self.times.append(time.monotonic())


async def test_client_waits_as_long_as_it_is_told(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Also if it would have come back before."""
    client = make_client()
    await client.connect()
    emulator.handshakes = arrivals = Arrivals()
    emulator.faults.add("http_429:400*1")
    opened = asyncio.create_task(state(client, ConnectionState.OPEN))
    emulator.sessions[0].abort()
    await opened
    refused, admitted = arrivals.times
    assert [handshake.status for handshake in arrivals] == [429, 101]
    assert admitted - refused >= 0.4


async def test_tries_are_bounded(emulator: Emulator, make_client: MakeClient) -> None:
    """After this many tries the client gives up, and waiting callers get the reason."""
    client = make_client({"max_reconnect_attempts": 2})
    await client.connect()
    emulator.faults.add("http_429:20")
    connecting = asyncio.create_task(state(client, ConnectionState.CONNECTING))
    emulator.sessions[0].abort()
    await connecting
    with pytest.raises(RateLimitedError):
        await client.connect()
    assert client.state is ConnectionState.CLOSED
    assert len(emulator.handshakes) == 3


async def test_service_that_wants_to_be_left_alone(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A caller is told at once where the service asks for a long wait."""
    client = make_client()
    await client.connect()
    emulator.faults.add("http_429:86400000")
    emulator.sessions[-1].abort()
    closed = await next_event(
        client, "connection_changed", state=ConnectionState.CLOSED
    )
    assert isinstance(closed["error"], RateLimitedError)
    assert closed["error"].retry_after == 86_400
    assert len(emulator.handshakes) == 2


async def test_new_tries_after_a_long_connection(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A session that lasted does not count against the next loss."""
    client = make_client({"max_reconnect_attempts": 1, "max_reconnect_delay": 0.0})
    await client.connect()
    for number in range(3):
        opened = asyncio.create_task(state(client, ConnectionState.OPEN))
        emulator.sessions[number].abort()
        await opened


async def test_silent_connection_is_noticed(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """No answer to a websocket ping is a loss."""
    client = make_client({"heartbeat": 0.1})
    await client.connect()
    emulator.faults.add("no_pong", times=1)
    await state(client, ConnectionState.OPEN)
    assert len(emulator.sessions) == 2


async def test_sending_on_a_dead_socket(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """The sender hears of the loss, whether the sender or the reader notices first."""
    client = make_client()
    async with aiohttp.ClientSession() as session:
        connection = Connection(
            session, client.endpoint, {"api-key": KEY}, WebSocketOptions()
        )
        await connection.open()
        frames: list[bytes] = []
        reading = asyncio.create_task(connection.read(frames.append))
        await emulator.sessions[0].sent.wait_for("session.created")
        emulator.sessions[0].abort()
        with pytest.raises(ConnectionLostError):
            await reading
        with pytest.raises(ConnectionLostError):
            await connection.send(b"{}")
        await connection.close()


async def test_command_on_a_dead_socket(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A caller that has just noticed the loss waits in connect() until the client has noticed it too."""
    client = make_client()
    await client.connect()
    emulator.sessions[0].abort()
    sent: list[asyncio.Task[str]] = []
    while not (sent and sent[-1].done()):
        # One turn of the loop: the socket is dead some turns before its reader is told, and
        # only who sends in each of them is sure to meet it so.
        await asyncio.sleep(0)
        create = client.create_conversation_item(user_text("hello"))
        sent.append(asyncio.Task(create, eager_start=True))
    with pytest.raises(ConnectionLostError):
        await sent.pop()
    assert client.state is ConnectionState.OPEN
    await client.connect()
    await client.create_conversation_item(user_text("hello"))
    lost = await asyncio.gather(*sent, return_exceptions=True)
    assert all(isinstance(error, ConnectionLostError) for error in lost)


async def test_closing_twice(emulator: Emulator, make_client: MakeClient) -> None:
    """Two calls of close() at once both wait until the client is closed."""
    client = make_client()
    await client.connect()
    await asyncio.gather(client.close(), client.close())
    assert client.state is ConnectionState.CLOSED


async def test_close_while_connecting(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Closing ends a connection that is only being made, and the wait for it."""
    emulator.faults.add("no_ack:session.update")
    client = make_client()
    first = asyncio.create_task(client.connect())
    session = await emulator.next_session()
    await session.wait_for("session.update")
    second = asyncio.Task(client.connect(), eager_start=True)
    await client.close()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    assert client.state is ConnectionState.CLOSED


async def test_close_before_connecting_begins(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """Closing also ends a connect() that began in the same step of the loop."""
    client = make_client()
    connecting = asyncio.Task(client.connect(), eager_start=True)
    await client.close()
    with pytest.raises(NotConnectedError):
        await connecting
    assert client.state is ConnectionState.CLOSED
    assert not emulator.handshakes
    await client.connect()


async def test_cancelled_connect_leaves_nothing(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """A caller that gives up closes the socket."""
    emulator.faults.add("no_ack:session.update")
    client = make_client()
    connect = asyncio.create_task(client.connect())
    session = await emulator.next_session()
    await session.wait_for("session.update")
    connect.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connect
    assert client.state is ConnectionState.CLOSED
    with pytest.raises(ConnectionError):
        await session.wait_for("never")


async def _refused_command(client: RealtimeClient, _: Emulator) -> None:
    with pytest.raises(CommandError):
        await client.delete_item("nothing")


async def _turn(client: RealtimeClient, _: Emulator) -> None:
    await client.create_conversation_item(user_text("hello"))
    await (await client.create_response()).done()


async def _lost_response(client: RealtimeClient, emulator: Emulator) -> None:
    emulator.faults.add("ends_at:audio/1006*1")
    response = await client.create_response()
    with pytest.raises(ConnectionLostError):
        await response.done()
    await client.connect()


async def _fatal_loss(client: RealtimeClient, emulator: Emulator) -> None:
    emulator.faults.add("ends_at:audio/3000*1")
    response = await client.create_response()
    with pytest.raises(ConnectionLostError):
        await response.done()


async def _loss_while_connecting(client: RealtimeClient, emulator: Emulator) -> None:
    connected = await while_it_is_lost(client, client.connect)
    emulator.faults.add("http_401")
    await emulator.sessions[-1].close(3000)
    (error,) = await connected
    assert isinstance(error, InvalidAuthError)


async def _refused_connection(client: RealtimeClient, emulator: Emulator) -> None:
    emulator.faults.add("http_404_deployment")
    await emulator.sessions[-1].close(1011)
    await state(client, ConnectionState.CLOSED)
    with pytest.raises(DeploymentNotFoundError):
        await client.connect()


@pytest.mark.parametrize(
    "experience",
    [
        _turn,
        _refused_command,
        _lost_response,
        _fatal_loss,
        _loss_while_connecting,
        _refused_connection,
    ],
)
async def test_closed_client_is_gone(
    emulator: Emulator,
    make_client: MakeClient,
    experience: Callable[[RealtimeClient, Emulator], Awaitable[None]],
) -> None:
    """A closed client needs no garbage collector, which runs seldom with a big heap."""
    gc.collect()
    gc.disable()
    try:
        client = make_client(is_kept=False)
        await client.connect()
        await experience(client, emulator)
        await client.close()
        gone: list[asyncio.Event] = []
        for part in (client, client._supervisor):  # noqa: SLF001  # it owns the task
            gone.append(asyncio.Event())
            weakref.finalize(part, gone[-1].set)
        del client, part
        async with asyncio.timeout(5):
            for each in gone:
                await each.wait()
    finally:
        gc.enable()


async def test_logs_hold_no_key_and_no_words(
    emulator: Emulator, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """At debug level too."""
    caplog.set_level(logging.DEBUG)
    client = make_client(api_version=PREVIEW)
    await client.connect()
    await client.create_conversation_item(user_text("my secret"))
    await (await client.create_response()).done()
    emulator.faults.add("http_401")
    closed = asyncio.create_task(state(client, ConnectionState.CLOSED))
    emulator.sessions[0].abort()
    await closed
    ours = "".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components")
    )
    assert KEY not in caplog.text
    assert "my secret" not in ours
