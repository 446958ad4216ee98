"""A tool that counts how often it is called, and with what."""

from typing import override

from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import LLMContext, Tool, ToolInput, ToolResult
import voluptuous as vol

from . import CALLS


class Star(Tool):
    """The tool for a number that is dialed behind a star."""

    name = "Star"
    description = "Note the number that was dialed behind a star."
    parameters = vol.Schema({vol.Required("number"): vol.Coerce(int)})

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        """Count the call."""
        number = tool_input.tool_args["number"]
        hass.data[CALLS][number] += 1
        return ToolResult(data={"number": number})


@callback
def async_get_tools(
    hass: HomeAssistant, llm_context: LLMContext, api_id: str
) -> LLMTools | None:
    """Offer the tool to every agent that may control the house."""
    return LLMTools(tools=[Star()])
