"""Speech out of files and media: whatever ffmpeg reads, as PCM16 mono at 24 kHz."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from homeassistant.components import media_source
from homeassistant.components.ffmpeg import get_ffmpeg_manager
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .assistant import translated
from .const import DOMAIN
from .realtime.audio import BYTES_PER_SECOND, SAMPLE_RATE

MAX_AUDIO_SECONDS = 600
# The service recommends about 100 ms of audio per event.
_CHUNK_BYTES = BYTES_PER_SECOND // 10


async def async_file_input(hass: HomeAssistant, path: str) -> str:
    """Return what ffmpeg opens for a file that Home Assistant may read.

    Raises ServiceValidationError.
    """
    if not await hass.async_add_executor_job(hass.config.is_allowed_path, path):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="path_not_allowed",
            translation_placeholders={"path": path},
        )
    return await _async_existing_file(hass, Path(path), path)


async def async_media_input(hass: HomeAssistant, media_content_id: str) -> str:
    """Return what ffmpeg opens for a media source item.

    Raises ServiceValidationError, and what the media source raises (HomeAssistantError).
    """
    if not media_source.is_media_source_id(media_content_id):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_a_media_source",
            translation_placeholders={"media": media_content_id},
        )
    media = await media_source.async_resolve_media(hass, media_content_id, None)
    if media.path is not None:
        return await _async_existing_file(hass, media.path, media_content_id)
    return async_process_play_media_url(hass, media.url)


async def _async_existing_file(hass: HomeAssistant, path: Path, named: str) -> str:
    def existing() -> Path | None:
        return path.resolve() if path.is_file() else None

    if (file := await hass.async_add_executor_job(existing)) is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="media_not_found",
            translation_placeholders={"media": named},
        )
    return f"file:{file}"


async def async_convert(
    hass: HomeAssistant, media_input: str, named: str
) -> AsyncGenerator[bytes]:
    """Yield the audio of a file or URL as PCM16 mono at 24 kHz, 100 ms at a time.

    ``named`` is what the caller called it, for the errors. Raises HomeAssistantError if
    there is no audio in it, or more than MAX_AUDIO_SECONDS, or no ffmpeg.
    """
    # A playlist must not lead from a file to the network, nor from the network to a file.
    protocols = "file" if media_input.startswith("file:") else "http,https,tcp,tls"
    try:
        process = await asyncio.create_subprocess_exec(
            get_ffmpeg_manager(hass).binary,
            *("-nostdin", "-loglevel", "quiet"),
            *("-protocol_whitelist", f"pipe,{protocols}", "-i", media_input),
            *("-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE)),
            "pipe:1",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            close_fds=False,  # spares a slow fork
        )
    except OSError as err:
        raise translated("ffmpeg_missing") from err
    assert process.stdout is not None
    seconds_left = MAX_AUDIO_SECONDS * 1.0
    try:
        while pcm := await _read_chunk(process.stdout):
            seconds_left -= len(pcm) / BYTES_PER_SECOND
            if seconds_left < 0:
                raise translated("audio_too_long", seconds=str(MAX_AUDIO_SECONDS))
            yield pcm
        if await process.wait() or seconds_left == MAX_AUDIO_SECONDS:
            raise translated("media_unreadable", media=named)
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
