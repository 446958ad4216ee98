"""The model's reply to an action: its rounds of tool calls, and its sound as it comes."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial
from math import inf
import secrets
import time
from typing import Any, Final, NamedTuple, Protocol

from homeassistant.components.media_source import generate_media_source_id
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType, JsonValueType, json_loads

from ..assistant.briefing import Briefing
from ..assistant.conversation_session import ConversationSession
from ..assistant.telling import Telling
from ..assistant.timing import Timing
from ..chat.tools import (
    TooManyToolRoundsError,
    async_run_tool_call,
    error_result,
    tool_output,
)
from ..const import DOMAIN
from ..errors import response_failure
from ..realtime import Changes, RealtimeError, Response, ResponseActiveError, wav_header
from ..voice.speech import Speech
from .rounds import Round, async_read_to_end, async_rounds

KEPT_REPLIES: Final = 8
KEPT_SECONDS: Final = 600.0
REPLY_URL: Final = "/api/azure_realtime_audio/reply/{token}.wav"


class Reply:
    """One reply: a response, and those that continue it after its tool calls.

    The model is told the ``briefing`` before. ``llm_api`` runs the tool calls; None leaves
    them to the caller. An out-of-band response leaves them too: its calls are not in the
    conversation, where their output would go. ``timeout`` bounds the whole reply, in seconds.
    """

    def __init__(
        self,
        session: ConversationSession,
        config: Mapping[str, Any],
        briefing: Briefing | None,
        llm_api: llm.APIInstance | None,
        timeout: float,
        timing: Timing,
        telling: Telling,
        begun: Response | None = None,
    ) -> None:
        """Ask for nothing yet: ``async_begin`` does, unless a response has ``begun``.

        ``telling`` hears what becomes of it.
        """
        loop = asyncio.get_running_loop()
        # Called when nothing more will come.
        self.on_done: Callable[[], None] | None = None
        settings = session.client.current_session
        self.token = secrets.token_urlsafe(32)
        # What is needed until then only. A reply that is kept keeps no session alive.
        self._session: ConversationSession | None = session
        self._speech: Speech | None = Speech(timing.speech_gap)
        self._told: JsonObjectType = {}
        self._pcm = b""
        self.is_out_of_band = config.get("conversation") == "none"
        self._is_spoken = "audio" in (
            config.get("output_modalities") or settings.get("output_modalities", ())
        )
        choice = config.get("tool_choice") or settings.get("tool_choice")
        self._demands_tools = choice not in (None, "auto", "none")
        self._config = config
        self._briefing = briefing
        self._results: list[dict[str, Any]] = []
        self._llm_api = None if self.is_out_of_band else llm_api
        self._telling = telling
        self._timeout = timeout
        self._stall = timing.response_stall
        self._is_read = False
        self._deadline = loop.time() + timeout
        if begun is not None:
            self._speech.add(begun)
        self._tool_outputs: dict[str, str] = {}
        self._is_stopped = False

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self._speech is None

    def is_beside(self, other: Reply) -> bool:
        """Return whether the other is being made in the conversation that this is for."""
        return not self.is_out_of_band and other.is_of(self._parts[0])

    def is_of(self, session: ConversationSession) -> bool:
        """Return whether this is being made in the conversation of a session."""
        return self._session is session and not self.is_out_of_band

    async def async_begin(self) -> None:
        """Have the first response created. Raises RealtimeError."""
        await self._async_next_response()

    async def async_finish(self) -> None:
        """Run tool calls and what continues them, until the model has no more to say.

        Raises RealtimeError, and HomeAssistantError if the model failed, took too long or
        would not stop calling tools. Whatever happens, nothing is left running.
        """
        session, speech = self._parts
        self._telling.start({"kind": "action"})
        with session.busy():
            try:
                await async_rounds(self._async_respond, self._deadline, self._timeout)
            finally:
                with suppress(RealtimeError):
                    await speech.responses[-1].cancel()
                with suppress(RealtimeError):
                    await self._async_tell_results(session)
                speech.finish()
                self._end(speech)
                self._telling.done()

    @property
    def _parts(self) -> tuple[ConversationSession, Speech]:
        assert self._session is not None
        assert self._speech is not None
        return self._session, self._speech

    def _end(self, speech: Speech) -> None:
        self._told = self._as_told(speech.responses)
        self._pcm = speech.pcm
        self._session = self._speech = self._llm_api = self._briefing = None
        if self.on_done is not None:
            self.on_done()

    async def _async_respond(self, this: Round) -> bool:
        """Read a response to its end and run its tools; True if the model waits for them."""
        if not (this.is_first and not self._is_read):
            await self._async_next_response()
        self._is_read = True
        response = self._parts[1].responses[-1]
        asked = asyncio.get_running_loop().time()
        await async_read_to_end(
            response, self._stall, partial(self._telling.delta, response)
        )
        self._telling.response_done(response, asked)
        if response.status == "failed" and (failure := response_failure(response)):
            raise failure
        if response.status != "completed" or self._llm_api is None:
            return False
        await self._async_run_tools(response, this)
        return bool(response.tool_calls) and not self._is_stopped

    async def _async_run_tools(self, response: Response, this: Round) -> None:
        for call in response.tool_calls:
            self._telling.call(call)
            if this.may_call_tools:
                output = await async_run_tool_call(self._llm_api, call, this.budget)
                self._tool_outputs[call.call_id] = output
            else:
                output = tool_output(error_result(TooManyToolRoundsError()))
            self._telling.output(call, output)
            self._results.append(
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": output,
                }
            )

    async def _async_tell_results(self, session: ConversationSession) -> None:
        """Tell the model the results of its tools that no response has answered."""
        if self._results:
            await session.client.apply(Changes(items=self._results))
            self._results = []

    async def _async_next_response(self) -> None:
        creating = asyncio.ensure_future(self._async_ask())
        try:
            response = await asyncio.shield(creating)
        except asyncio.CancelledError:
            # The response begins all the same, and would block the conversation.
            with suppress(RealtimeError):
                await (await creating).cancel()
            raise
        self._parts[1].add(response)
        if self._is_stopped:
            await response.cancel()

    async def _async_ask(self) -> Response:
        """Let the model answer what it has been told, or what its tools returned."""
        session, _ = self._parts
        config = self._next_config()
        briefing, self._briefing = self._briefing, None
        if briefing is not None:
            return await session.async_ask(config, briefing)
        response = await session.client.create_response(
            config, after=Changes(items=self._results)
        )
        self._results = []
        return response

    def _next_config(self) -> Mapping[str, Any]:
        """Return what to ask the next response for.

        A tool that has to be called is called once in a turn: with its result before it, the
        model would call it again and again, and never answer.
        """
        if not self._demands_tools or self.is_out_of_band:
            return self._config
        session, _ = self._parts
        is_told_result = self._results or session.client.last_item_is_output
        return (
            {**self._config, "tool_choice": "auto"} if is_told_result else self._config
        )

    def stop(self) -> None:
        """Let no further response follow; the one in progress is the caller's to cancel."""
        self._is_stopped = True

    def as_dict(self) -> JsonObjectType:
        """Tell the reply as an action's response data."""
        if self._speech is None:
            return self._told
        return self._as_told(self._speech.responses)

    def _as_told(self, responses: Sequence[Response]) -> JsonObjectType:
        last = responses[-1]
        is_cut_off = self._is_stopped and bool(last.tool_calls)
        return {
            "status": "cancelled" if is_cut_off else last.status,
            "text": _paragraph(_words(response) for response in responses),
            "transcript": _paragraph(response.transcript for response in responses),
            "item_ids": [id_ for response in responses for id_ in response.item_ids],
            "usage": _total(response.usage or {} for response in responses),
            "tool_calls": [
                call for response in responses for call in self._told_calls(response)
            ],
            "media_content_id": (
                generate_media_source_id(DOMAIN, self.token)
                if self._is_spoken
                else None
            ),
            "url": REPLY_URL.format(token=self.token) if self._is_spoken else None,
        }

    def _told_calls(self, response: Response) -> list[JsonValueType]:
        return [
            {
                "call_id": call.call_id,
                "name": call.name,
                "arguments": _parsed(call.arguments),
                "output": _parsed(self._tool_outputs.get(call.call_id, "null")),
            }
            for call in response.tool_calls
        ]

    @property
    def wav(self) -> bytes:
        """The whole reply as a WAV file, 24 kHz PCM16 mono, once it is done."""
        return wav_header(data_bytes=len(self._pcm)) + self._pcm

    async def async_wav_stream(self) -> AsyncGenerator[bytes]:
        """Yield the reply as a WAV of unknown length while it is being made.

        Starts at the beginning for every caller. Where the model makes a player wait, as
        while a tool runs, silence fills the gap. Ends early with the socket.
        """
        yield wav_header()
        if self._speech is None:
            yield self._pcm
            return
        async with aclosing(self._speech.pieces()) as pieces:
            async for _, pcm in pieces:
                yield pcm


