"""Fixtures of the browser tests: Home Assistant, the emulator, and Chromium with a microphone.

`script/test -- tests/browser` runs the tests on both versions of Home Assistant;
`.venv/bin/python -m pytest tests/browser` runs them on the older version only. Each run leaves
Home Assistant's log and the screenshots in test-output/browser/VERSION: one screenshot of the end
of each test, and one of the reply while it streams in the tests that check the streaming.

To watch the browser on a machine with a screen:

    SHOW_BROWSER=1 .venv/bin/python -m pytest tests/browser -k spoken

To talk to the same Home Assistant from your own browser, run `script/demo --serve`.
"""

from collections.abc import AsyncIterator, Iterator
import os
from pathlib import Path
import re
import shutil
import wave

from homeassistant.const import __version__ as home_assistant_version
from playwright.async_api import BrowserContext, async_playwright, expect
import pytest

from custom_components.azure_realtime_audio.realtime.audio import Resampler
from emulator import Emulator
from emulator.model.voice import EspeakVoice
from script.card_page import logged_in
from script.demo import (
    API_KEY,
    DEPLOYMENT,
    DOMAIN,
    LIGHT,
    SAMPLE_RATE,
    Assistant,
    find_pipeline,
    prepare_kitchen,
    set_up,
)
from script.home_assistant import (
    ROOT,
    HomeAssistant,
    free_port,
    home_assistant,
    run_home_assistant,
    seed,
)

from .dialog import AssistDialog

OUTPUT = ROOT / "test-output" / "browser" / home_assistant_version
PIPELINE = "Azure Realtime"
MICROPHONE_RATE = 48_000  # Hz
PATIENCE_MS = 10_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser, which script/setup installs where apt is."""
    if path := shutil.which("chromium"):
        return path
    if os.environ.get("CI") and shutil.which("apt-get"):
        pytest.fail("no Chromium, although script/setup can install it here")
    pytest.skip("no Chromium")


@pytest.fixture(scope="session")
async def service(chromium: str) -> AsyncIterator[Emulator]:
    """Run the emulator, slow enough for the tests to see a reply while it streams."""
    async with Emulator(api_key=API_KEY, deployment=DEPLOYMENT, speed=4) as service:
        yield service


@pytest.fixture(scope="session")
async def house(
    service: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant as its owner; `assistant` sets the integration up."""
    config, port = tmp_path_factory.mktemp("house") / "config", free_port()
    seed(config, port, lived_in=True)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    log = OUTPUT / "home-assistant.log"
    async with (
        run_home_assistant(config, log) as starting,
        home_assistant(f"http://127.0.0.1:{port}", starting) as house,
    ):
        yield house


@pytest.fixture(scope="session")
async def assistant(house: HomeAssistant, service: Emulator) -> Assistant:
    """Set up the integration through its config flow, and prefer its pipeline."""
    assistant = await set_up(house, service.url)
    await prepare_kitchen(house)
    await find_pipeline(house, assistant)
    return assistant


async def ask(house: HomeAssistant, assistant: Assistant) -> None:
    """Ask the assistant something over REST, and wait for the answer or the failure."""
    question = {"text": "hello", "agent_id": assistant.conversation}
    await house.rest("POST", "conversation/process", question)


@pytest.fixture(scope="session")
async def turn_on(house: HomeAssistant, assistant: Assistant, service: Emulator) -> str:
    """Return the name of the tool that turns things on, which depends on the version."""
    await ask(house, assistant)
    names: list[str] = [tool["name"] for tool in service.sessions[-1].config["tools"]]
    return next(name for name in names if name.endswith("HassTurnOn"))


@pytest.fixture(scope="session")
async def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of speech. Each test tells the emulator which words it hears in it."""
    said = await EspeakVoice().say("lights on", voice="alloy", speed=1.0)
    resampler = Resampler(SAMPLE_RATE, MICROPHONE_RATE)
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_RATE)
        file.writeframes(resampler.process(said) + resampler.flush())
    return path


@pytest.fixture(scope="session")
async def browser(
    chromium: str, house: HomeAssistant, microphone: Path
) -> AsyncIterator[BrowserContext]:
    """Run Chromium, logged in. Each page that opens the microphone hears the recording once."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium,
            headless="SHOW_BROWSER" not in os.environ,
            args=[
                "--no-sandbox",  # Chromium refuses to run as root with a sandbox
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ],
        )
        context = await running.new_context(
            storage_state=logged_in(house),
            viewport={"width": 1000, "height": 800},
            service_workers="block",
        )
        context.set_default_timeout(PATIENCE_MS)
        yield context
        await running.close()


@pytest.fixture
async def dialog(
    browser: BrowserContext,
    house: HomeAssistant,
    assistant: Assistant,
    request: pytest.FixtureRequest,
) -> AsyncIterator[AssistDialog]:
    """Open the Assist dialog in a new page. The light is off."""
    await house.action("light.turn_off", LIGHT, answers=False)
    page = await browser.new_page()
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    dialog = AssistDialog(page, OUTPUT, name)
    try:
        await dialog.open(house.url, PIPELINE)
        yield dialog
    finally:
        await dialog.take_screenshot()
        await page.close()


@pytest.fixture(autouse=True)
def _reset(service: Emulator) -> Iterator[None]:
    """Remove what a test has planned in the emulator and not used."""
    yield
    service.replies.clear()
    service.hears.clear()
    service.faults.clear()


@pytest.fixture
async def away(
    house: HomeAssistant, assistant: Assistant, service: Emulator
) -> AsyncIterator[None]:
    """Make the service refuse new sessions; afterwards reload the integration to recover."""
    service.faults.add("http_503")
    yield
    service.faults.clear()
    for entry in await house.command("config_entries/get", domain=DOMAIN):
        path = f"config/config_entries/entry/{entry['entry_id']}/reload"
        await house.rest("POST", path)
        await house.entry_loaded(entry["entry_id"])
