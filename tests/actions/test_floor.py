"""Several automations on one assistant: what they say does not mix."""

import asyncio
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)
import voluptuous as vol

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Emulator, Reply

from ..talk import AGENT, STATUS, becomes, set_timing
from ..test_services import Act

FIRST, SECOND = (bytes([number, 0]) * 4_800 for number in (1, 2))


def base64(piece: bytes) -> str:
    """Return a piece of audio as an action takes it."""
    return b64encode(piece).decode()


async def ring(act: Act, piece: bytes, pieces: int, **data: Any) -> Any:
    """Say something piece by piece and have it answered, as one run of an automation."""
    context = Context(parent_id="trigger")
    for _ in range(pieces):
        await act("append_audio", context, audio=base64(piece), **data)
    await act("commit_audio", context, **data)
    return await act("create_response", context, **data)


async def said(emulator: Emulator) -> list[bytes]:
    """Return what was said in the newest session, by turns."""
    items = emulator.sessions[-1].conversation
    return [bytes(item.audio) for item in items if item.role == "user"]


async def test_runs_take_turns(emulator: Emulator, act: Act) -> None:
    """The words of two runs make two turns, each with its answer."""
    emulator.replies += [Reply(text="One."), Reply(text="Two.")]
    replies = await asyncio.gather(ring(act, FIRST, 3), ring(act, SECOND, 4))
    assert await said(emulator) == [FIRST * 3, SECOND * 4]
    assert [reply["text"] for reply in replies] == ["One.", "Two."]
    kinds = [item.role for item in emulator.sessions[-1].conversation]
    assert kinds == ["user", "assistant"] * 2


