"""Spoken turns through the stock Assist pipeline."""

import asyncio
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components import conversation, tts
from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    llm,
)
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_capture_events,
    async_mock_service,
)
import voluptuous as vol

from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_FIRE_EVENTS,
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DOMAIN,
)
from custom_components.azure_realtime_audio.voice.speech import GAP_SECONDS
from emulator import Emulator, Reply

from .satellite import (
    SPEECH,
    VOICE,
    Satellite,
    Wav,
    new_conversation,
    said_at,
    speak_to,
)
from .talk import AGENT, change_assistant, give_tool, set_timing, tool_called
from .turns import SPOKEN, assistant_of, conversation_lines, settled


@pytest.fixture
async def satellite(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite whose pipeline is the assistant's three entities."""
    await speak_to(hass, AGENT)
    return Satellite(hass, new_conversation())


@pytest.fixture
async def transcribing(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> Satellite:
    """Have a satellite, and the service write down what it hears."""
    await change_assistant(
        hass,
        init_integration,
        **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1", CONF_FIRE_EVENTS: True},
    )
    return satellite


@pytest.mark.parametrize("api_version", ["", "2025-04-01-preview"])
async def test_speech_to_speech(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
    api_version: str,
) -> None:
    """A short word is heard while it is being said: the model's own voice."""
    data = {**init_integration.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(init_integration, data=data)
    await hass.async_block_till_done()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Yes", pcm=said_at(700), hold=hold))
    run = satellite.start()
    await run.until_played()
    assert not run.has(PipelineEventType.INTENT_END)
    hold.set()
    await run.end()
    assert run.error is None
    assert run.heard == SPOKEN
    assert run.answer == "Yes"
    assert run.wav.pitch == pytest.approx(700, abs=5)
    assert run.wav.seconds == pytest.approx(0.3, abs=0.01)
    # The model was given the person's own voice, without the loss of a word.
    [said, _] = emulator.sessions[-1].conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2


async def test_words_before_the_session_is_open(
    emulator: Emulator, satellite: Satellite
) -> None:
    """Words during a slow start are not lost, and are not sent in one piece."""
    emulator.faults.add("late_ack:session.update", times=1)
    assert (await satellite.run()).error is None
    session = emulator.sessions[-1]
    [said, _] = session.conversation
    assert len(said.audio) >= len(SPEECH) * 3 // 2
    pieces = session.received.of("input_audio_buffer.append")
    assert max(len(b64decode(piece["audio"])) for piece in pieces) <= 2 * 24_000


async def test_latency_is_traced(
    init_integration: MockConfigEntry, satellite: Satellite
) -> None:
    """The debug view tells how long the first sound took."""
    await satellite.run()
    events = async_get_traces()[-1].as_dict()["events"]
    stats = [e["data"]["stats"] for e in events if "stats" in (e["data"] or {})]
    latency_ms = assistant_of(init_integration).latency_ms
    assert latency_ms is not None
    assert stats[-1]["latency_ms"] == latency_ms


# --- Tools


@dataclass
class House:
    """Lamps of the same name in two rooms, and a satellite in one of them."""

    hass: HomeAssistant
    satellite: Satellite
    turned_on: list[Any] = field(default_factory=list)

    @property
    def lamps(self) -> list[str]:
        """The lamps that were turned on."""
        return [lamp for call in self.turned_on for lamp in call.data["entity_id"]]


@pytest.fixture
async def house(hass: HomeAssistant, satellite: Satellite) -> House:
    """Build the house."""
    entry = MockConfigEntry()
    entry.add_to_hass(hass)
    areas, entities = ar.async_get(hass), er.async_get(hass)
    for room in ("kitchen", "bedroom"):
        lamp = entities.async_get_or_create(
            "light",
            "test",
            room,
            object_id_base=f"{room}_lamp",
            original_name="Lamp",
        )
        area = areas.async_create(room.capitalize())
        entities.async_update_entity(lamp.entity_id, area_id=area.id)
        hass.states.async_set(lamp.entity_id, "off", {"friendly_name": "Lamp"})
        async_expose_entity(hass, conversation.DOMAIN, lamp.entity_id, True)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", "satellite")}
    )
    kitchen = areas.async_get_area_by_name("Kitchen")
    assert kitchen
    dr.async_get(hass).async_update_device(device.id, area_id=kitchen.id)
    satellite.device_id = device.id
    satellite.satellite_id = entities.async_get_or_create(
        "assist_satellite", "test", "satellite", device_id=device.id
    ).entity_id
    return House(hass, satellite, async_mock_service(hass, "light", "turn_on"))


async def lamp_on(hass: HomeAssistant) -> tuple[str, dict[str, Any]]:
    """Return the call that turns the lamp of the room on."""
    return await tool_called(hass, "HassTurnOn"), {"name": "Lamp"}


async def test_turn_on_the_light(
    hass: HomeAssistant, emulator: Emulator, house: House, hass_admin_user: MockUser
) -> None:
    """The lamp of the satellite's room goes on, once, in the user's name; a word follows."""
    emulator.replies += [
        Reply(tool_calls=[await lamp_on(hass)]),
        Reply(text="Done.", pcm=said_at(500)),
    ]
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    house.satellite.context = Context(user_id=hass_admin_user.id)
    run = await house.satellite.run()
    assert run.error is None
    assert house.lamps == ["light.kitchen_lamp"]
    assert {call.context.user_id for call in calls} == {hass_admin_user.id}
    assert run.answer == "Done."
    assert run.wav.pitch == pytest.approx(500, abs=5)
    session = emulator.sessions[-1]
    assert "area Kitchen" in session.config["instructions"]
    assert len(session.sent.of("response.created")) == 2  # nothing was begun anew
    assert conversation_lines(session) == [
        "user: ",
        "function_call",
        "function_call_output",
        "assistant: Done.",
    ]


class SlowTool(llm.Tool):
    """A tool that takes until it is told."""

    name = "slow"
    description = "Takes its time."
    parameters = vol.Schema({})
    integration = DOMAIN

    def __init__(self) -> None:
        """Take for ever."""
        self.began = asyncio.Event()
        self.end = asyncio.Event()
        self.calls = 0

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Wait for the end."""
        self.calls += 1
        self.began.set()
        await self.end.wait()
        return llm.ToolResult(data={"success": True})


@pytest.fixture
async def slow_tool(
    hass: HomeAssistant, satellite: Satellite, init_integration: MockConfigEntry
) -> SlowTool:
    """Give the assistant a slow tool, and no other."""
    tool = SlowTool()
    await give_tool(hass, init_integration, tool)
    return tool


async def test_slow_tool(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    slow_tool: SlowTool,
) -> None:
    """Silence is played while a tool takes its time: a player would give up."""
    assert GAP_SECONDS <= 2
    set_timing(satellite.hass, speech_gap=0.05)
    emulator.replies += [
        Reply(text="Let me see.", pcm=said_at(400), tool_calls=[("slow", {})]),
        Reply(text="Done.", pcm=said_at(800)),
    ]
    run = satellite.start()
    await slow_tool.began.wait()
    await run.until(lambda: run.wav.seconds > 0.3 + 1)
    assert not run.has(PipelineEventType.INTENT_END)
    slow_tool.end.set()
    await run.end()
    assert run.error is None
    assert slow_tool.calls == 1
    assert run.answer == "Done."
    ends = (run.wav.samples[:2400], run.wav.samples[-2400:])
    assert all(abs(end).max() > 0.3 for end in ends)


async def test_slow_tool_mp3(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    slow_tool: SlowTool,
) -> None:
    """The silence does not stay in an encoder."""
    set_timing(satellite.hass, speech_gap=0.05)
    satellite.audio_output = {tts.ATTR_PREFERRED_FORMAT: "mp3"}
    emulator.replies += [
        Reply(text="Let me see.", pcm=said_at(400), tool_calls=[("slow", {})]),
        Reply(text="Done.", pcm=said_at(800)),
    ]
    run = satellite.start()
    await slow_tool.began.wait()
    await run.until_played(int((0.3 + 1) * 128_000 / 8))
    assert not run.has(PipelineEventType.INTENT_END)
    slow_tool.end.set()
    await run.end()
    assert run.error is None


class Announcement(SlowTool):
    """A tool that has something read aloud by the same voice."""

    played = b""

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Announce it."""
        stream = tts.async_create_stream(
            hass, VOICE, options={tts.ATTR_PREFERRED_FORMAT: "wav"}
        )
        stream.async_set_message("Dinner is ready")
        self.played = b"".join([data async for data in stream.async_stream_result()])
        return llm.ToolResult(data={"success": True})


async def test_announcement_in_a_turn(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    init_integration: MockConfigEntry,
) -> None:
    """An announcement that a turn makes is not taken for its reply."""
    tool = Announcement()
    await give_tool(hass, init_integration, tool)
    emulator.replies += [
        Reply(tool_calls=[("slow", {})]),
        Reply(text="Dinner is ready", pcm=said_at(600)),
        Reply(text="Announced.", pcm=said_at(800)),
    ]
    run = await satellite.run()
    assert Wav(tool.played).pitch == pytest.approx(600, abs=5)
    assert run.answer == "Announced."
    assert run.wav.pitch == pytest.approx(800, abs=5)


async def test_local_intent(
    hass: HomeAssistant, emulator: Emulator, house: House, transcribing: Satellite
) -> None:
    """The model does not repeat an action that Home Assistant has carried out itself."""
    await speak_to(hass, AGENT, prefer_local_intents=True)
    emulator.hears.append("turn on the lamp")
    run = await transcribing.run()
    assert run.error is None
    assert run.event(PipelineEventType.INTENT_END)["processed_locally"]
    assert house.lamps == ["light.kitchen_lamp"]
    session = emulator.sessions[-1]
    await settled(session)
    assert session.sent.of("response.created") == []  # nothing is paid in vain
    assert conversation_lines(session) == []
    # The next turn knows what was said and done.
    emulator.hears.append("who are you")
    emulator.replies.append(Reply(text="Your house."))
    await transcribing.run()
    assert conversation_lines(session) == [
        "user: turn on the lamp",
        "function_call",
        "function_call_output",
        f"assistant: {run.answer}",
        "user: who are you",
        "assistant: Your house.",
    ]
