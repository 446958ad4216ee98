"""The socket dies: at every stage of a turn, in every manner."""

import asyncio
from collections.abc import AsyncIterator

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.assistant.assistant import Assistant
from emulator import Emulator, Session
from tests.conftest import SUBENTRY_ID
from tests.satellite import SPEECH, Run, Satellite, microphone, new_conversation
from tests.talk import say, session_closed, shorten_timeouts, speech
from tests.turns import CANNOT_CONNECT, TROUBLE

from .conftest import NAME, RING, RUNG, Bell, conversation_lines

CLOSE_CODES = (
    "1000",
    "1001",
    "1005",
    "1006",
    "1008",
    "1011",
    "1012",
    "1013",
    "3000",
    "4000",
)
MANNERS = (*CLOSE_CODES, "reset", "silence")
# Before the upgrade there is no websocket to be closed. Silence is a fault of its own there.
WITHOUT_A_WEBSOCKET = ("1006", "reset")
# After these the client does not connect again by itself, but when it is used again.
FATAL = ("3000", "4000")
# A typed turn has nothing that depends on the manner but these.
TYPED = ("1006", "1011", "4000", "silence")

LOST = "The connection to the Azure service was lost. Try again."
REFUSED = {
    "3000": "The Azure service does not accept the key. Enter a new key in the settings of "
    "Azure Realtime Audio.",
    "4000": "The deployed model cannot do Realtime, or is retired. Deploy a gpt-realtime model "
    "and choose its deployment.",
}
# What is said of a turn that was not heard, by stage.
UNHEARD = {"connect": CANNOT_CONNECT, "created": TROUBLE}


def manners_at(stage: str, manners: tuple[str, ...]) -> tuple[str, ...]:
    """Return the manners in which a socket can die at this stage."""
    return WITHOUT_A_WEBSOCKET if stage == "connect" else manners


def words_of(stage: str) -> str:
    """Return what a person says in whose turn this stage is reached."""
    return RING if stage in ("arguments", "tool") else NAME


def reply_to(stage: str) -> str:
    """Return what the model answers to that."""
    return RUNG if words_of(stage) == RING else f"You said: {NAME}"


def answered(text: str, stage: str) -> str:
    """Check the answer of a turn in which this happens; return its last paragraph."""
    beginning, _, sentence = text.rpartition("\n\n")
    breaks_off = stage in ("audio", "text")
    assert sentence == (LOST if breaks_off else reply_to(stage))
    assert reply_to(stage).startswith(beginning)
    assert bool(beginning) == breaks_off
    return sentence


