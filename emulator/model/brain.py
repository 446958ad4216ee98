"""The brain of the model: it plans a reply from the words of a conversation."""

from collections.abc import Iterator
from dataclasses import dataclass
import json
import re
from typing import Any

from .phrases import (
    NUMBERS,
    SKILLS,
    SMALL_TALK,
    House,
    Match,
    bare_name,
    find,
    number,
    plain,
)
from .reply import Reply

_STORY = (
    "Once upon a time there was a small house at the edge of a wide forest. In the house lived "
    "an old lamp that had never been switched off. Every evening it watched the road, and every "
    "evening somebody came home and said good night to it. One day a storm took the power of the "
    "whole valley, and for the first time it was dark in the little house. The lamp was afraid at "
    "first, but then it saw the stars through the window, thousands of them, each a lamp like "
    "itself. It counted them until the morning came, and when the light came back it told the "
    "kettle, and the kettle told the stove, and they all lived happily ever after."
)
_JOKES = "Why did the light bulb go to school? It wanted to be brighter."
_COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "white")
_PAST = {
    "turn": "turned",
    "set": "set",
    "get": "got",
    "start": "started",
    "return": "returned",
    "pause": "paused",
    "add": "added",
}
# A user means a tool without saying these tokens of its name.
_SILENT = frozenset({"get", "fetch", "query", "lookup", "the", "current"})
_NUMERIC_KEYS = ("brightness", "position", "percentage", "volume_level", "temperature")


@dataclass(frozen=True)
class Line:
    """One item as the brain sees it."""

    type: str
    role: str | None
    fields: dict[str, Any]
    words: str


def think(lines: list[Line], config: dict[str, Any]) -> Reply:
    """Plan a response to the last line."""
    last = lines[-1] if lines else Line("message", "user", {}, "")
    if verbatim := _ordered_words(config["own_instructions"] or "", last):
        return Reply(text=verbatim)
    is_forced = config["tool_choice"] not in ("auto", "none")
    # A choice that demands a call stays in force: the model calls again what it has just called.
    if last.type == "function_call_output" and not is_forced:
        return Reply(text=_tell_results(lines))
    tools = [tool for tool in config["tools"] if tool["type"] == "function"]
    calls = _tool_calls(last.words, tools, config)
    if calls:
        return Reply(tool_calls=calls)
    return Reply(text=_chat(lines[:-1], last.words))


def _ordered_words(own_instructions: str, last: Line) -> str | None:
    """Return the words that a response's own instructions dictate."""
    if not re.search(
        r"\b(exactly|verbatim|word for word)\b", own_instructions, re.IGNORECASE
    ):
        return None
    quoted = re.search(r"[\"“](.+)[\"”]", own_instructions, re.DOTALL)
    return quoted[1] if quoted else last.words or None


# Tools.


def _tool_calls(
    words: str, tools: list[dict[str, Any]], config: dict[str, Any]
) -> list[tuple[str, dict[str, Any] | str]]:
    choice = config["tool_choice"]
    if choice == "none":
        return []
    house = House.described_in(config["instructions"])
    if isinstance(choice, dict):
        tools = [tool for tool in tools if tool["name"] == choice.get("name")]
    found = sorted(_meant(plain(words), tools, house), key=lambda meant: meant[0].start)
    calls = [(tool, match) for match, tool in _without_overlaps(found)]
    if not calls and tools and choice != "auto":
        calls = [(tools[0], Match(0, 0, {}))]
    return [
        (tool["name"], _arguments(tool, match, words, house)) for tool, match in calls
    ]


def _meant(
    words: str, tools: list[dict[str, Any]], house: House
) -> Iterator[tuple[Match, dict[str, Any]]]:
    """Yield the tools that the words call for, and the place of those words."""
    for tool in tools:
        phrases = SKILLS.get(bare_name(tool["name"]))
        if phrases is None:
            spoken = set(_name_tokens(tool["name"])) - _SILENT
            if spoken and spoken <= set(words.split()):
                yield Match(0, len(words), {}), tool
        for phrase in phrases or ():
            for match in find(phrase, words, house):
                yield match, tool


def _without_overlaps(
    found: list[tuple[Match, dict[str, Any]]],
) -> Iterator[tuple[Match, dict[str, Any]]]:
    end = -1
    for match, tool in found:
        if match.start >= end:
            yield match, tool
            end = match.end


def _name_tokens(tool_name: str) -> list[str]:
    """Split `intent__HassTurnOn` or `get_weather` into lower-case words."""
    return [
        token.lower()
        for token in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", bare_name(tool_name))
    ]


def _arguments(
    tool: dict[str, Any], match: Match, words: str, house: House
) -> dict[str, Any]:
    """Fill those of the tool's parameters that the words speak of."""
    schema = tool.get("parameters") or {}
    properties: dict[str, Any] = schema.get("properties") or {}
    said = _places(match, house)
    said |= {"color": next((c for c in _COLORS if c in plain(words).split()), None)}
    if "number" in match.places:
        key = next((key for key in _NUMERIC_KEYS if key in properties), None)
        said |= {key: number(match.places["number"])} if key else {}
    filled: dict[str, Any] = {}
    for key, property_schema in properties.items():
        value = said.get(key)
        if value is None and match.start == 0 and key in schema.get("required", ()):
            value = _guess(property_schema, words)
        if value is not None:
            filled[key] = [value] if property_schema.get("type") == "array" else value
    return filled


