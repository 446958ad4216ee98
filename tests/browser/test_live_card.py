"""Tests of what a person sees, hears and is heard saying at the live card."""

from collections.abc import AsyncIterator
import re

from playwright.async_api import BrowserContext, expect
import pytest

from emulator import Emulator, Reply, Session
from script.card_page import ELEMENT, RATE, tone
from script.demo import LIGHT, SPEAKER, Assistant
from script.home_assistant import PACKAGE, HomeAssistant

from .conftest import OUTPUT, ask
from .live_card import KEEP_AUDIO, LOSE_CONNECTION, LiveCard, total

DASHBOARD = "live-card"
QUESTION = "tell me a story"
STORY = "Once upon a time there was a lamp that nobody had ever switched off."
STORY_SECONDS = 6.0
MS = RATE * 2 // 1000  # bytes

# A browser's own event, of which a page cannot tell who has sent it.
UNPLUG = "lastStream.getTracks()[0].dispatchEvent(new Event('ended'))"
# What a browser leaves out of pages without https; those of the tests are on localhost.
INSECURE = """
  Object.defineProperty(window, "isSecureContext", {get: () => false});
  Object.defineProperty(navigator, "mediaDevices", {get: () => undefined});
  delete BaseAudioContext.prototype.audioWorklet;
"""
SHORT_MINUTE = """(() => {
  const wait = window.setTimeout;
  window.setTimeout = (task, ms, ...rest) => wait(task, ms === 60000 ? 100 : ms, ...rest);
})()"""
HIDE = """() => {
  Object.defineProperty(document, "hidden", {get: () => true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
# As a click in the sidebar does.
GO = """path => {
  history.pushState(null, "", path);
  window.dispatchEvent(new CustomEvent("location-changed"));
}"""


@pytest.fixture(scope="session")
async def dashboard(house: HomeAssistant, assistant: Assistant) -> str:
    """Make a dashboard with the card in it; return its URL."""
    await house.command(
        "lovelace/dashboards/create", url_path=DASHBOARD, title="Live", mode="storage"
    )
    await save_dashboard(house, assistant)
    return f"{house.url}/{DASHBOARD}/0"


async def save_dashboard(
    house: HomeAssistant, assistant: Assistant, **config: object
) -> None:
    """Put the card on the dashboard, with these settings."""
    card = {"type": f"custom:{ELEMENT}", "entity": assistant.conversation, **config}
    view = {"type": "sections", "sections": [{"type": "grid", "cards": [card]}]}
    await house.command(
        "lovelace/config/save", url_path=DASHBOARD, config={"views": [view]}
    )


@pytest.fixture
async def card(
    browser: BrowserContext,
    house: HomeAssistant,
    dashboard: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[LiveCard]:
    """Open the dashboard in a new page, with nothing remembered. The light is off."""
    await house.action("light.turn_off", LIGHT, answers=False)
    page = await browser.new_page()
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    card = LiveCard(page, OUTPUT, f"live-{name}")
    try:
        yield card
    finally:
        await card.leave()


@pytest.fixture
async def story(card: LiveCard, dashboard: str, service: Emulator) -> LiveCard:
    """Be told a story, of which a second has been heard."""
    service.hears.append(QUESTION)
    service.replies.append(Reply(text=STORY, pcm=tone(STORY_SECONDS)))
    await card.open(dashboard)
    await card.talk()
    await card.say_all(tone(0.8))
    await card.sounding_for(0, 1.0)
    return card


def held_ms(session: Session, number: int) -> int:
    """Return how many ms of a reply the service holds."""
    replies = [item for item in session.conversation if item.role == "assistant"]
    return len(replies[number].audio) // MS


async def test_conversation(
    card: LiveCard,
    dashboard: str,
    service: Emulator,
    house: HomeAssistant,
    turn_on: str,
) -> None:
    """A person at the browser's own microphone is answered, and sees what was done."""
    service.hears.append("turn on the kitchen light")
    arguments = {"name": "Kitchen Light"}
    service.replies.append(Reply(tool_calls=[(turn_on, arguments)]))
    service.replies.append(Reply(text="The light is on.", pcm=tone(1.5)))
    await card.open(dashboard, speaks=False)
    await card.press("Start talking")
    await expect(card.words).to_have_text("turn on the kitchen light")
    await expect(card.tools).to_contain_text("Kitchen Light")
    await expect(card.replies).to_have_text("The light is on.")
    assert await house.state(LIGHT) == "on"
    await card.first_sound(0)
    [sound] = await card.until_silent()
    assert sound.seconds == pytest.approx(1.5, abs=0.02)
    await expect(card.unheard).to_have_text("")
    await expect(card.card.locator(".foot")).to_contain_text("tokens")


