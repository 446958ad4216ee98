"""A chat log told to the service, over a real socket."""

from collections.abc import AsyncIterator, Sequence
import re
from typing import Any

import aiohttp
from homeassistant.components.conversation import (
    AssistantContent,
    Content,
    SystemContent,
    ToolResultContent,
    UserContent,
)
from homeassistant.helpers import llm
import pytest

from custom_components.azure_realtime_audio.chat.history import History
from custom_components.azure_realtime_audio.chat.tools import function_names
from custom_components.azure_realtime_audio.realtime import (
    CommandTimeoutError,
    RealtimeClient,
    RealtimeOptions,
    WebSocketOptions,
)
from emulator import Emulator, Reply, Session

from ..conftest import API_KEY, DEPLOYMENT
from ..talk import said

SYSTEM = SystemContent("Be brief.")
AGENT = "conversation.somebody"


@pytest.fixture(params=["", "2025-04-01-preview"])
async def client(
    request: pytest.FixtureRequest, emulator: Emulator
) -> AsyncIterator[RealtimeClient]:
    """Return a connected client, of each dialect in turn."""
    options = RealtimeOptions(
        host_name=emulator.url,
        deployment=DEPLOYMENT,
        api_key=API_KEY,
        api_version=request.param,
    )
    hasty = WebSocketOptions(command_timeout=0.3)
    async with (
        aiohttp.ClientSession() as session,
        RealtimeClient(options, session=session, websocket_options=hasty) as client,
    ):
        yield client


@pytest.fixture
def service(client: RealtimeClient, emulator: Emulator) -> Session:
    """Return the service's side."""
    return emulator.sessions[-1]


def user(text: str) -> UserContent:
    """Return what a person said."""
    return UserContent(text)


def reply(text: str | None, *calls: str) -> AssistantContent:
    """Return what an assistant said and called."""
    tool_calls = [llm.ToolInput(f"tool {id_}", {"a": 1}, id_) for id_ in calls]
    return AssistantContent(AGENT, text, tool_calls=tool_calls or None)


def result(call_id: str) -> ToolResultContent:
    """Return the result of a tool."""
    return ToolResultContent(
        AGENT, call_id, f"tool {call_id}", llm.ToolResult({"done": True})
    )


async def tell(
    history: History, client: RealtimeClient, contents: Sequence[Content]
) -> None:
    """Make the service's conversation equal to a chat log."""
    with history.telling(contents, client.item_ids) as changes:
        await client.apply(changes)


async def test_system_prompt_is_no_item(
    client: RealtimeClient, service: Session
) -> None:
    """The system prompt goes to the instructions, and empty contents nowhere."""
    await tell(
        History(), client, [SYSTEM, user("hello"), user(""), reply(None), reply("")]
    )
    assert said(service) == ["user: hello"]


async def test_only_what_is_new(client: RealtimeClient, service: Session) -> None:
    """Items that the service holds are not sent again."""
    history = History()
    log: list[Content] = [SYSTEM, user("hello")]
    await tell(history, client, log)
    await tell(history, client, log)
    log += [reply("Hello."), user("and you?")]
    await tell(history, client, log)
    assert said(service) == ["user: hello", "assistant: Hello.", "user: and you?"]
    assert len(service.received.of("conversation.item.create")) == 3


async def test_answer_of_the_service(
    client: RealtimeClient, emulator: Emulator, service: Session
) -> None:
    """The service already holds its own answers."""
    history = History()
    log: list[Content] = [SYSTEM, user("hello")]
    await tell(history, client, log)
    emulator.replies.append(Reply(text="Hello.", audio=False))
    response = await (await client.create_response({})).done()
    log.append(reply("Hello."))
    history.record(log[-1], response.item_ids)
    history.mark_orphaned(response.item_ids)
    log.append(user("bye"))
    await tell(history, client, log)
    assert said(service) == ["user: hello", "assistant: Hello.", "user: bye"]


async def test_tool_calls_go_in_pairs(client: RealtimeClient, service: Session) -> None:
    """Calls keep their ids; one without a result, or a result without a call, is left out."""
    log: list[Content] = [
        user("do it"),
        reply("On it.", "call_a", "call_lost"),
        result("call_a"),
        result("call_unheard_of"),
        reply("Done."),
    ]
    await tell(History(), client, log)
    assert said(service) == [
        "user: do it",
        "assistant: On it.",
        "call tool_call_a",
        "output",
        "assistant: Done.",
    ]
    items = [event["item"] for event in service.received.of("conversation.item.create")]
    called, output = (item for item in items if "call_id" in item)
    assert called["call_id"] == output["call_id"] == "call_a"
    assert called["arguments"] == '{"a":1}'
    assert output["output"] == '{"done":true}'


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ([0, 1], ["user: a", "assistant: b"]),
        ([0, 1, 4, 3], ["user: a", "assistant: b", "user: e", "assistant: d"]),
        ([2, 3], ["user: c", "assistant: d"]),
        ([0, 0, 1], ["user: a", "user: a", "assistant: b"]),
        ([], []),
    ],
)
async def test_edited_log(
    client: RealtimeClient, service: Session, edited: list[int], expected: list[str]
) -> None:
    """The service follows a chat log that was cut, changed or doubled."""
    parts: list[Content] = [user("a"), reply("b"), user("c"), reply("d"), user("e")]
    history = History()
    await tell(history, client, parts[:4])
    await tell(history, client, [parts[index] for index in edited])
    assert said(service) == expected


