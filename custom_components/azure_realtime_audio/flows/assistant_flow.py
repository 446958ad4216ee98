"""The subentry flow: one assistant of a deployment."""

from collections.abc import Mapping
import re
from typing import Any

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_LLM_HASS_API, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TemplateSelector,
)
import voluptuous as vol

from ..assistant.settings import offered_voices
from ..const import (
    CONF_API_VERSION,
    CONF_EAGERNESS,
    CONF_FIRE_EVENTS,
    CONF_INSTRUCTIONS,
    CONF_MAX_OUTPUT_TOKENS,
    CONF_NOISE_REDUCTION,
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_SPEED,
    CONF_TEMPERATURE,
    CONF_THRESHOLD,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    CONF_TRANSCRIPTION_LANGUAGE,
    CONF_TURN_DETECTION_TYPE,
    CONF_VOICE,
    DEFAULT_ASSISTANT,
    DEFAULT_ASSISTANT_NAME,
    NOISE_REDUCTION_NONE,
    TURN_DETECTION_NONE,
    TURN_DETECTION_SEMANTIC_VAD,
    TURN_DETECTION_SERVER_VAD,
)
from ..realtime import (
    MAX_OUTPUT_TOKENS_RANGE,
    SPEED_RANGE,
    TEMPERATURE_RANGE,
    THRESHOLD_RANGE,
)
from .assist_pipeline import first_steps
from .fields import (
    PIPELINE_FIELDS,
    choice_field,
    collapsed,
    opened,
    shown_where,
    slider_field,
    text_field,
    whole_number_field,
    without_sections,
)
from .patience import CHOICES, CONF_PATIENCE, patience, with_patience

SECTION_LISTENING = "listening"
SECTION_SPEAKING = "speaking"
SECTION_AUTOMATIONS = "automations"

# ISO 639, as the transcription models want it; a region may follow, which is not sent.
LANGUAGE_CODE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*")
WHOLE_NUMBERS = (
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_MAX_OUTPUT_TOKENS,
)


class AssistantSubentryFlow(ConfigSubentryFlow):
    """Add an assistant to a deployment, or change one."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Add an assistant."""
        return await self.async_step_assistant()

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change an assistant."""
        return await self.async_step_assistant()

    async def async_step_assistant(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for everything that makes an assistant."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = _subentry_data(user_input, self._assistant())
            name = data.pop(CONF_NAME).strip()
            chosen = data.pop(CONF_PATIENCE)
            errors = _errors(name, data)
            if not errors:
                data = with_patience(chosen, data, self._assistant())
                return self._async_store(name, data)
        schema = _schema(
            self.hass,
            preview=bool(self._get_entry().data[CONF_API_VERSION]),
            voices=self._voices,
            is_new=self.source == SOURCE_USER,
            shown_patience=patience(self._assistant()),
        )
        return self.async_show_form(
            step_id="assistant",
            data_schema=self.add_suggested_values_to_schema(
                opened(schema, errors), user_input or self._stored()
            ),
            errors=errors,
        )

    @property
    def _voices(self) -> tuple[str, ...]:
        return offered_voices(self._get_entry().data)

    def _assistant(self) -> dict[str, Any]:
        """Return the settings of the assistant as it is, or the defaults."""
        if self.source == SOURCE_USER:
            return dict(DEFAULT_ASSISTANT)
        return {**DEFAULT_ASSISTANT, **self._get_reconfigure_subentry().data}

    def _stored(self) -> dict[str, Any]:
        """Return what the form begins with: the assistant as it is, or the defaults."""
        data = self._assistant()
        is_new = self.source == SOURCE_USER
        data[CONF_NAME] = (
            DEFAULT_ASSISTANT_NAME if is_new else self._get_reconfigure_subentry().title
        )
        known = {api.id for api in llm.async_get_apis(self.hass)}
        data[CONF_LLM_HASS_API] = [
            api for api in data[CONF_LLM_HASS_API] if api in known
        ]
        if data[CONF_VOICE] not in self._voices:
            # The API version of the entry was changed.
            data[CONF_VOICE] = DEFAULT_ASSISTANT[CONF_VOICE]
        # Every section is offered everything, and takes the fields that it has.
        sections = (SECTION_LISTENING, SECTION_SPEAKING, SECTION_AUTOMATIONS)
        return {**data, **dict.fromkeys(sections, data)}

    def _async_store(self, name: str, data: dict[str, Any]) -> SubentryFlowResult:
        """Store the assistant; the entry's update listener reloads."""
        if self.source == SOURCE_USER:
            description, placeholders = first_steps(self.hass, name, data)
            return self.async_create_entry(
                title=name,
                data=data,
                description=description,
                description_placeholders=placeholders,
            )
        return self.async_update_and_abort(
            self._get_entry(), self._get_reconfigure_subentry(), title=name, data=data
        )


