"""What goes wrong, in the words of the user interface."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from homeassistant.const import CONF_API_KEY
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from .const import CONF_API_VERSION, CONF_DEPLOYMENT, CONF_HOST_NAME, DOMAIN
from .realtime import (
    QUOTA_CODES,
    RATE_LIMIT_CODES,
    CannotConnectError,
    CommandError,
    CommandTimeoutError,
    ConnectionLostError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAudioError,
    InvalidAuthError,
    InvalidConfigError,
    InvalidHostError,
    NotConnectedError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    RealtimeError,
    Response,
    ResponseActiveError,
    ServiceFailingError,
    UnencryptedHostError,
    UnsupportedApiVersionError,
)


class AssistantError(HomeAssistantError):
    """The root of what an assistant itself cannot do, whatever the service says."""

    key: str

    def __init__(self) -> None:
        """Take the sentence from the translations."""
        super().__init__(translation_domain=DOMAIN, translation_key=self.key)

    def without_traceback(self) -> AssistantError:
        """Return an equal error without a traceback: keeping it keeps nothing else alive."""
        return type(self)()


class UnknownVoiceError(HomeAssistantError):
    """A voice was asked for that does not exist."""

    def __init__(self, voice: str, voices: Iterable[str]) -> None:
        """Take the voice that was asked for, and those that there are."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key="unknown_voice",
            translation_placeholders={"voice": voice, "voices": ", ".join(voices)},
        )

    def as_dict(self) -> str:
        """Return the sentence.

        Core's HTTP view of text-to-speech answers with the error itself (2026.10 and 2026.11),
        which becomes JSON in this way only.
        """
        return str(self)


class NothingHeardError(AssistantError):
    """The person has not spoken."""

    key = "nothing_heard"


class BufferFullError(AssistantError):
    """The service took so long to open a session that words would have been lost."""

    key = "cannot_connect"


class TooManySessionsError(AssistantError):
    """Every session that an assistant may have is in the middle of a turn."""

    key = "too_many_sessions"


class ConversationBusyError(AssistantError):
    """Another turn of the same conversation does not end."""

    key = "conversation_busy"


class ConversationInUseError(AssistantError):
    """Another caller of actions does not end what it does in the conversation."""

    key = "conversation_in_use"


