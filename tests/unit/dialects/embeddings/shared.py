"""What the tests of all embedding dialects use."""

import json
from typing import Any

from tollway.dialects.record import Called, Closing, CostFields, Dialect, EmbeddingTranslator, RequestEdits
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=4, output=0)
CLOSING = Closing(usage=Usage(input=7, output=0), estimated=False, costs=COSTS)
ESTIMATED = Closing(usage=ESTIMATE, estimated=True, costs=None)
EDITS = RequestEdits(model_routed="routed")
CALLED = Called(model="m")


def body(**members: object) -> bytes:
    return json.dumps({"model": "m", **members}).encode()


def translator(dialect: Dialect) -> EmbeddingTranslator:
    assert dialect.embedding is not None
    return dialect.embedding


def peek(dialect: Dialect, data: bytes) -> Peek:
    return dialect.peek(data, CALLED)


def parsed(dialect: Dialect, data: bytes) -> EmbeddingRequest:
    parse = translator(dialect).parse_request
    assert parse is not None
    return parse(data, peek(dialect, data))


def rendered(dialect: Dialect, asked: EmbeddingRequest, edits: RequestEdits = EDITS) -> tuple[Any, tuple[str, ...]]:
    render = translator(dialect).render_request
    assert render is not None
    made = render(asked, edits)
    return json.loads(made.body), made.dropped


def answer_read(dialect: Dialect, data: bytes) -> EmbeddingAnswer:
    parse = translator(dialect).parse_answer
    assert parse is not None
    return parse(data)


def answer_written(
    dialect: Dialect, answer: EmbeddingAnswer, asked: EmbeddingRequest, closing: Closing = CLOSING
) -> bytes:
    render = translator(dialect).render_answer
    assert render is not None
    return render(answer, asked, closing)


def spliced(dialect: Dialect, data: bytes, estimate: Usage | None = ESTIMATE) -> Any:
    return json.loads(dialect.splice_cost(dialect.read_answer(data, ""), COSTS, estimate))
