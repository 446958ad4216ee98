"""What people say to a house: one notation for the ears (JSGF) and for the mind (regex).

`(a | b)` is a choice, `[a]` may be left out. `<target>` is a device or an area the session's
instructions name, `<area>` an area, `<number>` a number.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
import re

_BELOW_TWENTY = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBERS = [
    *_BELOW_TWENTY,
    *(
        f"{ten} {unit}".removesuffix(" zero")
        for ten in _TENS
        for unit in _BELOW_TWENTY[:10]
    ),
    "hundred",
]

# By a tool's name without its namespace and without `Hass`.
SKILLS: dict[str, tuple[str, ...]] = {
    "TurnOn": (
        "(turn | switch) on [all] [the] <target>",
        "(turn | switch) [all] [the] <target> on",
        "open [the] <target>",
        "lock [the] <target>",
    ),
    "TurnOff": (
        "(turn | switch) off [all] [the] <target>",
        "(turn | switch) [all] [the] <target> off",
        "close [the] <target>",
        "unlock [the] <target>",
    ),
    "LightSet": (
        "(set | dim | turn) [the] <target> (to | down to | up to) <number> [percent]",
    ),
    "ClimateSetTemperature": (
        "set [the] temperature [in [the] <area>] to <number> [degrees]",
        "set [the] <target> to <number> degrees",
    ),
    "SetPosition": ("(set | move) [the] <target> to <number> [percent]",),
    "SetVolume": ("set [the] volume [of [the] <target>] to <number> [percent]",),
    "MediaPause": ("pause [the] (<target> | music)",),
    "MediaUnpause": ("(resume | continue) [the] (<target> | music)",),
    "VacuumStart": ("start [the] (<target> | vacuum)",),
    "VacuumReturnToBase": ("(dock | return) [the] (<target> | vacuum)",),
    "GetLiveContext": (
        "(is | are) [the] <target> (on | off | open | closed | locked | unlocked)",
        "what is [the] (state | status | temperature) (of | in) [the] <target>",
    ),
    "GetDateTime": ("what time is it", "what day is it", "what is the (time | date)"),
}

SMALL_TALK: dict[str, str] = {
    "greeting": "(hello | hi | hey | good morning | good evening) [there]",
    "name": "(what is | tell me) your name",
    "own_name": "what is my name",
    "count": "count [up] to <number>",
    "story": "tell me a [long] story",
    "joke": "tell me a joke",
    "first_words": "what did i say first",
    "words": "what did i [just] say",
    "own_words": "what did you [just] say",
    "thanks": "(thank you | thanks)",
    "goodbye": "(goodbye | bye | good night)",
}


@dataclass(frozen=True)
class House:
    """The names that a session's instructions give to devices and areas."""

    names: tuple[str, ...]
    areas: tuple[str, ...]

    @classmethod
    def described_in(cls, instructions: str) -> House:
        """Read the lists of devices and areas, which have one of the forms that `_listed` knows."""
        found: dict[str, list[str]] = {"name": [], "area": []}
        for kind, name in _listed(instructions):
            found[kind].append(name)
        names, areas = (tuple(dict.fromkeys(listed)) for listed in found.values())
        return cls(names, areas)

    @property
    def targets(self) -> tuple[str, ...]:
        """Return everything that can be switched by name, the lights of an area included."""
        lights = (
            f"{area} {word}" for area in self.areas for word in ("light", "lights")
        )
        return (*self.names, *lights, *self.areas)


# Names as Assist's lines and JSON have them: as they are, between commas.
_NAMED = re.compile(r"[\s-]*[\"']?(name|area)s?[\"']?: *(\S.*)")
# How a list begins that somebody wrote for a model to read.
_HEADINGS = {
    "name": re.compile(
        r"^\W*(?:names?|device|entity|lights|switches)\W*$|\b(?:devices|entities)\b"
        r"|\b(?:house|home) has$|\bcontrol$",
        re.IGNORECASE,
    ),
    "area": re.compile(r"^\W*(?:area|room)\W*$|\b(?:areas|rooms)\b", re.IGNORECASE),
}
_BULLET = re.compile(r"\s*(?:[-*•]|\d+[.)]|[\"'](?!.*:))\s*")
_NAME = re.compile(r"(?:(?:and|the|an?|my|our) )*([\w'-]+(?: [\w'-]+){0,4})")


def _listed(instructions: str) -> Iterator[tuple[str, str]]:
    """Yield "name" or "area", and one that the instructions list.

    Lists are Assist's lines (`names: Kitchen Light, Spots`), sentences (`The house has a lamp and
    a fan.`, `Devices: lamp, fan`), bullets below such a heading or Markdown's, and JSON.
    """
    heading = ""
    for line in _lines(instructions):
        if named := _NAMED.fullmatch(line):
            names = (name.strip(" '\"") for name in named[2].split(","))
            yield from ((named[1], name) for name in names if name)
            continue
        label, colon, listed = line.partition(":")
        kinds = (kind for kind, how in _HEADINGS.items() if how.search(label))
        if colon and (kind := next(kinds, None)):
            heading = kind
        elif heading and (bullet := _BULLET.match(line)):
            listed = re.split(r"[:(]| [-–—] ", line[bullet.end() :])[0]
        elif line.strip():
            heading = ""
        for piece in re.split(r"[,;]|\band\b", listed) if heading else ():
            if name := _NAME.fullmatch(piece.strip(" '\".")):
                yield heading, name[1]


