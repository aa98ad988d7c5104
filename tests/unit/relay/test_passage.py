"""Which way a request takes to its provider and back: straight, patched, translated, or none."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.providers import NOWHERE
from tests.unit.dialects.chunks import COSTS, ESTIMATE
from tollway.access.principal import Principal
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Profile, Provider, Spoken, Streaming, StreamUsage, Target
from tollway.dialects.body import TOO_DEEP
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import JSON, PLAIN_CALL, Called, Lane
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.http.replies import ReplyHeads
from tollway.ledger.lines import Hold
from tollway.neutral.parts import Sealed
from tollway.neutral.seals import marked
from tollway.neutral.usage import Usage
from tollway.pricing.estimate import OUTPUT_TOKENS_ASSUMED, TokenLimits
from tollway.relay.admit import Admitted, Lowered
from tollway.relay.arrival import Arrival
from tollway.relay.funding import Funding
from tollway.relay.need import Need
from tollway.relay.passage import Embedded, Passage, Passages, Straight, Translated
from tollway.settings.brand import UsageChunk, read_brand

CHAT: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGES: dict[str, Any] = {**CHAT, "max_tokens": 9}
EMBEDDING: dict[str, Any] = {"model": "asked", "input": "Hi"}
HOLD = Hold(
    exchange_id=1, account_id=1, key_id=1, worker_id=1, payer_id=1, amount_nanos=0, model_asked="m", started_ms=0,
    expires_ms=0,
)  # fmt: skip
PRINCIPAL = Principal(key_id=1, account_id=1)
FUNDING = Funding(payer_id=1, currency="USD", fee_ppm=0, price_ppm=10**6, rates=RateTable("USD", {}))

HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)


def target(*dialects: str, profile: Profile | None = None, **more: Any) -> Target:
    """Return a target at a provider that speaks these dialects."""
    speaks = tuple(
        Spoken(dialect=dialect, origin=NOWHERE, path_prefix="/v1", profile=profile or Profile(), **more)
        for dialect in dialects
    )
    return Target(provider=Provider(name="there", speaks=speaks), model_routed="routed", card=None)


def passages(
    dialect: str,
    asked: dict[str, Any] | bytes,
    *,
    translate: bool | None = None,
    called: Called = PLAIN_CALL,
    limits: TokenLimits | None = None,
    lowered: int | None = None,
    stream_usage: UsageChunk = UsageChunk.LAST_CHOICE,
) -> Passages:
    """Return the ways of a request."""
    spoken = DIALECTS[dialect]
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    peek = spoken.peek(body, called)
    arrival = Arrival(
        heads=HEADS,
        exchange_id=1,
        request_id="req_0123",
        received_ms=5_900,
        dialect=spoken,
        principal=PRINCIPAL,
        body=body,
        called=called,
        translate=translate,
        stream_usage=stream_usage,
    )
    admitted = Admitted(
        principal=PRINCIPAL,
        peek=peek,
        model=Model(id="asked", targets=()),
        need=Need(funding=FUNDING, peek=peek, limits=limits or TokenLimits(), targets=()),
        hold=HOLD,
        lowered=None if lowered is None else Lowered(tokens=lowered, because="balance"),
    )
    return Passages(DIALECTS, arrival, admitted)


def body_of(passage: Passage) -> dict[str, Any]:
    """Return what the provider is sent."""
    found = json.loads(passage.body)
    assert isinstance(found, dict)
    return found


def refused(ways: Passages, to: Target) -> Refusal:
    """Return why there is no way."""
    with pytest.raises(Refusal) as caught:
        ways.through(to)
    return caught.value


# -- the same dialect


def test_the_same_dialect_and_model_pass_as_the_very_bytes() -> None:
    ways = passages("openai_chat", {**CHAT, "model": "routed"})
    way = ways.through(target("anthropic_messages", "openai_chat"))
    assert isinstance(way, Straight)
    assert (way.lane, way.dropped, way.path, way.spoken.dialect) == (
        Lane.VERBATIM,
        (),
        "/chat/completions",
        "openai_chat",
    )
    assert way.speaks is DIALECTS["openai_chat"]
    assert way.body is ways._arrival.body


def test_another_model_and_what_a_profile_varies_are_patched() -> None:
    profile = Profile(unsupported=frozenset(["seed"]), renames={"max_completion_tokens": "max_tokens"})
    asked = {**CHAT, "seed": 1, "max_completion_tokens": 5}
    way = passages("openai_chat", asked).through(target("openai_chat", profile=profile))
    assert (way.lane, way.dropped) == (Lane.PATCHED, ("seed",))
    assert body_of(way) == {**CHAT, "model": "routed", "max_tokens": 5}


def test_a_limit_that_money_lowers_goes_to_the_provider() -> None:
    to = target("openai_chat", profile=Profile(output_limit="max_completion_tokens"))
    assert body_of(passages("openai_chat", CHAT, lowered=7).through(to))["max_completion_tokens"] == 7
    translated = passages("anthropic_messages", MESSAGES, lowered=7).through(to)
    assert 7 in body_of(translated).values()


def test_usage_of_a_stream_is_asked_for_where_the_provider_wants_to_be_asked() -> None:
    asked = {**CHAT, "stream": True}
    assert "stream_options" in body_of(passages("openai_chat", asked).through(target("openai_chat")))
    always = target("openai_chat", profile=Profile(stream_usage=StreamUsage.ALWAYS))
    assert "stream_options" not in body_of(passages("openai_chat", asked).through(always))


def test_the_answer_of_the_same_dialect_is_its_own() -> None:
    way = passages("openai_chat", CHAT).through(target("openai_chat"))
    body = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
    read = way.read_answer(body, JSON)
    assert read.usage == Usage(input=3, output=1)
    assert way.write_answer(read, None, None) is body
    assert json.loads(way.write_answer(read, COSTS, None))["usage"]["total_cost_usd"] == 0.00021175
    assert way.open_stream().usage is None
    assert way.parse_error(429, b'{"error":{"message":"slow"}}').message == "slow"


@pytest.mark.parametrize(("dialect", "asked"), [("anthropic_messages", MESSAGES), ("openai_chat", CHAT)])
def test_an_answer_that_is_nested_too_deeply_is_no_answer(dialect: str, asked: dict[str, Any]) -> None:
    way = passages(dialect, asked).through(target("anthropic_messages"))
    frame = '{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"x":@},"y":@}'
    for depth in range(700, 1_000, 3):
        body = frame.replace("@", "[" * depth + "]" * depth).encode()
        with contextlib.suppress(UpstreamFailure):
            assert way.read_answer(body, JSON).model_answered is None
    with pytest.raises(UpstreamFailure) as junk:
        way.read_answer(frame.replace("@", "[" * 100_000).encode(), JSON)
    assert junk.value.kind is FailureKind.JUNK


# -- where it goes


@pytest.mark.parametrize(
    ("more", "streamed", "path"),
    [
        ({}, False, "/v1beta/models/ro%2Futed:generateContent"),
        ({}, True, "/v1beta/models/ro%2Futed:streamGenerateContent?alt=sse"),
        ({"path": "/x/{model}"}, False, "/x/ro%2Futed"),
        ({"path": "/x/{model}"}, True, "/x/ro%2Futed"),
        ({"path": "/x", "streamed_path": "/y/{model}"}, True, "/y/ro%2Futed"),
        ({"streamed_path": "/y/{model}"}, False, "/v1beta/models/ro%2Futed:generateContent"),
    ],
)
def test_the_model_stands_quoted_in_the_path(more: dict[str, Any], streamed: bool, path: str) -> None:
    to = msgspec.structs.replace(target("gemini", **more), model_routed="ro/uted")
    straight = passages(
        "gemini", {"contents": [{"parts": [{"text": "Hi"}]}]}, called=Called(model="asked", streamed=streamed)
    ).through(to)
    translated = passages("openai_chat", {**CHAT, "stream": streamed}).through(to)
    assert (straight.lane is Lane.TRANSLATED, translated.lane) == (False, Lane.TRANSLATED)
    assert straight.path == translated.path == path


# -- another dialect


def test_another_dialect_is_translated_into_the_first_one_that_the_provider_has_for_chat() -> None:
    ways = passages("anthropic_messages", {**MESSAGES, "thinking": None, "custom": 1})
    way = ways.through(target("openai_embeddings", "openai_chat", "gemini"))
    assert isinstance(way, Translated)
    assert (way.lane, way.spoken.dialect, way.path) == (Lane.TRANSLATED, "openai_chat", "/chat/completions")
    assert body_of(way)["model"] == "routed"
    assert way.dropped == ("custom",)


def test_a_request_is_read_once_for_all_that_are_tried() -> None:
    ways = passages("anthropic_messages", MESSAGES)
    ways.through(target("openai_chat"))
    first = ways._chat
    ways.through(target("gemini"))
    assert first is not None
    assert ways._chat is first


def test_a_dialect_that_the_provider_has_for_other_models_alone_is_not_taken() -> None:
    speaks = (
        Spoken(dialect="openai_chat", origin=NOWHERE, path_prefix="", only=("gpt*",)),
        Spoken(dialect="anthropic_messages", origin=NOWHERE, path_prefix="", never=("gpt*",)),
    )
    to = Target(provider=Provider(name="there", speaks=speaks), model_routed="claude", card=None)
    assert passages("openai_chat", CHAT).through(to).spoken.dialect == "anthropic_messages"
    other = msgspec.structs.replace(to, model_routed="gpt-1")
    assert passages("openai_chat", CHAT).through(other).lane is not Lane.TRANSLATED


@pytest.mark.parametrize(("limit", "default"), [(None, OUTPUT_TOKENS_ASSUMED), (77, 77)])
def test_a_limit_that_a_dialect_demands_is_the_models(limit: int | None, default: int) -> None:
    ways = passages("openai_chat", CHAT, limits=TokenLimits(output_tokens_max=limit))
    assert body_of(ways.through(target("anthropic_messages")))["max_tokens"] == default


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("streaming", "asks"), [(Streaming.BOTH, None), (Streaming.NEVER, False), (Streaming.ALWAYS, True)]
)
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_a_provider_is_asked_for_what_it_can_give(
    dialect: str, streaming: Streaming, asks: bool | None, streamed: bool
) -> None:
    """The client's dialect and its wish stay what they are: a whole is told as a stream, a stream put together."""
    asked = {**(CHAT if dialect == "openai_chat" else MESSAGES), "stream": streamed}
    way = passages(dialect, asked).through(target("openai_chat", profile=Profile(streaming=streaming)))
    expected = streamed if asks is None else asks
    assert body_of(way).get("stream", False) is expected
    assert (way.lane is Lane.TRANSLATED) is (dialect != "openai_chat" or expected is not streamed)
    sent = STREAM if expected else WHOLE
    if streamed:
        pipe = way.open_stream()
        out = pipe.feed(sent) + pipe.close()
        assert pipe.finished
        assert pipe.failure is None
        assert b"hello" in out + pipe.end(COSTS, ESTIMATE)
        return
    read = way.read_answer(sent, JSON)
    assert read.usage == Usage(input=3, output=1)
    said = json.loads(way.write_answer(read, COSTS, ESTIMATE))
    assert "hello" in json.dumps(said)
    assert said["usage"]["total_cost_usd"] == 0.00021175