async def test_barge_in(story: LiveCard, service: Emulator) -> None:
    """A person who talks over a reply silences it, and the service holds what was heard."""
    service.hears.append("no, something else")
    service.replies.append(Reply(text="Well.", pcm=tone(0.4)))
    await story.say_all(tone(0.8))
    await expect(story.words.last).to_have_text("no, something else")
    await expect(story.cut).to_be_visible()
    await story.take_screenshot("cut")
    session = service.sessions[-1]
    await expect(story.replies.last).to_have_text("Well.")
    cut = await story.replies.first.text_content()
    assert cut and STORY.startswith(cut) and len(cut) < len(STORY)

    sounds = await story.until_silent()
    told = (await story.speech_started())[-1]
    before = [sound for sound in sounds if sound.begin < told]
    silenced = before[-1].end
    assert silenced and silenced - told < 150
    assert held_ms(session, 0) == pytest.approx(total(before) * 1000, abs=60)


async def test_cough(story: LiveCard, service: Emulator) -> None:
    """A cough costs no more than a pause: the reply goes on, and nothing of it is lost."""
    service.hears.append("")
    spoken = await story.say(tone(0.2))
    await story.first_sound(spoken.end)
    sounds = await story.until_silent()
    assert len(sounds) == len(await story.speech_started()) == 2
    assert total(sounds) == pytest.approx(STORY_SECONDS, abs=0.02)
    await expect(story.words).to_have_text([QUESTION])
    await expect(story.replies).to_have_text([STORY])
    assert held_ms(service.sessions[-1], 0) == STORY_SECONDS * 1000


async def test_stop_button(story: LiveCard, service: Emulator) -> None:
    """The stop button ends the reply where it was heard to."""
    await story.press("Stop the answer")
    heard = total(await story.until_silent())
    await expect(story.cut).to_be_visible()
    assert held_ms(service.sessions[-1], 0) == pytest.approx(heard * 1000, abs=60)


async def test_lost_socket(story: LiveCard, service: Emulator) -> None:
    """A conversation outlives the websocket, with all that was said."""
    await story.status.evaluate(LOSE_CONNECTION)
    await story.until_status("Listening")
    service.hears.append("are you there")
    service.replies.append(Reply(text="I am here.", pcm=tone(0.4)))
    await story.say_all(tone(0.8))
    await expect(story.words.last).to_have_text("are you there")
    await expect(story.replies.last).to_have_text("I am here.")
    assert len(await story.words.all()) == 2
    said = [
        item.text for item in service.sessions[-1].conversation if item.role == "user"
    ]
    assert QUESTION in said


async def test_typed(card: LiveCard, dashboard: str, service: Emulator) -> None:
    """Typed words are answered aloud, without a microphone."""
    service.replies.append(Reply(text="Hello there.", pcm=tone(0.6)))
    await card.open(dashboard)
    field = card.card.get_by_role("textbox")
    await field.fill("good morning")
    await field.press("Enter")
    await expect(card.words).to_have_text(["good morning"])
    await expect(card.replies).to_have_text(["Hello there."])
    await card.first_sound(0)
    assert total(await card.until_silent()) == pytest.approx(0.6, abs=0.02)


async def test_answer_elsewhere(
    card: LiveCard, dashboard: str, service: Emulator, house: HomeAssistant
) -> None:
    """An answer is played at the media player of a person's choice; the card shows the words."""
    service.replies.append(Reply(text="Hello there.", pcm=tone(2.0)))
    await card.open(dashboard)
    await card.press("Menu")
    await card.card.get_by_role("menuitem", name="Play answers at").click()
    await card.take_screenshot("menu")
    await card.card.get_by_role("menuitemradio", name="Kitchen").click()
    field = card.card.get_by_role("textbox")
    await field.fill("good morning")
    await field.press("Enter")
    await card.until_status("Speaking")
    await expect(card.replies).to_have_text(["Hello there."])
    await expect(card.unheard).to_have_text("")
    assert await house.state(SPEAKER) == "playing"
    await card.until_status("Ready")
    assert await card.sounds() == []


