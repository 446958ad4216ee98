"""A search for keys and recordings in everything that a test shows or keeps."""

from collections.abc import (
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Set as AbstractSet,
)
from contextlib import contextmanager
import re
import sys
from types import CodeType
from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.components.trace.const import DATA_TRACE
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import (
    CONF_API_KEY,
    EVENT_CALL_SERVICE,
    EVENT_HOMEASSISTANT_FINAL_WRITE,
    MATCH_ALL,
)
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.loader import async_get_integration
import orjson

from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import RealtimeError

# So many characters of a key in a row are as good as the key.
_FRAGMENT = 8
# A few ms of audio: in base64 or hex; as Python shows bytes, or JSON what Python shows; as
# numbers in a list.
_RECORDING = re.compile(
    r"(?P<base64>[A-Za-z0-9+/]{300})"
    r"|(?:\\{1,2}(?:x[0-9a-f]{2}|[nrt'\"\\])[^\\]{0,8}){100}"
    r"|(?:-?\d{1,5}(?:\.\d+)?, ?){300}"
)
_PACKAGE = f"/{DOMAIN}/"


def find_leak(text: str, keys: Iterable[str]) -> str | None:
    """Return what a text has that it should not: "a key", "a recording" or None."""
    for key in keys:
        pieces = range(max(1, len(key) - _FRAGMENT + 1))
        if any(key[start : start + _FRAGMENT] in text for start in pieces):
            return "a key"
    if any(map(_is_sound, _RECORDING.finditer(text))):
        return "a recording"
    return None


def _is_sound(found: re.Match[str]) -> bool:
    """Tell a recording from one word again and again, which has few letters."""
    letters = set(found["base64"] or "")
    return len(letters) > 12 or letters <= {"A"}  # silence, or no base64


class LeakWatcher:
    """Sees everything that a Home Assistant shows or keeps."""

    def __init__(
        self, hass: HomeAssistant, storage: Mapping[str, Any], key: str
    ) -> None:
        """Watch the events from now on; ``storage`` is the content of the disk.

        The search is for this key and the keys of the integration's entries.
        """
        self._hass = hass
        self._storage = storage
        self._key = key
        self._events: list[Event] = []
        hass.bus.async_listen(MATCH_ALL, self._keep)

    @callback
    def _keep(self, event: Event) -> None:
        self._events.append(event)

    async def async_leaks(self) -> list[str]:
        """Return where a key or a recording is to be seen, and which of the two."""
        entries = self._hass.config_entries.async_entries(DOMAIN)
        keys = {self._key, *(entry.data[CONF_API_KEY] for entry in entries)}
        return [
            f"{leak} in {place}"
            async for place, thing in self._async_visible(entries)
            if (leak := find_leak(_as_text(thing), keys))
        ]

    async def _async_visible(
        self, entries: list[ConfigEntry[Any]]
    ) -> AsyncIterator[tuple[str, object]]:
        """Yield what can be seen, and where."""
        hass = self._hass
        for event in self._events:
            yield f"event {event.event_type}", _without_own_audio(event)
        for state in hass.states.async_all():
            yield f"state {state.entity_id}", state.as_dict()
        for trace in async_get_traces():
            yield "conversation trace", vars(trace)
        for key, buckets in hass.data.get(DATA_TRACE, {}).items():
            for action_trace in buckets.all_traces():
                yield f"trace {key}", action_trace.as_dict()
        if KEY_ASSIST_PIPELINE in hass.data:
            yield "pipeline runs", hass.data[KEY_ASSIST_PIPELINE].pipeline_debug
        for issue in ir.async_get(hass).issues.values():
            yield f"issue {issue.issue_id}", issue
        yield "notifications", hass.data.get(persistent_notification.DOMAIN)
        yield "flows", hass.config_entries.flow.async_progress()
        for entry in entries:
            async for part, thing in self._async_entry(entry):
                yield f"{part} of {entry.title}", thing
        # As the last thing Home Assistant does, all that waits to be written is.
        hass.bus.async_fire_internal(EVENT_HOMEASSISTANT_FINAL_WRITE)
        await hass.async_block_till_done()
        for file, content in self._storage.items():
            yield f".storage/{file}", _without_entry_data(file, content)

    async def _async_entry(
        self, entry: ConfigEntry[Any]
    ) -> AsyncIterator[tuple[str, object]]:
        hass = self._hass
        shown = [repr(entry), entry.as_json_fragment, entry.unique_id]
        yield "entry", [*shown, entry.reason, entry.options]
        yield "subentries", entry.subentries
        if assistants := getattr(entry, "runtime_data", None):
            # What a log line or an error would show of them.
            yield (
                "assistants",
                [repr(vars(each.assistant)) for each in assistants.values()],
            )
        yield (
            "entities",
            er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id),
        )
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        yield "devices", devices
        integration = await async_get_integration(hass, DOMAIN)
        if not integration.platforms_exists(["diagnostics"]):
            return
        # Home Assistant's own view also calls it for an entry in any state.
        diagnostics = await integration.async_get_platform("diagnostics")
        if of_entry := getattr(diagnostics, "async_get_config_entry_diagnostics", None):
            yield "diagnostics", await of_entry(hass, entry)
        if of_device := getattr(diagnostics, "async_get_device_diagnostics", None):
            for device in devices:
                yield "device diagnostics", await of_device(hass, entry, device)


