"""Actions that change the session."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from emulator import Emulator, Reply

from ..test_services import Act, _actions_session


async def test_update_session(emulator: Emulator, act: Act) -> None:
    """Returns the session in force, less what its owner alone should know."""
    tool = {
        "type": "mcp",
        "server_label": "books",
        "server_url": "https://books.example.com",
        "authorization": "secret token",
        "headers": {"X-Key": "secret key"},
    }
    vad = {"type": "server_vad", "silence_duration_ms": 800}
    updated = await act(
        "update_session", session={"turn_detection": vad, "tools": [tool]}
    )
    session = updated["session"]
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 800
    assert session["tools"][0]["server_label"] == "books"
    assert "secret" not in str(updated)
    assert "Your words are spoken aloud" in session["instructions"]


async def test_what_an_action_sets_stays(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """The assistant's own instructions and tools do not take the place of the caller's."""
    tool = {"type": "function", "name": "fly", "parameters": {"type": "object"}}
    settings = {"instructions": "You are a pilot.", "tools": [tool]}
    await act("update_session", session=settings)
    emulator.replies.append(Reply(tool_calls=[("fly", {})]))
    reply = await act("create_response")
    config = _actions_session(emulator).sent.of("session.updated")[-1]["session"]
    assert config["instructions"] == "You are a pilot."
    assert [tool["name"] for tool in config["tools"]] == ["fly"]
    assert reply["tool_calls"][0]["output"] is None


async def test_update_session_error(emulator: Emulator, act: Act) -> None:
    """A wrong setting is named before anything is sent."""
    with pytest.raises(HomeAssistantError, match="silence") as raised:
        await act("update_session", session={"silence": 3})
    assert raised.value.translation_key == "invalid_config"