async def test_push_to_talk(card: LiveCard, dashboard: str, service: Emulator) -> None:
    """Space talks as long as it is held."""
    service.hears.append("what time is it")
    service.replies.append(Reply(text="It is noon.", pcm=tone(0.6)))
    await card.open(dashboard)
    await card.card.locator("ha-card").focus()
    await card.page.keyboard.down(" ")
    await card.until_status("Listening")
    await card.say_all(tone(0.8))
    await card.page.keyboard.up(" ")
    await expect(card.words).to_have_text(["what time is it"])
    await expect(card.replies).to_have_text(["It is noon."])


@pytest.fixture
async def by_hand(
    house: HomeAssistant, assistant: Assistant, dashboard: str
) -> AsyncIterator[str]:
    """Let the card have a button to hold."""
    await save_dashboard(house, assistant, hands_free=False)
    yield dashboard
    await save_dashboard(house, assistant)


async def test_held_button(by_hand: str, card: LiveCard, service: Emulator) -> None:
    """The assistant hears what is said while the button is held, and nothing else."""
    service.hears.append("what time is it")
    service.replies.append(Reply(text="It is noon.", pcm=tone(0.6)))
    await card.open(by_hand)
    await card.card.get_by_role("button", name="Hold to talk").hover()
    await card.page.mouse.down()
    await card.until_status("Listening")
    await card.say_all(tone(0.8))
    await card.page.mouse.up()
    await expect(card.words).to_have_text(["what time is it"])
    await expect(card.replies).to_have_text(["It is noon."])
    await card.until_status("Hold to talk")
    await card.say_all(tone(0.8))
    assert await card.speech_started() == []
    await expect(card.words).to_have_count(1)


async def test_picture(card: LiveCard, dashboard: str, service: Emulator) -> None:
    """A picture is shown to the model with the words beside it, small enough to be taken."""
    service.replies.append(Reply(text="Hello."))
    service.replies.append(Reply(text="A wave in a circle.", pcm=tone(0.6)))
    await card.open(dashboard)
    field = card.card.get_by_role("textbox")
    await field.fill("hello")
    await field.press("Enter")
    await expect(card.replies).to_have_text(["Hello."])
    await field.fill("what is this")
    async with card.page.expect_file_chooser() as choosing:
        await card.press("Send a picture")
    await (await choosing.value).set_files(PACKAGE / "brand" / "icon@2x.png")
    await expect(card.card.locator(".bubble.person img")).to_be_visible()
    await expect(card.words.last).to_have_text("what is this")
    await expect(card.replies.last).to_have_text("A wave in a circle.")
    shown = [
        part["type"]
        for item in service.sessions[-1].conversation
        for part in item.content or []
    ]
    assert "input_image" in shown


async def test_second_tab(
    story: LiveCard, browser: BrowserContext, dashboard: str
) -> None:
    """The microphone goes to where a person has tapped last, and the first tab says so."""
    other = LiveCard(await browser.new_page(), OUTPUT, "live-second-tab")
    try:
        await other.open(dashboard)
        await other.talk()
        await expect(story.problem).to_contain_text("another card or tab")
        # The conversation has gone along.
        await expect(other.words).to_have_text([QUESTION])
    finally:
        await other.take_screenshot()
        await other.page.close()


async def test_unplugged(story: LiveCard) -> None:
    """A microphone that is pulled out is one sentence, and the talk goes on with another."""
    await story.page.evaluate(UNPLUG)
    await expect(story.problem).to_contain_text("unplugged")
    await story.problem.get_by_role("button", name="Try again").click()
    await expect(story.problem).to_have_count(0)
    await story.silence(0)
    await story.until_status("Listening")


