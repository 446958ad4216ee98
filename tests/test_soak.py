"""What script/bench soak makes of a turn: a judge that misses something would find all well."""

from typing import Any

import pytest

from benchmarks.soak.results import Outcome, Results, Spoken, name_of, new_number

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
