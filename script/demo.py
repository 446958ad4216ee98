"""A real Home Assistant talks to the emulator, and turns on a light when told to.

Everything is real but the cloud: Home Assistant with this integration set up through its config
flow, a spoken WAV in, a spoken WAV out, and the emulator in the service's place. The exit status
tells whether all of it worked.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Mapping
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

from emulator.voice import EspeakVoice

from .house import (
    PASSWORD,
    ROOT,
    USER_NAME,
    HomeAssistant,
    HouseError,
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
QUESTION = "Tell me a joke"
SENTENCE = "turn on the kitchen light"

STATUSES = ["idle", "listening", "thinking", "speaking", "idle"]
SPEECH_RMS = 500  # of 32768: noise is far below, a voice above
SPEECH_SECONDS = 0.3
SAMPLE_RATE = 24000  # Hz
WAV_HEADER = 44  # bytes, as the reply's is

START_LIMIT = 60.0  # seconds
TURN_LIMIT = 30.0

OUTPUT = ROOT / "demo-output"
SENTENCE_FILE = "turn-on-the-kitchen-light.wav"
SENTENCE_MEDIA = f"media-source://media_source/local/{SENTENCE_FILE}"
REPLY = OUTPUT / "reply.wav"

START = time.monotonic()


def say(text: str, end: str = "\n") -> None:
    """Print a line behind the seconds since the start."""
    print(f"[{time.monotonic() - START:6.2f} s] {text}", end=end, flush=True)


@dataclass(frozen=True)
class Assistant:
    """The assistant that the config flow made, by the ids of its entities."""

    conversation: str
    status: str


@dataclass
class Turn:
    """What was seen and heard of the spoken turn."""

    light_before: str = ""
    light_after: str = ""
    statuses: list[str] = field(default_factory=list)
    reply: bytes = b""  # PCM16, 24 kHz

    @property
    def seconds(self) -> float:
        """Return how long the reply is."""
        return len(self.reply) / 2 / SAMPLE_RATE

    def failures(self) -> list[str]:
        """Return a sentence for everything that is not as it should be."""
        statuses = [status for status, _ in groupby(self.statuses)]
        volume = loudness(self.reply)
        expected = {
            f"The light was {self.light_before}, not off.": self.light_before == "off",
            f"The light is {self.light_after}, not on.": self.light_after == "on",
            f"The status went {', '.join(statuses)}.": statuses == STATUSES,
            f"The reply lasts {self.seconds:.1f} s.": self.seconds > SPEECH_SECONDS,
            f"The reply is silent ({volume:.0f}).": volume > SPEECH_RMS,
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
    entities = {
        entity["entity_id"].partition(".")[0]: entity["entity_id"]
        for entity in await house.command("config/entity_registry/list")
        if entity["platform"] == DOMAIN
    }
    assistant = Assistant(entities["conversation"], entities["sensor"])
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


async def make_pipeline(house: HomeAssistant, assistant: Assistant) -> str:
    """Make an Assist pipeline that thinks with the assistant; return its id."""
    unused = ("stt_engine", "stt_language", "tts_engine", "tts_language", "tts_voice")
    pipeline = await house.command(
        "assist_pipeline/pipeline/create",
        name="Azure Realtime",
        language="en",
        conversation_engine=assistant.conversation,
        conversation_language="en",
        **dict.fromkeys((*unused, "wake_word_entity", "wake_word_id")),
    )
    pipeline_id: str = pipeline["id"]
    await house.command(
        "assist_pipeline/pipeline/set_preferred", pipeline_id=pipeline_id
    )
    return pipeline_id


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
                    raise HouseError(f"The typed question failed: {answer}")
            case "error":
                raise HouseError(f"The typed question failed: {data['message']}")
            case "run-end":
                break
    if pieces < 2:
        raise HouseError("The answer to the typed question was not streamed.")
    print(flush=True)
    say(f"  complete, in {pieces} pieces")


async def spoken_turn(house: HomeAssistant, assistant: Assistant) -> Turn:
    """Say the sentence through the actions and take in everything that follows."""
    turn = Turn(light_before=await house.state(LIGHT))
    turn.statuses.append(await house.state(assistant.status))
    say(f'Spoken: "{SENTENCE}"; the light is {turn.light_before}')
    states = await house.events("subscribe_events", event_type="state_changed")
    server_events = await house.events("subscribe_events", event_type=f"{DOMAIN}_event")
    turn.reply, *_ = await asyncio.gather(
        say_sentence(house, assistant),
        follow_states(states, assistant, turn),
        follow_server(server_events),
    )
    turn.light_after = await house.state(LIGHT)
    return turn


async def say_sentence(house: HomeAssistant, assistant: Assistant) -> bytes:
    """Hand the WAV to the assistant and take its spoken reply; return that as PCM."""

    async def act(action: str, *, answers: bool = True, **data: Any) -> Any:
        return await house.action(
            f"{DOMAIN}.{action}", assistant.conversation, answers=answers, **data
        )

    # The service listens when it answers. The emulator listens when audio is committed:
    # by then it has to know the house, which this tells it.
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
        raise HouseError("The reply is not a WAV file.")
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


def write_wav(path: Path, pcm: bytes) -> None:
    """Write PCM16 mono of 24 kHz as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)


def report(turn: Turn) -> bool:
    """Keep the reply and tell how it went; return whether all is as it should be."""
    write_wav(REPLY, turn.reply)
    say(f"Status: {', '.join(turn.statuses)}")
    say(f"Light: {turn.light_before}, then {turn.light_after}")
    say(f"Reply: {REPLY}, {turn.seconds:.1f} s")
    failures = turn.failures()
    for failure in failures:
        say(f"FAILED: {failure}")
    return not failures


async def demo(*, serve: bool) -> bool:
    """Go through both turns in a house of our own; return whether all went well."""
    OUTPUT.mkdir(exist_ok=True)
    async with running_house() as (house, emulator):
        assistant = await set_up(house, emulator)
        await prepare_kitchen(house)
        pipeline = await make_pipeline(house, assistant)
        async with within(TURN_LIMIT, "The typed question"):
            await typed_turn(house, pipeline)
        async with within(TURN_LIMIT, "The spoken turn"):
            turn = await spoken_turn(house, assistant)
        is_well = report(turn)
        if serve:
            say(f"Open {house.url} as {USER_NAME} / {PASSWORD}. Ctrl-C ends it.")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    say("Everything is shut down.")
    return is_well


@asynccontextmanager
async def running_house() -> AsyncGenerator[tuple[HomeAssistant, str]]:
    """Run both sides in a temporary folder; yield the house and the emulator's URL."""
    port = free_port()
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-realtime-"))
        )
        config, logs = folder / "config", folder / "logs"
        logs.mkdir()
        stack.callback(shutil.copytree, logs, OUTPUT, dirs_exist_ok=True)
        seed(config, port)
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
        yield house, url


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncGenerator[None]:
    """Bound a step, and say which one it was."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise HouseError(f"{what} took longer than {seconds:.0f} s.") from None


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
        print(f"\nThe demo failed. The logs are in {OUTPUT}.", file=sys.stderr)
    except HouseError as err:
        print(f"\nThe demo failed. {err}\nThe logs are in {OUTPUT}.", file=sys.stderr)
    except asyncio.CancelledError:
        print("\nStopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
