"""The one filter that keeps secrets out of what Home Assistant shows or keeps."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from homeassistant.exceptions import HomeAssistantError

from ..errors import translated
from ..realtime import RealtimeError

# What MCP tools, and sessions, have under these names is their owner's alone.
SECRET_KEYS: Final = frozenset(
    {"access_token", "api_key", "authorization", "client_secret", "headers"}
)
_HIDDEN = "***"
# A shorter text could be a part of anything.
_MIN_LENGTH = 6


class SecretFilter:
    """Copies what the service has sent, or an action returns, without secrets.

    They go by their names, and by what they are once they are known: the service may repeat
    them in any text.
    """

    def __init__(self) -> None:
        """Know no secret yet."""
        self._known: set[str] = set()

    def learn(self, settings: Any) -> None:
        """Know the secrets in settings that somebody has made."""
        self._known.update(
            secret for secret in _secrets(settings) if len(secret) >= _MIN_LENGTH
        )

    def __call__[ValueT](self, value: ValueT) -> ValueT:
        """Return a copy without secrets."""
        copy: ValueT = self._copy(value)
        return copy

    def of_error[ErrorT: RealtimeError](self, err: ErrorT) -> ErrorT:
        """Return an equal error of the client's, without secrets in what it tells."""
        told = err.without_traceback()
        told.args = tuple(self(list(err.args)))
        told.__dict__.update(self(told.__dict__))
        return told

    def of_sentence(self, err: HomeAssistantError) -> HomeAssistantError:
        """Return an error without secrets in its sentence: the same one, if there are none."""
        placeholders = err.translation_placeholders or {}
        if (shown := self(placeholders)) == placeholders:
            return err
        return translated(err.translation_key or "unexpected", **shown)

    def _copy(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._copy(part)
                for key, part in value.items()
                if str(key).lower() not in SECRET_KEYS
            }
        if isinstance(value, list):
            return [self._copy(part) for part in value]
        if isinstance(value, str):
            # The longest first: one may be a part of another.
            for secret in sorted(self._known, key=len, reverse=True):
                value = value.replace(secret, _HIDDEN)
        return value


def _secrets(value: Any) -> Iterator[str]:
    """Yield the secrets in settings."""
    if isinstance(value, list):
        for part in value:
            yield from _secrets(part)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if str(key).lower() in SECRET_KEYS:
                yield from _texts(part)
            elif key == "server_url" and isinstance(part, str):
                yield from _secrets_of_url(part)
            else:
                yield from _secrets(part)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        # The token of "Bearer token" is one by itself.
        yield value.rpartition(" ")[2]
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _secrets_of_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if "@" in parts.netloc:
        yield parts.netloc.rpartition("@")[0]
    if parts.password:
        yield parts.password
    if parts.query:
        yield parts.query
    for pair in parts.query.split("&"):
        yield pair.partition("=")[2]
