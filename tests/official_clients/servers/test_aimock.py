"""aimock, a mock of the GA service that leaves out much: acknowledgements, ids, audio."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandTimeoutError,
    DeploymentNotFoundError,
    Dialect,
    ModelStatus,
    RealtimeClient,
    RealtimeOptions,
    Response,
    WebSocketOptions,
)
from tests.conftest import API_KEY

_NODE = Path(__file__).parents[3] / ".venv-official" / "bin" / "node"


@pytest.fixture
async def host_name(socket_enabled: None) -> AsyncIterator[str]:
    """Run the server."""
    process = await asyncio.create_subprocess_exec(
        _NODE,
        Path(__file__).with_name("aimock.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    try:
        async with asyncio.timeout(20):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


@pytest.fixture
async def client(host_name: str) -> AsyncIterator[RealtimeClient]:
    """Connect our client to it."""
    async with (
        aiohttp.ClientSession() as session,
        RealtimeClient(
            RealtimeOptions(
                host_name=host_name,
                deployment="gpt-realtime",
                api_key=API_KEY,
                session_config={"voice": "alloy", "turn_detection": None},
            ),
            session=session,
            websocket_options=WebSocketOptions(command_timeout=1.0),
        ) as client,
    ):
        yield client


def user_text(text: str) -> dict[str, Any]:
    """Return a user's message."""
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


async def ask(client: RealtimeClient, text: str) -> Response:
    """Write something, and return the response once it is done."""
    await client.create_conversation_item(user_text(text))
    response = await client.create_response()
    return await response.done(timeout=5)


async def test_session(client: RealtimeClient) -> None:
    """An update that tells no id leaves the session its own; null formats are no format."""
    session_id = client.session_id
    await client.update_session({"instructions": "Be brief"})
    assert client.dialect is Dialect.GA
    assert client.current_session["instructions"] == "Be brief"
    assert client.session_id == session_id


async def test_typed_turn(client: RealtimeClient) -> None:
    """Text in place of the sound that was asked for; the item is never done."""
    statuses: list[ModelStatus] = []
    client.on("status_changed", lambda event: statuses.append(event["status"]))
    response = await ask(client, "hello")
    assert (response.text, response.status) == ("Good morning.", "completed")
    assert statuses == [ModelStatus.THINKING, ModelStatus.IDLE]


async def test_tool(client: RealtimeClient) -> None:
    """Arguments are done without the function's name; usage is all zeros."""
    response = await ask(client, "what is the weather?")
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("get_weather", '{"location":"Bern"}')
    output: dict[str, Any] = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "sunny",
    }
    await client.create_conversation_item(output)
    response = await client.create_response()
    assert (await response.done(timeout=5)).text == "It is sunny."


async def test_audio_buffer(client: RealtimeClient) -> None:
    """A commit is acknowledged without an item."""
    await client.append_pcm(bytes(9600))
    await client.clear_audio_buffer()
    await client.append_pcm(bytes(9600))
    assert await client.commit_audio() == ""


async def test_failed_response(client: RealtimeClient) -> None:
    """A response that has failed before it began, and one that works after it."""
    response = await ask(client, "quota")
    assert response.status == "failed"
    assert response.error
    assert response.error["code"] == "rate_limit_exceeded"
    assert (await ask(client, "hello")).status == "completed"


async def test_cancel(client: RealtimeClient) -> None:
    """The server takes a cancel once the response is complete, and answers with an unknown event."""
    await client.create_conversation_item(user_text("tell me a story"))
    response = await client.create_response()
    assert await client.cancel_response()
    assert (response.status, client.active_response) == ("completed", None)
    assert (await ask(client, "hello")).text == "Good morning."


async def test_what_is_not_answered(client: RealtimeClient) -> None:
    """A command nobody acknowledges ends with an error that names it."""
    with pytest.raises(CommandTimeoutError) as raised:
        await client.delete_item("item_1")
    assert raised.value.command == "conversation.item.delete"
    assert (await ask(client, "hello")).status == "completed"


async def test_no_preview(host_name: str) -> None:
    """Preview's path is gone here, as it will be from the service."""
    async with aiohttp.ClientSession() as session:
        client = RealtimeClient(
            RealtimeOptions(
                host_name=host_name,
                deployment="gpt-realtime",
                api_key=API_KEY,
                api_version="2025-04-01-preview",
            ),
            session=session,
        )
        with pytest.raises(DeploymentNotFoundError):
            await client.connect()
