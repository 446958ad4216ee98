"""Turns: the ladder of events of text, speech and tools, in both dialects."""

import asyncio
import base64
import json
from typing import Any

import pytest

from emulator import Emulator, Reply

from .conftest import PREVIEW, Connect, tone
from .house import TOOLS

TEXT = ["text"]
CALL = Reply(text="A moment.", tool_calls=[("HassTurnOn", {"name": "Kitchen Light"})])


async def test_spoken_answer(emulator: Emulator, connect: Connect) -> None:
    """A typed question, a spoken answer: every event in its order."""
    client = await connect()
    await client.ask("hello")
    done = (await client.until("response.done"))["response"]
    types = client.types()
    assert types[1:3] == ["conversation.item.added", "conversation.item.done"]
    ladder = [kind for kind in types[3:] if not kind.endswith("delta")]
    assert ladder == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    said = "".join(
        e["delta"] for e in client.seen if e["type"].endswith("transcript.delta")
    )
    assert said == "Hello! How can I help?"
    spoken = [
        e["delta"] for e in client.seen if e["type"] == "response.output_audio.delta"
    ]
    assert sum(len(base64.b64decode(delta)) for delta in spoken) == len(said) * 40 * 48
    assert done["output"][0]["content"] == [
        {"type": "output_audio", "transcript": said}
    ]
    part = next(
        e["part"] for e in client.seen if e["type"] == "response.content_part.done"
    )
    assert part == {"type": "audio", "transcript": said}
    await client.until("rate_limits.updated")


async def test_transcript_and_audio_interleave(
    emulator: Emulator, connect: Connect
) -> None:
    """Words come with the audio they belong to, not all at once."""
    client = await connect()
    await client.ask("tell me a long story")
    await client.until("response.done")
    assert client.types().count("response.output_audio_transcript.delta") > 20


async def test_text_answer(emulator: Emulator, connect: Connect) -> None:
    """Text modality: several deltas, no audio."""
    client = await connect()
    await client.update(output_modalities=TEXT)
    await client.ask("say one two three")
    done = await client.until("response.done")
    deltas = [
        e["delta"] for e in client.seen if e["type"] == "response.output_text.delta"
    ]
    assert deltas == ["one", " two", " three"]
    assert all(e["obfuscation"] for e in client.seen if e["type"].endswith("delta"))
    content = done["response"]["output"][0]["content"]
    assert content == [{"type": "output_text", "text": "one two three"}]


async def test_preview_answer(emulator: Emulator, connect: Connect) -> None:
    """Preview has its own names, one item event in place of two, and no obfuscation."""
    client = await connect(PREVIEW)
    await client.ask("hello")
    done = (await client.until("response.done"))["response"]
    ladder = [kind for kind in client.types()[1:] if not kind.endswith("delta")]
    assert ladder == [
        "conversation.created",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert done["modalities"] == ["text", "audio"]
    assert done["output_audio_format"] == "pcm16"
    assert done["output"][0]["content"][0]["type"] == "audio"
    assert not any("obfuscation" in event for event in client.seen)
    await client.ask("hello", modalities=TEXT)
    await client.until("response.text.done")


async def test_manual_turn(emulator: Emulator, connect: Connect) -> None:
    """Append, commit, respond: the answer is about what was heard."""
    emulator.hears.append("the cat is on the roof")
    client = await connect()
    await client.detect_turns()
    await client.say(tone(300))
    await client.send("input_audio_buffer.commit")
    committed = await client.until("input_audio_buffer.committed")
    item = (await client.until("conversation.item.done"))["item"]
    assert item["id"] == committed["item_id"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    await client.send("response.create")
    done = await client.until("response.done")
    assert (
        done["response"]["output"][0]["content"][0]["transcript"]
        == "You said: the cat is on the roof"
    )


@pytest.mark.parametrize("path", [None, PREVIEW])
async def test_function_call_and_continuation(
    emulator: Emulator, connect: Connect, path: str | None
) -> None:
    """A message and a call in one response; the output is answered in the next."""
    client = await (connect(path) if path else connect())
    emulator.replies.append(CALL)
    await client.ask("on")
    done = (await client.until("response.done"))["response"]
    message, call = done["output"]
    assert (message["type"], call["type"]) == ("message", "function_call")
    arguments = next(
        e for e in client.seen if e["type"] == "response.function_call_arguments.done"
    )
    assert json.loads(arguments["arguments"]) == {"name": "Kitchen Light"}
    assert ("name" in arguments) is (path is None)
    deltas = [e["delta"] for e in client.seen if e["type"].endswith("arguments.delta")]
    assert "".join(deltas) == call["arguments"]
    await client.send(
        "conversation.item.create",
        item={
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": json.dumps({"response_type": "action_done"}),
        },
    )
    await client.send("response.create")
    done = (await client.until("response.done"))["response"]
    assert (
        done["output"][0]["content"][0]["transcript"]
        == "I turned on the kitchen light."
    )


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "name": "get_weather"}]
)
async def test_tool_choice_stays_in_force(
    connect: Connect, choice: str | dict[str, str]
) -> None:
    """A session's choice holds for each response, results or not, until one has its own."""
    client = await connect()
    await client.update(tools=TOOLS, tool_choice=choice)
    kinds = []
    for overrides in ({}, {}, {"tool_choice": "auto"}, {}):
        await client.send("response.create", response=overrides)
        (item,) = (await client.until("response.done"))["response"]["output"]
        kinds.append(item["type"])
        if item["type"] == "function_call":
            output = {"type": "function_call_output", "output": "{}"}
            output["call_id"] = item["call_id"]
            await client.send("conversation.item.create", item=output)
    assert kinds == ["function_call", "function_call", "message", "function_call"]


