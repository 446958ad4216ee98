"""Tools: what the model is offered, what it calls, and what it gets to read."""

from datetime import UTC, datetime
import json
import re
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, llm, selector
from probatio import from_openapi
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.azure_realtime_audio.assistant.briefing import Briefing
from custom_components.azure_realtime_audio.assistant.session_key import SessionPurpose
from custom_components.azure_realtime_audio.chat.tools import (
    InvalidToolCallError,
    ToolBudget,
    async_run_tool_call,
    function_tools,
    tool_input,
    tool_output,
)
from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import ToolCall
from emulator import Emulator

LONG = "water_the_plants_" * 5


class EchoTool(llm.Tool):
    """Returns its arguments."""

    integration = "test"

    def __init__(self, name: str, parameters: dict[Any, Any] | None = None) -> None:
        """Take a name and a schema."""
        self.name = name
        self.parameters = vol.Schema(parameters or {})

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Check the arguments, and return them with the name."""
        arguments = self.parameters(tool_input.tool_args)
        if arguments.get("fail"):
            raise HomeAssistantError("The valve is stuck")
        if arguments.get("break"):
            raise IndexError("no such valve")
        return llm.ToolResult({"tool": tool_input.tool_name, **arguments})


class HouseApi(llm.API):
    """An API with the tools it is given."""

    tools: list[llm.Tool]

    async def async_get_api_instance(
        self, llm_context: llm.LLMContext
    ) -> llm.APIInstance:
        """Return the API."""
        return llm.APIInstance(
            self, "", llm_context, self.tools, llm.selector_serializer
        )


async def api_of(hass: HomeAssistant, *tools: llm.Tool) -> llm.APIInstance:
    """Return an API with these tools."""
    api = HouseApi(hass=hass, id="house", name="House")
    api.tools = list(tools)
    context = llm.LLMContext(DOMAIN, Context(), "en", "conversation", None)
    return await api.async_get_api_instance(context)


def call(name: str, arguments: str = "{}") -> ToolCall:
    """Return a call of the model."""
    return ToolCall("call_1", name, arguments, "item_1")


async def test_names(hass: HomeAssistant) -> None:
    """Names that Realtime refuses are replaced, and find their way back."""
    tools = [
        *("plain-Name_1", "with space", "with.space", "with_space", "größe"),
        *(LONG, f"{LONG}again", "", "\ud800", "天气", "時刻"),
    ]
    api = await api_of(hass, *(EchoTool(name) for name in tools))
    names = [function["name"] for function in function_tools(api)]
    assert {"plain-Name_1", "with_space"} <= set(names)
    assert len(set(names)) == len(tools)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert [
        tool_input(api, call(name), ToolBudget()).tool_name for name in names
    ] == sorted(tools)


async def test_order(hass: HomeAssistant) -> None:
    """Tools are in the same order, with the same names, however core has them."""
    tools = [EchoTool("with space"), EchoTool("with.space"), EchoTool("a")]
    offered = function_tools(await api_of(hass, *tools))
    assert function_tools(await api_of(hass, *reversed(tools))) == offered
    names = [function["name"] for function in offered]
    assert names[0] == "a"
    assert all(name.startswith("with_space_") for name in names[1:])
    assert len(set(names)) == 3


async def test_one_name_for_two(hass: HomeAssistant) -> None:
    """Of two tools of one name core calls the first, and that one is offered."""
    first = EchoTool("water", {vol.Required("plant"): str})
    [offered] = function_tools(await api_of(hass, first, EchoTool("water")))
    assert list(offered["parameters"]["properties"]) == ["plant"]


async def test_schema(hass: HomeAssistant) -> None:
    """Parameters are a JSON schema, with nothing at the top that the service refuses."""
    api = await api_of(
        hass,
        EchoTool(
            "set",
            {
                vol.Required("brightness", description="In percent"): vol.All(
                    vol.Coerce(int), vol.Range(min=0, max=100)
                ),
                vol.Optional("color"): vol.Any("red", "blue"),
                vol.Optional("when"): selector.TimeSelector(),
                vol.Exclusive("a", "either"): cv.string,
                vol.Exclusive("b", "either"): cv.string,
            },
        ),
    )
    (function,) = function_tools(api)
    assert function["type"] == "function"
    assert function["description"] == ""
    parameters = function["parameters"]
    assert parameters["type"] == "object"
    assert parameters["required"] == ["brightness"]
    assert parameters["properties"]["brightness"]["maximum"] == 100
    assert set(parameters["properties"]) == {"brightness", "color", "when", "a", "b"}
    assert not {"oneOf", "anyOf", "allOf", "enum", "not"} & set(parameters)
    json.dumps(parameters)
    assert function_tools(None) == []


async def test_the_house_fits(
    hass: HomeAssistant, config_entry: MockConfigEntry, emulator: Emulator
) -> None:
    """A session takes every tool of the Assist API."""
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    context = llm.LLMContext(DOMAIN, Context(), "en", "conversation", None)
    api = await llm.async_get_api(hass, "assist", context)
    tools = function_tools(api)
    assistant = next(iter(config_entry.runtime_data.values())).assistant
    session = await assistant.sessions.async_shared(SessionPurpose.ACTIONS)
    await session.async_tell(Briefing(instructions="", tools=tools))
    assert emulator.sessions[-1].config["tools"] == tools
    assert len(tools) >= 3


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        ("say", '{"text": "hi"}', {"tool": "say", "text": "hi"}),
        ("say", "", {"tool": "say"}),
        (
            "gone",
            "{}",
            {
                "error": "InvalidToolCallError",
                "error_text": "There is no function gone",
            },
        ),
        (
            "say",
            "[]",
            {
                "error": "InvalidToolCallError",
                "error_text": "The arguments are not a JSON object",
            },
        ),
        (
            "say",
            '{"fail": true}',
            {"error": "HomeAssistantError", "error_text": "The valve is stuck"},
        ),
    ],
)
async def test_run(
    hass: HomeAssistant, name: str, arguments: str, output: dict[str, Any]
) -> None:
    """A call outside a chat log always has an output."""
    fields = {vol.Optional("text"): str, vol.Optional("fail"): bool}
    api = await api_of(hass, EchoTool("say", fields))
    told = await async_run_tool_call(api, call(name, arguments), ToolBudget())
    assert json.loads(told) == output


async def test_run_what_cannot_be(hass: HomeAssistant) -> None:
    """Broken JSON, arguments out of bounds and a missing API are outputs, too."""
    api = await api_of(hass, EchoTool("say", {vol.Required("text"): str}))
    broken = json.loads(
        await async_run_tool_call(api, call("say", '{"text"'), ToolBudget())
    )
    assert broken["error"] == "InvalidToolCallError"
    assert broken["error_text"].startswith("The arguments are not JSON")
    invalid = json.loads(
        await async_run_tool_call(api, call("say", "{}"), ToolBudget())
    )
    assert "text" in invalid["error_text"]
    api = await api_of(hass, EchoTool("water", {vol.Required("break"): bool}))
    buggy = json.loads(
        await async_run_tool_call(api, call("water", '{"break": true}'), ToolBudget())
    )
    assert buggy == {"error": "IndexError", "error_text": "no such valve"}
    missing = json.loads(await async_run_tool_call(None, call("say"), ToolBudget()))
    assert missing["error_text"] == "There is no function say"
    with pytest.raises(InvalidToolCallError):
        tool_input(None, call("say"), ToolBudget())


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (llm.ToolResult({"on": True}), {"on": True}),
        (llm.ToolResult({"error": "E"}, error=True), {"error": "E"}),
        (llm.ToolResult({"lamp": "gone"}, error=True), {"error": {"lamp": "gone"}}),
        (
            llm.ToolResult({"at": datetime(2026, 11, 23, tzinfo=UTC)}),  # type: ignore[dict-item]  # tools do this
            {"at": "2026-11-23T00:00:00+00:00"},
        ),
    ],
)
def test_output(result: llm.ToolResult, output: dict[str, Any]) -> None:
    """The model reads JSON in which an error is called one."""
    assert json.loads(tool_output(result)) == output


ANYTHING = {"type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, {}),
        (ANYTHING, {}),
        ({"type": "object", "properties": {}}, {}),
        ({"type": ["object", "null"]}, {}),
        ({}, {}),
        ({"type": "string"}, {}),
        (
            {"type": "object", "properties": {"a": {"type": "object"}}},
            {"a": {**ANYTHING, "properties": {}}},
        ),
        (
            {"type": "object", "properties": {"a": {"type": "array"}}},
            {"a": {"type": "array", "items": {}}},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"type": "object"}}},
            },
            {"a": {"type": "array", "items": {**ANYTHING, "properties": {}}}},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "object"}, {"type": "null"}]}},
            },
            {"a": {"anyOf": [{**ANYTHING, "properties": {}}, {"type": "null"}]}},
        ),
        (
            {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}]},
            {"a": {"type": "string"}},
        ),
    ],
)
async def test_parameters_without_properties(
    hass: HomeAssistant, schema: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A tool that takes nothing has properties: the service refuses an object without."""
    tool = EchoTool("list_regions")
    tool.parameters = from_openapi(schema)  # as the MCP integration does
    [function] = function_tools(await api_of(hass, tool))
    parameters = function["parameters"]
    assert parameters["type"] == "object"
    assert parameters["properties"] == expected
    assert not {"oneOf", "anyOf", "allOf", "enum", "not"} & set(parameters)


