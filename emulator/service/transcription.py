"""The transcript of what the user said, as events."""

import asyncio

from ..wire.conversation import Item
from ..wire.usage import transcription_usage
from .session_port import SessionPort

_PREFIX = "conversation.item.input_audio_transcription"


async def transcribe(session: SessionPort, item: Item) -> None:
    """Emit the transcript of a spoken item, if the session wants transcripts."""
    settings = session.settings
    faults = settings.faults
    wanted = session.config["audio"]["input"]["transcription"]
    if wanted is None or faults.take("no_transcription") is not None:
        return
    if (seconds := faults.take("transcription_late")) is not None:
        await asyncio.sleep(float(seconds or 1))  # the fault is a late transcript
    transcript = await session.mind.words(item, session.config, session.config)
    known = wanted.get("model") in settings.transcription_deployments
    if not known or faults.take("transcription_failed") is not None:
        _emit_failure(session, item)
        return
    ids = {"item_id": item.id, "content_index": 0}
    for word in transcript.split():
        session.emit(f"{_PREFIX}.delta", **ids, delta=f"{word} ")
    assert item.content is not None
    item.content[0]["transcript"] = transcript
    session.emit(
        f"{_PREFIX}.completed",
        **ids,
        transcript=transcript,
        usage=transcription_usage(wanted["model"], item.audio, transcript),
    )


def _emit_failure(session: SessionPort, item: Item) -> None:
    error = {
        "type": "server_error",
        "code": None,
        "message": f"Input transcription failed for item '{item.id}'.",
        "param": None,
    }
    session.emit(f"{_PREFIX}.failed", item_id=item.id, content_index=0, error=error)
