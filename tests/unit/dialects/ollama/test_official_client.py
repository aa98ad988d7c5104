"""Ollama's official client reads what we write, from the requests that it sends itself."""

import json
from collections.abc import Callable

import httpx
import pytest
from ollama import ChatResponse, Client, ResponseError

from tests.unit.dialects.ollama.shared import CLOSING, ERROR, JPEG, PNG, chat, parsed, terms
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE
from tollway.dialects.record import PLAIN_CALL, Closing, Dialect
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, Choice, events_of
from tollway.neutral.embedding import EmbeddingAnswer
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Part, Reasoning, Text, ToolCall, ToolResult
from tollway.neutral.request import ChatRequest

PARTS: tuple[Part, ...] = (
    Reasoning(text="hm"),
    Text(text="Let me see"),
    ToolCall(id="c-1", name="look", arguments='{"at":1}'),
)
ANSWER = ChatAnswer(choices=(Choice(parts=PARTS, reason=StopReason.TOOL_CALLS),))
FORMS: dict[str, Dialect] = {dialect.path: dialect for dialect in (OLLAMA_CHAT, OLLAMA_GENERATE)}
EMBEDDINGS: dict[str, Dialect] = {dialect.path: dialect for dialect in (OLLAMA_EMBED, OLLAMA_EMBEDDINGS)}


def client(*, ending: Callable[[Dialect], bytes] | None = None, asked: list[ChatRequest] | None = None) -> Client:
    """A client whose every request is read by us, and answered by us with ANSWER."""

    def serve(request: httpx.Request) -> httpx.Response:
        dialect = FORMS[request.url.path]
        body = request.read()
        if asked is not None:
            asked.append(parsed(dialect, body))
        translator = chat(dialect)
        assert translator.open_writer
        assert translator.render_answer
        if not dialect.peek(body, PLAIN_CALL).streamed:
            return httpx.Response(200, content=translator.render_answer(ANSWER, terms(), CLOSING))
        writer = translator.open_writer(terms())
        last = writer.end(CLOSING) if ending is None else ending(dialect)
        return httpx.Response(200, content=writer.write(events_of(ANSWER)) + last)

    return Client(host="http://gateway.example", transport=httpx.MockTransport(serve))


def look(at: int) -> str:
    """Look at something.

    Args:
        at: where

    """
    return str(at)


def test_a_conversation_with_a_tool() -> None:
    asked: list[ChatRequest] = []
    ollama = client(asked=asked)
    messages: list[object] = [{"role": "user", "content": "What?", "images": [PNG]}]
    first = ollama.chat(model="m", messages=messages, tools=[look], think="low", options={"num_predict": 5})  # type: ignore[arg-type]
    assert isinstance(first, ChatResponse)
    assert (first.message.content, first.message.thinking, first.done_reason) == ("Let me see", "hm", "stop")
    assert first.message.tool_calls is not None
    assert dict(first.message.tool_calls[0].function.arguments) == {"at": 1}
    assert (first.prompt_eval_count, first.eval_count) == (7, 4)
    messages += [first.message, {"role": "tool", "content": "a cat", "tool_name": "look"}]
    ollama.chat(model="m", messages=messages, tools=[look])  # type: ignore[arg-type]
    call, result = asked[1].messages[1].parts[2], asked[1].messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.name, call.arguments, result.call_id) == ("look", '{"at":1}', call.id)
    assert [tool.name for tool in asked[0].tools] == ["look"]
    assert (asked[0].output_tokens_max, asked[0].streamed) == (5, False)


def test_a_stream() -> None:
    shown = list(client().chat(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
    assert "".join(each.message.content or "" for each in shown) == "Let me see"
    assert [each.done for each in shown] == [False] * 3 + [True]
    assert (shown[-1].done_reason, shown[-1].eval_count) == ("stop", 4)


def test_a_prompt() -> None:
    asked: list[ChatRequest] = []
    shown = client(asked=asked).generate(model="m", prompt="Hi", images=[JPEG], keep_alive="5m")
    assert (shown.response, shown.thinking, shown.done) == ("Let me see", "hm", True)
    assert list(asked[0].knobs) == ["keep_alive"]
    pieces = list(client().generate(model="m", prompt="Hi", stream=True))
    assert "".join(each.response or "" for each in pieces) == "Let me see"


@pytest.mark.parametrize("stopped", ["broken", "cut"])
def test_a_stream_that_ends_badly_raises(stopped: str) -> None:
    def ending(dialect: Dialect) -> bytes:
        opened = chat(dialect).open_writer
        assert opened is not None
        writer = opened(terms())
        return writer.break_off(ERROR, CLOSING) if stopped == "broken" else writer.cut(ERROR, CLOSING)

    shown: list[ChatResponse] = []
    with pytest.raises(ResponseError, match="It broke"):
        shown += client(ending=ending).chat(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
    assert any(each.done for each in shown) is (stopped == "cut")


def test_a_refusal_is_shown_with_its_status() -> None:
    refusal = OLLAMA_CHAT.render_error(Refusal("model_not_found", "No such model."))
    transport = httpx.MockTransport(lambda _request: httpx.Response(404, content=refusal))
    with pytest.raises(ResponseError) as caught:
        Client(host="http://gateway.example", transport=transport).chat(model="m")
    assert (caught.value.error, caught.value.status_code) == ("No such model.", 404)


def test_embeddings() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        dialect = EMBEDDINGS[request.url.path]
        assert dialect.embedding is not None
        assert dialect.embedding.parse_request
        assert dialect.embedding.render_answer
        body = request.read()
        asked = dialect.embedding.parse_request(body, dialect.peek(body, PLAIN_CALL))
        assert json.loads(body)["model"] == "m"
        answer = EmbeddingAnswer(vectors=tuple((float(len(str(text))),) for text in asked.inputs))
        closing = Closing(usage=CLOSING.usage, estimated=False, costs=CLOSING.costs)
        return httpx.Response(200, content=dialect.embedding.render_answer(answer, asked, closing))

    ollama = Client(host="http://gateway.example", transport=httpx.MockTransport(serve))
    shown = ollama.embed(model="m", input=["a", "bb"], dimensions=1)
    assert ([list(each) for each in shown.embeddings], shown.prompt_eval_count) == ([[1.0], [2.0]], 7)
    assert list(ollama.embeddings(model="m", prompt="ccc").embedding) == [3.0]