async def test_bell_that_rings_twice(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """README's doorbell rings within the reply to its first ring: both are answered."""
    automation = {
        "alias": "Doorbell",
        "mode": "parallel",
        "triggers": {"trigger": "event", "event_type": "doorbell_recorded"},
        "actions": [
            _step("append_audio", audio="{{ trigger.event.data.audio }}"),
            _step("commit_audio"),
            _step("create_response", wait=False) | {"response_variable": "reply"},
            {
                "event": "answered",
                "event_data": {"id": "{{ reply.media_content_id }}"},
            },
        ],
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await hass.async_block_till_done()
    answered = async_capture_events(hass, "answered")
    more = asyncio.Event()
    emulator.replies += [Reply(text="One.", hold=more), Reply(text="Two.")]
    hass.bus.async_fire("doorbell_recorded", {"audio": base64(FIRST)})
    hass.bus.async_fire("doorbell_recorded", {"audio": base64(SECOND)})
    await emulator.next_session()
    session = await emulator.next_session()
    await session.sent.wait_for("response.created")
    assert await said(emulator) == [FIRST]
    more.set()
    await session.sent.wait_for("response.done", 2)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await said(emulator) == [FIRST, SECOND]
    assert len({event.data["id"] for event in answered}) == 2


def _step(action: str, **data: Any) -> dict[str, Any]:
    return {
        "action": f"{DOMAIN}.{action}",
        "target": {"entity_id": AGENT},
        "data": data,
    }


async def test_second_question_of_one_run(emulator: Emulator, act: Act) -> None:
    """What is said while a reply is made is answered after that reply."""
    more = asyncio.Event()
    emulator.replies += [Reply(text="One.", hold=more), Reply(text="Two.")]
    await act("create_conversation_item", text="first")
    await act("create_response", wait=False)
    await act("create_conversation_item", text="second")
    # It goes as far as it can: to its wait for the reply before.
    second = asyncio.Task(act("create_response"), eager_start=True)
    more.set()
    assert (await second)["text"] == "Two."


async def test_audio_that_was_left(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """What a run has appended that was stopped is not answered to the next one."""
    set_timing(hass, floor_pause=0.05)
    await act("append_audio", Context(parent_id="stopped"), audio=base64(FIRST))
    reply = await ring(act, SECOND, 1)
    assert await said(emulator) == [SECOND]
    assert reply["status"] == "completed"


async def test_audio_that_was_not_committed(emulator: Emulator, act: Act) -> None:
    """What was appended before a reply and never committed is no part of the next turn."""
    context = Context(parent_id="run")
    await act("append_audio", context, audio=base64(FIRST))
    await act("create_conversation_item", context, text="Hello.")
    await act("create_response", context)
    assert await ring(act, SECOND, 2)
    assert [piece for piece in await said(emulator) if piece] == [SECOND * 2]


async def test_caller_that_goes_on_after_a_pause(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """As long as nobody else speaks, a caller may pause."""
    context = Context(parent_id="patient")
    await act("append_audio", context, audio=base64(FIRST))
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=6))
    assert _floor(hass).is_free
    await act("append_audio", context, audio=base64(SECOND))
    await act("commit_audio", context)
    assert await said(emulator) == [FIRST + SECOND]


async def test_caller_that_waits_too_long(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """A run that does not get its turn is told, and has said nothing."""
    set_timing(hass, floor_wait=0.05)
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    await act("create_response", Context(parent_id="first"), wait=False)
    with pytest.raises(HomeAssistantError) as raised:
        await ring(act, SECOND, 1)
    assert raised.value.translation_key == "conversation_in_use"
    assert await said(emulator) == []
    assert await act("cancel_response", Context(parent_id="third")) == {
        "cancelled": True
    }


async def test_named_conversations(emulator: Emulator, act: Act) -> None:
    """Conversations of different names run beside each other and know nothing of others."""
    await asyncio.gather(
        ring(act, FIRST, 3, conversation="doorbell"),
        ring(act, SECOND, 4, conversation="kitchen"),
    )
    heard = [
        b"".join(bytes(item.audio) for item in session.conversation if item.audio)
        for session in emulator.sessions[1:]
    ]
    assert sorted(piece[:1] for piece in heard) == [b"\1", b"\2"]
    reply = await act("create_response", conversation="doorbell")
    assert reply["conversation"] == "doorbell"
    assert len(emulator.sessions) == 3


async def test_new_conversation(emulator: Emulator, act: Act) -> None:
    """A new one has a name, by which the actions that follow find it."""
    heard = await act("append_audio", audio=base64(FIRST), conversation="new")
    other = await act("append_audio", audio=base64(SECOND), conversation="new")
    assert heard["conversation"] != other["conversation"]
    await act("commit_audio", conversation=heard["conversation"])
    _, session, _ = emulator.sessions
    assert [bytes(item.audio) for item in session.conversation] == [FIRST]


@pytest.mark.parametrize("name", ["none", "", " ", "x" * 65])
async def test_no_name(act: Act, name: str) -> None:
    """What cannot be the name of a conversation is refused."""
    with pytest.raises(vol.Invalid):
        await act("commit_audio", conversation=name)


@pytest.mark.parametrize("data", [{}, {"conversation": "doorbell"}])
async def test_reset(emulator: Emulator, act: Act, data: dict[str, str]) -> None:
    """After a reset nothing is left of words, audio and settings."""
    await act("update_session", session={"instructions": "You are a pilot."}, **data)
    await act("create_conversation_item", text="My name is Ada.", **data)
    await act("append_audio", audio=base64(FIRST), **data)
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    reply = asyncio.create_task(act("create_response", **data))
    session = emulator.sessions[-1]
    await session.sent.wait_for("response.created")
    await act("reset_conversation", **data)
    assert (await reply)["status"] == "cancelled"
    await act("append_audio", audio=base64(SECOND), **data)
    await act("commit_audio", **data)
    assert session is not emulator.sessions[-1]
    assert await said(emulator) == [SECOND]
    assert emulator.sessions[-1].config["instructions"] != "You are a pilot."


async def test_failed_append_takes_back_its_own(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """What was appended before stays when a file turns out to be too long half-way."""
    context = Context(parent_id="run")
    await act("append_audio", context, audio=base64(FIRST))
    floor = _floor(hass)
    with suppress(HomeAssistantError):
        async with floor.audio.all_or_nothing():
            await floor.audio.async_append(SECOND, 24_000)
            raise HomeAssistantError
    await act("append_audio", context, audio=base64(FIRST))
    await act("commit_audio", context)
    assert await said(emulator) == [FIRST * 2]


async def test_status_of_a_turn_that_is_not_answered(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """Nobody thinks about what nobody wants answered."""
    set_timing(hass, floor_pause=0.01)
    await act("append_audio", audio=base64(FIRST))
    await act("commit_audio")
    await becomes(hass, STATUS, "idle")


def _floor(hass: HomeAssistant) -> Any:
    entry: MockConfigEntry
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    (runtime,) = entry.runtime_data.values()
    (session,) = runtime.assistant.sessions
    return session.floor
