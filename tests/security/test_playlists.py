"""A list of other files, where audio was expected, leads nowhere it should not."""

from collections.abc import AsyncIterator
from pathlib import Path
import subprocess
from types import SimpleNamespace

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.components.media_source import (
    MediaSource,
    MediaSourceItem,
    PlayMedia,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockUser,
    mock_integration,
    mock_platform,
)

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Emulator
from tests.talk import AGENT

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile {}\n"


class House:
    """A folder that may be read, one that may not, and a web server with the same in it."""

    def __init__(self, root: Path) -> None:
        """Have no file yet."""
        self.allowed = root / "allowed"
        self.private = root / "private"
        self.requests: list[str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.FileResponse:
        """Count a request, and answer it."""
        self.requests.append(request.path)
        folder = self.private if request.path.endswith("tone.mp3") else self.allowed
        return web.FileResponse(folder / request.match_info["name"])


class Radio(MediaSource):
    """A media source whose items are what the house's web server has."""

    def __init__(self, house: House) -> None:
        """Have a name."""
        super().__init__("radio")
        self.house = house

    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return the URL."""
        return PlayMedia(f"{self.house.url}/{item.identifier}", "audio/mpeg")


@pytest.fixture
async def house(
    hass: HomeAssistant, init_integration: MockConfigEntry, tmp_path: Path
) -> AsyncIterator[House]:
    """Record a second of a tone where nobody may read it, and serve it."""
    house = House(tmp_path)
    house.allowed.mkdir()
    house.private.mkdir()
    record(house.private / "tone.mp3")
    hass.config.allowlist_external_dirs = {str(house.allowed)}

    async def source(_: HomeAssistant) -> Radio:
        return Radio(house)

    mock_integration(hass, MockModule("radio"))
    platform = SimpleNamespace(async_get_media_source=source)
    mock_platform(hass, "radio.media_source", platform)
    hass.config.components.add("radio")
    app = web.Application()
    app.router.add_get("/{name}", house.serve)
    async with TestServer(app) as server:
        house.url = str(server.make_url("")).rstrip("/")
        yield house


def record(path: Path, *options: str) -> None:
    """Have ffmpeg write a second of a tone."""
    tone = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000:duration=1", "-ac", "2"]
    command = ["ffmpeg", "-loglevel", "error", *tone, *options, str(path)]
    subprocess.run(command, check=True)


async def hear(
    hass: HomeAssistant, source: dict[str, str], context: Context | None = None
) -> int:
    """Append audio; returns its duration in ms."""
    heard = await hass.services.async_call(
        DOMAIN,
        "append_audio",
        {"entity_id": AGENT, **source},
        blocking=True,
        context=context,
        return_response=True,
    )
    assert heard
    duration_ms = heard["duration_ms"]
    assert isinstance(duration_ms, int)
    return duration_ms


async def assert_unreadable(
    hass: HomeAssistant, emulator: Emulator, source: dict[str, str]
) -> None:
    """Check that the action fails with a sentence, and that nothing was read."""
    with pytest.raises(HomeAssistantError, match="cannot be read as audio") as raised:
        await hear(hass, source)
    assert raised.value.translation_key == "media_unreadable"
    assert not emulator.sessions[-1].received.of("input_audio_buffer.append")


@pytest.mark.parametrize("name", ["list.m3u8", "list.wav"])
@pytest.mark.parametrize("playlist", [HLS, CONCAT], ids=["HLS", "concat"])
@pytest.mark.parametrize("leads_to", ["../private/tone.mp3", "{house.url}/tone.mp3"])
async def test_file_that_is_a_playlist(
    hass: HomeAssistant,
    emulator: Emulator,
    house: House,
    name: str,
    playlist: str,
    leads_to: str,
) -> None:
    """A playlist leads neither to a file that is not allowed, nor into the network."""
    file = house.allowed / name
    file.write_text(playlist.format(leads_to.format(house=house)))
    await assert_unreadable(hass, emulator, {"path": str(file)})
    hass.config.media_dirs["local"] = str(house.allowed)
    media_id = f"media-source://media_source/local/{name}"
    await assert_unreadable(hass, emulator, {"media_content_id": media_id})
    assert not house.requests


@pytest.mark.parametrize("leads_to", ["file:{}", "file://{}"])
async def test_url_that_is_a_playlist_of_files(
    hass: HomeAssistant, emulator: Emulator, house: House, leads_to: str
) -> None:
    """A URL leads to no file."""
    secret = house.private / "tone.mp3"
    (house.allowed / "list.m3u8").write_text(HLS.format(leads_to.format(secret)))
    media_id = "media-source://radio/list.m3u8"
    await assert_unreadable(hass, emulator, {"media_content_id": media_id})
    assert "/list.m3u8" in house.requests


async def test_url_that_is_a_stream(hass: HomeAssistant, house: House) -> None:
    """An HLS stream of a media source, such as a camera, is heard."""
    record(house.allowed / "part.ts")
    (house.allowed / "list.m3u8").write_text(HLS.format("part.ts"))
    heard_ms = await hear(hass, {"media_content_id": "media-source://radio/list.m3u8"})
    assert heard_ms == pytest.approx(1000, abs=60)
    assert set(house.requests) == {"/list.m3u8", "/part.ts"}


@pytest.mark.parametrize("may_see", [True, False])
async def test_media_of_an_entity(
    hass: HomeAssistant, house: House, may_see: bool
) -> None:
    """The media of an entity are heard for users who may see the entity."""
    camera = "camera.door"
    record(house.allowed / camera, "-f", "wav")
    hass.states.async_set(camera, "streaming")
    visible = {camera: {"read": True}} if may_see else {}
    user = MockUser(is_owner=False).add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {AGENT: True, **visible}}})
    hearing = hear(
        hass,
        {"media_content_id": f"media-source://radio/{camera}"},
        Context(user_id=user.id),
    )
    if may_see:
        assert await hearing == 1000
    else:
        with pytest.raises(Unauthorized):
            await hearing
        assert not house.requests


async def test_ordinary_formats(
    hass: HomeAssistant, house: House, subtests: pytest.Subtests
) -> None:
    """A file that holds its audio itself is heard, from a path and from a URL."""
    for name, *options in (
        ("tone.aac",),
        ("tone.ac3",),
        ("tone.aiff",),
        ("tone.au",),
        ("tone.avi",),
        ("tone.caf",),
        ("tone.flac",),
        ("tone.m4a",),
        ("alac.m4a", "-codec:a", "alac"),
        ("tone.mkv",),
        ("tone.mov",),
        ("tone.mp3",),
        ("tone.mp4",),
        ("tone.mpg",),
        ("tone.oga",),
        ("opus.ogg", "-codec:a", "libopus"),
        ("tone.opus",),
        ("tone.ts",),
        ("tone.tta",),
        ("tone.w64",),
        ("tone.wav",),
        ("g711.wav", "-codec:a", "pcm_mulaw"),
        ("tone.webm",),
        ("tone.wma",),
        ("tone.wv",),
    ):
        with subtests.test(name=name):
            record(house.allowed / name, *options)
            heard_ms = [
                await hear(hass, {"path": str(house.allowed / name)}),
                await hear(hass, {"media_content_id": f"media-source://radio/{name}"}),
            ]
            assert heard_ms == pytest.approx([1000, 1000], abs=80)
