"""What stands in a chat for what is not text: spoken words that were not written down, a picture."""

from typing import Literal

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..chat.history import placeholders
from ..const import DOMAIN


async def async_stand_in(
    hass: HomeAssistant, language: str, kind: Literal["spoken", "picture"] = "spoken"
) -> str:
    """Return what stands for it in the user's language. The model is never told that text."""
    translations = await async_get_translations(hass, language, "common", {DOMAIN})
    words = translations[f"component.{DOMAIN}.common.{kind}"]
    placeholders(hass).add(words)
    return words