WHOLE = json.dumps(
    {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
).encode()
STREAM = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
    b"data: [DONE]\n\n"
)


def test_one_side_of_the_usage_is_shown_as_it_is_charged() -> None:
    way = passages("anthropic_messages", MESSAGES).through(target("openai_chat"))
    whole = json.loads(WHOLE)
    whole["usage"] = {"prompt_tokens": 3}
    read = way.read_answer(json.dumps(whole).encode(), JSON)
    assert (read.usage, read.text_bytes) == (Usage(input=3), 5)
    usage = json.loads(way.write_answer(read, COSTS, Usage(input=3, output=2)))["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (3, 2, True)


def test_a_stream_that_is_put_together_and_broke_is_no_answer() -> None:
    way = passages("openai_chat", CHAT).through(target("openai_chat", profile=Profile(streaming=Streaming.ALWAYS)))
    with pytest.raises(UpstreamFailure) as cut:
        way.read_answer(STREAM[:80], JSON)
    assert cut.value.kind is FailureKind.BROKE


def test_an_error_is_read_in_the_providers_dialect() -> None:
    way = passages("openai_chat", CHAT).through(target("gemini"))
    found = way.parse_error(429, b'{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}')
    assert found.message == "slow"


# -- seals


def test_a_seal_of_another_dialect_never_passes_as_bytes() -> None:
    seal = marked(Sealed(data="abc", issuer="there"))
    thought = {"type": "thinking", "thinking": "t", "signature": seal}
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [thought]}, *CHAT["messages"]]
    way = passages("anthropic_messages", {**MESSAGES, "messages": turns}).through(target("anthropic_messages"))
    assert isinstance(way, Translated)
    assert body_of(way)["messages"][1]["content"][0]["signature"] == "abc"
    named = msgspec.structs.replace(target("anthropic_messages").provider, name="elsewhere")
    other = msgspec.structs.replace(target("anthropic_messages"), provider=named)
    away = passages("anthropic_messages", {**MESSAGES, "messages": turns}).through(other)
    assert b"abc" not in away.body
    assert way.dropped != away.dropped


