"""The official Python SDK, with every event held against its typed models."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
import json
from typing import Any, get_args

from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.types.beta.realtime import RealtimeServerEvent as PreviewServerEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel
import pytest

from emulator import Emulator, Reply

from .conftest import DEPLOYMENT, KEY, PREVIEW, speech

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
# What the service sends beyond the SDK's models (captured on OpenAI 2025-12 and 2026-09).
BEYOND_GA = {"obfuscation", "session.id", "session.object", "session.expires_at"}
# Preview's models stopped before the service did.
BEYOND_PREVIEW = {
    "response.usage.input_token_details.cached_tokens_details",
    "response.usage.input_token_details.image_tokens",
    "session.client_secret",
    "session.expires_at",
    "session.include",
    "session.object",
    "session.prompt",
    "session.truncation",
    "session.turn_detection.idle_timeout_ms",
}


def _models(union: Any) -> dict[str, type[BaseModel]]:
    """Return the class of each event type of an annotated union."""
    return {
        get_args(model.model_fields["type"].annotation)[0]: model
        for model in get_args(get_args(union)[0])
    }


def _beyond(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of keys that a parsed event's models do not have."""
    if isinstance(value, BaseModel):
        for key, each in {**value.__dict__, **(value.model_extra or {})}.items():
            name = f"{path}.{key}".lstrip(".")
            if key in (value.model_extra or {}):
                yield name
            yield from _beyond(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _beyond(each, f"{path}[]")


class Conversation:
    """A connection of the SDK; each event that it receives is validated."""

    def __init__(
        self, connection: Any, union: Any, beyond_the_models: set[str]
    ) -> None:
        """Wrap an open connection of one dialect."""
        self.connection = connection
        self.seen: list[Any] = []
        self._models = _models(union)
        self._beyond_the_models = beyond_the_models

    async def next(self) -> Any:
        """Return the next event as the SDK parses it, which must be the very class."""
        async with asyncio.timeout(5):
            frame = await self.connection.recv_bytes()
        model = self._models[json.loads(frame)["type"]]
        # The SDK constructs its models without validating.
        beyond = set(_beyond(model.model_validate_json(frame)))
        assert beyond <= self._beyond_the_models
        event = self.connection.parse_event(frame)
        assert type(event) is model
        self.seen.append(event)
        return event

    async def until(self, event_type: str) -> Any:
        """Return the next event of a type."""
        while (event := await self.next()).type != event_type:
            pass
        return event

    def of(self, event_type: str) -> list[Any]:
        """Return the events of a type so far."""
        return [event for event in self.seen if event.type == event_type]

    async def say(self, pcm: bytes) -> None:
        """Append audio in chunks of 100 ms."""
        for at in range(0, len(pcm), 4800):
            chunk = b64encode(pcm[at : at + 4800]).decode()
            await self.connection.input_audio_buffer.append(audio=chunk)

    async def write(self, text: str, **keys: Any) -> None:
        """Add a user's text."""
        await self.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            },
            **keys,
        )

    async def update(self, **session: Any) -> Any:
        """Update a GA session; return what is in force."""
        await self.connection.session.update(session={"type": "realtime", **session})
        return (await self.until("session.updated")).session

    async def refusal(self) -> Any:
        """Return the next error."""
        return (await self.until("error")).error


def _client(emulator: Emulator) -> AsyncOpenAI:
    """Return the SDK's client as Microsoft documents it for GA."""
    return AsyncOpenAI(
        api_key=KEY,
        base_url=f"http://{emulator.host_name}/openai/v1",
        websocket_base_url=f"{emulator.url}/openai/v1",
    )


@pytest.fixture
async def ga(emulator: Emulator) -> AsyncIterator[Conversation]:
    """Connect to the GA service."""
    async with (
        _client(emulator) as client,
        client.realtime.connect(model=DEPLOYMENT) as connection,
    ):
        conversation = Conversation(connection, RealtimeServerEvent, BEYOND_GA)
        await conversation.until("session.created")
        yield conversation


@pytest.fixture
async def preview(emulator: Emulator) -> AsyncIterator[Conversation]:
    """Connect to the preview service with what the SDK still has for it."""
    async with (
        AsyncAzureOpenAI(
            api_key=KEY,
            azure_endpoint=f"http://{emulator.host_name}",
            websocket_base_url=f"{emulator.url}/openai",
            api_version=PREVIEW,
        ) as client,
        client.beta.realtime.connect(model=DEPLOYMENT) as connection,
    ):
        conversation = Conversation(connection, PreviewServerEvent, BEYOND_PREVIEW)
        await conversation.until("session.created")
        yield conversation


