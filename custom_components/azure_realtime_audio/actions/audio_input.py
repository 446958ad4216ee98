"""Speech for the model out of files, media and base64, whatever their format."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
import os
from pathlib import Path
import stat
from typing import BinaryIO, NamedTuple

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import media_source
from homeassistant.components.ffmpeg import get_ffmpeg_manager
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import ServiceValidationError
from pybase64 import b64decode

from ..assistant.appended_audio import AppendedAudio
from ..const import DOMAIN
from ..errors import translated
from ..realtime import (
    BYTES_PER_SECOND,
    SAMPLE_RATE,
    AudioFormat,
    InvalidAudioError,
    pcm_duration_ms,
)
from .file_kinds import file_kind
from .target import async_check_permission

AUDIO_FORMATS = ("pcm16", "g711_ulaw", "g711_alaw")
_G711_FORMATS = {"g711_ulaw": AudioFormat.PCMU, "g711_alaw": AudioFormat.PCMA}
# Characters that are decoded at once, a multiple of four; and what padding may add, in bytes.
_BASE64_PIECE = 64 * 1024
_BASE64_PADDING = 2
# Formats whose audio is all in the file itself: a playlist is none of them.
_FILE_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,"
    "tta,w64,wav,wv"
)
# What a URL plays may be HLS, as that of a camera is.
_URL_FORMATS = f"{_FILE_FORMATS},hls,webvtt"
# The service recommends about 100 ms of audio per event.
_CHUNK_BYTES = BYTES_PER_SECOND // 10


class MediaInput(NamedTuple):
    """What ffmpeg opens, and what the caller called it.

    Of a file it is the opened file itself, which is the caller's to close.
    """

    source: str | BinaryIO
    name: str


async def async_append_base64(
    hass: HomeAssistant,
    appended: AppendedAudio,
    audio: str,
    audio_format: str,
    sample_rate: int | None,
    max_seconds: int,
) -> int:
    """Append base64 of raw mono audio, 100 ms at a time; returns its duration in ms.

    ``audio_format`` is one of AUDIO_FORMATS; without a ``sample_rate`` in Hz it is the
    format's own. Raises RealtimeError, and HomeAssistantError if it is more than
    ``max_seconds``. Nothing is appended of what is no audio.
    """
    encoded = _G711_FORMATS.get(audio_format, AudioFormat.PCM)
    sample_rate = sample_rate or encoded.rate
    bytes_per_second = encoded.sample_bytes * sample_rate
    if len(audio) * 3 // 4 > max_seconds * bytes_per_second + _BASE64_PADDING:
        raise translated("audio_too_long", seconds=str(max_seconds))
    raw = await hass.async_add_executor_job(_decoded, audio)
    if len(raw) > max_seconds * bytes_per_second:
        raise translated("audio_too_long", seconds=str(max_seconds))
    if kind := file_kind(raw):
        raise translated("audio_is_a_file", kind=kind)
    if len(raw) % encoded.sample_bytes:
        raise InvalidAudioError("PCM16 audio has an even number of bytes")
    size = (bytes_per_second // 10) & ~1
    for start in range(0, len(raw), size):
        piece = bytes(raw[start : start + size])
        await appended.async_append(encoded.to_pcm(piece), sample_rate)
        await asyncio.sleep(0)  # minutes of audio must not hold the event loop
    return len(raw) * 1000 // bytes_per_second


def _decoded(audio: str) -> bytearray:
    """Decode base64, strictly but for white space. Raises InvalidAudioError.

    It is decoded in pieces, because one long call would hold all other threads.
    """
    raw = bytearray()
    rest, is_padded = "", False
    try:
        for start in range(0, len(audio), _BASE64_PIECE):
            piece = rest + "".join(audio[start : start + _BASE64_PIECE].split())
            whole = len(piece) & ~3
            piece, rest = piece[:whole], piece[whole:]
            if is_padded and piece:
                raise InvalidAudioError("The audio is not base64")
            raw += b64decode(piece, validate=True)
            is_padded = is_padded or piece.endswith("=")
    except ValueError:
        raise InvalidAudioError("The audio is not base64") from None
    if rest:
        raise InvalidAudioError("The audio is not base64")
    return raw


async def async_append_media(
    hass: HomeAssistant,
    appended: AppendedAudio,
    media_input: MediaInput,
    max_seconds: int,
) -> int:
    """Append the audio of a file or URL as it is converted; returns its duration in ms.

    Raises RealtimeError, and HomeAssistantError if there is no ffmpeg, no audio, or more
    than ``max_seconds`` of it.
    """
    byte_count = 0
    async with aclosing(_async_convert(hass, media_input, max_seconds)) as audio:
        async for pcm in audio:
            await appended.async_append(pcm, SAMPLE_RATE)
            byte_count += len(pcm)
    return pcm_duration_ms(byte_count)


@asynccontextmanager
async def async_file_input(hass: HomeAssistant, path: str) -> AsyncIterator[MediaInput]:
    """Open a file that Home Assistant may read, for ffmpeg.

    Raises ServiceValidationError.
    """
    async with _async_opened(hass, path, path, is_checked=True) as media_input:
        yield media_input


@asynccontextmanager
async def async_media_input(
    call: ServiceCall, media_content_id: str
) -> AsyncIterator[MediaInput]:
    """Open a media source item for ffmpeg.

    Raises ServiceValidationError, Unauthorized if it is an entity that the caller may not
    see, and what the media source raises (HomeAssistantError).
    """
    hass = call.hass
    if not media_source.is_media_source_id(media_content_id):
        raise _invalid("not_a_media_source", media=media_content_id)
    item = media_source.MediaSourceItem.from_uri(hass, media_content_id, None)
    if hass.states.get(item.identifier or ""):  # a camera, for example
        await async_check_permission(call, item.identifier, POLICY_READ)
    media = await media_source.async_resolve_media(hass, media_content_id, None)
    if media.path is None:
        url = async_process_play_media_url(hass, media.url)
        yield MediaInput(url, media_content_id)
        return
    async with _async_opened(hass, str(media.path), media_content_id) as media_input:
        yield media_input


@asynccontextmanager
async def _async_opened(
    hass: HomeAssistant, path: str, name: str, *, is_checked: bool = False
) -> AsyncIterator[MediaInput]:
    """Open a file for ffmpeg, one that Home Assistant may read if that ``is_checked``.

    What is checked is what is opened, whatever its path leads to by then. Raises
    ServiceValidationError, which tells nobody whether there is a file where none may be read.
    """

    def opened() -> BinaryIO:
        # This finds the file and does nothing to it, which could be a device.
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            found = Path(f"/proc/self/fd/{place}")
            # The link is the kernel's: it says where the file is, without any link.
            if is_checked and not hass.config.is_allowed_path(str(found.readlink())):
                raise PermissionError
            if not stat.S_ISREG(os.fstat(place).st_mode):
                raise FileNotFoundError
            return found.open("rb", buffering=0)
        finally:
            os.close(place)

    def may_know() -> bool:
        try:
            return not is_checked or hass.config.is_allowed_path(path)
        except OSError, ValueError:  # no path at all
            return False

    try:
        file = await hass.async_add_executor_job(opened)
    except PermissionError:
        raise _invalid("path_not_allowed", path=path) from None
    except OSError, ValueError:
        if not await hass.async_add_executor_job(may_know):
            raise _invalid("path_not_allowed", path=path) from None
        raise _invalid("media_not_found", media=name) from None
    with file:
        yield MediaInput(file, name)


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


async def _async_convert(
    hass: HomeAssistant, media_input: MediaInput, max_seconds: int
) -> AsyncGenerator[bytes]:
    """Yield the audio as PCM16 mono at 24 kHz, 100 ms at a time."""
    # A playlist must not lead from a file anywhere, nor from the network to a file.
    if isinstance(media_input.source, str):
        url, stdin = media_input.source, asyncio.subprocess.DEVNULL
        protocols, formats = "http,https,tcp,tls", _URL_FORMATS
    else:
        # Opened again by its number, ffmpeg can go back and forth in it.
        url, stdin = "file:/dev/stdin", media_input.source.fileno()
        protocols, formats = "file", _FILE_FORMATS
    try:
        process = await asyncio.create_subprocess_exec(
            get_ffmpeg_manager(hass).binary,
            *("-nostdin", "-loglevel", "quiet"),
            *("-protocol_whitelist", f"pipe,{protocols}"),
            *("-format_whitelist", formats, "-i", url),
            *("-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE)),
            "pipe:1",
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            close_fds=False,  # spares a slow fork
        )
    except OSError as err:
        raise translated("ffmpeg_missing") from err
    assert process.stdout is not None
    seconds_left = float(max_seconds)
    try:
        while pcm := await _read_chunk(process.stdout):
            seconds_left -= len(pcm) / BYTES_PER_SECOND
            if seconds_left < 0:
                raise translated("audio_too_long", seconds=str(max_seconds))
            yield pcm
        if await process.wait() or seconds_left == max_seconds:
            raise translated("media_unreadable", media=media_input.name)
    finally:
        if process.returncode is None:
            process.kill()
        # Drains the pipe as well: one that is never read to its end stays open.
        await process.communicate()


async def _read_chunk(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readexactly(_CHUNK_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial
