"""No kind of turn waits for more round trips to the service than it has to.

The service is behind a proxy that delays every byte. The time that a turn takes
longer there than on loopback, in round trips, does not depend on the machine. The microphone sends in
real time, because waiting during speech costs the person no time.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
import itertools
import logging
import time
from types import MappingProxyType
from typing import Any, override

from homeassistant.components import tts
from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.components.assist_pipeline.pipeline import async_get_pipelines
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    llm,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)
import voluptuous as vol

from benchmarks.delay_proxy import DelayProxy
from benchmarks.latency.frames import Counts, FrameLog, round_trips
from benchmarks.latency.script import Script
from benchmarks.latency.turn import holds_sound
from custom_components.azure_realtime_audio.const import (
    CONF_CREATE_PIPELINE,
    CONF_HOST_NAME,
    CONF_INSTRUCTIONS,
    CONF_SILENCE_DURATION_MS,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from emulator import Emulator

from .conftest import SUBENTRY_ID
from .satellite import Satellite, new_conversation, played, tone
from .talk import say, speech

ROUND_TRIPS = (0.0, 0.2)  # seconds
TURNS = 2  # of each kind at each: the best one counts, since noise only adds
TRIES = 4  # as many times as many, while none was quick enough: the machine may be busy
# A wait is there or not: half of one is left to a busy machine.
TOLERANCE = 0.5
SPEECH = tone(0.12, 220, 16_000)
SILENCE_MS = 200  # the least that an assistant may have
PIECE = 640  # bytes, 20 ms
ANSWER = "I"
PLAYING_SECONDS = 0.06  # a little more than it takes to play the answer

# The assistants, by the title that their pipelines have as well.
PLAIN, NAMED, TIMED, CHANGING = "Plain", "Named", "Timed", "Changing"

A_SATELLITE = "a satellite"
SPEAKERS = (
    A_SATELLITE,
    "a satellite in an area",
    "a satellite that was told more",
    "now() in the instructions",
    "a device in an area, no satellite",
    "the Assist dialog",
    "the Assist dialog, user_name in the instructions",
)


class NoteTool(llm.Tool):
    """Something to do."""

    name = "Note"
    description = "Note a number."
    parameters = vol.Schema({vol.Required("number"): vol.Coerce(int)})

    @override
    async def async_call(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        llm_context: llm.LLMContext,
    ) -> llm.ToolResult:
        """Do it."""
        return llm.ToolResult(data={})


class TimeTool(NoteTool):
    """Something else to do. Without such a tool core tells the time in the instructions."""

    name = "GetDateTime"


class NoteApi(llm.API):
    """A house with a thing to do, which ``changes`` each time one looks, or stays as it is."""

    def __init__(self, hass: HomeAssistant, api_id: str, *, changes: bool) -> None:
        """Have a tool."""
        super().__init__(hass=hass, id=api_id, name=api_id)
        self._numbers = itertools.count() if changes else itertools.repeat(0)

    @override
    async def async_get_api_instance(
        self, llm_context: llm.LLMContext
    ) -> llm.APIInstance:
        """Return the API, which knows the area of a device as core's own does."""
        tool = NoteTool()
        tool.description += f" Version {next(self._numbers)}."
        prompt = ""
        if llm_context.device_id:
            device = dr.async_get(self.hass).async_get(llm_context.device_id)
            prompt = f"You are in {device.area_id if device else None}."
        return llm.APIInstance(self, prompt, llm_context, [tool, TimeTool()])


@pytest.fixture(autouse=True)
def _quiet(_discreet_logs: None, caplog: pytest.LogCaptureFixture) -> None:
    """Log little: every piece of audio at debug level takes longer than the turn."""
    caplog.set_level(logging.WARNING)


@pytest.fixture
async def proxy(emulator: Emulator) -> AsyncIterator[DelayProxy]:
    """Have the service as far away as a test says."""
    async with DelayProxy(emulator.port) as proxy:
        yield proxy


