"""Fixtures for tests of live conversations."""

from collections.abc import AsyncIterator

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from emulator import Emulator, Reply

from ..satellite import said_at
from .card import STORY, STORY_SECONDS, LiveCard, begin_reply


@pytest.fixture
async def card(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> AsyncIterator[LiveCard]:
    """Have a card in a browser, which has not begun to listen."""
    card = LiveCard(await hass_ws_client(hass))
    yield card
    await card.leave()
    await hass.async_block_till_done()


@pytest.fixture
async def story(emulator: Emulator, card: LiveCard) -> str:
    """Have a long reply begun, of which the card has played 700 ms; its item."""
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, STORY_SECONDS)))
    return await begin_reply(card)