def _schema(
    hass: HomeAssistant,
    *,
    preview: bool,
    voices: tuple[str, ...],
    is_new: bool,
    shown_patience: str,
) -> vol.Schema:
    """Return the form; the preview API has a temperature.

    A new assistant may have a pipeline made.
    """
    speaking: dict[vol.Marker, Any] = {
        _required(CONF_SPEED): slider_field(*SPEED_RANGE, 0.05),
        vol.Optional(CONF_MAX_OUTPUT_TOKENS): whole_number_field(
            *MAX_OUTPUT_TOKENS_RANGE, "tokens"
        ),
    }
    if preview:
        speaking[vol.Optional(CONF_TEMPERATURE)] = slider_field(
            *TEMPERATURE_RANGE, 0.05
        )
    return vol.Schema(
        {
            vol.Required(CONF_NAME): text_field(),
            vol.Optional(CONF_INSTRUCTIONS, default=""): TemplateSelector(),
            vol.Optional(CONF_LLM_HASS_API, default=[]): SelectSelector(
                SelectSelectorConfig(
                    options=[
                        SelectOptionDict(value=api.id, label=api.name)
                        for api in llm.async_get_apis(hass)
                    ],
                    multiple=True,
                )
            ),
            _required(CONF_VOICE): choice_field(CONF_VOICE, list(voices)),
            vol.Required(CONF_PATIENCE, default=shown_patience): choice_field(
                CONF_PATIENCE, CHOICES
            ),
            **(PIPELINE_FIELDS if is_new else {}),
            vol.Required(SECTION_LISTENING): collapsed(LISTENING_FIELDS),
            vol.Required(SECTION_SPEAKING): collapsed(speaking),
            vol.Required(SECTION_AUTOMATIONS): collapsed(
                {_required(CONF_FIRE_EVENTS): BooleanSelector()}
            ),
        }
    )


def _required(key: str) -> vol.Required:
    """Return the marker of a field that always has a value."""
    return vol.Required(key, default=DEFAULT_ASSISTANT[key])


def _required_where(key: str, turn_detection_type: str) -> vol.Required | vol.Optional:
    """Return the marker of a field that only one type of turn detection has."""
    return shown_where(
        key,
        CONF_TURN_DETECTION_TYPE,
        turn_detection_type,
        default=DEFAULT_ASSISTANT[key],
    )


def _subentry_data(
    user_input: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the subentry data that a filled form describes, with the name.

    Fields that the form has hidden stay as they were before.
    """
    hidden = {key: before[key] for key in _TURN_DETECTION_FIELDS}
    data = hidden | without_sections(user_input)
    for key in WHOLE_NUMBERS:
        if key in data:
            data[key] = int(data[key])
    for key in (CONF_TRANSCRIPTION_DEPLOYMENT, CONF_TRANSCRIPTION_LANGUAGE):
        data[key] = data[key].strip()
    return data


def _errors(name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what the selectors could not see; an error of a section goes above it."""
    errors: dict[str, str] = {}
    if not name:
        errors[CONF_NAME] = "invalid_name"
    language = data[CONF_TRANSCRIPTION_LANGUAGE]
    if language and not LANGUAGE_CODE.fullmatch(language):
        errors[SECTION_LISTENING] = "invalid_language"
    return errors


_TURN_DETECTION_FIELDS = (
    CONF_THRESHOLD,
    CONF_PREFIX_PADDING_MS,
    CONF_SILENCE_DURATION_MS,
    CONF_EAGERNESS,
)
LISTENING_FIELDS = {
    _required(CONF_TURN_DETECTION_TYPE): choice_field(
        CONF_TURN_DETECTION_TYPE,
        [
            TURN_DETECTION_SERVER_VAD,
            TURN_DETECTION_SEMANTIC_VAD,
            TURN_DETECTION_NONE,
        ],
    ),
    _required_where(CONF_THRESHOLD, TURN_DETECTION_SERVER_VAD): slider_field(
        *THRESHOLD_RANGE, 0.05
    ),
    _required_where(
        CONF_PREFIX_PADDING_MS, TURN_DETECTION_SERVER_VAD
    ): whole_number_field(0, 5000, "ms"),
    _required_where(
        CONF_SILENCE_DURATION_MS, TURN_DETECTION_SERVER_VAD
    ): whole_number_field(100, 10000, "ms"),
    _required_where(CONF_EAGERNESS, TURN_DETECTION_SEMANTIC_VAD): choice_field(
        CONF_EAGERNESS, ["auto", "low", "medium", "high"]
    ),
    _required(CONF_NOISE_REDUCTION): choice_field(
        CONF_NOISE_REDUCTION, [NOISE_REDUCTION_NONE, "near_field", "far_field"]
    ),
    vol.Optional(CONF_TRANSCRIPTION_DEPLOYMENT, default=""): text_field(),
    vol.Optional(CONF_TRANSCRIPTION_LANGUAGE, default=""): text_field(),
}
