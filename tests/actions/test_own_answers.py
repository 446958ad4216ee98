"""The service's own answers where an action has turned its turn detection on."""

from base64 import b64encode
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.azure_realtime_audio.const import DOMAIN, EVENT_REPLY
from emulator import Emulator, Reply

from ..satellite import said_at, tone
from ..talk import AGENT, STATUS, becomes, give_tool, set_timing

SPEECH = b64encode(tone(0.6, 220, 24_000) + bytes(48_000)).decode()


class Bell(llm.Tool):
    """Knows by whose right it was rung."""

    name = "ring"
    description = "Ring the bell"

    def __init__(self) -> None:
        """Begin unrung."""
        self.contexts: list[Context | None] = []

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Do it."""
        self.contexts.append(llm_context.context)
        return llm.ToolResult(data={"rang": True})


@pytest.fixture
async def bell(hass: HomeAssistant, init_integration: MockConfigEntry) -> Bell:
    """Give the assistant a bell."""
    bell = Bell()
    await give_tool(hass, init_integration, bell)
    return bell


async def act(hass: HomeAssistant, action: str, context: Context, **data: Any) -> None:
    """Call an action on the assistant."""
    await hass.services.async_call(
        DOMAIN,
        action,
        {"entity_id": AGENT} | data,
        blocking=True,
        context=context,
        return_response=True,
    )


async def test_own_answer(
    hass: HomeAssistant,
    emulator: Emulator,
    bell: Bell,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """An own answer is a reply: its tools run, its sound can be played, an event tells of it."""
    replies = async_capture_events(hass, EVENT_REPLY)
    caller = Context()
    await act(
        hass,
        "update_session",
        caller,
        session={"turn_detection": {"type": "server_vad"}},
    )
    emulator.replies += [
        Reply(tool_calls=[("ring", {})]),
        Reply(text="It rang.", pcm=said_at(500)),
    ]
    await act(hass, "append_audio", Context(), audio=SPEECH)
    session = emulator.sessions[-1]
    await session.sent.wait_for("response.done", 2)
    await becomes(hass, STATUS, "idle")
    # The rights are those of the caller that has turned it on.
    assert bell.contexts == [caller]
    [told] = replies
    assert told.data["entity_id"] == AGENT
    assert told.data["media_content_id"].startswith("media-source://")
    assert told.context is caller
    client = await hass_client_no_auth()
    sound = await (await client.get(told.data["url"])).read()
    assert len(sound) > 44
    # One more is one more reply.
    await act(hass, "append_audio", Context(), audio=SPEECH)
    await session.sent.wait_for("response.done", 3)
    await hass.async_block_till_done()
    assert len(replies) == 2


async def test_asked_for(hass: HomeAssistant, emulator: Emulator, bell: Bell) -> None:
    """A response that an action asks for is not told of a second time."""
    replies = async_capture_events(hass, EVENT_REPLY)
    await act(
        hass,
        "update_session",
        Context(),
        session={"turn_detection": {"type": "server_vad", "create_response": False}},
    )
    await act(hass, "append_audio", Context(), audio=SPEECH)
    await emulator.sessions[-1].sent.wait_for("input_audio_buffer.committed")
    await act(hass, "create_response", Context())
    assert replies == []


async def test_rights_of_who_turned_it_on(
    hass: HomeAssistant, emulator: Emulator, bell: Bell
) -> None:
    """Somebody who changes another setting, or is refused, does not lend any rights."""
    owner = Context()
    session = {"turn_detection": {"type": "server_vad"}}
    await act(hass, "update_session", owner, session=session)
    await act(hass, "update_session", Context(), session={"instructions": "Ring."})
    emulator.faults.add("refuse:session.update", times=1)
    with pytest.raises(HomeAssistantError):
        await act(
            hass,
            "update_session",
            Context(),
            session={"turn_detection": {"type": "semantic_vad"}},
        )
    emulator.replies += [Reply(tool_calls=[("ring", {})]), Reply(text="It rang.")]
    await act(hass, "append_audio", Context(), audio=SPEECH)
    await emulator.sessions[-1].sent.wait_for("response.done", 2)
    assert bell.contexts == [owner]


async def test_turned_off(hass: HomeAssistant, emulator: Emulator, bell: Bell) -> None:
    """What was heard before is no part of the next turn, which ends by hand."""
    session = {"turn_detection": {"type": "server_vad"}}
    await act(hass, "update_session", Context(), session=session)
    quiet = b64encode(bytes(24_000)).decode()
    await act(hass, "append_audio", Context(), audio=quiet)
    await act(hass, "update_session", Context(), session={"turn_detection": None})
    await act(hass, "append_audio", Context(), audio=SPEECH)
    await act(hass, "commit_audio", Context())
    (item,) = emulator.sessions[-1].conversation
    assert b64encode(item.audio).decode() == SPEECH


async def test_status_without_an_answer(
    hass: HomeAssistant, emulator: Emulator, bell: Bell
) -> None:
    """Where the service finds turns and nobody asks for an answer, nobody thinks."""
    set_timing(hass, floor_pause=0.05)
    session = {"turn_detection": {"type": "server_vad", "create_response": False}}
    await act(hass, "update_session", Context(), session=session)
    await act(hass, "append_audio", Context(), audio=SPEECH)
    await emulator.sessions[-1].sent.wait_for("input_audio_buffer.committed")
    await becomes(hass, STATUS, "idle")
