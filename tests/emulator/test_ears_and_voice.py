"""Real ears and a real voice, offline: what is spoken is heard."""

from typing import Any

import aiohttp
import numpy as np
import pytest

from emulator import Emulator
from emulator.model import touch_tones
from emulator.model.ears import SphinxEars, TouchToneEars
from emulator.model.voice import EspeakVoice, TouchToneVoice, synthesized
from emulator.wire import audio
from emulator.wire.conversation import Item

from .conftest import GA, KEY, Client, silence
from .house import HOUSE, TOOLS

SESSION: dict[str, Any] = {"tools": TOOLS, "instructions": HOUSE}


async def heard(pcm: bytes, **session: Any) -> str:
    """Return what the ears make of audio."""
    item = Item("item", "message", role="user", audio=bytearray(pcm))
    return await SphinxEars().hear(item, {**SESSION, **session})


@pytest.mark.parametrize(
    "words", ["turn on the kitchen light", "is the bedroom lamp on"]
)
async def test_commands_are_heard(words: str) -> None:
    """The session's tools and names make commands reliable."""
    pcm = await EspeakVoice().say(words, voice="alloy", speed=1.0)
    assert await heard(silence(200) + pcm) == words


@pytest.mark.parametrize(
    "words", ["turn on the hall lamp", "is the garage door closed"]
)
async def test_names_of_a_sentence_are_heard(words: str) -> None:
    """Other instructions than those of Assist may describe the house."""
    pcm = await EspeakVoice().say(words, voice="alloy", speed=1.0)
    house = "The house has: a kitchen light, a hall lamp and the garage door."
    assert await heard(silence(200) + pcm, instructions=house) == words


async def test_other_words_are_heard_somehow() -> None:
    """Words that are no command are recognized by the English model."""
    pcm = await EspeakVoice().say("my name is john", voice="alloy", speed=1.0)
    assert (await heard(pcm)).startswith("my name")


async def test_voices_and_speed() -> None:
    """Voices differ, speed shortens, and the same is the same."""
    voice = EspeakVoice()
    alloy = await voice.say("good morning", voice="alloy", speed=1.0)
    assert 500 < audio.duration_ms(alloy) < 2000
    assert audio.level(alloy) > 500
    assert alloy == await voice.say("good morning", voice="alloy", speed=1.0)
    assert alloy != await voice.say("good morning", voice="ash", speed=1.0)
    fast = await voice.say("good morning", voice="alloy", speed=1.5)
    assert len(fast) < len(alloy) * 0.8


def test_voice_keeps_nothing() -> None:
    """The same text sounds the same after any other text."""
    first = synthesized("good morning", "f2", 160)
    synthesized("tell me a long story", "m1", 160)
    assert synthesized("good morning", "f2", 160) == first


async def test_ears_keep_nothing() -> None:
    """The ears hear the same words in the same sound, after any other sound."""
    voice = EspeakVoice()
    words = await voice.say("my name is john", voice="alloy", speed=1.0)
    texts = ["is the bedroom lamp on", "turn off the bedroom lamp", "good morning"]
    told = set()
    for at, text in enumerate(texts):
        # A little more silence each time: the ears remember what they have heard already.
        told.add(await heard(words + silence(at)))
        for speed in (0.8, 0.9, 1.0):
            await heard(await voice.say(text, voice="ash", speed=speed))
    assert told == {"my name is john"}


async def test_a_spoken_command_end_to_end(socket_enabled: None) -> None:
    """Speech in, turn found, words heard, tool called, confirmation spoken."""
    async with (
        Emulator(
            api_key=KEY, deployment="house", ears="sphinx", voice="espeak"
        ) as emulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{GA}", headers={"api-key": KEY}) as socket,
    ):
        client = Client(socket)
        await client.update(
            instructions=HOUSE,
            tools=TOOLS,
            audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
        )
        spoken = await EspeakVoice().say(
            "turn on the kitchen light", voice="echo", speed=1.0
        )
        await client.say(silence(400) + spoken + silence(400))
        done = (await client.until("response.done"))["response"]
        call = done["output"][0]
        assert call["name"] == "intent__HassTurnOn"
        transcript = await client.saw(
            "conversation.item.input_audio_transcription.completed"
        )
        assert transcript["transcript"] == "turn on the kitchen light"
        await client.send(
            "conversation.item.create",
            item={
                "type": "function_call_output",
                "call_id": call["call_id"],
                "output": "{}",
            },
        )
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        said = done["output"][0]["content"][0]["transcript"]
        assert said == "I turned on the kitchen light."


