"""The key and what was said stay out of everything that Home Assistant shows or keeps."""

from collections.abc import Iterator

from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_FIRE_EVENTS, DOMAIN
from emulator import Emulator, Reply
from tests.conftest import API_KEY
from tests.satellite import Satellite, new_conversation, said_at, speak_to
from tests.talk import AGENT, change_assistant, say


@pytest.fixture
def bus(hass: HomeAssistant) -> Iterator[list[Event]]:
    """Collect every event, less those that repeat what an action was called with."""
    events: list[Event] = []

    @callback
    def keep(event: Event) -> None:
        if event.event_type != EVENT_CALL_SERVICE:
            events.append(event)

    unsubscribe = hass.bus.async_listen(MATCH_ALL, keep)
    yield events
    unsubscribe()


def shown(hass: HomeAssistant, entry: MockConfigEntry, bus: list[Event]) -> str:
    """Return all that can be seen of the integration, but for the entry's own storage."""
    assert bus
    traces = [trace.as_dict() for trace in async_get_traces()]
    assert traces
    runs = hass.data[KEY_ASSIST_PIPELINE].pipeline_debug
    assert runs
    return "\n".join(
        repr(part)
        for part in (
            [event.as_dict() for event in bus],
            [state.as_dict() for state in hass.states.async_all()],
            traces,
            [
                [e for run in by_id.values() for e in run.events]
                for by_id in runs.values()
            ],
            er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id),
            dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id),
            [*ir.async_get(hass).issues.values()],
            [*entry.async_get_active_flows(hass, {"reauth"})],
            [entry, entry.title, entry.reason, *entry.subentries.values()],
            entry.runtime_data,
            [vars(runtime.assistant) for runtime in entry.runtime_data.values()],
        )
    )


def recordings(emulator: Emulator) -> set[str]:
    """Return pieces of all audio that went over the wire, as base64."""
    pieces = {
        event[key][100:140]
        for session in emulator.sessions
        for log, kind, key in (
            (session.received, "input_audio_buffer.append", "audio"),
            (session.sent, "response.output_audio.delta", "delta"),
        )
        for event in log.of(kind)
    }
    return {piece for piece in pieces if len(set(piece)) > 8}  # silence is no secret


async def test_spoken_and_typed_turns_and_their_failures(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    bus: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After all that happens to an assistant, its key and its audio are nowhere to be seen.

    With the service's events on the bus, and with a service that repeats the key.
    """
    await change_assistant(hass, init_integration, **{CONF_FIRE_EVENTS: True})
    await speak_to(hass, AGENT)
    emulator.replies.append(Reply(text="Yes", pcm=said_at(440)))
    run = await Satellite(hass, new_conversation()).run()
    assert run.pcm
    emulator.replies.append(Reply(text="Hello."))
    await say(hass, "hello")
    emulator.replies.append(Reply(text="Aloud.", pcm=said_at(550)))
    reply = await hass.services.async_call(
        DOMAIN,
        "create_response",
        {"entity_id": AGENT},
        blocking=True,
        return_response=True,
    )
    session = emulator.sessions[-1]
    error = {"type": "server_error", "message": f"Incorrect API key: {API_KEY}"}
    await session.send({"type": "error", "event_id": "event_1", "error": error})
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(
            DOMAIN,
            "delete_item",
            {"entity_id": AGENT, "item_id": "none"},
            blocking=True,
        )
    emulator.faults.add("http_401")
    for session in emulator.sessions:
        session.abort()
    await say(hass, "are you there")
    await hass.async_block_till_done()

    visible = shown(hass, init_integration, bus)
    visible += f"{reply} {raised.value} {raised.value.__cause__!r} {caplog.text}"
    assert "Incorrect API key: ***" in visible
    assert API_KEY not in visible
    audio = recordings(emulator)
    assert audio
    assert not [piece for piece in audio if piece in visible]


async def test_what_the_model_says_is_only_text(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """Templates and markup in a reply are neither rendered nor run: they come out as they are."""
    hass.states.async_set("sensor.safe", "1234")
    words = (
        "{{ states('sensor.safe') }} {% set a=1 %} <script>alert(1)</script> &amp; {0}"
    )
    emulator.replies += [Reply(text=words), Reply(text=words, audio=False)]
    result = await say(hass, "open the safe")
    assert result.response.speech["plain"]["speech"] == words
    assert set(result.response.speech) == {"plain"}
    reply = await hass.services.async_call(
        DOMAIN,
        "create_response",
        {"entity_id": AGENT},
        blocking=True,
        return_response=True,
    )
    assert reply
    assert reply["text"] == words


async def test_error_of_the_service_is_only_text(
    hass: HomeAssistant, init_integration: MockConfigEntry, emulator: Emulator
) -> None:
    """The same goes for a sentence of the service's in one of ours."""
    message = "{error.__class__} {{ 1 + 1 }} {0} <b>no</b>"
    emulator.replies.append(
        Reply(status="failed", error={"code": "server_error", "message": message})
    )
    result = await say(hass, "hello")
    assert message in result.response.speech["plain"]["speech"]
