"""A real Home Assistant talks to the emulator, and turns on a light when told to.

Everything is real but the cloud: Home Assistant with this integration set up through its config
flow, a spoken WAV in, a spoken WAV out, and the emulator in the service's place. The exit status
tells whether all of it worked.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time
from typing import Any
import wave

from homeassistant.const import __version__ as home_assistant_version
import numpy as np

from custom_components.azure_realtime_audio.realtime.audio import Resampler
from emulator.model.voice import EspeakVoice

from .dashboard import furnish, make_dashboard
from .demo_card import CardTalk, chromium, talk_to_card
from .home_assistant import (
    MICROPHONE_RATE,
    PASSWORD,
    ROOT,
    USER_NAME,
    HomeAssistant,
    SetupError,
    emulator_url,
    free_port,
    home_assistant,
    run_emulator,
    run_home_assistant,
    seed,
)

DOMAIN = "azure_realtime_audio"
DEPLOYMENT = "gpt-realtime"
API_KEY = "demo-key"
LIGHT = "light.kitchen_light"
SPEAKER = "media_player.kitchen"
QUESTION = "Tell me a joke"
SENTENCE = "turn on the kitchen light"

STATUSES = ["idle", "listening", "thinking", "speaking", "idle"]
SPEECH_RMS = 500  # of 32768: noise is far below, a voice above
SPEECH_SECONDS = 0.3
SAMPLE_RATE = 24000  # Hz
SILENCE = 0.5  # seconds that turn detection waits for, as the assistant has it
WAV_HEADER = 44  # bytes, as the reply's is

START_LIMIT = 60.0  # seconds
TURN_LIMIT = 30.0
CARD_LIMIT = 90.0
REPLY_LIMIT = 3.0

OUTPUT = ROOT / "demo-output"
SENTENCE_FILE = "turn-on-the-kitchen-light.wav"
SENTENCE_MEDIA = f"media-source://media_source/local/{SENTENCE_FILE}"

SILENT_LIMIT = (
    5.0  # seconds without a line, until one says that the demo is still at work
)

START = time.monotonic()


@dataclass
class Progress:
    """When the last line was printed, and the step that is under way."""

    last_line: float = START
    step: str = "The start"


PROGRESS = Progress()


def say(text: str, end: str = "\n") -> None:
    """Print a line behind the seconds since the start."""
    PROGRESS.last_line = time.monotonic()
    print(f"[{PROGRESS.last_line - START:6.2f} s] {text}", end=end, flush=True)


async def show_life() -> None:
    """Tell what is under way whenever nothing has been told for a while."""
    while True:
        pause = PROGRESS.last_line + SILENT_LIMIT - time.monotonic()
        if pause <= 0:
            say(f"  {PROGRESS.step} is under way")
        else:
            await asyncio.sleep(pause)  # until the silence is too long


@dataclass(frozen=True)
class Assistant:
    """The assistant that the config flow made, by the ids of its entities."""

    conversation: str
    ears: str
    latency: str
    status: str
    voice: str


@dataclass
class Turn:
    """The observations of a spoken turn."""

    way: str
    light_before: str = ""
    light_after: str = ""
    statuses: list[str] = field(default_factory=list)
    reply: bytes = b""  # PCM16, 24 kHz
    speech_ended: float = 0.0  # of time.monotonic
    delay: float = 0.0  # seconds until the reply began

    def end_of_speech(self) -> None:
        """Note when the last word was said."""
        self.speech_ended = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return how long the reply is."""
        return len(self.reply) / 2 / SAMPLE_RATE

    def failures(self) -> list[str]:
        """Return a sentence for each failure."""
        statuses = [status for status, _ in groupby(self.statuses)]
        volume = loudness(self.reply)
        expected = {
            f"The light was {self.light_before}, not off.": self.light_before == "off",
            f"The light is {self.light_after}, not on.": self.light_after == "on",
            f"The status went {', '.join(statuses)}.": statuses == STATUSES,
            f"The reply lasts {self.seconds:.1f} s.": self.seconds > SPEECH_SECONDS,
            f"The reply is silent ({volume:.0f}).": volume > SPEECH_RMS,
            f"The reply began after {self.delay:.1f} s.": self.delay < REPLY_LIMIT,
        }
        return [sentence for sentence, is_so in expected.items() if not is_so]


