"""Golden files of the Gemini dialect: what comes in (`NAME.in`) and what goes out (`NAME.out`).

A name says what happens: `.sse.` a stream that passes, `.array.` one for a client that asked for an array, `.off.` with
the cost fields switched off, `.whole.` no stream, `.anew.` a stream read into events and written again, `.asked.` a
request read into the neutral form and written again. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and
read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects.gemini import GEMINI
from tollway.dialects.gemini.parse import parse_request
from tollway.dialects.gemini.reader import open_reader
from tollway.dialects.gemini.render import render_request
from tollway.dialects.gemini.writer import open_writer
from tollway.dialects.record import Called, CostFields, ReplyTerms, RequestEdits, Stream
from tollway.dialects.translation import TranslatedStream
from tollway.errors import Refusal
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "gemini"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
BROKEN = GEMINI.render_error(Refusal("upstream_error", "The provider broke off: the answer above is incomplete."))
ASKED = b'{"contents":[{"parts":[{"text":"?"}]}]}'


def pipe_of(name: str) -> Stream:
    peek = GEMINI.peek(ASKED, Called(model="m", streamed=True, variant="array" if ".array." in name else ""))
    if ".anew." not in name:
        return GEMINI.open_stream(peek)
    request = ChatRequest(model="m", messages=())
    terms = ReplyTerms(request=request, peek=peek, reply_id="r-1", created_s=5, model="m")
    return TranslatedStream(open_reader(), open_writer(terms), issuer="google")


def sent_on(name: str, came: bytes) -> bytes:
    if ".asked." in name:
        request = parse_request(came, GEMINI.peek(came, Called(model="m")))
        rendered = render_request(request, RequestEdits(model_routed="m", issuer="google"))
        return rendered.body + b"\n" + ", ".join(rendered.dropped).encode() + b"\n"
    if ".whole." in name:
        return GEMINI.splice_cost(GEMINI.read_answer(came, "application/json"), COSTS, ESTIMATE)
    costs = None if ".off." in name else COSTS
    pipe = pipe_of(name)
    out = pipe.feed(came) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(costs, pipe.usage or ESTIMATE)
    return out + pipe.break_off(BROKEN, costs, pipe.usage or ESTIMATE)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_what_goes_out_is_what_was_agreed(path: Path) -> None:
    out = sent_on(path.name, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(list(FOLDER.glob("*.in"))) == len(list(FOLDER.glob("*.out"))) > 10
