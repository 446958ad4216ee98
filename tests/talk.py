"""Ways for tests to talk to the assistant."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.components import conversation
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Session

from .conftest import SUBENTRY_ID, set_client_defaults

AGENT = "conversation.azure_realtime"
STATUS = "sensor.azure_realtime_status"


async def say(
    hass: HomeAssistant, text: str, conversation_id: str | None = None, **kwargs: str
) -> conversation.ConversationResult:
    """Say something to the assistant."""
    kwargs.setdefault("agent_id", AGENT)
    return await conversation.async_converse(
        hass, text, conversation_id, Context(), **kwargs
    )


def speech(result: conversation.ConversationResult) -> str:
    """Return what a result says."""
    text: str = result.response.speech["plain"]["speech"]
    return text


async def change_assistant(
    hass: HomeAssistant, entry: MockConfigEntry, **changes: Any
) -> None:
    """Change the assistant's settings, which reloads the entry."""
    subentry = entry.subentries[SUBENTRY_ID]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, **changes}
    )
    await hass.async_block_till_done()


def set_timing(hass: HomeAssistant, **seconds: float) -> None:
    """Give the assistants another patience than the one they have in a house."""
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        for runtime in entry.runtime_data.values():
            for name, value in seconds.items():
                setattr(runtime.assistant.timing, name, value)


class ToolApi(llm.API):
    """A house in which there are few things to do."""

    ID = "one_tool"

    def __init__(self, hass: HomeAssistant, *tools: llm.Tool) -> None:
        """Have tools."""
        super().__init__(hass=hass, id=self.ID, name="One tool")
        self._tools = list(tools)

    async def async_get_api_instance(
        self, llm_context: llm.LLMContext
    ) -> llm.APIInstance:
        """Return the API."""
        return llm.APIInstance(self, "", llm_context, self._tools)


async def give_tool(
    hass: HomeAssistant, entry: MockConfigEntry, tool: llm.Tool
) -> None:
    """Let the assistant have one tool, and no other."""
    await give_tools(hass, entry, [tool])


async def give_tools(
    hass: HomeAssistant, entry: MockConfigEntry, tools: Sequence[llm.Tool]
) -> None:
    """Let the assistant have these tools, and no others."""
    llm.async_register_api(hass, ToolApi(hass, *tools))
    await change_assistant(hass, entry, **{CONF_LLM_HASS_API: [ToolApi.ID]})


async def becomes(hass: HomeAssistant, entity_id: str, value: str) -> None:
    """Wait until an entity has this state."""
    changed = asyncio.Event()
    unsubscribe = async_track_state_change_event(
        hass, entity_id, callback(lambda _: changed.set())
    )
    try:
        async with asyncio.timeout(10):
            while (state := hass.states.get(entity_id)) is None or state.state != value:
                changed.clear()
                await changed.wait()
    finally:
        unsubscribe()


async def tool_called(hass: HomeAssistant, name: str) -> str:
    """Return how this Home Assistant calls a tool of the Assist API."""
    context = llm.LLMContext(DOMAIN, Context(), "en", conversation.DOMAIN, None)
    api = await llm.async_get_api(hass, "assist", context)
    return next(tool.name for tool in api.tools if tool.name.endswith(name))


def said(session: Session) -> list[str]:
    """Return the conversation of the service as lines: who, and what."""
    return [_line(item.wire()) for item in session.conversation]


def _line(item: Mapping[str, Any]) -> str:
    match item["type"]:
        case "function_call":
            return f"call {item['name']}"
        case "function_call_output":
            return "output"
        case _:
            text = "".join(part.get("text", "") for part in item["content"])
            return f"{item['role']}: {text}"


async def session_closed(session: Session) -> None:
    """Wait until the emulator has seen the end of a session."""
    with pytest.raises(ConnectionError):
        await session.sent.wait_for("nothing of the kind")


def shorten_timeouts(monkeypatch: pytest.MonkeyPatch, **options: float) -> None:
    """Give the clients less patience than they have with a real service."""
    impatience = {
        "connect_timeout": 1.0,
        "command_timeout": 0.3,
        "reconnect_delay": 0.01,
        "max_reconnect_delay": 0.02,
    }
    set_client_defaults(monkeypatch, **{**impatience, **options})
