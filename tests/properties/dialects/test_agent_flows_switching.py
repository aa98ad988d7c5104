"""A conversation goes on with another provider's model: the answer stands in its history as the client's library keeps it."""

import json

import pytest

from tests.dialect_matrix import CLIENTS as WRITERS
from tests.dialect_matrix import parsed, rendered, stream_of, terms_of, through, written_stream
from tests.properties.dialects.agent_clients import CLIENTS, QUESTION, RESULTS
from tests.properties.dialects.provider_rules import RULES, mistakes
from tollway.neutral.events import (
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Sealed, Text, ToolCall
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.seals import is_marked_in_base64
from tollway.neutral.usage import Usage

ASKED = ChatRequest(model="model-1", messages=(Message(role=Role.USER, parts=(Text(text=QUESTION),)),), streamed=True)
USAGE = Usage(input=9, output=7)
CALLS: list[Event] = [
    ToolCallStarted(index=0, id="call_" + "7" * 60, name="weather"),
    ToolCallDelta(index=0, arguments='{"city":"Z\\u00fc'),
    ToolCallDelta(index=0, arguments='rich"}'),
    ToolCallStarted(index=1, id="functions.now:1", name="now"),
    Finished(reason=StopReason.TOOL_CALLS),
]
PLAIN: list[Event] = [ReasoningDelta(text="Hm. "), ReasoningDelta(text="So."), PartEnded()]
SEALED: list[Event] = [*PLAIN[:-1], ReasoningSealed(sealed=Sealed(data="U0VBTA=="))]


def spoken(provider: str, *, sealed: bool) -> list[Event]:
    """What the first model answers: thoughts, words and two calls, one of them without arguments."""
    thoughts = SEALED if sealed and provider not in {"cohere_chat", "ollama_chat"} else PLAIN
    return [Started(id="a", model="m"), *thoughts, TextDelta(text="I look."), PartEnded(), *CALLS]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("provider", RULES)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_conversation_goes_on_with_any_model(client: str, provider: str, sealed: bool) -> None:
    stream = stream_of(provider, spoken(provider, sealed=sealed), USAGE, ASKED)
    shown = written_stream(through(provider, client, terms_of(client, ASKED)), client, stream)
    body = json.dumps(CLIENTS[client](shown)).encode()
    request = parsed(client, body)
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments or "{}")) for call in calls] == [
        ("weather", {"city": "Zürich"}),
        ("now", {}),
    ]
    for other in RULES:
        made = rendered(other, request, issuer="elsewhere")
        text = made.body.decode()
        assert mistakes(other, json.loads(text), made.body) == []
        assert all(json.dumps(said)[1:-1] in text for said in ("I look.", RESULTS[0], "weather"))
        assert "tollway-seal" not in text
        assert "dG9sbHdheS1zZWFs" not in text


@pytest.mark.parametrize("client", ["anthropic_messages", "openai_responses", "gemini"])
def test_thoughts_that_nobody_sealed_never_pass_to_who_would_look_for_a_seal(client: str) -> None:
    stream = stream_of("openai_chat", spoken("openai_chat", sealed=False), USAGE, ASKED)
    shown = written_stream(through("openai_chat", client, terms_of(client, ASKED)), client, stream)
    assert is_marked_in_base64(json.dumps(CLIENTS[client](shown)).encode())


def test_every_client_that_a_library_speaks_for_is_held() -> None:
    assert {*WRITERS} - {*CLIENTS} == {"openai_completions", "ollama_generate"}