async def test_sound_kept_back(story: LiveCard) -> None:
    """Sound that the browser keeps back, as a phone does in a call, waits for a tap and is whole."""
    await story.page.evaluate("audioContexts[0].suspend()")
    await expect(story.problem).to_contain_text("until you tap")
    await story.problem.get_by_role("button", name="Tap to hear").click()
    await expect(story.problem).to_have_count(0)
    await expect(story.unheard).to_have_text("")
    assert total(await story.until_silent()) == pytest.approx(STORY_SECONDS, abs=0.1)


async def test_hidden_page(card: LiveCard, dashboard: str) -> None:
    """A hidden page in which nobody speaks gives the microphone back after a minute, and says so."""
    await card.page.add_init_script(SHORT_MINUTE)
    await card.open(dashboard)
    await card.talk()
    await card.page.evaluate(HIDE)
    await expect(card.problem).to_contain_text("page was hidden")
    await card.page.wait_for_function(
        "lastStream.getTracks()[0].readyState === 'ended'"
    )


async def test_service_away(
    card: LiveCard, dashboard: str, away: None, service: Emulator
) -> None:
    """A service that cannot be reached is one sentence; another try succeeds when it is back."""
    await card.open(dashboard)
    await card.press("Start talking")
    await card.until_status("Away")
    await expect(card.problem).to_be_visible()
    await card.take_screenshot("sentence")
    service.faults.clear()
    await card.problem.get_by_role("button", name="Try again").click()
    await card.until_status("Listening")
    await expect(card.problem).to_have_count(0)


async def test_another_view(story: LiveCard, house: HomeAssistant) -> None:
    """The microphone closes when a person leaves the dashboard, and the conversation is kept."""
    page = story.page
    await page.evaluate(GO, "/profile/general")
    await expect(story.card).to_have_count(0)
    await page.wait_for_function("lastStream.getTracks()[0].readyState === 'ended'")
    await page.evaluate(GO, f"/{DASHBOARD}/0")
    await story.talk()
    await expect(story.words).to_have_text([QUESTION])


def refusing(error: str) -> str:
    """Return a script for a browser that refuses the microphone."""
    return (
        "navigator.mediaDevices.getUserMedia = async () => "
        f"{{ throw new DOMException('no', '{error}'); }}"
    )


async def test_another_microphone(card: LiveCard, dashboard: str) -> None:
    """A person chooses the microphone in the menu, and the browser remembers the choice."""
    name = "Fake Audio Input 2"
    await card.open(dashboard, speaks=False)
    await card.page.evaluate(KEEP_AUDIO)
    await card.press("Start talking")
    await card.until_status("Listening")
    await card.press("Menu")
    await card.card.get_by_role("menuitem", name="Microphone", exact=True).click()
    await card.take_screenshot("menu")
    await card.card.get_by_role("menuitemradio", name=name).click()
    label = f"lastStream.getTracks()[0].label === '{name}'"
    await card.page.wait_for_function(label)
    await card.until_status("Listening")
    await card.page.reload()
    await card.status.wait_for()
    await card.press("Start talking")
    await card.until_status("Listening")
    await card.press("Menu")
    await card.card.get_by_role("menuitem", name="Microphone", exact=True).click()
    chosen = card.card.get_by_role("menuitemradio", name=name)
    await expect(chosen).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        pytest.param(INSECURE, "open Home Assistant by https", id="insecure"),
        pytest.param(
            refusing("NotAllowedError"), "may not use the microphone", id="refused"
        ),
        pytest.param(refusing("NotFoundError"), "No microphone was found", id="none"),
        pytest.param(refusing("NotReadableError"), "another program", id="in use"),
    ],
)
async def test_no_microphone(
    card: LiveCard, dashboard: str, script: str, sentence: str
) -> None:
    """What stands in the way of the microphone is one sentence, with a way to try again."""
    await card.page.add_init_script(script)
    await card.open(dashboard, speaks=False)
    await card.press("Start talking")
    await expect(card.problem).to_contain_text(sentence)
    await card.problem.get_by_role("button", name="Try again").click()
    await expect(card.problem).to_contain_text(sentence)


