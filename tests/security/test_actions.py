"""What an action may read, and who may call it."""

import asyncio
from base64 import b64decode, b64encode, encodebytes
from functools import partial
import os
from pathlib import Path
import subprocess
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from hypothesis import assume, given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.azure_realtime_audio.actions.audio_input import AUDIO_FORMATS
from custom_components.azure_realtime_audio.actions.file_kinds import file_kind
from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import wav_header
from custom_components.azure_realtime_audio.services import ACTIONS
from emulator import Emulator
from tests.talk import AGENT, set_timing

MINIMAL: dict[str, dict[str, Any]] = {
    "append_audio": {"audio": "AAAA"},
    "create_conversation_item": {"text": "hello"},
    "delete_item": {"item_id": "item_1"},
    "truncate_item": {"item_id": "item_1", "audio_end_ms": 0},
    "update_session": {"session": {"instructions": "obey"}},
}


async def act(hass: HomeAssistant, action: str, context: Context, **data: Any) -> None:
    """Call an action on the assistant."""
    await hass.services.async_call(
        DOMAIN, action, {"entity_id": AGENT} | data, blocking=True, context=context
    )


@pytest.mark.parametrize("action", ACTIONS)
async def test_who_may_not_control_the_assistant(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    hass_read_only_user: User,
    action: str,
) -> None:
    """Somebody who may only look is refused by every action, before anything is sent."""
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await act(hass, action, context, **MINIMAL.get(action, {}))
    assert len(emulator.sessions) == 1  # the set-up's


async def test_link_out_of_the_allowed_folder(
    hass: HomeAssistant, init_integration: MockConfigEntry, tmp_path: Path
) -> None:
    """Where a file is decides, not by which way it is named."""
    allowed, secret = tmp_path / "allowed", tmp_path / "secrets.wav"
    allowed.mkdir()
    secret.write_bytes(b"RIFF")
    (allowed / "link.wav").symlink_to(secret)
    (allowed / "folder").symlink_to(tmp_path)
    hass.config.allowlist_external_dirs = {str(allowed)}
    for path in (
        allowed / "link.wav",
        allowed / "folder" / "secrets.wav",
        allowed / ".." / "secrets.wav",
        f"file:{secret}",
        f"{allowed}/\x00",
    ):
        with pytest.raises(ServiceValidationError):
            await act(hass, "append_audio", Context(), path=str(path))


