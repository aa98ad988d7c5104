"""Rankings: what is asked, what is patched, what it used, and where the cost stands."""

from typing import Any

import msgspec
import pytest

from tollway.dialects.record import JSON, Called, CostFields, Lane, RequestEdits
from tollway.dialects.rerank import RERANK
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=2_000_000, fee_nanos=0, total_nanos=2_000_000, currency="USD")
SHOWN = '"base_cost_usd":0.002,"platform_fee_usd":0,"total_cost_usd":0.002'
BODY = b'{ "model":"fast", "query":"ruby", "documents":["a","b"], "top_n":2 }'


def request(**members: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "query": "q", "documents": ["a"], **members})


def answered(**members: Any) -> Usage | None:
    return RERANK.read_answer(msgspec.json.encode({"results": [], **members}), JSON).usage


def spliced(body: str, estimate: Usage | None = None) -> str:
    return RERANK.splice_cost(RERANK.read_answer(body.encode(), JSON), COSTS, estimate).decode()


def test_a_ranking_says_its_model_and_how_many_searches_it_may_be() -> None:
    found = RERANK.peek(BODY, Called())
    assert (found.model_asked, found.streamed, found.output_tokens_max, found.calls) == ("fast", False, 0, 1)
    assert found.input_tokens_bound == len(BODY) + 2 * len('"ruby"')
    assert found.estimated == Usage(input=17, output=0)
    assert not found.limit_lowers


@pytest.mark.parametrize(
    ("documents", "calls"),
    [(["a"] * 100, 2), (["a"] * 90, 1), (["a" * 250_000], 11), ([{"text": "a"}] * 1_000, 11)],
)
def test_long_documents_are_more_searches(documents: list[Any], calls: int) -> None:
    assert RERANK.peek(request(documents=documents), Called()).calls == calls


@pytest.mark.parametrize(
    ("members", "param"),
    [({"model": ""}, "model"), ({"documents": []}, "documents"), ({"documents": "a"}, "documents")],
)
def test_a_ranking_that_cannot_be_read_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        RERANK.peek(request(**members), Called())
    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"model":"m","query":"q"}', b'{"model":"m","documents":["a"]}'])
def test_what_is_no_ranking_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        RERANK.peek(body, Called())


def test_only_the_model_changes() -> None:
    peek = RERANK.peek(BODY, Called())
    assert RERANK.patch_request(BODY, peek, RequestEdits(model_routed="fast")).body is BODY
    changed = RERANK.patch_request(
        BODY, peek, RequestEdits(model_routed="rerank-v3.5", unsupported=frozenset(("top_n",)))
    )
    assert (changed.lane, changed.dropped) == (Lane.PATCHED, ("top_n",))
    assert changed.body == b'{ "model":"rerank-v3.5", "query":"ruby", "documents":["a","b"] }'
    with pytest.raises(Refusal, match="balance"):
        RERANK.patch_request(BODY, peek, RequestEdits(model_routed="fast", output_tokens_max=1))


@pytest.mark.parametrize(
    ("members", "usage"),
    [
        ({"meta": {"billed_units": {"search_units": 1}}}, Usage(calls=1)),
        (
            {"meta": {"billed_units": {"search_units": 2}, "tokens": {"input_tokens": 7, "output_tokens": 1}}},
            Usage(input=8, output=0, calls=2),
        ),
        ({"usage": {"total_tokens": 12}}, Usage(input=12, output=0)),
        ({"usage": {"prompt_tokens": 12, "completion_tokens": 0}}, Usage(input=12, output=0)),
        ({"usage": {"search_units": 3, "total_tokens": 5}}, Usage(input=5, output=0, calls=3)),
        ({"usage": {"total_tokens": 0}}, None),
        ({"usage": None, "meta": None}, None),
        ({"usage": 1, "meta": {"billed_units": 1}}, None),
        ({"meta": {"api_version": {"version": "2"}}}, None),
        ({}, None),
    ],
)
def test_searches_and_tokens_are_read_wherever_they_stand(members: dict[str, Any], usage: Usage | None) -> None:
    assert answered(**members) == usage


def test_the_cost_stands_in_the_usage() -> None:
    body = '{"data":[],"usage":{"total_tokens":12},"model":"rerank-2.5"}'
    assert RERANK.read_answer(body.encode(), JSON).model_answered == "rerank-2.5"
    assert spliced(body) == body.replace(":12}", f":12,{SHOWN}}}")
    billed = '{"results":[],"meta":{"billed_units":{"search_units":1}}}'
    assert spliced(billed) == f'{billed[:-1]},"usage":{{{SHOWN}}}}}'
    assert spliced(billed[:-1] + ',"usage":null}') == f'{billed[:-1]},"usage":{{{SHOWN}}}}}'
    estimated = '"prompt_tokens":17,"completion_tokens":0,"total_tokens":17,"estimated":true'
    assert spliced('{"results":[]}', Usage(input=17, output=0)) == f'{{"results":[],"usage":{{{estimated},{SHOWN}}}}}'
    long = '{"results":[{"usage":"%s"}],"usage":{"total_tokens":1}}' % ("ä" * 20_000)
    assert spliced(long) == long.replace(":1}", f":1,{SHOWN}}}")


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"{}", b'{"results":1}', b'{"results":[],"x":"\xff"}', b"[" * 100_000, b'{"message":"Out of luck."}'],
)
def test_junk_is_no_ranking(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        RERANK.read_answer(body, JSON)
    assert caught.value.kind is FailureKind.JUNK
    assert ("Out of luck." in caught.value.message) == (b"luck" in body)


def test_rankings_have_no_stream() -> None:
    with pytest.raises(NotImplementedError):
        RERANK.open_stream(RERANK.peek(BODY, Called()))
