"""Fixtures for every test."""

from collections.abc import AsyncIterator, Iterator
import logging
from pathlib import Path
from typing import Any

from haffmpeg.tools import FFVersion
from homeassistant.components import tts
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

# The test tools ship a custom_components package of their own, which would hide ours.
import custom_components  # noqa: F401  # imported for its effect
from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from custom_components.azure_realtime_audio.realtime import WebSocketOptions
from emulator import Emulator

from .leaks import LeakWatcher, Raised, find_leak

# Every key of a test has this in it. Nothing else has eight of its characters in a row.
API_KEY = "9f3c61d07be24a58"
DEPLOYMENT = "gpt-realtime"
SUBENTRY_ID = "assistant"
# The loggers of other people's clients of the emulator, which are free to show their key.
_OTHER_CLIENTS = ("openai", "websockets")
# At debug level this repeats what an action was called with.
_CORE = "homeassistant.core"
# At debug level this repeats what a browser is sent and sends.
_WEBSOCKET = "homeassistant.components.websocket_api.http.connection"


@pytest.fixture(scope="session", autouse=True)
def _ffmpeg_version() -> Iterator[None]:
    """Ask FFmpeg once what it is: each start of Home Assistant asks, in a process of its own."""
    ask = FFVersion.get_version
    told: list[str | None] = []

    async def get_version(ffmpeg: FFVersion, timeout: int = 15) -> str | None:
        if not told:
            told.append(await ask(ffmpeg, timeout))
        return told[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FFVersion, "get_version", get_version)
        yield


@pytest.fixture
async def custom_home(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    enable_custom_integrations: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[None]:
    """Set up what a real core always has: the default agent needs exposed entities.

    Fails a test that leaves a key or a recording anywhere in it.
    """
    onlooker = LeakWatcher(hass, hass_storage, API_KEY)
    # What one test had read aloud, the next would find on the disk.
    monkeypatch.setattr(tts, "_init_tts_cache_dir", lambda *_: str(tmp_path))
    assert await async_setup_component(hass, "homeassistant", {})
    yield
    assert not await onlooker.async_leaks()


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest) -> None:
    """Prepare the Home Assistant of a test that asks for one, and of no other."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("custom_home")


@pytest.fixture(scope="session")
def raised() -> Iterator[Raised]:
    """Look at every error of the whole suite."""
    raised = Raised()
    with raised.watching():
        yield raised


@pytest.fixture(autouse=True)
def _discreet_errors(raised: Raised) -> Iterator[None]:
    """Fail any test in which an error has a key or a recording."""
    yield
    assert not raised.leaks(API_KEY)


@pytest.fixture(autouse=True)
def _discreet_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail any test in which a key or a recording gets into a log."""
    caplog.set_level(logging.DEBUG)
    yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):
            if record.name.startswith(_OTHER_CLIENTS):
                continue
            leak = find_leak(f"{record.getMessage()} {record.exc_text}", [API_KEY])
            if leak == "a recording" and record.name in (_CORE, _WEBSOCKET):
                continue
            assert not leak, f"{leak} in a line of {record.name}"


@pytest.fixture
async def emulator(socket_enabled: None) -> AsyncIterator[Emulator]:
    """Run a realtime service with a cheap voice, as fast as it can speak."""
    async with Emulator(
        api_key=API_KEY, deployment=DEPLOYMENT, speed=0, first_audio_ms=0
    ) as emulator:
        yield emulator


@pytest.fixture
def config_entry(hass: HomeAssistant, emulator: Emulator) -> MockConfigEntry:
    """Add a config entry for the emulator, with one assistant that has the defaults."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=f"{DEPLOYMENT} ({emulator.url})",
        unique_id=f"{emulator.url}/{DEPLOYMENT}",
        data={
            CONF_HOST_NAME: emulator.url,
            CONF_DEPLOYMENT: DEPLOYMENT,
            CONF_API_KEY: API_KEY,
            CONF_API_VERSION: "",
        },
        subentries_data=[
            ConfigSubentryDataWithId(
                data=DEFAULT_ASSISTANT,
                subentry_id=SUBENTRY_ID,
                subentry_type=SUBENTRY_CONVERSATION,
                title=DEFAULT_ASSISTANT_NAME,
                unique_id=None,
            )
        ],
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def init_integration(
    hass: HomeAssistant, config_entry: MockConfigEntry
) -> MockConfigEntry:
    """Set up the integration with that entry."""
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    await hass.async_block_till_done()
    return config_entry


def set_client_defaults(monkeypatch: pytest.MonkeyPatch, **options: float) -> None:
    """Change how all clients that are made from now on connect."""
    defaults = WebSocketOptions.__init__.__kwdefaults__
    assert defaults is not None
    for name, value in options.items():
        assert name in defaults
        monkeypatch.setitem(defaults, name, value)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the connection test give up early."""
    set_client_defaults(monkeypatch, connect_timeout=0.3, command_timeout=0.3)
