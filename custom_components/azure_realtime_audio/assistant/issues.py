"""Issues: what only a person can mend, and how. They go away by themselves."""

from collections.abc import Iterable
from typing import Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..const import CONF_DEPLOYMENT, CONF_HOST_NAME, DOMAIN
from ..errors import ISSUES, presentation
from ..realtime import ConnectError, RealtimeError

_LEARN_MORE: Final = (
    "https://github.com/azure-realtime-audio/azure-realtime-audio"
    "#if-something-goes-wrong"
)


@callback
def async_setup_repairs(hass: HomeAssistant) -> None:
    """Let the issue of an entry go when that is unloaded, disabled or removed.

    An entry whose set-up has failed is not told, but its state changes.
    """

    @callback
    def on_entry_changed(_: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == DOMAIN and entry.state is ConfigEntryState.NOT_LOADED:
            async_delete_issues(hass, entry)

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, on_entry_changed)


@callback
def async_create_issue(
    hass: HomeAssistant, entry: ConfigEntry, err: RealtimeError
) -> None:
    """Make an issue of an error that only a person can mend; of others, none.

    It takes the place of the entry's issue before: one thing is wrong at a time. An error
    that passes says nothing about that.
    """
    if isinstance(err, ConnectError) and err.transient:
        return
    issue = presentation(err).sentence
    async_delete_issues(hass, entry, ISSUES.keys() - {issue})
    if issue not in ISSUES:
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry, issue),
        data={"entry_id": entry.entry_id},
        is_fixable=ISSUES[issue],
        learn_more_url=_LEARN_MORE,
        severity=ir.IssueSeverity.ERROR,
        translation_key=issue,
        translation_placeholders={
            "title": entry.title,
            CONF_DEPLOYMENT: entry.data[CONF_DEPLOYMENT],
            CONF_HOST_NAME: entry.data[CONF_HOST_NAME],
        },
    )


@callback
def async_delete_issues(
    hass: HomeAssistant, entry: ConfigEntry, issues: Iterable[str] = ISSUES
) -> None:
    """Take back whichever of these issues the entry has."""
    for issue in issues:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, issue))


def _issue_id(entry: ConfigEntry, issue: str) -> str:
    return f"{issue}_{entry.entry_id}"
