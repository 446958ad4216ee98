"""Named screens as satellites: pages in browsers that automations can speak at."""

import asyncio
from functools import partial
from typing import Any, Final, override

from homeassistant.components.assist_pipeline import PipelineEvent, PipelineEventType
from homeassistant.components.assist_satellite import (
    AssistSatelliteAnnouncement,
    AssistSatelliteConfiguration,
    AssistSatelliteEntity,
    AssistSatelliteEntityFeature,
)
from homeassistant.components.intent import (
    TimerEventType,
    TimerInfo,
    async_register_timer_handler,
)
from homeassistant.components.select import DOMAIN as SELECT_DOMAIN
from homeassistant.components.tts import ATTR_PREFERRED_FORMAT
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.network import is_hass_url
from homeassistant.util.ulid import ulid_now
from yarl import URL

from .const import DOMAIN, LOGGER
from .core_internals import START_OF_PLAYBACK
from .data import AssistantRuntime, AzureRealtimeAudioConfigEntry
from .entity import screen_device
from .errors import async_sentence, translated
from .live.screen import Listening, Purpose, Screen
from .select import pipeline_select_id

PARALLEL_UPDATES = 0

# The code of a run in which nobody has spoken: a person who says nothing wants to hear nothing.
_NOTHING_SAID: Final = "stt-no-text-recognized"
# Without details, which make core 2026.10 convert what the model says. A page reads any WAV.
_TTS_OPTIONS: Final = {ATTR_PREFERRED_FORMAT: "wav"}


