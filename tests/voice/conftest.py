"""Fixtures for tests of spoken turns."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import (
    CONF_FIRE_EVENTS,
    CONF_TRANSCRIPTION_DEPLOYMENT,
)

from ..satellite import Satellite, new_conversation, speak_to
from ..talk import AGENT, change_assistant


@pytest.fixture
async def satellite(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite whose pipeline is the assistant's three entities."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


@pytest.fixture
async def transcribing(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite, and the service write down what it hears."""
    await change_assistant(
        hass,
        init_integration,
        **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1", CONF_FIRE_EVENTS: True},
    )
    return satellite
