"""A named screen: a satellite as long as its page is open."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from homeassistant.components.assist_satellite import DOMAIN as SATELLITE_DOMAIN
from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.components.intent.timers import TimersNotSupportedError
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    intent,
    llm,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import numpy as np
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components import azure_realtime_audio
from custom_components.azure_realtime_audio import PLATFORMS
from custom_components.azure_realtime_audio.live.screen import Listening
from custom_components.azure_realtime_audio.screen_websocket import DATA_SCREENS
from emulator import Emulator, Reply

from ..conftest import SUBENTRY_ID
from ..satellite import said_at, speak_to, tone
from ..talk import AGENT, becomes, give_tool, set_timing
from .card import PAUSE, SPEECH
from .screen_page import ScreenPage
from .test_conversation import Bell

HALL = "assist_satellite.hall"
SELECT = "select.hall_assistant"


@pytest.fixture
async def page(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> AsyncIterator[ScreenPage]:
    """Have a page in a browser, which is no screen yet; the pipeline is the assistant's."""
    hass.config.internal_url = "http://127.0.0.1:8123"
    await speak_to(hass, AGENT)
    page = ScreenPage(await hass_ws_client(hass), await hass_client())
    yield page
    await page.leave()
    await hass.async_block_till_done()


def call(
    hass: HomeAssistant, service: str, **data: Any
) -> asyncio.Task[dict[str, Any] | None]:
    """Call an action of satellites for the hall."""
    return asyncio.create_task(
        hass.services.async_call(
            SATELLITE_DOMAIN,
            service,
            {"entity_id": HALL, "preannounce": False, **data},
            blocking=True,
            return_response=service == "ask_question",
        )
    )


def state_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return the state of an entity; None if there is no such entity."""
    state = hass.states.get(entity_id)
    return state.state if state else None


def device_of(hass: HomeAssistant, entity_id: str) -> dr.DeviceEntry:
    """Return the device of an entity."""
    entity = er.async_get(hass).async_get(entity_id)
    assert entity is not None
    assert entity.device_id is not None
    device = dr.async_get(hass).async_get(entity.device_id)
    assert isinstance(device, dr.DeviceEntry)
    return device


@pytest.fixture
async def other(
    hass: HomeAssistant,
    page: ScreenPage,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> AsyncIterator[ScreenPage]:
    """Have a second page, in another window."""
    other = ScreenPage(await hass_ws_client(hass), await hass_client())
    yield other
    await other.leave()


async def test_satellite_while_open(hass: HomeAssistant, page: ScreenPage) -> None:
    """A screen is a satellite with a device of its own, unavailable without its page."""
    answer = await page.connect()
    assert answer["success"]
    assert page.last("connected")["satellite_id"] == HALL
    assert state_of(hass, HALL) == "idle"
    device = device_of(hass, HALL)
    assert device.name == "Hall"
    assert device.via_device_id == device_of(hass, AGENT).id
    await page.stop()
    assert state_of(hass, HALL) == STATE_UNAVAILABLE
    await page.connect("hall ")
    assert state_of(hass, HALL) == "idle"


async def test_announce(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """An announcement is spoken in the model's voice, and ends when the page has played it."""
    page.plays = False
    await page.connect()
    emulator.replies.append(Reply(text="Dinner is ready.", pcm=said_at(700)))
    announcing = call(hass, "announce", message="Dinner is ready.", preannounce=True)
    told = await page.until_event("announce")
    assert told["text"] == "Dinner is ready."
    assert told["preannounce_url"] == "/api/assist_satellite/static/preannounce.mp3"
    assert told["url"].startswith("/api/tts_proxy/")
    assert (await page.fetch(told["url"])).pitch == pytest.approx(700, abs=3)
    assert state_of(hass, HALL) == "responding"
    assert not announcing.done()
    await page.say("done", id=told["id"])
    await announcing
    assert state_of(hass, HALL) == "idle"


async def test_announcement_fails(hass: HomeAssistant, page: ScreenPage) -> None:
    """A browser that may make no sound is an error of the action, and so is one that sleeps."""
    page.plays = False
    await page.connect()
    announcing = call(hass, "announce", message="Hello")
    told = await page.until_event("announce")
    await page.say("failed", id=told["id"])
    with pytest.raises(HomeAssistantError) as failed:
        await announcing
    assert failed.value.translation_key == "screen_no_sound"
    set_timing(hass, screen_plays=0.01)
    with pytest.raises(HomeAssistantError) as silent:
        await call(hass, "announce", message="Hello")
    assert silent.value.translation_key == "screen_silent"
    assert state_of(hass, HALL) == "idle"


