"""A conversation at random over a socket that breaks, compared with the service's own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from random import Random
from typing import Any

from custom_components.azure_realtime_audio.realtime import (
    ConnectionLostError,
    ConnectionState,
    RealtimeClient,
)
from custom_components.azure_realtime_audio.realtime.protocol.items import short_id
from emulator import Emulator, Reply
from emulator.wire.conversation import Item

WORDS = [
    "the",
    "lamp",
    "in",
    "kitchen",
    "is",
    "on",
    "now",
    "and",
    "it",
    "may",
    "rain",
    "好",
    "tomorrow",
]
SPEECH = bytes(9_600)  # 200 ms
CLOSE_CODES = (1000, 1001, 1011, 1012, 1013)
type Described = tuple[str, str, str | None, str, bytes, dict[str, Any]]

LONG_TALK = 60  # items; from here on more is deleted than said


class RandomConversation:
    """Does things at random to a conversation, and checks that both sides know the same."""

    def __init__(
        self, emulator: Emulator, client: RealtimeClient, random: Random
    ) -> None:
        """Use a connected client with turn detection off and transcription on."""
        self._emulator = emulator
        self._client = client
        self._random = random
        self._spoken_ms: dict[str, int] = {}  # what can be truncated
        self._cut: dict[str, str] = {}
        self._numbers = count()
        self.reconnects = 0
        self.compared = 0

    async def go_on(self) -> None:
        """Do one thing."""
        operations: list[Callable[[], Awaitable[None]]] = [
            self._write,
            self._write,
            self._speak,
            self._respond,
            self._respond,
            self._answer,
            self._whisper,
            self._truncate,
            self._truncate,
            self._delete,
            self._lose_connection,
            self._lose_item,
            self._lose_truncation,
            self._lose_deletion,
            self._lose_response,
        ]
        is_long = len(self._client.item_ids) > LONG_TALK
        operation = self._delete if is_long else self._random.choice(operations)
        await operation()
        known = [short_id(item_id) for item_id in self._client.item_ids]
        assert known == [item.id for item in self._items]

    @property
    def _items(self) -> list[Item]:
        return list(self._emulator.sessions[-1].conversation)

    def _sentence(self) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(1, 8)))

    def _somewhere(self) -> str | None:
        return self._random.choice([None, None, "root", *self._client.item_ids])

    # --- What is said

    async def _write(self) -> None:
        role = self._random.choice(["user", "assistant", "system"])
        part_type = "output_text" if role == "assistant" else "input_text"
        parts = [
            {"type": part_type, "text": self._sentence()}
            for _ in range(1 if role == "assistant" else self._random.randint(1, 2))
        ]
        item: dict[str, Any] = {"type": "message", "role": role, "content": parts}
        if self._random.random() < 0.3:
            # All begin alike, as those of some agents do, and are too long for the service.
            item["id"] = f"{'message_of_another_agent_' * 2}{next(self._numbers)}"
        await self._client.create_conversation_item(item, self._somewhere())

    async def _speak(self) -> None:
        self._emulator.hears.append(self._sentence())
        is_written = self._random.random() < 0.8
        if not is_written:
            self._emulator.faults.add("no_transcription")
        told = self._event("conversation.item.input_audio_transcription.completed")
        await self._client.append_pcm(SPEECH)
        await self._client.commit_audio()
        if is_written:
            await told
        else:
            told.cancel()
        self._emulator.hears.clear()
        self._emulator.faults.clear()

    async def _respond(self) -> None:
        self._emulator.replies.append(self._reply())
        response = await (await self._client.create_response()).done()
        self._spoken_ms |= response.audio_ms_by_item

    async def _answer(self) -> None:
        calls = [item for item in self._items if item.type == "function_call"]
        if calls:
            call_id = self._random.choice(calls).fields["call_id"]
            await self._client.create_conversation_item(
                {
                    "type": "function_call_output",
                    "call_id": call_id,
                    "output": self._sentence(),
                },
                self._somewhere(),
            )

    async def _whisper(self) -> None:
        """Respond out of band."""
        self._emulator.replies.append(self._reply())
        config: dict[str, Any] = {"conversation": "none"}
        await (await self._client.create_response(config)).done()

    def _reply(self, **kwargs: Any) -> Reply:
        calls: list[tuple[str, dict[str, Any] | str]] = [
            ("turn_on", {"name": self._sentence()})
            for _ in range(self._random.choice([0, 0, 0, 1, 2]))
        ]
        return Reply(
            text=self._sentence() if self._random.random() < 0.9 or not calls else "",
            audio=self._random.random() < 0.6,
            items=self._random.randint(1, 2),
            tool_calls=calls,
            status=self._random.choice(["completed", "completed", "incomplete"]),
            **kwargs,
        )

    # --- What is taken back

    async def _truncate(self) -> None:
        if truncation := self._truncation():
            await truncation

    async def _delete(self) -> None:
        if ids := self._client.item_ids:
            await self._client.delete_item(self._random.choice(ids))

    def _truncation(self) -> Coroutine[Any, Any, None] | None:
        """Return a truncation to be awaited, and note it as done."""
        spoken = [item for item in self._items if self._spoken_ms.get(item.id, 0) > 1]
        if not spoken:
            return None
        item = self._random.choice(spoken)
        spoken_ms = self._spoken_ms[item.id]
        heard_ms = self._random.randint(1, spoken_ms)
        words = self._cut.get(item.id, item.text)
        self._cut[item.id] = words[: round(len(words) * heard_ms / spoken_ms)]
        self._spoken_ms[item.id] = heard_ms
        return self._client.truncate_item(item.id, 0, heard_ms)

    # --- What goes wrong

    async def _lose_connection(self) -> None:
        opened = self._event("connection_changed", state=ConnectionState.OPEN)
        code = self._random.choice([None, *CLOSE_CODES])
        if code is None:
            self._emulator.sessions[-1].abort()
        else:
            await self._emulator.sessions[-1].close(code)
        await self._compare_after(opened)

    async def _lose_item(self) -> None:
        await self._lose("conversation.item.create", self._write())

    async def _lose_truncation(self) -> None:
        if truncation := self._truncation():
            await self._lose("conversation.item.truncate", truncation)

    async def _lose_deletion(self) -> None:
        if ids := self._client.item_ids:
            deleted = self._random.choice(ids)
            deletion = self._client.delete_item(deleted)
            await self._lose("conversation.item.delete", deletion, deleted)

    async def _lose(
        self, event_type: str, command: Awaitable[None], deleted: str | None = None
    ) -> None:
        """Lose the connection with a command; what it takes back is taken back all the same."""
        manner = self._random.choice(["1006", "1011"])
        self._emulator.faults.add(f"ends_at:{event_type}/{manner}*1")
        opened = self._event("connection_changed", state=ConnectionState.OPEN)
        try:
            await command
        except ConnectionLostError:
            await self._compare_after(opened, deleted)
        else:
            raise AssertionError("A command was carried out on a dead connection")

    async def _lose_response(self) -> None:
        """Lose the connection in the middle of a word."""
        self._emulator.replies.append(self._reply(hold=asyncio.Event()))
        opened = self._event("connection_changed", state=ConnectionState.OPEN)
        delta = self._event(
            "response.output_text.delta",
            "response.output_audio.delta",
            "response.function_call_arguments.delta",
        )
        response = await self._client.create_response()
        await delta
        self._emulator.sessions[-1].abort()
        await self._compare_after(opened)
        assert response.is_done

    # --- What both sides know

    async def _compare_after(
        self, opened: asyncio.Future[Any], deleted: str | None = None
    ) -> None:
        gone = deleted and short_id(deleted)
        lost = [item for item in self._items if item.id != gone]
        await opened
        self.reconnects += 1
        self.compared += len(self._items)
        told = [_described(item, item.text) for item in self._items]
        assert told == self._in_writing(lost)
        self._spoken_ms.clear()
        self._cut.clear()

    def _in_writing(self, items: list[Item]) -> list[Described]:
        """Return what is to be told again of a conversation."""
        written = []
        calls = set()
        for item in items:
            words = self._cut.get(item.id, item.text)
            match item.type:
                case "message" if item.role == "user" and item.audio and not words:
                    pass  # it is told again as the sound that it was
                case "message" if not words:
                    continue
                case "function_call" if item.status == "completed":
                    calls.add(item.fields["call_id"])
                case "function_call":
                    continue
                case "function_call_output" if item.fields["call_id"] not in calls:
                    continue
            written.append(_described(item, words))
        return written

    def _event(self, *event_types: str, **fields: Any) -> asyncio.Future[Any]:
        """Wait for an event of one of these types, from now on."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def listener(event: Any) -> None:
            if not future.done() and event.items() >= fields.items():
                future.set_result(event)

        unsubscribe = [self._client.on(name, listener) for name in event_types]
        timer = loop.call_later(10, future.cancel)

        def end(_: object) -> None:
            timer.cancel()
            for each in unsubscribe:
                each()

        future.add_done_callback(end)
        return future


def _described(item: Item, words: str) -> Described:
    """Return what counts of an item: what it is, its words, else its sound, its fields."""
    sound = bytes(item.audio) if item.role == "user" and not words else b""
    return item.id, item.type, item.role, words, sound, item.fields