def loudness(pcm: bytes) -> float:
    """Return the RMS of the loudest 100 ms of PCM16 at 24 kHz; full scale is 32768."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    windows = np.array_split(samples, len(samples) // (SAMPLE_RATE // 10) + 1)
    return max(
        (float(np.sqrt(np.mean(window**2))) for window in windows if window.size),
        default=0.0,
    )


async def set_up(house: HomeAssistant, url: str) -> Assistant:
    """Make the config entry as a user does in the UI, and have its events fired."""
    entry = await house.fill_in(
        "config/config_entries/flow",
        {"handler": DOMAIN},
        {"host_name": url, "deployment": DEPLOYMENT, "api_key": API_KEY},
    )
    say(f"Config entry made through the config flow: {entry['title']}")
    entry_id = entry["result"]["entry_id"]
    (subentry,) = await house.command(
        "config_entries/subentries/list", entry_id=entry_id
    )
    await house.fill_in(
        "config/config_entries/subentries/flow",
        {
            "handler": [entry_id, subentry["subentry_type"]],
            "subentry_id": subentry["subentry_id"],
        },
        {
            "transcription_deployment": "gpt-4o-transcribe",
            "fire_events": True,
        },
    )
    await house.entry_loaded(entry_id)
    assistant = Assistant(
        **{
            entity["translation_key"] or "conversation": entity["entity_id"]
            for entity in await house.command("config/entity_registry/list")
            if entity["platform"] == DOMAIN
        }
    )
    say(f"Its assistant: {assistant.conversation}, {assistant.status}")
    return assistant


async def prepare_kitchen(house: HomeAssistant) -> None:
    """Put the light in the kitchen, switched off, and let assistants see it."""
    await house.action("light.turn_off", LIGHT, answers=False)
    await house.command(
        "config/entity_registry/update", entity_id=LIGHT, area_id="kitchen"
    )
    await house.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[LIGHT],
        should_expose=True,
    )


async def play_on_speaker(
    house: HomeAssistant, assistant: Assistant, automation: str
) -> None:
    """Have the kitchen's speaker say something, by an automation that is saved as the UI saves it."""
    speak = {
        "alias": "Say hello in the kitchen",
        "triggers": [],
        "actions": [
            {
                "action": f"{DOMAIN}.create_response",
                "target": {"entity_id": assistant.conversation},
                "data": {
                    "instructions": "Say hello to the kitchen.",
                    "conversation": "none",
                    "wait": False,
                },
                "response_variable": "reply",
            },
            {
                "action": "media_player.play_media",
                "target": {"entity_id": SPEAKER},
                "data": {
                    "media_content_type": "music",
                    "media_content_id": "{{ reply.media_content_id }}",
                },
            },
        ],
    }
    states = await house.events("subscribe_events", event_type="state_changed")
    await house.rest("POST", f"config/automation/config/{automation}", speak)
    automation_id = ""
    seen: list[str] = []
    started = 0.0
    async for event in states:
        entity_id, new = event["data"]["entity_id"], event["data"]["new_state"]
        if entity_id.startswith("automation.") and new and not automation_id:
            automation_id = entity_id
            say(f"Automation saved: {automation_id}")
            await house.action("automation.trigger", automation_id, answers=False)
        elif entity_id == SPEAKER and new["state"] not in seen[-1:]:
            seen.append(new["state"])
            say(f"  {SPEAKER}: {seen[-1]}")
            if seen[-1] == "playing":
                started = time.monotonic()
            elif seen[-2:] == ["playing", "idle"]:
                if (seconds := time.monotonic() - started) < SPEECH_SECONDS:
                    raise SetupError(f"The speaker played for {seconds:.1f} s only.")
                return


async def find_pipeline(house: HomeAssistant, assistant: Assistant) -> str:
    """Find the Assist pipeline that the config flow made, and prefer it; return its id."""
    answer = await house.command("assist_pipeline/pipeline/list")
    ids = [
        pipeline["id"]
        for pipeline in answer["pipelines"]
        if pipeline["conversation_engine"] == assistant.conversation
        and pipeline["stt_engine"] == assistant.ears
        and pipeline["tts_engine"] == assistant.voice
    ]
    if len(ids) != 1:
        raise SetupError(f"The config flow made {len(ids)} pipelines, not one.")
    [pipeline_id] = ids
    await house.command(
        "assist_pipeline/pipeline/set_preferred", pipeline_id=pipeline_id
    )
    return str(pipeline_id)


