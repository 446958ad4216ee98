"""One response: from `response.created` over its items, parts and deltas to `response.done`."""

import asyncio
import base64
from dataclasses import dataclass
import json
import math
from typing import Any, Literal

from ..model.reply import Reply
from ..wire import audio
from ..wire.conversation import Item
from ..wire.ids import new_id
from ..wire.usage import Tokens, audio_tokens, text_tokens, usage
from .session_port import SessionPort

_CHUNK_MS = 100
_CHUNK_BYTES = _CHUNK_MS * audio.PCM_BYTES_PER_MS
_ARGUMENT_LETTERS = 12  # in one delta

_FAILURES: dict[str, dict[str, Any]] = {
    "response_failed": {
        "type": "server_error",
        "code": None,
        "message": "The server had an error while processing your request. Sorry about that!",
    },
    "response_rate_limited": {
        "type": "invalid_request_error",
        "code": "rate_limit_exceeded",
        "message": "Rate limit reached for requests. Please try again in 2s.",
    },
    "response_quota": {
        "type": "insufficient_quota",
        "code": "insufficient_quota",
        "message": "You exceeded your current quota, please check your plan and billing details.",
    },
}


class _OutOfTokens(Exception):
    """The response has used up its `max_output_tokens`."""


@dataclass
class _OpenItem:
    """The item being generated, its part if it has one, and all words of that part."""

    item: Item
    index: int
    part: dict[str, Any] | None = None
    said: str = ""

    @property
    def ids(self) -> dict[str, Any]:
        return {"item_id": self.item.id, "output_index": self.index}


