"""A service that is away: turns fail fast, few of them try, and it is found again."""

import asyncio
from time import monotonic

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator
from emulator.server import Handshake

from .satellite import Satellite, new_conversation, speak_to, waiting_microphone
from .talk import AGENT, STATUS, becomes, say, set_timing, shorten_timeouts, speech
from .test_repairs import TRANSLATIONS
from .test_tts import aloud, heard

AVAILABILITY = "custom_components.azure_realtime_audio.assistant.availability"


class Clock(list[Handshake]):
    """The handshakes of the service, and when each came."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.times: list[float] = []

    def append(self, handshake: Handshake) -> None:
        """Note one."""
        super().append(handshake)
        self.times.append(monotonic())

    @property
    def gaps(self) -> list[float]:
        """The seconds between one and the next."""
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


@pytest.fixture
def clock(emulator: Emulator, init_integration: MockConfigEntry) -> Clock:
    """Watch the handshakes after set-up."""
    emulator.handshakes = clock = Clock()
    return clock


def sentence(key: str) -> str:
    """Return what the user is told."""
    message: str = TRANSLATIONS["exceptions"][key]["message"]
    return message


# --- Turns


@pytest.fixture
def slow_machine(hass: HomeAssistant, init_integration: MockConfigEntry) -> None:
    """Let no turn be so late that it may try again."""
    set_timing(hass, try_delay=60.0)


@pytest.mark.parametrize(
    ("fault", "key"),
    [("http_503", "service_trouble"), ("http_404_deployment", "deployment_not_found")],
)
@pytest.mark.usefixtures("slow_machine")
async def test_turns_do_not_hammer(
    hass: HomeAssistant, emulator: Emulator, clock: Clock, fault: str, key: str
) -> None:
    """One turn finds out, the next may try once more, those after it are told at once."""
    emulator.faults.add(fault)
    for _ in range(5):
        assert speech(await say(hass, "hello")) == sentence(key)
    assert len(clock) == 2


async def test_turn_closes_the_circuit(
    hass: HomeAssistant,
    emulator: Emulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the pause a turn tries again, and the assistant is back before any probe."""
    set_timing(hass, try_delay=0.3)
    set_timing(hass, probe_delay=60.0)
    emulator.faults.add("http_503*2")
    for _ in range(2):
        await say(hass, "hello")
    give_up_at = (
        monotonic() + 5
    )  # no time-out of the loop: what fails at once never waits
    while (await say(hass, "hello")).response.error_code:
        assert hass.states.is_state(STATUS, STATE_UNAVAILABLE)
        assert monotonic() < give_up_at
    assert hass.states.is_state(STATUS, "idle")
    assert [shake.status for shake in clock] == [503, 503, 101]


