"""Microsoft's rt-client, which knows the first preview and closes on any event beyond it."""

import asyncio
from collections.abc import Iterator

import pytest

from emulator import Emulator, Reply

from .conftest import RunNode

PROGRAM = "rt_client.mjs"


@pytest.fixture(autouse=True)
def _first_preview(emulator: Emulator) -> Iterator[None]:
    """Hold every test to the dialect that it is about."""
    yield
    (handshake,) = emulator.handshakes
    assert handshake.query["api-version"] == "2024-10-01-preview"
    # That is how it ends over an event it does not know; else it gives no code.
    assert emulator.sessions[0].close_code != 1000


async def test_text_turn(run_node: RunNode) -> None:
    """A typed question, a written answer."""
    told = await run_node(PROGRAM, "text")
    assert (told["text"], told["status"]) == ("one two three", "completed")
    assert told["tokens"] > 0


async def test_manual_audio_turn(emulator: Emulator, run_node: RunNode) -> None:
    """The client says where the turn ends."""
    emulator.hears.append("say good night")
    told = await run_node(PROGRAM, "manual")
    assert told["transcript"] == "good night"
    assert told["audioBytes"] == len("good night") * 40 * 48


async def test_audio_turn_with_server_vad(
    emulator: Emulator, run_node: RunNode
) -> None:
    """The service finds the turn, tells what it heard, and replies."""
    emulator.hears.append("say good morning")
    told = await run_node(PROGRAM, "vad")
    assert told["heard"] == "say good morning"
    assert 1000 <= told["heardMs"] < 2000
    assert told["reply"]["transcript"] == "good morning"


async def test_tool(run_node: RunNode) -> None:
    """The call, its output, and the reply to that."""
    told = await run_node(PROGRAM, "tool")
    (call,) = told["calls"]
    assert (call["name"], call["arguments"]) == ("get_weather", '{"location": "Bern"}')
    assert "sunny" in told["reply"]["transcript"]


async def test_cancel(emulator: Emulator, run_node: RunNode) -> None:
    """A response that is cut off."""
    emulator.replies.append(Reply(text="one two three", hold=asyncio.Event()))
    told = await run_node(PROGRAM, "cancel")
    assert told["status"] == "cancelled"
    assert told["details"] == {"type": "cancelled", "reason": "client_cancelled"}


async def test_refusal(run_node: RunNode) -> None:
    """An error becomes the client's own."""
    told = await run_node(PROGRAM, "refusal")
    assert told["code"] == "item_delete_invalid_item_id"