def test_a_mark_means_nothing_where_there_is_no_reasoning() -> None:
    asked = {**EMBEDDING, "input": "tollway-seal~1.x"}
    assert passages("openai_embeddings", asked).through(target("openai_embeddings")).lane is Lane.PATCHED


# -- no way


@pytest.mark.parametrize(
    ("dialect", "asked", "speaks"),
    [
        ("openai_chat", CHAT, ("openai_embeddings",)),
        ("openai_chat", CHAT, ("rerank", "openai_images")),
        ("openai_embeddings", EMBEDDING, ("openai_chat",)),
        ("openai_moderations", {"model": "asked", "input": "Hi"}, ("openai_chat", "openai_embeddings")),
        ("rerank", {"model": "asked", "query": "q", "documents": ["d"]}, ("cohere_chat",)),
    ],
)
def test_what_cannot_be_asked_there_is_not_supported(
    dialect: str, asked: dict[str, Any], speaks: tuple[str, ...]
) -> None:
    refusal = refused(passages(dialect, asked), target(*speaks))
    assert (refusal.code, refusal.facts.status) == ("not_supported", 501)
    for said in ("'there'", dialect, ", ".join(speaks)):
        assert said in refusal.message


def test_a_request_that_must_not_be_translated_is_not() -> None:
    for dialect, asked, to in (
        ("openai_chat", CHAT, target("anthropic_messages")),
        ("openai_chat", {**CHAT, "stream": True}, target("openai_chat", profile=Profile(streaming=Streaming.NEVER))),
        ("openai_embeddings", EMBEDDING, target("gemini_embed")),
    ):
        refusal = refused(passages(dialect, asked, translate=False), to)
        assert (refusal.code, refusal.facts.status) == ("not_supported", 501)
        assert "must not be translated" in refusal.message
    assert passages("openai_chat", CHAT, translate=False).through(target("openai_chat")).lane is Lane.PATCHED
    assert passages("openai_chat", CHAT, translate=True).through(target("gemini")).lane is Lane.TRANSLATED


