"""Damaged events of the service: the client survives them all."""

from collections.abc import Iterator
import logging
from random import Random

import pytest

from tests.conftest import API_KEY
from tests.leaks import Raised

from .session import PREVIEW, attack, connected, emulated, record

# A forged event has audio where words belong, which the service never does: of what the suite
# looks for in every test only the key is of interest here.


@pytest.fixture(autouse=True)
def _discreet_errors(raised: Raised) -> Iterator[None]:
    """Look for the key in errors."""
    yield
    assert not [leak for leak in raised.leaks(API_KEY) if leak.startswith("a key")]


@pytest.fixture(autouse=True)
def _discreet_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Look for the key in the log."""
    caplog.set_level(logging.DEBUG, "custom_components")
    yield
    assert API_KEY not in caplog.text


@pytest.mark.parametrize("api_version", [None, PREVIEW])
@pytest.mark.usefixtures("socket_enabled")
async def test_damaged_events(
    api_version: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Damaged events raise no error, and the session stays usable.

    ``script/fuzz`` sends a million.
    """
    async with emulated() as emulator:
        recorded = [*await record(emulator, None), *await record(emulator, PREVIEW)]
        async with connected(emulator, api_version) as (client, session):
            for seed in range(4):
                await attack(emulator, client, session, recorded, Random(seed), 1000)
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]
