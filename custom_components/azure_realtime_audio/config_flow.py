"""The config flow: one deployment of a realtime model."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
import voluptuous as vol

from .assistant.connection_test import async_test_connection
from .const import (
    CONF_API_VERSION,
    CONF_CREATE_PIPELINE,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    CONF_PREFER_PIPELINE,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
    DOMAIN,
    LOGGER,
    SUBENTRY_CONVERSATION,
)
from .data import AzureRealtimeAudioConfigEntry
from .flows.assist_pipeline import first_steps
from .flows.assistant_flow import AssistantSubentryFlow
from .flows.connection_form import (
    GA,
    REAUTH_SCHEMA,
    RECONFIGURE_SCHEMA,
    SECTION_ADVANCED,
    USER_SCHEMA,
    async_other_api_version,
    default_title,
    entry_data,
    form_error,
    is_same_deployment,
)
from .flows.fields import opened, without_sections
from .realtime import DeploymentNotFoundError, RealtimeError, UnsupportedApiVersionError


class AzureRealtimeAudioConfigFlow(ConfigFlow, domain=DOMAIN):
    """Set up one deployment, with a first assistant on it."""

    VERSION = 1

    def __init__(self) -> None:
        """Start with nothing to complain about."""
        self._errors: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the one kind of subentry: an assistant."""
        return {SUBENTRY_CONVERSATION: AssistantSubentryFlow}

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a deployment, and make it together with its first assistant."""
        if user_input is not None:
            form = without_sections(user_input)
            if data := await self._async_connected(form):
                name = form[CONF_NAME].strip()
                assistant = name or DEFAULT_ASSISTANT_NAME
                wishes = {
                    CONF_CREATE_PIPELINE: form[CONF_CREATE_PIPELINE],
                    CONF_PREFER_PIPELINE: form.get(CONF_PREFER_PIPELINE, False),
                }
                description, placeholders = first_steps(self.hass, assistant, wishes)
                return self.async_create_entry(
                    title=name or default_title(data),
                    data=data,
                    description=description,
                    description_placeholders=placeholders,
                    subentries=[
                        {
                            "subentry_type": SUBENTRY_CONVERSATION,
                            "title": assistant,
                            "data": {
                                **DEFAULT_ASSISTANT,
                                CONF_TRANSCRIPTION_DEPLOYMENT: form.get(
                                    CONF_TRANSCRIPTION_DEPLOYMENT, ""
                                ).strip(),
                                **wishes,
                            },
                            "unique_id": None,
                        }
                    ],
                )
        return self._async_show("user", USER_SCHEMA, user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change where the deployment is; without a new key the old one stays."""
        entry = self._get_reconfigure_entry()
        if user_input is None:
            suggested = {
                CONF_HOST_NAME: entry.data[CONF_HOST_NAME],
                CONF_DEPLOYMENT: entry.data[CONF_DEPLOYMENT],
                SECTION_ADVANCED: {
                    CONF_API_VERSION: entry.data[CONF_API_VERSION] or GA
                },
            }
            return self._async_show("reconfigure", RECONFIGURE_SCHEMA, suggested)
        form = {
            CONF_API_KEY: entry.data[CONF_API_KEY],
            **without_sections(user_input),
        }
        if data := await self._async_connected(form):
            return self._async_update(entry, data)
        return self._async_show("reconfigure", RECONFIGURE_SCHEMA, user_input)

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin where the service has refused the key."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the new key, and for nothing else."""
        entry = self._get_reauth_entry()
        if user_input is not None:
            if data := await self._async_connected({**entry.data, **user_input}):
                return self._async_update(entry, data)
        self._placeholders |= {
            CONF_HOST_NAME: entry.data[CONF_HOST_NAME],
            CONF_DEPLOYMENT: entry.data[CONF_DEPLOYMENT],
        }
        return self._async_show("reauth_confirm", REAUTH_SCHEMA, user_input)

    async def _async_connected(self, form: Mapping[str, Any]) -> dict[str, str] | None:
        """Return a filled form's entry data once it has connected, else keep the error."""
        self._errors, self._placeholders = {}, {}
        try:
            data = entry_data(form)
            await self._async_claim(data)
            await self._async_test(data)
        except AbortFlow:
            raise
        except RealtimeError as err:
            field, error = form_error(err)
            self._errors[field] = error
            self._placeholders["error"] = str(err).rstrip(".")
        except Exception:  # noqa: BLE001  # a bug must not cost the user the form
            LOGGER.exception("Unexpected error while testing the connection")
            self._errors["base"] = "unknown"
        else:
            return None if self._errors else data
        return None

    async def _async_test(self, data: Mapping[str, str]) -> None:
        """Connect. Where only another API version works, that is the error to be shown."""
        try:
            await async_test_connection(self.hass, data)
        except DeploymentNotFoundError, UnsupportedApiVersionError:
            version = await async_other_api_version(self.hass, data)
            if version is None:
                raise
            self._errors[SECTION_ADVANCED] = "other_api_version"
            self._placeholders[CONF_API_VERSION] = version

    async def _async_claim(self, data: Mapping[str, str]) -> None:
        """Abort where another entry has this deployment already, under whichever host name.

        Another flow may be open for the same entry, to reauthenticate: no conflict.
        """
        own_id = self.context.get("entry_id")
        for entry in self._async_current_entries():
            if entry.entry_id != own_id and is_same_deployment(entry.data, data):
                raise AbortFlow("already_configured")
        unique_id = f"{data[CONF_HOST_NAME]}/{data[CONF_DEPLOYMENT]}"
        await self.async_set_unique_id(unique_id, raise_on_progress=False)

    @callback
    def _async_update(
        self, entry: AzureRealtimeAudioConfigEntry, data: dict[str, str]
    ) -> ConfigFlowResult:
        """Store the data and reload; a default title follows the data."""
        title = entry.title
        if title == default_title(entry.data):
            title = default_title(data)
        # An entry that failed to set up has no listener that would reload it.
        if not entry.update_listeners:
            return self.async_update_reload_and_abort(
                entry, unique_id=self.unique_id, title=title, data=data
            )
        if data == entry.data:  # not changed, but it works again
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_update_and_abort(
            entry, unique_id=self.unique_id, title=title, data=data
        )

    @callback
    def _async_show(
        self, step_id: str, schema: vol.Schema, suggested: Mapping[str, Any] | None
    ) -> ConfigFlowResult:
        """Show a form with what is known, and what went wrong on the field at fault."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                opened(schema, self._errors), suggested
            ),
            errors={
                field if field in schema.schema else "base": error
                for field, error in self._errors.items()
            },
            description_placeholders=self._placeholders,
        )
