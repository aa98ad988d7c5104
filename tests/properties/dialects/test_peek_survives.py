"""Whatever a client sends, the answer is a Peek or a Refusal; whatever is edited, nothing else changes."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.members import SMALL_BYTES_MAX, members
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import PLAIN_CALL, CostFields, Lane, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.usage import Usage

TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["model", "messages", "stream", "stream_options", "n", "max_tokens", "usage", "choices"])
OBJECTS = st.dictionaries(KEYS | TEXTS, JSON, max_size=8)
RESERVED = {"model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens"}
REQUESTS = st.builds(
    lambda extra, model, stream, options: {
        **extra,
        "model": model,
        "messages": [{"role": "user", "content": "model"}],
        "stream": stream,
        **({} if options is None else {"stream_options": options}),
    },
    st.dictionaries(TEXTS.filter(lambda key: key not in RESERVED), JSON, max_size=5),
    st.text(min_size=1, max_size=8),
    st.booleans(),
    st.none() | st.dictionaries(st.sampled_from(["include_usage", "other"]), st.booleans()),
)

COSTS = CostFields(base_nanos=1, fee_nanos=2, total_nanos=3, currency="USD")


@st.composite
def rendered(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> bytes:
    """The value as JSON, in one of the forms that clients write."""
    value = draw(values)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n")]))
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), separators=separators, indent=draw(st.none() | st.just(2))
    )
    space = draw(st.sampled_from(["", " ", "\n"]))
    return (space + text + space).encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """JSON with a few bytes changed, left out or doubled."""
    body = bytearray(draw(rendered(OBJECTS | REQUESTS)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"\\u", b"]"])
        )
    return bytes(body)


@given(st.binary(max_size=200) | mutated())
def test_any_bytes_give_a_peek_or_a_refusal(body: bytes) -> None:
    try:
        peek = OPENAI_CHAT.peek(body, PLAIN_CALL)
    except Refusal as refusal:
        outcome = refusal.code
        OPENAI_CHAT.render_error(refusal)
    else:
        outcome = "peeked"
        facts = json.loads(body)
        assert peek.model_asked == facts["model"]
        assert peek.streamed == (facts.get("stream") is True)
        assert peek.choices == (facts.get("n") or 1)
    assert outcome in {"peeked", "invalid_request"}


@given(st.binary(max_size=200) | mutated())
def test_any_bytes_give_an_answer_or_junk(body: bytes) -> None:
    try:
        answer = OPENAI_CHAT.read_answer(body, "application/json")
    except UpstreamFailure as failure:
        kind = failure.kind
    else:
        kind = None
        shown = OPENAI_CHAT.splice_cost(answer, COSTS, Usage(input=1, output=1))
        if answer.usage_found is not None:
            start = next(member.start for member in reversed(members(shown)) if member.name == "usage")
            assert body.startswith(shown[:start])
        assert b'"total_cost_usd":0.000000003}' in shown
    assert kind in {None, FailureKind.JUNK}


@given(st.integers(100, 599), st.binary(max_size=200) | mutated())
def test_any_error_is_read(status: int, body: bytes) -> None:
    assert OPENAI_CHAT.parse_error(status, body).message


@given(rendered(REQUESTS), st.text(max_size=8), st.booleans(), st.sampled_from(["", "x" * SMALL_BYTES_MAX]))
def test_edits_change_what_they_name_and_nothing_else(body: bytes, routed: str, wanted: bool, filler: str) -> None:
    body = body.rstrip()[:-1] + b',"filler":"%b"}' % filler.encode()
    peek = OPENAI_CHAT.peek(body, PLAIN_CALL)
    patched = OPENAI_CHAT.patch_request(body, peek, RequestEdits(model_routed=routed, usage_wanted=wanted))
    expected = json.loads(body)
    if routed != peek.model_asked:
        expected["model"] = routed
    if wanted and peek.streamed and not peek.usage_asked:
        expected["stream_options"] = {**expected.get("stream_options", {}), "include_usage": True}
    found = json.loads(patched.body)
    assert found == expected
    assert list(found)[: len(json.loads(body))] == list(json.loads(body))
    assert (patched.lane is Lane.VERBATIM) == (patched.body is body) == (expected == json.loads(body))


@given(rendered(OBJECTS), st.integers(0, 2**60))
def test_the_cost_is_added_to_the_usage_and_nothing_else_changes(body: bytes, nanos: int) -> None:
    document = json.loads(body)
    document.update(choices=[{"message": {"content": "usage"}}], usage={"prompt_tokens": 3, "completion_tokens": 4})
    body = json.dumps(document, indent=1).encode()
    costs = CostFields(base_nanos=nanos, fee_nanos=0, total_nanos=nanos, currency="EUR")
    shown = OPENAI_CHAT.splice_cost(OPENAI_CHAT.read_answer(body, "application/json"), costs, None)
    fields = shown[shown.index(b',"base_cost_eur"') : shown.index(b"}", shown.index(b'"total_cost_eur"'))].rstrip()
    assert shown.replace(fields, b"") == body
