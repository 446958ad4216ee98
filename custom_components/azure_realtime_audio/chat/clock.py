"""The clock of an assistant whose LLM APIs have none."""

from dataclasses import replace
from typing import Final, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.util import dt as dt_util

from ..const import DOMAIN

# Where a tool's name ends in this, core (2026.10 and 2026.11) leaves the time of day out of
# the instructions. With the time in them they differ in every turn, and the service can reuse
# nothing of what it has read in the last one.
_CLOCK_SUFFIX: Final = "GetDateTime"


class ClockTool(llm.Tool):
    """Tells the model the date and the time of the house."""

    name = f"{DOMAIN}__{_CLOCK_SUFFIX}"
    title = "Get date and time"
    description = "Tells the current date, weekday and time."
    annotations = llm.ToolAnnotations(
        read_only=True, destructive=False, open_world=False
    )
    integration = DOMAIN

    @override
    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Return the date, weekday, time and time zone."""
        now = dt_util.now()
        return llm.ToolResult(
            data={
                "date": now.strftime("%Y-%m-%d"),
                "weekday": now.strftime("%A"),
                "time": now.strftime("%H:%M:%S"),
                "timezone": hass.config.time_zone,
            }
        )


def with_clock(llm_api: llm.APIInstance) -> llm.APIInstance:
    """Return an LLM API that can tell the time: itself, if it has a tool for that."""
    if any(tool.name.endswith(_CLOCK_SUFFIX) for tool in llm_api.tools):
        return llm_api
    return replace(llm_api, tools=[*llm_api.tools, ClockTool()])
