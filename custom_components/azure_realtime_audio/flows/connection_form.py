"""The forms of a connection, and what goes wrong in them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import CONF_API_KEY, CONF_NAME
import voluptuous as vol

from ..const import CONF_API_VERSION, CONF_DEPLOYMENT, CONF_HOST_NAME
from ..errors import presentation
from ..realtime import Endpoint, InvalidConfigError, RealtimeError
from .fields import PIPELINE_FIELD, choice_field, collapsed, key_field, text_field

SECTION_ADVANCED = "advanced"


GA = "v1"  # what the form shows for an API version of ""


API_VERSIONS = [GA, "2025-04-01-preview", "2024-12-17", "2024-10-01-preview"]


API_VERSION_FIELD = {
    vol.Required(CONF_API_VERSION, default=GA): choice_field(
        CONF_API_VERSION, API_VERSIONS, custom_value=True
    )
}


USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST_NAME): text_field(),
        vol.Required(CONF_DEPLOYMENT): text_field(),
        vol.Required(CONF_API_KEY): key_field(),
        **PIPELINE_FIELD,
        vol.Required(SECTION_ADVANCED): collapsed(
            {**API_VERSION_FIELD, vol.Optional(CONF_NAME, default=""): text_field()}
        ),
    }
)


RECONFIGURE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST_NAME): text_field(),
        vol.Required(CONF_DEPLOYMENT): text_field(),
        vol.Optional(CONF_API_KEY): key_field(),
        vol.Required(SECTION_ADVANCED): collapsed(API_VERSION_FIELD),
    }
)


REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_API_KEY): key_field()})


def entry_data(form: Mapping[str, Any]) -> dict[str, str]:
    """Return the config entry data that a filled form describes.

    Raises InvalidHostError or InvalidConfigError.
    """
    endpoint = Endpoint.parse(
        form[CONF_HOST_NAME], form[CONF_DEPLOYMENT], form[CONF_API_VERSION]
    )
    return {
        CONF_HOST_NAME: endpoint.base,
        CONF_DEPLOYMENT: endpoint.deployment,
        CONF_API_KEY: form[CONF_API_KEY].strip(),
        CONF_API_VERSION: endpoint.api_version or "",
    }


def default_title(data: Mapping[str, str]) -> str:
    """Return the title of an entry without a name."""
    return f"{data[CONF_DEPLOYMENT]} ({data[CONF_HOST_NAME]})"


def form_error(err: RealtimeError) -> tuple[str, str]:
    """Return the field to blame and the translation key of what to do about it."""
    if isinstance(err, InvalidConfigError) and err.key == CONF_DEPLOYMENT:
        return CONF_DEPLOYMENT, "invalid_deployment"
    shown = presentation(err)
    # An error of a field in a section is shown above the section.
    is_advanced = shown.form_field == CONF_API_VERSION
    return SECTION_ADVANCED if is_advanced else shown.form_field, shown.form_key
