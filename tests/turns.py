"""What tests of spoken turns use."""

import asyncio
from collections.abc import Mapping
import gc
from typing import Any

from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import Event, HomeAssistant, callback
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from custom_components.azure_realtime_audio.assistant.conversation_session import (
    ConversationSession,
)
from custom_components.azure_realtime_audio.const import EVENT_SERVER_EVENT
from custom_components.azure_realtime_audio.realtime import RealtimeClient, Response
from custom_components.azure_realtime_audio.voice.turn import Turn
from emulator import Emulator, Session

from .conftest import SUBENTRY_ID
from .satellite import Satellite

HOME_ASSISTANT = "conversation.home_assistant"


SPOKEN = "(spoken, not written down)"  # what stands for words that are not known


TROUBLE = "The Azure service has trouble of its own at the moment. Try again in a few minutes."
CANNOT_CONNECT = "I can't reach the Azure service. Check the network and the host name, then try again."


TOO_OFTEN = "The Azure service is being asked too often. Wait a moment, then try again."


TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def server_event(hass: HomeAssistant, event_type: str) -> asyncio.Event:
    """Return what tells when the assistant has got such an event of the service."""
    got = asyncio.Event()

    @callback
    def on_event(event: Event) -> None:
        if event.data["type"] == event_type:
            got.set()

    hass.bus.async_listen(EVENT_SERVER_EVENT, on_event)
    return got


def conversation_lines(session: Session) -> list[str]:
    """Return the conversation of the service: who, and in which words as far as known."""
    return [_line(item.wire()) for item in session.conversation]


def _line(item: Mapping[str, Any]) -> str:
    if item["type"] != "message":
        return str(item["type"])
    parts = (part.get("text") or part.get("transcript") for part in item["content"])
    return f"{item['role']}: {''.join(filter(None, parts))}"


def logged(hass: HomeAssistant, satellite: Satellite) -> list[str]:
    """Return the chat log, less the system prompt."""
    log = hass.data[DATA_CHAT_LOGS][satellite.conversation_id]
    return [
        f"{content.role}: {getattr(content, 'content', None) or ''}"
        for content in log.content[1:]
    ]


async def settled(session: Session) -> None:
    """Wait until what nobody claimed has been taken back: it ends with this."""
    await session.received.wait_for("input_audio_buffer.clear", 2)
    await session.sent.wait_for("input_audio_buffer.cleared", 2)


def assistant_of(entry: MockConfigEntry) -> Assistant:
    """Return the assistant of the entry."""
    assistant: Assistant = entry.runtime_data[SUBENTRY_ID].assistant
    return assistant


async def newest(emulator: Emulator, number: int = 2) -> Session:
    """Wait for a session; the first is that of the set-up."""
    for _ in range(number):
        session = await emulator.next_session()
    return session


async def listening(emulator: Emulator) -> Session:
    """Wait until the service hears somebody speak; return its session."""
    session = await newest(emulator)
    await session.sent.wait_for("input_audio_buffer.speech_started")
    return session


async def assert_works(satellite: Satellite) -> None:
    """Check that the next run is answered."""
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Hello! How can I help?"


def turns_are_made_of(*, collected: bool = True) -> list[Any]:
    """Return what the turns of assistants consist of, as far as it is alive.

    What earlier tests left is in it: core caches by Home Assistant, and so keeps those of the
    last tests, with every error that their speech has ended in.
    """
    if collected:
        gc.collect()
    kinds = (Turn, ConversationSession, Response, RealtimeClient)
    return [thing for thing in gc.get_objects() if isinstance(thing, kinds)]


def alive(earlier: list[Any], *, collected: bool = True) -> list[str]:
    """Return the kinds of what turns are made of since then, one for each that is alive."""
    known = {id(thing) for thing in earlier}
    found = turns_are_made_of(collected=collected)
    return sorted(type(thing).__name__ for thing in found if id(thing) not in known)


async def forget_cancelled_timers(hass: HomeAssistant) -> None:
    """Let the loop drop them: it keeps them, and what they know, while most are not cancelled."""
    for _ in range(1000):
        hass.loop.call_later(3600, asyncio.Event).cancel()
    await hass.async_block_till_done()
