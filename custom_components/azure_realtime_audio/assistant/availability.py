"""Whether the service can be reached: learned by use, and by probing while it cannot be."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, LOGGER
from ..errors import ISSUE_QUOTA, ISSUES
from ..realtime import (
    QUOTA_CODES,
    CannotConnectError,
    InvalidAuthError,
    QuotaExceededError,
    RateLimitedError,
    RealtimeClient,
    RealtimeError,
    backoff_delays,
    with_jitter,
)
from .issues import async_create_issue, async_delete_issues
from .secrets import SecretFilter
from .session_key import SessionKey
from .timing import Timing


class Availability:
    """Whether an assistant's service can be reached, and when to try again.

    A failed connection makes it unavailable. From then on a probe tries, less and less
    often, and turns may try as well, but not all the time and not for long. The first
    that gets through, whichever it is, makes it available.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        name: str,
        timing: Timing,
        secrets: SecretFilter,
        make_client: Callable[[], RealtimeClient],
        on_change: Callable[[], None],
    ) -> None:
        """Begin as available: set-up has just tried.

        ``secrets`` filters what is kept or logged of an error, ``make_client`` returns what a probe connects with; ``on_change`` is called when the
        assistant has become available or unavailable.
        """
        self.is_available = True
        self.last_error: RealtimeError | None = None  # until the service is back
        self.failed_at: datetime | None = None
        self._hass = hass
        self._entry = entry
        self._name = name
        self._timing = timing
        self._secrets = secrets
        self._make_client = make_client
        self._on_change = on_change
        self._probe: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._not_before: dict[SessionKey | None, float] = {}
        self._is_closed = False

    @asynccontextmanager
    async def attempt(self, purpose: SessionKey | None) -> AsyncIterator[None]:
        """Connect inside, for a turn or another purpose. While away that fails fast.

        Raises the last error at once where it is too early for another try for this
        purpose, and CannotConnectError where this one takes too long.
        """
        patience = None
        if not self.is_available:
            assert self.last_error is not None
            now = asyncio.get_running_loop().time()
            if now < max(self._retry_at, self._not_before.get(purpose, 0.0)):
                raise self.last_error.without_traceback()
            self._not_before[purpose] = now + self._timing.try_delay
            patience = self._timing.try_patience
        try:
            async with asyncio.timeout(patience):
                yield
        except TimeoutError:
            self.async_failed(error := CannotConnectError())
            raise error from None
        except CannotConnectError as err:
            self.async_failed(err)  # the client does not know that a turn gave up
            raise

    @callback
    def async_connected(self) -> None:
        """Note that a session is open.

        The entry's other assistants have the same deployment: their issue goes as well, and
        the question for another key. With no quota left sessions open all the same, so that
        issue waits for more.
        """
        self._stop_probe()
        hass, entry = self._hass, self._entry
        async_delete_issues(hass, entry, ISSUES.keys() - {ISSUE_QUOTA})
        for flow in list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
            hass.config_entries.flow.async_abort(flow["flow_id"])
        self._retry_at = 0.0
        self._not_before.clear()
        if not self.is_available:
            LOGGER.info("%s can reach the service again", self._name)
            self.is_available = True
            self.last_error = self.failed_at = None
            async_delete_issues(hass, entry)
            self._on_change()

    @callback
    def async_failed(self, err: RealtimeError) -> None:
        """Note that there is no session to be had, and begin what may mend it."""
        if self._is_closed:
            return
        self.last_error = err = self._secrets.of_error(err)
        self.failed_at = dt_util.utcnow()
        # Never shorten a retry-after that an earlier attempt was given.
        now = asyncio.get_running_loop().time()
        self._retry_at = max(self._retry_at, now + self._retry_after(err))
        hass, entry = self._hass, self._entry
        async_create_issue(hass, entry, err)
        if self.is_available:
            LOGGER.warning("%s cannot reach the service: %s", self._name, err)
            self.is_available = False
            self._on_change()
        if isinstance(err, InvalidAuthError):
            entry.async_start_reauth(hass)
        if self._probe is None:
            self._probe = entry.async_create_background_task(
                hass, self._async_probe(), f"{DOMAIN} probe {self._name}"
            )

    @callback
    def async_response_done(self, event: Mapping[str, Any]) -> None:
        """Learn from the end of a response whether the account has quota left.

        Where it has none the service still opens sessions: that tells nothing.
        """
        hass, entry = self._hass, self._entry
        details = event["response"].get("status_details")
        error = details.get("error") if isinstance(details, Mapping) else None
        if error and error.get("code") in QUOTA_CODES:
            async_create_issue(hass, entry, QuotaExceededError())
        elif event["response"].get("status") == "completed":
            async_delete_issues(hass, entry, {ISSUE_QUOTA})

    @callback
    def async_close(self) -> None:
        """Stop probing, for good."""
        self._is_closed = True
        self._stop_probe()

    async def _async_probe(self) -> None:
        """Try to connect, less and less often, until the probe is stopped."""
        timing = self._timing
        for delay in backoff_delays(timing.probe_delay, timing.max_probe_delay):
            # A refused key rarely becomes valid again, and a new key reloads the entry: probe
            # at the slowest rate.
            is_refused = isinstance(self.last_error, InvalidAuthError)
            pause = timing.max_probe_delay if is_refused else delay
            wait = max(pause, self._retry_at - asyncio.get_running_loop().time())
            # A session that opens cancels the probe, and with it this pause.
            await asyncio.sleep(with_jitter(wait))
            try:
                async with self._make_client():
                    pass
            except RealtimeError as err:
                self.async_failed(err)
                LOGGER.debug(
                    "%s is still without the service: %s", self._name, self.last_error
                )
            else:
                self.async_connected()
                return

    def _stop_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _retry_after(self, err: RealtimeError) -> float:
        """Return for how many seconds the service wants to be left alone after an error."""
        if isinstance(err, RateLimitedError) and err.retry_after is not None:
            return min(err.retry_after, self._timing.max_retry_after)
        return 0.0
