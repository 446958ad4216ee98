"""A house that has a bell, and no more."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from .talk import give_tool

RING = "ring"


class Bell(llm.Tool):
    """Rings a bell, for as long as it is held."""

    name = RING
    integration = "test"
    parameters = vol.Schema({vol.Optional("times"): int, vol.Optional("at"): str})

    def __init__(self) -> None:
        """Be silent."""
        self.rung: list[dict[str, Any]] = []
        self.has_begun = asyncio.Event()
        self.ringing = 0
        self.hold: asyncio.Event | None = None

    def release(self) -> None:
        """Hold no call any longer."""
        if self.hold:
            self.hold.set()

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Ring the bell."""
        self.rung.append(self.parameters(tool_input.tool_args))
        self.has_begun.set()
        self.ringing += 1
        try:
            if self.hold:
                await self.hold.wait()
        finally:
            self.ringing -= 1
        return llm.ToolResult({"ok": True})


async def add_bell_tool(hass: HomeAssistant, entry: MockConfigEntry) -> Bell:
    """Let the assistant have a bell and nothing else."""
    bell = Bell()
    await give_tool(hass, entry, bell)
    return bell
