"""The fields of the flows' forms."""

from collections.abc import Mapping
from typing import Any

from homeassistant import data_entry_flow
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from ..const import CONF_CREATE_PIPELINE, CONF_PREFER_PIPELINE

# Since 2026.11 a form shows a field or not, as another field of it says.
HIDES_FIELDS = hasattr(data_entry_flow, "add_visible_conditions_to_serialized_schema")


def text_field() -> TextSelector:
    """Make a line of text."""
    return TextSelector(TextSelectorConfig(type=TextSelectorType.TEXT))


def key_field() -> TextSelector:
    """Make a line of text that is masked."""
    return TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))


def choice_field(
    name: str, options: list[str], *, custom_value: bool = False
) -> SelectSelector:
    """Make a choice of options, which are translated under `selector.NAME`."""
    return SelectSelector(
        SelectSelectorConfig(
            options=options,
            translation_key=name,
            custom_value=custom_value,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def slider_field(low: float, high: float, step: float) -> NumberSelector:
    """Make a number to be chosen by feel."""
    return NumberSelector(
        NumberSelectorConfig(
            min=low, max=high, step=step, mode=NumberSelectorMode.SLIDER
        )
    )


def whole_number_field(low: int, high: int, unit: str) -> NumberSelector:
    """Make a whole number to be typed; the form gives it as a float."""
    return NumberSelector(
        NumberSelectorConfig(
            min=low,
            max=high,
            step=1,
            unit_of_measurement=unit,
            mode=NumberSelectorMode.BOX,
        )
    )


def collapsed(fields: dict[vol.Marker, Any]) -> section:
    """Make a section of fields that is closed at first."""
    return section(vol.Schema(fields), {"collapsed": True})


def shown_where(
    key: str, field: str, value: str | bool, **options: Any
) -> vol.Required | vol.Optional:
    """Return the marker of a field that is shown where another of its section has a value.

    A field without a ``default`` need not be filled in. A form gives no value for a field that
    it hides. Home Assistant 2026.10 hides none.
    """
    kind = "Required" if "default" in options else "Optional"
    if not HIDES_FIELDS:
        plain: vol.Required | vol.Optional = getattr(vol, kind)(key, **options)
        return plain
    visible = {"field": field, "value": value}
    marker: vol.Required | vol.Optional = getattr(data_entry_flow, kind)(
        key, visible=visible, **options
    )
    return marker


def opened(schema: vol.Schema, errors: Mapping[str, str]) -> vol.Schema:
    """Return a form in which the sections with an error are open."""
    return vol.Schema(
        {
            marker: section(field.schema, {"collapsed": False})
            if isinstance(field, section) and marker in errors
            else field
            for marker, field in schema.schema.items()
        }
    )


PIPELINE_FIELDS = {
    vol.Required(CONF_CREATE_PIPELINE, default=True): BooleanSelector(),
    shown_where(
        CONF_PREFER_PIPELINE, CONF_CREATE_PIPELINE, value=True
    ): BooleanSelector(),
}


def without_sections(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a filled form as one flat dict."""
    fields: dict[str, Any] = {}
    for key, value in user_input.items():
        fields |= value if isinstance(value, dict) else {key: value}
    return fields
