"""What a config entry and an assistant's settings mean to the client."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
import re
from typing import Any, Self

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_API_KEY, CONF_LLM_HASS_API

from ..const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_EAGERNESS,
    CONF_FIRE_EVENTS,
    CONF_HOST_NAME,
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
    NOISE_REDUCTION_NONE,
    TURN_DETECTION_SEMANTIC_VAD,
    TURN_DETECTION_SERVER_VAD,
)
from ..realtime import RealtimeOptions, SessionConfig, voices_of

# Languages that Home Assistant names in another way than Whisper, which refuses these names.
_NAMES_FOR_TRANSCRIPTION: Mapping[str, str] = {"fil": "tl", "nb": "no", "nn": "no"}
# The settings of turn detection, by its type; the service takes no others.
_TURN_DETECTION_KEYS: Mapping[str, tuple[str, ...]] = {
    TURN_DETECTION_SERVER_VAD: (
        CONF_THRESHOLD,
        CONF_PREFIX_PADDING_MS,
        CONF_SILENCE_DURATION_MS,
    ),
    TURN_DETECTION_SEMANTIC_VAD: (CONF_EAGERNESS,),
}


def build_options(
    entry_data: Mapping[str, Any], session_config: SessionConfig | None = None
) -> RealtimeOptions:
    """Return how a config entry's deployment is reached."""
    return RealtimeOptions(
        host_name=entry_data[CONF_HOST_NAME],
        deployment=entry_data[CONF_DEPLOYMENT],
        api_key=entry_data[CONF_API_KEY],
        api_version=entry_data.get(CONF_API_VERSION) or None,
        session_config=session_config,
    )


def _transcribed_language(language: str) -> str:
    """Return the name that transcription models have for a language: of de-DE it is de."""
    bare = re.split("[-_]", language)[0].lower()
    return _NAMES_FOR_TRANSCRIPTION.get(bare, bare)


def offered_voices(entry_data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the voices that the API version of a config entry has."""
    return voices_of(entry_data.get(CONF_API_VERSION, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSettings:
    """The settings of one assistant, read once from its subentry.

    ``max_output_tokens`` and ``temperature`` are None where the service decides.
    """

    instructions: str
    llm_api_ids: tuple[str, ...]
    turn_detection_type: str
    turn_detection: Mapping[str, Any]
    transcription_deployment: str
    transcription_language: str
    noise_reduction: str
    voice: str
    speed: float
    max_output_tokens: int | None
    temperature: float | None
    fires_events: bool

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Read the settings of a subentry; what it lacks has its default."""
        return cls.from_data(subentry.data)

    def with_voice_of(self, voices: Container[str]) -> Self:
        """Return these settings; with the service's own voice, unless theirs is offered."""
        return self if self.voice in voices else replace(self, voice="")

    @classmethod
    def from_data(cls, stored: Mapping[str, Any]) -> Self:
        """Read a subentry's data; what it lacks has its default."""
        data = {**DEFAULT_ASSISTANT, **stored}
        kind = data[CONF_TURN_DETECTION_TYPE]
        max_output_tokens = data.get(CONF_MAX_OUTPUT_TOKENS)
        return cls(
            instructions=stored.get(CONF_INSTRUCTIONS) or "",
            llm_api_ids=tuple(stored.get(CONF_LLM_HASS_API) or ()),
            turn_detection_type=kind,
            turn_detection={
                key: stored[key]
                for key in _TURN_DETECTION_KEYS.get(kind, ())
                if key in stored
            },
            transcription_deployment=data[CONF_TRANSCRIPTION_DEPLOYMENT],
            transcription_language=data[CONF_TRANSCRIPTION_LANGUAGE],
            noise_reduction=data[CONF_NOISE_REDUCTION],
            voice=stored.get(CONF_VOICE, ""),
            speed=data[CONF_SPEED],
            max_output_tokens=int(max_output_tokens) if max_output_tokens else None,
            temperature=data.get(CONF_TEMPERATURE),
            fires_events=data[CONF_FIRE_EVENTS],
        )

    @property
    def detects_turns(self) -> bool:
        """Whether the service finds the end of what a person says."""
        return self.turn_detection_type in _TURN_DETECTION_KEYS

    @property
    def padding_ms(self) -> int | None:
        """How much the service takes before what is said; None if that is not known."""
        return self._server_vad(CONF_PREFIX_PADDING_MS)

    @property
    def silence_ms(self) -> int | None:
        """The silence that ends a turn; None if that is not known."""
        return self._server_vad(CONF_SILENCE_DURATION_MS)

    def _server_vad(self, key: str) -> int | None:
        if self.turn_detection_type == TURN_DETECTION_SEMANTIC_VAD:
            return None
        ms: int = self.turn_detection.get(key, DEFAULT_ASSISTANT[key])
        return ms

    def session_config(self, *, detects_turns: bool = True) -> SessionConfig:
        """Return the session that the settings describe, in GA's form.

        What is off or as the service has it anyway is left out: preview versions differ in
        the keys they know. Without ``detects_turns`` a turn ends by hand. Raises
        InvalidConfigError.
        """
        audio_input: dict[str, Any] = {
            "turn_detection": self.turn_detection_config() if detects_turns else None
        }
        audio_output: dict[str, Any] = {}
        config: dict[str, Any] = {
            "audio": {"input": audio_input, "output": audio_output}
        }
        if self.transcription_deployment:
            audio_input["transcription"] = {"model": self.transcription_deployment}
            if language := _transcribed_language(self.transcription_language):
                audio_input["transcription"]["language"] = language
        if self.noise_reduction != NOISE_REDUCTION_NONE:
            audio_input["noise_reduction"] = {"type": self.noise_reduction}
        if self.voice:
            audio_output["voice"] = self.voice
        if self.speed != 1.0:
            audio_output["speed"] = self.speed
        if self.max_output_tokens is not None:
            config["max_output_tokens"] = self.max_output_tokens
        if self.temperature is not None:
            config["temperature"] = self.temperature
        return SessionConfig(config)

    def turn_detection_config(self) -> dict[str, Any] | None:
        """Return how the service finds the end of a turn; None where it does not."""
        if not self.detects_turns:
            return None
        return {
            "type": self.turn_detection_type,
            # The client asks for the response, once it knows that this assistant is to answer.
            "create_response": False,
            "interrupt_response": False,
            **self.turn_detection,
        }