def _places(match: Match, house: House) -> dict[str, Any]:
    """Return which device, or else which area and domain, a match is about."""
    target = match.places.get("target")
    written = {plain(name): name for name in house.names}
    if target in written:
        return {"name": written[target]}
    areas = {plain(area): area for area in house.areas}
    spoken_area = match.places.get("area") or re.sub(r" lights?$", "", target or "")
    place: dict[str, Any] = {"area": areas.get(spoken_area)}
    if target and target != spoken_area:
        place["domain"] = "light"
    return place


def _guess(property_schema: dict[str, Any], words: str) -> Any:
    """Guess a required argument of a tool this brain was not made for."""
    for option in property_schema.get("enum", ()):
        if plain(str(option)) in plain(words):
            return option
    if property_schema.get("type") in ("integer", "number"):
        digits = re.search(r"\d+", words)
        return int(digits[0]) if digits else 0
    after = re.search(r"\b(?:in|for|of|at|to|about)\s+(?:the\s+)?([^?.!,]+)", words)
    return after[1].strip() if after else words.strip()


def _tell_results(lines: list[Line]) -> str:
    """Tell the results of the tool calls since the user spoke."""
    calls = {
        line.fields["call_id"]: line.fields
        for line in lines
        if line.type == "function_call"
    }
    results: list[str] = []
    for line in reversed(lines):
        if line.type != "function_call_output":
            if line.role == "user":
                break
            continue
        results.append(_tell_result(calls.get(line.fields["call_id"], {}), line.words))
    return " ".join(reversed(results))


def _tell_result(call: dict[str, Any], output: str) -> str:
    try:
        result = json.loads(output)
    except ValueError:
        result = output
    if problem := _problem(result):
        return f"Sorry, that did not work: {problem}."
    if states := re.findall(
        r"names: (.+?)\s*\n.*?state: '?([\w. ]+)'?",
        output.replace("\\n", "\n"),
        re.DOTALL,
    ):
        return " ".join(f"The {name.lower()} is {state}." for name, state in states)
    verb, *rest = _name_tokens(call.get("name", "")) or ["finish"]
    if verb == "get" or bare_name(call.get("name", "")) not in SKILLS:
        facts = list(_facts(result))
        return f"The answer is {', '.join(facts)}." if facts else "Done."
    arguments = json.loads(call["arguments"] or "{}")
    what = arguments.get("name") or arguments.get("area")
    if not what:
        return "Done."
    done = " ".join(
        [_PAST.get(verb, verb), *(token for token in rest if token in ("on", "off"))]
    )
    return f"I {done} the {what.lower()}."


def _problem(result: Any) -> str | None:
    if not isinstance(result, dict):
        return None
    if "error" in result:
        return str(result.get("error_text") or result["error"]).rstrip(".")
    if result.get("success") is False or result.get("response_type") == "error":
        return str(result.get("message") or "it was refused").rstrip(".")
    data = result.get("data")
    return _problem(data) if isinstance(data, dict) else None


def _facts(result: Any, name: str = "") -> Iterator[str]:
    """Yield the leaves of a result with their names."""
    if isinstance(result, dict):
        for key, value in result.items():
            yield from _facts(value, key.replace("_", " "))
    elif isinstance(result, list):
        for value in result:
            yield from _facts(value, name)
    elif result is not True and result not in (None, ""):
        yield f"{name} {result}".strip()


# Talk.


def _chat(before: list[Line], words: str) -> str:
    said = plain(words)
    if not said:
        return "Hello! How can I help?"
    if repeated := re.match(
        r"\s*(?:please\s+)?(?:say|repeat)\b:?\s*(?:after me:?\s*)?(.+)",
        words,
        re.IGNORECASE | re.DOTALL,
    ):
        return repeated[1].strip().strip('"“”')
    for kind, phrase in SMALL_TALK.items():
        if match := next(find(phrase, said, House((), ())), None):
            return _small_talk(kind, match, before)
    return f"You said: {words.strip()}"


def _small_talk(kind: str, found: Match, before: list[Line]) -> str:
    by_user = [line.words for line in before if line.role == "user" and line.words]
    by_model = [
        line.words for line in before if line.role == "assistant" and line.words
    ]
    match kind:
        case "greeting":
            return "Hello! How can I help?"
        case "name":
            return "I am the emulator, a small model of a large one."
        case "own_name":
            named = [
                re.search(r"my name is (\w+)", said, re.IGNORECASE) for said in by_user
            ]
            name = next((name[1] for name in named if name), None)
            return (
                f"Your name is {name.title()}."
                if name
                else "You have not told me your name."
            )
        case "count":
            words = NUMBERS[1 : number(found.places["number"]) + 1]
            return f"{', '.join(words).capitalize()}."
        case "story":
            return _STORY
        case "joke":
            return _JOKES
        case "first_words":
            return f"First you said: {by_user[0]}" if by_user else "Nothing yet."
        case "words":
            return f"You said: {by_user[-1]}" if by_user else "Nothing yet."
        case "own_words":
            return f"I said: {by_model[-1]}" if by_model else "Nothing yet."
        case "thanks":
            return "You are welcome."
        case _:
            return "Goodbye."
