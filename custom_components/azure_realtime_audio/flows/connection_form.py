"""The forms of a connection, and what goes wrong in them."""

from collections.abc import Mapping
import re
from typing import Any, Final

from aiohttp import ClientConnectorDNSError, ClientSSLError
from homeassistant.const import CONF_API_KEY, CONF_NAME
from homeassistant.core import HomeAssistant
import voluptuous as vol

from ..assistant.connection_test import async_test_connection
from ..const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_HOST_NAME,
    CONF_TRANSCRIPTION_DEPLOYMENT,
)
from ..errors import presentation
from ..realtime import (
    CannotConnectError,
    Endpoint,
    InvalidConfigError,
    InvalidHostError,
    RealtimeError,
)
from .fields import PIPELINE_FIELDS, choice_field, collapsed, key_field, text_field

SECTION_ADVANCED = "advanced"
# Where people find the endpoint, and copy the address of the page instead.
PORTALS: Final = ("portal.azure.", "ai.azure.com", "oai.azure.com")
_RESOURCE_NAME = re.compile(r"(?=.*[a-zA-Z])[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]")
_RESOURCE_HOST = re.compile(
    r"([^.]+)\.(?:openai|services\.ai|cognitiveservices)\.(azure\.\w+)"
)


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
        vol.Optional(CONF_TRANSCRIPTION_DEPLOYMENT): text_field(),
        **PIPELINE_FIELDS,
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
        _host_name(form[CONF_HOST_NAME]), form[CONF_DEPLOYMENT], form[CONF_API_VERSION]
    )
    return {
        CONF_HOST_NAME: endpoint.base,
        CONF_DEPLOYMENT: endpoint.deployment,
        CONF_API_KEY: form[CONF_API_KEY].strip(),
        CONF_API_VERSION: endpoint.api_version or "",
    }


def _host_name(typed: str) -> str:
    """Complete the bare name of a resource; a server of one's own network has more about it."""
    name = typed.strip()
    host = name.rpartition("://")[2].partition("/")[0].lower()
    if host.startswith(PORTALS):
        raise InvalidHostError("The address is that of a page in the Azure portal")
    if _RESOURCE_NAME.fullmatch(name) and name.lower() != "localhost":
        return f"{name}.openai.azure.com"
    return typed


def is_same_deployment(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether the data of two entries mean one deployment.

    A resource has three host names, and Azure does not tell capital letters apart.
    """
    return _deployment(one) == _deployment(other)


def _deployment(data: Mapping[str, str]) -> tuple[str, str]:
    host_name, deployment = data[CONF_HOST_NAME], data[CONF_DEPLOYMENT]
    if match := _RESOURCE_HOST.fullmatch(host_name):
        return f"{match[1]}.{match[2]}", deployment.lower()
    return host_name, deployment


def default_title(data: Mapping[str, str]) -> str:
    """Return the title of an entry without a name."""
    return f"{data[CONF_DEPLOYMENT]} ({data[CONF_HOST_NAME]})"


async def async_other_api_version(
    hass: HomeAssistant, data: Mapping[str, str]
) -> str | None:
    """Return an API version with which the deployment works, where that of the data does not."""
    for version in API_VERSIONS:
        stored = "" if version == GA else version
        if stored == data[CONF_API_VERSION]:
            continue
        try:
            await async_test_connection(hass, {**data, CONF_API_VERSION: stored})
        except CannotConnectError:
            return None
        except RealtimeError:
            continue
        return version
    return None


def form_error(err: RealtimeError) -> tuple[str, str]:
    """Return the field to blame and the translation key of what to do about it."""
    if isinstance(err, InvalidConfigError) and err.key == CONF_DEPLOYMENT:
        return CONF_DEPLOYMENT, "invalid_deployment"
    shown = presentation(err)
    if shown.form_key == "cannot_connect":
        return CONF_HOST_NAME, _why_unreachable(err)
    # An error of a field in a section is shown above the section.
    is_advanced = shown.form_field == CONF_API_VERSION
    return SECTION_ADVANCED if is_advanced else shown.form_field, shown.form_key


def _why_unreachable(err: RealtimeError) -> str:
    """Return the translation key of why no service can be reached, where that is known."""
    if isinstance(err.__cause__, ClientConnectorDNSError):
        return "unknown_host"
    if isinstance(err.__cause__, ClientSSLError):
        return "untrusted_server"
    if str(err) != CannotConnectError.message:
        return "unexpected_answer"
    return presentation(err).form_key