async def test_several_messages(emulator: Emulator, connect: Connect) -> None:
    """One response may speak in several items, each with audio of its own."""
    client = await connect()
    emulator.replies.append(Reply(text="one two three four", items=2))
    await client.send("response.create")
    done = (await client.until("response.done"))["response"]
    transcripts = [item["content"][0]["transcript"] for item in done["output"]]
    assert transcripts == ["one two", "three four"]
    deltas = [e for e in client.seen if e["type"] == "response.output_audio.delta"]
    assert sorted({(e["output_index"], e["item_id"]) for e in deltas}) == [
        (index, item["id"]) for index, item in enumerate(done["output"])
    ]


async def test_one_response_at_a_time(emulator: Emulator, connect: Connect) -> None:
    """The second one in the conversation is refused; out of band runs beside the first."""
    client = await connect()
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="one two", hold=hold))
    await client.send("response.create")
    first = (await client.until("response.created"))["response"]["id"]
    await client.send("response.create", event_id="mine")
    error = await client.error()
    assert error["code"] == "conversation_already_has_active_response"
    assert (first in error["message"], error["event_id"]) == (True, "mine")
    await client.send(
        "response.create", response={"conversation": "none", "metadata": {"a": "b"}}
    )
    beside = (await client.until("response.done"))["response"]
    assert beside["conversation_id"] is None
    assert beside["metadata"] == {"a": "b"}
    hold.set()
    done = (await client.until("response.done"))["response"]
    assert (done["id"], done["status"]) == (first, "completed")


async def test_out_of_band_leaves_no_trace(
    emulator: Emulator, connect: Connect
) -> None:
    """Out-of-band items are not in the conversation; out-of-band input may refer to items that are."""
    client = await connect()
    await client.send(
        "conversation.item.create",
        item={
            "id": "first",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "say moon"}],
        },
    )
    await client.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": TEXT,
            "input": [{"type": "item_reference", "id": "first"}],
        },
    )
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["text"] == "moon"
    assert [item.id for item in emulator.sessions[0].conversation] == ["first"]
    assert client.types().count("conversation.item.added") == 1
    await client.send(
        "response.create",
        response={"input": [{"type": "item_reference", "id": "second"}]},
    )
    assert (await client.error())["code"] == "item_reference_invalid_item_id"


@pytest.mark.parametrize(("path", "kind"), [(None, "output_text"), (PREVIEW, "text")])
async def test_input_of_its_own(
    emulator: Emulator, connect: Connect, path: str | None, kind: str
) -> None:
    """A response may be about items that the conversation does not have, heard ones too."""
    emulator.hears.append("what did you say")
    client = await (connect(path) if path else connect())
    spoken = base64.b64encode(tone(200)).decode()
    earlier = {"role": "assistant", "content": [{"type": kind, "text": "I was here"}]}
    question = {"role": "user", "content": [{"type": "input_audio", "audio": spoken}]}
    items = [{"type": "message", **item} for item in (earlier, question)]
    await client.send(
        "response.create", response={"conversation": "none", "input": items}
    )
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["content"][0]["transcript"] == "I said: I was here"
    assert not len(emulator.sessions[0].conversation)


async def test_words_without_sound(emulator: Emulator, connect: Connect) -> None:
    """A transcript comes even if there is no audio to it, and audio without a transcript."""
    client = await connect()
    for reply in (Reply(text="one two", pcm=b""), Reply(pcm=tone(100))):
        emulator.replies.append(reply)
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == reply.text