def _lines(instructions: str) -> Iterator[str]:
    """Yield lines, but a sentence by itself, and a key of JSON with its value by itself."""
    for line in instructions.splitlines():
        if re.match(r"[\s-]*(?:name|area)s?:", line):
            yield line
            continue
        line = re.sub(r"^#+ *(.+?):?$", r"\1:", line)
        line = re.sub(r"\b(house|home) has:?", r"\1 has:", line, flags=re.IGNORECASE)
        yield from re.split(
            r"(?<=[^\W\d][.!?]) +|[{}\[\]]|,\s*(?=[\"'][\w ]+[\"']\s*:)", line
        )


@dataclass(frozen=True)
class Match:
    """A phrase found in what was said: where, and what its places held."""

    start: int
    end: int
    places: dict[str, str]


def plain(text: str) -> str:
    """Return lower-case words without punctuation, as the ears write them."""
    words = re.sub(r"[^\w%' ]", " ", text.lower().replace("’", "'"))
    return " ".join(words.replace("'s ", " is ").split())


def number(words: str) -> int:
    """Return the value of `<number>`."""
    return int(words) if words.isdecimal() else NUMBERS.index(words)


def bare_name(tool_name: str) -> str:
    """Return a tool's name without its namespace and without `Hass`."""
    return tool_name.rpartition("__")[2].removeprefix("Hass")


def find(phrase: str, words: str, house: House) -> Iterator[Match]:
    """Yield where a phrase occurs in plain words."""
    for match in re.finditer(_pattern(phrase, house), words):
        places = {key: value for key, value in match.groupdict().items() if value}
        yield Match(match.start(), match.end(), places)


def sayable(tool_names: Iterable[str]) -> list[str]:
    """Return the phrases that make sense with these tools."""
    ways = [way for name in tool_names for way in SKILLS.get(bare_name(name), ())]
    return [*ways, *SMALL_TALK.values()]


def grammar(phrases: list[str], house: House, is_known: Callable[[str], bool]) -> str:
    """Return the JSGF of a phrase, and a command; names with an unknown word are left out."""
    names, areas = _known(house.names, is_known), _known(house.areas, is_known)
    targets = _known(house.targets, is_known)
    # "Kitchen lights" is too much like a device called kitchen light.
    targets = [
        target
        for target in targets
        if target.removesuffix("s") not in names or target in names
    ]
    if not targets:
        phrases = [phrase for phrase in phrases if "<target>" not in phrase]
    if not areas:
        phrases = [phrase.replace("[in [the] <area>]", "") for phrase in phrases]
    commands = [phrase for phrase in phrases if "<target>" in phrase]
    rules = {
        "target": targets,
        "area": areas,
        "number": NUMBERS,
        "command": commands,
        "said": phrases,
    }
    lines = [f"<{name}> = {' | '.join(ways)};" for name, ways in rules.items() if ways]
    more = "[and <command>]" if commands else ""
    sentence = f"public <sentence> = [please] <said> {more} [please];"
    return "\n".join(["#JSGF V1.0;", "grammar house;", *lines, sentence])


def is_sentence(words: str, phrases: list[str], house: House) -> bool:
    """Say whether words are one whole phrase or two: a decoder may stop in the middle of one."""
    said = "|".join(_pattern(phrase, house) for phrase in phrases)
    said = re.sub(r"\?P<\w+>", "?:", f"(?:{said})")
    return bool(re.fullmatch(rf"(?:please )?{said}(?:and {said})?(?:please)?", words))


def _known(names: tuple[str, ...], is_known: Callable[[str], bool]) -> list[str]:
    spoken = dict.fromkeys(plain(name) for name in names)
    return [
        name for name in spoken if name and all(is_known(word) for word in name.split())
    ]


_BRACKETS = {"[": "(?:", "]": r")?\s*", "(": "(?:", ")": r")\s*", "|": "|"}


def _pattern(phrase: str, house: House) -> str:
    places = {
        "<target>": _any_of(house.targets),
        "<area>": _any_of(house.areas),
        "<number>": rf"\d+|{_any_of(tuple(NUMBERS))}",
    }
    pattern = ""
    for token in re.findall(r"[\[\]()|]|<\w+>|[^\s\[\]()|<>]+", phrase):
        if token in places:
            pattern += rf"\b(?P{token}{places[token]})\b%?\s*"
        else:
            pattern += _BRACKETS.get(token, rf"\b{token}\b\s*")
    return pattern


def _any_of(names: tuple[str, ...]) -> str:
    """Return a pattern for any of the names, longest first; without names, one that never fits."""
    ways = sorted({re.escape(plain(name)) for name in names}, key=len, reverse=True)
    return "|".join(ways) or r"(?!)"
