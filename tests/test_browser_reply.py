"""The sound for a browser that speaks to an assistant, and for other players."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
import logging
from typing import Any

from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
from homeassistant.components.media_source import async_resolve_media
from homeassistant.core import HomeAssistant
from homeassistant.helpers import network
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from emulator import Emulator, Reply

from .satellite import SPEECH, VOICE, Wav, said_at, speak_to
from .talk import AGENT

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15"
CHROME_ON_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0.0.0 Mobile/15E148 Safari/604.1"
AIOHTTP = "Python/3.14 aiohttp/3.14.5"
HERE = "http://127.0.0.1:8123/"
ANDROID_APP = "https://home-assistant.io/android"
AT_HOME = "192.168.1.20"
WAV, MP3 = "audio/x-wav", "audio/mpeg"
SPOKEN = {
    "start_stage": "stt",
    "end_stage": "tts",
    "input": {"sample_rate": 16_000},
}
TYPED = {"start_stage": "intent", "end_stage": "tts", "input": {"text": "Hello"}}

type Caller = Callable[..., Awaitable[Browser]]


class Browser:
    """The frontend's websocket, as far as a pipeline run needs it."""

    def __init__(
        self, http: TestClient[Any, Any], socket: ClientWebSocketResponse
    ) -> None:
        """Use an authenticated websocket."""
        self._http = http
        self._socket = socket
        self._number = 0

    async def send(self, command: str, **fields: Any) -> None:
        """Send a command."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "type": command, **fields})

    async def until(self, event: str) -> dict[str, Any]:
        """Return the data of the next event of this type of the run."""
        while True:
            message = await self._socket.receive_json(timeout=10)
            assert message.get("success", True), message
            if message["type"] == "event" and message["event"]["type"] == event:
                data: dict[str, Any] = message["event"]["data"]
                return data

    async def done(self) -> None:
        """Wait for the result of a command."""
        assert (await self._socket.receive_json(timeout=10))["success"]

    async def starts(self, run: dict[str, Any]) -> dict[str, Any]:
        """Start a pipeline run; return what it tells of its beginning."""
        await self.send("assist_pipeline/run", **run)
        return await self.until("run-start")

    async def speak(self, run: dict[str, Any]) -> None:
        """Say something into a run's microphone, and wait until there is a reply to fetch."""
        handler = bytes([run["runner_data"]["stt_binary_handler_id"]])
        for piece in (SPEECH, bytes(32_000)):
            await self._socket.send_bytes(handler + piece)
        while not (await self.until("intent-progress")).get("tts_start_streaming"):
            pass

    async def fetch(self, url: str) -> AsyncGenerator[bytes]:
        """Yield what an audio element gets."""
        async with self._http.get(url) as reply:
            assert reply.ok
            async for data in reply.content.iter_any():
                yield data