class PlayableReply(Protocol):
    """A reply that can be played while it is being made, under its ``token``."""

    token: str
    # Called when nothing more will come.
    on_done: Callable[[], None] | None

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""

    @property
    def wav(self) -> bytes:
        """The whole reply as a WAV file, once it is done."""

    def async_wav_stream(self) -> AsyncGenerator[bytes]:
        """Yield the reply as a WAV of unknown length while it is being made."""


class _Kept(NamedTuple):
    """A reply, the entry it goes with, and the end of its time, if that has begun."""

    reply: PlayableReply
    entry_id: str
    stop_timer: CALLBACK_TYPE | None = None
    expires: float = inf


class Replies:
    """The newest replies, kept for some minutes so that they can be played.

    Their audio is in memory only, and under a token that cannot be guessed. It goes when its
    time is over, or with its entry.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Keep none yet."""
        self._hass = hass
        self._kept: dict[str, _Kept] = {}

    async def async_begin(self, reply: Reply, entry_id: str) -> None:
        """Begin a reply, and keep it if that succeeds. Raises RealtimeError.

        That is ResponseActiveError if its conversation has one in the making, tool calls
        included.
        """
        if any(reply.is_beside(other) for other in self._to_actions()):
            raise ResponseActiveError
        self.keep(reply, entry_id)
        try:
            await reply.async_begin()
        except BaseException:
            self._forget(reply.token)
            raise

    @callback
    def keep(self, reply: PlayableReply, entry_id: str) -> None:
        """Keep a reply that begins, or has begun already."""
        self._kept[reply.token] = _Kept(reply, entry_id)
        reply.on_done = partial(self._done, reply.token)

    @callback
    def get(self, token: str) -> PlayableReply | None:
        """Return the reply of a token, if it is still kept."""
        kept = self._kept.get(token)
        # The timer of a busy loop may be late.
        if kept is None or kept.expires < time.monotonic():
            return None
        return kept.reply

    @callback
    def in_progress(self, session: ConversationSession) -> Reply | None:
        """Return the reply that a session's conversation is making."""
        replies = self._to_actions()
        return next((reply for reply in replies if reply.is_of(session)), None)

    def _to_actions(self) -> Iterator[Reply]:
        for kept in self._kept.values():
            if isinstance(kept.reply, Reply):
                yield kept.reply

    @callback
    def async_forget_entry(self, entry_id: str) -> None:
        """Keep no reply of an entry."""
        for token, kept in list(self._kept.items()):
            if kept.entry_id == entry_id:
                self._forget(token)

    def _done(self, token: str) -> None:
        """Let the time of a reply begin, and that of the oldest end."""
        if (kept := self._kept.pop(token, None)) is None:
            return

        @callback
        def forget(_: datetime) -> None:
            self._forget(token)

        job = HassJob(forget, cancel_on_shutdown=True)
        timer = async_call_later(self._hass, KEPT_SECONDS, job)
        self._kept[token] = kept._replace(
            stop_timer=timer, expires=time.monotonic() + KEPT_SECONDS
        )
        done = [token for token, kept in self._kept.items() if kept.reply.is_done]
        for old in done[:-KEPT_REPLIES]:
            self._forget(old)

    def _forget(self, token: str) -> None:
        kept = self._kept.pop(token, None)
        if kept is not None and kept.stop_timer is not None:
            kept.stop_timer()


DATA_REPLIES: HassKey[Replies] = HassKey(f"{DOMAIN}_replies")


def _words(response: Response) -> str:
    """Return what was said or written."""
    return "\n".join(words for words in (response.text, response.transcript) if words)


def _paragraph(texts: Iterable[str]) -> str:
    return " ".join(text for text in texts if text)


def _parsed(text: str) -> JsonValueType:
    """Return the value of a JSON text; a text that is none stays as it is."""
    try:
        return json_loads(text)
    except ValueError:
        return text


def _total(usages: Iterable[Mapping[str, Any]]) -> JsonObjectType:
    """Add up the tokens of several responses, details included."""
    total: JsonObjectType = {}
    for usage in usages:
        for key, value in usage.items():
            known = total.get(key)
            if isinstance(value, Mapping):
                total[key] = _total([known if isinstance(known, dict) else {}, value])
            elif isinstance(value, int):
                total[key] = value + (known if isinstance(known, int) else 0)
    return total
