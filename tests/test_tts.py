"""The voice of an assistant: texts of others, and the formats that players want."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from homeassistant.components import conversation, tts
from homeassistant.components.assist_pipeline import (
    PipelineEventType,
    async_get_pipeline,
    async_update_pipeline,
)
from homeassistant.components.media_source import Unresolvable, async_resolve_media
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import mutagen
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.azure_realtime_audio.const import CONF_API_VERSION, CONF_VOICE
from custom_components.azure_realtime_audio.core_internals import CORE_STREAMS_WAV
from emulator import Emulator, Reply

from .conftest import SUBENTRY_ID
from .satellite import VOICE, Satellite, Wav, new_conversation, said_at, speak_to
from .talk import AGENT, say, speech

SECONDS_PER_LETTER = 0.04  # of the emulator's cheap voice
DINNER = "Dinner is ready."


def aloud(
    hass: HomeAssistant,
    text: str | AsyncGenerator[str],
    *,
    language: str | None = None,
    **options: Any,
) -> AsyncGenerator[bytes]:
    """Have something read aloud, as announcements and other integrations do."""
    options = {tts.ATTR_PREFERRED_FORMAT: "wav", **options}
    stream = tts.async_create_stream(hass, VOICE, language, options)
    if isinstance(text, str):
        stream.async_set_message(text)
    else:
        stream.async_set_message_stream(text)
    return stream.async_stream_result()


async def heard(stream: AsyncGenerator[bytes]) -> Wav:
    """Listen to the end."""
    return Wav(b"".join([chunk async for chunk in stream]))


@pytest.mark.parametrize("api_version", ["", "2025-04-01-preview"])
async def test_reads_a_text(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    api_version: str,
) -> None:
    """A text is read as it is, in no conversation."""
    data = {**config_entry.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(config_entry, data=data)
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    wav = await heard(aloud(hass, DINNER))
    assert wav.seconds == pytest.approx(len(DINNER) * SECONDS_PER_LETTER, abs=0.01)
    assert wav.pitch == pytest.approx(440, abs=5)
    session = emulator.sessions[-1]
    [created] = session.received.of("response.create")
    response = created["response"]
    assert response["conversation"] == "none"
    assert response["input"] == []
    assert response["tools"] == []
    assert response["instructions"].startswith("Say exactly")
    assert "(en)" in response["instructions"]
    assert len(session.conversation) == 0
    done = session.sent.of("response.done")[0]["response"]
    [item] = done["output"]
    assert item["content"][0]["transcript"] == DINNER


async def test_language_and_voice(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A text is spoken in the language and voice that were asked for."""
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "tts/engine/voices", "engine_id": VOICE, "language": "nl"}
    )
    voices = (await client.receive_json())["result"]["voices"]
    assert {"voice_id": "echo", "name": "Echo"} in voices
    await heard(aloud(hass, "Het eten is klaar.", language="nl", voice="echo"))
    [created] = emulator.sessions[-1].received.of("response.create")
    assert created["response"]["audio"]["output"]["voice"] == "echo"
    assert "(nl)" in created["response"]["instructions"]