async def test_tools_that_no_session_would_take(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be sent of a tool is replaced; what cannot be offered costs that tool only."""

    class Broken(EchoTool):
        """A tool whose parameters cannot be read."""

        parameters = property(lambda self: 1 / 0, lambda self, value: None)

    odd = EchoTool("odd", {vol.Optional("a\ud800", description="\ud801"): str})
    odd.description = "\udfff"
    function, after = function_tools(
        await api_of(hass, Broken("broken"), odd, EchoTool("plain"))
    )
    json.dumps(function, ensure_ascii=False).encode()
    assert function["description"] == "?"
    assert function["parameters"]["properties"] == {
        "a?": {"type": "string", "description": "?"}
    }
    assert after["name"] == "plain"
    assert "cannot be offered the tool broken: division by zero" in caplog.text


@pytest.mark.parametrize("data", [None, "gone", ["error"], 5, "error"])
def test_errors_of_any_kind(data: Any) -> None:
    """An error is told as one, whatever it is made of."""
    assert json.loads(tool_output(llm.ToolResult(data, error=True))) == {"error": data}


def test_long_output() -> None:
    """What is longer than any context is cut: it could not be sent at all."""
    output = tool_output(llm.ToolResult({"log": "x" * 20_000_000}))
    assert len(output) < 201_000
    assert output.endswith("(the rest is left out)")