def test_what_a_translator_cannot_carry_is_the_clients_to_mend() -> None:
    asked = {**MESSAGES, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    refusal = refused(passages("anthropic_messages", asked), target("openai_chat"))
    assert refusal.code == "invalid_request"


def from_below(calls: int, function: Callable[[], object]) -> object:
    """Call a function from so many calls further down, each both a frame of Python and a call through C.

    Python 3.11 counts them together; since 3.12 the calls through C alone leave less for what is decoded.
    """
    return function() if not calls else next(map(from_below, [calls - 1], [function]))


def nested(depth: int) -> bytes:
    """Return a request with so many arrays inside each other."""
    return json.dumps({**MESSAGES, "x": "@"}).replace('"@"', "[" * depth + "]" * depth).encode()


def is_peeked(depth: int) -> bool:
    try:
        passages("anthropic_messages", nested(depth))
    except Refusal:
        return False
    return True


def depth_peeked_max() -> int:
    """Return how deep a peek goes: below 1,000 on Python 3.11, and since 3.12 as deep as the interpreter's C calls."""
    taken, refused_at = 0, 500
    while is_peeked(refused_at):
        taken, refused_at = refused_at, 2 * refused_at
    while refused_at - taken > 1:
        middle = (taken + refused_at) // 2
        taken, refused_at = (middle, refused_at) if is_peeked(middle) else (taken, middle)
    return taken


@pytest.mark.parametrize("speaks", ["anthropic_messages", "openai_chat"])
def test_depth_at_the_very_limit_is_refused_and_never_an_exception(speaks: str) -> None:
    """A peek may just take what an edit, which is called from further down, does not."""
    seen: set[str] = set()
    to = target(speaks, profile=Profile(unsupported=frozenset(["seed"])))
    limit = depth_peeked_max()
    for depth in range(limit - 300, limit + 100):
        try:
            ways = passages("anthropic_messages", nested(depth))
        except Refusal:
            break
        try:
            from_below(20, lambda ways=ways: ways.through(to))
            seen.add("way")
        except Refusal as refusal:
            seen.add(refusal.message)
    assert seen == {"way", TOO_DEEP}


# -- embeddings


def test_embeddings_pass_where_the_dialect_is_the_same() -> None:
    way = passages("openai_embeddings", EMBEDDING).through(target("openai_embeddings"))
    assert isinstance(way, Straight)
    assert body_of(way) == {**EMBEDDING, "model": "routed"}


def test_embeddings_are_translated_and_shown_as_the_client_asked() -> None:
    ways = passages("openai_embeddings", {**EMBEDDING, "custom": 1})
    way = ways.through(target("openai_chat", "cohere_embed", "gemini_embed"))
    assert isinstance(way, Embedded)
    assert (way.lane, way.spoken.dialect, way.dropped) == (Lane.TRANSLATED, "cohere_embed", ("custom",))
    body = {"embeddings": {"float": [[0.5, 1.0]]}, "meta": {"billed_units": {"input_tokens": 2}}}
    read = way.read_answer(json.dumps(body).encode(), JSON)
    assert (read.usage, read.text_bytes, read.body) == (Usage(input=2, output=0), 0, b"")
    said = json.loads(way.write_answer(read, COSTS, None))
    assert said["data"][0]["embedding"] == [0.5, 1.0]
    assert said["usage"]["prompt_tokens"] == 2
    assert said["usage"]["total_cost_usd"] == 0.00021175
    assert way.parse_error(400, b'{"message":"no"}').message == "no"
    first = ways._embedding
    ways.through(target("gemini_embed"))
    assert ways._embedding is first
    with pytest.raises(AssertionError):
        way.open_stream()
    with pytest.raises(UpstreamFailure) as junk:
        way.read_answer(b"[]", JSON)
    assert junk.value.kind is FailureKind.JUNK


# -- where a stream tells its usage

STREAMED_CHUNKS = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.mark.parametrize(
    ("usage", "choices"), [(UsageChunk.LAST_CHOICE, 1), (UsageChunk.OWN_CHUNK, 0)], ids=["last_choice", "own_chunk"]
)
def test_a_brand_says_where_a_stream_tells_its_usage(usage: UsageChunk, choices: int) -> None:
    ways = passages("openai_chat", {**CHAT, "stream": True}, stream_usage=usage)
    way = ways.through(target("openai_chat"))
    assert body_of(way)["stream_options"] == {"include_usage": True}
    stream = way.open_stream()
    told = stream.feed(STREAMED_CHUNKS) + stream.end(COSTS, None)
    chunks = [json.loads(line[6:]) for line in told.splitlines() if line.startswith(b"data: {")]
    with_usage = [chunk for chunk in chunks if chunk.get("usage")]
    assert [len(chunk["choices"]) for chunk in with_usage] == [choices]