async def test_sentence_by_sentence(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A text that is still being written is read as far as its sentences are complete."""
    go_on = asyncio.Event()

    async def writing() -> AsyncGenerator[str]:
        yield 'One. "Two!" Th'
        yield "ree?\nFo"
        await go_on.wait()
        yield "ur"

    stream = aloud(hass, writing())
    await anext(stream)
    session = emulator.sessions[-1]
    await session.received.wait_for("response.create", 3)
    assert len(session.received.of("response.create")) == 3
    go_on.set()
    await heard(stream)
    texts = [
        created["response"]["instructions"].partition("“")[2].rstrip("”")
        for created in session.received.of("response.create")
    ]
    assert texts == ["One.", '"Two!"', "Three?", "Four"]


async def test_cached(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """Home Assistant keeps a text that was read once."""
    first = await heard(aloud(hass, DINNER))
    assert await heard(aloud(hass, DINNER)) == first
    assert len(emulator.sessions[-1].received.of("response.create")) == 1


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("http_500", "service_trouble"),
        ("response_failed", "response_failed"),
        ("response_rate_limited", "rate_limited"),
        ("ends_at:audio/1006", "connection_lost"),
        ("refuse:response.create", "command_refused"),
    ],
)
async def test_errors(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    fault: str,
    key: str,
) -> None:
    """The caller is told what went wrong; the next text is read again."""
    emulator.faults.add(fault, times=1)
    with pytest.raises(HomeAssistantError) as caught:
        await heard(aloud(hass, DINNER))
    assert caught.value.translation_key == key
    emulator.faults.clear()
    assert (await heard(aloud(hass, DINNER))).seconds > 0.5


@pytest.mark.parametrize(
    "language",
    [
        "de",
        "de-DE",
        "en-US",
        "pt-BR",
        "zh-TW",
        "nb-NO",
        "de_DE",
        "en-us",
        "ar-001",
        "iw",
    ],
)
async def test_language_with_a_region(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    language: str,
) -> None:
    """Announcements that were written for another engine name the region."""
    await heard(aloud(hass, DINNER, language=language))
    [created] = emulator.sessions[-1].received.of("response.create")
    assert f"({language})" in created["response"]["instructions"]


async def test_a_voice_that_does_not_exist(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """A voice is refused where its sound is ordered, before a player gets an empty answer."""
    assert await async_setup_component(hass, "media_source", {})
    played = async_mock_service(hass, "media_player", "play_media")
    action = {
        "entity_id": VOICE,
        "media_player_entity_id": "media_player.kitchen",
        "message": DINNER,
        "options": {"voice": "nobody"},
    }
    with pytest.raises(HomeAssistantError) as refused:
        await hass.services.async_call("tts", "speak", action, blocking=True)
    assert refused.value.translation_key == "unknown_voice"
    assert "nobody" in str(refused.value)
    assert not played
    with pytest.raises(HomeAssistantError) as refused:
        aloud(hass, DINNER, voice="nobody")
    assert refused.value.translation_key == "unknown_voice"
    media_id = f"media-source://tts/{VOICE}?message=Hello&voice=nobody"
    with pytest.raises(Unresolvable, match="There is no voice nobody"):
        await async_resolve_media(hass, media_id, "media_player.kitchen")
    client = await hass_client()
    response = await client.post(
        "/api/tts_get_url",
        json={"engine_id": VOICE, "message": "Hi", "options": {"voice": "nobody"}},
    )
    assert response.status == 400
    assert (await response.json())["error"].startswith("There is no voice nobody.")
    assert not [s for s in emulator.sessions if s.received.of("response.create")]


@pytest.mark.parametrize(
    ("api_version", "voice"),
    [("2025-04-01-preview", "marin"), ("2024-10-01-preview", "sage")],
)
async def test_a_voice_of_another_api(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    api_version: str,
    voice: str,
) -> None:
    """An assistant whose voice its entry's API version lacks has the service's own."""
    data = {**config_entry.data, CONF_API_VERSION: api_version}
    hass.config_entries.async_update_entry(config_entry, data=data)
    subentry = config_entry.subentries[SUBENTRY_ID]
    hass.config_entries.async_update_subentry(
        config_entry, subentry, data={**subentry.data, CONF_VOICE: voice}
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    with pytest.raises(HomeAssistantError, match=f"There is no voice {voice}"):
        aloud(hass, DINNER, voice=voice)
    assert (await heard(aloud(hass, DINNER))).seconds > 0.5
    assert speech(await say(hass, "hello"))
    assert {
        session.config["audio"]["output"]["voice"] for session in emulator.sessions
    } == {"alloy"}


@pytest.mark.parametrize("reads_aloud", [False, True])
async def test_a_pipeline_with_another_voice(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    reads_aloud: bool,
) -> None:
    """A person hears the answer in the assistant's own voice."""
    agent = conversation.HOME_ASSISTANT_AGENT if reads_aloud else AGENT
    await speak_to(hass, agent)
    pipeline = async_get_pipeline(hass)
    await async_update_pipeline(hass, pipeline, tts_voice="nobody")
    satellite = Satellite(hass, new_conversation())
    run = await satellite.run()
    assert run.error is None
    assert Wav(run.data).seconds > 0.3
    assert ("has no voice nobody" in caplog.text) is reads_aloud


async def test_an_incomplete_reading_goes_on(
    hass: HomeAssistant, emulator: Emulator, init_integration: MockConfigEntry
) -> None:
    """A response that reaches the limit of tokens is followed by the rest of the text."""
    text = "The washing machine in the cellar is ready"
    begun = "The washing machine"
    emulator.replies += [
        Reply(text=begun, status="incomplete"),
        Reply(text=text[len(begun) :]),
    ]
    await heard(aloud(hass, text))
    texts = [
        created["response"]["instructions"].partition("“")[2].rstrip("”")
        for created in emulator.sessions[-1].received.of("response.create")
    ]
    assert texts == [text, text[len(begun) + 1 :]]


async def test_speak_action(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """The action that speaks on a media player gives it the voice."""
    assert await async_setup_component(hass, "media_source", {})
    played = async_mock_service(hass, "media_player", "play_media")
    await hass.services.async_call(
        "tts",
        "speak",
        {
            "entity_id": VOICE,
            "media_player_entity_id": "media_player.kitchen",
            "message": DINNER,
            "options": {"preferred_format": "wav"},
        },
        blocking=True,
    )
    media = await async_resolve_media(
        hass, played[0].data["media_content_id"], "media_player.kitchen"
    )
    client = await hass_client()
    response = await client.get(media.url)
    wav = Wav(await response.read())
    assert wav.seconds == pytest.approx(len(DINNER) * SECONDS_PER_LETTER, abs=0.01)


# --- Formats

SIXTEEN_KHZ = {
    "preferred_sample_rate": 16_000,
    "preferred_sample_channels": 1,
    "preferred_sample_bytes": 2,
}
AS_SATELLITES_WANT_IT = [
    {"preferred_format": "wav", **SIXTEEN_KHZ},
    {"preferred_format": "mp3", **SIXTEEN_KHZ, "preferred_bitrate": 64},
    {"preferred_format": "flac", **SIXTEEN_KHZ, "preferred_sample_rate": 48_000},
    {
        "preferred_format": "flac",
        "preferred_sample_rate": 48_000,
        "preferred_sample_channels": 2,
        "preferred_sample_bytes": 2,
    },
]
PLAIN = [{"preferred_format": extension} for extension in ("wav", "mp3", "flac")]
MAGIC = {"wav": b"RIFF", "mp3": b"\xff", "flac": b"fLaC", "ogg": b"OggS"}


@pytest.fixture
async def no_ffmpeg(hass: HomeAssistant) -> None:
    """Let core not find what it converts with."""
    config = {"ffmpeg": {"ffmpeg_bin": "/nowhere/ffmpeg"}}
    assert await async_setup_component(hass, "ffmpeg", config)


# Before 2026.11, core converts every reply whose request names details.
@pytest.mark.parametrize(
    "options", [{}, *PLAIN, *(AS_SATELLITES_WANT_IT if CORE_STREAMS_WAV else ())]
)
async def test_without_ffmpeg(
    hass: HomeAssistant,
    no_ffmpeg: None,
    init_integration: MockConfigEntry,
    decoded: Callable[[bytes], Any],
    options: dict[str, Any],
) -> None:
    """Starting ffmpeg takes longer than all the rest: what players want is made without it."""
    data = await said_aloud(hass, options)
    assert data.startswith(MAGIC[options.get("preferred_format", "mp3")])
    if options.get("preferred_format", "mp3") == "mp3":
        # Players begin when they have so many bytes.
        wishes = {"preferred_sample_rate": 48_000, "preferred_bitrate": 192}
        options = wishes | options
    await assert_said(decoded, data, options)
    if kbits := options.get("preferred_bitrate"):
        assert len(data) * 8 < 1000 * kbits * 1.5


@pytest.mark.parametrize(
    "options",
    [
        {"preferred_format": "ogg"},
        {"preferred_format": "flac", "preferred_sample_rate": 96_000},
        *AS_SATELLITES_WANT_IT,
    ],
)
async def test_all_formats(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    decoded: Callable[[bytes], Any],
    options: dict[str, Any],
) -> None:
    """Core makes the other formats with its ffmpeg."""
    data = await said_aloud(hass, options)
    assert data.startswith((MAGIC[options["preferred_format"]], b"ID3"))
    await assert_said(decoded, data, options)


@pytest.mark.parametrize(
    "options",
    [{"preferred_format": "ogg"}, *(() if CORE_STREAMS_WAV else AS_SATELLITES_WANT_IT)],
)
async def test_needs_ffmpeg(
    hass: HomeAssistant,
    no_ffmpeg: None,
    init_integration: MockConfigEntry,
    options: dict[str, Any],
) -> None:
    """The others cannot be had without it."""
    with pytest.raises(FileNotFoundError):
        await said_aloud(hass, options)


async def said_aloud(hass: HomeAssistant, options: dict[str, Any]) -> bytes:
    """Return how something sounds to a player with these wishes."""
    stream = tts.async_create_stream(hass, VOICE, None, options)
    stream.async_set_message(DINNER)
    return b"".join([chunk async for chunk in stream.async_stream_result()])


async def assert_said(
    decoded: Callable[[bytes], Any], data: bytes, options: dict[str, Any]
) -> None:
    """Fail unless the whole reply is there, in the format of the player."""
    wav = await decoded(data)
    seconds = len(DINNER) * SECONDS_PER_LETTER
    assert seconds - 0.01 < wav.seconds < seconds + 0.15
    assert wav.pitch == pytest.approx(440, abs=5)
    assert wav.rate == options.get("preferred_sample_rate", wav.rate)
    assert wav.channels == options.get("preferred_sample_channels", wav.channels)


@pytest.mark.parametrize("options", [*PLAIN, *AS_SATELLITES_WANT_IT])
async def test_plays_while_it_is_made(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    decoded: Callable[[bytes], Any],
    options: dict[str, Any],
) -> None:
    """A player gets the first sound before the reply is complete, in any format."""
    await speak_to(hass, AGENT)
    satellite = Satellite(hass, new_conversation(), audio_output=options)
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Yes", pcm=said_at(700, 1.0), hold=hold))
    run = satellite.start()
    await run.until_played()
    assert not run.has(PipelineEventType.INTENT_END)
    hold.set()
    await run.end()
    wav = await decoded(run.data)
    assert wav.pitch == pytest.approx(700, abs=5)
    assert wav.seconds >= 1.0


async def test_cached_with_tags(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    tmp_path: Path,
    decoded: Callable[[bytes], Any],
) -> None:
    """Home Assistant writes into an MP3 that it keeps what it says, and by whom."""
    first = await said_aloud(hass, {})
    await hass.async_block_till_done(wait_background_tasks=True)
    [kept] = tmp_path.glob("*.mp3")
    data = kept.read_bytes()
    assert data.endswith(first)
    tagged = mutagen.File(kept)
    assert tagged is not None
    assert tagged.tags["TIT2"].text == [DINNER]
    await assert_said(decoded, data, {})


@pytest.fixture
def decoded() -> Callable[[bytes], Any]:
    """Return what decodes any format, as a player does."""

    async def decode(data: bytes) -> Wav:
        ffmpeg = await asyncio.create_subprocess_exec(
            *("ffmpeg", "-i", "-", "-f", "wav", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return Wav((await ffmpeg.communicate(data))[0])

    return decode