def ping_as_needed(monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    """Let pings notice a silent connection soon; elsewhere they would only disturb."""
    heartbeat = 0.4 if manner == "silence" else 20.0
    shorten_timeouts(monkeypatch, command_timeout=5.0, heartbeat=heartbeat)


def break_at(emulator: Emulator, bell: Bell, stage: str, manner: str) -> None:
    """Let the socket die at this stage of the next turn."""
    # Before the upgrade the HTTP library tries a second time by itself.
    times = 2 if stage == "connect" else 1
    emulator.faults.clear()
    emulator.faults.add(f"ends_at:{stage}/{manner}", times=times)
    emulator.hears.clear()
    bell.rung = 0
    # In the middle of its call means: the tool goes on after the loss.
    bell.meanwhile = (lambda: _tool_is_alone(emulator)) if stage == "tool" else None


async def _tool_is_alone(emulator: Emulator) -> None:
    """Wait until the session in which the tool was called is gone."""
    answering = [each for each in emulator.sessions if each.sent.of("response.done")]
    await session_closed(answering[-1])


async def next_loss(entry: MockConfigEntry, conversation_id: str) -> asyncio.Event:
    """Open the session of a conversation; return what tells when the client has lost it."""
    assistant: Assistant = entry.runtime_data[SUBENTRY_ID].assistant
    session = await assistant.sessions.async_conversation(conversation_id)
    await session.client.connect()
    lost = asyncio.Event()
    session.client.once("connection_changed", lambda _: lost.set())
    return lost


async def halting(emulator: Emulator) -> AsyncIterator[bytes]:
    """Speak; pause in the middle until the connection is gone, and go on."""
    half = len(SPEECH) // 2
    async for chunk in microphone(SPEECH[:half], None):
        yield chunk
    await session_closed(emulator.sessions[-1])
    async for chunk in microphone(SPEECH[half:], 3.0):
        yield chunk


@pytest.mark.parametrize(
    "stage",
    ["connect", "created", "speech", "thinking", "audio", "arguments", "tool"],
)
async def test_spoken_turn(
    subtests: pytest.Subtests,
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    stage: str,
) -> None:
    """The turn ends in the reply or in one error, and the conversation goes on."""
    for manner in manners_at(stage, MANNERS):
        with subtests.test(manner=manner):
            conversation = Satellite(hass, new_conversation())
            ping_as_needed(monkeypatch, manner)
            break_at(emulator, bell, stage, manner)
            await _speak(conversation, emulator, stage, manner)
            assert bell.rung == (words_of(stage) == RING)


async def test_spoken_turn_far_away(
    subtests: pytest.Subtests,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
) -> None:
    """It is the same where every event of the service is on its way while audio goes on."""
    for stage in ("speech", "thinking", "arguments"):
        with subtests.test(stage=stage):
            conversation = Satellite(hass, new_conversation())
            break_at(emulator, bell, stage, "1006")
            emulator.faults.add("round_trip:150")
            await _speak(conversation, emulator, stage, "1006")
            assert bell.rung == (words_of(stage) == RING)


async def _speak(
    satellite: Satellite, emulator: Emulator, stage: str, manner: str
) -> None:
    emulator.hears.append(words_of(stage))
    run = await satellite.run(halting(emulator) if stage == "speech" else None)
    is_unheard = stage in ("connect", "created")
    was_repeated = is_unheard or (stage == "speech" and manner in FATAL)
    if was_repeated:
        assert run.error is None
        refused = REFUSED.get(manner, UNHEARD.get(stage))
        assert run.answer == (LOST if stage == "speech" else refused)
        assert run.wav.samples.max() > 0.1
        run = await satellite.run()  # the person says it again
    elif stage == "speech":
        assert_heard_whole(emulator.sessions[-1])
    assert_replied(run, stage)
    emulator.hears.append("what is my name")
    run = await satellite.run()
    assert run.error is None
    assert run.answer == "Your name is Ada."
    assert_told_once(emulator, stage, was_repeated=was_repeated)


def assert_heard_whole(session: Session) -> None:
    """Check that what was said before the loss, and after it, is one turn."""
    [item] = [item for item in session.conversation if item.role == "user"]
    assert len(item.audio) >= len(SPEECH) * 3 // 2


def assert_replied(run: Run, stage: str) -> None:
    """Check that the person hears the reply, or why there is none."""
    assert run.error is None
    sentence = answered(run.answer, stage)
    assert run.wav.seconds > 0.04 * len(sentence) - 0.05


def assert_told_once(
    emulator: Emulator, stage: str, *, was_repeated: bool = False
) -> None:
    """Check that the service's conversation has all that was said and done, once."""
    said = [words_of(stage), "what is my name"]
    lines = conversation_lines(emulator)
    assert [line for line in lines if line.startswith("user")] == [
        f"user: {words}" for words in said
    ]
    for kind in ("function_call", "function_call_output"):
        assert lines.count(kind) == (words_of(stage) == RING)
    replies = [line for line in lines if line.startswith("assistant")]
    # Before the person said it again there was an apology.
    assert len(replies) == (3 if was_repeated else 2)
    assert lines[-1] == "assistant: Your name is Ada."


@pytest.mark.parametrize(
    "stage", ["connect", "created", "thinking", "text", "arguments", "tool"]
)
async def test_typed_turn(
    subtests: pytest.Subtests,
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    satellite: Satellite,
    bell: Bell,
    stage: str,
) -> None:
    """The turn ends in the reply or in one sentence, and the conversation goes on."""
    for manner in manners_at(stage, TYPED):
        with subtests.test(manner=manner):
            ping_as_needed(monkeypatch, manner)
            break_at(emulator, bell, stage, manner)
            await _type(hass, emulator, stage, manner)
            assert bell.rung == (words_of(stage) == RING)


async def _type(
    hass: HomeAssistant, emulator: Emulator, stage: str, manner: str
) -> None:
    conversation_id = new_conversation()
    said = speech(await say(hass, words_of(stage), conversation_id))
    if stage in ("connect", "created"):
        assert said == REFUSED.get(manner, UNHEARD[stage])
    else:
        answered(said, stage)
    said = speech(await say(hass, "what is my name", conversation_id))
    assert said == "Your name is Ada."
    assert_told_once(emulator, stage)


@pytest.mark.parametrize("is_spoken", [True, False])
async def test_idle(
    subtests: pytest.Subtests,
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    satellite: Satellite,
    bell: Bell,
    is_spoken: bool,
) -> None:
    """A loss between two turns goes unnoticed, whether the next one is spoken or typed."""
    for manner in MANNERS if is_spoken else TYPED:
        with subtests.test(manner=manner):
            ping_as_needed(monkeypatch, manner)
            break_at(emulator, bell, "idle", manner)
            conversation = Satellite(hass, new_conversation())
            lost = await next_loss(entry, conversation.conversation_id)
            emulator.hears.append(NAME)
            run = await conversation.run()
            assert run.answer == f"You said: {NAME}"
            await lost.wait()
            if is_spoken:
                emulator.hears.append("what is my name")
                answer = (await conversation.run()).answer
            else:
                answer = speech(
                    await say(hass, "what is my name", conversation.conversation_id)
                )
            assert answer == "Your name is Ada."
            assert_told_once(emulator, "idle")
