"""Many conversations at once, and what is left of them."""

import asyncio
from datetime import timedelta
import gc

from homeassistant.core import HomeAssistant
from homeassistant.helpers.chat_session import CONVERSATION_TIMEOUT
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from emulator import Emulator, Reply

from ..satellite import SPEECH, Satellite, new_conversation, said_at, waiting_microphone
from ..talk import session_closed, set_timing
from ..turns import (
    alive,
    assert_works,
    conversation_lines,
    forget_cancelled_timers,
    listening,
    turns_are_made_of,
)


async def test_twenty_satellites(
    hass: HomeAssistant, emulator: Emulator, satellite: Satellite
) -> None:
    """Each satellite hears its own reply, and no object of the turns stays afterwards."""
    earlier = turns_are_made_of()
    emulator.replies += [
        Reply(text=f"{number}", pcm=said_at(200 + 20 * number)) for number in range(20)
    ]
    house = [Satellite(hass, new_conversation()) for _ in range(20)]
    runs = await asyncio.gather(*(each.run() for each in house))
    assert {run.answer for run in runs} == {f"{number}" for number in range(20)}
    for run in runs:
        assert run.error is None
        assert run.wav.pitch == pytest.approx(200 + 20 * int(run.answer), abs=5)
    sessions = emulator.sessions[1:]
    assert sorted(conversation_lines(session) for session in sessions) == sorted(
        ["user: ", f"assistant: {number}"] for number in range(20)
    )
    del run, runs

    async_fire_time_changed(
        hass, dt_util.utcnow() + CONVERSATION_TIMEOUT + timedelta(seconds=2)
    )
    await hass.async_block_till_done()
    for session in sessions:
        await session_closed(session)
    assert alive(earlier) == []


async def test_conversation_that_made_room(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """The closed conversation leaves no object, even without the garbage collector."""
    set_timing(hass, max_sessions=1)
    earlier = turns_are_made_of()
    gc.disable()
    try:
        await assert_works(satellite)
        first = emulator.sessions[-1]
        await assert_works(Satellite(hass, new_conversation()))
        await session_closed(first)
        await forget_cancelled_timers(hass)
        assert alive(earlier, collected=False) == [
            "ConversationSession",
            "RealtimeClient",
            "Response",
            "Turn",
        ]
    finally:
        gc.enable()


async def test_too_many(
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
) -> None:
    """A person beyond the limit is told so; an idle session makes room."""
    set_timing(hass, max_sessions=1)
    run = satellite.start(waiting_microphone(SPEECH))
    await listening(emulator)
    other = Satellite(hass, new_conversation())
    assert (await other.run()).answer.startswith("Too many conversations are going on")
    await run.abort()
    await hass.async_block_till_done()
    await assert_works(other)


@pytest.mark.parametrize("stage", ["listening", "speaking"])
async def test_unload(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    stage: str,
) -> None:
    """Unloading ends a turn wherever it is."""
    if stage == "listening":
        run = satellite.start(waiting_microphone(SPEECH))
        await listening(emulator)
    else:
        emulator.replies.append(Reply(text="Once upon", hold=asyncio.Event()))
        run = satellite.start()
        await run.until_played()
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    await run.end()
    for session in emulator.sessions:
        await session_closed(session)
    assert run.error == ("stt-stream-failed" if stage == "listening" else None)
