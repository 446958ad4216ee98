"""A house with a satellite and a bell, and a service that has a bad day."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.azure_realtime_audio.const import CONF_TRANSCRIPTION_DEPLOYMENT
from emulator import Emulator
from tests.conftest import SUBENTRY_ID
from tests.satellite import Satellite, new_conversation, speak_to
from tests.talk import AGENT, ToolApi, session_closed, shorten_timeouts

NAME = "my name is Ada"
RING = f"ring the bell for dinner is getting cold, {NAME}"
RUNG = "The answer is rung 1 times."


class Bell(llm.Tool):
    """A tool that rings, and counts."""

    name = "ring_the_bell"
    description = "Rings the bell."
    parameters = vol.Schema({vol.Required("reason"): str})
    integration = "test"

    def __init__(self) -> None:
        """Begin unrung."""
        self.rung = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Ring, for as long as something else takes."""
        self.rung += 1
        if self.meanwhile is not None:
            await self.meanwhile()
        return llm.ToolResult(data={"rung": f"{self.rung} times"})


@pytest.fixture
def bell(hass: HomeAssistant) -> Bell:
    """Return the only tool that the assistant has."""
    bell = Bell()
    llm.async_register_api(hass, ToolApi(hass, bell))
    return bell


@pytest.fixture
async def entry(
    hass: HomeAssistant,
    config_entry: MockConfigEntry,
    emulator: Emulator,
    bell: Bell,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[MockConfigEntry]:
    """Set up an assistant that writes down what it hears; at the end none of its objects may be left."""
    # Its debug mode, in which the test tools run it, costs half of the time.
    asyncio.get_running_loop().set_debug(False)
    shorten_timeouts(monkeypatch, command_timeout=5.0)
    subentry = config_entry.subentries[SUBENTRY_ID]
    changes = {
        CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1",
        CONF_LLM_HASS_API: [ToolApi.ID],
    }
    hass.config_entries.async_update_subentry(
        config_entry, subentry, data={**subentry.data, **changes}
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    await hass.async_block_till_done()
    yield config_entry
    if config_entry.state is ConfigEntryState.LOADED and hass.is_running:
        assert await hass.config_entries.async_unload(config_entry.entry_id)
    for session in emulator.sessions:
        await session_closed(session)


@pytest.fixture
async def satellite(hass: HomeAssistant, entry: MockConfigEntry) -> Satellite:
    """Have a satellite whose pipeline is the assistant's three entities."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


def conversation_lines(emulator: Emulator) -> list[str]:
    """Return the service's newest conversation: who, and in which words.

    What is read aloud, an apology for example, has a session without any conversation.
    """
    session = next(s for s in reversed(emulator.sessions) if len(s.conversation))
    lines = []
    for item in session.conversation:
        parts = (
            part.get("text") or part.get("transcript") for part in item.content or ()
        )
        words = "".join(filter(None, parts))
        lines.append(f"{item.role}: {words}" if item.content else item.type)
    return lines


async def assert_remembers(
    emulator: Emulator, satellite: Satellite, words: str = NAME
) -> None:
    """Check that the next turn works, and knows what was said before, once."""
    emulator.faults.clear()
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Your name is Ada."
    lines = conversation_lines(emulator)
    assert [line for line in lines if line.startswith("user")] == [
        f"user: {words}",
        "user: what is my name",
    ]
