"""The service refuses, hesitates, says strange things, or more than anybody reads."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
import re

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.const import CONF_API_VERSION
from emulator import FAULTS, Emulator, Reply
from emulator.faults import ODDITIES, ORDERS
from tests.conftest import set_client_defaults
from tests.satellite import SPEECH, Satellite, microphone, new_conversation, said_at
from tests.talk import session_closed, set_timing, shorten_timeouts

from .conftest import NAME, RING, RUNG, Bell, assert_remembers, conversation_lines

ROWS = Path(__file__).parents[2] / "docs/reliability.md"


def test_every_fault_has_its_row() -> None:
    """The tables name each thing that the emulator can do, so that none is forgotten."""
    rows = ROWS.read_text()
    assert [fault for fault in FAULTS if not re.search(rf"`{fault}[`:]", rows)] == []


# --- It refuses


NO_DEPLOYMENT = "The Azure resource has no such deployment, or its model is retired."


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        ("http_401", "The Azure service does not accept the key."),
        ("http_403", "The Azure resource does not allow this connection."),
        ("http_404_deployment", NO_DEPLOYMENT),
        ("http_404_resource", NO_DEPLOYMENT),
        ("http_400", "The deployed model cannot do Realtime"),
        ("http_400_spelled", "The deployed model cannot do Realtime"),
        ("http_400_api_version", "The Azure service does not offer this API version"),
        ("openai_invalid_api_key", "The Azure service does not accept the key."),
        ("openai_invalid_model", "The deployed model cannot do Realtime"),
        ("openai_missing_model", NO_DEPLOYMENT),
        ("openai_beta_disabled", "The Azure service does not offer this API version"),
        ("openai_insufficient_quota", "The Azure account has no quota left."),
        ("http_429:10", None),
        ("http_500", None),
        ("http_503", None),
    ],
)
async def test_refused_on_reconnect(
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    fault: str,
    begins: str | None,
) -> None:
    """What passes is waited for; what does not is told, and a later turn goes on."""
    emulator.hears.append(NAME)
    emulator.faults.add("ends_at:thinking/1011", times=1)
    run = satellite.start()
    for _ in range(2):  # the first is that of the set-up
        await emulator.next_session()
    emulator.faults.add(fault, times=2)
    await run.end()
    assert run.error is None
    if begins:
        assert run.answer.startswith(begins)
        flows = hass.config_entries.flow.async_progress()
        reauth = [f for f in flows if f["context"]["source"] == SOURCE_REAUTH]
        assert bool(reauth) is (fault in ("http_401", "openai_invalid_api_key"))
    else:
        assert run.answer == f"You said: {NAME}"
        status = int(fault[5:8])
        statuses = [handshake.status for handshake in emulator.handshakes]
        assert statuses == [101, 101, status, status, 101]
    await assert_remembers(emulator, satellite)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("server_error", f"You said: {NAME}"),
        ("insufficient_quota", "The Azure account has no quota left."),
    ],
)
async def test_error_before_the_close(
    emulator: Emulator, satellite: Satellite, code: str, answer: str
) -> None:
    """What the service says before it closes decides whether the turn goes on."""
    emulator.hears.append(NAME)
    emulator.faults.add(f"ends_at:thinking/{code}", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith(answer)
    await assert_remembers(emulator, satellite)


async def test_error_before_a_later_loss(
    emulator: Emulator, satellite: Satellite
) -> None:
    """What the service could not do once, while the session went on, ends no later turn."""
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    error = {"type": "x", "code": "insufficient_quota", "message": "No quota"}
    await emulator.sessions[-1].send({"type": "error", "error": error})
    emulator.faults.add("ends_at:thinking/1012", times=1)
    emulator.hears.append("what is my name")
    assert (await satellite.run()).answer == "Your name is Ada."
    assert emulator.sessions[-2].close_code == 1012


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        ("response_failed", "The model could not answer: The server had an error"),
        ("response_rate_limited", "The Azure service is being asked too often."),
        ("response_quota", "The Azure account has no quota left."),
        ("content_filter", "The Azure service held the answer back"),
        ("response_empty", "The model gave no answer."),
        ("response_incomplete", "You said: my name is Ada"),
        ("response_stalls", "The Azure service did not answer in time"),
    ],
)
async def test_no_answer(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    fault: str,
    begins: str,
) -> None:
    """A response that is none is told in a sentence, aloud."""
    set_timing(satellite.hass, response_stall=0.3)
    emulator.hears.append(NAME)
    emulator.faults.add(fault, times=1)
    run = await satellite.run()
    assert run.error is None
    beginning, _, sentence = run.answer.rpartition("\n\n")
    assert f"You said: {NAME}".startswith(beginning)
    assert sentence.startswith(begins)
    assert run.wav.seconds > 0.04 * len(sentence) - 0.05
    await assert_remembers(emulator, satellite)


@pytest.fixture
def asked(hass: HomeAssistant, emulator: Emulator) -> None:
    """Have a service that has to be asked for the answer to one turn."""
    emulator.faults.add("no_answer", times=1)
    set_timing(hass, own_answer=0.01)


@pytest.mark.usefixtures("asked")
async def test_refused_response(emulator: Emulator, satellite: Satellite) -> None:
    """A response that is refused once is asked for again, when the turn is claimed."""
    emulator.faults.add("refuse:response.create", times=1)
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("asked")
async def test_refused_response_again(emulator: Emulator, satellite: Satellite) -> None:
    """A response that is refused again is told of; what was said is not lost."""
    emulator.faults.add("refuse:response.create", times=2)
    emulator.hears.append(NAME)
    run = await satellite.run()
    assert run.answer.startswith("The Azure service refused the request")
    await assert_remembers(emulator, satellite)


async def test_refused_while_the_person_speaks(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A piece of the sentence that the service does not take is not missing in the end."""

    async def refused_in_the_middle() -> AsyncIterator[bytes]:
        half = 3_200 + len(SPEECH) // 2
        async for chunk in microphone(silence_seconds=3.0):
            yield chunk
            half -= len(chunk)
            if half == 0:
                started = "input_audio_buffer.speech_started"
                await emulator.sessions[-1].sent.wait_for(started, 2)
                emulator.faults.add("refuse:input_audio_buffer.append", times=1)

    emulator.hears.append(NAME)
    await satellite.run()
    first = emulator.sessions[-1]
    whole = next(item.audio for item in first.conversation if item.role == "user")
    emulator.hears.append("what is my name")
    run = await satellite.run(refused_in_the_middle())
    assert run.error is None
    assert run.answer == "Your name is Ada."
    assert len(first.sent.of("error")) == 1
    *_, said = (
        item for item in emulator.sessions[-1].conversation if item.role == "user"
    )
    assert said.audio == whole
    lines = [line for line in conversation_lines(emulator) if line.startswith("user")]
    assert lines == [f"user: {NAME}", "user: what is my name"]