class Response:
    """A response and the task that generates it."""

    def __init__(
        self, session: SessionPort, config: dict[str, Any], given: list[Item] | None
    ) -> None:
        """Prepare a response; `given` is its own `input`, in place of the conversation."""
        self.id = new_id("resp")
        self.config = config
        self.in_conversation = config["conversation"] != "none"
        self.status = "in_progress"
        self.output: list[Item] = []
        self.task: asyncio.Task[None] | None = None
        self._session = session
        self._context = list(session.conversation) if given is None else given
        self._details: dict[str, Any] | None = None
        self._usage: dict[str, Any] | None = None
        self._open: _OpenItem | None = None
        self._spent = Tokens()
        self._deltas = 0
        self._hold: asyncio.Event | None = None
        self._cancelled_because: str | None = None
        self._began = asyncio.get_running_loop().time()
        self._audio_due = 0.0

    @property
    def audio_ms(self) -> int:
        """Return the length of the response's audio in milliseconds."""
        return sum(audio.duration_ms(item.audio) for item in self.output)

    async def generate(self) -> None:
        """Emit the whole ladder of events."""
        self._emit("response.created", response=self._wire())
        try:
            await self._session.reached("thinking")
            await self._generate()
        except asyncio.CancelledError:
            if self._cancelled_because is None:
                raise
            self._end(
                "cancelled", {"type": "cancelled", "reason": self._cancelled_because}
            )
        except _OutOfTokens:
            self._end_incomplete("max_output_tokens")

    async def cancel(
        self, because: Literal["turn_detected", "client_cancelled"]
    ) -> None:
        """Stop generating; returns when `response.done` has been emitted."""
        if self.task and self.status == "in_progress":
            self._cancelled_because = because
            self.task.cancel()
            await asyncio.wait([self.task])

    async def _generate(self) -> None:
        reply = self._disturbed(
            await self._session.mind.plan(
                self._session.config, self.config, self._context
            )
        )
        self._hold = reply.hold
        for text in reply.messages():
            await self._message(text, reply)
        for name, arguments in reply.tool_calls or ():
            await self._function_call(name, arguments)
        if reply.status == "incomplete":
            self._end_incomplete(reply.reason)
        elif reply.status == "failed":
            error = reply.error or _FAILURES["response_failed"]
            self._end("failed", {"type": "failed", "error": error})
        else:
            self._end("completed", None)
            await self._session.reached("tool" if reply.tool_calls else "idle")

    def _disturbed(self, reply: Reply) -> Reply:
        faults = self._session.settings.faults
        for name, error in _FAILURES.items():
            if faults.take(name) is not None:
                return Reply(status="failed", error=error)
        if faults.take("response_empty") is not None:
            return Reply()
        if faults.take("response_incomplete") is not None:
            reply.status, reply.reason = "incomplete", "max_output_tokens"
        if faults.take("content_filter") is not None:
            reply.status, reply.reason = "incomplete", "content_filter"
        return reply

    async def _message(self, text: str, reply: Reply) -> None:
        spoken = self.config["output_modalities"] == ["audio"]
        if reply.audio is not None:
            spoken = reply.audio
        kind = "audio" if spoken else "text"
        item = Item(
            self._session.settings.new_id("item"),
            "message",
            "in_progress",
            "assistant",
            content=[],
        )
        if self._session.settings.reasons:
            item.fields["phase"] = "commentary" if reply.tool_calls else "final_answer"
        opened = self._open_item(item)
        await self._first_output_is_due()
        opened.part = (
            {"type": "output_audio", "transcript": ""}
            if spoken
            else {"type": "output_text", "text": ""}
        )
        self._emit(
            "response.content_part.added",
            **opened.ids,
            content_index=0,
            part={
                "type": kind,
                **{k: v for k, v in opened.part.items() if k != "type"},
            },
        )
        assert item.content is not None
        item.content.append(opened.part)
        if spoken:
            pcm = reply.pcm if reply.pcm is not None else await self._voice(text)
            await self._speak(opened, text, pcm)
        else:
            await self._write(opened, text)
        self._close_item("completed" if reply.status != "incomplete" else "incomplete")

    async def _voice(self, text: str) -> bytes:
        speaks = self.config["audio"]["output"]
        return await self._session.settings.voice_of_model.say(
            text, voice=str(speaks["voice"]), speed=speaks["speed"]
        )

    async def _speak(self, opened: _OpenItem, text: str, pcm: bytes) -> None:
        """Stream transcript and audio side by side, the transcript a little ahead."""
        words = _words(text)
        chunks = [
            pcm[at : at + _CHUNK_BYTES] for at in range(0, len(pcm), _CHUNK_BYTES)
        ]
        said = 0
        for number, chunk in enumerate(chunks, 1):
            due = math.ceil(number / len(chunks) * len(words))
            for word in words[said:due]:
                self._spend(Tokens(text=text_tokens(word)))
                self._delta(
                    opened, "response.output_audio_transcript.delta", word, "transcript"
                )
            said = due
            self._spend(Tokens(audio=audio_tokens(chunk, spoken_by_model=True)))
            await self._pace()
            if not opened.item.is_cut:
                opened.item.audio += chunk
            encoded = audio.encode(
                chunk, self.config["audio"]["output"]["format"]["type"]
            )
            self._emit(
                "response.output_audio.delta",
                **opened.ids,
                content_index=0,
                delta=base64.b64encode(encoded).decode(),
            )
            await self._delta_sent("audio")
        for word in words[said:]:
            self._delta(
                opened, "response.output_audio_transcript.delta", word, "transcript"
            )

    async def _write(self, opened: _OpenItem, text: str) -> None:
        for word in _words(text):
            self._spend(Tokens(text=text_tokens(word)))
            self._delta(opened, "response.output_text.delta", word, "text")
            await self._delta_sent("text")

    def _delta(self, opened: _OpenItem, event_type: str, word: str, key: str) -> None:
        assert opened.part is not None
        opened.said += word
        if not opened.item.is_cut:
            opened.part[key] = opened.said
        self._emit(event_type, **opened.ids, content_index=0, delta=word)

    async def _function_call(self, name: str, arguments: dict[str, Any] | str) -> None:
        raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
        item = Item(
            self._session.settings.new_id("item"), "function_call", "in_progress"
        )
        call_id = self._session.settings.new_id("call")
        item.fields = {"call_id": call_id, "name": name, "arguments": ""}
        opened = self._open_item(item)
        await self._first_output_is_due()
        for at in range(0, len(raw), _ARGUMENT_LETTERS):
            delta = raw[at : at + _ARGUMENT_LETTERS]
            self._spend(Tokens(text=text_tokens(delta)))
            item.fields["arguments"] += delta
            self._emit(
                "response.function_call_arguments.delta",
                **opened.ids,
                call_id=call_id,
                delta=delta,
            )
            await self._delta_sent("arguments")
        self._close_item("completed")

    def _open_item(self, item: Item) -> _OpenItem:
        self._open = _OpenItem(item, len(self.output))
        self.output.append(item)
        self._emit(
            "response.output_item.added",
            output_index=self._open.index,
            item=item.wire(),
        )
        if self.in_conversation:
            previous = self._session.conversation.add(item)
            self._session.emit(
                "conversation.item.added", previous_item_id=previous, item=item.wire()
            )
        return self._open

    def _close_item(self, status: str) -> None:
        """Emit the `.done` events of the open part and item, at any stage."""
        if self._open is None:
            return
        opened, self._open = self._open, None
        item = opened.item
        item.status = status
        if opened.part is not None:
            self._close_part(opened, opened.part["type"])
        elif item.type == "function_call" and status == "completed":
            self._emit(
                "response.function_call_arguments.done",
                **opened.ids,
                call_id=item.fields["call_id"],
                name=item.fields["name"],
                arguments=item.fields["arguments"],
            )
        if self.in_conversation:
            self._session.emit(
                "conversation.item.done",
                previous_item_id=self._session.conversation.previous_id(item),
                item=item.wire(),
            )
        self._emit(
            "response.output_item.done", output_index=opened.index, item=item.wire()
        )

    def _close_part(self, opened: _OpenItem, kind: str) -> None:
        """Emit the `.done` events of a part: with all its words, even if the item is cut."""
        ids = {**opened.ids, "content_index": 0}
        if kind == "output_audio":
            wire = {"type": "audio", "transcript": opened.said}
            self._emit("response.output_audio.done", **ids)
            self._emit(
                "response.output_audio_transcript.done", **ids, transcript=opened.said
            )
        else:
            wire = {"type": "text", "text": opened.said}
            self._emit("response.output_text.done", **ids, text=opened.said)
        self._emit("response.content_part.done", **ids, part=wire)

    def _end_incomplete(self, reason: str) -> None:
        self._end("incomplete", {"type": "incomplete", "reason": reason})

    def _end(self, status: str, details: dict[str, Any] | None) -> None:
        self._close_item("incomplete")
        self.status = status
        self._details = details
        if (
            status != "failed"
            and self._session.settings.faults.take("no_usage") is None
        ):
            total, cached = self._session.mind.input_tokens(self.config, self._context)
            self._usage = usage(total, cached, self._spent)
        self._session.ended(self.id, self.audio_ms)
        self._emit("response.done", response=self._wire())

    async def _first_output_is_due(self) -> None:
        """Wait for the rest of the model's thinking time."""
        now = asyncio.get_running_loop().time()
        thinking = self._session.settings.first_audio_ms / 1000
        await asyncio.sleep(max(0, self._began + thinking - now))

    async def _pace(self) -> None:
        """Hold audio back to the chosen multiple of real time."""
        loop = asyncio.get_running_loop()
        speed = self._session.settings.speed
        if speed:
            await asyncio.sleep(max(0, self._audio_due - loop.time()))
            self._audio_due = (
                max(self._audio_due, loop.time()) + _CHUNK_MS / 1000 / speed
            )
        else:
            await asyncio.sleep(0)

    async def _delta_sent(self, kind: Literal["audio", "text", "arguments"]) -> None:
        self._deltas += 1
        if self._hold:
            await self._hold.wait()
        if self._deltas == 3:
            await self._session.reached(kind)
            if self._session.settings.faults.take("response_stalls") is not None:
                await asyncio.Event().wait()

    def _spend(self, tokens: Tokens) -> None:
        limit = self.config["max_output_tokens"]
        spent = self._spent + tokens
        if limit != "inf" and spent.total > limit:
            raise _OutOfTokens
        self._spent = spent

    def _emit(self, event_type: str, **fields: Any) -> None:
        has_response = "response" in fields
        ids = {} if has_response else {"response_id": self.id}
        self._session.emit(event_type, **ids, **fields)

    def _wire(self) -> dict[str, Any]:
        speaks = self.config["audio"]["output"]
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self._details,
            "output": [item.wire() for item in self.output],
            "conversation_id": self._session.conversation.id
            if self.in_conversation
            else None,
            "output_modalities": self.config["output_modalities"],
            "max_output_tokens": self.config["max_output_tokens"],
            "audio": {"output": {"format": speaks["format"], "voice": speaks["voice"]}},
            "temperature": self.config["temperature"],
            "usage": self._usage,
            "metadata": self.config["metadata"],
        }


def _words(text: str) -> list[str]:
    """Split into the pieces that deltas carry: a word with the space before it."""
    first, *rest = text.split(" ")
    return [piece for piece in (first, *(f" {word}" for word in rest)) if piece]
