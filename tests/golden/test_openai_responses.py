"""Golden files of the Responses dialect: what comes in (`NAME.in`) and what goes out (`NAME.out`).

The end of a name says what is done with it: `.stream` and `.whole` pass from a provider of the same dialect, with its
costs, `.off.stream` without them, `.cut.stream` when the money ran out; `.request` is a client's request, written
anew for a provider; `.written` is a provider's stream, written anew for a client. To accept a change on purpose, set
TOLLWAY_GOLDEN=write, run, and read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.openai_responses.parse_request import parse_request
from tollway.dialects.openai_responses.reader import ResponsesReader
from tollway.dialects.openai_responses.render_request import render_request
from tollway.dialects.openai_responses.writer import open_writer
from tollway.dialects.record import JSON, PLAIN_CALL, Closing, CostFields, ReplyTerms, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "openai_responses"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
PEEK = OPENAI_RESPONSES.peek(b'{"model":"m","input":"x","stream":true}', PLAIN_CALL)
BROKEN = OPENAI_RESPONSES.render_error(
    Refusal("upstream_error", "The provider broke off: the answer above is incomplete.")
)
SPENT = OPENAI_RESPONSES.render_error(Refusal("insufficient_quota", "The balance is used up."))


def passed(name: str, sent: bytes) -> bytes:
    if name.endswith(".whole"):
        return OPENAI_RESPONSES.splice_cost(OPENAI_RESPONSES.read_answer(sent, JSON), COSTS, ESTIMATE)
    pipe = OPENAI_RESPONSES.open_stream(PEEK)
    out = pipe.feed(sent) + pipe.close()
    estimate = ESTIMATE if pipe.usage is None else None
    if ".cut." in name:
        return out + pipe.cut(SPENT, COSTS, estimate)
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(None if ".off." in name else COSTS, estimate)
    return out + pipe.break_off(BROKEN, COSTS, estimate)


def asked(sent: bytes) -> bytes:
    request = parse_request(sent, OPENAI_RESPONSES.peek(sent, PLAIN_CALL))
    made = render_request(request, RequestEdits(model_routed="routed", streamed=request.streamed, issuer="home"))
    return made.body + b"\ndropped: " + ", ".join(made.dropped).encode() + b"\n"


def written(sent: bytes) -> bytes:
    request = parse_request(b'{"model":"m","input":"x"}', PEEK)
    terms = ReplyTerms(request=request, peek=PEEK, reply_id="r1", created_s=1_700_000_000, model="m")
    reader, writer = ResponsesReader(), open_writer(terms)
    out = writer.write(reader.feed(sent) + reader.close())
    closing = Closing(usage=ESTIMATE, estimated=True, costs=COSTS)
    return out + (writer.end(closing) if reader.finished else writer.break_off(BROKEN, closing))


def answered(name: str, sent: bytes) -> bytes:
    if name.endswith(".request"):
        return asked(sent)
    return written(sent) if name.endswith(".written") else passed(name, sent)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_what_goes_out_is_what_was_agreed(path: Path) -> None:
    out = answered(path.stem, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(list(FOLDER.glob("*.in"))) == len(list(FOLDER.glob("*.out"))) > 10