@pytest.fixture
def config_entry(
    hass: HomeAssistant, config_entry: MockConfigEntry, proxy: DelayProxy
) -> MockConfigEntry:
    """Have four assistants behind the proxy, each with a pipeline."""
    hass.config_entries.async_update_entry(
        config_entry, data={**config_entry.data, CONF_HOST_NAME: proxy.url}
    )
    hass.config_entries.async_remove_subentry(config_entry, SUBENTRY_ID)
    for title, instructions, changes in (
        (PLAIN, "Speak briefly.", False),
        (NAMED, "You talk to {{ user_name }}.", False),
        (TIMED, "It is {{ now() }}.", False),
        (CHANGING, "Speak briefly.", True),
    ):
        llm.async_register_api(hass, NoteApi(hass, title, changes=changes))
        data = {
            **DEFAULT_ASSISTANT,
            CONF_INSTRUCTIONS: instructions,
            CONF_LLM_HASS_API: [title],
            CONF_SILENCE_DURATION_MS: SILENCE_MS,
            CONF_CREATE_PIPELINE: True,
        }
        subentry = ConfigSubentry(
            data=MappingProxyType(data),
            subentry_id=title,
            subentry_type=SUBENTRY_CONVERSATION,
            title=title,
            unique_id=None,
        )
        hass.config_entries.async_add_subentry(config_entry, subentry)
    return config_entry


def pipeline_of(hass: HomeAssistant, title: str) -> str:
    """Return the id of an assistant's pipeline."""
    return next(each.id for each in async_get_pipelines(hass) if each.name == title)


# A turn, taken: how long it took to answer, in seconds.
type Take = Callable[[], Awaitable[float]]


@dataclass
class Measured:
    """How long turns took at each distance, and the frames of each."""

    latencies: dict[float, list[float]]
    counts: list[Counts]

    @property
    def round_trips(self) -> float:
        """For how many round trips a turn waits, by the best turns."""
        return round_trips({key: min(values) for key, values in self.latencies.items()})

    def assert_at_most(self, most: int, model_calls: int) -> None:
        """Check the round trips, and that the model is asked so often a turn, never in vain."""
        assert {each.model_calls for each in self.counts} == {model_calls}
        for taken_back in ("response.cancel", "conversation.item.delete"):
            assert {each.by_client[taken_back] for each in self.counts} == {0}
        assert self.round_trips < most + TOLERANCE


@dataclass
class Distance:
    """A model far away that calls its tool as often as a test says."""

    proxy: DelayProxy
    emulator: Emulator

    def __post_init__(self) -> None:
        """Have the model answer without a tool."""
        self.script = Script(self.emulator, NoteTool.name)
        self.script.text = ANSWER
        self.is_warm = False

    async def assert_at_most(self, most: int, take: Take, rounds: int = 0) -> Measured:
        """Take turns at each distance, each with its rounds of tools, and check them."""
        self.script.rounds = rounds
        if not self.is_warm:
            await take()
            self.is_warm = True
        measured = Measured({distance: [] for distance in ROUND_TRIPS}, [])
        for _ in range(TRIES):
            await self._measure(take, measured)
            if measured.round_trips < most + TOLERANCE:
                break
        measured.assert_at_most(most, model_calls=1 + rounds)
        return measured

    async def _measure(self, take: Take, measured: Measured) -> None:
        for self.proxy.round_trip in ROUND_TRIPS:
            for _ in range(TURNS):
                log = FrameLog(self.emulator)
                measured.latencies[self.proxy.round_trip].append(await take())
                measured.counts.append(Counts.of(log.frames()))
        self.proxy.round_trip = 0.0


@pytest.fixture
def distance(
    proxy: DelayProxy, emulator: Emulator, init_integration: MockConfigEntry
) -> Distance:
    """Have the assistants set up, with the service as far away as is measured."""
    return Distance(proxy, emulator)


# Spoken turns.


