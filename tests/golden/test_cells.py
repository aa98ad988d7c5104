"""The matrix client dialect × provider dialect × plain or streamed × feature: each cell goes through the relay's passage.

What goes to a provider and what comes to a client is kept as golden files in `cells/`, see `test_sides.py`.
"""

import json
from pathlib import Path

import msgspec
import pytest

from tests.dialect_cells import (
    FEATURES,
    IMPOSSIBLE,
    MODES,
    SEALING,
    Cell,
    answer_of,
    asks,
    cells,
    reason_against,
    request_of,
)
from tests.dialect_matrix import (
    CLIENTS,
    EDITS,
    ISSUER,
    MODEL,
    PAIRS,
    PROVIDERS,
    chat_of,
    error_of,
    parsed,
    peeked,
    read_stream,
    read_whole,
    stated,
    stream_of,
    whole_of,
)
from tests.dialect_rules import excused_of
from tests.dialect_words import END_MARKS, counted, reason_through, usage_through
from tests.properties.dialects.conserved import facts_of, grouped, lost, said
from tests.tidy.tree import ROOT
from tollway.access.principal import Principal
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Origin, Profile, Provider, Reach, Scheme, Spoken, Streaming, Target
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import CostFields, Lane
from tollway.errors import Refusal
from tollway.http.replies import ReplyHeads
from tollway.ledger.lines import Hold
from tollway.neutral.answer import ChatAnswer, events_of
from tollway.neutral.parts import Reasoning, Text, ToolCall
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage
from tollway.pricing.estimate import TokenLimits
from tollway.relay.admit import Admitted
from tollway.relay.arrival import Arrival
from tollway.relay.funding import Funding
from tollway.relay.need import Need
from tollway.relay.passage import Passage, Passages
from tollway.settings.brand import read_brand

FOLDER = Path(__file__).parent / "cells"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
OPTIONS = {"bedrock_converse": {"thinking": "thinking"}}
"""What a model's rule says of a provider's dialect where silence means that the model has no such thing."""
SAYING = "Too many requests: slow down."
ERRORS = {
    "bedrock_converse": {"message": SAYING},
    "cohere_chat": {"id": "1", "message": SAYING},
    "gemini": {"error": {"code": 429, "message": SAYING, "status": "RESOURCE_EXHAUSTED"}},
    "anthropic_messages": {"type": "error", "error": {"type": "rate_limit_error", "message": SAYING}},
    "ollama_chat": {"error": SAYING},
    "ollama_generate": {"error": SAYING},
}
ERROR = {"error": {"message": SAYING, "type": "requests", "code": "rate_limit_exceeded", "param": None}}
POSSIBLE = [cell for cell in cells() if reason_against(cell) is None]
REFUSED = [cell for cell in cells() if reason_against(cell) is not None]

HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)


def target(provider: str, streaming: Streaming = Streaming.BOTH) -> Target:
    """Return a model at a provider that speaks one dialect."""
    origin = Origin(scheme=Scheme.HTTPS, host="example.com", port=443, reach=Reach.PUBLIC)
    profile = Profile(options=OPTIONS.get(provider, {}), streaming=streaming)
    spoken = Spoken(dialect=provider, origin=origin, path_prefix="/v1", profile=profile)
    return Target(provider=Provider(name=ISSUER, speaks=(spoken,)), model_routed=MODEL, card=None)


def passage(
    client: str, provider: str, body: bytes, *, streamed: bool, streaming: Streaming = Streaming.BOTH
) -> Passage:
    """Return the way of a client's body to a provider, as the relay finds it."""
    peek, there = peeked(client, body, streamed=streamed), target(provider, streaming)
    funding = Funding(payer_id=1, currency="USD", fee_ppm=0, price_ppm=1_000_000, rates=RateTable("USD", {}))
    principal = Principal(key_id=1, account_id=1)
    arrival = Arrival(
        heads=HEADS,
        exchange_id=1,
        request_id="req_1",
        received_ms=1_700_000_000_000,
        dialect=DIALECTS[client],
        principal=principal,
        body=body,
    )
    hold = Hold(
        exchange_id=1,
        account_id=1,
        key_id=1,
        worker_id=1,
        payer_id=1,
        amount_nanos=0,
        model_asked=MODEL,
        started_ms=0,
        expires_ms=1,
    )
    need = Need(funding=funding, peek=peek, limits=TokenLimits(), targets=(there,))
    admitted = Admitted(principal=principal, peek=peek, model=Model(id=MODEL, targets=(there,)), need=need, hold=hold)
    return Passages(DIALECTS, arrival, admitted).through(there)


