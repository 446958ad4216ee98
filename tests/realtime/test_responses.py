"""Responses: one at a time, beside the conversation, cancelled, late."""

import asyncio

import pytest

from custom_components.azure_realtime_audio.realtime import (
    ModelStatus,
    RealtimeClient,
    ResponseActiveError,
)
from emulator import Emulator, Reply

from .test_client import next_event, record, status, user_text


async def test_one_response_at_a_time(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A second one fails clearly, also while the first is only being asked for."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="A long story", hold=hold))
    first, second = await asyncio.gather(
        client.create_response(), client.create_response(), return_exceptions=True
    )
    assert isinstance(second, ResponseActiveError)
    assert not isinstance(first, BaseException)
    with pytest.raises(ResponseActiveError):
        await client.create_response()
    hold.set()
    await first.done()
    await (await client.create_response()).done()


async def test_responses_out_of_band_run_beside(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Responses out of band neither wait for the conversation's response nor leave a trace in it."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="A long story", hold=hold))
    story = await client.create_response()
    emulator.replies.append(Reply(text="Sunny"))
    emulator.replies.append(Reply(text="Windy"))
    config = {
        "conversation": "none",
        "metadata": {"topic": "weather"},
        "output_modalities": ["text"],
        "input": [user_text("How is the weather?")],
    }
    aside = await client.create_response(config)
    again = await client.create_response(config)
    assert (await aside.done()).text == "Sunny"
    assert (await again.done()).text == "Windy"
    assert aside.metadata == {"topic": "weather"}
    assert client.active_response is story
    hold.set()
    assert (await story.done()).transcript == "A long story"
    kept = [item.id for item in emulator.sessions[0].conversation]
    assert kept == story.item_ids


async def test_out_of_band_beside_a_tool(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The model thinks until its tool has returned, although it says something else meanwhile."""
    aside = {"conversation": "none", "output_modalities": ["text"]}
    emulator.replies += [
        Reply(tool_calls=[("turn_on", {"name": "lamp"})]),
        Reply(tool_calls=[("turn_on", {"name": "lamp"})]),
        Reply(text="Sunny"),
        Reply(text="It is on.", audio=False),
        Reply(text="Windy"),
    ]
    response = await client.create_response()
    await response.done()
    (call,) = response.tool_calls
    statuses = record(client, "status_changed")
    for _ in range(2):
        await (await client.create_response(aside)).done()
    assert statuses == []

    output = {"call_id": call.call_id, "output": "on"}
    await client.create_conversation_item({"type": "function_call_output", **output})
    await (await client.create_response()).done()
    await (await client.create_response(aside)).done()
    seen = [event["status"] for event in statuses]
    assert seen == ["idle", "thinking", "idle"]


async def test_out_of_band_alone_is_not_the_conversations(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The conversation can have its response beside it, and either can be stopped."""
    hold = asyncio.Event()
    emulator.replies.append(Reply(text="Aside and long", hold=hold))
    aside = await client.create_response({"conversation": "none"})
    assert client.active_response is None
    assert await client.cancel_response() is False
    emulator.replies.append(Reply(text="Hello"))
    response = await client.create_response()
    await response.done()
    assert await aside.cancel() is True
    assert aside.status == "cancelled"
    assert await aside.cancel() is False


async def test_the_services_own_response_is_not_taken_for_one_out_of_band(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Where turn detection answers just then, each response goes to whom it belongs."""
    emulator.faults.add("no_ack:response.create")
    create = asyncio.create_task(client.create_response({"conversation": "none"}))
    session = emulator.sessions[0]
    await session.wait_for("response.create")
    for response_id, conversation_id in (("resp_vad", "conv_1"), ("resp_aside", None)):
        response = {"id": response_id, "conversation_id": conversation_id}
        await session.send({"type": "response.created", "response": response})
    assert (await create).id == "resp_aside"
    assert client.active_response is not None
    assert client.active_response.id == "resp_vad"
    later = asyncio.create_task(client.create_response({"conversation": "none"}))
    await session.wait_for("response.create", 2)
    await session.send({"type": "response.created", "response": {"id": "resp_vad"}})
    await session.send({"type": "response.created", "response": {"id": "resp_late"}})
    assert (await later).id == "resp_late"


async def test_cancel(emulator: Emulator, client: RealtimeClient) -> None:
    """Cancelling waits for the end of the response; what comes later is dropped."""
    assert await client.cancel_response() is False
    emulator.replies.append(Reply(text="A long story", hold=asyncio.Event()))
    create = asyncio.Task(client.create_response(), eager_start=True)
    assert (
        await client.cancel_response() is True
    )  # also while it is only being asked for
    response = await create
    assert response.status == "cancelled"
    assert response.status_details is not None
    assert response.status_details["reason"] == "client_cancelled"
    audio = response.audio
    await emulator.sessions[0].send(
        {
            "type": "response.output_audio.delta",
            "response_id": response.id,
            "item_id": "item_x",
            "delta": "AAAA",
        }
    )
    await client.create_conversation_item(user_text("hello"))
    await emulator.sessions[0].send(
        {
            "type": "response.done",
            "response": {"id": response.id, "status": "completed"},
        }
    )
    await client.create_conversation_item(user_text("hello"))
    assert response.audio == audio
    assert response.status == "cancelled"
    assert client.active_response is None


async def test_late_events_of_a_response_that_has_ended(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """Late events do not bring the response back: nothing would end it, and it would block the next."""
    response = await (await client.create_response()).done()
    session = emulator.sessions[0]
    late = [
        {**event, "event_id": f"event_late_{number}"}
        for number, event in enumerate(session.sent)
        if response.id
        in (event.get("response_id"), event.get("response", {}).get("id"))
    ]
    *parts, done = late
    for event in parts:
        await session.send(event)
        await client.create_conversation_item(user_text("hello"))
        assert client.active_response is None
    emulator.replies.append(Reply(text="Once more"))
    again = await (await client.create_response()).done()
    await session.send(done)
    await client.create_conversation_item(user_text("hello"))
    assert client.active_response is None
    assert again.transcript == "Once more"
    assert response.transcript != again.transcript
    await (await client.create_response()).done()


async def test_cancel_that_comes_too_late(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """The response is over for the service, though its end was lost: it blocks nothing."""
    session = emulator.sessions[0]
    await session.send(
        {
            "type": "response.created",
            "response": {"id": "resp_x", "status": "in_progress"},
        }
    )
    await next_event(client, "response.created")
    lost = client.active_response
    assert lost is not None
    assert await client.cancel_response() is False
    assert (await lost.done()).status == "cancelled"
    assert client.active_response is None


async def test_status_of_failed_and_incomplete_responses(
    emulator: Emulator, client: RealtimeClient
) -> None:
    """A response that fails is told as such; the model is idle again."""
    emulator.faults.add("response_failed", times=1)
    response = await client.create_response()
    await response.done()
    assert response.status == "failed"
    assert response.error is not None
    assert client.status == "idle"
    emulator.faults.add("content_filter", times=1)
    response = await client.create_response()
    await response.done()
    assert response.status == "incomplete"
    assert response.status_details is not None
    assert response.status_details["reason"] == "content_filter"


async def test_several_spoken_items(emulator: Emulator, client: RealtimeClient) -> None:
    """Newer models say one reply in several items."""
    emulator.replies.append(Reply(text="One two three four", items=2))
    response = await client.create_response()
    await response.done()
    assert len(response.item_ids) == 2
    assert response.transcript == "One two\nthree four"


async def test_speech_interrupts(emulator: Emulator, client: RealtimeClient) -> None:
    """When the person begins to speak, the status shows it, although old events still arrive."""
    emulator.replies.append(Reply(text="A long story", hold=asyncio.Event()))
    response = await client.create_response()
    await status(client, ModelStatus.SPEAKING)
    session = emulator.sessions[0]
    await session.send(
        {"type": "input_audio_buffer.speech_started", "item_id": "item_u"}
    )
    await status(client, ModelStatus.LISTENING)
    await response.cancel()
    assert client.status == "listening"
    await session.send(
        {"type": "input_audio_buffer.speech_stopped", "item_id": "item_u"}
    )
    await status(client, ModelStatus.THINKING)
