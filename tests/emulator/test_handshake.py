"""The handshake: which requests get a session, and how the others are refused."""

from collections.abc import Mapping

import aiohttp
import pytest

from emulator import Emulator

from .conftest import GA, KEY, PREVIEW, Client, Connect


async def refused(
    emulator: Emulator, path: str, **headers: str
) -> tuple[int, str, Mapping[str, str]]:
    """Return status, error code and headers of a refused handshake, read as plain HTTP."""
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"http://{emulator.host_name}{path}", headers={**upgrade, **headers}
        ) as answer,
    ):
        body = await answer.json()
        return answer.status, body["error"]["code"], answer.headers


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{GA}&api-version=2025-04-01-preview", 401, "401"),
        ("/openai/v1/realtime?model=attic", 404, "DeploymentNotFound"),
        ("/openai/v1/realtime", 404, "DeploymentNotFound"),
        ("/openai/v1/realtime?model=gpt-4o", 400, "OpperationNotSupported"),
        ("/openai/v1/live?model=house", 404, "404"),
        ("/openai/realtime?deployment=house", 404, "404"),
        ("/openai/realtime?deployment=house&api-version=2023-05-15", 400, "BadRequest"),
        ("/openai/realtime?deployment=house&api-version=soon", 400, "BadRequest"),
        (PREVIEW.replace("house", "attic"), 404, "DeploymentNotFound"),
    ],
)
async def test_refusals(emulator: Emulator, path: str, status: int, code: str) -> None:
    """Azure says what is wrong with an HTTP status, before the upgrade."""
    assert (await refused(emulator, path, **{"api-key": KEY}))[:2] == (status, code)
    assert not emulator.sessions


@pytest.mark.parametrize(
    "headers", [{}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}]
)
async def test_wrong_key(emulator: Emulator, headers: dict[str, str]) -> None:
    """A wrong or missing key is 401."""
    assert (await refused(emulator, GA, **headers))[:2] == (401, "401")
    assert [handshake.status for handshake in emulator.handshakes] == [401]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (GA, {"api-key": KEY}),
        (GA, {"Authorization": f"Bearer {KEY}"}),
        (f"{GA}&api-key={KEY}", {}),
        (PREVIEW, {"api-key": KEY}),
    ],
)
async def test_let_in(emulator: Emulator, path: str, headers: dict[str, str]) -> None:
    """The key may come in a header, as a bearer token, or in the query."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{path}", headers=headers) as socket,
    ):
        assert (await socket.receive_json())["type"] == "session.created"
    assert (await emulator.next_session()).dialect == (
        "ga" if path.startswith(GA) else "preview"
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("http_400", 400, "OpperationNotSupported"),
        ("http_400_spelled", 400, "OperationNotSupported"),
        ("http_400_api_version", 400, "BadRequest"),
        ("http_401", 401, "401"),
        ("http_403", 403, "403"),
        ("http_404_deployment", 404, "DeploymentNotFound"),
        ("http_404_resource", 404, "404"),
        ("http_429", 429, "429"),
        ("http_500", 500, "InternalServerError"),
        ("http_503", 503, "ServiceUnavailable"),
    ],
)
async def test_http_faults(
    emulator: Emulator, fault: str, status: int, code: str
) -> None:
    """Every status can be asked for, as often as wanted."""
    emulator.faults.add(fault, times=1)
    assert (await refused(emulator, GA, **{"api-key": KEY}))[:2] == (status, code)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{GA}", headers={"api-key": KEY}) as socket,
    ):
        assert (await socket.receive_json())["type"] == "session.created"


async def test_rate_limit_says_when_to_retry(emulator: Emulator) -> None:
    """Both headers of a 429 say the same."""
    emulator.faults.add("http_429:2500")
    headers = (await refused(emulator, GA, **{"api-key": KEY}))[2]
    assert (headers["retry-after-ms"], headers["retry-after"]) == ("2500", "3")


@pytest.mark.parametrize(
    ("fault", "close_code", "error_code"),
    [
        ("openai_invalid_api_key", 3000, "invalid_api_key"),
        ("openai_invalid_model", 4000, "invalid_model"),
        ("openai_missing_model", 4000, "missing_model"),
        ("openai_beta_disabled", 4000, "beta_api_shape_disabled"),
        ("openai_insufficient_quota", 4000, "insufficient_quota"),
    ],
)
async def test_refusals_as_openai_has_them(
    emulator: Emulator, connect: Connect, fault: str, close_code: int, error_code: str
) -> None:
    """OpenAI upgrades, says why, and closes."""
    emulator.faults.add(fault)
    client = await connect(greeted=False)
    assert (await client.error())["code"] == error_code
    assert await client.close_frame() == (
        close_code,
        f"invalid_request_error.{error_code}",
    )
    assert not emulator.sessions


async def test_preview_only(emulator: Emulator, connect: Connect) -> None:
    """A resource without GA does not know its path."""
    emulator.preview_only = True
    assert (await refused(emulator, GA, **{"api-key": KEY}))[:2] == (404, "404")
    await connect(PREVIEW)


async def test_base_path(socket_enabled: None) -> None:
    """A gateway may put the paths below one of its own."""
    async with (
        Emulator(api_key=KEY, deployment="house", base_path="/gateway") as emulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{GA}", headers={"api-key": KEY}) as socket,
    ):
        assert emulator.url.endswith("/gateway")
        assert (await socket.receive_json())["type"] == "session.created"


async def test_stop_closes_sessions(socket_enabled: None) -> None:
    """Connected clients are told that the server goes away."""
    async with aiohttp.ClientSession() as session:
        async with Emulator(api_key=KEY, deployment="house") as emulator:
            socket = await session.ws_connect(
                f"{emulator.url}{GA}", headers={"api-key": KEY}
            )
            client = Client(socket)
            await client.until("session.created")
        assert (await client.close_frame())[0] == 1001
        assert emulator.sessions[0].closed
        assert emulator.sessions[0].close_code == 1001