async def test_text_turn(ga: Conversation) -> None:
    """A typed question, a written answer in pieces."""
    session = await ga.update(output_modalities=["text"], instructions="Be brief")
    assert (session.output_modalities, session.instructions) == (["text"], "Be brief")
    await ga.write("say one two three")
    await ga.connection.response.create()
    done = await ga.until("response.done")
    deltas = [event.delta for event in ga.of("response.output_text.delta")]
    assert deltas == ["one", " two", " three"]
    assert done.response.output[0].content[0].text == "one two three"
    await ga.until("rate_limits.updated")


async def test_audio_turn_with_server_vad(emulator: Emulator, ga: Conversation) -> None:
    """The service hears where the turn ends, answers it, and tells what it heard."""
    emulator.hears.append("say good morning")
    await ga.update(
        audio={
            "input": {
                "turn_detection": {"type": "server_vad"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
            }
        }
    )
    await ga.say(speech())
    heard = "conversation.item.input_audio_transcription.completed"
    await ga.until("response.done")
    if not ga.of(heard):  # it may come at any time
        await ga.until(heard)
    (started,) = ga.of("input_audio_buffer.speech_started")
    (stopped,) = ga.of("input_audio_buffer.speech_stopped")
    (committed,) = ga.of("input_audio_buffer.committed")
    (transcription,) = ga.of(heard)
    assert started.item_id == stopped.item_id == committed.item_id
    assert transcription.item_id == committed.item_id
    assert transcription.transcript == "say good morning"
    assert started.audio_start_ms < stopped.audio_end_ms
    (transcript,) = ga.of("response.output_audio_transcript.done")
    assert transcript.transcript == "good morning"
    spoken = [b64decode(event.delta) for event in ga.of("response.output_audio.delta")]
    assert sum(map(len, spoken)) == len("good morning") * 40 * 48


async def test_manual_audio_turn(emulator: Emulator, ga: Conversation) -> None:
    """The client says where the turn ends; a cleared buffer is not heard."""
    emulator.hears.append("say good night")
    await ga.update(audio={"input": {"turn_detection": None}})
    await ga.say(speech())
    await ga.connection.input_audio_buffer.clear()
    await ga.until("input_audio_buffer.cleared")
    await ga.say(speech())
    await ga.connection.input_audio_buffer.commit()
    committed = await ga.until("input_audio_buffer.committed")
    assert (await ga.until("conversation.item.done")).item.id == committed.item_id
    await ga.connection.response.create()
    done = await ga.until("response.done")
    assert done.response.output[0].content[0].transcript == "good night"
    assert not ga.of("input_audio_buffer.speech_started")


async def test_function_call_and_continuation(ga: Conversation) -> None:
    """A call with its arguments, its output, and an answer made of that."""
    await ga.update(tools=[TOOL])
    await ga.write("what is the weather in Bern?")
    await ga.connection.response.create()
    done = await ga.until("response.done")
    (call,) = done.response.output
    (arguments,) = ga.of("response.function_call_arguments.done")
    assert (arguments.name, arguments.call_id) == (call.name, call.call_id)
    assert json.loads(arguments.arguments) == {"location": "Bern"}
    await ga.connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": '{"weather": "sunny"}',
        }
    )
    await ga.connection.response.create()
    done = await ga.until("response.done")
    assert "sunny" in done.response.output[0].content[0].transcript
    assert done.response.usage.input_token_details.cached_tokens > 0


async def test_cancel(emulator: Emulator, ga: Conversation) -> None:
    """A response that is cut off says so, and so does its item."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    await ga.connection.response.create()
    await ga.until("response.output_audio.delta")
    await ga.connection.response.cancel()
    done = await ga.until("response.done")
    details = done.response.status_details
    assert (done.response.status, details.reason) == ("cancelled", "client_cancelled")
    assert done.response.output[0].status == "incomplete"


async def test_barge_in(emulator: Emulator, ga: Conversation) -> None:
    """Speech cuts the response off."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    await ga.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    await ga.connection.response.create()
    await ga.until("response.output_audio.delta")
    await ga.say(speech())
    done = await ga.until("response.done")
    assert done.response.status_details.reason == "turn_detected"
    assert (await ga.until("response.done")).response.status == "completed"


async def test_items(ga: Conversation) -> None:
    """A spoken item is cut to what was played, retrieved with its audio, and deleted."""
    await ga.write("hello", previous_item_id="root")
    await ga.connection.response.create()
    done = await ga.until("response.done")
    item_id = done.response.output[0].id
    items = ga.connection.conversation.item
    await items.truncate(item_id=item_id, content_index=0, audio_end_ms=120)
    assert (await ga.until("conversation.item.truncated")).audio_end_ms == 120
    await items.retrieve(item_id=item_id)
    (part,) = (await ga.until("conversation.item.retrieved")).item.content
    assert len(b64decode(part.audio)) == 120 * 48
    await items.delete(item_id=item_id)
    assert (await ga.until("conversation.item.deleted")).item_id == item_id


