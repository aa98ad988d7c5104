"""Any client dialect reaches any provider dialect, and nothing of a request is lost in silence.

What a client asks comes through, or is named in what was dropped, or is refused by a sentence that names the field, or
changes by a rule that the document states: nothing else.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dialect_matrix import CLIENTS, PAIRS, PROVIDERS, parsed, rendered, stated
from tests.dialect_rules import excused_of
from tests.properties.dialects.conserved import Facts, facts_of, flat, lost, pictures_first
from tests.properties.dialects.neutral import chats, prompts, questions
from tollway.dialects.record import RenderedRequest
from tollway.errors import Refusal
from tollway.neutral.parts import Document, Image, Inline, Text, ToolCall, Url
from tollway.neutral.request import ChatRequest, ToolUse

EXAMPLES = 15
KNOB = "x_knob_of_mine"
ASKED = {"openai_completions": prompts(), "ollama_generate": st.one_of(questions(), prompts())}
"""What a client of a small dialect asks; all others hold conversations."""


def sent(client: str, request: ChatRequest) -> tuple[ChatRequest, RenderedRequest] | None:
    """Return what a client's body asks, with a knob that nobody knows; None for what the dialect cannot ask."""
    try:
        said = stated(client, request)
    except Refusal as refusal:
        names_its_field(refusal)
        return None
    body = json.loads(said.body) | {KNOB: 7}
    return parsed(client, json.dumps(body).encode(), streamed=request.streamed), said


def names_its_field(refusal: Refusal) -> None:
    """A refusal says what is wrong, where, and with which status."""
    assert refusal.code == "invalid_request"
    assert refusal.param
    assert len(refusal.message) > 20


def comparable(dialect: str, request: ChatRequest) -> Facts:
    """Return the facts of a request as far as the dialect keeps their order."""
    facts = facts_of(request)
    return facts | {"messages": pictures_first(facts["messages"])} if dialect == "ollama_generate" else facts


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_states_is_what_is_read(client: str) -> None:
    @settings(max_examples=2 * EXAMPLES)
    @given(ASKED.get(client, chats()))
    def holds(request: ChatRequest) -> None:
        found = sent(client, request)
        if found is None:
            return
        read, said = found
        excused = {*said.dropped, *excused_of(client)}
        assert not lost(comparable(client, request), comparable(client, read), excused=excused)
        assert set(read.knobs) == {KNOB}

    holds()


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_nothing_of_a_request_is_lost_in_silence(client: str, provider: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(ASKED.get(client, chats()))
    def holds(request: ChatRequest) -> None:
        found = sent(client, request)
        if found is None:
            return
        read, _ = found
        try:
            made = rendered(provider, read)
        except Refusal as refusal:
            names_its_field(refusal)
            return
        assert KNOB in made.dropped
        assert len(set(made.dropped)) == len(made.dropped)
        if provider not in CLIENTS:
            assert not missing(read, json.loads(made.body))
            assert not unnamed(read, made)
            return
        arrived = parsed(provider, made.body, streamed=read.streamed)
        excused = {*made.dropped, *excused_of(provider)}
        assert not lost(comparable(provider, read), comparable(provider, arrived), excused=excused)

    holds()


def missing(request: ChatRequest, body: Any) -> list[str]:
    """Return the words of a request that stand nowhere in a body whose dialect nobody reads here."""
    there = "\0".join(texts_in(body)).replace("\n", "")
    wanted = [*request.stop, *(str(fact) for fact in (request.output_tokens_max,) if fact is not None)]
    for part in (part for message in request.messages for part in flat(message.parts)):
        match part:
            case Text():
                wanted.append(part.text.replace("\n", ""))
            case ToolCall():
                wanted += [part.name, *(text for text in texts_in(json.loads(part.arguments)))]
            case Image(source=Inline() as medium) | Document(source=Inline() as medium):
                wanted.append(medium.data)
            case Image(source=Url() as address):
                wanted.append(address.url)
            case _:
                pass
    if request.tool_choice is None or request.tool_choice.use is not ToolUse.NONE:
        wanted += [tool.name for tool in request.tools if request.tool_choice is None or not request.tool_choice.name]
    return [word for word in wanted if word not in there]


def texts_in(value: Any) -> list[str]:
    """Return every text and number of a JSON value; texts that are JSON themselves with what stands in them."""
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in (name, *texts_in(each))]
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return [value, *texts_in(json.loads(value))]
        except ValueError:
            return [value]
    return [value if isinstance(value, str) else str(value)]


def unnamed(request: ChatRequest, made: RenderedRequest) -> list[str]:
    """Return the knobs of a request that are neither named as dropped nor to be found in the body by their value."""
    there = texts_in(json.loads(made.body))
    facts = facts_of(request)
    small = ("temperature", "top_p", "top_k", "min_p", "seed", "end_user", "verbosity", "cache_key", "logprobs")
    return [
        name
        for name in (*small, "detail", "name", "is_error", "cache_control", "sealed reasoning", "parallel_tool_calls")
        if facts[name] not in (None, [], ())
        and name not in made.dropped
        and not any(str(value) in there for value in (facts[name] if isinstance(facts[name], list) else [facts[name]]))
        and not (name in TOLD and any(word in there for word in TOLD[name]))
    ]


TOLD = {"is_error": ("error", "status"), "cache_control": ("cachePoint",), "parallel_tool_calls": ()}
"""Words that say it otherwise."""


def test_every_dialect_of_chat_stands_in_the_pairs() -> None:
    assert len(PAIRS) == len(CLIENTS) * len(PROVIDERS) == 63
