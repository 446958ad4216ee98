"""The official Python SDK cannot tell the difference."""

from collections.abc import AsyncIterator
import json
from typing import Any, cast

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
import pytest

from emulator import Emulator

from .conftest import KEY
from .house import HOUSE, TOOLS


@pytest.fixture
async def connection(emulator: Emulator) -> AsyncIterator[AsyncRealtimeConnection]:
    """Connect as the SDK's documentation does for Azure."""
    client = AsyncOpenAI(
        api_key=KEY,
        base_url=f"http://{emulator.host_name}/openai/v1",
        websocket_base_url=f"{emulator.url}/openai/v1",
    )
    async with client, client.realtime.connect(model="house") as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, event_type: str) -> Any:
    """Return the next event of a type. The SDK parses every event into its own classes."""
    async for event in connection:
        if event.type == event_type:
            return event
    raise AssertionError(f"closed before {event_type}")


async def test_turn_with_a_tool(connection: AsyncRealtimeConnection) -> None:
    """A typed command, a call, its output, a spoken confirmation."""
    created = await until(connection, "session.created")
    assert created.session.output_modalities == ["audio"]
    await connection.session.update(
        session={"type": "realtime", "instructions": HOUSE, "tools": cast("Any", TOOLS)}
    )
    updated = await until(connection, "session.updated")
    assert [each.name for each in updated.session.tools] == [
        each["name"] for each in TOOLS
    ]
    await connection.conversation.item.create(
        item={
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "turn on the kitchen light"}],
        }
    )
    await connection.response.create()
    arguments = await until(connection, "response.function_call_arguments.done")
    assert json.loads(arguments.arguments) == {"name": "Kitchen Light"}
    done = await until(connection, "response.done")
    await connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": done.response.output[0].call_id,
            "output": "{}",
        }
    )
    await connection.response.create()
    transcript = await until(connection, "response.output_audio_transcript.done")
    assert transcript.transcript == "I turned on the kitchen light."
    done = await until(connection, "response.done")
    assert done.response.usage.output_token_details.audio_tokens > 0


async def test_errors_are_parsed(connection: AsyncRealtimeConnection) -> None:
    """The SDK sees code, param and its own event id."""
    await connection.response.cancel(event_id="mine")
    event = await until(connection, "error")
    assert (event.error.code, event.error.event_id) == (
        "response_cancel_not_active",
        "mine",
    )