async def test_out_of_band(emulator: Emulator, ga: Conversation) -> None:
    """A response beside the conversation carries its metadata and leaves no item there."""
    await ga.connection.response.create(
        response={
            "conversation": "none",
            "metadata": {"topic": "weather"},
            "output_modalities": ["text"],
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "say moon"}],
                }
            ],
        }
    )
    done = await ga.until("response.done")
    assert done.response.conversation_id is None
    assert done.response.metadata == {"topic": "weather"}
    assert done.response.output[0].content[0].text == "moon"
    assert not list(emulator.sessions[0].conversation)


async def test_errors_name_the_event(emulator: Emulator, ga: Conversation) -> None:
    """Each refusal carries the id of the event it refuses."""
    await ga.connection.response.cancel(event_id="a")
    error = await ga.refusal()
    assert (error.event_id, error.code) == ("a", "response_cancel_not_active")
    await ga.connection.input_audio_buffer.commit(event_id="b")
    error = await ga.refusal()
    assert (error.event_id, error.code) == ("b", "input_audio_buffer_commit_empty")
    await ga.connection.conversation.item.delete(item_id="nobody", event_id="c")
    error = await ga.refusal()
    assert (error.event_id, error.code) == ("c", "item_delete_invalid_item_id")
    session: Any = {"type": "realtime", "temperature": 0.8}
    await ga.connection.session.update(session=session, event_id="d")
    error = await ga.refusal()
    assert (error.event_id, error.code) == ("d", "unknown_parameter")
    assert error.param == "session.temperature"


async def test_failures(emulator: Emulator, ga: Conversation) -> None:
    """A response that fails is done; a transcription that fails is told by its item."""
    emulator.faults.add("response_rate_limited", times=1)
    await ga.connection.response.create()
    details = (await ga.until("response.done")).response.status_details
    assert (details.type, details.error.code) == ("failed", "rate_limit_exceeded")
    unknown = {"transcription": {"model": "nowhere"}, "turn_detection": None}
    await ga.update(audio={"input": unknown})
    await ga.say(speech())
    await ga.connection.input_audio_buffer.commit()
    failed = await ga.until("conversation.item.input_audio_transcription.failed")
    assert failed.error.type == "server_error"


async def test_reconnect(emulator: Emulator) -> None:
    """The SDK takes the closes that the emulator fakes for what they are."""
    reasons: list[int] = []
    async with (
        _client(emulator) as client,
        client.realtime.connect(
            model=DEPLOYMENT,
            on_reconnecting=lambda event: reasons.append(event.close_code),
            initial_delay=0.01,
        ) as connection,
    ):
        async for event in connection:
            assert event.type == "session.created"
            if reasons:
                break
            await emulator.sessions[0].close(1011, "fault")
    assert reasons == [1011]


async def test_preview_turn_with_a_tool(
    emulator: Emulator, preview: Conversation
) -> None:
    """The deprecated half of the SDK, by its own models and Azure's own URL."""
    emulator.hears.append("what is the weather in Bern?")
    await preview.connection.session.update(
        session={
            "voice": "shimmer",
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
            "input_audio_transcription": {"model": "whisper-1"},
            "tools": [TOOL],
        }
    )
    session = (await preview.until("session.updated")).session
    assert (session.voice, session.turn_detection.silence_duration_ms) == (
        "shimmer",
        300,
    )
    await preview.say(speech())
    done = await preview.until("response.done")
    (call,) = done.response.output
    assert json.loads(call.arguments) == {"location": "Bern"}
    await preview.connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": '{"weather": "sunny"}',
        }
    )
    await preview.connection.response.create()
    done = await preview.until("response.done")
    assert "sunny" in done.response.output[0].content[0].transcript
    assert preview.of("response.audio.delta")
    assert preview.of("conversation.item.created")
    assert (emulator.handshakes[0].path, emulator.handshakes[0].status) == (
        "/openai/realtime",
        101,
    )


async def test_preview_text_and_errors(preview: Conversation) -> None:
    """Text has its old names; refusals are the same."""
    await preview.write("say one two")
    await preview.connection.response.create(response={"modalities": ["text"]})
    assert (await preview.until("response.text.done")).text == "one two"
    done = await preview.until("response.done")
    item_id = done.response.output[0].id
    await preview.connection.conversation.item.truncate(
        item_id=item_id, content_index=0, audio_end_ms=100, event_id="mine"
    )
    error = await preview.refusal()
    assert (error.event_id, error.code) == ("mine", "unsupported_content_type")