async def typed_turn(house: HomeAssistant, pipeline: str) -> None:
    """Ask a typed question and show the answer as it streams in."""
    say(f'Typed: "{QUESTION}"')
    events = await house.events(
        "assist_pipeline/run",
        start_stage="intent",
        end_stage="intent",
        pipeline=pipeline,
        input={"text": QUESTION},
    )
    pieces = 0
    async for event in events:
        data = event["data"] or {}
        match event["type"]:
            case "intent-progress":
                if text := data.get("chat_log_delta", {}).get("content"):
                    if not pieces:
                        say("  answered: ", end="")
                    print(text, end="", flush=True)
                    pieces += 1
            case "intent-end":
                response = data["intent_output"]["response"]
                if response["response_type"] == "error":
                    answer = response["speech"]["plain"]["speech"]
                    raise SetupError(f"The typed question failed: {answer}")
            case "error":
                raise SetupError(f"The typed question failed: {data['message']}")
            case "run-end":
                break
    if pieces < 2:
        raise SetupError("The answer to the typed question was not streamed.")
    print(flush=True)
    say(f"  complete, in {pieces} pieces")


async def spoken_turn(
    house: HomeAssistant,
    assistant: Assistant,
    turn: Turn,
    talk: Awaitable[bytes],
) -> None:
    """Say the sentence in one way or another, and take in everything that follows."""
    await house.action("light.turn_off", LIGHT, answers=False)
    turn.light_before = await house.state(LIGHT)
    turn.statuses.append(await house.state(assistant.status))
    say(f'Spoken {turn.way}: "{SENTENCE}"; the light is {turn.light_before}')
    states = await house.events("subscribe_events", event_type="state_changed")
    server_events = await house.events("subscribe_events", event_type=f"{DOMAIN}_event")
    turn.reply, *_ = await asyncio.gather(
        talk,
        follow_states(states, assistant, turn),
        follow_server(server_events),
    )
    turn.light_after = await house.state(LIGHT)


async def talk_to_pipeline(
    house: HomeAssistant, pipeline: str, speech: bytes, turn: Turn
) -> bytes:
    """Talk as a satellite does, and play the reply while it is made; return that as PCM.

    ``speech`` is PCM16 mono of 16 kHz.
    """
    events = await house.events(
        "assist_pipeline/run",
        start_stage="stt",
        end_stage="tts",
        pipeline=pipeline,
        input={"sample_rate": MICROPHONE_RATE},
    )
    url = ""
    microphone = playing = None
    try:
        async for event in events:
            data = event["data"] or {}
            match event["type"]:
                case "run-start":
                    url = data["tts_output"]["url"]
                    handler = data["runner_data"]["stt_binary_handler_id"]
                    microphone = asyncio.create_task(
                        house.speak(handler, speech, turn.end_of_speech)
                    )
                case "stt-end":
                    assert microphone
                    microphone.cancel()
                case "intent-progress" if data.get("tts_start_streaming"):
                    playing = asyncio.create_task(play(house, url, turn))
                case "error":
                    raise SetupError(f"The pipeline failed: {data['message']}")
                case "run-end":
                    break
        if playing is None:
            raise SetupError("The pipeline did not stream the reply.")
        return await decoded(await playing)
    finally:
        for task in (microphone, playing):
            if task:
                task.cancel()


async def play(house: HomeAssistant, url: str, turn: Turn) -> bytes:
    """Fetch the reply as a media player does, while it is being spoken."""
    sound = b""
    async for data in house.fetch(url):
        if not sound:
            turn.delay = time.monotonic() - turn.speech_ended
            say(
                f"  the reply begins to sound, {turn.delay:.2f} s after the last word "
                f"({SILENCE} s of it to be sure that it was the last)"
            )
        sound += data
    say("  the reply has been fetched")
    return sound