@pytest.fixture
async def house(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Set up an assistant and its pipeline behind a proxy, which tells where a caller is."""
    # It repeats every message, and to look for recordings in so many escapes takes a minute.
    caplog.set_level(logging.INFO, "homeassistant.components.websocket_api")
    proxy = {"use_x_forwarded_for": True, "trusted_proxies": ["127.0.0.1"]}
    assert await async_setup_component(hass, "http", {"http": proxy})
    assert await async_setup_component(hass, "websocket_api", {})
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    await speak_to(hass, AGENT)


@pytest.fixture
async def call(
    hass: HomeAssistant, house: None, hass_client_no_auth: ClientSessionGenerator
) -> AsyncIterator[Caller]:
    """Return what opens a websocket as a browser does."""
    sockets: list[ClientWebSocketResponse] = []

    async def call(
        user_agent: str = CHROMIUM, client_id: str | None = HERE, remote: str = AT_HOME
    ) -> Browser:
        user = await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
        token = await (
            hass.auth.async_create_refresh_token(user, client_id)
            if client_id
            else hass.auth.async_create_refresh_token(
                user,
                client_name="A script",
                token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN,
            )
        )
        http = await hass_client_no_auth()
        socket = await http.ws_connect(
            "/api/websocket",
            headers={"User-Agent": user_agent, "X-Forwarded-For": remote},
        )
        sockets.append(socket)
        await socket.receive_json()
        access = hass.auth.async_create_access_token(token)
        await socket.send_json({"type": "auth", "access_token": access})
        assert (await socket.receive_json())["type"] == "auth_ok"
        return Browser(http, socket)

    yield call
    for socket in sockets:
        await socket.close()


@pytest.mark.parametrize(
    ("caller", "mime_type"),
    [
        ({"user_agent": CHROMIUM}, WAV),
        ({"user_agent": FIREFOX}, WAV),
        ({"user_agent": SAFARI}, MP3),
        ({"user_agent": CHROME_ON_IPHONE}, MP3),
        ({"user_agent": AIOHTTP}, MP3),
        ({"client_id": ANDROID_APP}, MP3),
        ({"client_id": None}, MP3),
        ({"remote": "fd12:3456:789a:1::20"}, WAV),
        ({"remote": "203.0.113.9"}, MP3),
    ],
    ids=lambda value: (
        next(iter(value.items()), None) if isinstance(value, dict) else value
    ),
)
async def test_who_gets_which(
    call: Caller, caller: dict[str, Any], mime_type: str
) -> None:
    """Those get a WAV that were heard playing one, where the way has room for it."""
    browser = await call(**caller)
    run = await browser.starts(SPOKEN)
    assert run["tts_output"]["mime_type"] == mime_type


async def test_through_the_cloud(
    hass: HomeAssistant, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cloud's tunnel ends at home, but a browser at its other end is not there."""
    browser = await call(remote="127.0.0.1")
    assert (await browser.starts(SPOKEN))["tts_output"]["mime_type"] == WAV
    hass.config.components.add("cloud")
    monkeypatch.setattr(network.remote, "is_cloud_request", _Always())
    assert (await browser.starts(SPOKEN))["tts_output"]["mime_type"] == MP3


class _Always:
    """Stands for a variable of the cloud's that is true."""

    def get(self) -> bool:
        return True


async def test_written_texts(hass: HomeAssistant, call: Caller) -> None:
    """A text that answers no spoken words may stay on the disk, where a WAV would be large."""
    browser = await call()
    reply = (await browser.starts(TYPED))["tts_output"]
    assert reply["mime_type"] == MP3
    await browser.until("run-end")
    assert [data async for data in browser.fetch(reply["url"])]
    await speak_to(hass, "conversation.home_assistant")
    assert (await browser.starts(SPOKEN))["tts_output"]["mime_type"] == MP3


async def test_other_players(hass: HomeAssistant, call: Caller) -> None:
    """A text that a browser sends to a media player is not played in the browser."""
    assert await async_setup_component(hass, "media_source", {})
    played = async_mock_service(hass, "media_player", "play_media")
    browser = await call()
    await browser.send(
        "call_service",
        domain="tts",
        service="speak",
        service_data={
            "entity_id": VOICE,
            "media_player_entity_id": "media_player.kitchen",
            "message": "Dinner is ready.",
        },
    )
    await browser.done()
    content_id = played[0].data["media_content_id"]
    media = await async_resolve_media(hass, content_id, "media_player.kitchen")
    assert media.mime_type == MP3


async def test_whole_reply(
    hass: HomeAssistant, emulator: Emulator, call: Caller
) -> None:
    """A reply is fetched while it is being made, to its last sample, and again afterwards."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Yes", pcm=said_at(700, 1.0), hold=hold))
    browser = await call()
    run = await browser.starts(SPOKEN)
    await browser.speak(run)
    url = run["tts_output"]["url"]
    fetching = browser.fetch(url)
    data = await anext(fetching)
    hold.set()
    data += b"".join([more async for more in fetching])
    wav = Wav(data)
    assert (wav.rate, wav.channels, wav.is_float) == (48_000, 2, True)
    assert wav.pitch == pytest.approx(700, abs=5)
    assert wav.seconds >= 1.0
    assert b"".join([again async for again in browser.fetch(url)]) == data
