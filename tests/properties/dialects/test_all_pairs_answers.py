"""Any provider dialect answers any client dialect: text, order, tool calls, stop reason and usage come through.

Streamed or not, however the bytes are split; and what breaks off never looks finished.
"""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dialect_matrix import (
    BROKEN,
    MODEL,
    PAIRS,
    finished_at,
    read_stream,
    read_whole,
    stream_of,
    terms_of,
    through,
    whole_of,
    written_stream,
    written_whole,
)
from tests.dialect_words import END_MARKS, counted, reason_through, usage_through
from tests.properties.dialects.conserved import grouped, said
from tests.properties.dialects.neutral import answers, told
from tollway.neutral.answer import ChatAnswer, events_of
from tollway.neutral.parts import Text
from tollway.neutral.request import ChatRequest, Message, Role

EXAMPLES = 5
ASKED = ChatRequest(
    model=MODEL, messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),), completes=True, streamed=False
)
WITHOUT_TOOLS = frozenset(("openai_completions", "ollama_generate"))
WITHOUT_THOUGHTS = frozenset(("openai_completions",))
IN_ORDER_WHOLE = frozenset(("openai_responses", "anthropic_messages", "gemini", "bedrock_converse"))
"""Whole answers of the others have one place for all text, one for reasoning and one for calls. In streams all keep it."""


def drawn(client: str, provider: str) -> st.SearchStrategy[ChatAnswer]:
    """Return answers that both can hold."""
    pair = {client, provider}
    return answers(tools=not pair & WITHOUT_TOOLS, thinks=not pair & WITHOUT_THOUGHTS)


def is_conserved(found: ChatAnswer, answer: ChatAnswer, pair: tuple[str, str], *, ordered: bool) -> None:
    """Hold what a client reads against what the model answered."""
    client, provider = pair
    wanted, got = said(answer), said(found)
    if ordered:
        assert got == wanted
    assert grouped(got) == grouped(wanted)
    reason = answer.choices[0].reason
    assert reason is not None
    called = any(atom[0] == "call" for atom in wanted)
    assert found.choices[0].reason is reason_through(
        client, reason_through(provider, reason, called=called), called=called
    )
    assert answer.usage is not None
    assert found.usage is not None
    assert counted(found.usage) == counted(usage_through(client, usage_through(provider, answer.usage)))


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_whole_answers_come_through(client: str, provider: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(drawn(client, provider))
    def holds(answer: ChatAnswer) -> None:
        read = read_whole(provider, whole_of(provider, answer, ASKED))
        found = read_whole(client, written_whole(client, read, terms_of(client, ASKED)))
        is_conserved(found, answer, (client, provider), ordered={client, provider} <= IN_ORDER_WHOLE)

    holds()


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_streams_come_through_however_they_are_split(client: str, provider: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        answer = data.draw(drawn(client, provider))
        assert answer.usage is not None
        events = data.draw(told(answer, in_turns=provider == "openai_chat"))
        stream = stream_of(provider, events, answer.usage, ASKED)
        terms = terms_of(client, STREAMED)
        out = written_stream(through(provider, client, terms), client, stream)
        found = read_stream(client, out)
        assert (found.finished, found.failed) == (True, False)
        is_conserved(found.answer, answer, (client, provider), ordered=True)
        for step in (1, data.draw(st.integers(2, 40))):
            again = read_stream(client, written_stream(through(provider, client, terms), client, stream, step=step))
            assert again.finished
            assert said(again.answer) == said(found.answer)
            assert again.answer.usage == found.answer.usage
            assert ends(again.answer) is ends(found.answer)
        assert read_stream(client, out, step=1).answer == found.answer
        streamed_is_whole(found.answer, read_whole(provider, whole_of(provider, answer, ASKED)), client)

    holds()


STREAMED = msgspec.structs.replace(ASKED, streamed=True)


def ends(answer: ChatAnswer) -> object:
    return answer.choices[0].reason


def streamed_is_whole(streamed: ChatAnswer, read: ChatAnswer, client: str) -> None:
    """A client that streams and one that does not read the same."""
    whole = read_whole(client, written_whole(client, read, terms_of(client, ASKED)))
    assert grouped(said(whole)) == grouped(said(streamed))
    assert whole.usage is not None
    assert streamed.usage is not None
    assert counted(whole.usage) == counted(streamed.usage)
    assert ends(whole) is ends(streamed)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_stream_that_was_cut_is_never_finished(client: str, provider: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        answer = data.draw(drawn(client, provider))
        assert answer.usage is not None
        stream = stream_of(provider, events_of(answer), answer.usage, ASKED)
        cut = stream[: data.draw(st.integers(0, finished_at(provider, stream) - 1))]
        pipe = through(provider, client, terms_of(client, STREAMED))
        out = written_stream(pipe, client, cut)
        assert not pipe.finished
        assert not any(mark in out for mark in END_MARKS[client])
        assert BROKEN.encode() in out
        found = read_stream(client, out)
        assert (found.finished, found.failed) == (False, True)
        begun, whole = grouped(said(found.answer)) if found.answer.choices else {}, grouped(said(answer))
        for kind in ("text", "reasoning"):
            assert whole[kind].startswith(begun.get(kind, ""))

    holds()


def test_the_words_of_a_cut_are_no_json() -> None:
    assert json.dumps(BROKEN)[1:-1] == BROKEN, "the error's sentence is to be found in any dialect as it is"