async def decoded(sound: bytes) -> bytes:
    """Return the PCM of an MP3, which is what pipelines give to a browser."""
    arguments = ("-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE))
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-loglevel", "error", "-i", "-", *arguments, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    pcm, _ = await ffmpeg.communicate(sound)
    return pcm


async def talk_through_actions(house: HomeAssistant, assistant: Assistant) -> bytes:
    """Hand the WAV to the assistant and take its spoken reply; return that as PCM."""

    async def act(action: str, *, answers: bool = True, **data: Any) -> Any:
        return await house.action(
            f"{DOMAIN}.{action}", assistant.conversation, answers=answers, **data
        )

    # The emulator transcribes the names of the house that its instructions contain.
    await act("update_session", answers=False, session={})
    await act("append_audio", answers=False, media_content_id=SENTENCE_MEDIA)
    item = await act("commit_audio")
    say(f"  sent and committed as {item['item_id']}")
    reply = await act("create_response", wait=False)
    return await take_reply(house, reply["url"])


async def take_reply(house: HomeAssistant, url: str) -> bytes:
    """Fetch a WAV as a media player does, while it is being spoken; return its PCM."""
    wav = b""
    async for data in house.fetch(url):
        if len(wav) <= WAV_HEADER < len(wav) + len(data):
            say("  the reply begins to sound")
        wav += data
    say("  the reply has been fetched")
    if wav[:4] != b"RIFF":
        raise SetupError("The reply is not a WAV file.")
    return wav[WAV_HEADER:]


async def follow_states(
    events: AsyncGenerator[dict[str, Any]], assistant: Assistant, turn: Turn
) -> None:
    """Show the light and the status until the assistant has spoken."""
    async for event in events:
        entity_id = event["data"]["entity_id"]
        state = event["data"]["new_state"]["state"]
        if entity_id == LIGHT:
            say(f"  light: {state}")
        elif entity_id == assistant.status and state != turn.statuses[-1]:
            turn.statuses.append(state)
            say(f"  status: {state}")
            if turn.statuses[-2:] == STATUSES[-2:]:
                return


async def follow_server(events: AsyncGenerator[dict[str, Any]]) -> None:
    """Show what was heard, called and said, until the response that speaks is done."""
    async for bus_event in events:
        event = bus_event["data"]["event"]
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                say(f'  heard: "{event["transcript"]}"')
            case "response.function_call_arguments.done":
                say(f"  called: {event['name']} {event['arguments']}")
            case "response.output_audio_transcript.done":
                say(f'  answered: "{event["transcript"]}"')
            case "response.done":
                response = event["response"]
                say(f"  tokens: {tokens(response['usage'])}")
                if all(item["type"] == "message" for item in response["output"]):
                    return


def tokens(usage: Mapping[str, Any]) -> str:
    """Tell a response's usage in words."""
    audio_in = usage["input_token_details"]["audio_tokens"]
    audio_out = usage["output_token_details"]["audio_tokens"]
    return (
        f"{usage['input_tokens']} in ({audio_in} of audio), "
        f"{usage['output_tokens']} out ({audio_out} of audio)"
    )


def at_microphone(pcm: bytes) -> bytes:
    """Return PCM of 24 kHz as a satellite's microphone has it, from sound to sound."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > SPEECH_RMS)
    resampler = Resampler(SAMPLE_RATE, MICROPHONE_RATE)
    return resampler.process(pcm[2 * loud[0] : 2 * loud[-1] + 2]) + resampler.flush()


def write_wav(path: Path, pcm: bytes) -> None:
    """Write PCM16 mono of 24 kHz as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)


def report(turn: Turn) -> bool:
    """Keep the reply and tell how it went; return whether all is as it should be."""
    reply = OUTPUT / f"reply-{turn.way.replace(' ', '-')}.wav"
    write_wav(reply, turn.reply)
    say(f"Spoken {turn.way}:")
    say(f"  status: {', '.join(turn.statuses)}")
    say(f"  light: {turn.light_before}, then {turn.light_after}")
    say(f"  reply: {reply}, {turn.seconds:.1f} s")
    failures = turn.failures()
    for failure in failures:
        say(f"  FAILED: {failure}")
    return not failures


async def talk_in_browser(house: HomeAssistant, dashboard: str) -> CardTalk | None:
    """Talk with the live card where there is a browser."""
    if chromium() is None:
        say("Chromium is not installed, so nobody talks with the live card")
        return None
    say("A person talks with the live card, in Chromium")
    return await talk_to_card(house, dashboard, OUTPUT, say)


def report_card(talk: CardTalk) -> bool:
    """Tell how the talk with the card went; return whether all is as it should be."""
    say("Spoken to the live card:")
    say(f"  light: {', then '.join(talk.lights)}")
    say(f"  first sound {talk.first_sound_ms:.0f} ms after the last word")
    say(f"  silence {talk.silence_ms:.0f} ms after the first word of the interruption")
    say(f"  pictures: {OUTPUT / 'card-speaking.png'}, {OUTPUT / 'card.png'}")
    failures = talk.failures()
    for failure in failures:
        say(f"  FAILED: {failure}")
    return not failures


