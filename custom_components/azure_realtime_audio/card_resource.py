"""The live card as dashboards find it: a module that this integration serves and lists.

Dashboards wait for the modules of their resources before they draw a card, and for no other module.
Resources that are written in YAML are their owner's; with those the module is loaded beside the
frontend.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from homeassistant.components import frontend
from homeassistant.components.http import StaticPathConfig
from homeassistant.components.lovelace import LOVELACE_DATA
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

_MODULE = Path(__file__).parent / "frontend" / "azure-realtime-audio-card.js"
_PATH = f"/{DOMAIN}/{_MODULE.name}"

# Where browsers find the present version of the module.
DATA_CARD_URL: HassKey[str] = HassKey(f"{DOMAIN}_card_url")
# Whether it is loaded beside the frontend.
DATA_CARD_BESIDE: HassKey[bool] = HassKey(f"{DOMAIN}_card_beside")


async def async_setup_card(hass: HomeAssistant) -> None:
    """Serve the module; once, since Home Assistant cannot take a path back."""
    version = await hass.async_add_executor_job(_read_version)
    # The version is the content's, so a browser may keep what it finds at a URL.
    path = StaticPathConfig(_PATH, str(_MODULE), cache_headers=True)
    await hass.http.async_register_static_paths([path])
    hass.data[DATA_CARD_URL] = f"{_PATH}?v={version}"


async def async_add_card(hass: HomeAssistant) -> None:
    """Offer the card in dashboards, in its present version; once, however often called."""
    url = hass.data[DATA_CARD_URL]
    resources = _stored_resources(hass)
    if resources is None:
        _load_beside_frontend(hass, url)
        return
    listed = await _listed(resources)
    # Nothing is awaited before the list has changed, so that entries set up at once list it once.
    if not listed:
        await resources.async_create_item({"res_type": "module", "url": url})
    elif listed[0]["url"] != url:
        await resources.async_update_item(listed[0]["id"], {"url": url})


async def async_remove_card(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take the card back with the last entry, if this is the last."""
    others = hass.config_entries.async_entries(DOMAIN)
    if any(other.entry_id != entry.entry_id for other in others):
        return
    if hass.data.pop(DATA_CARD_BESIDE, False):
        frontend.remove_extra_js_url(hass, hass.data[DATA_CARD_URL])
    if resources := _stored_resources(hass):
        for item in await _listed(resources):
            await resources.async_delete_item(item["id"])


def _read_version() -> str:
    return sha256(_MODULE.read_bytes()).hexdigest()[:12]


def _load_beside_frontend(hass: HomeAssistant, url: str) -> None:
    if frontend.DOMAIN not in hass.config.components or DATA_CARD_BESIDE in hass.data:
        return
    frontend.add_extra_js_url(hass, url)
    hass.data[DATA_CARD_BESIDE] = True


def _stored_resources(hass: HomeAssistant) -> ResourceStorageCollection | None:
    """Return the resources, unless there are no dashboards or the resources are in YAML."""
    dashboards = hass.data.get(LOVELACE_DATA)
    if dashboards is None:
        return None
    resources = dashboards.resources
    return resources if isinstance(resources, ResourceStorageCollection) else None


async def _listed(resources: ResourceStorageCollection) -> list[dict[str, Any]]:
    """Return the items that are the card's, in whichever version."""
    await resources.async_get_info()  # loads them
    items = resources.async_items()
    return [item for item in items if item["url"].partition("?")[0] == _PATH]