async def test_left_over_items(
    client: RealtimeClient, emulator: Emulator, service: Session
) -> None:
    """The remains of a turn that was given up are deleted."""
    history = History()
    log: list[Content] = [user("hello")]
    await tell(history, client, log)
    emulator.replies.append(Reply(text="Never to be known.", audio=False))
    response = await (await client.create_response({})).done()
    history.mark_orphaned(response.item_ids)
    history.mark_orphaned([])
    log.append(user("anybody?"))
    await tell(history, client, log)
    assert said(service) == ["user: hello", "user: anybody?"]


async def test_interrupted(client: RealtimeClient, emulator: Emulator) -> None:
    """An item that was not acknowledged is sent again, in a new session."""
    history = History()
    log: list[Content] = [user("a"), reply("b", "call_1"), result("call_1")]
    await tell(history, client, log[:1])
    emulator.faults.add("no_ack:conversation.item.create*1")
    with pytest.raises(CommandTimeoutError):
        await tell(history, client, log)
    await tell(history, client, log)
    lines = ["user: a", "assistant: b", "call tool_call_1", "output"]
    assert said(emulator.sessions[-1]) == lines


async def test_new_conversation(
    client: RealtimeClient, emulator: Emulator, service: Session
) -> None:
    """A new connection is told everything."""
    history = History()
    log: list[Content] = [SYSTEM, user("a"), reply("b")]
    await tell(history, client, log)
    await client.close()
    await client.connect()
    history.clear()
    await tell(history, client, log)
    assert said(emulator.sessions[-1]) == ["user: a", "assistant: b"]


async def test_what_a_service_says(client: RealtimeClient, service: Session) -> None:
    """Parts have the types that each dialect wants."""
    await tell(History(), client, [user("a"), reply("b")])
    created: list[Any] = service.received.of("conversation.item.create")
    types = [event["item"]["content"][0]["type"] for event in created]
    assert types[0] == "input_text"
    assert types[1] == ("text" if service.dialect == "preview" else "output_text")


@pytest.mark.parametrize("length", [32, 33, 46, 200])
async def test_ids_of_other_agents(
    client: RealtimeClient, service: Session, length: int
) -> None:
    """Calls with ids that the service does not take are told all the same, as pairs."""
    ids = [f"{number}{'x' * (length - 1)}" for number in range(2)]
    log: list[Content] = [SYSTEM, user("hello"), reply(None, *ids)]
    log += map(result, ids)
    await tell(History(), client, log)
    sent = [item.fields["call_id"] for item in list(service.conversation)[1:]]
    assert sent[:2] == sent[2:]
    assert len(set(sent)) == 2
    assert all(len(call_id) <= 32 for call_id in sent)


async def test_empty_id_of_other_agents(
    client: RealtimeClient, service: Session
) -> None:
    """A call whose agent gave it no id has one for the service, and its result the same."""
    log: list[Content] = [SYSTEM, user("hello"), reply(None, ""), result("")]
    await tell(History(), client, log)
    call, output = [item.fields["call_id"] for item in list(service.conversation)[1:]]
    assert call
    assert call == output


NAMES = ["with space", "with.space", "with_space", "a" * 64 + "b", "a" * 64 + "c", ""]


@pytest.mark.parametrize("offered", [0, 1, 2, 3, 6])
async def test_names_of_tools(
    client: RealtimeClient, service: Session, offered: int
) -> None:
    """Each tool has a name of its own, and that by which it is offered if it is."""
    names = function_names(NAMES[:offered])
    log: list[Content] = [user("hello")]
    for index, name in enumerate(NAMES):
        call = llm.ToolInput(name, {}, f"call_{index}")
        log += [AssistantContent(AGENT, None, tool_calls=[call]), result(call.id)]
    with History().telling(log, (), function_names=names) as changes:
        await client.apply(changes)
    items = (item.fields for item in service.conversation)
    sent = [fields["name"] for fields in items if "name" in fields]
    assert sent[:offered] == list(names.values())
    assert len(set(sent)) == len(NAMES)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in sent)
