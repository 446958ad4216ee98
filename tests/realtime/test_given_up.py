"""Commands that are given up, and responses that nobody asked for: each answer goes to whom it belongs."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from custom_components.azure_realtime_audio.realtime import (
    CommandError,
    RealtimeClient,
    ResponseActiveError,
)
from emulator import Emulator, Reply

from .conftest import MakeClient
from .test_client import user_text

SPEECH = bytes(9_600)  # 200 ms
TONE = b"\x00\x20\x00\xe0" * 6_000  # 500 ms, which energy VAD takes for speech


async def given_up(emulator: Emulator, command: Any, event_type: str) -> None:
    """Give a command up when it is under way, before it is acknowledged."""
    emulator.faults.add(f"late_ack:{event_type}", times=1)
    session = emulator.sessions[-1]
    sent = len(session.received.of(event_type))
    task = asyncio.ensure_future(command)
    await session.wait_for(event_type, sent + 1)
    task.cancel()
    await asyncio.wait((task,))


async def test_question(emulator: Emulator, client: RealtimeClient) -> None:
    """A question is not answered with the answer to another one, out of band or not."""
    emulator.replies += [Reply(text="The first."), Reply(text="The second.")]
    aside = {"conversation": "none"}
    await given_up(emulator, client.create_response(aside), "response.create")
    response = await (await client.create_response(aside)).done(5)
    assert response.transcript == "The second."
    emulator.replies += [Reply(text="The third."), Reply(text="The fourth.")]
    ended = asyncio.Event()

    def on_done(event: Mapping[str, Any]) -> None:
        if event["response"]["conversation_id"]:
            ended.set()

    client.on("response.done", on_done)
    await given_up(emulator, client.create_response(), "response.create")
    await ended.wait()
    response = await (await client.create_response()).done(5)
    assert response.transcript == "The fourth."


async def test_question_while_another_is_answered(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The answer to a question that was given up is none to the next; it can be stopped."""
    hold = asyncio.Event()
    emulator.replies += [Reply(text="The first.", hold=hold), Reply(text="The second.")]
    await given_up(emulator, client.create_response(), "response.create")
    with pytest.raises(ResponseActiveError):
        await client.create_response()
    assert await client.cancel_response()
    response = await (await client.create_response()).done(5)
    assert response.transcript == "The second."


async def test_refused_update(emulator: Emulator, client: RealtimeClient) -> None:
    """The acknowledgement of an update that was given up is none of the one that is refused."""
    await (await client.create_response()).done(5)  # whose voice is for good
    await given_up(
        emulator, client.update_session({"instructions": "a"}), "session.update"
    )
    with pytest.raises(CommandError, match="voice"):
        await client.update_session({"voice": "echo"})
    assert client.current_session["instructions"] == "a"
    assert client.current_session["audio"]["output"]["voice"] == "alloy"


async def test_refusal_of_what_was_given_up(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A refusal is that of the command that was given up, not of the next one."""
    emulator.faults.add("null_error_event_ids")
    await given_up(
        emulator,
        client.create_conversation_item(user_text("a"), "nowhere"),
        "conversation.item.create",
    )
    created = await client.create_conversation_item(user_text("b"))
    assert client.item_ids == [created]


async def test_commit(emulator: Emulator, client: RealtimeClient) -> None:
    """A commit has the id of its own item."""
    await client.append_pcm(SPEECH)
    await given_up(emulator, client.commit_audio(), "input_audio_buffer.commit")
    await client.append_pcm(SPEECH)
    item_id = await client.commit_audio()
    committed = emulator.sessions[0].sent.of("input_audio_buffer.committed")
    assert [event["item_id"] for event in committed][-1] == item_id
    assert client.item_ids == [event["item_id"] for event in committed]


async def listening(make_client: MakeClient) -> RealtimeClient:
    """Return a client whose service answers by itself what it hears."""
    detection = {"type": "server_vad", "silence_duration_ms": 200}
    client = make_client(session_config={"turn_detection": detection})
    await client.connect()
    return client


@pytest.mark.parametrize("is_aside", [False, True])
async def test_answer_that_the_service_begins(
    emulator: Emulator, make_client: MakeClient, is_aside: bool
) -> None:
    """It is not taken for one that was asked for at the same time."""
    client = await listening(make_client)
    session = emulator.sessions[0]
    emulator.hears.append("hello")
    hold = asyncio.Event()
    emulator.replies += [Reply(text="Mine.", hold=hold), Reply(text="Asked for.")]
    own: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client.once("response.created", lambda _: own.set_result(client.active_response))
    await client.append_pcm(TONE + bytes(48_000))
    config = {"conversation": "none"} if is_aside else None
    asking = asyncio.create_task(client.create_response(config))
    begun = await own
    assert not begun.was_asked_for
    assert not asking.done()
    if is_aside:
        response = await (await asking).done(5)
        assert response.transcript == "Asked for."
        assert response.metadata == {}
    else:
        with pytest.raises(ResponseActiveError):
            await asking
    hold.set()
    assert (await begun.done(5)).transcript == "Mine."
    assert len(session.sent.of("response.created")) == 1 + is_aside


async def test_answer_that_the_service_begins_late(
    emulator: Emulator, make_client: MakeClient
) -> None:
    """What is asked for first is what was asked for; a late own answer is refused unnoticed."""
    client = await listening(make_client)
    session = emulator.sessions[0]
    emulator.hears.append("hello")
    emulator.faults.add("late_answer:0.1", times=1)
    emulator.faults.add("null_error_codes")
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Asked for.", hold=hold))
    committed = asyncio.Event()
    client.once("input_audio_buffer.committed", lambda _: committed.set())
    await client.append_pcm(TONE + bytes(48_000))
    await committed.wait()
    response = await client.create_response({"metadata": {"a": "b"}})
    assert response.was_asked_for
    await session.sent.wait_for("error")
    hold.set()
    assert (await response.done(5)).transcript == "Asked for."
    assert response.metadata == {"a": "b"}
    assert len(session.sent.of("response.created")) == 1


async def test_no_room_for_a_mark(emulator: Emulator, make_client: MakeClient) -> None:
    """A caller may have as much metadata as the service takes."""
    client = await listening(make_client)
    await client.append_pcm(SPEECH)
    metadata = {str(number): "x" for number in range(16)}
    response = await (await client.create_response({"metadata": metadata})).done(5)
    assert response.metadata == metadata


@pytest.mark.parametrize("code", ["conversation_already_has_active_response", None])
async def test_refusal_of_the_services_own_answer(
    emulator: Emulator, client: RealtimeClient, code: str | None
) -> None:
    """It is not blamed on a response out of band, which may run beside any other."""
    emulator.faults.add("no_ack:response.create")
    session = emulator.sessions[0]
    asking = asyncio.create_task(client.create_response({"conversation": "none"}))
    await session.wait_for("response.create")
    message = "Conversation already has an active response in progress: resp_1."
    refusal = {"type": "invalid_request_error", "code": code, "message": message}
    await session.send({"type": "error", "error": refusal})
    await session.send({"type": "response.created", "response": {"id": "resp_2"}})
    assert (await asking).id == "resp_2"
