"""A voice assistant as it was: speech-to-text, then a language model, then text-to-speech.

The models do not think: each takes its configured time, and one round trip to its cloud service.
Beside the chain there are a websocket command that runs any pipeline with a chosen player (core's own
command gives browsers MP3 and nothing else), a voice satellite (``assist_satellite.py``), and a phone:
a device that is no satellite.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from homeassistant.components import stt, websocket_api
from homeassistant.components.assist_pipeline import async_pipeline_from_audio_stream
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util.hass_dict import HassKey
import voluptuous as vol

DOMAIN = "chain"
PLATFORMS = (
    Platform.ASSIST_SATELLITE,
    Platform.CONVERSATION,
    Platform.STT,
    Platform.TTS,
)


@dataclass
class Models:
    """The settings of the models for the next run."""

    seconds: float  # until the first output of each, its round trip included
    reply: str
    pcm: bytes  # the sound of the reply, PCM16 mono of 24 kHz
    speed: float  # of the sound, in multiples of real time


MODELS = HassKey[Models](DOMAIN)


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Set the three stages up, and the command."""
    websocket_api.async_register_command(hass, _run)
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "phone")}, name="Phone"
    )
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


@contextmanager
def microphone(
    connection: websocket_api.ActiveConnection, message_id: int
) -> Iterator[AsyncGenerator[bytes]]:
    """Answer a command with the number of a binary handler; yield the audio that it gets."""
    pieces = asyncio.Queue[bytes]()
    handler, unregister = connection.async_register_binary_handler(
        lambda _hass, _connection, pcm: pieces.put_nowait(pcm)
    )

    async def audio() -> AsyncGenerator[bytes]:
        while True:
            yield await pieces.get()

    connection.send_result(message_id)
    connection.send_event(message_id, {"type": "microphone", "data": handler})
    try:
        yield audio()
    finally:
        unregister()


@websocket_api.websocket_command(
    {
        vol.Required("type"): "chain/run",
        vol.Required("pipeline"): str,
        vol.Required("output"): dict,
        vol.Required("model_seconds"): vol.Coerce(float),
        vol.Required("round_trip"): vol.Coerce(float),
        vol.Required("reply"): str,
        vol.Required("reply_seconds"): vol.Coerce(float),
        vol.Required("speed"): vol.Coerce(float),
    }
)
@websocket_api.async_response
async def _run(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Run a pipeline; its events follow the number of the handler that takes the audio."""
    hass.data[MODELS] = Models(
        msg["model_seconds"] + msg["round_trip"],
        msg["reply"],
        b"\x00\x20" * int(24_000 * msg["reply_seconds"]),
        msg["speed"],
    )
    with microphone(connection, msg["id"]) as audio:
        await async_pipeline_from_audio_stream(
            hass,
            context=connection.context(msg),
            event_callback=lambda event: connection.send_event(msg["id"], event),
            stt_metadata=stt.SpeechMetadata(
                language="en",
                format=stt.AudioFormats.WAV,
                codec=stt.AudioCodecs.PCM,
                bit_rate=stt.AudioBitRates.BITRATE_16,
                sample_rate=stt.AudioSampleRates.SAMPLERATE_16000,
                channel=stt.AudioChannels.CHANNEL_MONO,
            ),
            stt_stream=audio,
            pipeline_id=msg["pipeline"],
            tts_audio_output=msg["output"],
        )
