"""Spoken turns through the stock Assist pipeline."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, Reply

from .satellite import Satellite, new_conversation, speak_to
from .talk import AGENT


@pytest.fixture
async def satellite(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite whose pipeline is the assistant's three entities."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


async def test_speech_to_speech(emulator: Emulator, satellite: Satellite) -> None:
    """A short word is answered in the model's own voice."""
    emulator.replies.append(Reply(text="Yes"))
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Yes"
    assert len(run.pcm) > 4800
