"""Golden files of the dialects that only providers speak.

`NAME.request.json` is a request in the neutral form, and `NAME.request.out` the body that goes to the provider, with
what was dropped. `NAME.stream.in` is what a provider streams, an event a line (`NAME PAYLOAD`), and `NAME.answer.in` what
it answers whole; `.out` is what is understood of it. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and
read the difference.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.aws_library import mistakes_in_converse
from tollway.dialects.bedrock_converse import BEDROCK_CONVERSE
from tollway.dialects.cohere_chat import COHERE_CHAT
from tollway.dialects.record import ChatTranslator, RequestEdits
from tollway.dialects.translation import read_folded
from tollway.errors import Refusal, UpstreamFailure
from tollway.framing.aws_events import encode
from tollway.neutral.request import ChatRequest, OutputForm, Tool

FOLDER = Path(__file__).parent
EDITS = RequestEdits(model_routed="the-model", issuer="the-provider", streamed=True)
OPTIONS = {
    "bedrock_converse": {"thinking": "thinking", "top_k": "top_k"},
    "cohere_chat": {"reasoning_history": "tool_plan"},
}


def request_of(data: bytes) -> ChatRequest:
    """Read a request; what it holds as raw JSON (schemas) is put in by hand."""
    plain = msgspec.json.decode(data)
    tools, output = plain.pop("tools", ()), plain.pop("output", None)
    request = msgspec.convert(plain, ChatRequest)
    replace = msgspec.structs.replace
    if output is not None:
        schema = output.pop("schema", None)
        form = msgspec.convert(output, OutputForm)
        request = replace(request, output=form if schema is None else replace(form, schema=raw(schema)))
    schemas = [raw(tool.pop("parameters")) for tool in tools]
    read = (
        replace(msgspec.convert(tool, Tool), parameters=schema) for tool, schema in zip(tools, schemas, strict=True)
    )
    return replace(request, tools=tuple(read))


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def as_aws_event(line: bytes) -> bytes:
    name, _, payload = line.partition(b" ")
    if name.endswith(b"Exception"):
        return encode({":exception-type": name.decode(), ":message-type": "exception"}, payload)
    return encode({":event-type": name.decode(), ":message-type": "event"}, payload)


def as_server_sent_event(line: bytes) -> bytes:
    name, _, payload = line.partition(b" ")
    return b"data: [DONE]\n\n" if name == b"[DONE]" else b"event: %b\ndata: %b\n\n" % (name, payload)


SPOKEN: dict[str, tuple[ChatTranslator | None, Callable[[bytes], bytes]]] = {
    "bedrock_converse": (BEDROCK_CONVERSE.chat, as_aws_event),
    "cohere_chat": (COHERE_CHAT.chat, as_server_sent_event),
}
REQUESTS = sorted(path for name in SPOKEN for path in (FOLDER / name).glob("*.request.json"))
ANSWERS = sorted(path for name in SPOKEN for path in (FOLDER / name).glob("*.in"))


def agreed(path: Path, out: bytes) -> None:
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        path.write_bytes(out)
    assert out == path.read_bytes()


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", REQUESTS, ids=named)
def test_the_provider_is_asked_what_was_agreed(path: Path) -> None:
    translator, _ = SPOKEN[path.parent.name]
    assert translator is not None
    assert translator.render_request is not None
    edits = msgspec.structs.replace(EDITS, options=OPTIONS[path.parent.name])
    try:
        written = translator.render_request(request_of(path.read_bytes()), edits)
    except Refusal as refusal:
        out = b"refused: %b (%b)\n" % (refusal.message.encode(), str(refusal.param).encode())
    else:
        if path.parent.name == "bedrock_converse":
            assert mistakes_in_converse(written.body) == ""
        dropped = ", ".join(written.dropped).encode()
        out = msgspec.json.format(written.body, indent=2) + b"\ndropped: %b\n" % dropped
    agreed(path.with_suffix(".out"), out)


@pytest.mark.parametrize("path", ANSWERS, ids=named)
def test_the_provider_is_understood_as_agreed(path: Path) -> None:
    translator, framed = SPOKEN[path.parent.name]
    assert translator is not None
    assert translator.parse_answer is not None
    assert translator.open_reader is not None
    data = path.read_bytes()
    try:
        if path.stem.endswith(".stream"):
            answer = read_folded(translator.open_reader(), b"".join(framed(line) for line in data.splitlines() if line))
        else:
            answer = translator.parse_answer(data)
    except UpstreamFailure as failure:
        out = b"%b: %b\n" % (failure.kind.value.encode(), failure.message.encode())
    else:
        out = msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n"
    agreed(path.with_suffix(".out"), out)


def test_there_are_golden_files() -> None:
    assert len(REQUESTS) > 10
    assert len(ANSWERS) > 10