class SetupFailure(Enum):
    """What another try to set an entry up needs."""

    NEW_KEY = "new key"
    NEW_DATA = "new data"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How an error of the client library is shown.

    ``form_field`` is the field of the connection's form to blame; a form shows
    ``form_key``, a sentence of its own. An entry that cannot be set up shows
    ``set_up_key``, where an assistant would speak in the sentence. ``issue`` says whether a repair is offered: None is
    for no issue at all, True for one that other settings can mend.
    """

    sentence: str
    form_field: str = "base"
    form_key: str = "connection_refused"
    set_up_key: str | None = None
    issue: bool | None = None
    set_up: SetupFailure = SetupFailure.TIME


def _same(key: str, field: str = "base", **others: Any) -> Presentation:
    """Return the presentation of an error whose form shows the sentence of the same key."""
    return Presentation(sentence=key, form_field=field, form_key=key, **others)


_PRESENTATIONS: Final[Mapping[type[RealtimeError], Presentation]] = {
    RealtimeError: Presentation(sentence="unexpected"),
    CannotConnectError: _same(
        "cannot_connect", CONF_HOST_NAME, set_up_key="unreachable"
    ),
    CommandError: Presentation(sentence="command_refused"),
    CommandTimeoutError: Presentation(sentence="command_timeout", form_key="timeout"),
    ConnectionLostError: Presentation(sentence="connection_lost"),
    DeploymentNotFoundError: _same("deployment_not_found", CONF_DEPLOYMENT, issue=True),
    ForbiddenError: _same("forbidden", issue=False),
    InvalidAudioError: Presentation(sentence="invalid_audio"),
    InvalidAuthError: _same("invalid_auth", CONF_API_KEY, set_up=SetupFailure.NEW_KEY),
    InvalidConfigError: Presentation(
        sentence="invalid_config",
        form_field=CONF_API_VERSION,
        form_key="invalid_api_version",
        set_up=SetupFailure.NEW_DATA,
    ),
    InvalidHostError: _same(
        "invalid_host", CONF_HOST_NAME, set_up=SetupFailure.NEW_DATA
    ),
    NotConnectedError: Presentation(sentence="not_connected"),
    NotRealtimeModelError: _same("not_realtime_model", CONF_DEPLOYMENT, issue=True),
    QuotaExceededError: _same("quota_exceeded", issue=False),
    RateLimitedError: _same("rate_limited"),
    ResponseActiveError: Presentation(sentence="response_active"),
    ServiceFailingError: Presentation(
        sentence="service_trouble",
        form_key="service_failing",  # the host name is right
        set_up_key="service_failing",
    ),
    UnencryptedHostError: _same(
        "unencrypted_host", CONF_HOST_NAME, set_up=SetupFailure.NEW_DATA
    ),
    UnsupportedApiVersionError: _same(
        "unsupported_api_version", CONF_API_VERSION, issue=True
    ),
}
ISSUE_QUOTA: Final = "quota_exceeded"
# The issues that an entry may have, and whether other settings can mend each.
ISSUES: Final[Mapping[str, bool]] = {
    shown.sentence: shown.issue
    for shown in _PRESENTATIONS.values()
    if shown.issue is not None
}


def presentation(err: RealtimeError) -> Presentation:
    """Return how an error is shown: its own way, or that of the nearest kind it is of."""
    return next(
        _PRESENTATIONS[kind] for kind in type(err).__mro__ if kind in _PRESENTATIONS
    )


async def async_sentence(
    hass: HomeAssistant, language: str, error: HomeAssistantError
) -> str:
    """Return an error's sentence in a language; English where there is no translation."""
    sentences = await async_get_translations(hass, language, "exceptions", {DOMAIN})
    prefix = f"component.{DOMAIN}.exceptions"
    sentence = sentences.get(
        f"{prefix}.{error.translation_key}.message",
        sentences[f"{prefix}.unexpected.message"],
    )
    return sentence.format_map(error.translation_placeholders or {})


def set_up_error(err: RealtimeError) -> HomeAssistantError:
    """Return why an entry cannot be set up; no assistant speaks here, as it does elsewhere."""
    if key := presentation(err).set_up_key:
        return translated(key, error=str(err).rstrip("."))
    return translated_error(err)


def translated_error(
    err: RealtimeError, shown: Callable[[str], str] = str
) -> HomeAssistantError:
    """Return the error in the words of the user interface.

    ``shown`` takes secrets out of a text.
    """
    placeholders = {"error": shown(str(err).rstrip("."))}
    if isinstance(err, InvalidConfigError):
        placeholders |= {"key": shown(err.key), "error": shown(err.reason)}
    return translated(presentation(err).sentence, **placeholders)


def translated(key: str, /, **placeholders: str) -> HomeAssistantError:
    """Return an error with a sentence from the translations."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def unraised(err: HomeAssistantError) -> HomeAssistantError:
    """Return an equal error without a traceback: keeping it keeps nothing else alive."""
    return HomeAssistantError(
        translation_domain=err.translation_domain,
        translation_key=err.translation_key,
        translation_placeholders=err.translation_placeholders,
    )


def response_failure(response: Response) -> HomeAssistantError | None:
    """Return why a response is no answer, if it is none."""
    details = response.status_details or {}
    error = response.error or {}
    if error.get("code") in RATE_LIMIT_CODES:
        return translated("rate_limited")
    if error.get("code") in QUOTA_CODES:
        return translated("quota_exceeded")
    if details.get("reason") == "content_filter":
        return translated("content_filter")
    if response.status == "cancelled":
        return translated("response_cancelled")
    if response.status == "failed":
        told = error.get("message") or (error or details).get("type")
        return translated("response_failed", error=told or "no reason was given")
    calls = response.tool_calls if response.status == "completed" else []
    if not (response.text or response.transcript or calls):
        return translated("no_answer")
    return None