def way_of(cell: Cell) -> Passage:
    """Return the way of a cell's request; raises Refusal where the client or the provider has no place for it."""
    request = request_of(cell)
    return passage(cell.client, cell.provider, stated(cell.client, request).body, streamed=request.streamed)


@pytest.mark.parametrize("cell", POSSIBLE, ids=lambda cell: cell.title)
def test_the_cell_comes_through(cell: Cell) -> None:
    way = way_of(cell)
    assert way.lane is (Lane.TRANSLATED if cell.client != cell.provider else Lane.VERBATIM) or way.lane is Lane.PATCHED
    request_arrives(cell, way)
    if cell.feature == "error":
        error_comes_back(cell, way)
    else:
        answer_comes_back(cell, way)


def request_arrives(cell: Cell, way: Passage) -> None:
    """What was asked is what the provider reads, and nothing was dropped."""
    assert way.dropped == ()
    asked = request_of(cell)
    if cell.provider in CLIENTS:
        arrived = parsed(cell.provider, way.body, streamed=asked.streamed)
        assert not lost(facts_of(asked), facts_of(arrived), excused=excused_of(cell.provider))
        return
    for part in (part for message in asked.messages for part in message.parts if isinstance(part, Text)):
        assert part.text.encode() in way.body
    wanted = {"schema": b"additionalProperties", "image": b"iVBORw0KGgo", "reasoning": b"1024"}
    assert wanted.get(cell.feature, b"") in way.body
    for call in (part for message in asked.messages for part in message.parts if isinstance(part, ToolCall)):
        assert call.id.encode() in way.body


def answer_comes_back(cell: Cell, way: Passage) -> None:
    """What the model answers is what the client reads: text, calls, thoughts, reason, usage; and what it costs."""
    answer = answer_of(cell)
    assert answer.usage is not None
    assert answer.choices[0].reason is not None
    out = client_gets(cell, way, answer)
    assert b"0.00021175" in out
    found = read_back(cell, out)
    assert grouped(said(found)) == grouped(said(answer))
    called = cell.feature in {"tools", "parallel tools"}
    reason = reason_through(cell.provider, answer.choices[0].reason, called=called)
    assert found.choices[0].reason is reason_through(cell.client, reason, called=called)
    assert found.usage is not None
    assert counted(found.usage) == counted(usage_through(cell.client, usage_through(cell.provider, answer.usage)))
    if cell.feature == "reasoning" and {cell.client, cell.provider} <= SEALING and cell.client != cell.provider:
        seal_goes_home(cell, found)


def client_gets(cell: Cell, way: Passage, answer: ChatAnswer) -> bytes:
    """Return the client's bytes of a whole answer or a stream."""
    asked = provider_request(cell)
    if cell.mode == "plain":
        read = way.read_answer(whole_of(cell.provider, answer, asked), "application/json")
        return way.write_answer(read, COSTS, None)
    pipe = way.open_stream()
    assert answer.usage is not None
    out = pipe.feed(stream_of(cell.provider, events_of(answer), answer.usage, asked)) + pipe.close()
    assert (pipe.finished, pipe.failure) == (True, None)
    return out + pipe.end(COSTS, None)


def provider_request(cell: Cell) -> ChatRequest:
    """Return a request that any dialect can ask, for the provider's side to answer."""
    return msgspec.structs.replace(
        request_of(cell), completes=True, messages=(asks(Text(text="Hi")),), tools=(), output=None, reasoning=None
    )


def read_back(cell: Cell, out: bytes) -> ChatAnswer:
    """Return what the client reads."""
    if cell.mode == "plain":
        return read_whole(cell.client, out)
    read = read_stream(cell.client, out)
    assert (read.finished, read.failed) == (True, False)
    return read.answer


def seal_goes_home(cell: Cell, found: ChatAnswer) -> None:
    """A client that sends the answer back as history sends its seal, and its provider gets what it had sealed."""
    parts = tuple(
        msgspec.structs.replace(part, sealed=msgspec.structs.replace(part.sealed, issuer="client"))
        if isinstance(part, Reasoning) and part.sealed is not None
        else part
        for part in found.choices[0].parts
    )
    asked = request_of(cell)
    turns = (*asked.messages, Message(role=Role.ASSISTANT, parts=parts), asks(Text(text="Go on.")))
    render = chat_of(cell.client).render_request
    assert render is not None
    body = render(msgspec.structs.replace(asked, messages=turns), msgspec.structs.replace(EDITS, issuer="client")).body
    way = passage(cell.client, cell.provider, body, streamed=asked.streamed)
    assert way.dropped == ()
    sent = read_whole(cell.provider, whole_of(cell.provider, answer_of(cell), provider_request(cell)))
    seals = [part.sealed.data for part in sent.choices[0].parts if isinstance(part, Reasoning) and part.sealed]
    assert seals
    assert all(seal.rpartition("sign.")[2].encode() in way.body for seal in seals)


