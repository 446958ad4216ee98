"""Tests of what a person sees and chooses in the form of an assistant."""

from collections.abc import AsyncIterator

from playwright.async_api import BrowserContext, Locator, Page, expect
import pytest

from custom_components.azure_realtime_audio.flows.fields import HIDES_FIELDS
from emulator import Emulator
from script.demo import DOMAIN, Assistant
from script.home_assistant import HomeAssistant

from .conftest import OUTPUT, ask

QUICK = "Quick, after 0.3 s of silence; may cut you off"
BALANCED = "Balanced, after 0.5 s of silence"
PATIENT = "Patient, after 1 s of silence; every answer waits"
CUSTOM = "Custom, as set under Listening"


class AssistantForm:
    """The form that changes an assistant, in one page."""

    def __init__(self, page: Page, url: str) -> None:
        """Use a page that is still empty."""
        self._page = page
        self._url = f"{url}/config/integrations/integration/{DOMAIN}"

    @property
    def _patience(self) -> Locator:
        return self._page.locator("ha-select:has(ha-dropdown-item)", has_text=QUICK)

    async def open(self) -> None:
        """Open the form from the page of the integration."""
        await self._page.goto(self._url)
        await self._page.get_by_role("button", name="Change assistant").click()
        await self._patience.wait_for()

    async def choices(self) -> list[str]:
        """Return how soon an answer may begin, as the form offers it; the list stays open."""
        await self._patience.locator("ha-picker-field").click()
        await self._page.get_by_role("menuitem", name=QUICK).wait_for()
        items = self._patience.locator("ha-dropdown-item")
        return [text.strip() for text in await items.all_inner_texts()]

    async def expect_chosen(self, choice: str) -> None:
        """Check what is chosen."""
        chosen = self._patience.locator("ha-picker-field")
        await expect(chosen).to_contain_text(choice)

    async def choose(self, choice: str) -> None:
        """Choose from the open list, and submit."""
        await self._page.get_by_role("menuitem", name=choice).click()
        await self.expect_chosen(choice)
        await self._page.get_by_role("button", name="Submit").click()
        await self._page.get_by_text("Reconfiguration was successful").wait_for()

    async def expand(self, section: str) -> None:
        """Open a section."""
        panel = self._page.locator("ha-expansion-panel", has_text=section)
        await panel.locator("#summary").click()

    def field(self, beginning: str) -> Locator:
        """Return a field by the beginning of its label."""
        return self._page.locator("ha-selector", has_text=beginning).first

    async def options(self, option: str) -> list[str]:
        """Return what a list offers that has an option; the list stays open."""
        field = self._page.locator("ha-select:has(ha-dropdown-item)", has_text=option)
        await field.locator("ha-picker-field").click()
        await self._page.get_by_role("menuitem", name=option).first.wait_for()
        items = await field.locator("ha-dropdown-item").all_inner_texts()
        return [text.strip() for text in items]

    async def choose_from_list(self, option: str) -> None:
        """Choose an option of a list."""
        await self.options(option)
        await self._page.get_by_role("menuitem", name=option).click()

    async def take_screenshot(self, name: str) -> None:
        """Save a screenshot of the page."""
        await self._page.screenshot(path=OUTPUT / f"assistant-form-{name}.png")


@pytest.fixture
async def form(
    browser: BrowserContext, house: HomeAssistant, assistant: Assistant
) -> AsyncIterator[AssistantForm]:
    """Open the form in a page that is high enough for it."""
    page = await browser.new_page()
    await page.set_viewport_size({"width": 1000, "height": 1400})
    form = AssistantForm(page, house.url)
    try:
        yield form
    finally:
        await form.take_screenshot("end")
        await page.close()


async def test_how_soon_an_answer_begins(
    form: AssistantForm, house: HomeAssistant, assistant: Assistant, service: Emulator
) -> None:
    """The form shows what is chosen and what it costs, and the service gets it."""
    await form.open()
    await form.expect_chosen(BALANCED)
    assert await form.choices() == [QUICK, BALANCED, PATIENT, CUSTOM]
    await form.take_screenshot("choices")
    await form.choose(QUICK)
    await loaded(house)
    await ask(house, assistant)
    assert silence(service) == 300

    await form.open()
    await form.expect_chosen(QUICK)
    await form.choices()
    await form.choose(BALANCED)
    await loaded(house)
    await ask(house, assistant)
    assert silence(service) == 500


async def test_fields_of_the_chosen_turn_detection(form: AssistantForm) -> None:
    """Server VAD's figures make room for semantic VAD's, where Home Assistant can hide fields."""
    await form.open()
    await form.expand("Listening")
    server, semantic = (
        form.field("Server VAD: speech"),
        form.field("Semantic VAD: eager"),
    )
    await expect(server).to_be_visible()
    await expect(semantic).to_be_visible(visible=not HIDES_FIELDS)
    await form.take_screenshot("server-vad")
    await form.choose_from_list("Semantic VAD, a finished thought ends a turn")
    await expect(semantic).to_be_visible()
    await expect(server).to_be_visible(visible=not HIDES_FIELDS)
    await form.take_screenshot("semantic-vad")


async def test_voices(form: AssistantForm) -> None:
    """The voices that are recommended come first, and say so."""
    await form.open()
    voices = await form.options("Marin")
    assert voices[:2] == [
        f"{name}, recommended, sounds best" for name in ("Marin", "Cedar")
    ]
    assert "Alloy, neutral" in voices
    await form.take_screenshot("voices")


async def loaded(house: HomeAssistant) -> None:
    """Wait until the integration is set up, again."""
    for entry in await house.command("config_entries/get", domain=DOMAIN):
        await house.entry_loaded(entry["entry_id"])


def silence(service: Emulator) -> int:
    """Return how long a pause ends a turn in the newest session, in milliseconds."""
    audio_input = service.sessions[-1].config["audio"]["input"]
    milliseconds: int = audio_input["turn_detection"]["silence_duration_ms"]
    return milliseconds
