"""Golden files of Messages: what comes in (`NAME.in`) and what goes out (`NAME.out`).

A name says what is done. Same dialect: `.stream.` passes, `.off.` with the cost fields switched off, `.whole.` without a
stream. Other dialects, of which events and the neutral form stand in between: `.retold.` a stream that is read and
written again, `.told.` a whole answer told as a stream, `.folded.` a stream written as a whole answer, `.asked.` a
client's request written for a provider. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and read the
difference.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tollway.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from tollway.dialects.anthropic_messages.parse_answer import parse_answer
from tollway.dialects.anthropic_messages.parse_request import parse_request
from tollway.dialects.anthropic_messages.reader import open_reader
from tollway.dialects.anthropic_messages.render_answer import render_answer
from tollway.dialects.anthropic_messages.render_request import render_request
from tollway.dialects.anthropic_messages.writer import open_writer
from tollway.dialects.record import PLAIN_CALL, Closing, CostFields, ReplyTerms, RequestEdits, StreamReader
from tollway.dialects.translation import TranslatedStream, WholeReader, issued, read_folded
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "anthropic_messages"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
BROKEN = ANTHROPIC_MESSAGES.render_error(
    Refusal("upstream_error", "The provider broke off: the answer above is incomplete.")
)
PEEK = Peek(
    model_asked="m",
    streamed=True,
    usage_asked=True,
    output_tokens_max=9,
    choices=1,
    body_bytes=9,
    media_parts=0,
)
TERMS = ReplyTerms(request=ChatRequest(model="m", messages=()), peek=PEEK, reply_id="0123", created_s=5, model="m")
EDITS = RequestEdits(model_routed="claude-routed", issuer="p", streamed=True)


def passed(name: str, sent: bytes) -> bytes:
    costs = None if ".off." in name else COSTS
    pipe = ANTHROPIC_MESSAGES.open_stream(PEEK)
    out = pipe.feed(sent) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(costs, ESTIMATE)
    return out + pipe.break_off(BROKEN, costs, ESTIMATE)


def whole(_name: str, sent: bytes) -> bytes:
    return ANTHROPIC_MESSAGES.splice_cost(ANTHROPIC_MESSAGES.read_answer(sent, "application/json"), COSTS, ESTIMATE)


def retold(_name: str, sent: bytes) -> bytes:
    return _told(open_reader(), sent)


def told(_name: str, sent: bytes) -> bytes:
    return _told(WholeReader(parse_answer), sent)


def _told(reader: StreamReader, sent: bytes) -> bytes:
    pipe = TranslatedStream(reader, open_writer(TERMS), issuer="p")
    out = pipe.feed(sent) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(COSTS, ESTIMATE)
    return out + pipe.break_off(BROKEN, COSTS, ESTIMATE)


def folded(_name: str, sent: bytes) -> bytes:
    answer = issued(read_folded(open_reader(), sent), "p")
    closing = Closing(usage=answer.usage or ESTIMATE, estimated=answer.usage is None, costs=COSTS)
    return render_answer(answer, TERMS, closing)


def asked(_name: str, sent: bytes) -> bytes:
    made = render_request(parse_request(sent, ANTHROPIC_MESSAGES.peek(sent, PLAIN_CALL)), EDITS)
    return made.body + b"\n" + ", ".join(made.dropped).encode() + b"\n"


DONE: dict[str, Callable[[str, bytes], bytes]] = {
    ".stream.": passed,
    ".off.": passed,
    ".whole.": whole,
    ".retold.": retold,
    ".told.": told,
    ".folded.": folded,
    ".asked.": asked,
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_the_agreed_bytes_go_out(path: Path) -> None:
    done = next(what for word, what in DONE.items() if word in path.name)
    out = done(path.name, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_there_are_golden_files_of_every_kind() -> None:
    names = [path.name for path in FOLDER.glob("*.in")]
    assert len(names) == len(list(FOLDER.glob("*.out"))) > 10
    assert all(any(word in name for name in names) for word in DONE)