async def test_page_goes_in_announcement(hass: HomeAssistant, page: ScreenPage) -> None:
    """An announcement under way ends with an error that says that the page has gone."""
    page.plays = False
    await page.connect()
    announcing = call(hass, "announce", message="Hello")
    await page.until_event("announce")
    await page.stop()
    with pytest.raises(HomeAssistantError) as gone:
        await announcing
    assert gone.value.translation_key == "screen_gone"
    assert state_of(hass, HALL) == STATE_UNAVAILABLE


async def test_ask_question(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """A question opens the page's microphone; the answer's words go to the automation."""
    await page.connect()
    asking = call(
        hass,
        "ask_question",
        question="Shall I lock the door?",
        answers=[{"id": "yes", "sentences": ["yes [please]"]}],
    )
    told = await page.until_event("listen")
    assert told["purpose"] == "question"
    assert told["text"] == "Shall I lock the door?"
    emulator.replies.append(Reply(text="Yes please"))
    await page.speak(SPEECH + PAUSE)
    answer = await asking
    assert answer is not None
    assert (answer["id"], answer["sentence"]) == ("yes", "Yes please")
    await page.until_event("listen_end", id=told["id"])
    await becomes(hass, HALL, "idle")


async def test_page_goes_in_question(hass: HomeAssistant, page: ScreenPage) -> None:
    """A question does not wait for the words of a page that has gone."""
    await page.connect()
    asking = call(hass, "ask_question", question="Who is there?")
    await page.until_event("listen")
    await page.stop()
    with pytest.raises(HomeAssistantError) as gone:
        await asking
    assert gone.value.translation_key == "screen_gone"


async def test_no_microphone(hass: HomeAssistant, page: ScreenPage) -> None:
    """A page that may not listen is an error of the question."""
    await page.connect()
    asking = call(hass, "ask_question", question="Who is there?")
    told = await page.until_event("listen")
    await page.say("failed", id=told["id"], failure="microphone")
    with pytest.raises(HomeAssistantError) as failed:
        await asking
    assert failed.value.translation_key == "screen_no_microphone"


async def test_start_conversation(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """A conversation begins with words of an automation, and is answered by the model itself."""
    await page.connect()
    await call(
        hass,
        "start_conversation",
        start_message="The washing is done.",
        extra_system_prompt="The washing machine stands in the cellar.",
    )
    told = await page.until_event("listen")
    assert told["purpose"] == "conversation"
    await becomes(hass, HALL, "listening")
    emulator.replies.append(Reply(text="It is in the cellar.", pcm=said_at(500)))
    await page.speak(SPEECH + PAUSE)
    assert (await page.until_run("text_done"))["text"] == "It is in the cellar."
    await page.until_run("end")
    await becomes(hass, HALL, "idle")
    assert page.heard[-1].pitch == pytest.approx(500, abs=3)
    session = emulator.sessions[-1]
    told_model = str(session.received)
    assert "The washing machine stands in the cellar." in told_model
    assert "The washing is done." in told_model


async def test_pipeline_turn(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    page: ScreenPage,
    hass_admin_user: MockUser,
) -> None:
    """A turn that the page begins is a turn of the pipeline, with the rights of its person."""
    bell = Bell()
    await give_tool(hass, init_integration, bell)
    await page.connect()
    emulator.replies += [Reply(text="Which bell?"), Reply(tool_calls=[("ring", {})])]
    await page.say("run")
    await page.until_event("listen")
    await becomes(hass, HALL, "listening")
    await page.speak()
    # The assistant asks, so the page listens once more.
    told = await page.until_event("listen", 2)
    assert told["text"] == "Which bell?"
    await page.speak()
    await page.until_run("end", 2)
    await becomes(hass, HALL, "idle")
    [context] = bell.contexts
    assert context is not None
    assert context.user_id == hass_admin_user.id


class Compass(llm.Tool):
    """Knows at which device the person is."""

    name = "where"
    description = "Tell where the person is"
    integration = "test"

    def __init__(self) -> None:
        """Begin nowhere."""
        self.devices: list[str | None] = []

    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Note it."""
        self.devices.append(llm_context.device_id)
        return llm.ToolResult(data={})


async def test_live_conversation_at_screen(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    page: ScreenPage,
) -> None:
    """The assistant knows at which screen a live conversation goes on, and so in which room."""
    compass = Compass()
    await give_tool(hass, init_integration, compass)
    await page.connect()
    for count, screen in enumerate((None, "hall", "cellar"), 1):
        emulator.replies += [Reply(tool_calls=[("where", {})]), Reply(text="There.")]
        await page.start(**({"screen": screen} if screen else {}))
        await page.send("text", text="Where am I?")
        await page.until_event("turn_done", count)
        await page.stop()
    assert compass.devices == [None, device_of(hass, HALL).id, None]


async def test_turn_anew(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """A turn that the page begins while another listens is heard; the other is over."""
    await page.connect()
    await page.say("run")
    first = await page.until_event("listen")
    await page.say("run")
    await page.until_event("listen_end", id=first["id"])
    second = await page.until_event("listen", 2)
    await page.speak()
    await page.until_event("listen_end", id=second["id"])
    assert (await page.until_run("text_done"))["text"] == "Hello! How can I help?"


async def test_announcement_in_reply(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """An announcement takes the place of a reply, whose end is no end of the announcement."""
    page.plays = False
    await page.connect()
    emulator.replies.append(Reply(text="Good morning."))
    await page.say("run")
    await page.until_event("listen")
    await page.speak()
    reply = await page.until_run("reply")
    await page.fetch(reply["url"])
    await page.until_run("end")
    announcing = call(hass, "announce", message="Hello")
    told = await page.until_event("announce")
    await page.say("done", id=reply["id"])
    assert state_of(hass, HALL) == "responding"
    await page.say("done", id=told["id"])
    await announcing
    assert state_of(hass, HALL) == "idle"


async def test_next_page_begins_anew(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """What was said at one page is not known at the next: somebody else may stand there."""
    await page.connect()
    for count in (1, 2):
        emulator.replies.append(Reply(text="Good morning."))
        await page.say("run")
        await page.until_event("listen", count)
        await page.speak()
        await page.until_run("end", count)
        await becomes(hass, HALL, "idle")
        await page.stop()
        await page.connect()
    assert len(hass.data[DATA_CHAT_LOGS]) == 2


async def test_silence(
    hass: HomeAssistant, emulator: Emulator, page: ScreenPage
) -> None:
    """A page at which nobody says anything is shown no error."""
    set_timing(hass, no_speech=0.05)
    await page.connect()
    await page.say("run")
    told = await page.until_event("listen")
    await page.speak(PAUSE)
    await page.until_event("listen_end", id=told["id"])
    await page.until_run("end")
    assert [event["event"]["type"] for event in page.of_type("pipeline")] == ["end"]


@pytest.mark.parametrize(
    ("slots", "sentence"),
    [({"name": "tea"}, "The timer tea is over."), ({}, "The timer is over.")],
)
async def test_timer(
    hass: HomeAssistant, page: ScreenPage, slots: dict[str, str], sentence: str
) -> None:
    """A timer rings at the screen where it was set; without a page there is none."""

    async def start() -> None:
        values = {name: {"value": value} for name, value in slots.items()}
        await intent.async_handle(
            hass,
            "test",
            "HassStartTimer",
            {"minutes": {"value": 5}, **values},
            device_id=device_of(hass, HALL).id,
        )

    await page.connect()
    await start()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=5, seconds=1))
    assert (await page.until_event("announce"))["text"] == sentence
    await becomes(hass, HALL, "idle")
    await page.stop()
    with pytest.raises(TimersNotSupportedError):
        await start()


async def test_microphone() -> None:
    """A pipeline hears 16 kHz, of a page that it is too slow for the last ten seconds."""
    listening = Listening("")
    listening.put(tone(1, 300, 24_000))
    listening.put(tone(10, 500, 24_000))
    listening.close()
    listening.put(tone(1, 300, 24_000))
    heard = b"".join([piece async for piece in listening.audio()])
    assert len(heard) == pytest.approx(10 * 32_000, abs=200)
    samples = np.frombuffer(heard, "<i2")
    spectrum = np.abs(np.fft.rfft(samples, 160_000))
    assert np.argmax(spectrum) / 10 == pytest.approx(500, abs=1)


async def test_stop(hass: HomeAssistant, emulator: Emulator, page: ScreenPage) -> None:
    """The page ends a turn while it listens."""
    await page.connect()
    await page.say("run")
    told = await page.until_event("listen")
    await page.say("stop")
    await page.until_event("listen_end", id=told["id"])
    await becomes(hass, HALL, "idle")


async def test_taken_over(
    hass: HomeAssistant, page: ScreenPage, other: ScreenPage
) -> None:
    """Of two pages of one name the newest is the screen; the other is told so."""
    await page.connect()
    await other.connect()
    await page.until_event("taken_over")
    await page.say("run")
    await page.stop()
    assert not other.of_type("listen")
    assert state_of(hass, HALL) == "idle"
    await call(hass, "announce", message="Hello")
    assert other.of_type("announce")
    assert not page.of_type("announce")
    await other.leave()
    await becomes(hass, HALL, STATE_UNAVAILABLE)


async def test_reload(
    hass: HomeAssistant, init_integration: MockConfigEntry, page: ScreenPage
) -> None:
    """A screen outlives the assistant's set-up: its page is told, and connects again."""
    await page.connect("Hall of the kings")
    hall = page.last("connected")["satellite_id"]
    await hass.config_entries.async_reload(init_integration.entry_id)
    await page.until_event("ended")
    assert state_of(hass, hall) == STATE_UNAVAILABLE
    await page.connect("Hall of the Kings")
    assert page.last("connected")["satellite_id"] == hall
    assert state_of(hass, hall) == "idle"
    assert device_of(hass, hall).name == "Hall of the kings"


@pytest.fixture
async def settings_page(hass: HomeAssistant) -> None:
    """Have the commands of Home Assistant's settings."""
    assert await async_setup_component(hass, "config", {})


async def test_delete(
    hass: HomeAssistant,
    settings_page: None,
    init_integration: MockConfigEntry,
    page: ScreenPage,
) -> None:
    """A person can delete a screen that has no page, but neither an open one nor an assistant."""
    await page.connect()
    hall, assistant = device_of(hass, HALL), device_of(hass, AGENT)

    async def delete(device_id: str) -> bool:
        answer = await page.command(
            type="config/device_registry/remove_config_entry",
            config_entry_id=init_integration.entry_id,
            device_id=device_id,
        )
        return bool(answer["success"])

    assert not await delete(hall.id)
    assert not await delete(assistant.id)
    await page.stop()
    assert await delete(hall.id)
    assert er.async_get(hass).async_get(HALL) is None
    await page.connect()
    assert state_of(hass, HALL) == "idle"


async def test_disabled(hass: HomeAssistant, page: ScreenPage) -> None:
    """A screen that a person has disabled cannot be connected, and leaves its page."""
    await page.connect()
    er.async_get(hass).async_update_entity(
        HALL, disabled_by=er.RegistryEntryDisabler.USER
    )
    await page.until_event("ended")
    answer = await page.connect()
    assert answer["error"]["translation_key"] == "screen_disabled"


async def test_bounds(hass: HomeAssistant, page: ScreenPage, other: ScreenPage) -> None:
    """A window may be a few screens, and an assistant may have so many."""
    for number in range(4):
        assert (await page.connect(f"Room {number}"))["success"]
    answer = await page.connect("Room 4")
    assert answer["error"]["code"] == "too_many_screens"
    set_timing(hass, max_screens=4)
    answer = await other.connect("Room 5")
    assert answer["error"]["translation_placeholders"] == {"count": "4"}
    assert (await other.connect("Room 1"))["success"]


@pytest.fixture
def no_satellites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Home Assistant that cannot set satellites up."""
    platforms = [each for each in PLATFORMS if each != SATELLITE_DOMAIN]
    monkeypatch.setattr(azure_realtime_audio, "PLATFORMS", platforms)


async def test_no_satellites(
    hass: HomeAssistant, no_satellites: None, page: ScreenPage
) -> None:
    """A page is told when its screen gets no entity."""
    set_timing(hass, screen_entity=0.01)
    answer = await page.connect()
    assert answer["error"]["translation_key"] == "screen_not_ready"


async def test_page_goes_early(
    hass: HomeAssistant,
    no_satellites: None,
    init_integration: MockConfigEntry,
    other: ScreenPage,
) -> None:
    """A page that goes before its screen has an entity is not taken for an open one."""
    connecting = asyncio.create_task(other.connect())
    screens = init_integration.runtime_data[SUBENTRY_ID].screens
    while not (known := [*screens]):
        await asyncio.sleep(0)  # the command is on its way
    connecting.cancel()
    await other.leave()
    async with asyncio.timeout(10):
        while hass.data[DATA_SCREENS]:
            await asyncio.sleep(0)  # Home Assistant has not seen the end of the socket
    known[0].has_satellite.set()
    await hass.async_block_till_done()
    assert known[0].page is None


async def test_permission(
    hass: HomeAssistant, page: ScreenPage, hass_admin_user: MockUser
) -> None:
    """Only a person who may control the assistant can be a screen of it."""
    hass_admin_user.groups = []
    hass_admin_user.mock_policy({"entities": {"entity_ids": {AGENT: {"read": True}}}})
    answer = await page.connect()
    assert answer["error"]["code"] == "unauthorized"
    assert hass.states.get(HALL) is None


async def test_others_screen(
    hass: HomeAssistant, page: ScreenPage, other: ScreenPage
) -> None:
    """A connection cannot speak for the screen of another."""
    await page.connect()
    other.screen = page.screen
    answer = await other.say("run")
    assert answer["error"]["code"] == "not_found"


async def test_pipeline_of_assistant(
    hass: HomeAssistant, page: ScreenPage, init_integration: MockConfigEntry
) -> None:
    """A screen begins with a pipeline of its assistant, preferred or not."""
    await page.connect()
    state = hass.states.get(SELECT)
    assert state is not None
    assert state.state == "Home Assistant"
    assert state.attributes["options"] == ["preferred", "Home Assistant"]