async def test_session_expires(emulator: Emulator, satellite: Satellite) -> None:
    """A session that ends before anybody expected it makes way for another."""
    emulator.faults.add("session_expires:2", times=1)
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await session_closed(emulator.sessions[-1])
    await assert_remembers(emulator, satellite)


# --- It hesitates


@pytest.fixture
def impatient(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only for a moment until a command is acknowledged."""
    shorten_timeouts(monkeypatch, command_timeout=0.5)


@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement(emulator: Emulator, satellite: Satellite) -> None:
    """A response that is not acknowledged is asked for again, on another session."""
    emulator.faults.add("no_ack:response.create", times=1)
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement_of_the_settings(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A session that does not acknowledge its settings is left for another."""
    emulator.faults.add("no_ack:session.update", times=1)
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement_of_any_settings(
    emulator: Emulator, satellite: Satellite
) -> None:
    """Of a service that acknowledges no settings the person is told after the time-outs."""
    emulator.faults.add("no_ack:session.update", times=4)
    run = await satellite.run()
    assert run.answer == "The Azure service did not answer in time. Try again."
    emulator.hears.clear()
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement_while_the_person_speaks(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A session that does not answer is left for another; what is said meanwhile is kept."""
    emulator.faults.add("no_ack:input_audio_buffer.clear", times=1)
    emulator.hears.append(NAME)
    run = await satellite.run()
    assert run.error is None
    assert run.answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement_of_a_result(
    emulator: Emulator, satellite: Satellite, bell: Bell
) -> None:
    """A tool's result that is not acknowledged is told in a sentence; it ran once."""
    emulator.hears.append(RING)
    emulator.faults.add("no_ack:conversation.item.create", times=1)
    run = await satellite.run()
    assert run.error is None
    assert run.answer.startswith("The Azure service did not answer in time")
    await assert_remembers(emulator, satellite, RING)
    lines = conversation_lines(emulator)
    assert lines.count("function_call") == lines.count("function_call_output") == 1
    assert bell.rung == 1


@pytest.mark.parametrize(
    "command", ["conversation.item.truncate", "conversation.item.delete"]
)
@pytest.mark.usefixtures("impatient")
async def test_no_acknowledgement_of_an_interruption(
    emulator: Emulator, satellite: Satellite, command: str
) -> None:
    """A person who talks over a reply is answered, and the model knows how much of the reply was heard."""
    emulator.faults.add(f"no_ack:{command}", times=1)
    emulator.hears.append(NAME)
    emulator.replies.append(
        Reply(text="Once. Upon a time.", items=2, pcm=said_at(500, 20))
    )
    await satellite.run()
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Your name is Ada."
    assert emulator.sessions[-2].received.of(command)
    *heard, _ = (
        line for line in conversation_lines(emulator) if line.startswith("assistant")
    )
    assert len("".join(heard)) < len("assistant: Once.")


@pytest.mark.usefixtures("impatient")
async def test_cancel_is_ignored(emulator: Emulator, satellite: Satellite) -> None:
    """A reply that the service does not stop keeps nobody from the next."""
    emulator.faults.add("no_ack:response.cancel", times=1)
    emulator.hears.append(NAME)
    emulator.replies.append(
        Reply(text="Once upon", pcm=said_at(500, 20), hold=asyncio.Event())
    )
    first = satellite.start()
    await first.until_played()
    emulator.replies.clear()
    emulator.hears.append(NAME)
    run = await satellite.run()
    assert run.error is None
    assert run.answer == f"You said: {NAME}"
    await first.end()


async def test_cancel_takes_its_time(emulator: Emulator, satellite: Satellite) -> None:
    """A reply that ends late makes the next one late, in the same session."""
    emulator.faults.add("late_cancel:0.3", times=1)
    emulator.hears.append(NAME)
    emulator.replies.append(
        Reply(text="Once upon", pcm=said_at(500, 20), hold=asyncio.Event())
    )
    first = satellite.start()
    await first.until_played()
    session = emulator.sessions[-1]
    emulator.replies.clear()
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.answer == "Your name is Ada."
    lines = [line for line in conversation_lines(emulator) if line.startswith("user")]
    assert lines == [f"user: {NAME}", "user: what is my name"]
    assert len(session.sent.of("response.done")) == 2
    await first.end()


@pytest.mark.parametrize("is_lost", [True, False])
async def test_pings(
    monkeypatch: pytest.MonkeyPatch,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    is_lost: bool,
) -> None:
    """A service that answers no ping is left for another session; a slow service is not."""
    shorten_timeouts(monkeypatch, command_timeout=5.0, heartbeat=0.8)
    begun = len(emulator.sessions)
    emulator.faults.add("no_pong*1" if is_lost else "slow_pong:0.1")
    emulator.hears.append(RING)

    async def pings() -> None:
        session = emulator.sessions[-1]
        if is_lost:
            await session_closed(session)
        else:
            await session.pongs.wait_for("pong", 2)

    bell.meanwhile = pings
    run = await satellite.run()
    assert run.error is None
    assert run.answer == RUNG
    assert bell.rung == 1
    assert len(emulator.sessions) == begun + (2 if is_lost else 1)
    await assert_remembers(emulator, satellite, RING)


@pytest.mark.usefixtures("impatient")
async def test_half_open(emulator: Emulator, satellite: Satellite) -> None:
    """A person whose connection is dead without a sign is heard on another one."""
    emulator.hears.append(NAME)
    await satellite.run()
    await emulator.sessions[-1].end("silence")
    await assert_remembers(emulator, satellite)


@pytest.mark.usefixtures("impatient")
async def test_replay_is_not_acknowledged(
    emulator: Emulator, satellite: Satellite
) -> None:
    """What a new session does not acknowledge is not forgotten."""
    emulator.hears.append(NAME)
    await satellite.run()
    emulator.faults.add("no_ack:conversation.item.create", times=2)
    for _ in range(2):
        await emulator.next_session()
    emulator.sessions[-1].abort()
    session = await emulator.next_session()
    await session.received.wait_for("conversation.item.create", 2)
    await assert_remembers(emulator, satellite)


async def test_no_handshake(emulator: Emulator, satellite: Satellite) -> None:
    """Of a service that accepts the connection and says nothing the person is told in time."""
    emulator.faults.add("ends_at:connect/silence", times=1)
    run = await satellite.run()
    assert run.answer.startswith("I can't reach the Azure service.")
    assert run.wav.samples.max() > 0.1
    emulator.hears.clear()
    emulator.hears.append(NAME)
    assert (await satellite.run()).answer == f"You said: {NAME}"
    await assert_remembers(emulator, satellite)


# --- It says strange things, or too much

# What differs between the dialects, and what does not.
IN_A_DIALECT = (
    "doubled_events",
    *(f"reordered_events:{order}" for order in ORDERS),
    "wrong_dialect",
    "no_session_created",
    "schema_2024",
)
MISSING = (
    "conversation.item.done/item",
    "input_audio_buffer.committed/item_id",
    "input_audio_buffer.committed/previous_item_id",
    "input_audio_buffer.speech_started/item_id",
    "input_audio_buffer.speech_stopped/item_id",
    "response.created/response",
    "response.created/response.id",
    "response.output_item.added/item",
    "response.output_item.done/item.arguments",
    "response.done/response",
    "response.done/response.id",
    "response.done/response.output",
    "session.updated/session",
)
STRAY = (
    "response.created",
    "response.output_item.added",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
)
IN_ANY = (
    "chosen_ids",
    "constant_event_ids",
    "long_ids",
    "null_event_ids",
    "missing_keys",
    *(f"missing_keys:{where}" for where in MISSING),
    "odd_done",
    *(f"odd_done:{oddity}" for oddity in ODDITIES),
    *(f"stray_response:{event_type}" for event_type in STRAY),
    "unknown_events",
    "unknown_keys",
    "truncated_json",
    "binary_frame",
    "huge_event",
    "huge_event:item",
    "flood",
    "null_error_codes",
    "null_error_event_ids",
    "string_status_details",
    "no_expires_at",
    "no_usage",
    "no_rate_limits",
    "round_trip",
)


@pytest.mark.parametrize(
    ("api_version", "faults"),
    [("", (*IN_A_DIALECT, *IN_ANY)), ("2025-04-01-preview", IN_A_DIALECT)],
    ids=["GA", "preview"],
)
async def test_strange_events(
    subtests: pytest.Subtests,
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    entry: MockConfigEntry,
    bell: Bell,
    api_version: str,
    faults: tuple[str, ...],
) -> None:
    """Strange events change nothing: neither the reply, nor what is done, nor the memory."""
    set_client_defaults(monkeypatch, created_timeout=0.1)
    data = {**entry.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(entry, data=data)
    await hass.async_block_till_done()
    for fault in faults:
        with subtests.test(fault=fault):
            bell.rung = 0
            emulator.faults.clear()
            emulator.hears.clear()
            emulator.hears.append(RING)
            conversation = Satellite(hass, new_conversation())
            emulator.faults.add(fault)
            run = await conversation.run()
            assert run.error is None
            assert run.answer == RUNG
            assert run.wav.seconds == pytest.approx(0.04 * len(RUNG), abs=0.05)
            assert bell.rung == 1
            lines = conversation_lines(emulator)
            assert [line.partition(":")[0] for line in lines] == [
                "user",
                "function_call",
                "function_call_output",
                "assistant",
            ]
            await assert_remembers(emulator, conversation, RING)


@pytest.mark.parametrize(
    ("what", "characters", "seconds"),
    [("transcript", 16 * 2**10 + 1, 0), ("audio", 0, 15 * 2**20 / 48_000)],
)
async def test_huge_deltas(
    emulator: Emulator,
    satellite: Satellite,
    what: str,
    characters: int,
    seconds: float,
) -> None:
    """Sound may be a reply; a text of 20 MiB goes to nobody whole; the turn ends."""
    emulator.faults.add(f"huge_event:{what}", times=1)
    emulator.hears.append(NAME)
    run = await satellite.run()
    assert run.error is None
    answer = f"You said: {NAME}"
    assert run.answer.endswith(answer)
    assert len(run.answer) == characters + len(answer)
    assert run.wav.seconds == pytest.approx(seconds + 0.04 * len(answer), abs=0.1)
    await assert_remembers(emulator, satellite)


async def test_faster_than_anybody_listens(
    emulator: Emulator, satellite: Satellite
) -> None:
    """A reply that is there at once is played whole, and nobody waits for it meanwhile."""
    emulator.hears.append(NAME)
    emulator.replies.append(Reply(text="A long story.", pcm=said_at(500, 60)))
    run = satellite.start()
    await run.until_event(PipelineEventType.INTENT_END)
    await emulator.sessions[-1].sent.wait_for("response.done")
    assert run.wav.seconds < 60
    await run.end()
    assert run.wav.seconds == pytest.approx(60, abs=0.1)
    await assert_remembers(emulator, satellite)
