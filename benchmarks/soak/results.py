"""What came of the turns: each is judged by what was said in it, in words and in sound."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
import json
import re
from statistics import median, quantiles

from script.home_assistant import PACKAGE

TURN_DIGITS = 4
_WEIGHTS = (3, 7, 1)


def new_number(satellite: int, turn: int) -> str:
    """Return the number that is said in this turn and in no other.

    The last digit checks the others, so that half a number, or one made of two, is not valid.
    """
    digits = f"{10 + satellite}{turn % 10**TURN_DIGITS:0{TURN_DIGITS}}"
    return digits + _check_digit(digits)


def _check_digit(digits: str) -> str:
    weights = _WEIGHTS * len(digits)
    return str(sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 10)


def whole_numbers(text: str) -> list[str]:
    """Return the numbers of turns in a text."""
    found = re.findall(rf"\b\d{{{TURN_DIGITS + 3}}}\b", text)
    return [number for number in found if number[-1] == _check_digit(number[:-1])]


def _digits(text: str) -> str:
    return "".join(re.findall(r"\d", text))


_SENTENCES: dict[str, re.Pattern[str]] = {
    key: re.compile(
        re.sub(r"\\\{\w+\\\}", ".*", re.escape(sentence["message"])), re.DOTALL
    )
    for key, sentence in json.loads((PACKAGE / "translations" / "en.json").read_text())[
        "exceptions"
    ].items()
}
UNCLEAR = "unexpected"
# Separates the beginning of an answer from the sentence that says why it broke off.
_BREAK = "\n\n"


def _key_of(apology: str) -> str | None:
    return next(
        (key for key, each in _SENTENCES.items() if each.fullmatch(apology)), None
    )


def name_of(apology: str) -> str:
    """Return the key of a sentence of the integration; any other sentence is unclear."""
    return _key_of(apology) or f"{UNCLEAR}: {apology}"


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered, every word in text and sound"
    CUT_SHORT = "answered, not to the end"
    TALKED_OVER = "talked over"
    HUNG_UP = "hung up"
    APOLOGY = "an error that is said"
    ERROR = "an error of the pipeline"
    WRONG = "another's content"
    GARBLED = "garbled content"
    NEITHER = "neither reply nor clear error"


@dataclass
class Spoken:
    """One turn: the words that were said, and the reply."""

    number: str
    repeats: int
    is_star: bool
    story: list[str] = field(default_factory=list)
    deltas: str = ""
    answer: str = ""
    apology: str = ""
    error: str = ""
    heard: str = ""  # in the sound of the reply
    sound_error: str = ""
    sound: bytearray = field(default_factory=bytearray, repr=False)
    sound_size: int = 0
    is_enough: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    is_hung_up: bool = False
    spoken_at: float = 0.0
    sounded_at: float = 0.0
    told_at: float = 0.0  # when its last event came

    @property
    def words(self) -> str:
        """The keys that are dialed."""
        star = "*" if self.is_star else ""
        return star + " ".join([self.number] * self.repeats)

    @property
    def expected(self) -> str:
        """The digits of the reply."""
        return self.number if self.is_star else self.number * self.repeats

    @property
    def said_error(self) -> str:
        """The sentence that says why there is no whole answer, or "".

        After the beginning of an answer the sentence is the last paragraph of the same bubble.
        """
        last = self.answer.rpartition(_BREAK)[2]
        return self.apology or (last if _key_of(last) else "")

    def outcome(self) -> Outcome:
        """Judge the turn."""
        said = f"{self.deltas} {self.answer}"
        if {*whole_numbers(said), *whole_numbers(self.heard)} - {self.number}:
            return Outcome.WRONG
        if self.is_hung_up:
            return Outcome.HUNG_UP
        if self.is_enough.is_set():
            return Outcome.TALKED_OVER
        if self.error:
            return Outcome.ERROR
        if self.apology:
            return Outcome.APOLOGY
        begun = self.answer.removesuffix(self.said_error)
        in_text, in_sound = _digits(begun), _digits(self.heard)
        is_beginning = self.expected.startswith(in_text) and self.expected.startswith(
            in_sound
        )
        if self.said_error:
            return Outcome.APOLOGY if is_beginning else Outcome.GARBLED
        if in_text == in_sound == self.expected:
            return Outcome.ANSWERED
        if not in_text or not in_sound:
            return Outcome.NEITHER
        return Outcome.CUT_SHORT if is_beginning else Outcome.GARBLED


class Results:
    """All turns that have ended, and what they were made of."""

    def __init__(self) -> None:
        """Begin with none."""
        self.begun = 0
        self.outcomes = Counter[Outcome]()
        self.errors = Counter[str]()
        self.latencies: list[float] = []
        self.suspects: list[Spoken] = []
        self.stars: dict[int, Outcome] = {}
        self.unclear: list[tuple[float, str]] = []  # when, and what was said

    def add(self, spoken: Spoken) -> None:
        """Count a turn."""
        outcome = spoken.outcome()
        self.outcomes[outcome] += 1
        if outcome in (Outcome.APOLOGY, Outcome.ERROR):
            error = spoken.error or name_of(spoken.said_error)
            self.errors[error] += 1
            if UNCLEAR in error.lower():
                self.unclear.append((spoken.told_at, error))
        elif outcome is Outcome.ANSWERED:
            self.latencies.append(spoken.sounded_at - spoken.spoken_at)
        if spoken.is_star:
            self.stars[int(spoken.number)] = outcome
        if outcome in (
            Outcome.WRONG,
            Outcome.GARBLED,
            Outcome.NEITHER,
            Outcome.CUT_SHORT,
        ):
            self.suspects.append(spoken)

    def latency_ms(self) -> tuple[float, float]:
        """Return p50 and p95 of the time from the last word to the first sound."""
        if len(self.latencies) < 2:
            return 0.0, 0.0
        p95 = quantiles(self.latencies, n=20, method="inclusive")[-1]
        return 1000 * median(self.latencies), 1000 * p95

    def tool_faults(self, calls: Iterable[tuple[int, int]]) -> list[str]:
        """Return what is wrong with the calls of the tool, as (number, times)."""
        made = dict(calls)
        doubled = [f"{number} twice" for number, times in made.items() if times > 1]
        stray = [f"{number} unasked" for number in made if number not in self.stars]
        missed = [
            f"{number} answered without"
            for number, outcome in self.stars.items()
            if outcome is Outcome.ANSWERED and number not in made
        ]
        return doubled + stray + missed