@pytest.mark.parametrize(
    ("reply", "status", "details"),
    [
        (Reply(text="no", status="failed"), "failed", "server_error"),
        (
            Reply(text="no", status="incomplete", reason="content_filter"),
            "incomplete",
            "content_filter",
        ),
        (Reply(), "completed", None),
    ],
)
async def test_how_responses_end(
    emulator: Emulator, connect: Connect, reply: Reply, status: str, details: str | None
) -> None:
    """A test may choose how a response ends."""
    client = await connect()
    emulator.replies.append(reply)
    await client.send("response.create")
    done = (await client.until("response.done"))["response"]
    assert done["status"] == status
    found: dict[str, Any] = done["status_details"] or {}
    assert found.get("reason") or found.get("error", {}).get("type") == details


async def test_max_output_tokens(emulator: Emulator, connect: Connect) -> None:
    """A response that runs out of tokens is incomplete, and within its limit."""
    client = await connect()
    await client.ask("tell me a story", max_output_tokens=20)
    done = (await client.until("response.done"))["response"]
    assert done["status_details"] == {
        "type": "incomplete",
        "reason": "max_output_tokens",
    }
    assert done["output"][0]["status"] == "incomplete"
    assert 15 < done["usage"]["output_tokens"] <= 20


async def test_usage_adds_up(emulator: Emulator, connect: Connect) -> None:
    """Sums are sums, input grows with the conversation, and what was read before is cached."""
    client = await connect()
    usages = []
    for _ in range(3):
        await client.ask("hello")
        usages.append((await client.until("response.done"))["response"]["usage"])
    for usage in usages:
        details_in, details_out = (
            usage["input_token_details"],
            usage["output_token_details"],
        )
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert (
            usage["input_tokens"]
            == details_in["text_tokens"]
            + details_in["audio_tokens"]
            + details_in["image_tokens"]
        )
        assert usage["output_tokens"] == sum(details_out.values())
        assert details_in["cached_tokens"] == sum(
            details_in["cached_tokens_details"].values()
        )
        assert details_out["audio_tokens"] > 0
    assert usages[0]["input_token_details"]["cached_tokens"] == 0
    assert (
        usages[0]["input_tokens"]
        < usages[1]["input_tokens"]
        < usages[2]["input_tokens"]
    )
    assert usages[2]["input_token_details"]["cached_tokens"] > 0


async def test_only_an_equal_beginning_is_cached(
    emulator: Emulator, connect: Connect
) -> None:
    """Other instructions make the model read everything again, until they are old."""
    client = await connect()
    cached = []
    for instructions in ("Be brief.", "Be brief.", "Be long.", "Be long.", "Be brief."):
        await client.ask("hello", instructions=instructions)
        done = (await client.until("response.done"))["response"]
        cached.append(done["usage"]["input_token_details"]["cached_tokens"])
    assert cached[0] == cached[2] == 0
    assert 0 < cached[1] < cached[4] < cached[3]


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
async def test_g711(emulator: Emulator, connect: Connect, kind: str) -> None:
    """G.711 is an eighth of the bytes a second, both ways."""
    client = await connect()
    format_ = {"type": kind}
    await client.update(
        audio={
            "input": {"format": format_, "turn_detection": None},
            "output": {"format": format_},
        }
    )
    await client.send(
        "input_audio_buffer.append", audio=base64.b64encode(b"\xd5" * 800).decode()
    )
    await client.send("input_audio_buffer.commit")
    await client.until("input_audio_buffer.committed")
    await client.send("response.create")
    await client.until("response.done")
    deltas = [
        e["delta"] for e in client.seen if e["type"] == "response.output_audio.delta"
    ]
    size = sum(len(base64.b64decode(delta)) for delta in deltas)
    assert size == len("Hello! How can I help?") * 40 * 8


async def test_forced_pcm(emulator: Emulator, connect: Connect) -> None:
    """A test may choose the very samples."""
    client = await connect()
    pcm = bytes(range(200)) * 60
    emulator.replies.append(Reply(text="noise", pcm=pcm))
    await client.send("response.create")
    await client.until("response.done")
    deltas = [
        e["delta"] for e in client.seen if e["type"] == "response.output_audio.delta"
    ]
    assert b"".join(base64.b64decode(delta) for delta in deltas) == pcm


async def test_pacing(emulator: Emulator, connect: Connect) -> None:
    """Audio is made at the chosen speed, after the chosen time to think."""
    emulator.speed, emulator.first_audio_ms = 20, 150
    client = await connect()
    loop = asyncio.get_running_loop()
    began = loop.time()
    emulator.replies.append(Reply(text="x", pcm=bytes(48 * 2000)))
    await client.send("response.create")
    await client.until("response.output_audio.delta")
    first = loop.time() - began
    await client.until("response.done")
    assert first >= 0.15
    assert loop.time() - began >= first + 1.9 / 20
