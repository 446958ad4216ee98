"""What script/bench soak makes of a turn: a judge that misses something would find all well."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import chat_session
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from benchmarks import observer
from benchmarks.soak.results import Outcome, Results, Spoken, name_of, new_number
from custom_components.azure_realtime_audio.assistant import kept_conversations
from custom_components.azure_realtime_audio.assistant.session_key import SessionPurpose
from custom_components.azure_realtime_audio.assistant.timing import Timing
from custom_components.azure_realtime_audio.const import SESSION_IDLE
from emulator import Emulator

from .talk import session_closed

MINE = new_number(7, 42)
OTHERS = new_number(8, 42)
WHOLE = {"answer": f"You said: {MINE} {MINE}", "heard": f"{MINE} {MINE}"}
LOST = "The connection to the Azure service was lost. Try again."


def spoken(**came_back: Any) -> Spoken:
    """Return a turn in which a number is dialed twice."""
    return Spoken(number=MINE, repeats=2, is_star=False, **came_back)


@pytest.mark.parametrize(
    ("came_back", "outcome"),
    [
        (WHOLE, Outcome.ANSWERED),
        (WHOLE | {"heard": f"{MINE} {MINE[:3]}"}, Outcome.CUT_SHORT),
        (WHOLE | {"heard": f"{MINE} {OTHERS}"}, Outcome.WRONG),
        (WHOLE | {"answer": f"You said: {OTHERS}"}, Outcome.WRONG),
        (WHOLE | {"heard": f"{MINE} {MINE[:3]}9{MINE[4:]}"}, Outcome.GARBLED),
        (WHOLE | {"heard": ""}, Outcome.NEITHER),
        ({}, Outcome.NEITHER),
        ({"apology": "The answer was cancelled."}, Outcome.APOLOGY),
        (
            {"apology": "The answer was cancelled.", "deltas": f"You said: {OTHERS}"},
            Outcome.WRONG,
        ),
        ({"answer": f"You said: {MINE}\n\n{LOST}", "heard": MINE[:3]}, Outcome.APOLOGY),
        ({"answer": f"You\n\n{LOST}"}, Outcome.APOLOGY),
        ({"answer": LOST}, Outcome.APOLOGY),  # it had begun to speak, without a word
        ({"answer": f"{WHOLE['answer']}\n\n{LOST}"}, Outcome.APOLOGY),
        ({"answer": f"You said: {OTHERS}\n\n{LOST}"}, Outcome.WRONG),
        ({"answer": f"You said: {MINE[1:]}\n\n{LOST}"}, Outcome.GARBLED),
        ({"answer": f"You said:\n\n{LOST}", "heard": MINE[1:]}, Outcome.GARBLED),
        ({"answer": f"You said: {LOST}"}, Outcome.NEITHER),
        ({"answer": "You said:\n\nTry again."}, Outcome.NEITHER),
        ({"error": "stt-stream-failed: speech-to-text failed"}, Outcome.ERROR),
        ({"is_hung_up": True, "heard": OTHERS}, Outcome.WRONG),
        ({"is_hung_up": True, "heard": MINE}, Outcome.HUNG_UP),
    ],
)
def test_outcome(came_back: dict[str, Any], outcome: Outcome) -> None:
    """Each turn is judged by what was said in it."""
    assert spoken(**came_back).outcome() is outcome


def test_sentences() -> None:
    """Ours are known by their keys; what is nobody's is unclear."""
    assert name_of("The Azure service refused the request: no.") == "command_refused"
    results = Results()
    results.add(spoken(apology="Hm."))
    assert [error for _, error in results.unclear] == ["unexpected: Hm."]
    results.add(spoken(answer=f"You said:\n\n{LOST}"))
    assert results.errors == {"unexpected: Hm.": 1, "connection_lost": 1}


def test_calls_of_the_tool() -> None:
    """Twice, unasked, and answered without are faults."""
    results = Results()
    number = int(MINE)
    results.add(Spoken(MINE, 1, is_star=True, answer=f"It is {MINE}.", heard=MINE))
    assert results.tool_faults([(number, 1)]) == []
    assert results.tool_faults([(number, 2)]) == [f"{number} twice"]
    assert results.tool_faults([]) == [f"{number} answered without"]
    assert results.tool_faults([(number, 1), (1, 1)]) == ["1 unasked"]


@pytest.mark.usefixtures("kept_as_in_a_house")
async def test_idle_sessions_are_shortened(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """An idle session ends as early as the soak asks, after a reload too."""
    assert await observer.async_setup(hass, {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "observer/shorten", "seconds": 9})
    assert (await client.receive_json())["success"]

    for _ in range(2):
        [runtime] = init_integration.runtime_data.values()
        await runtime.assistant.sessions.async_shared(SessionPurpose.READ_ALOUD)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=10))
        await session_closed(emulator.sessions[-1])
        assert await hass.config_entries.async_reload(init_integration.entry_id)


@pytest.fixture
def kept_as_in_a_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo after the test what the observer changes for the whole process."""
    monkeypatch.setattr(
        chat_session, "CONVERSATION_TIMEOUT", chat_session.CONVERSATION_TIMEOUT
    )
    monkeypatch.setattr(kept_conversations, "SESSION_IDLE", SESSION_IDLE)
    defaults = Timing.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "session_idle", defaults["session_idle"])
