"""The frames of each kind of turn: none is in vain, and none is sent twice."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from syrupy.assertion import SnapshotAssertion

from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS, DOMAIN
from emulator import Emulator, Reply, Session

from .satellite import Satellite, new_conversation, speak_to
from .talk import AGENT, change_assistant, give_tool, say


class Bell(llm.Tool):
    """Something to do."""

    name = "ring"
    description = "Ring the bell"

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Do it."""
        return llm.ToolResult(data={"rang": True})


@pytest.fixture(autouse=True)
async def bell(hass: HomeAssistant, init_integration: MockConfigEntry) -> None:
    """Give the assistant something to do."""
    await give_tool(hass, init_integration, Bell())


@pytest.fixture
async def satellite(hass: HomeAssistant, bell: None) -> Satellite:
    """Return a satellite in a new conversation with the assistant."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


def rings(emulator: Emulator) -> None:
    """Let the model ring in two rounds of tools, and then say so."""
    emulator.replies += [
        Reply(tool_calls=[("ring", {})]),
        Reply(tool_calls=[("ring", {}), ("ring", {})]),
        Reply(text="It rang."),
    ]


class Wire:
    """The client events since the last look, and the responses that the model begins."""

    def __init__(self, emulator: Emulator) -> None:
        """Look at the newest session."""
        self._emulator = emulator
        self._session: Session | None = None
        self._frames = self._responses = 0

    def frames(self) -> list[str]:
        """Return the frames; pieces of audio count as one."""
        session = self._emulator.sessions[-1]
        if session is not self._session:
            self._session, self._frames, self._responses = session, 0, 0
        frames = list(session.received)[self._frames :]
        self._frames += len(frames)
        responses = len(session.sent.of("response.created")) - self._responses
        self._responses += responses
        assert not session.sent.of("error")
        return [
            *(line for line, _ in groupby(map(_line, frames))),
            f"responses: {responses}",
        ]


def _line(frame: Mapping[str, Any]) -> str:
    match frame["type"]:
        case "session.update":
            return f"session.update {', '.join(sorted(_keys(frame['session'])))}"
        case "conversation.item.create":
            item = frame["item"]
            return f"conversation.item.create {item.get('role') or item['type']}"
        case other:
            return str(other)


def _keys(session: Mapping[str, Any]) -> set[str]:
    keys = set(session) - {"type", "audio"}
    for side, settings in session.get("audio", {}).items():
        keys |= {f"audio.{side}.{key}" for key in settings}
    return keys


async def test_spoken(
    emulator: Emulator, satellite: Satellite, snapshot: SnapshotAssertion
) -> None:
    """From the second turn on only sound goes up: the service answers by itself."""
    wire = Wire(emulator)
    await satellite.run()
    assert wire.frames() == snapshot(name="first")
    await satellite.run()
    assert wire.frames() == snapshot(name="second")


async def test_spoken_with_tools(
    emulator: Emulator, satellite: Satellite, snapshot: SnapshotAssertion
) -> None:
    """The results of a round of tools and the next response go up together."""
    wire = Wire(emulator)
    await satellite.run()
    wire.frames()
    rings(emulator)
    run = await satellite.run()
    assert run.answer == "It rang."
    assert wire.frames() == snapshot


async def test_typed(
    hass: HomeAssistant, emulator: Emulator, snapshot: SnapshotAssertion
) -> None:
    """A message and its response go up together, behind the session's settings at first."""
    wire = Wire(emulator)
    conversation_id = new_conversation()
    await say(hass, "hello", conversation_id)
    assert wire.frames() == snapshot(name="first")
    rings(emulator)
    await say(hass, "ring the bell", conversation_id)
    assert wire.frames() == snapshot(name="with tools")


async def test_spoken_after_typed(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    snapshot: SnapshotAssertion,
) -> None:
    """A person who changes from typing to speaking pays for no more responses."""
    wire = Wire(emulator)
    await say(hass, "hello", satellite.conversation_id)
    wire.frames()
    await satellite.run()
    assert wire.frames() == snapshot(name="spoken")
    await say(hass, "and now?", satellite.conversation_id)
    assert wire.frames() == snapshot(name="typed")


@pytest.mark.parametrize(
    "instructions",
    ["The user is {{ user_name }}.", "It is {{ now() }}."],
    ids=["name", "time"],
)
async def test_instructions_that_change(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    hass_admin_user: MockUser,
    snapshot: SnapshotAssertion,
    instructions: str,
) -> None:
    """A template costs at most a change of the settings, and no second response."""
    await change_assistant(hass, init_integration, **{CONF_INSTRUCTIONS: instructions})
    satellite.context = Context(user_id=hass_admin_user.id)
    wire = Wire(emulator)
    await satellite.run()
    wire.frames()
    rings(emulator)
    await satellite.run()
    frames = wire.frames()
    # Core 2026.11 keeps the instructions of a conversation as they were.
    changes = [line for line in frames if line.startswith("session.update")]
    assert changes in ([], ["session.update instructions, tools"])
    assert [line for line in frames if line not in changes] == snapshot


async def test_action(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    snapshot: SnapshotAssertion,
) -> None:
    """An action's response goes up with the settings that are new, and with its tools' results."""

    async def act(action: str, **data: Any) -> None:
        await hass.services.async_call(
            DOMAIN,
            action,
            {"entity_id": AGENT} | data,
            blocking=True,
            return_response=action != "clear_audio_buffer",
        )

    wire = Wire(emulator)
    await act("create_conversation_item", text="hello")
    await act("create_response")
    assert wire.frames() == snapshot(name="first")
    rings(emulator)
    await act("create_conversation_item", text="ring the bell")
    await act("create_response")
    assert wire.frames() == snapshot(name="with tools")
