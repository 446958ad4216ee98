"""What stands in a chat for words that were heard and not written down."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..chat.history import placeholders
from ..const import DOMAIN


async def async_unknown_words(hass: HomeAssistant, language: str) -> str:
    """Return what stands for words that are not known (yet), in the user's language."""
    key = f"component.{DOMAIN}.common.spoken"
    translations = await async_get_translations(hass, language, "common", {DOMAIN})
    words = translations[key]
    placeholders(hass).add(words)
    return words
