"""The parameters of functions that the service takes, and those that it refuses."""

import logging
from typing import Any

import pytest

from .conftest import PREVIEW, Connect
from .test_session_update import tool

LOGGER = "emulator.wire.function_schema"
OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def holding(schema: Any) -> dict[str, Any]:
    """Return parameters that have one property."""
    return {"type": "object", "properties": {"a": schema}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "object"}, "In context=(), object schema missing properties."),
    (
        {},
        "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'.",
    ),
    (
        {**OBJECT, "anyOf": [OBJECT]},
        "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' "
        "at the top level.",
    ),
    (
        holding({"type": "array"}),
        "In context=('properties', 'a'), array schema missing items.",
    ),
    (
        holding({"type": "array", "items": {"type": "object"}}),
        "In context=('properties', 'a', 'items'), object schema missing properties.",
    ),
    (
        holding({"anyOf": [{"type": "string"}, {"type": ["null", "array"]}]}),
        "In context=('properties', 'a', 'anyOf', '1'), array schema missing items.",
    ),
    (
        {**OBJECT, "additionalProperties": {"type": "object"}},
        "In context=('additionalProperties',), object schema missing properties.",
    ),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED)
async def test_parameters_that_are_refused(
    connect: Connect, parameters: dict[str, Any], message: str
) -> None:
    """An object has properties and a list has items, in a session as in a response."""
    client = await connect()
    tools = [tool("one"), tool("two", parameters=parameters)]
    await client.send("session.update", session={"type": "realtime", "tools": tools})
    await client.send("response.create", response={"tools": tools})
    for where in ("session", "response"):
        error = await client.error()
        assert error["message"] == f"Invalid schema for function 'two': {message}"
        assert error["code"] == "invalid_function_parameters"
        assert error["param"] == f"{where}.tools[1].parameters"


async def test_preview_refuses_them_as_well(connect: Connect) -> None:
    """The dialect makes no difference."""
    client = await connect(PREVIEW)
    tools = [tool("one", parameters={"type": "object"})]
    await client.send("session.update", session={"tools": tools})
    assert (await client.error())["code"] == "invalid_function_parameters"


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        OBJECT,
        holding({}),
        holding(True),
        holding({"type": "array", "items": {}}),
        holding({"type": ["object", "null"], "properties": {}}),
        holding({"type": {"odd": 1}, "anyOf": "odd", "properties": ["odd"]}),
        {**OBJECT, "additionalProperties": False},
    ],
)
async def test_parameters_that_are_taken(
    connect: Connect, parameters: dict[str, Any] | None
) -> None:
    """What else JSON Schema knows is left to the model."""
    client = await connect()
    taken = await client.update(tools=[tool("one", parameters=parameters)])
    assert taken["tools"][0]["parameters"] == parameters


async def test_what_only_rest_is_known_to_refuse(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """More than 128 tools, and long descriptions, are taken with a warning."""
    client = await connect()

    def warnings() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == LOGGER]

    with caplog.at_level(logging.WARNING, LOGGER):
        await client.update(
            tools=[tool(f"tool_{n}", description="x" * 1024) for n in range(128)]
        )
        assert warnings() == []
        tools = [tool(f"tool_{n}") for n in range(129)]
        tools[0]["description"] = "x" * 1025
        assert len((await client.update(tools=tools))["tools"]) == 129
    assert warnings() == [
        "129 tools: REST takes 128, of Realtime nothing is known",
        "The description of the tool tool_0 has 1025 characters: REST takes 1024, "
        "of Realtime nothing is known",
    ]
