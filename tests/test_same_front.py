"""The front of what the model reads stays the same, so that the service need not read it again."""

from datetime import datetime, timedelta
import json
from typing import Any

from aiohttp import WSMessage
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_INSTRUCTIONS, DOMAIN
from emulator import Emulator, Reply
from emulator.service import commands, session as session_module
from emulator.wire.events import Event

from .bell import Bell
from .satellite import Satellite, new_conversation, speak_to
from .talk import AGENT, ToolApi, change_assistant, say, speech

CLOCK = f"{DOMAIN}__GetDateTime"
BELL = ToolApi.ID
APIS = pytest.mark.parametrize(
    "apis",
    [[], [llm.LLM_API_ASSIST], [BELL], [llm.LLM_API_ASSIST, BELL]],
    ids=["none", "assist", "custom", "two"],
)


class Clock:
    """The time of day, which goes on as a test wants it to."""

    def __init__(self) -> None:
        """Begin on a Saturday morning."""
        self.time = datetime(2026, 11, 28, 9, 59, 59, tzinfo=dt_util.UTC)

    def now(self, time_zone: object = None) -> datetime:
        """Return the time, as Home Assistant does."""
        return dt_util.as_local(self.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the clock of the house in one's hand."""
    clock = Clock()
    monkeypatch.setattr(dt_util, "now", clock.now)
    return clock


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep what configures sessions, in the bytes that came over the wire."""
    frames: list[str] = []

    def parsed(message: WSMessage) -> Event:
        event = commands.parsed(message)
        if event["type"] == "session.update":
            frames.append(message.data)
        return event

    monkeypatch.setattr(session_module, "parsed", parsed)
    return frames


def fronts(frames: list[str]) -> list[str]:
    """Return the instructions and tools in the frames that have them, byte for byte."""
    found = []
    for frame in frames:
        if '"tools":' in frame:  # the try of the set-up has none
            begin = frame.index('"instructions":')
            end = frame.index('"tools":') + len('"tools":')
            _, length = json.JSONDecoder().raw_decode(frame[end:])
            found.append(frame[begin : end + length])
    return found


async def control(
    hass: HomeAssistant, entry: MockConfigEntry, apis: list[str], **changes: str
) -> None:
    """Let the assistant have these LLM APIs."""
    llm.async_register_api(hass, ToolApi(hass, Bell()))
    await change_assistant(hass, entry, **{CONF_LLM_HASS_API: apis}, **changes)


async def ten_turns(hass: HomeAssistant, clock: Clock) -> None:
    """Type and speak in one conversation, while the hour, the day and the light change."""
    satellite = Satellite(hass, new_conversation())
    hass.states.async_set("light.hall", "off")
    for number in range(5):
        assert speech(await say(hass, "hello", satellite.conversation_id))
        clock.time += timedelta(seconds=1)
        run = await satellite.run()
        assert run.error is None
        clock.time += timedelta(hours=7, seconds=number)
        hass.states.async_set("light.hall", str(number))


@APIS
async def test_ten_turns(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    frames: list[str],
    clock: Clock,
    apis: list[str],
) -> None:
    """The model is told its instructions and tools once, and reads the same again elsewhere."""
    await control(hass, init_integration, apis)
    await speak_to(hass, AGENT)
    frames.clear()
    await ten_turns(hass, clock)
    session = emulator.sessions[-1]
    assert len(session.sent.of("response.created")) == 10
    assert len(frames) == len(session.received.of("session.update"))
    # One configures the session, and one lets it answer by itself what is spoken.
    assert len(frames) <= 3
    assert len(fronts(frames)) == 1
    # What the model has read before is cached.
    usages = [
        done["response"]["usage"]["input_token_details"]["cached_tokens"]
        for done in session.sent.of("response.done")
    ]
    front = len(fronts(frames)[0]) // 5  # a token for about four letters, escapes aside
    assert usages[0] == 0
    assert all(usage > front for usage in usages[1:])

    # The next conversation, and the one after the integration is set up again, begin alike.
    await say(hass, "hello")
    await hass.config_entries.async_reload(init_integration.entry_id)
    await say(hass, "hello")
    assert len(fronts(frames)) == 3
    assert len(set(fronts(frames))) == 1


@APIS
async def test_one_clock(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    clock: Clock,
    apis: list[str],
) -> None:
    """Every assistant can tell the time, with the clock of its LLM APIs or else its own."""
    await control(hass, init_integration, apis)
    await say(hass, "hello")
    config = emulator.sessions[-1].config
    names = [tool["name"] for tool in config["tools"]]
    (name,) = (name for name in names if name.endswith("GetDateTime"))
    assert (name == CLOCK) == (llm.LLM_API_ASSIST not in apis)
    assert "Current time is" not in config["instructions"]

    emulator.replies += [Reply(tool_calls=[(name, {})]), Reply(text="It is two.")]
    assert speech(await say(hass, "what time is it")) == "It is two."
    items = (item.wire() for item in emulator.sessions[-1].conversation)
    (output,) = (i["output"] for i in items if i["type"] == "function_call_output")
    told = json.loads(output)
    assert (told["date"], told["weekday"], told["time"]) == (
        "2026-11-28",
        "Saturday",
        "01:59:59",
    )


async def test_clock_of_actions(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    clock: Clock,
) -> None:
    """An automation's reply can tell the time too, and where it is."""
    await control(hass, init_integration, [])
    emulator.replies += [Reply(tool_calls=[(CLOCK, {})]), Reply(text="It is two.")]
    reply: Any = await hass.services.async_call(
        DOMAIN,
        "create_response",
        {"entity_id": AGENT, "modalities": "text"},
        blocking=True,
        return_response=True,
    )
    assert reply["text"] == "It is two."
    assert reply["tool_calls"][0]["output"] == {
        "date": "2026-11-28",
        "weekday": "Saturday",
        "time": "01:59:59",
        "timezone": "US/Pacific",
    }


async def test_time_in_the_own_instructions(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    frames: list[str],
    clock: Clock,
) -> None:
    """The time in a user's own instructions reaches the model, at the cost of the cache."""
    await control(
        hass, init_integration, [], **{CONF_INSTRUCTIONS: "It is {{ now() }}."}
    )
    conversation_id = (await say(hass, "hello")).conversation_id
    clock.time += timedelta(minutes=1)
    await say(hass, "hello", conversation_id)
    first, second = fronts(frames)
    assert "01:59:59" in first
    assert "02:00:59" in second
