"""The client: the surface of the reference client ``AzureRealTimeAudio``, in Python."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

import aiohttp
import orjson

from .audio import SAMPLE_RATE, decode_base64
from .errors import (
    CommandError,
    CommandTimeoutError,
    ConnectionLostError,
    InvalidAudioError,
    ResponseActiveError,
)
from .listeners import Emitter, Listener
from .options import ConnectionState, RealtimeOptions, WebSocketOptions
from .protocol import commands
from .protocol.acknowledgements import Command
from .protocol.changes import NO_CHANGES, Changes
from .protocol.conversation_record import ConversationRecord
from .protocol.dialect import Dialect, aliases
from .protocol.error_codes import RESPONSE_ACTIVE
from .protocol.items import new_item_id, validate_item
from .protocol.session_config import SessionConfig, validate_response_config
from .protocol.status import ModelStatus, StatusTracker
from .protocol.unsent_speech import UnsentSpeech
from .response import Response
from .supervisor import Supervisor


class RealtimeClient:
    """One conversation with a model, over one websocket at a time.

    After a transient loss the client connects again by itself, and tells the new session
    what was said before: ``session_id`` changes, the items and their ids do not, but what
    was spoken is text now, as far as it was transcribed. If the client could not connect
    again, the next ``connect`` does the same. Only ``close`` ends the conversation.

    The service ends every session after 30 to 60 minutes. The client moves to a new one
    before, when nothing goes on; commands wait for that. The client also moves when a
    command is not acknowledged, because it cannot know what such a session holds, and when
    a piece of what the person is saying is refused.

    Every command that the service acknowledges is awaited until then, and raises

    - ``CommandError`` when the service refuses it,
    - ``CommandTimeoutError`` when the acknowledgement does not come in time,
    - ``NotConnectedError`` and ``ConnectionLostError`` without a connection,
    - ``InvalidConfigError`` and ``InvalidAudioError`` before anything is sent.
    """

    def __init__(
        self,
        options: RealtimeOptions,
        *,
        session: aiohttp.ClientSession,
        websocket_options: WebSocketOptions | None = None,
        record: ConversationRecord | None = None,
    ) -> None:
        """Prepare a client; nothing is sent before ``connect``.

        With a ``record``, which another client's ``take_record`` returned, this client goes
        on with that conversation. Raises InvalidHostError and InvalidConfigError.
        """
        websocket_options = websocket_options or WebSocketOptions()
        self.options = options
        self._emitter = Emitter(aliases)
        self._status = StatusTracker(self._emitter)
        self._record = record or ConversationRecord()
        self._speech = UnsentSpeech()
        self._supervisor = Supervisor(
            options,
            websocket_options,
            session,
            emitter=self._emitter,
            status=self._status,
            record=self._record,
            speech=self._speech,
        )
        self.endpoint = self._supervisor.endpoint

    def __repr__(self) -> str:
        """Show where it is connected, and no secret."""
        return (
            f"<RealtimeClient {self.endpoint.deployment}@{self.endpoint.base} "
            f"{self.state} {self.status}>"
        )

    # --- What it is

    @property
    def status(self) -> ModelStatus:
        """What the model is doing."""
        return self._status.status

    @property
    def is_initialized(self) -> bool:
        """Whether this connection's session has been configured."""
        live = self._supervisor.live
        return live is not None and live.is_configured

    @property
    def state(self) -> ConnectionState:
        """The state of the websocket."""
        return self._supervisor.state

    @property
    def dialect(self) -> Dialect:
        """The protocol that the service speaks; without a session, the one to be asked for."""
        live = self._supervisor.live
        return live.dialect if live else self.endpoint.dialect

    @property
    def current_session(self) -> dict[str, Any]:
        """A copy of the session as the service last described it, in GA's nested form.

        It is empty without a session.
        """
        live = self._supervisor.live
        copy: dict[str, Any] = orjson.loads(
            orjson.dumps(live.description if live else {})
        )
        return copy

    @property
    def session_id(self) -> str | None:
        """The id of this connection's session; None without one."""
        live = self._supervisor.live
        return live.description.get("id") if live else None

    @property
    def active_response(self) -> Response | None:
        """The response in progress in the conversation, if there is one."""
        live = self._supervisor.live
        return live.active if live else None

    @property
    def item_ids(self) -> list[str]:
        """The ids of the conversation's items, in order."""
        return self._record.item_ids

    @property
    def last_item_is_output(self) -> bool:
        """Whether the conversation ends with the result of a tool."""
        return self._record.last_item_is_output

    # --- Listeners

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every such event. Returns what ends that.

        ``"*"`` hears every event of the service. Server events go by their GA or preview
        names. The client's own are ``init`` (the first session, once it is configured),
        ``status_changed``, ``connection_changed``, and ``speech_dropped`` (what the person
        was saying when the connection was lost will not be sent again; ``error`` says why).
        Raises TypeError for a coroutine function.
        """
        return self._emitter.on(event, listener)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with the next such event."""
        return self._emitter.once(event, listener)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Forget a listener of the event, or all of them."""
        self._emitter.off(event, listener)

    def off_all(self) -> None:
        """Forget every listener."""
        self._emitter.off_all()

    # --- Connection

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def connect(self, *, configured: bool = True) -> None:
        """Be connected, with the session configured, or raise why not.

        Waits for a connection that is under way, and for the end of one that is being
        closed. If it waits for one that turns out to be lost for good, it tries a new one,
        once. To give up is not to close: others go on waiting, and so does a conversation
        that is being connected again; only a first connection that nobody else waits for
        or uses is given up with its caller. Raises the ConnectError family,
        CommandError when the session config is refused, CommandTimeoutError, and
        NotConnectedError if somebody closes meanwhile.

        Unless it is to be ``configured``, this returns a round trip earlier, when the
        configuration has been sent: commands that follow fail with the configuration.
        """
        await self._supervisor.connect(configured=configured)

    async def close(self) -> None:
        """End the conversation and everything that waits for it; close the socket."""
        await self._supervisor.close()

    def take_record(self) -> ConversationRecord:
        """Return the conversation, for another client to go on with; this one has none."""
        return self._record.take()

    # --- Audio

    async def append_audio(self, base64_audio: str) -> None:
        """Append base64 of audio in the session's input format (24 kHz PCM16).

        At most 15 MiB. The service does not acknowledge it. While a session is renewed or
        connected again, the last minute that is not committed is kept for the next one.
        Raises InvalidAudioError.
        """
        sample_bytes = self._speech.audio_format.sample_bytes
        await self._append(decode_base64(base64_audio, sample_bytes))

    async def append_pcm(self, pcm: bytes, *, sample_rate: int = SAMPLE_RATE) -> None:
        """Append PCM16 mono little-endian bytes of ``sample_rate`` Hz.

        They are resampled, and encoded where the session takes G.711. Raises
        InvalidAudioError.
        """
        if len(pcm) % 2:
            raise InvalidAudioError("PCM16 audio has an even number of bytes")
        if self._speech.needs_conversion(sample_rate):
            pcm = self._speech.convert(pcm, sample_rate)
        await self._append(pcm)

    async def _append(self, audio: bytes) -> None:
        frame = self._speech.add(audio)
        if self._status.awaits_audio:
            self._status.audio_appended()
        if frame is not None and (connection := self._supervisor.connection):
            await connection.send_if_open(frame)

    async def commit_audio(self) -> str:
        """End what the person says; returns the id of the item it becomes."""
        if tail := self._speech.flush():
            await self._append(tail)
        return await self._send(commands.commit_audio())

    async def clear_audio_buffer(self) -> None:
        """Throw away what was appended since the last commit."""
        await self.apply(Changes(clears_audio=True))

    # --- Conversation

    async def apply(self, changes: Changes) -> None:
        """Make changes, which are sent in one go.

        If one is refused, the items are deleted before this raises.
        """
        self._drop_audio(changes)
        channel = await self._supervisor.channel()
        await channel.send_together(
            changes.commands(channel.live, self._supervisor.add_settings)
        )

    def _drop_audio(self, changes: Changes) -> None:
        """Keep nothing that is to be thrown away, even without a connection."""
        if changes.clears_audio:
            self._speech.clear()
            self._status.audio_dropped()

    async def create_conversation_item(
        self, item: Mapping[str, Any], previous_item_id: str | None = None
    ) -> str:
        """Add an item at the end, or after ``previous_item_id`` ("root" is the front).

        Returns its id, which the caller may choose. On the wire an id has 32 characters at
        most: of longer ones, and of calls, the service and its events know a short form,
        which means the same wherever an id is asked for.
        """
        checked = validate_item(item)
        is_named = checked.get("id") is not None
        named = checked if is_named else {**checked, "id": new_item_id()}
        channel = await self._supervisor.channel()
        return await channel.send(
            commands.create_item(
                channel.live, named, previous_item_id, is_named=is_named
            )
        )

    async def delete_item(self, item_id: str) -> None:
        """Delete an item of the conversation.

        If that is not acknowledged, this raises, and the next session has no such item.
        """
        channel = await self._supervisor.channel()
        try:
            await channel.send(commands.delete_item(channel.live, item_id))
        except CommandTimeoutError, ConnectionLostError:
            # Record the change even though it was not acknowledged: the next session is
            # built from the record.
            self._record.delete(item_id)
            raise

    async def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int
    ) -> None:
        """Cut a spoken item to what was played: its first ``audio_end_ms`` ms.

        If that is not acknowledged, this raises, and the next session is told no more.
        """
        channel = await self._supervisor.channel()
        try:
            await channel.send(
                commands.truncate_item(
                    channel.live, item_id, content_index, audio_end_ms
                )
            )
        except CommandTimeoutError, ConnectionLostError:
            self._record_responses()
            self._record.truncate(item_id, audio_end_ms)
            raise

    async def create_response(
        self, config: Mapping[str, Any] | None = None, *, after: Changes = NO_CHANGES
    ) -> Response:
        """Let the model answer; returns the response as it begins.

        The changes ``after`` which the model is to answer are sent in the same go: they cost
        no time of their own. If one is refused, the response is cancelled and the items are
        deleted before this raises. The conversation has one response at a time: while it
        has one, this raises ResponseActiveError (``await client.active_response.done()``
        waits for its end). Responses with ``conversation`` "none" may run beside it.
        """
        checked = None if config is None else validate_response_config(config)
        is_out_of_band = (checked or {}).get("conversation") == "none"
        self._drop_audio(after)
        channel = await self._supervisor.channel()
        live = channel.live
        if not is_out_of_band and live.is_answering:
            raise ResponseActiveError
        create = commands.create_response(live, checked)
        try:
            if not after:
                return await channel.send(create)
            changes = after.commands(live, self._supervisor.add_settings)
            outcomes = await channel.send_together([*changes, create])
        except CommandError as err:
            if err.code != RESPONSE_ACTIVE:
                raise
        else:
            response: Response = outcomes[-1]
            return response
        # The service knows of a response that it has begun by itself, and has not told of yet.
        raise ResponseActiveError

    async def cancel_response(self) -> bool:
        """Stop the conversation's response; False if there was none to stop."""
        live = self._supervisor.live
        if live is not None and (creating := live.creating):
            await asyncio.wait((creating.future,))
        response = self.active_response
        return response is not None and await response.cancel()

    async def _send[T](self, command: Command[T]) -> T:
        return await (await self._supervisor.channel()).send(command)

    def _record_responses(self) -> None:
        """Record what the responses in progress have said so far."""
        if (live := self._supervisor.live) is not None:
            for feed in live.responses.values():
                self._record.update_from_response(feed.response)

    # --- Session and status

    def set_model_speak_done(self) -> None:
        """Tell that the reply has been played to its end."""
        if self.status is ModelStatus.SPEAKING:
            self._status.stop_speaking()

    def abandon_tool_calls(self) -> None:
        """Tell that no tool result will come: a model that waits for one is idle."""
        live = self._supervisor.live
        if live is None or not (live.responses or live.creating):
            self._status.abandon_work()

    async def update_session(self, config: SessionConfig | Mapping[str, Any]) -> None:
        """Change the keys that are given; a refused update changes nothing."""
        await self.apply(Changes(session=SessionConfig(config)))
