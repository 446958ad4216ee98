"""Tests of how the live card looks: sizes, themes, phone and wall, and to a screen reader."""

from collections.abc import AsyncIterator
import json

from playwright.async_api import Browser, BrowserContext, Page, expect
import pytest

from emulator import Emulator, Reply
from script.card_page import ELEMENT, logged_in
from script.demo import Assistant
from script.home_assistant import ROOT, HomeAssistant

from .conftest import OUTPUT

DASHBOARD = "live-looks"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = {"phone": (390, 844), "wall": (1280, 800)}
# What keeps somebody from using the card; the rest is about the page around it.
HARMFUL = ("serious", "critical")


@pytest.fixture(scope="module")
async def dashboard(house: HomeAssistant, assistant: Assistant) -> str:
    """Make a dashboard with the card in each of its sizes, and the badge; return its URL."""
    await house.command(
        "lovelace/dashboards/create", url_path=DASHBOARD, title="Looks", mode="storage"
    )
    cards = [
        {"type": f"custom:{ELEMENT}", "entity": assistant.conversation, **config}
        for config in (
            {},
            {"size": "compact", "name": "Row"},
            {"size": "button"},
            {"entity": "conversation.gone"},
        )
    ]
    badge = {
        "type": "custom:azure-realtime-audio-badge",
        "entity": assistant.conversation,
    }
    sections = [
        {"type": "grid", "cards": cards[:1]},
        {"type": "grid", "cards": cards[1:]},
    ]
    view = {"type": "sections", "badges": [badge], "sections": sections}
    await house.command(
        "lovelace/config/save", url_path=DASHBOARD, config={"views": [view]}
    )
    return f"{house.url}/{DASHBOARD}/0"


@pytest.fixture(
    params=[(screen, dark) for screen in SCREENS for dark in (False, True)],
    ids=lambda param: f"{param[0]}-{'dark' if param[1] else 'light'}",
)
async def page(
    browser: BrowserContext,
    house: HomeAssistant,
    dashboard: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Page]:
    """Open the dashboard on a screen, light or dark, and have a short conversation."""
    screen, dark = request.param
    width, height = SCREENS[screen]
    running: Browser | None = browser.browser
    assert running is not None
    context = await running.new_context(
        storage_state=logged_in(house),
        viewport={"width": width, "height": height},
        service_workers="block",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    theme = json.dumps(json.dumps({"theme": "default", "dark": dark}))
    await page.add_init_script(f"localStorage.selectedTheme = {theme}")
    await page.goto(dashboard)
    try:
        yield page
    finally:
        test = request.node.originalname.removeprefix("test_")
        name = f"{test}-{screen}-{'dark' if dark else 'light'}"
        await page.screenshot(path=OUTPUT / f"{name}.png")
        await context.close()


async def harm(page: Page) -> list[str]:
    """Return what axe finds in the cards that keeps somebody from using them."""
    await page.add_script_tag(path=AXE)
    found = await page.locator(ELEMENT).evaluate_all(
        "cards => axe.run({include: cards})"
    )
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found["violations"]
        if violation["impact"] in HARMFUL
        for node in violation["nodes"]
    ]


async def test_every_size_is_accessible(page: Page, service: Emulator) -> None:
    """A check by axe finds nothing serious in any size, in the menu, the check page or the dialog."""
    service.replies.append(Reply(text="Good morning. Did you sleep well?"))
    cards = page.locator(f"hui-section {ELEMENT}")
    full, row, button, gone = (cards.nth(number) for number in range(4))
    await expect(gone.get_by_role("alert")).to_contain_text("does not exist")
    field = full.get_by_role("textbox")
    await field.fill("good morning")
    await field.press("Enter")
    await expect(full.locator(".bubble.reply .words")).to_contain_text("Good morning")
    assert await harm(page) == []

    await full.get_by_role("button", name="Menu").click()
    assert await harm(page) == []
    await full.get_by_role("menuitem", name="Check").click()
    await expect(full.locator(".check-list")).to_contain_text("reachable")
    assert await harm(page) == []
    await full.get_by_role("button", name="Close").click()

    await row.get_by_role("button", name="Show the conversation").click()
    dialog = row.get_by_role("dialog")
    await expect(dialog.get_by_role("textbox")).to_be_visible()
    assert await harm(page) == []
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_have_count(0)
    await expect(button.get_by_role("button")).to_contain_text("Talk")
    await expect(
        page.locator("azure-realtime-audio-badge").get_by_role("button")
    ).to_contain_text("Talk")


async def test_nothing_overflows(page: Page) -> None:
    """No card is wider than its place, and none moves what is in it sideways."""
    await expect(page.locator(ELEMENT).last).to_be_visible()
    shifted = await page.locator(ELEMENT).evaluate_all(
        """cards => cards.flatMap(card => [...card.shadowRoot.querySelectorAll("ha-card, .talk")])
          .filter(each => each.scrollLeft || each.getBoundingClientRect().right > innerWidth)
          .map(each => each.className)"""
    )
    assert shifted == []
