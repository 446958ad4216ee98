"""The brain of the emulator: the replies that it plans from words."""

import json
from typing import Any

import pytest

from emulator.model.brain import Line, think
from emulator.model.phrases import NUMBERS, House, grammar, is_sentence, number, sayable

from .house import HOUSE, TOOLS


def config(**changes: Any) -> dict[str, Any]:
    """Return the configuration of a response."""
    settings = {
        "instructions": HOUSE,
        "tools": TOOLS,
        "tool_choice": "auto",
        "own_instructions": None,
    }
    return {**settings, **changes}


def user(words: str) -> Line:
    """Return a user's line."""
    return Line("message", "user", {}, words)


def assistant(words: str) -> Line:
    """Return a line of the model's."""
    return Line("message", "assistant", {}, words)


LIGHT = {"name": "Kitchen Light"}


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        ("Turn on the kitchen light!", [("intent__HassTurnOn", LIGHT)]),
        (
            "could you switch the Kitchen Light on, please?",
            [("intent__HassTurnOn", LIGHT)],
        ),
        ("turn off spots", [("intent__HassTurnOff", {"name": "Spots"})]),
        (
            "turn on the bedroom lights",
            [("intent__HassTurnOn", {"area": "Bedroom", "domain": ["light"]})],
        ),
        (
            "turn on the kitchen light and turn off the bedroom lamp",
            [
                ("intent__HassTurnOn", LIGHT),
                ("intent__HassTurnOff", {"name": "Bedroom Lamp"}),
            ],
        ),
        (
            "dim the kitchen light to 40 %",
            [("HassLightSet", {**LIGHT, "brightness": 40})],
        ),
        (
            "set the temperature in the living room to twenty one degrees",
            [("HassClimateSetTemperature", {"temperature": 21, "area": "Living Room"})],
        ),
        ("is the kitchen light on?", [("homeassistant__GetLiveContext", LIGHT)]),
        ("What time is it?", [("llm__GetDateTime", {})]),
        ("What's the weather in Paris?", [("get_weather", {"location": "Paris"})]),
    ],
)
def test_tools(words: str, calls: list[Any]) -> None:
    """Words that match a tool call it, with what they say."""
    assert think([user(words)], config()).tool_calls == calls


@pytest.mark.parametrize(
    "words", ["turn on the garage", "the kitchen light is nice", ""]
)
def test_no_tool(words: str) -> None:
    """Other words do not."""
    assert think([user(words)], config()).tool_calls is None


def test_tool_choice() -> None:
    """A session may forbid tools, demand one, or name it."""
    words = [user("turn on the kitchen light")]
    assert not think(words, config(tool_choice="none")).tool_calls
    named = {"type": "function", "name": "intent__HassTurnOff"}
    assert think(words, config(tool_choice=named)).tool_calls == [
        ("intent__HassTurnOff", {})
    ]
    demanded = think([user("hello")], config(tool_choice="required")).tool_calls
    assert demanded == [("intent__HassTurnOn", {})]
    call = Line("function_call", None, {"name": "f", "call_id": "call_1"}, "")
    output = Line(
        "function_call_output", None, {"call_id": "call_1", "output": "{}"}, ""
    )
    told = [*words, call, output]
    assert think(told, config(tool_choice="required")).tool_calls
    assert think(told, config(tool_choice=named)).tool_calls
    assert not think(told, config()).tool_calls


@pytest.mark.parametrize(
    ("name", "arguments", "output", "told"),
    [
        (
            "intent__HassTurnOn",
            LIGHT,
            {"response_type": "action_done", "data": {"success": []}},
            "I turned on the kitchen light.",
        ),
        (
            "HassTurnOff",
            {"area": "Bedroom", "domain": ["light"]},
            {},
            "I turned off the bedroom.",
        ),
        (
            "HassTurnOn",
            LIGHT,
            {"error": "MatchFailedError", "error_text": "No such light."},
            "Sorry, that did not work: No such light.",
        ),
        (
            "homeassistant__GetLiveContext",
            LIGHT,
            {
                "success": True,
                "result": "Live Context:\n- names: Kitchen Light\n  domain: light\n  state: 'on'\n",
            },
            "The kitchen light is on.",
        ),
        (
            "get_weather",
            {},
            {"temperature": 20, "sky": "clear"},
            "The answer is temperature 20, sky clear.",
        ),
        ("get_weather", {}, "rain", "The answer is rain."),
        ("get_lights", {}, 1, "The answer is 1."),
        ("get_lights", {}, {"on": 1, "off": 0}, "The answer is on 1, off 0."),
        ("get_lights", {}, {"success": True, "error_text": "", "x": None}, "Done."),
    ],
)
def test_results(name: str, arguments: dict[str, Any], output: Any, told: str) -> None:
    """The result of a call is said in a sentence."""
    lines = [
        user("do it"),
        Line(
            "function_call",
            None,
            {"call_id": "1", "name": name, "arguments": json.dumps(arguments)},
            "",
        ),
        Line("function_call_output", None, {"call_id": "1"}, json.dumps(output)),
    ]
    assert think(lines, config()).text == told