class Microphone:
    """Speech at the speed of speech, and then a silent room."""

    def __init__(self) -> None:
        """Be silent yet."""
        self.ended = 0.0  # of time.monotonic: when turn detection can first know it

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield 20 ms at a time, until the reader leaves."""
        start = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(start + number * 0.02 - time.monotonic())
            piece = SPEECH[number * PIECE : (number + 1) * PIECE]
            if piece:
                self.ended = time.monotonic() + SILENCE_MS / 1000
            yield piece.ljust(PIECE, b"\0")


def to_satellite(satellite: Satellite, extra_prompts: Iterable[str | None]) -> Take:
    """Return a function that speaks to a satellite, until the first sound."""
    prompts = iter(extra_prompts)

    async def take() -> float:
        microphone = Microphone()
        run = satellite.start(microphone.pieces(), extra_system_prompt=next(prompts))
        await run.until(lambda: run.error or holds_sound(run.data))
        latency = time.monotonic() - microphone.ended
        await run.end()
        assert run.error is None
        assert run.answer == ANSWER
        await played(PLAYING_SECONDS)
        return latency

    return take


@dataclass
class Dialog:
    """The Assist dialog of a signed-in user: core's own websocket command."""

    hass: HomeAssistant
    socket: MockHAClientWebSocket
    pipeline: str
    conversation_id: str = field(default_factory=new_conversation)

    async def take(self) -> float:
        """Speak, and return how long it takes to the first sound."""
        await self.socket.send_json_auto_id(
            {
                "type": "assist_pipeline/run",
                "start_stage": "stt",
                "end_stage": "tts",
                "pipeline": self.pipeline,
                "conversation_id": self.conversation_id,
                "input": {"sample_rate": 16_000},
            }
        )
        assert (await self.socket.receive_json())["success"]
        started = (await self._until(PipelineEventType.RUN_START))["data"]
        token = started["tts_output"]["token"]
        microphone = Microphone()
        speaking = asyncio.create_task(
            self._speak(microphone, started["runner_data"]["stt_binary_handler_id"])
        )
        await self._until(PipelineEventType.STT_END)
        speaking.cancel()
        while not (await self._until(PipelineEventType.INTENT_PROGRESS))["data"].get(
            "tts_start_streaming"
        ):
            pass
        stream = tts.async_get_stream(self.hass, token)
        assert stream is not None
        sound, latency = b"", 0.0
        async for chunk in stream.async_stream_result():
            sound += chunk
            if not latency and holds_sound(sound):
                latency = time.monotonic() - microphone.ended
        assert latency
        await self._until(PipelineEventType.RUN_END)
        await played(PLAYING_SECONDS)
        return latency

    async def _speak(self, microphone: Microphone, handler: int) -> None:
        async for piece in microphone.pieces():
            await self.socket.send_bytes(bytes([handler]) + piece)

    async def _until(self, event_type: PipelineEventType) -> Mapping[str, Any]:
        while True:
            event: Mapping[str, Any] = (await self.socket.receive_json())["event"]
            assert event["type"] != PipelineEventType.ERROR, event
            if event["type"] == event_type:
                return event


@pytest.fixture
async def speakers(
    hass: HomeAssistant,
    distance: Distance,
    hass_admin_user: MockUser,
    hass_ws_client: WebSocketGenerator,
) -> dict[str, Take]:
    """Return every kind of speaker, each in a conversation of its own."""
    entry = MockConfigEntry()
    entry.add_to_hass(hass)
    area = ar.async_get(hass).async_create("Kitchen")
    devices: Any = dr.async_get(hass)
    device = devices.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", "device")}
    )
    devices.async_update_device(device.id, area_id=area.id)

    def satellite(title: str = PLAIN, **who: Any) -> Satellite:
        return Satellite(hass, new_conversation(), pipeline_of(hass, title), **who)

    def extra_prompts() -> Iterable[str]:
        return (f"You have asked question {number}." for number in itertools.count())

    unprompted = itertools.repeat(None)
    real = {"satellite_id": "assist_satellite.kitchen"}
    signed_in = Context(user_id=hass_admin_user.id)
    takes = (
        to_satellite(satellite(**real), unprompted),
        to_satellite(satellite(**real, device_id=device.id), unprompted),
        to_satellite(satellite(**real), extra_prompts()),
        to_satellite(satellite(TIMED, **real), unprompted),
        to_satellite(satellite(device_id=device.id, context=signed_in), unprompted),
        Dialog(hass, await hass_ws_client(hass), pipeline_of(hass, PLAIN)).take,
        Dialog(hass, await hass_ws_client(hass), pipeline_of(hass, NAMED)).take,
    )
    return dict(zip(SPEAKERS, takes, strict=True))


