"""Damaged events of the service: the client survives them all."""

import logging
from random import Random

import pytest

from .session import PREVIEW, attack, connected, emulated, record


@pytest.mark.parametrize("api_version", [None, PREVIEW])
@pytest.mark.usefixtures("socket_enabled")
async def test_damaged_events(
    api_version: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the service sends, nothing is raised and the session is of use.

    ``script/fuzz`` sends a million.
    """
    async with emulated() as emulator:
        recorded = [*await record(emulator, None), *await record(emulator, PREVIEW)]
        async with connected(emulator, api_version) as (client, session):
            for seed in range(4):
                await attack(emulator, client, session, recorded, Random(seed), 1000)
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]