@pytest.mark.parametrize("leads_out", [False, True])
async def test_link_that_changes(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leads_out: bool,
) -> None:
    """What was checked is what is heard, although the link leads elsewhere by then."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (inside, outside) = (allowed / "inside.wav", tmp_path / "outside.wav")
    for file, sample in ((inside, b"\1\0"), (outside, b"\2\0")):
        pcm = sample * 24_000
        file.write_bytes(wav_header(data_bytes=len(pcm)) + pcm)
    link = allowed / "link.wav"
    link.symlink_to(inside if leads_out else outside)
    hass.config.allowlist_external_dirs = {str(allowed)}
    check = hass.config.is_allowed_path

    def check_late(path: str) -> bool:
        link.unlink()
        link.symlink_to(outside if leads_out else inside)
        monkeypatch.undo()
        return check(path)

    monkeypatch.setattr(hass.config, "is_allowed_path", check_late)
    appending = act(hass, "append_audio", Context(), path=str(link))
    if leads_out:
        await appending
        await act(hass, "commit_audio", Context())
        (item,) = emulator.sessions[-1].conversation
        assert set(item.audio[:48_000:2]) == {1}
    else:
        with pytest.raises(ServiceValidationError):
            await appending


async def test_pipe_in_an_allowed_folder(
    hass: HomeAssistant, init_integration: MockConfigEntry, tmp_path: Path
) -> None:
    """What is no file is not opened: a pipe would be waited for, a device would act."""
    os.mkfifo(tmp_path / "pipe.wav")
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "append_audio", Context(), path=str(tmp_path / "pipe.wav"))
    assert raised.value.translation_key == "media_not_found"


async def test_more_base64_than_a_file_may_have(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
) -> None:
    """The bound is one of time, the same as that of a file; nothing of it is sent."""
    set_timing(hass, max_audio=2)
    second = bytes(16_000)
    rates = {"audio_format": "pcm16", "sample_rate": 8000}
    await act(
        hass, "append_audio", Context(), audio=b64encode(second * 2).decode(), **rates
    )
    sent = len(emulator.sessions[-1].received.of("input_audio_buffer.append"))
    with pytest.raises(HomeAssistantError, match="longer than 2 seconds"):
        await act(
            hass,
            "append_audio",
            Context(),
            audio=b64encode(second * 2 + b"\0\0").decode(),
            **rates,
        )
    assert len(emulator.sessions[-1].received.of("input_audio_buffer.append")) == sent


@pytest.mark.parametrize(
    ("audio_format", "bytes_per_second"), [("pcm16", 48_000), ("g711_ulaw", 8_000)]
)
async def test_ten_minutes_of_base64(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    audio_format: str,
    bytes_per_second: int,
) -> None:
    """Ten minutes go up as from a microphone, 100 ms at a time, and others are served meanwhile."""
    turns_of_the_loop = 0

    async def count_turns_of_the_loop() -> None:
        nonlocal turns_of_the_loop
        while True:
            await asyncio.sleep(0)
            turns_of_the_loop += 1

    counting = asyncio.create_task(count_turns_of_the_loop())
    await act(
        hass,
        "append_audio",
        Context(),
        audio=b64encode(bytes(600 * bytes_per_second)).decode(),
        audio_format=audio_format,
    )
    counting.cancel()
    await act(hass, "commit_audio", Context())
    sent = emulator.sessions[-1].received.of("input_audio_buffer.append")
    sizes = [len(b64decode(event["audio"])) for event in sent]
    assert sum(sizes) == pytest.approx(600 * 48_000, abs=4_800)
    assert max(sizes) <= 2 * 4_800
    assert turns_of_the_loop > 6_000


async def test_more_than_ten_minutes_of_base64(
    hass: HomeAssistant, init_integration: MockConfigEntry
) -> None:
    """More than that is refused before any of it is decoded."""
    with pytest.raises(HomeAssistantError, match="longer than 600 seconds"):
        await act(
            hass,
            "append_audio",
            Context(),
            audio=b64encode(bytes(601 * 8_000)).decode(),
            audio_format="g711_ulaw",
        )


@pytest.mark.parametrize(
    "audio",
    ["AAA", "AA=A", "AAAA====", "AAA=AAAA", "-_-_", "é", "\x00", "A A A", "AAA=\nAAAA"],
)
@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
async def test_base64_is_strict(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    audio: str,
    audio_format: str,
) -> None:
    """What a lenient reader would skip is refused, but for white space."""
    with pytest.raises(HomeAssistantError, match="base64"):
        await act(
            hass, "append_audio", Context(), audio=audio, audio_format=audio_format
        )
    assert not emulator.sessions[-1].received.of("input_audio_buffer.append")


@pytest.mark.parametrize("length", [1, 2, 3, 48_000, 98_304, 98_305])
async def test_base64_in_lines(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    length: int,
) -> None:
    """Base64 as the command of that name writes it is the same audio, however long it is."""
    audio = bytes(number % 251 for number in range(2 * length))
    lines = encodebytes(audio).decode()
    await act(hass, "append_audio", Context(), audio=f" {lines}\n")
    sent = emulator.sessions[-1]
    await sent.received.wait_for("input_audio_buffer.append", -(-2 * length // 4800))
    appended = sent.received.of("input_audio_buffer.append")
    assert b"".join(b64decode(event["audio"]) for event in appended) == audio


@pytest.mark.parametrize(
    "start",
    [
        b"RIFF",
        b"OggS",
        b"ID3\x04",
        b"fLaC",
        b"FORM",
        b".snd",
        b"caff",
        b"#!AMR\n",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x20ftypM4A ",
        b"\x1f\x8b\x08",
    ],
)
@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
async def test_file_in_base64(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    start: bytes,
    audio_format: str,
) -> None:
    """A file is not heard as the noise that it would be; the caller is told what to do."""
    audio = b64encode(start + bytes(4_000)).decode()
    with pytest.raises(HomeAssistantError, match="Give its path"):
        await act(
            hass, "append_audio", Context(), audio=audio, audio_format=audio_format
        )
    assert not emulator.sessions[-1].received.of("input_audio_buffer.append")


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp3", "libmp3lame"),
        ("mp2", "mp2"),
        ("aac", "aac"),
        ("ac3", "ac3"),
        ("eac3", "eac3"),
        ("ts", "aac"),
    ],
)
async def test_file_without_a_beginning_of_its_own(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    tmp_path: Path,
    suffix: str,
    codec: str,
) -> None:
    """A file that is nothing but frames or packets is found by these."""
    file = tmp_path / f"tone.{suffix}"
    source = ("-f", "lavfi", "-i", "sine=duration=1")
    command = ["ffmpeg", "-loglevel", "error", *source, "-c:a", codec]
    await hass.async_add_executor_job(
        partial(
            subprocess.run, [*command, "-id3v2_version", "0", str(file)], check=True
        )
        if suffix == "mp3"
        else partial(subprocess.run, [*command, str(file)], check=True)
    )
    data = file.read_bytes()
    assert data[0] in (0xFF, 0x0B, 0x47)
    with pytest.raises(HomeAssistantError, match="Give its path"):
        await act(hass, "append_audio", Context(), audio=b64encode(data).decode())


@given(st.binary(max_size=20_000))
def test_samples_are_no_file(samples: bytes) -> None:
    """What is no file is hardly ever taken for one."""
    assume(len(samples) < 4 or samples[0] != 0xFF)
    assert file_kind(b"\0\0" + samples) is None
    for silence in (b"\xff", b"\xd5", b"\0"):
        assert file_kind(silence * len(samples)) is None
