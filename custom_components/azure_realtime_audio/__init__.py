"""Azure Realtime Audio: a native speech-to-speech assistant on Azure OpenAI Realtime."""

from functools import partial
from importlib import import_module

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .answers.reply import DATA_REPLIES
from .assistant.assistant import Assistant
from .assistant.connection_test import async_test_connection
from .assistant.issues import (
    async_create_issue,
    async_delete_issues,
    async_setup_repairs,
)
from .card_resource import async_add_card, async_remove_card, async_setup_card
from .const import DOMAIN
from .data import AssistantRuntime, AzureRealtimeAudioConfigEntry
from .errors import SetupFailure, presentation, set_up_error
from .flows.assist_pipeline import (
    async_create_pipelines,
    async_follow_entities,
    async_mend_orphans,
    async_mend_pipelines_of,
)
from .realtime import RealtimeError
from .screen_websocket import async_setup_screen_websocket
from .services import async_setup_services
from .watch_websocket import async_setup_watch_websocket
from .websocket_api import async_setup_websocket_api

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = (
    Platform.ASSIST_SATELLITE,
    Platform.CONVERSATION,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.STT,
    Platform.TTS,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register what exists whether or not an entry is loaded."""
    async_setup_services(hass)
    async_setup_websocket_api(hass)
    async_setup_screen_websocket(hass)
    async_setup_watch_websocket(hass)
    async_setup_repairs(hass)
    async_follow_entities(hass)
    await async_setup_card(hass)
    await async_mend_orphans(hass)
    return True


async def async_setup_entry(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> bool:
    """Connect once to see that the deployment answers, then make its assistants."""
    await async_add_card(hass)
    await hass.async_add_import_executor_job(_import_slow_modules)
    try:
        model = await async_test_connection(hass, entry.data)
    except RealtimeError as err:
        async_create_issue(hass, entry, err)
        raise _setup_error(err) from err
    async_delete_issues(hass, entry)

    entry.runtime_data = {
        subentry_id: AssistantRuntime.of(Assistant(hass, entry, subentry, model))
        for subentry_id, subentry in entry.subentries.items()
    }

    async def stop(_: Event) -> None:
        await _async_close(entry)

    replies = hass.data[DATA_REPLIES]
    entry.async_on_unload(partial(replies.async_forget_entry, entry.entry_id))
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await async_create_pipelines(hass, entry)  # before it would cause a reload
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    return True


async def async_unload_entry(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> bool:
    """End what the assistants hold open and take the entities away.

    Turns end first, while their voice is still there: core lets a player that has begun to
    fetch a reply wait for ever once its text-to-speech entity has gone.
    """
    await _async_close(entry)
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> None:
    """Leave nothing behind that has nobody to answer: no pipeline, and no card."""
    await async_mend_pipelines_of(hass, entry)
    await async_remove_card(hass, entry)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry, device: DeviceEntry
) -> bool:
    """Let a person delete a screen whose page is not open."""
    ids = {own_id for domain, own_id in device.identifiers if domain == DOMAIN}
    if ids & entry.subentries.keys():
        return False  # an assistant goes with its subentry
    if entry.state is not ConfigEntryState.LOADED:
        return True
    return not any(
        screen.page
        for runtime in entry.runtime_data.values()
        for screen in runtime.screens
        if screen.unique_id in ids
    )


async def _async_close(entry: AzureRealtimeAudioConfigEntry) -> None:
    for runtime in entry.runtime_data.values():
        await runtime.async_close()


async def _async_reload(
    hass: HomeAssistant, entry: AzureRealtimeAudioConfigEntry
) -> None:
    """Start again with changed data: the entry's, or an assistant's."""
    await hass.config_entries.async_reload(entry.entry_id)


def _import_slow_modules() -> None:
    """Import what sound needs, which would hold the event loop in somebody's first turn."""
    for module in ("av", "numpy"):
        import_module(module)


def _setup_error(
    err: RealtimeError,
) -> ConfigEntryAuthFailed | ConfigEntryError | ConfigEntryNotReady:
    """Say whether a new key or new data are needed for another try, or just time.

    After an error that has to be mended in Azure, Home Assistant tries again by itself:
    Azure does not tell when it is mended.
    """
    failure: type[ConfigEntryAuthFailed | ConfigEntryError | ConfigEntryNotReady]
    match presentation(err).set_up:
        case SetupFailure.NEW_KEY:
            failure = ConfigEntryAuthFailed
        case SetupFailure.NEW_DATA:
            failure = ConfigEntryError
        case SetupFailure.TIME:
            failure = ConfigEntryNotReady
    translated = set_up_error(err)
    return failure(
        translation_domain=translated.translation_domain,
        translation_key=translated.translation_key,
        translation_placeholders=translated.translation_placeholders,
    )
