"""Golden files of the Ollama dialects: what a provider sends (`NAME.in`) and what a client receives (`NAME.out`).

A name says the form, `chat`, `generate`, `embed` or `embeddings`, and how: `.stream.` or `.whole.`, `.off.` with the
cost fields switched off, `.cut.` where the money ran out, and `.across.` for a client of chat whose provider speaks it
too, but whose answer goes through the neutral form. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and
read the difference.
"""

import os
from pathlib import Path

import pytest

from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE
from tollway.dialects.record import CostFields, Dialect, ReplyTerms, Stream
from tollway.dialects.translation import TranslatedStream
from tollway.errors import Refusal
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

FOLDER = Path(__file__).parent / "ollama"
COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
ESTIMATE = Usage(input=40, output=20)
FORMS = {
    "chat": OLLAMA_CHAT,
    "generate": OLLAMA_GENERATE,
    "embed": OLLAMA_EMBED,
    "embeddings": OLLAMA_EMBEDDINGS,
}
BROKEN = OLLAMA_CHAT.render_error(Refusal("upstream_error", "The provider broke off: the answer above is incomplete."))
POOR = OLLAMA_CHAT.render_error(Refusal("insufficient_quota", "The balance is used up: the answer ends here."))
PEEK = Peek(
    model_asked="m",
    streamed=True,
    usage_asked=False,
    output_tokens_max=None,
    choices=1,
    body_bytes=2,
    media_parts=0,
)
TERMS = ReplyTerms(
    request=ChatRequest(model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),)),
    peek=PEEK,
    reply_id="r1",
    created_s=1_795_176_000,
    model="routed",
)


def stream_of(dialect: Dialect, name: str) -> Stream:
    if ".across." not in name:
        return dialect.open_stream(PEEK)
    chat = dialect.chat
    assert chat is not None
    assert chat.open_reader
    assert chat.open_writer
    return TranslatedStream(chat.open_reader(), chat.open_writer(TERMS), issuer="p")


def answered(name: str, sent: bytes) -> bytes:
    dialect = FORMS[name.split(".", maxsplit=1)[0]]
    if ".whole." in name:
        return dialect.splice_cost(dialect.read_answer(sent, ""), COSTS, ESTIMATE)
    costs = None if ".off." in name else COSTS
    pipe = stream_of(dialect, name)
    out = pipe.feed(sent) + pipe.close()
    if ".cut." in name:
        return out + pipe.cut(POOR, costs, ESTIMATE)
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(costs, ESTIMATE)
    return out + pipe.break_off(BROKEN, costs, ESTIMATE)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.stem)
def test_the_client_receives_what_was_agreed(path: Path) -> None:
    out = answered(path.name, path.read_bytes())
    expected = path.with_suffix(".out")
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        expected.write_bytes(out)
    assert out == expected.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(list(FOLDER.glob("*.in"))) == len(list(FOLDER.glob("*.out"))) > 10