async def demo(*, serve: bool) -> bool:
    """Go through the turns in a house of our own; return whether all went well."""
    OUTPUT.mkdir(exist_ok=True)
    alive = asyncio.create_task(show_life())
    async with running_house() as (house, emulator, speech):
        async with within(START_LIMIT, "The set-up"):
            assistant = await set_up(house, emulator)
            await prepare_kitchen(house)
            await furnish(house)
            pipeline = await find_pipeline(house, assistant)
            dashboard = await make_dashboard(house, assistant.conversation)
        async with within(TURN_LIMIT, "The typed question"):
            await typed_turn(house, pipeline)
        in_pipeline, by_action = Turn("in the pipeline"), Turn("through actions")
        async with within(TURN_LIMIT, "The spoken turn in the pipeline"):
            talk = talk_to_pipeline(house, pipeline, speech, in_pipeline)
            await spoken_turn(house, assistant, in_pipeline, talk)
        async with within(TURN_LIMIT, "The spoken turn through actions"):
            talk = talk_through_actions(house, assistant)
            await spoken_turn(house, assistant, by_action, talk)
        async with within(TURN_LIMIT, "The automation"):
            await play_on_speaker(house, assistant, "say_hello")
        async with within(CARD_LIMIT, "The talk with the live card"):
            with_card = await talk_in_browser(house, dashboard)
        say(f"Latency sensor: {await house.state(assistant.latency)} ms")
        reports = [report(turn) for turn in (in_pipeline, by_action)]
        if with_card:
            reports.append(report_card(with_card))
        alive.cancel()
        if serve:
            verdict(all(reports))
            say(f"Open {dashboard} as {USER_NAME} / {PASSWORD}. Ctrl-C ends it.")
            say("  There is the live card: tap its microphone, and talk.")
            say("To add the integration once more, as a second service, enter:")
            say(f"  Host name   {emulator.replace('127.0.0.1', 'localhost')}")
            say(f"  Deployment  {DEPLOYMENT}")
            say(f"  API key     {API_KEY}")
            say("  Transcription deployment  gpt-4o-transcribe")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    say("Everything is shut down.")
    verdict(all(reports))
    return all(reports)


def verdict(passed: bool) -> None:
    """Tell in one line how it went."""
    if passed:
        say(
            "PASSED: the assistant answered in writing, turned on the light whenever told to "
            "aloud, and an automation had the speaker play its reply."
        )
    else:
        say("FAILED: what was not as it should be stands above.")


@asynccontextmanager
async def running_house() -> AsyncGenerator[tuple[HomeAssistant, str, bytes]]:
    """Run both sides in a temporary folder.

    Yields the house, the emulator's URL, and the sentence as PCM16 mono of 16 kHz.
    """
    port = free_port()
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-realtime-"))
        )
        config, logs = folder / "config", folder / "logs"
        logs.mkdir()
        stack.callback(shutil.copytree, logs, OUTPUT, dirs_exist_ok=True)
        seed(config, port, lived_in=True)
        say(f"Starting Home Assistant {home_assistant_version} and the emulator")
        starting = await stack.enter_async_context(
            run_home_assistant(config, logs / "home-assistant.log")
        )
        emulator = await stack.enter_async_context(
            run_emulator(
                logs / "emulator.log", "--api-key", API_KEY, "--deployment", DEPLOYMENT
            )
        )
        async with within(START_LIMIT, "The start"):
            sentence = await EspeakVoice().say(SENTENCE, voice="alloy", speed=1.0)
            write_wav(config / "media" / SENTENCE_FILE, sentence)
            write_wav(OUTPUT / SENTENCE_FILE, sentence)
            url = await emulator_url(emulator)
            say(f"The emulator listens on {url}")
            house = await stack.enter_async_context(
                home_assistant(f"http://127.0.0.1:{port}", starting)
            )
        say(f"Home Assistant answers on {house.url}")
        yield house, url, at_microphone(sentence)


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncGenerator[None]:
    """Bound a step, and say which one it was."""
    PROGRESS.step = what
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise SetupError(f"{what} took longer than {seconds:.0f} s.") from None


async def stoppable(*, serve: bool) -> bool:
    """Run the demo so that whichever signal ends it, its processes end as well."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await demo(serve=serve)


def main() -> int:
    """Read the options, run the demo and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--serve", action="store_true", help="keep everything up until Ctrl-C"
    )
    serve = parser.parse_args().serve
    try:
        if asyncio.run(stoppable(serve=serve)):
            return 0
        print(f"The logs are in {OUTPUT}.", file=sys.stderr)
    except SetupError as err:
        print(f"\nFAILED: {err}\nThe logs are in {OUTPUT}.", file=sys.stderr)
    except asyncio.CancelledError:
        print("\nStopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