@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_spoken(
    distance: Distance, speakers: dict[str, Take], speaker: str
) -> None:
    """A turn of each speaker waits for one round trip, and for one more with a tool."""
    for rounds in (0, 1):
        await distance.assert_at_most(1 + rounds, speakers[speaker], rounds)


async def test_spoken_two_rounds(distance: Distance, speakers: dict[str, Take]) -> None:
    """Each round of tools costs one round trip."""
    measured = await distance.assert_at_most(3, speakers[A_SATELLITE], 2)
    # What the session knows is not told again: the service could not use what it has cached.
    assert {each.by_client["session.update"] for each in measured.counts} == {0}


# Typed turns.


def to_agent(hass: HomeAssistant, *, is_new: bool = False) -> Take:
    """Return a function that types: into one conversation, or a new one each time (``is_new``)."""
    conversation_id = None if is_new else new_conversation()

    async def take() -> float:
        started = time.monotonic()
        result = await say(
            hass, "hello", conversation_id, agent_id=agent_of(hass, PLAIN)
        )
        latency = time.monotonic() - started
        assert speech(result) == ANSWER
        return latency

    return take


def agent_of(hass: HomeAssistant, title: str) -> str:
    """Return the conversation entity of an assistant."""
    entity_id = er.async_get(hass).async_get_entity_id("conversation", DOMAIN, title)
    assert entity_id
    return entity_id


@pytest.mark.parametrize("rounds", [0, 1, 2])
async def test_typed(hass: HomeAssistant, distance: Distance, rounds: int) -> None:
    """A typed turn waits for as much as a spoken one."""
    await distance.assert_at_most(1 + rounds, to_agent(hass), rounds)


async def test_first_typed(hass: HomeAssistant, distance: Distance) -> None:
    """The first turn of a conversation waits for TCP, for the upgrade and for the answer."""
    await distance.assert_at_most(3, to_agent(hass, is_new=True))


# Actions.


def by_action(hass: HomeAssistant, title: str, action: str) -> Take:
    """Return how an automation has an assistant answer; timed is one of the actions."""

    async def act(name: str, **data: Any) -> float:
        started = time.monotonic()
        await hass.services.async_call(
            DOMAIN,
            name,
            {"entity_id": agent_of(hass, title), **data},
            blocking=True,
            return_response=True,
        )
        return time.monotonic() - started

    async def take() -> float:
        audio = b64encode(SPEECH).decode()
        await act("append_audio", audio=audio, sample_rate=16_000)
        latencies = {"commit_audio": await act("commit_audio")}
        latencies["create_response"] = await act("create_response", modalities="text")
        return latencies[action]

    return take


@pytest.mark.parametrize(
    ("action", "title"),
    [
        ("commit_audio", PLAIN),
        ("create_response", PLAIN),
        pytest.param("create_response", TIMED, id="other instructions"),
        pytest.param("create_response", CHANGING, id="other tools"),
    ],
)
async def test_actions(
    hass: HomeAssistant, distance: Distance, action: str, title: str
) -> None:
    """An action waits for one answer of the service, although more has to be sent to it."""
    await distance.assert_at_most(1, by_action(hass, title, action))
