"""Tests of what a person sees while setting up a deployment."""

from collections.abc import AsyncIterator
import re

from playwright.async_api import BrowserContext, Locator, Page, expect
import pytest

from custom_components.azure_realtime_audio.flows.fields import HIDES_FIELDS
from emulator import Emulator
from script.demo import DOMAIN, Assistant, find_pipeline
from script.home_assistant import HomeAssistant

from .conftest import OUTPUT

KEY = "another-key"


class ConnectionForm:
    """The form of a new deployment, in one page."""

    def __init__(self, page: Page, url: str) -> None:
        """Use a page that is still empty."""
        self._page = page
        self._url = f"{url}/config/integrations/dashboard/add?domain={DOMAIN}"
        self.text = page.locator("dialog-data-entry-flow")
        self.more_options = self.text.get_by_text("What to call this service")

    async def open(self) -> None:
        """Open the form, from the page of the integrations."""
        await self._page.goto(self._url)
        confirm = self._page.get_by_role("button", name="OK", exact=True)
        await confirm.or_(self.field("API key")).first.wait_for()
        if await confirm.is_visible():
            await confirm.click()
        await self.field("API key").wait_for()

    def field(self, label: str) -> Locator:
        """Return a text field by its label."""
        selector = self._page.locator(
            "ha-selector", has_text=re.compile(f"^\\s*{label}")
        )
        return selector.locator("input")

    def switch(self, label: str) -> Locator:
        """Return a switch by its label."""
        selector = self._page.locator("ha-selector-boolean", has_text=label)
        return selector.locator("ha-switch")

    async def fill(self, **fields: str) -> None:
        """Type into fields, which are named by their labels."""
        for label, text in fields.items():
            await self.field(label.replace("_", " ")).fill(text)

    async def submit(self) -> None:
        """Submit the form."""
        await self._page.get_by_role("button", name="Submit").click()

    async def tick(self, label: str) -> None:
        """Turn a switch on or off."""
        await self.switch(label).click()

    async def take_screenshot(self, name: str) -> None:
        """Save a screenshot of the page."""
        await self._page.screenshot(path=OUTPUT / f"connection-form-{name}.png")


@pytest.fixture
async def form(
    browser: BrowserContext, house: HomeAssistant, assistant: Assistant
) -> AsyncIterator[ConnectionForm]:
    """Open the form in a page that is high enough for it."""
    page = await browser.new_page()
    await page.set_viewport_size({"width": 1000, "height": 1500})
    form = ConnectionForm(page, house.url)
    try:
        yield form
    finally:
        await form.take_screenshot("end")
        await page.close()


@pytest.fixture
async def _only_one_entry(
    house: HomeAssistant, assistant: Assistant
) -> AsyncIterator[None]:
    """Remove what a test sets up, and prefer the pipeline of before."""
    entries = await house.command("config_entries/get", domain=DOMAIN)
    before = [entry["entry_id"] for entry in entries]
    yield
    for entry in await house.command("config_entries/get", domain=DOMAIN):
        if entry["entry_id"] not in before:
            path = f"config/config_entries/entry/{entry['entry_id']}"
            await house.rest("DELETE", path)
    await find_pipeline(house, assistant)


@pytest.mark.usefixtures("_only_one_entry")
async def test_from_a_mistake_to_the_first_word(form: ConnectionForm) -> None:
    """A wrong API version is told in the section of its field, which opens; the end says how to begin."""
    async with Emulator(
        api_key=KEY, deployment="old", model="gpt-realtime-mini", preview_only=True
    ) as service:
        await form.open()
        await form.take_screenshot("empty")
        await expect(form.text).to_contain_text("Transcription deployment (optional)")
        await form.fill(Host_name=service.url, Deployment="old", API_key=KEY)
        await expect(form.field("API version*")).not_to_be_visible()
        await form.submit()
        told = "Choose 2025-04-01-preview under More options"
        await expect(form.text).to_contain_text(told)
        await form.take_screenshot("api-version")

        service.preview_only = False
        await form.tick("Use it as the preferred assistant")
        await form.submit()
        await expect(form.text).to_contain_text("To begin to talk")
        await expect(form.text).to_contain_text("gpt-realtime-mini")
        await form.take_screenshot("created")


async def test_preferring_needs_a_pipeline(form: ConnectionForm) -> None:
    """What can only be done with a pipeline is only offered with one, from 2026.11 on."""
    await form.open()
    tick = form.switch("Use it as the preferred assistant")
    await expect(tick).to_be_visible()
    await form.tick("Create an Assist pipeline")
    await expect(tick).to_be_visible(visible=not HIDES_FIELDS)
