"""What a config entry and an assistant's settings mean to the client."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import CONF_API_KEY

from ..const import (
    CONF_API_VERSION,
    CONF_DEPLOYMENT,
    CONF_EAGERNESS,
    CONF_HOST_NAME,
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
    NOISE_REDUCTION_NONE,
    TURN_DETECTION_SEMANTIC_VAD,
    TURN_DETECTION_SERVER_VAD,
)
from ..realtime import RealtimeOptions, SessionConfig


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


def session_config(
    data: Mapping[str, Any], *, detects_turns: bool = True
) -> SessionConfig:
    """Return the session that a subentry's data describe, in GA's form.

    What is off or as the service has it anyway is left out: preview versions differ in the
    keys they know. Without ``detects_turns`` a turn ends by hand. Raises
    InvalidConfigError.
    """
    audio_input: dict[str, Any] = {
        "turn_detection": turn_detection(data) if detects_turns else None
    }
    audio_output: dict[str, Any] = {}
    config: dict[str, Any] = {"audio": {"input": audio_input, "output": audio_output}}
    if deployment := data.get(CONF_TRANSCRIPTION_DEPLOYMENT):
        audio_input["transcription"] = {"model": deployment}
        if language := data.get(CONF_TRANSCRIPTION_LANGUAGE):
            audio_input["transcription"]["language"] = language
    reduction = data.get(CONF_NOISE_REDUCTION, NOISE_REDUCTION_NONE)
    if reduction != NOISE_REDUCTION_NONE:
        audio_input["noise_reduction"] = {"type": reduction}
    if voice := data.get(CONF_VOICE):
        audio_output["voice"] = voice
    if (speed := data.get(CONF_SPEED, 1.0)) != 1.0:
        audio_output["speed"] = speed
    if max_output_tokens := data.get(CONF_MAX_OUTPUT_TOKENS):
        config["max_output_tokens"] = int(max_output_tokens)
    if (temperature := data.get(CONF_TEMPERATURE)) is not None:
        config["temperature"] = temperature
    return SessionConfig(config)


def turn_detection(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how the service finds the end of what a person says; None if it does not."""
    keys: tuple[str, ...]
    match kind := data.get(CONF_TURN_DETECTION_TYPE, TURN_DETECTION_SERVER_VAD):
        case _ if kind == TURN_DETECTION_SERVER_VAD:
            keys = (CONF_THRESHOLD, CONF_PREFIX_PADDING_MS, CONF_SILENCE_DURATION_MS)
        case _ if kind == TURN_DETECTION_SEMANTIC_VAD:
            keys = (CONF_EAGERNESS,)
        case _:
            return None
    # What was heard is answered when it is known who has to: see turn.py.
    own = {"create_response": False, "interrupt_response": False}
    return {"type": kind, **own} | {key: data[key] for key in keys if key in data}
