"""Items: created, found, cut and forgotten; and what is refused."""

import asyncio
import base64
from typing import Any

import pytest

from emulator import Emulator, Reply

from .conftest import PREVIEW, Client, Connect, silence, tone


async def create(client: Client, **item: Any) -> None:
    """Create a user's text item."""
    content = [{"type": "input_text", "text": "hello"}]
    item = {"type": "message", "role": "user", "content": content, **item}
    previous = item.pop("previous_item_id", None)
    await client.send("conversation.item.create", item=item, previous_item_id=previous)


async def spoken(client: Client, milliseconds: int, emulator: Emulator) -> str:
    """Let the model speak for a while; return the item's id."""
    emulator.replies.append(Reply(text="something", pcm=silence(milliseconds)))
    await client.send("response.create")
    item_id: str = (await client.until("response.done"))["response"]["output"][0]["id"]
    return item_id


async def test_order(emulator: Emulator, connect: Connect) -> None:
    """Items go to the end, to the front, or after another one."""
    client = await connect()
    await create(client, id="b")
    await create(client, id="a", previous_item_id="root")
    await create(client, id="d")
    await create(client, id="c", previous_item_id="b")
    await create(client, id="x", previous_item_id="nowhere")
    assert (await client.error())["code"] == "item_create_invalid_previous_item_id"
    assert [item.id for item in emulator.sessions[0].conversation] == [
        "a",
        "b",
        "c",
        "d",
    ]
    previous = [
        e["previous_item_id"]
        for e in client.seen
        if e["type"] == "conversation.item.added"
    ]
    assert previous == [None, None, "b", "b"]


async def test_an_id_is_used_once(connect: Connect) -> None:
    """A client may choose ids, each once."""
    client = await connect()
    await create(client, id="a")
    await create(client, id="a")
    assert (await client.error())["code"] == "item_create_duplicate_item_id"


@pytest.mark.parametrize("key", ["id", "call_id"])
async def test_long_ids_of_a_client(connect: Connect, key: str) -> None:
    """A client's ids have 32 characters at most."""
    client = await connect()
    for length in (32, 33):
        ids = {"id": "item_1", "call_id": "call_1", key: "x" * length}
        item = {**ids, "type": "function_call", "name": "a", "arguments": "{}"}
        await client.send("conversation.item.create", item=item)
        aside = {"conversation": "none", "input": [item]}
        await client.send("response.create", response=aside)
    await client.until("conversation.item.done")
    for _ in range(2):
        error = await client.error()
        assert (error["code"], error["param"]) == (
            "string_above_max_length",
            f"item.{key}",
        )
        assert error["message"].endswith("but got a string with length 33 instead.")


async def test_retrieve_has_the_audio(emulator: Emulator, connect: Connect) -> None:
    """A retrieved item carries its audio; no other event does."""
    client = await connect()
    await client.detect_turns()
    pcm = tone(150)
    await client.say(pcm)
    await client.send("input_audio_buffer.commit")
    committed = await client.until("input_audio_buffer.committed")
    await client.send("conversation.item.retrieve", item_id=committed["item_id"])
    retrieved = await client.until("conversation.item.retrieved")
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == pcm
    assert not any(
        "audio" in e["item"]["content"][0] for e in client.seen[:-1] if "item" in e
    )


async def test_a_client_may_speak_in_an_item(
    emulator: Emulator, connect: Connect
) -> None:
    """Audio in an item is heard as audio in the buffer is."""
    emulator.hears.append("from an item")
    client = await connect()
    audio = base64.b64encode(tone(200)).decode()
    await create(client, content=[{"type": "input_audio", "audio": audio}])
    await client.send("response.create")
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["transcript"] == "You said: from an item"


async def test_history(emulator: Emulator, connect: Connect) -> None:
    """The conversation remembers its items, unless they are deleted."""
    client = await connect()
    await client.update(output_modalities=["text"])
    await create(
        client, id="a", content=[{"type": "input_text", "text": "my name is Ada"}]
    )
    await client.ask("what is my name?")
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["text"] == "Your name is Ada."
    await client.send("conversation.item.delete", item_id="a")
    assert (await client.until("conversation.item.deleted"))["item_id"] == "a"
    await client.ask("what is my name?")
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["text"] == "You have not told me your name."