async def test_turns_do_not_wait(
    hass: HomeAssistant,
    emulator: Emulator,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the service is away, a network that swallows everything costs little time."""
    set_timing(hass, try_patience=0.1)
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    emulator.faults.add("ends_at:connect/silence")
    begun = monotonic()
    assert speech(await say(hass, "hello")) == sentence("cannot_connect")
    assert monotonic() - begun < 5  # a handshake may take 10 s, a turn's session 20 s


@pytest.mark.usefixtures("slow_machine")
async def test_voice_of_the_apology(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """The voice that would say it is tried as seldom, and leaves the next turn its try."""
    emulator.faults.add("http_503")
    await say(hass, "hello")
    for _ in range(3):
        with pytest.raises(HomeAssistantError):
            await heard(aloud(hass, sentence("service_trouble")))
    assert len(clock) == 2
    emulator.faults.clear()
    assert not (await say(hass, "hello")).response.error_code


@pytest.mark.usefixtures("slow_machine")
async def test_spoken_turns_do_not_hammer(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """A person learns before the end of the sentence that the service is away."""
    await speak_to(hass, AGENT)
    satellite = Satellite(hass, new_conversation())
    emulator.faults.add("http_503")
    for _ in range(4):
        run = await satellite.run(waiting_microphone())
        assert run.answer == sentence("service_trouble")
    assert len(clock) == 3  # that of the set-up, a turn's, and one to say the sentence


async def test_open_sessions_go_on(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """A service that takes no new session does not silence those it has."""
    first = await say(hass, "hello")
    emulator.faults.add("http_429:60000")
    for _ in range(3):
        assert speech(await say(hass, "hello")) == sentence("rate_limited")
    again = await say(hass, "are you there", first.conversation_id)
    assert not again.response.error_code


async def test_turns_heed_retry_after(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """A service that asks to be left alone is."""
    emulator.faults.add("http_429:60000*1")
    for _ in range(3):
        assert speech(await say(hass, "hello")) == sentence("rate_limited")
    assert len(clock) == 1


async def test_retry_after_outlives_another_refusal(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """What an open session is told, when it comes back by itself, does not shorten it."""
    await say(hass, "hello")
    session = emulator.sessions[-1]
    emulator.faults.add("http_429:60000*1")
    await say(hass, "hello")
    refused = asyncio.Event()
    hass.bus.async_listen_once(
        ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, callback(lambda _: refused.set())
    )
    emulator.faults.add("http_404_deployment*1")
    await session.close(1011)
    await refused.wait()
    assert speech(await say(hass, "hello")) == sentence("deployment_not_found")
    assert [shake.status for shake in clock] == [101, 429, 404]


async def test_retry_after_of_an_earlier_time(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """A Retry-After is forgotten once a session could be opened."""
    first = await say(hass, "hello")
    emulator.faults.add("http_429:3600000*1")
    await say(hass, "hello")
    assert hass.states.is_state(STATUS, STATE_UNAVAILABLE)
    await emulator.sessions[-1].close(1011)  # the open session comes back by itself
    await becomes(hass, STATUS, "idle")
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    assert hass.states.is_state(STATUS, STATE_UNAVAILABLE)
    assert not (await say(hass, "hello", first.conversation_id)).response.error_code
    assert not (await say(hass, "hello")).response.error_code


# --- The probe


@pytest.fixture
def quick_probe(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let probing take little time."""
    shorten_timeouts(monkeypatch)
    set_timing(hass, probe_delay=0.02, max_probe_delay=0.1)


@pytest.mark.usefixtures("quick_probe")
async def test_probe_backs_off_to_a_bound(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """The pauses double, and not for ever; then the service is found again."""
    emulator.faults.add("http_503*12")
    await say(hass, "hello")
    await becomes(hass, STATUS, "idle")
    assert [shake.status for shake in clock] == [*[503] * 12, 101]
    assert all(
        gap >= least
        for gap, least in zip(clock.gaps, [0.02, 0.04, 0.08, *[0.1] * 9], strict=True)
    )
    assert max(clock.gaps) < 5  # without a bound the last would be of 40 s


@pytest.mark.usefixtures("quick_probe")
async def test_probe_has_jitter(
    hass: HomeAssistant,
    emulator: Emulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chance makes the pauses longer, by a quarter at most."""
    bounds: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        bounds.append((least, most))
        return 20.0

    monkeypatch.setattr("random.uniform", uniform)
    emulator.faults.add("http_503*1")
    await say(hass, "hello")
    await becomes(hass, STATUS, "idle")
    assert clock.gaps[0] >= 20 * 0.02
    assert bounds == [(1.0, 1.25)]


@pytest.mark.parametrize(
    "fault", ["http_404_deployment*3", "http_400*3", "http_403*3", "http_503*3"]
)
@pytest.mark.usefixtures("quick_probe")
async def test_probe_finds_what_was_mended(
    hass: HomeAssistant, emulator: Emulator, clock: Clock, fault: str
) -> None:
    """The probe also finds faults that were mended in Azure."""
    emulator.faults.add(fault)
    await say(hass, "hello")
    assert hass.states.is_state(STATUS, STATE_UNAVAILABLE)
    await becomes(hass, STATUS, "idle")
    assert len(clock) == 4


@pytest.mark.usefixtures("quick_probe")
async def test_probe_heeds_the_first_retry_after(
    hass: HomeAssistant, emulator: Emulator, clock: Clock
) -> None:
    """Already the refusal that a turn got says when to come back."""
    emulator.faults.add("http_429:400*1")
    await say(hass, "hello")
    await becomes(hass, STATUS, "idle")
    assert [shake.status for shake in clock] == [429, 101]
    assert clock.gaps[0] >= 0.4


@pytest.mark.usefixtures("quick_probe")
async def test_retry_after_has_a_bound(
    hass: HomeAssistant,
    emulator: Emulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that wants to be left alone for a day is asked before."""
    set_timing(hass, max_retry_after=0.05)
    emulator.faults.add("http_429:86400000*1")
    await say(hass, "hello")
    await becomes(hass, STATUS, "idle")
    assert clock.gaps[0] >= 0.05


# --- A refused key


def asks_for_a_key(hass: HomeAssistant) -> bool:
    """Whether Home Assistant wants another key, in the integrations and in the repairs."""
    flows = hass.config_entries.flow.async_progress()
    is_asked = SOURCE_REAUTH in {flow["context"]["source"] for flow in flows}
    issues = ir.async_get(hass).issues.values()
    has_issue = "config_entry_reauth" in {issue.translation_key for issue in issues}
    assert is_asked == has_issue
    return is_asked


@pytest.mark.usefixtures("quick_probe")
async def test_refused_key_is_probed_seldom(
    hass: HomeAssistant,
    emulator: Emulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once it is accepted again the assistant is back, and no new key is asked for."""
    set_timing(hass, max_probe_delay=0.3)
    emulator.faults.add("http_401*3")
    await say(hass, "hello")
    await hass.async_block_till_done()
    assert hass.states.is_state(STATUS, STATE_UNAVAILABLE)
    assert asks_for_a_key(hass)
    await becomes(hass, STATUS, "idle")
    assert not asks_for_a_key(hass)
    assert [shake.status for shake in clock] == [401, 401, 401, 101]
    assert min(clock.gaps) >= 0.3


async def test_turn_finds_that_the_key_is_accepted(
    hass: HomeAssistant,
    emulator: Emulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn need not wait for the probe."""
    set_timing(hass, try_delay=0.0)
    emulator.faults.add("http_401*1")
    await say(hass, "hello")
    await hass.async_block_till_done()
    assert asks_for_a_key(hass)
    assert not (await say(hass, "hello")).response.error_code
    assert hass.states.is_state(STATUS, "idle")
    assert not asks_for_a_key(hass)
