"""What every test stands on."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

# The test tools ship a custom_components package of their own, which would hide ours.
import custom_components  # noqa: F401  # imported for its effect


@pytest.fixture
async def custom_home(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    """Set up what a real core always has: the default agent needs exposed entities."""
    assert await async_setup_component(hass, "homeassistant", {})


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest) -> None:
    """Prepare the Home Assistant of a test that asks for one, and of no other."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("custom_home")