def error_comes_back(cell: Cell, way: Passage) -> None:
    """A provider's error keeps its sentence, and a stream that breaks ends with the client's own error, not finished."""
    body = json.dumps(ERRORS.get(cell.provider, ERROR)).encode()
    assert SAYING in way.parse_error(429, body).message
    shown = DIALECTS[cell.client].render_error(Refusal("upstream_error", f"The provider says: {SAYING}"))
    error = json.loads(shown)["error"]
    assert SAYING in (error if isinstance(error, str) else error["message"])
    if cell.mode == "plain":
        return
    pipe = way.open_stream()
    answer = answer_of(cell)
    assert answer.usage is not None
    stream = stream_of(cell.provider, events_of(answer), answer.usage, provider_request(cell))
    out = pipe.feed(stream[: len(stream) // 3]) + pipe.close()
    assert not pipe.finished
    out += pipe.break_off(error_of(cell.client), COSTS, Usage(input=1, output=1))
    assert not any(mark in out for mark in END_MARKS[cell.client])
    read = read_stream(cell.client, out)
    assert (read.finished, read.failed) == (False, True)


SPEAKING = [cell for cell in POSSIBLE if cell.feature == "text"]


@pytest.mark.parametrize("cell", SPEAKING, ids=lambda cell: cell.title)
def test_a_client_may_stream_where_its_provider_does_not_and_the_other_way_round(cell: Cell) -> None:
    request, answer = request_of(cell), answer_of(cell)
    body = stated(cell.client, request).body
    assert answer.usage is not None
    if cell.mode == "stream":
        way = passage(cell.client, cell.provider, body, streamed=True, streaming=Streaming.NEVER)
        whole = whole_of(cell.provider, answer, provider_request(cell))
        pipe = way.open_stream()
        out = pipe.feed(whole) + pipe.close()
        assert (pipe.finished, pipe.failure) == (True, None)
        out += pipe.end(COSTS, None)
    else:
        way = passage(cell.client, cell.provider, body, streamed=False, streaming=Streaming.ALWAYS)
        stream = stream_of(cell.provider, events_of(answer), answer.usage, provider_request(cell))
        out = way.write_answer(way.read_answer(stream, "text/event-stream"), COSTS, None)
    assert way.lane is Lane.TRANSLATED
    found = read_back(cell, out)
    assert grouped(said(found)) == grouped(said(answer))
    assert found.usage is not None
    assert counted(found.usage) == counted(usage_through(cell.client, usage_through(cell.provider, answer.usage)))


@pytest.mark.parametrize("cell", REFUSED, ids=lambda cell: cell.title)
def test_a_cell_that_cannot_be_is_refused_by_name(cell: Cell) -> None:
    said = refusal_of(cell)
    if isinstance(said, Refusal):
        assert (said.code, said.param is not None) == ("invalid_request", True)
    else:
        assert cell.feature == "reasoning"
        assert said in (("reasoning",), ("think",))  # in the neutral form's word, or in the client's


def refusal_of(cell: Cell) -> Refusal | tuple[str, ...]:
    """Return how a cell is refused, else what is dropped of it, on either side."""
    request = request_of(cell)
    try:
        asked = stated(cell.client, request)
        return asked.dropped + passage(cell.client, cell.provider, asked.body, streamed=request.streamed).dropped
    except Refusal as refusal:
        return refusal


def test_each_cell_is_tested_or_stands_in_the_document_with_its_reason() -> None:
    document = (ROOT / "docs" / "dialects.md").read_text()
    assert {*POSSIBLE, *REFUSED} == {
        Cell(client, provider, mode, feature) for client, provider in PAIRS for mode in MODES for feature in FEATURES
    }
    assert not {*POSSIBLE} & {*REFUSED}
    assert len(POSSIBLE) + len(REFUSED) == len(CLIENTS) * len(PROVIDERS) * len(MODES) * len(FEATURES) == 882
    for cell in REFUSED:
        reason = reason_against(cell)
        assert reason is not None
        assert reason.sentence in document.replace("\n", " "), cell
    assert all(any(reason_against(cell) is reason for cell in REFUSED) for reason in IMPOSSIBLE)
