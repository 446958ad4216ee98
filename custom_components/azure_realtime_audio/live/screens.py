"""The named screens of one assistant."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import slugify

from ..assistant.assistant import Assistant
from ..const import DOMAIN, KIND_SCREEN, unique_id
from ..errors import translated
from ..realtime import Listeners
from .screen import Screen

# Its component is not imported here: the entities of screens are made elsewhere.
_SATELLITE_DOMAIN: Final = "assist_satellite"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is who talks at a screen: its entity and its device."""

    satellite_id: str | None = None
    device_id: str | None = None


class Screens:
    """The screens that have ever had a page, and that nobody has deleted since."""

    def __init__(self, assistant: Assistant) -> None:
        """Begin with those that are registered."""
        self._assistant = assistant
        self._new: Listeners[Screen] = Listeners("a new screen")
        self._screens: dict[str, Screen] = {}
        self._prefix = f"{unique_id(assistant.subentry.subentry_id, KIND_SCREEN)}_"
        registry, devices = er.async_get(assistant.hass), dr.async_get(assistant.hass)
        for entity in er.async_entries_for_config_entry(
            registry, assistant.entry.entry_id
        ):
            if entity.domain == _SATELLITE_DOMAIN and entity.unique_id.startswith(
                self._prefix
            ):
                device = devices.async_get(entity.device_id or "")
                name = device and device.name
                self._add(
                    name or entity.unique_id.removeprefix(self._prefix),
                    entity.unique_id,
                )

    def __iter__(self) -> Iterator[Screen]:
        """Iterate over the screens, with a page or without."""
        return iter([*self._screens.values()])

    def _add(self, name: str, screen_id: str) -> Screen:
        screen = Screen(name, screen_id, self._assistant.timing)
        self._screens[screen_id] = screen
        return screen

    @callback
    def async_follow(self, listener: Callable[[Screen], None]) -> CALLBACK_TYPE:
        """Call ``listener`` with every screen, those of now and new ones; returns its end."""
        for screen in self:
            listener(screen)
        return self._new.add(listener)

    @callback
    def async_screen(self, name: str) -> Screen:
        """Return the screen of a name, a new one if need be. Raises HomeAssistantError.

        Names that are spelt alike but for case, blanks and accents are the same.
        """
        screen_id = self._id_of(name)
        if (entity := self._entity(screen_id)) is not None and entity.disabled:
            raise translated("screen_disabled", name=name)
        if (screen := self._screens.get(screen_id)) is not None:
            return screen
        if len(self._screens) >= self._assistant.timing.max_screens:
            raise translated(
                "too_many_screens", count=str(self._assistant.timing.max_screens)
            )
        screen = self._add(name, screen_id)
        self._new.notify(screen)
        return screen

    @callback
    def async_place(self, name: str | None) -> Place:
        """Return where the screen of a name is; nowhere if there is none."""
        if name is None or (entity := self._entity(self._id_of(name))) is None:
            return Place()
        return Place(entity.entity_id, entity.device_id)

    def _id_of(self, name: str) -> str:
        return f"{self._prefix}{slugify(name)}"

    def _entity(self, screen_id: str) -> er.RegistryEntry | None:
        registry = er.async_get(self._assistant.hass)
        entity_id = registry.async_get_entity_id(_SATELLITE_DOMAIN, DOMAIN, screen_id)
        return registry.async_get(entity_id) if entity_id else None

    @callback
    def async_forget(self, screen: Screen) -> None:
        """Be without a screen: a person has deleted it."""
        if self._screens.get(screen.unique_id) is screen:
            del self._screens[screen.unique_id]
        screen.end()

    @callback
    def async_close(self) -> None:
        """Tell every page that its screen is no more: the assistant is about to go."""
        for screen in self:
            screen.end()
