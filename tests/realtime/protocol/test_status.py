"""The status follows the session, by a clock that the test holds."""

from typing import Any

from custom_components.azure_realtime_audio.realtime import ModelStatus

from .conftest import Bench

AUDIO: dict[str, Any] = {
    "response_id": "resp_1",
    "item_id": "item_1",
    "delta": "AAAA" * 16_000,
}  # 1 s


def test_speaking_ends_with_the_audio(bench: Bench) -> None:
    """The reply's own duration after it began."""
    bench.receive("response.output_audio.delta", now=10.0, **AUDIO)
    assert bench.word() is ModelStatus.SPEAKING
    assert bench.live.deadline == 40.0  # it may be no response, that nobody asked for
    done = {"id": "resp_1", "status": "completed"}
    bench.receive("response.done", now=10.2, response=done)
    assert bench.status.deadline == 11.0
    bench.live.tick(10.9)
    assert bench.word() is ModelStatus.SPEAKING
    bench.live.tick(11.0)
    assert bench.word() is ModelStatus.IDLE


def test_interrupted(bench: Bench) -> None:
    """The person's speech ends the playback, and its deadline."""
    bench.receive("response.output_audio.delta", now=10.0, **AUDIO)
    bench.receive("response.done", response={"id": "resp_1", "status": "completed"})
    bench.receive("input_audio_buffer.speech_started")
    assert bench.word() is ModelStatus.LISTENING
    assert bench.status.deadline is None


def test_first_audio_of_a_turn(bench: Bench) -> None:
    """Without turn detection it begins with the first piece after a commit or a loss."""
    assert bench.status.is_manual
    bench.status.audio_appended()
    assert bench.word() is ModelStatus.LISTENING
    assert not bench.status.awaits_audio
    bench.receive("input_audio_buffer.committed", item_id="item_1")
    assert bench.word() is ModelStatus.THINKING
    assert bench.status.awaits_audio


def test_tools_that_will_not_return(bench: Bench) -> None:
    """A model that waits for them is idle."""
    call = {"id": "item_1", "type": "function_call", "call_id": "c", "name": "f"}
    done = {"id": "resp_1", "status": "completed", "output": [call]}
    bench.receive("response.done", response=done)
    assert bench.word() is ModelStatus.THINKING
    bench.status.abandon_work()
    assert bench.word() is ModelStatus.IDLE
