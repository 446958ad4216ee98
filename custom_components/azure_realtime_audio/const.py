"""Names and defaults shared by the platforms of Azure Realtime Audio."""

import logging
from types import MappingProxyType
from typing import Any, Final

from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.helpers import llm

DOMAIN: Final = "azure_realtime_audio"
LOGGER = logging.getLogger(__package__)

SUBENTRY_CONVERSATION: Final = "conversation"
EVENT_SERVER_EVENT: Final = "azure_realtime_audio_event"
CONF_CONVERSATION: Final = "conversation"  # of an action
EVENT_REPLY: Final = "azure_realtime_audio_reply"

DEFAULT_RESPONSE_TIMEOUT: Final = 60  # seconds that a reply to an action may take

# The config entry: one deployment. The key is homeassistant.const.CONF_API_KEY.
CONF_HOST_NAME: Final = "host_name"
CONF_DEPLOYMENT: Final = "deployment"
CONF_API_VERSION: Final = "api_version"  # "" is GA, a date is preview

# The config subentry: one assistant. CONF_LLM_HASS_API is Home Assistant's.
CONF_INSTRUCTIONS: Final = "instructions"
CONF_VOICE: Final = "voice"
CONF_TURN_DETECTION_TYPE: Final = "turn_detection_type"
CONF_THRESHOLD: Final = "threshold"
CONF_PREFIX_PADDING_MS: Final = "prefix_padding_ms"
CONF_SILENCE_DURATION_MS: Final = "silence_duration_ms"
CONF_EAGERNESS: Final = "eagerness"
CONF_TRANSCRIPTION_DEPLOYMENT: Final = "transcription_deployment"  # "" is off
CONF_TRANSCRIPTION_LANGUAGE: Final = "transcription_language"
CONF_NOISE_REDUCTION: Final = "noise_reduction"
CONF_SPEED: Final = "speed"
CONF_MAX_OUTPUT_TOKENS: Final = "max_output_tokens"  # absent is no limit
CONF_TEMPERATURE: Final = "temperature"  # preview only
CONF_FIRE_EVENTS: Final = "fire_events"
# Until the pipeline has been made (flows/assist_pipeline.py):
CONF_CREATE_PIPELINE: Final = "create_pipeline"
CONF_PREFER_PIPELINE: Final = "prefer_pipeline"

TURN_DETECTION_SERVER_VAD: Final = "server_vad"
TURN_DETECTION_SEMANTIC_VAD: Final = "semantic_vad"
TURN_DETECTION_NONE: Final = "none"
NOISE_REDUCTION_NONE: Final = "none"

DEFAULT_ASSISTANT_NAME: Final = "Azure Realtime"
DEFAULT_INSTRUCTIONS: Final = (
    llm.DEFAULT_INSTRUCTIONS_PROMPT
    + """Your words are spoken aloud: use one or two short sentences, no lists, no markup.
Answer in the language you are spoken to."""
)
DEFAULT_ASSISTANT: Final = MappingProxyType[str, Any](
    {
        CONF_INSTRUCTIONS: DEFAULT_INSTRUCTIONS,
        CONF_LLM_HASS_API: [llm.LLM_API_ASSIST],
        CONF_VOICE: "alloy",
        CONF_TURN_DETECTION_TYPE: TURN_DETECTION_SERVER_VAD,
        CONF_THRESHOLD: 0.5,
        CONF_PREFIX_PADDING_MS: 300,
        CONF_SILENCE_DURATION_MS: 500,
        CONF_EAGERNESS: "auto",
        CONF_TRANSCRIPTION_DEPLOYMENT: "",
        CONF_TRANSCRIPTION_LANGUAGE: "",
        CONF_NOISE_REDUCTION: NOISE_REDUCTION_NONE,
        CONF_SPEED: 1.0,
        CONF_FIRE_EVENTS: False,
    }
)

# The kinds of an assistant's entities that are not its conversation entity.
KIND_STT: Final = "stt"
KIND_TTS: Final = "tts"
KIND_STATUS: Final = "status"
KIND_LATENCY: Final = "latency"
KIND_SCREEN: Final = "screen"

MAX_SESSIONS: Final = 32  # open sessions of one assistant
SESSION_IDLE: Final = 300.0  # seconds until an unused session is closed


def unique_id(subentry_id: str, kind: str | None = None) -> str:
    """Return the unique id of an assistant's entity; without a kind, of the agent."""
    return subentry_id if kind is None else f"{subentry_id}_{kind}"