def test_several_results() -> None:
    """Every output since the user spoke is told."""
    lines = [user("do it")]
    for call_id, name in (("1", "HassTurnOn"), ("2", "HassTurnOff")):
        fields = {"call_id": call_id, "name": name, "arguments": json.dumps(LIGHT)}
        lines.append(Line("function_call", None, fields, ""))
    lines += [Line("function_call_output", None, {"call_id": i}, "{}") for i in "12"]
    assert think(lines, config()).text == (
        "I turned on the kitchen light. I turned off the kitchen light."
    )


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("", "Hello! How can I help?"),
        ("Good morning!", "Hello! How can I help?"),
        ("count to three", "One, two, three."),
        ("say I am here", "I am here"),
        ("Repeat after me: yes", "yes"),
        ("what did I say first", "First you said: my name is Ada"),
        ("what did I just say?", "You said: blue"),
        ("what did you say", "I said: noted"),
        ("what's my name", "Your name is Ada."),
        ("thanks", "You are welcome."),
        ("frogs are green", "You said: frogs are green"),
    ],
)
def test_talk(words: str, reply: str) -> None:
    """Small talk, from what the conversation holds."""
    before = [user("my name is Ada"), assistant("noted"), user("blue")]
    assert think([*before, user(words)], config(tools=[])).text == reply


def test_a_long_story() -> None:
    """The brain can tell a story of more than half a minute."""
    assert len(think([user("tell me a long story")], config()).text) > 500


@pytest.mark.parametrize(
    ("own", "reply"),
    [
        ('Say exactly: "The door is open."', "The door is open."),
        ("Read the text aloud verbatim.", "turn on the kitchen light"),
        ("Be funny.", ""),
    ],
)
def test_own_instructions(own: str, reply: str) -> None:
    """A response may be told what to say, word for word."""
    lines = [user("turn on the kitchen light")]
    assert think(lines, config(own_instructions=own)).text == reply


@pytest.mark.parametrize(
    "instructions",
    [
        "Devices: kitchen light, hall lamp, garage door",
        "Be kind. The house has: a kitchen light, a hall lamp and the garage door.",
        "My house has a kitchen light, a hall lamp, and the garage door. Be brief: it is late.",
        "Devices in the house:\n- kitchen light (on)\n- hall lamp: off\n\n* garage door - open",
        "# Devices\n1. kitchen light\n2. hall lamp\n3. garage door\nRules:\n- Be brief.",
        "You can control:\n- name: kitchen light\n  state: on\n- name: hall lamp, garage door",
        '{"names": ["kitchen light", "hall lamp", "garage door"], "mood": "kind"}',
        '[{"name": "kitchen light", "domain": "light"}, {"name": "hall lamp"},\n'
        '{\n"id": 3,\n"name": "garage door"}]',
        "{'devices': ['kitchen light', 'hall lamp', 'garage door'], 'rules': ['be kind']}",
    ],
)
def test_names_in_instructions(instructions: str) -> None:
    """However they are written down, and nothing else with them."""
    house = House.described_in(instructions)
    assert house == House(("kitchen light", "hall lamp", "garage door"), ())


def test_areas_in_instructions() -> None:
    """Areas have headings and keys of their own."""
    for_a_model = "Rooms: the kitchen and the hall\nDevices:\n- lamp"
    assert House.described_in(for_a_model) == House(("lamp",), ("kitchen", "hall"))
    in_json = '{"devices": [{"name": "Lamp", "area": "Hall"}], "areas": ["Hall"]}'
    assert House.described_in(in_json) == House(("Lamp",), ("Hall",))


def test_names_as_assist_has_them() -> None:
    """Names are kept whole, with all their characters."""
    line = "- names: Salt and Pepper, Dr. Light [new], 'The House has: Fun'"
    assert House.described_in(line).names == (
        "Salt and Pepper",
        "Dr. Light [new]",
        "The House has: Fun",
    )


@pytest.mark.parametrize(
    "instructions",
    [
        "You are kind. Your task: be brief, be quick and be polite.",
        "Two rules:\n- be brief\n- be kind",
        "When asked for a device: call the tool and tell what came of it.",
        '{"mood": "kind", "tools": ["lamp"]}',
    ],
)
def test_no_names_in_instructions(instructions: str) -> None:
    """Other lists are not lists of devices."""
    assert House.described_in(instructions) == House((), ())


def test_grammar() -> None:
    """The ears get what the mind understands, without names that have no sound."""
    house = House.described_in(HOUSE)
    phrases = sayable(["HassTurnOn"])
    jsgf = grammar(phrases, house, lambda word: word != "spots")
    assert "<target> = kitchen light | bedroom lamp | thermostat" in jsgf
    assert "spots" not in jsgf
    assert "<target>" not in grammar(phrases, House((), ()), lambda word: True)
    assert is_sentence("please turn on the kitchen light", phrases, house)
    assert not is_sentence("turn on the", phrases, house)


def test_numbers() -> None:
    """Words and digits."""
    assert [
        number(words) for words in ("zero", "nineteen", "forty two", "hundred", "7")
    ] == [
        0,
        19,
        42,
        100,
        7,
    ]
    assert len(NUMBERS) == 101
