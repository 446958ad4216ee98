"""Transcripts of the user's speech."""

from typing import Any

import pytest

from emulator import Emulator

from .conftest import PREVIEW, Connect, tone

PREFIX = "conversation.item.input_audio_transcription"


async def test_completed(emulator: Emulator, connect: Connect) -> None:
    """Words come as deltas, then the whole; the item has them from then on."""
    emulator.hears.append("turn on the light")
    client = await connect()
    await client.update(
        audio={
            "input": {
                "turn_detection": None,
                "transcription": {"model": "gpt-4o-transcribe"},
            }
        }
    )
    await client.say(tone(300))
    await client.send("input_audio_buffer.commit")
    completed = await client.until(f"{PREFIX}.completed")
    deltas = [e["delta"] for e in client.seen if e["type"] == f"{PREFIX}.delta"]
    assert "".join(deltas).strip() == completed["transcript"] == "turn on the light"
    usage = completed["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == 3
    item = emulator.sessions[0].conversation.find(completed["item_id"])
    assert item
    assert item.wire()["content"][0]["transcript"] == "turn on the light"


@pytest.mark.parametrize("path", [None, PREVIEW])
async def test_unknown_deployment(connect: Connect, path: str | None) -> None:
    """Azure takes any name and fails later; the turn goes on."""
    client = await (connect(path) if path else connect())
    model = {"model": "my-transcriber"}
    if path:
        await client.send(
            "session.update",
            session={"turn_detection": None, "input_audio_transcription": model},
        )
        await client.until("session.updated")
    else:
        await client.update(
            audio={"input": {"turn_detection": None, "transcription": model}}
        )
    await client.say(tone(300))
    await client.send("input_audio_buffer.commit")
    failed = await client.until(f"{PREFIX}.failed")
    assert (failed["error"]["type"], failed["error"]["code"]) == ("server_error", None)
    await client.send("response.create")
    await client.until("response.done")


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        ("transcription_failed", f"{PREFIX}.failed"),
        ("transcription_late:0.05", f"{PREFIX}.completed"),
        ("no_transcription", "session.updated"),
    ],
)
async def test_faults(
    emulator: Emulator, connect: Connect, fault: str, ends: str
) -> None:
    """A transcription may fail, come after the answer, or not come; the answer does not wait for it."""
    emulator.faults.add(fault)
    client = await connect()
    transcription = {"turn_detection": None, "transcription": {"model": "whisper"}}
    await client.update(audio={"input": transcription})
    await client.say(tone(300))
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")
    await client.until("response.done")
    seen: list[dict[str, Any]] = [
        e for e in client.seen if e["type"].startswith(PREFIX)
    ]
    if fault == "transcription_failed":
        assert seen[-1]["type"] == ends
        return
    assert not seen
    if fault == "no_transcription":
        await client.update(instructions="x")
        assert not any(e["type"].startswith(PREFIX) for e in client.seen)
    else:
        completed = await client.until(ends)
        assert completed["usage"] == {"type": "duration", "seconds": 0.3}
