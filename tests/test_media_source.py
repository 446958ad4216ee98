"""Replies as media: what a media player gets, while the reply is made and afterwards."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Coroutine
import gc
from http import HTTPStatus
import io
from typing import Any
import wave
import weakref

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import media_source
from homeassistant.components.media_player import BrowseError
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.azure_realtime_audio.answers import reply as reply_module
from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime.audio import Resampler, ulaw_decode
from emulator import Emulator, Reply

from .conftest import SUBENTRY_ID
from .talk import set_timing

type Player = TestClient[Any, Any]
type Answer = Callable[..., Coroutine[Any, Any, dict[str, Any]]]

HEADER_BYTES = 44
TEN_MINUTES = 600  # seconds; what README promises


@pytest.fixture
async def player(
    init_integration: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> Player:
    """Return a media player's way to Home Assistant: it has no login."""
    client: Player = await hass_client_no_auth()
    return client


@pytest.fixture
def answer(hass: HomeAssistant, init_integration: MockConfigEntry) -> Answer:
    """Return what has the assistant answer, and returns the action's response."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "conversation", DOMAIN, SUBENTRY_ID
    )

    async def call(action: str = "create_response", **data: Any) -> dict[str, Any]:
        response = await hass.services.async_call(
            DOMAIN,
            action,
            {"entity_id": entity_id} | data,
            blocking=True,
            return_response=True,
        )
        assert response
        return dict(response)

    return call


def _spoken(emulator: Emulator) -> bytes:
    """Return all the audio that the newest session has sent."""
    return b"".join(
        b64decode(event["delta"])
        for event in emulator.sessions[-1].sent.of("response.output_audio.delta")
    )


async def _ffmpeg(source: str) -> bytes:
    """Return the PCM that ffmpeg makes of a URL."""
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-loglevel", "error", "-i", source, "-f", "s16le", "pipe:1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    pcm, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    return pcm


async def test_complete_reply_is_a_wav_file(
    emulator: Emulator, player: Player, answer: Answer
) -> None:
    """The header tells the true size."""
    emulator.replies.append(Reply(text="All of it."))
    reply = await answer()
    response = await player.get(reply["url"])
    assert response.status == HTTPStatus.OK
    assert response.content_type == "audio/wav"
    assert response.headers["Cache-Control"] == "no-store"
    body = await response.read()
    assert response.content_length == len(body)
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getframerate(), file.getnchannels()) == (24000, 1)
        assert file.readframes(file.getnframes()) == _spoken(emulator)


async def test_reply_plays_while_it_is_made(
    hass: HomeAssistant, emulator: Emulator, player: Player, answer: Answer
) -> None:
    """The sound is there before the reply is, and for who comes later from the start."""
    more = asyncio.Event()
    emulator.replies.append(Reply(text="A sentence with a pause in it.", hold=more))
    reply = await answer(wait=False)
    assert reply["status"] == "in_progress"
    response = await player.get(reply["url"])
    assert response.content_length is None
    header = await response.content.readexactly(HEADER_BYTES)
    assert header[40:] == b"\xff\xff\xff\xff"
    first = await response.content.readany()
    assert any(first)
    assert not emulator.sessions[-1].sent.of("response.done")
    later = asyncio.create_task(_ffmpeg(str(player.make_url(reply["url"]))))
    more.set()
    assert first + await response.read() == _spoken(emulator)
    assert await later == _spoken(emulator)


async def test_reply_goes_on_after_a_tool(
    emulator: Emulator, player: Player, answer: Answer
) -> None:
    """What is said before and after a tool call is one sound."""
    emulator.faults.add("late_ack:conversation.item.create", times=1)
    emulator.replies += [
        Reply(text="Let me see.", tool_calls=[("GetNothing", {})]),
        Reply(text="There is nothing."),
    ]
    reply = await answer(wait=False)
    response = await player.get(reply["url"])
    body = await response.read()
    assert body[HEADER_BYTES:] == _spoken(emulator)
    assert len(emulator.sessions[-1].sent.of("response.done")) == 2


async def test_silence_while_a_player_would_wait(
    hass: HomeAssistant, emulator: Emulator, player: Player, answer: Answer
) -> None:
    """A gap is filled, so that the player does not give up; the reply is complete."""
    set_timing(hass, speech_gap=0.05)
    more = asyncio.Event()
    emulator.replies.append(Reply(text="Well ...", hold=more))
    reply = await answer(wait=False)
    response = await player.get(reply["url"])
    silence = bytes(960)  # 20 ms
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if silence in body:
            more.set()
    assert silence in body
    assert body[HEADER_BYTES:].replace(silence, b"") == _spoken(emulator)


@pytest.mark.parametrize("wait", [False, True])
async def test_g711_becomes_pcm(
    emulator: Emulator, player: Player, answer: Answer, wait: bool
) -> None:
    """A session that speaks G.711 gives a WAV that everybody can play."""
    await answer("update_session", session={"output_audio_format": "g711_ulaw"})
    reply = await answer(wait=wait)
    response = await player.get(reply["url"])
    body = await response.read()
    assert int.from_bytes(body[24:28], "little") == 24_000
    resampler = Resampler(8_000, 24_000)
    pcm = resampler.process(ulaw_decode(_spoken(emulator))) + resampler.flush()
    assert body[HEADER_BYTES:] == pcm


async def test_resolve(
    hass: HomeAssistant, player: Player, answer: Answer, emulator: Emulator
) -> None:
    """A media player finds the reply by its media content id."""
    reply = await answer()
    media = await media_source.async_resolve_media(
        hass, reply["media_content_id"], "media_player.kitchen"
    )
    assert (media.url, media.mime_type) == (reply["url"], "audio/wav")
    assert await _ffmpeg(str(player.make_url(media.url))) == _spoken(emulator)


async def test_head(player: Player, answer: Answer) -> None:
    """Some renderers ask before they play."""
    reply = await answer()
    response = await player.head(reply["url"])
    assert (response.status, response.content_type) == (HTTPStatus.OK, "audio/wav")
    response = await player.head(reply["url"].replace(".wav", "x.wav"))
    assert response.status == HTTPStatus.NOT_FOUND


async def test_unknown_reply(hass: HomeAssistant, player: Player) -> None:
    """Without its token there is no reply."""
    response = await player.get(f"/api/{DOMAIN}/reply/guess.wav")
    assert response.status == HTTPStatus.NOT_FOUND
    with pytest.raises(media_source.Unresolvable, match="no longer kept"):
        await media_source.async_resolve_media(
            hass, f"media-source://{DOMAIN}/guess", None
        )


async def test_nothing_to_browse(
    hass: HomeAssistant, init_integration: MockConfigEntry, answer: Answer
) -> None:
    """Nobody finds in the media browser what somebody else was told."""
    reply = await answer()
    shelf = await media_source.async_browse_media(hass, f"media-source://{DOMAIN}")
    assert shelf.title == "Azure Realtime Audio"
    assert not shelf.children
    with pytest.raises(BrowseError, match="no longer kept"):
        await media_source.async_browse_media(hass, reply["media_content_id"])


async def test_replies_are_not_kept_for_ever(
    player: Player, answer: Answer, freezer: FrozenDateTimeFactory
) -> None:
    """The oldest make room for the newest, and all go after ten minutes."""
    urls = [(await answer())["url"] for _ in range(reply_module.KEPT_REPLIES + 1)]

    async def kept() -> list[str]:
        return [url for url in urls if (await player.head(url)).status == HTTPStatus.OK]

    assert await kept() == urls[1:]
    freezer.tick(TEN_MINUTES + 1)
    assert await kept() == []


async def test_memory_of_replies(
    hass: HomeAssistant, answer: Answer, freezer: FrozenDateTimeFactory
) -> None:
    """Replies go by themselves, whether somebody asks for them or not."""
    replies = hass.data[reply_module.DATA_REPLIES]
    kept = []
    for data in ({}, {"conversation": "none"}):
        reply = replies.get(_token(await answer(**data)))
        assert reply
        kept.append(weakref.ref(reply))
    del reply
    freezer.tick(TEN_MINUTES + 1)
    async_fire_time_changed(hass)
    gc.collect()
    assert [found() for found in kept] == [None, None]


async def test_reply_goes_with_its_entry(
    hass: HomeAssistant,
    emulator: Emulator,
    player: Player,
    answer: Answer,
    init_integration: MockConfigEntry,
) -> None:
    """Nothing that an assistant has said is served when the assistant is gone."""
    done = await answer()
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    in_the_making = await answer(wait=False)
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for reply in (done, in_the_making):
        assert (await player.get(reply["url"])).status == HTTPStatus.NOT_FOUND


async def test_reply_keeps_no_session(
    hass: HomeAssistant, answer: Answer, init_integration: MockConfigEntry
) -> None:
    """What is left of a reply is words and sound."""
    await answer()
    assistant = init_integration.runtime_data[SUBENTRY_ID].assistant
    session, client = (
        weakref.ref(part) for s in assistant.sessions for part in (s, s.client)
    )
    await hass.services.async_call(
        DOMAIN, "reset_conversation", {"entity_id": assistant.agent_id}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    gc.collect()
    assert (session(), client()) == (None, None)


async def test_connection_lost_while_playing(
    emulator: Emulator, player: Player, answer: Answer
) -> None:
    """The sound ends where the service's did."""
    emulator.faults.add("ends_at:audio/1006", times=1)
    emulator.replies.append(Reply(text="A sentence that takes more than three deltas."))
    reply = await answer(wait=False)
    response = await player.get(reply["url"])
    pcm = (await response.read())[HEADER_BYTES:]
    assert pcm
    assert _spoken(emulator).startswith(pcm)


async def test_player_stops_listening(
    hass: HomeAssistant, emulator: Emulator, player: Player, answer: Answer
) -> None:
    """A player that goes away does not stop the reply, nor leave anything behind."""
    more = asyncio.Event()
    emulator.replies.append(Reply(text="A sentence with a pause in it.", hold=more))
    reply = await answer(wait=False)
    response: ClientResponse = await player.get(reply["url"])
    await response.content.readexactly(HEADER_BYTES + 2)
    response.close()
    more.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    response = await player.get(reply["url"])
    assert (await response.read())[HEADER_BYTES:] == _spoken(emulator)


def _token(reply: dict[str, Any]) -> str:
    token: str = reply["media_content_id"].rpartition("/")[2]
    return token
