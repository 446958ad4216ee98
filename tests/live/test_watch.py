"""What others see of the turns that satellites, dialogs and actions have with an assistant."""

import time

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.assistant.telling import Telling, TurnEvent
from custom_components.azure_realtime_audio.const import (
    CONF_TRANSCRIPTION_DEPLOYMENT,
    DOMAIN,
)
from emulator import Emulator, Reply

from ..bell import RING, add_bell_tool
from ..satellite import Satellite, new_conversation, said_at, speak_to
from ..talk import AGENT, change_assistant, say
from .card import LiveCard

KITCHEN = "assist_satellite.kitchen"


async def watching(card: LiveCard) -> None:
    """Watch the assistant."""
    assert (await card.watch())["success"]
    started = await card.until_event("started")
    assert started == {"type": "started", "name": "Azure Realtime", "status": "idle"}


def kinds(card: LiveCard) -> list[str]:
    """Return the types of the events, equal ones in a row once."""
    types = [event["type"] for event in card.events if event["type"] != "status"]
    return [
        kind
        for kind, before in zip(types, ["", *types], strict=False)
        if kind != before
    ]


async def test_satellite(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A tablet is the screen of a voice satellite: words, tools, milliseconds, tokens."""
    await add_bell_tool(hass, init_integration)
    await change_assistant(
        hass, init_integration, **{CONF_TRANSCRIPTION_DEPLOYMENT: "whisper-1"}
    )
    emulator.hears.append("ring the bell")
    emulator.replies += [
        Reply(tool_calls=[(RING, {"times": 2})]),
        Reply(text="It rang.", pcm=said_at(500)),
    ]
    await speak_to(hass, AGENT)
    await watching(card)
    satellite = Satellite(
        hass, new_conversation(), satellite_id=KITCHEN, device_id="a device"
    )
    await satellite.run()
    await card.until_event("turn_done")
    assert kinds(card) == [
        "started",
        "turn_started",
        "speech_started",
        "speech_stopped",
        "user_text",
        "response_done",
        "tool_call",
        "tool_result",
        "text",
        "text_done",
        "response_done",
        "turn_done",
    ]
    assert card.last("turn_started")["source"] == {
        "kind": "satellite",
        "entity_id": KITCHEN,
        "device_id": "a device",
    }
    said = card.last("user_text")
    assert (said["text"], said["final"]) == ("ring the bell", True)
    assert said["item_id"] == card.last("speech_started")["item_id"]
    assert card.last("tool_call")["arguments"] == {"times": 2}
    assert card.last("tool_result")["result"] == {"ok": True}
    assert card.last("text_done")["text"] == "It rang."
    assert card.last("response_done")["usage"]["total_tokens"] > 0
    steps = [step["name"] for step in card.last("turn_done")["steps"]]
    assert steps == ["speech", "end_of_turn", "model", "tool", "model", "voice"]
    ids = {event["turn_id"] for event in card.events if "turn_id" in event}
    assert len(ids) == 1
    assert {"listening", "thinking", "speaking"} <= set(card.statuses)


async def test_dialog_and_automation(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    card: LiveCard,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """What is typed in a dialog, or by an automation, is seen with its answer."""
    await watching(card)
    dialog = await hass_ws_client(hass)
    await dialog.send_json_auto_id(
        {
            "type": "conversation/process",
            "agent_id": AGENT,
            "text": "Say: good evening",
        }
    )
    await card.until_event("turn_done")
    await say(hass, "Say: good night")
    await card.until_event("turn_done", 2)
    assert [event["source"] for event in card.of_type("turn_started")] == [
        {"kind": "dialog"},
        {"kind": "action"},
    ]
    assert [event["text"] for event in card.of_type("user_text")] == [
        "Say: good evening",
        "Say: good night",
    ]
    assert card.words == "good eveninggood night"


async def test_action(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    card: LiveCard,
) -> None:
    """A response that an action asks for is seen, its tools included."""
    await add_bell_tool(hass, init_integration)
    emulator.replies += [
        Reply(tool_calls=[(RING, {})]),
        Reply(text="It rang.", pcm=said_at(500)),
    ]
    await watching(card)
    await hass.services.async_call(
        DOMAIN,
        "create_response",
        {"entity_id": AGENT},
        blocking=True,
        context=Context(),
        return_response=True,
    )
    await card.until_event("turn_done")
    assert card.last("turn_started")["source"] == {"kind": "action"}
    assert card.last("tool_result")["result"] == {"ok": True}
    assert card.words == "It rang."


async def test_live(
    hass: HomeAssistant,
    emulator: Emulator,
    card: LiveCard,
    story: str,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A live conversation is seen by others as well, without its sound."""
    other = LiveCard(await hass_ws_client(hass))
    await other.watch()
    await card.play(story, 720, "paused")
    await card.send("text", text="Say: enough")
    await other.until_event("interrupted", item_id=story, audio_end_ms=720)
    await other.until_event("text_done", text="enough")
    assert other.last("turn_started")["source"]["kind"] == "live"
    assert not other.of_type("audio")
    await other.leave()


async def test_end(
    hass: HomeAssistant, init_integration: MockConfigEntry, card: LiveCard
) -> None:
    """The end of the subscription is the end of the events; without its entry an assistant is away."""
    await watching(card)
    await card.stop()
    await say(hass, "Say: good night")
    await card.command(type="ping")
    assert not card.of_type("turn_started")
    await card.watch()
    await card.until_event("started", 2)
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    await card.until_event("status", status="away")


async def test_reload(
    hass: HomeAssistant, init_integration: MockConfigEntry, card: LiveCard
) -> None:
    """Who watches goes on watching when the assistant is set up again."""
    await watching(card)
    for _ in range(2):
        await hass.config_entries.async_reload(init_integration.entry_id)
    await say(hass, "Say: good night")
    await card.until_event("turn_done")
    assert len(card.of_type("turn_started")) == 1
    assert card.statuses[:4] == ["away", "idle", "away", "idle"]


async def test_satellite_that_is_interrupted(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """Who watches sees where a satellite's reply was cut."""
    await speak_to(hass, AGENT)
    await watching(card)
    emulator.speed = 1.0
    emulator.replies.append(Reply(text="A long story", pcm=said_at(500, 4.0)))
    satellite = Satellite(hass, new_conversation(), satellite_id=KITCHEN)
    run = satellite.start()
    await run.until_played(24_000)
    await run.abort()
    cut = await card.until_event("interrupted")
    assert 0 < cut["audio_end_ms"] < 4000
    await card.until_event("turn_done")


async def test_long_result(hass: HomeAssistant) -> None:
    """Ten times as many values in a tool's result take about ten times as long, not a hundred."""
    events: list[TurnEvent] = []
    telling = Telling(hass, "chat", events.append)

    def seconds(count: int) -> float:
        found = llm.ToolResult({"found": [{"name": "a"} for _ in range(count)]})
        began = time.perf_counter()
        telling.result("call", "search", found)
        return time.perf_counter() - began

    short, long = (min(seconds(n) for _ in range(3)) for n in (3_000, 30_000))
    assert long < 40 * short
    assert events[0].event["entities"] == []
