"""Tests of what a person sees and hears in the Assist dialog."""

import asyncio
import json
import re

from playwright.async_api import expect
import pytest

from emulator import Emulator, Reply
from script.demo import LIGHT, Assistant
from script.home_assistant import PACKAGE, HomeAssistant

from .conftest import ask
from .dialog import STREAMING, AssistDialog, Bubble

QUESTION = "how are you today"
ORDER = "turn on the kitchen light"
SHORT = "Done."
FIRST_SENTENCE = "It is partly cloudy today."
LONG = (
    f"{FIRST_SENTENCE} The temperature is 18 degrees now, and it will be 21 in the afternoon. "
    "In the evening there may be a little rain from the west, so take a coat if you go out late. "
    "Tomorrow begins with fog in the valleys. After that the sun shines until the end of the "
    "week, and the nights will stay mild. There is no wind worth speaking of."
)
HALF = "The kitchen light is"
CODE = {"code", "pre"}
# Such as response.create, input_audio_buffer or server_error.
PROTOCOL_WORD = re.compile(r"[a-z][._][a-z]")
SPOKEN = pytest.mark.parametrize("spoken", [True, False], ids=["spoken", "typed"])


def sentence(key: str) -> str:
    """Return the integration's sentence for an error, up to the first placeholder."""
    translations = json.loads((PACKAGE / "translations" / "en.json").read_text())
    message: str = translations["exceptions"][key]["message"]
    return message.partition("{")[0].rstrip(" (:")


def assert_legible(bubbles: list[Bubble]) -> None:
    """Check that all text is in paragraphs, not in code blocks, and inside the dialog."""
    for bubble in bubbles:
        assert "p" in bubble.tags and not CODE & set(bubble.tags), bubble
        assert bubble.overhang < 1, bubble


def assert_told_once(bubbles: list[Bubble], reason: str) -> None:
    """Check that the reason is shown once, set apart, and without words of the protocol."""
    told = [bubble.text for bubble in bubbles if bubble.who != "user"]
    mentions = sum(text.count(reason) for text in told)
    assert mentions == 1, told
    (text,) = (text for text in told if reason in text)
    before, _, after = text.partition(reason)
    assert not before or before[-1].isspace()
    assert not PROTOCOL_WORD.search(reason + after)


async def say(
    dialog: AssistDialog, service: Emulator, words: str, *, spoken: bool
) -> None:
    """Speak or type to the assistant."""
    if spoken:
        service.hears.append(words)
        await dialog.talk()
    else:
        await dialog.type(words)


async def assert_streams(
    dialog: AssistDialog, beginning: str, hold: asyncio.Event
) -> None:
    """Check that the beginning of a reply is legible while the emulator holds the rest back."""
    await expect(dialog.reply).to_contain_text(beginning)
    hold.clear()
    bubbles = await dialog.bubbles()
    await dialog.take_screenshot("streaming")
    hold.set()
    assert bubbles[-1].text.endswith(STREAMING)
    assert_legible(bubbles)


async def assert_answered(dialog: AssistDialog, words: str, reply: str) -> None:
    """Check that the dialog ends with the user's words and the reply, and nothing else."""
    bubbles = await dialog.answered()
    seen = [(bubble.who, bubble.text) for bubble in bubbles]
    assert seen == [("user", words), ("assistant", reply)]
    assert_legible(bubbles)


async def assert_heard(dialog: AssistDialog, *, spoken: bool) -> None:
    """Check that the reply to a spoken turn plays, and that a typed turn has no sound."""
    if spoken:
        sound = await dialog.heard("playing", "error")
        assert sound.media_events[0] == "playing"
    else:
        assert not await dialog.sounds()


@SPOKEN
async def test_short_reply(
    dialog: AssistDialog, service: Emulator, spoken: bool
) -> None:
    """A reply of one word is shown as text, and played to its end."""
    hold = asyncio.Event()
    service.replies.append(Reply(text=SHORT, hold=hold))
    await say(dialog, service, QUESTION, spoken=spoken)
    await assert_streams(dialog, SHORT, hold)
    await assert_answered(dialog, QUESTION, SHORT)
    await assert_heard(dialog, spoken=spoken)
    if spoken:
        sound = await dialog.heard("ended", "error")
        assert sound.media_events == ["playing", "ended"]


async def test_long_reply(dialog: AssistDialog, service: Emulator) -> None:
    """A reply of several sentences is wrapped inside the dialog, and it plays."""
    assert len(LONG) > 300
    hold = asyncio.Event()
    hold.set()
    service.replies.append(Reply(text=LONG, hold=hold))
    await say(dialog, service, QUESTION, spoken=True)
    await assert_streams(dialog, FIRST_SENTENCE, hold)
    await assert_heard(dialog, spoken=True)
    await assert_answered(dialog, QUESTION, LONG)


@SPOKEN
async def test_tool(
    dialog: AssistDialog,
    house: HomeAssistant,
    service: Emulator,
    turn_on: str,
    spoken: bool,
) -> None:
    """The reply after a tool call is shown like any other reply, and the light is on."""
    hold = asyncio.Event()
    call = (turn_on, {"name": "Kitchen Light"})
    service.replies += (Reply(tool_calls=[call]), Reply(text=SHORT, hold=hold))
    await say(dialog, service, ORDER, spoken=spoken)
    await assert_streams(dialog, SHORT, hold)
    await assert_answered(dialog, ORDER, SHORT)
    await assert_heard(dialog, spoken=spoken)
    assert await house.state(LIGHT) == "on"


@SPOKEN
async def test_failed_at_once(
    dialog: AssistDialog, service: Emulator, spoken: bool
) -> None:
    """If the model cannot answer at all, the dialog says so once."""
    service.replies.append(Reply(status="failed"))
    await say(dialog, service, QUESTION, spoken=spoken)
    bubbles = await dialog.answered()
    assert_told_once(bubbles, sentence("response_failed"))
    assert_legible(bubbles)
    await assert_heard(dialog, spoken=spoken)


@SPOKEN
async def test_failed_half_way(
    dialog: AssistDialog, service: Emulator, spoken: bool
) -> None:
    """If an answer breaks off, its beginning stays and the reason is set apart from it."""
    service.replies.append(Reply(text=HALF, status="failed"))
    await say(dialog, service, QUESTION, spoken=spoken)
    bubbles = await dialog.answered()
    assert any(bubble.text.startswith(HALF) for bubble in bubbles)
    assert_told_once(bubbles, sentence("response_failed"))
    assert_legible(bubbles)
    await assert_heard(dialog, spoken=spoken)


async def test_no_answer_in_time(dialog: AssistDialog, service: Emulator) -> None:
    """If the service does not react, the dialog says so without words of the protocol."""
    service.faults.add("no_ack:response.create")
    await say(dialog, service, QUESTION, spoken=False)
    bubbles = await dialog.answered()
    assert_told_once(bubbles, sentence("command_timeout"))
    assert_legible(bubbles)


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("known", [False, True], ids=["found_out", "known"])
async def test_service_away(
    dialog: AssistDialog, house: HomeAssistant, assistant: Assistant, known: bool
) -> None:
    """If the service cannot be reached, the dialog gives the reason, and no alert opens.

    A turn that finds this out has to wait for the service. Turns right after that fail at once.
    """
    if known:
        await ask(house, assistant)
    await dialog.talk()
    bubbles = await dialog.answered()
    assert_told_once(bubbles, sentence("service_trouble"))
    assert_legible(bubbles)
    sound = await dialog.heard("ended", "error")
    assert "error" not in sound.events
    await expect(dialog.alert).to_have_count(0)
