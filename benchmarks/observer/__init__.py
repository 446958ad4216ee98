"""An integration that observes and changes Home Assistant from inside its process.

It has websocket commands, among them one that runs a pipeline with a chosen player (core's own
command gives browsers MP3 and nothing else), and a tool whose calls are counted (``llm.py``).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
import ctypes
from datetime import timedelta
import gc
import sys
import time
from typing import Any

from homeassistant.components import stt, websocket_api
from homeassistant.components.assist_pipeline import (
    AudioSettings,
    async_pipeline_from_audio_stream,
)
from homeassistant.components.conversation import ChatLog
from homeassistant.components.tts import TTSCache
from homeassistant.components.tts.const import DATA_TTS_MANAGER
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import chat_session
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.hass_dict import HassKey
import voluptuous as vol

from custom_components.azure_realtime_audio.assistant import kept_conversations
from custom_components.azure_realtime_audio.assistant.conversation_session import (
    ConversationSession,
)
from custom_components.azure_realtime_audio.assistant.timing import Timing
from custom_components.azure_realtime_audio.const import DOMAIN as INTEGRATION
from custom_components.azure_realtime_audio.realtime import RealtimeClient, Response
from custom_components.azure_realtime_audio.realtime.transport.websocket import (
    Connection,
)
from custom_components.azure_realtime_audio.voice.listening import SpeechInput
from custom_components.azure_realtime_audio.voice.turn import Turn

DOMAIN = "observer"
REPLY_SECONDS = 15.0
CALLS = HassKey[Counter[int]](DOMAIN)

# The classes whose objects the integration and core might leave behind.
KINDS = (
    ConversationSession,
    RealtimeClient,
    Connection,
    Response,
    Turn,
    SpeechInput,
    chat_session.ChatSession,
    ChatLog,
    TTSCache,
)


class _MallInfo(ctypes.Structure):
    """The figures of glibc about its heap, in bytes: ``uordblks`` and ``hblkhd`` are in use."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    )


_LIBC = ctypes.CDLL(None)
_mallinfo = _LIBC.mallinfo2
_mallinfo.restype = _MallInfo


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the commands."""
    hass.data[CALLS] = Counter()
    for command in (_run, _census, _calls, _stall, _shorten, _trim):
        websocket_api.async_register_command(hass, command)
    return True


@websocket_api.websocket_command(
    {
        vol.Required("type"): "observer/run",
        vol.Required("pipeline"): str,
        vol.Required("output"): dict,
        vol.Optional("conversation_id"): vol.Any(str, None),
    }
)
@websocket_api.async_response
async def _run(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Run a pipeline; its events follow the number of the handler that takes the audio.

    Hanging up ends the run, as it ends a run of core's own command.
    """
    audio = asyncio.Queue[bytes]()
    handler, unregister = connection.async_register_binary_handler(
        lambda _hass, _connection, pcm: audio.put_nowait(pcm)
    )

    async def microphone() -> AsyncGenerator[bytes]:
        while True:
            yield await audio.get()

    run = hass.async_create_task(
        async_pipeline_from_audio_stream(
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
            stt_stream=microphone(),
            pipeline_id=msg["pipeline"],
            conversation_id=msg.get("conversation_id"),
            tts_audio_output=msg["output"],
            # Core's detector would take more time than all the rest, and its result is not used.
            audio_settings=AudioSettings(is_vad_enabled=False),
        )
    )
    connection.subscriptions[msg["id"]] = run.cancel
    connection.send_result(msg["id"])
    connection.send_event(msg["id"], {"type": "microphone", "data": handler})
    try:
        await run
    finally:
        unregister()


@websocket_api.websocket_command(
    {vol.Required("type"): "observer/census", vol.Required("objects"): bool}
)
@callback
def _census(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Count tasks, and on request objects: counting objects stops the event loop for a while.

    With the objects comes the memory in use, without what the allocators keep for later: blocks of
    Python's own allocator, for small objects, and bytes of the C library's heap.
    """
    found: dict[str, int] = {"tasks": len(asyncio.all_tasks())}
    if msg["objects"]:
        gc.collect()
        # A list of all objects would be 11 MB in one piece, which the C library then keeps.
        living = Counter(
            type(each) for each in gc.get_referrers(*KINDS) if type(each) in KINDS
        )
        heap = _mallinfo()
        found |= {
            "blocks": sys.getallocatedblocks(),
            "heap": heap.uordblks + heap.hblkhd,
            **{kind.__name__: living[kind] for kind in KINDS},
        }
    connection.send_result(msg["id"], found)


@websocket_api.websocket_command({vol.Required("type"): "observer/trim"})
@callback
def _trim(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Give freed memory back to the system, so that the rest of RSS is in use."""
    gc.collect()
    _LIBC.malloc_trim(0)
    connection.send_result(msg["id"])


@websocket_api.websocket_command({vol.Required("type"): "observer/calls"})
@callback
def _calls(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Tell how often the tool was called with each number."""
    connection.send_result(msg["id"], list(hass.data[CALLS].items()))


@websocket_api.websocket_command(
    {vol.Required("type"): "observer/stall", vol.Required("seconds"): vol.Coerce(float)}
)
@callback
def _stall(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Hold the event loop, as a bad integration does."""
    until = time.monotonic() + msg["seconds"]
    while time.monotonic() < until:  # core reports time.sleep in the event loop
        pass
    connection.send_result(msg["id"])


@websocket_api.websocket_command(
    {
        vol.Required("type"): "observer/shorten",
        vol.Required("seconds"): vol.Coerce(float),
    }
)
@callback
def _shorten(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    """Keep chats, idle sessions and replies in memory for this time instead of five minutes.

    Replies are kept for less: they fill core's memory, and a player fetches each only once.
    """
    seconds = msg["seconds"]
    for owner, name, value in (
        (chat_session, "CONVERSATION_TIMEOUT", timedelta(seconds=seconds)),
        (kept_conversations, "SESSION_IDLE", seconds),
    ):
        assert hasattr(owner, name)  # an unknown name would change nothing
        setattr(owner, name, value)
    _shorten_sessions(hass, seconds)
    manager = hass.data[DATA_TTS_MANAGER]
    for cleanup in (manager.memcache_cleanup, manager.token_to_stream_cleanup):
        cleanup.maxage = min(seconds, REPLY_SECONDS)
    connection.send_result(msg["id"])


def _shorten_sessions(hass: HomeAssistant, seconds: float) -> None:
    """Change the idle time of the present and the future assistants."""
    defaults = Timing.__init__.__kwdefaults__
    assert defaults is not None and "session_idle" in defaults
    defaults["session_idle"] = seconds
    for entry in hass.config_entries.async_loaded_entries(INTEGRATION):
        for runtime in entry.runtime_data.values():
            runtime.assistant.timing.session_idle = seconds