async def async_setup_entry(
    hass: HomeAssistant,
    entry: AzureRealtimeAudioConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the screens of each assistant, and those that are named later."""

    @callback
    def add(subentry_id: str, runtime: AssistantRuntime, screen: Screen) -> None:
        async_add_entities(
            [ScreenSatellite(runtime, screen)], config_subentry_id=subentry_id
        )

    for subentry_id, runtime in entry.runtime_data.items():
        entry.async_on_unload(
            runtime.screens.async_follow(partial(add, subentry_id, runtime))
        )


class ScreenSatellite(AssistSatelliteEntity):
    """A screen, available as long as a page of its name is open."""

    _attr_has_entity_name = True
    _attr_name = None
    _attr_translation_key = "screen"
    _attr_should_poll = False
    _attr_supported_features = (
        AssistSatelliteEntityFeature.ANNOUNCE
        | AssistSatelliteEntityFeature.START_CONVERSATION
    )
    _attr_tts_options = _TTS_OPTIONS

    def __init__(self, runtime: AssistantRuntime, screen: Screen) -> None:
        """Be the satellite of a screen, on a device of its own."""
        self._runtime = runtime
        self._entry = runtime.assistant.entry
        self._screen = screen
        self._turn: asyncio.Task[None] | None = None
        self._listening: Listening | None = None
        self._reply: _Reply | None = None
        self._end_of_timers: CALLBACK_TYPE | None = None
        self._attr_unique_id = screen.unique_id
        self._attr_device_info = screen_device(runtime, screen)

    @property
    @override
    def available(self) -> bool:
        """Whether a page is open."""
        return self._screen.page is not None

    @property
    @override
    def pipeline_entity_id(self) -> str | None:
        """The select entity of the screen's pipeline; without it the preferred one is used."""
        entity_id = er.async_get(self.hass).async_get_entity_id(
            SELECT_DOMAIN, DOMAIN, pipeline_select_id(self._screen)
        )
        return entity_id if entity_id and self.hass.states.get(entity_id) else None

    @callback
    @override
    def async_get_configuration(self) -> AssistSatelliteConfiguration:
        """Return nothing to configure: a page has no wake words."""
        return AssistSatelliteConfiguration([], [], 0)

    @override
    async def async_set_configuration(
        self, config: AssistSatelliteConfiguration
    ) -> None:
        """Refuse: there is nothing to configure."""
        raise NotImplementedError

    @override
    async def async_added_to_hass(self) -> None:
        """Speak for the screen."""
        await super().async_added_to_hass()
        self._screen.satellite = self
        self._screen.has_satellite.set()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Leave the page."""
        await super().async_will_remove_from_hass()
        self._screen.end()
        self._screen.satellite = None
        self._screen.has_satellite.clear()

    @override
    async def async_removed_from_registry(self) -> None:
        """Be no more: a person has deleted the screen."""
        await super().async_removed_from_registry()
        self._runtime.screens.async_forget(self._screen)

    # Announcements

    @override
    async def async_announce(self, announcement: AssistSatelliteAnnouncement) -> None:
        """Play an announcement to its end. Raises HomeAssistantError."""
        if (turn := self._end_turn()) is not None:
            await asyncio.wait((turn,))
        preannounce = announcement.preannounce_media_id
        await self._screen.async_announce(
            self._page_url(announcement.media_id),
            self._page_url(preannounce) if preannounce else None,
            announcement.message,
        )

    @override
    async def async_start_conversation(
        self, start_announcement: AssistSatelliteAnnouncement
    ) -> None:
        """Say something, then listen to what a person says to it. Raises HomeAssistantError."""
        await self.async_announce(start_announcement)
        is_question = self._ask_question_future is not None
        purpose: Purpose = "question" if is_question else "conversation"
        self._begin_turn(purpose, start_announcement.message)

    def _page_url(self, url: str) -> str:
        """Return an address as the page reaches it: below its own, where it is ours."""
        if is_hass_url(self.hass, url):
            return str(URL(url).relative())
        return url

    # Timers

    def _follow_timers(self) -> None:
        """Have timers as long as there is a page to ring at; the assistant knows whether there are."""
        if self._end_of_timers is not None:
            self._end_of_timers()
            self._end_of_timers = None
        if self.available and self.device_entry is not None:
            self._end_of_timers = async_register_timer_handler(
                self.hass, self.device_entry.id, self._on_timer
            )

    @callback
    def _on_timer(self, event_type: TimerEventType, timer: TimerInfo) -> None:
        if event_type is TimerEventType.FINISHED:
            self._entry.async_create_background_task(
                self.hass, self._async_ring(timer), f"{self.entity_id} timer"
            )

    async def _async_ring(self, timer: TimerInfo) -> None:
        """Say that a timer is over, after the chime."""
        over = (
            translated("timer_over", name=timer.name)
            if timer.name
            else translated("nameless_timer_over")
        )
        try:
            await self.async_internal_announce(
                await async_sentence(self.hass, self.hass.config.language, over)
            )
        except HomeAssistantError as err:
            LOGGER.warning("A timer could not ring at %s: %s", self.entity_id, err)

    # Turns

    @callback
    def async_run(self) -> None:
        """Hear what somebody says at the page."""
        if not self._is_announcing:
            self._begin_turn("conversation", "")

    @callback
    def async_stop(self) -> None:
        """End what goes on."""
        self._end_turn()
        if not self._is_announcing:
            self.tts_response_finished()

    @callback
    def async_page_changed(self) -> None:
        """Forget what was said at another page; end what goes on there."""
        self._follow_timers()
        self._fail_question(self._screen.gone())
        self._end_turn()
        self._conversation_id = None
        self._extra_system_prompt = None
        if not self._is_announcing:
            self.tts_response_finished()
        self.async_write_ha_state()

    @callback
    def async_fail(self, error: HomeAssistantError) -> None:
        """End what goes on, with an error."""
        LOGGER.warning("The screen %s could not go on: %s", self.entity_id, error)
        self._fail_question(error)
        self.async_stop()

    def _fail_question(self, error: HomeAssistantError) -> None:
        """Let a question end with an error; core would wait for words for ever."""
        question = self._ask_question_future
        if question is not None and not question.done():
            question.set_exception(error)

    def _begin_turn(self, purpose: Purpose, text: str) -> None:
        before = self._end_turn()
        self._turn = self._entry.async_create_background_task(
            self.hass,
            self._async_turn(before, purpose, text),
            f"{self.entity_id} turn",
        )

    def _end_turn(self) -> asyncio.Task[None] | None:
        """Cancel what goes on, if anything does; return it, for its last events."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        return turn

    async def _async_turn(
        self, before: asyncio.Task[None] | None, purpose: Purpose, text: str
    ) -> None:
        """Listen and answer, as long as the answer asks something."""
        if before is not None:
            await asyncio.wait((before,))
        try:
            asked: str | None = text
            while asked is not None:
                asked = await self._async_run(purpose, asked)
                purpose = "conversation"
        except HomeAssistantError as err:
            LOGGER.warning("The screen %s could not go on: %s", self.entity_id, err)
            self._fail_question(err)
            language = self.hass.config.language
            sentence = await async_sentence(self.hass, language, err)
            self._tell_run("error", message=sentence)
        self.tts_response_finished()

    async def _async_run(self, purpose: Purpose, text: str) -> str | None:
        """Run the pipeline once; return what its answer asks. Raises HomeAssistantError."""
        page = self._screen.page
        if page is None:
            raise self._screen.gone()
        reply_id = ulid_now()
        with (
            self._screen.playing(reply_id) as playing,
            self._screen.listening(purpose, text) as self._listening,
        ):
            self._reply = reply = _Reply(reply_id)
            await self.async_accept_pipeline_from_satellite(
                self._listening.audio(), context=Context(user_id=page.user_id)
            )
            if reply.is_told:
                await self._screen.async_played(playing)
        return reply.question

    @callback
    @override
    def on_pipeline_event(self, event: PipelineEvent) -> None:
        """Show what becomes of a turn at the page."""
        data = event.data or {}
        reply = self._reply
        match event.type:
            case PipelineEventType.RUN_START if reply is not None:
                reply.url = data.get("tts_output", {}).get("url")
            case PipelineEventType.STT_END:
                self._end_listening()
                self._tell_run("user_text", text=data["stt_output"]["text"])
            case PipelineEventType.INTENT_PROGRESS:
                delta = data.get("chat_log_delta", {}).get("content")
                if delta and delta != START_OF_PLAYBACK:
                    self._tell_run("text", delta=delta)
                if data.get("tts_start_streaming"):
                    self._tell_reply()
            case PipelineEventType.INTENT_END:
                self._on_answer(data["intent_output"])
            case PipelineEventType.TTS_END:
                self._tell_reply()
            case PipelineEventType.ERROR:
                self._end_listening()
                if data["code"] != _NOTHING_SAID:
                    self._tell_run("error", message=data["message"])
            case PipelineEventType.RUN_END:
                self._end_listening()
                self._tell_run("end")

    def _end_listening(self) -> None:
        if self._listening is not None:
            self._screen.end_listening(self._listening)

    def _on_answer(self, output: dict[str, Any]) -> None:
        plain = output["response"]["speech"].get("plain", {})
        text: str = plain.get("speech", "")
        self._tell_run("text_done", text=text)
        if self._reply is not None and output["continue_conversation"]:
            self._reply.question = text

    def _tell_reply(self) -> None:
        """Have the page play the reply, once: it can be fetched from now on."""
        reply = self._reply
        if reply is not None and reply.url and not reply.is_told:
            reply.is_told = True
            self._tell_run("reply", id=reply.id, url=reply.url)

    def _tell_run(self, event_type: str, **fields: Any) -> None:
        event = {"type": event_type, **fields}
        self._screen.tell({"type": "pipeline", "event": event})


class _Reply:
    """The reply of one run: where its sound is, and what it asks."""

    def __init__(self, reply_id: str) -> None:
        self.id = reply_id
        self.url: str | None = None
        self.is_told = False
        self.question: str | None = None