async def test_typed_on_an_insecure_page(
    card: LiveCard, dashboard: str, service: Emulator
) -> None:
    """A page without https can have no sound: typed words are answered in writing."""
    service.replies += [
        Reply(text=STORY, pcm=tone(30)),
        Reply(text="Yes.", pcm=tone(1)),
    ]
    await card.page.add_init_script(INSECURE)
    await card.open(dashboard, speaks=False)
    field = card.card.get_by_role("textbox")
    for number, words in enumerate((STORY, "Yes.")):
        await field.fill("go on")
        await field.press("Enter")
        await expect(card.replies).to_have_count(number + 1)
        await expect(card.replies.last).to_have_text(words)
        await card.until_status("Ready")
    await expect(card.problem).to_have_count(0)


@pytest.fixture
async def watching(
    house: HomeAssistant, assistant: Assistant, dashboard: str
) -> AsyncIterator[str]:
    """Let the card only watch."""
    await save_dashboard(house, assistant, watch=True)
    yield dashboard
    await save_dashboard(house, assistant)


async def test_watch(
    watching: str,
    card: LiveCard,
    house: HomeAssistant,
    assistant: Assistant,
    service: Emulator,
    turn_on: str,
) -> None:
    """A card without a bar shows a turn that somebody has elsewhere, and where its time went."""
    service.replies.append(Reply(tool_calls=[(turn_on, {"name": "Kitchen Light"})]))
    service.replies.append(Reply(text="The light is on."))
    await card.open(watching)
    await expect(card.card.locator(".hint")).to_contain_text("appears here")
    await expect(card.card.get_by_role("textbox")).to_have_count(0)
    await ask(house, assistant)
    await expect(card.words).to_have_text(["hello"])
    await expect(card.tools).to_contain_text("Kitchen Light")
    await expect(card.replies).to_have_text(["The light is on."])
    await card.foot.click()
    await expect(card.card.locator(".fall .step.model").first).to_be_visible()
    await expect(card.card.locator(".fall .step.tool")).to_be_visible()


async def test_check_page(card: LiveCard, dashboard: str) -> None:
    """The check page finds all that a talk needs."""
    await card.open(dashboard)
    await card.press("Menu")
    await card.card.get_by_role("menuitem", name="Check").click()
    findings = card.card.locator(".check-list")
    await expect(findings).to_contain_text("reachable")
    await expect(findings.locator(".bad")).to_have_count(0)


async def test_form_and_suggestion(
    card: LiveCard, dashboard: str, assistant: Assistant
) -> None:
    """Home Assistant may draw the card's form, and is offered the card for our assistants only."""
    await card.open(dashboard)
    read = await card.page.evaluate(
        """([name, ours, other]) => {
          const element = customElements.get(name);
          const offer = window.customCards.find(each => each.type === name);
          const hass = document.querySelector("home-assistant").hass;
          return {
            fields: JSON.stringify(element.getConfigForm().schema),
            stub: element.getStubConfig(hass),
            ours: offer.getEntitySuggestion(hass, ours),
            other: offer.getEntitySuggestion(hass, other),
            badges: window.customBadges.map(each => each.type),
          };
        }""",
        [ELEMENT, assistant.conversation, "conversation.home_assistant"],
    )
    for field in ("entity", "size", "hands_free", "watch", "echo_cancellation"):
        assert f'"{field}"' in read["fields"]
    assert read["stub"] == {"entity": assistant.conversation}
    assert read["ours"]["config"]["entity"] == assistant.conversation
    assert read["other"] is None
    assert "azure-realtime-audio-badge" in read["badges"]


async def test_card_picker(card: LiveCard, dashboard: str) -> None:
    """A person finds the card among all others, sees what it looks like, and fills in its form."""
    page = card.page
    await page.goto(f"{dashboard}?edit=1")
    await page.get_by_role("button", name="Add card").first.click()
    await page.get_by_text("By card", exact=True).click()
    await page.get_by_placeholder("Search cards").fill("azure")
    picker = page.locator("hui-card-picker")
    await expect(picker.locator(ELEMENT)).to_be_visible()
    await picker.get_by_text("Azure Realtime Audio: live card").click(force=True)
    editor = page.locator("hui-dialog-edit-card")
    await expect(editor.get_by_text("Hands-free").first).to_be_visible()
    await expect(editor.get_by_text("Only watch").first).to_be_visible()
    await expect(editor.locator(ELEMENT)).to_be_visible()