@pytest.mark.parametrize("verb", ["retrieve", "delete", "truncate"])
async def test_unknown_items(connect: Connect, verb: str) -> None:
    """Each command names the item it did not find."""
    client = await connect()
    extra = {"content_index": 0, "audio_end_ms": 10} if verb == "truncate" else {}
    await client.send(
        f"conversation.item.{verb}", item_id="gone", event_id="mine", **extra
    )
    error = await client.error()
    assert error["code"] == f"item_{verb}_invalid_item_id"
    assert error["message"].endswith("the item with id 'gone' does not exist.")
    assert error["event_id"] == "mine"


async def test_truncate(emulator: Emulator, connect: Connect) -> None:
    """Audio that was not played is cut, with the transcript; no more than the audio can be kept."""
    client = await connect()
    item_id = await spoken(client, 1000, emulator)
    place = {"item_id": item_id, "content_index": 0}
    await client.send("conversation.item.truncate", **place, audio_end_ms=1001)
    error = await client.error()
    assert error["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    await client.send("conversation.item.truncate", **place, audio_end_ms=400)
    await client.until("conversation.item.truncated")
    await client.send("conversation.item.retrieve", item_id=item_id)
    part = (await client.until("conversation.item.retrieved"))["item"]["content"][0]
    assert len(base64.b64decode(part["audio"])) == 400 * 48
    assert part["transcript"] is None


async def test_truncate_what_is_still_spoken(
    emulator: Emulator, connect: Connect
) -> None:
    """The response goes on to its end, its item stays cut, the session lives on."""
    client = await connect()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="one two three", pcm=tone(500), hold=hold))
    await client.send("response.create")
    item_id = (await client.until("response.output_audio.delta"))["item_id"]
    place = {"item_id": item_id, "content_index": 0}
    await client.send("conversation.item.truncate", **place, audio_end_ms=101)
    error = await client.error()
    assert error["message"] == "Audio content of 100ms is already shorter than 101ms"
    await client.send("conversation.item.truncate", **place, audio_end_ms=60)
    await client.until("conversation.item.truncated")
    hold.set()
    part = (await client.until("response.content_part.done"))["part"]
    assert part["transcript"] == "one two three"
    done = (await client.until("response.done"))["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"][0]["transcript"] is None
    deltas = [e for e in client.seen if e["type"] == "response.output_audio.delta"]
    assert len(deltas) == 5
    await client.send("conversation.item.retrieve", item_id=item_id)
    part = (await client.until("conversation.item.retrieved"))["item"]["content"][0]
    assert len(base64.b64decode(part["audio"])) == 60 * 48
    assert part["transcript"] is None


async def test_what_cannot_be_truncated(emulator: Emulator, connect: Connect) -> None:
    """A user's item, an item without audio, and an item at zero cannot be truncated."""
    client = await connect()
    await create(client, id="mine")
    item_id = await spoken(client, 200, emulator)
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="a b", audio=False, hold=hold))
    await client.send("response.create")
    written = (await client.until("response.output_text.delta"))["item_id"]
    for item, end in (("mine", 10), (item_id, 0), (written, 10)):
        await client.send(
            "conversation.item.truncate",
            item_id=item,
            content_index=0,
            audio_end_ms=end,
        )
        error = await client.error()
        assert error["message"] == "Only model output audio messages can be truncated"
    hold.set()


async def test_output_of_an_unknown_call(connect: Connect) -> None:
    """A tool's output needs its call."""
    client = await connect()
    await client.send(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    )
    error = await client.error()
    assert error["code"] == "invalid_tool_call_id"
    assert error["message"] == "Tool call ID 'call_1' not found in conversation."


