"""A Realtime server with prepared frames, for a process of its own.

It says just enough for every client to complete the two things that are measured: appending audio
up to a commit, and receiving one spoken response. How long that response is and how fast it comes
is asked for in the metadata of ``response.create``: ``deltas``, and ``interval_us`` between them.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
import itertools
import json
from typing import Any

from aiohttp import web

DELTA_BYTES = 4800  # PCM16 of one audio delta: 100 ms at 24 kHz

SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_bench",
    "model": "bench",
    "output_modalities": ["audio"],
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "alloy"}},
}


async def serve(request: web.Request) -> web.WebSocketResponse:
    """Speak GA with one client until it leaves."""
    websocket = web.WebSocketResponse(compress=False, max_msg_size=0)
    await websocket.prepare(request)
    numbers = itertools.count()
    await websocket.send_json(
        {"type": "session.created", "event_id": "e", "session": SESSION}
    )
    async for frame in websocket:
        if '"input_audio_buffer.append"' in frame.data[:120]:
            continue
        async for answer in _answers(json.loads(frame.data), next(numbers)):
            await websocket.send_str(answer)
    return websocket


async def _answers(event: dict[str, Any], number: int) -> AsyncGenerator[str]:
    match event["type"]:
        case "session.update":
            yield _frame("session.updated", session=SESSION)
        case "input_audio_buffer.commit":
            item = {
                "id": f"item_{number}",
                "type": "message",
                "role": "user",
                "content": [],
            }
            yield _frame("input_audio_buffer.committed", item_id=item["id"])
            yield _frame("conversation.item.added", item=item)
            yield _frame("conversation.item.done", item=item)
        case "response.create":
            asked = event["response"]["metadata"]
            response = _spoken_response(number, int(asked["deltas"]))
            for frame in response:
                yield frame
                if '"response.output_audio.delta"' in frame[:60]:
                    await asyncio.sleep(int(asked["interval_us"]) / 1e6)


def _spoken_response(number: int, deltas: int) -> list[str]:
    """Prepare all frames of a response that speaks ``deltas`` times 100 ms."""
    response = {"object": "realtime.response", "id": f"resp_{number}", "output": []}
    item = {
        "id": f"item_{number}",
        "type": "message",
        "role": "assistant",
        "content": [],
    }
    of_response = {"response_id": response["id"], "output_index": 0}
    of_part = of_response | {"item_id": item["id"], "content_index": 0}
    audio = b64encode(bytes(DELTA_BYTES)).decode()
    return [
        _frame("response.created", response=response | {"status": "in_progress"}),
        _frame("response.output_item.added", **of_response, item=item),
        _frame("conversation.item.added", item=item),
        _frame("response.content_part.added", **of_part, part={"type": "audio"}),
        *[_frame("response.output_audio.delta", **of_part, delta=audio)] * deltas,
        _frame("response.output_audio.done", **of_part),
        _frame("response.content_part.done", **of_part, part={"type": "audio"}),
        _frame("response.output_item.done", **of_response, item=item),
        _frame("conversation.item.done", item=item),
        _frame(
            "response.done", response=response | {"status": "completed", "usage": None}
        ),
    ]


def _frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": "event_bench", **fields})


async def main() -> None:
    """Serve on a free port of 127.0.0.1, print the port, and go on until killed."""
    app = web.Application()
    app.router.add_get("/openai/v1/realtime", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