async def test_listens_when_it_answers(socket_enabled: None) -> None:
    """Names of the house in session or response count, even if they come after the audio."""
    async with (
        Emulator(api_key=KEY, deployment="house", ears="sphinx", speed=0) as emulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{GA}", headers={"api-key": KEY}) as socket,
    ):
        client = Client(socket)
        await client.detect_turns()
        await client.say(
            await EspeakVoice().say(
                "turn off the bedroom lamp", voice="alloy", speed=1.0
            )
        )
        await client.send("input_audio_buffer.commit")
        await client.send(
            "response.create", response={"instructions": HOUSE, "tools": TOOLS}
        )
        call = (await client.until("response.done"))["response"]["output"][0]
        assert call["name"] == "intent__HassTurnOff"
        await client.update(instructions=HOUSE, tools=TOOLS, output_modalities=["text"])
        spoken = next(iter(emulator.sessions[0].conversation))
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "instructions": "Write down exactly what the user says.",
                "tools": [],
                "input": [{"type": "item_reference", "id": spoken.id}],
            },
        )
        written = (await client.until("response.done"))["response"]["output"][0]
        assert written["content"][0]["text"] == "turn off the bedroom lamp"


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_g711_round_trip(kind: str) -> None:
    """Encoded samples come back within G.711's step, at every loudness."""
    samples = np.repeat(np.arange(-32000, 32000, 500, dtype="<i2"), 3).tobytes()
    back = np.frombuffer(audio.decode(audio.encode(samples, kind), kind), "<i2").astype(
        int
    )
    given = np.frombuffer(samples, "<i2").astype(int)
    assert len(back) == len(given)
    assert np.all(np.abs(back - given) <= np.maximum(16, np.abs(given) / 16))


def test_known_g711_codes() -> None:
    """Silence and the loudest sample have the codes of the recommendation."""
    assert audio.encode(bytes(6), "audio/pcmu") == b"\xff"
    assert audio.encode(bytes(6), "audio/pcma") in (b"\xd5", b"\x55")
    loudest = np.full(3, 32767, dtype="<i2").tobytes()
    assert audio.encode(loudest, "audio/pcmu") == b"\x80"
    assert audio.encode(loudest, "audio/pcma") == b"\xaa"


async def test_touch_tones_are_heard_as_they_were_dialed() -> None:
    """Every digit, at a microphone's rate too; a hummed word is none."""
    assert touch_tones.heard(touch_tones.dialed("*0123456789# 42")) == "*0123456789# 42"
    at_16_khz = touch_tones.dialed("1704 21", 16_000)
    assert touch_tones.heard(at_16_khz, 16_000) == "1704 21"
    spoken = await TouchToneVoice().say("You said: 170421.", voice="alloy", speed=1.0)
    assert touch_tones.heard(spoken) == "170421"
    item = Item("item", "message", role="user", audio=bytearray(spoken))
    assert await TouchToneEars().hear(item, SESSION) == "170421"


async def test_what_is_dialed_is_answered_and_carried_out(socket_enabled: None) -> None:
    """A tool called Star is called with the number after the star, which is then spoken."""
    tool = {
        "type": "function",
        "name": "Star",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
        },
    }
    async with (
        Emulator(
            api_key=KEY, deployment="house", ears="touch_tones", voice="touch_tones"
        ) as emulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{emulator.url}{GA}", headers={"api-key": KEY}) as socket,
    ):
        client = Client(socket)
        await client.update(tools=[tool])
        for words, called in (("*170421", True), ("170421", False)):
            await client.say(
                silence(400) + touch_tones.dialed(words, 24_000) + silence(600)
            )
            output = (await client.until("response.done"))["response"]["output"]
            if called:
                assert output[0]["arguments"] == '{"number": 170421}'
            else:
                said = output[0]["content"][0]["transcript"]
                assert said == "You said: 170421"