@pytest.mark.parametrize(
    ("path", "item", "code", "param"),
    [
        (None, {"role": "robot"}, "invalid_value", "item.role"),
        (None, {"role": None}, "invalid_value", "item.role"),
        (None, {"type": "letter"}, "invalid_value", "item.type"),
        (
            None,
            {"content": [{"type": "input_text"}]},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            None,
            {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            PREVIEW,
            {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            PREVIEW,
            {"content": [{"type": "input_image", "image_url": "data:"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (None, {"mood": "good"}, "unknown_parameter", "item.mood"),
        (
            None,
            {"content": [{"type": "input_audio", "audio": "?"}]},
            "invalid_value",
            "item.content[0].audio",
        ),
    ],
)
async def test_refused_items(
    connect: Connect, path: str | None, item: dict[str, Any], code: str, param: str
) -> None:
    """A refusal names the place."""
    client = await (connect(path) if path else connect())
    await create(client, **item)
    error = await client.error()
    assert (error["code"], error["param"]) == (code, param)


@pytest.mark.parametrize(("path", "kind"), [(None, "output_text"), (PREVIEW, "text")])
async def test_assistant_history(
    emulator: Emulator, connect: Connect, path: str | None, kind: str
) -> None:
    """Earlier words of the model can be put back as text, under the dialect's name."""
    client = await (connect(path) if path else connect())
    await create(
        client, role="assistant", content=[{"type": kind, "text": "I was here"}]
    )
    added = await client.until(f"conversation.item.{'created' if path else 'added'}")
    assert added["item"]["content"] == [{"type": kind, "text": "I was here"}]
    await client.ask("what did you say?")
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["transcript"] == "I said: I was here"


async def test_what_is_no_event(connect: Connect) -> None:
    """Broken frames are refused, each in its way, and the session lives on."""
    client = await connect()
    await client.socket.send_str("ping")
    error = await client.error()
    assert (error["code"], error["param"]) == ("invalid_json", None)
    await client.socket.send_bytes(b"{}")
    assert (await client.error())["code"] == "invalid_event"
    await client.socket.send_str("[]")
    assert (await client.error())["code"] == "invalid_json"
    await client.socket.send_str("{}")
    assert (await client.error())["param"] == "type"
    await client.send("session.rename", event_id="e")
    error = await client.error()
    assert (error["code"], error["param"], error["event_id"]) == (
        "invalid_value",
        "type",
        "e",
    )
    assert error["message"].startswith(
        "Invalid value: 'session.rename'. Supported values are: "
    )
    await client.send("input_audio_buffer.append", audio="not base64!")
    assert (await client.error())["param"] == "audio"
    await client.send(
        "input_audio_buffer.append", audio=base64.b64encode(b"odd").decode()
    )
    assert (await client.error())["param"] == "audio"
    await client.send("input_audio_buffer.append", audio="A" * (15 * 1024 * 1024 + 1))
    assert (await client.error())["code"] == "string_above_max_length"
    await client.send("conversation.item.delete")
    assert (await client.error())["param"] == "item_id"
    await client.update(instructions="still here")


async def test_cancel(emulator: Emulator, connect: Connect) -> None:
    """Cancelling ends in response.done; without a response it is refused."""
    client = await connect()
    await client.send("response.cancel", event_id="early")
    error = await client.error()
    assert error["message"] == "Cancellation failed: no active response found"
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "early")
    emulator.replies.append(Reply(text="one two", hold=asyncio.Event()))
    await client.send("response.create")
    await client.until("response.output_audio.delta")
    await client.send("response.cancel")
    done = (await client.until("response.done"))["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    await client.ask("hello")
    assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_cancel_out_of_band(emulator: Emulator, connect: Connect) -> None:
    """A response beside the conversation is cancelled by its id only."""
    client = await connect()
    emulator.replies.append(Reply(text="one two", hold=asyncio.Event()))
    await client.send("response.create", response={"conversation": "none"})
    response_id = (await client.until("response.created"))["response"]["id"]
    await client.send("response.cancel")
    await client.error()
    await client.send("response.cancel", response_id=response_id)
    done = (await client.until("response.done"))["response"]
    assert (done["id"], done["status"]) == (response_id, "cancelled")
    assert "conversation.item.added" not in client.types()


async def test_session_close(emulator: Emulator, connect: Connect) -> None:
    """A client may ask to be closed."""
    client = await connect()
    await client.send("session.close")
    assert (await client.close_frame())[0] == 1000
