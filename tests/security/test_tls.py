"""The key goes to the server that was meant, and to no other."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import ssl
from threading import Thread

import aiohttp
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.util import ssl as ssl_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from benchmarks.certificate import LOOPBACK, write_certificate
from custom_components.azure_realtime_audio.const import (
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    DOMAIN,
)
from custom_components.azure_realtime_audio.realtime import (
    CannotConnectError,
    RealtimeClient,
    RealtimeOptions,
)
from emulator import Emulator
from tests.conftest import API_KEY
from tests.talk import say, speech


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a certificate that nobody vouches for."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@contextmanager
def server(
    certificate: Path, status: int = 200, location: str = ""
) -> Iterator[tuple[int, list[Message]]]:
    """Serve HTTPS: the same answer to everything. Yields the port and all headers asked with.

    In a thread, for a handshake that the other side breaks off is no error there.
    """
    requests: list[Message] = []

    class Handler(BaseHTTPRequestHandler):
        """Keep what is asked, and answer."""

        def do_GET(self) -> None:
            """Answer."""
            requests.append(self.headers)
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield http.server_port, requests
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.usefixtures("socket_enabled")
async def test_certificate_nobody_vouches_for(
    hass: HomeAssistant, certificate: Path
) -> None:
    """The form refuses the host, and the server has seen no request."""
    with server(certificate) as (port, requests):
        flow = await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )
        form = {
            CONF_HOST_NAME: f"https://{LOOPBACK}:{port}",
            CONF_DEPLOYMENT: "gpt-realtime",
            CONF_API_KEY: API_KEY,
            "advanced": {},
        }
        result = await hass.config_entries.flow.async_configure(flow["flow_id"], form)
        assert list((result["errors"] or {}).values()) == ["untrusted_server"]
        assert not requests


@contextmanager
def encrypted(
    emulator: Emulator, context: ssl.SSLContext
) -> Iterator[tuple[int, list[None]]]:
    """Put TLS before the service. Yields the port, and one entry for each who got through.

    In a thread, as above.
    """
    service = URL(emulator.url)
    connections: list[None] = []
    serving: Future[tuple[int, Callable[[], object]]] = Future()

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connections.append(None)
        back, forth = await asyncio.open_connection(service.host, service.port)
        await asyncio.gather(carry(reader, forth), carry(back, writer))

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(connected, LOOPBACK, 0, ssl=context)
        port: int = server.sockets[0].getsockname()[1]
        serving.set_result((port, lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        server.close()
        server.abort_clients()

    factory = asyncio.SelectorEventLoop
    thread = Thread(target=lambda: asyncio.run(serve(), loop_factory=factory))
    thread.start()
    port, stop = serving.result(10)
    try:
        yield port, connections
    finally:
        stop()
        thread.join()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry what comes from one to the other, and its end."""
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_certificate_that_changes(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn goes to the server that is vouched for, and to none that only has its address."""
    trusting = ssl_util.create_client_context()
    trusting.load_verify_locations(certificate)
    monkeypatch.setattr(ssl_util, "client_context", lambda *_: trusting)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with encrypted(emulator, context) as (port, connections):
        data = config_entry.data | {CONF_HOST_NAME: f"{LOOPBACK}:{port}"}
        hass.config_entries.async_update_entry(config_entry, data=data)
        assert await hass.config_entries.async_setup(config_entry.entry_id)
        assert not (await say(hass, "hello")).response.error_code
        trusted_count = len(connections)
        assert len(emulator.handshakes) == trusted_count == 2

        context.load_cert_chain(write_certificate(tmp_path))
        assert "can't reach" in speech(await say(hass, "hello"))
        assert len(emulator.handshakes) == len(connections) == trusted_count
        assert await hass.config_entries.async_unload(config_entry.entry_id)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(certificate: Path, status: int) -> None:
    """Not even over TLS that is trusted: the key would go along."""
    trusted = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=certificate))
    with server(certificate) as (elsewhere, astray):
        location = f"https://{LOOPBACK}:{elsewhere}/elsewhere"
        with server(certificate, status, location) as (port, requests):
            async with aiohttp.ClientSession(connector=trusted) as http:
                client = RealtimeClient(
                    RealtimeOptions(
                        host_name=f"{LOOPBACK}:{port}",
                        deployment="gpt-realtime",
                        api_key=API_KEY,
                    ),
                    session=http,
                )
                with pytest.raises(CannotConnectError, match=str(status)):
                    await client.connect()
    assert [request["api-key"] for request in requests] == [API_KEY]
    assert not astray
