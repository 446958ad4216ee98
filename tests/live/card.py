"""A card in a browser, as far as Home Assistant can tell: its websocket, microphone and speaker."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.conversation.chat_log import DATA_CHAT_LOGS
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket

from custom_components.azure_realtime_audio.const import DOMAIN
from emulator import Session

from ..satellite import tone
from ..talk import AGENT

SPEECH = tone(0.8, 220, 24_000)
COUGH = tone(0.2, 220, 24_000)
PAUSE = bytes(48_000)  # a second: enough to end a turn
_FRAME = 4800  # 100 ms
BYTES_PER_MS = 48

STORY = "Once upon a time there was a lamp that nobody had ever switched off."
STORY_SECONDS = 6.0


class LiveCard:
    """A card with a live conversation. ``plays`` tells whether its speaker plays at once."""

    def __init__(self, socket: MockHAClientWebSocket) -> None:
        """Use an open websocket of Home Assistant."""
        self.events: list[dict[str, Any]] = []
        self.played: dict[str, bytes] = {}
        self.plays = True
        self.session = ""
        self.conversation_id = ""
        self.subscription = 0
        self._socket = socket
        self._handler_id = 0
        self._results: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self._playing: list[asyncio.Task[None]] = []
        self._reader = asyncio.create_task(self._read())

    async def start(self, **fields: Any) -> dict[str, Any]:
        """Begin; return the answer to the command."""
        request = {"type": f"{DOMAIN}/live/start", "entity_id": AGENT, **fields}
        begun = len(self.of_type("started"))
        answer = await self.command(**request)
        if answer["success"]:
            self.subscription = answer["id"]
            started = await self.until_event("started", begun + 1)
            self.session = started["session"]
            self.conversation_id = started["conversation_id"]
            self._handler_id = started["binary_handler_id"]
        return answer

    async def watch(self) -> dict[str, Any]:
        """Watch the turns of others; return the answer to the command."""
        answer = await self.command(type=f"{DOMAIN}/watch", entity_id=AGENT)
        self.subscription = answer["id"]
        return answer

    async def command(self, **message: Any) -> dict[str, Any]:
        """Send a command of the websocket, and return the answer."""
        future: asyncio.Future[dict[str, Any]] = asyncio.Future()
        await self._socket.send_json_auto_id(message)
        self._results[message["id"]] = future
        async with asyncio.timeout(10):
            return await future

    async def send(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Tell the live session something."""
        return await self.command(
            type=f"{DOMAIN}/live/send",
            session=self.session,
            message={"type": kind, **fields},
        )

    async def speak(self, pcm: bytes = SPEECH + PAUSE) -> None:
        """Say something, 24 kHz PCM16."""
        for start in range(0, len(pcm), _FRAME):
            frame = pcm[start : start + _FRAME]
            await self._socket.send_bytes(bytes([self._handler_id]) + frame)
            await asyncio.sleep(0)  # a microphone lets others work

    async def play(self, item_id: str, ms: int | None = None, state: str = "") -> None:
        """Report how much of an item was played; by default all of it."""
        whole = len(self.played[item_id]) // BYTES_PER_MS
        await self.send(
            "playback",
            item_id=item_id,
            played_ms=whole if ms is None else ms,
            state=state or ("ended" if ms is None else "playing"),
        )

    async def stop(self) -> None:
        """End the subscription."""
        await self.command(type="unsubscribe_events", subscription=self.subscription)

    async def leave(self) -> None:
        """Close the socket."""
        tasks = [self._reader, *self._playing]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._socket.close()

    # What has come

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """Return the events of a type."""
        return [event for event in self.events if event["type"] == event_type]

    def last(self, event_type: str) -> dict[str, Any]:
        """Return the last event of a type."""
        return self.of_type(event_type)[-1]

    @property
    def statuses(self) -> list[str]:
        """The words of the status, one after the other."""
        return [event["status"] for event in self.of_type("status")]

    @property
    def words(self) -> str:
        """What the assistant has said."""
        return "".join(event["delta"] for event in self.of_type("text"))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true of what has come."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_event(
        self, event_type: str, count: int = 1, **fields: Any
    ) -> dict[str, Any]:
        """Wait for the ``count``-th event of a type that has these fields; return it."""

        def found() -> list[dict[str, Any]]:
            return [
                event
                for event in self.of_type(event_type)
                if fields.items() <= event.items()
            ]

        try:
            await self.until(lambda: len(found()) >= count)
        except TimeoutError:
            told = [event for event in self.events if event["type"] != "audio"]
            raise AssertionError(f"No {event_type} {fields} in {told}") from None
        return found()[count - 1]

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive_json()
            if message["type"] == "event":
                self._take(message["event"])
            elif (future := self._results.pop(message["id"], None)) is not None:
                future.set_result(message)

    def _take(self, event: Mapping[str, Any]) -> None:
        self.events.append(dict(event))
        if event["type"] == "audio":
            pcm = b64decode(event["audio"])
            self.played[event["item_id"]] = self.played.get(event["item_id"], b"") + pcm
        elif event["type"] == "audio_done" and self.plays:
            self._playing.append(asyncio.create_task(self.play(event["item_id"])))
        self._changed.set()


async def begin_reply(card: LiveCard, count: int = 1) -> str:
    """Say something, and play the beginning of the reply to that; return its item."""
    card.plays = False
    await card.start()
    await card.until_event("status", status="idle")
    await card.speak()
    item_id: str = (await card.until_event("audio", count))["item_id"]
    await card.until(lambda: len(card.played[item_id]) >= 800 * 48)
    await card.play(item_id, 700)
    return item_id


def logged(hass: HomeAssistant, card: LiveCard) -> list[tuple[str, Any]]:
    """Return the chat log of the card's conversation, less the system prompt."""
    log = hass.data[DATA_CHAT_LOGS][card.conversation_id]
    return [
        (content.role, getattr(content, "content", None)) for content in log.content[1:]
    ]


def service_item(session: Session, item_id: str) -> int | None:
    """Return how many ms the service has of an item; None if it has none such."""
    item = session.conversation.find(item_id)
    return None if item is None else len(item.audio) // 48


def asked(session: Session) -> int:
    """Return how often the client has asked for a response."""
    return sum(event["type"] == "response.create" for event in session.received)