class Raised:
    """The text of every error that a caller may see, however it is handled."""

    def __init__(self) -> None:
        """Have seen none."""
        self._texts: set[str] = set()

    def leaks(self, key: str) -> list[str]:
        """Return the errors since the last time that have the key or a recording."""
        texts, self._texts = self._texts, set()
        return [
            f"{leak} in {text[:200]}"
            for text in texts
            if (leak := find_leak(text, [key]))
        ]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what is raised, in any thread."""
        monitoring = sys.monitoring
        tool, event = 4, monitoring.events.RAISE  # a number that no other tool uses
        monitoring.use_tool_id(tool, "leaks")
        monitoring.register_callback(tool, event, self._on_raise)
        monitoring.set_events(tool, event)
        try:
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)

    def _on_raise(self, code: CodeType, _offset: int, error: BaseException) -> None:
        # Only its text: the error itself would keep alive all that its frames hold.
        if isinstance(error, (RealtimeError, HomeAssistantError)):
            self._texts.update(f"{link} {link!r} {vars(link)}" for link in chain(error))
        elif _PACKAGE in code.co_filename and not isinstance(error, StopIteration):
            # An error of other code, on its way through ours. A StopIteration is no error: a
            # coroutine returns its result with it.
            self._texts.add(str(error))


def chain(error: BaseException) -> list[BaseException]:
    """Return an error and all that led to it, also what no traceback shows."""
    links = [error]
    for link in links:
        for earlier in (link.__cause__, link.__context__):
            if earlier is not None and earlier not in links:
                links.append(earlier)
    return links


def _as_text(value: object) -> str:
    """Write a value with all its parts."""
    try:
        text = orjson.dumps(value, default=_parts, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates, very deep, very large
        return repr(value)
    return text.decode()


def _parts(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    return value.as_dict() if hasattr(value, "as_dict") else repr(value)


def _without_own_audio(event: Event) -> object:
    """Leave out the audio that a test itself hands to an action of the integration.

    The audio is the caller's: Home Assistant shows the data of a call to every listener before
    the integration gets it. The other data of the call is searched.
    """
    data = event.data
    if event.event_type != EVENT_CALL_SERVICE or data["domain"] != DOMAIN:
        return data
    own = {key: value for key, value in data["service_data"].items() if key != "audio"}
    return {**data, "service_data": own}


def _without_entry_data(file: str, content: Any) -> object:
    """Leave out the one thing that may hold the key: the data of an entry of ours."""
    if file != "core.config_entries":
        return content
    entries = content["data"]["entries"]
    return [
        {
            key: value
            for key, value in entry.items()
            if key != "data" or entry["domain"] != DOMAIN
        }
        for entry in entries
    ]
