"""The official client speaks to a provider through these dialects, and reads what comes back."""

import io
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import pytest
from openai import APIError, OpenAI

from tollway.dialects import openai_media
from tollway.dialects.record import EVENTS, JSON, Called, CostFields, Dialect, RequestEdits

COSTS = CostFields(base_nanos=10_000_000, fee_nanos=0, total_nanos=10_000_000, currency="USD")
DIALECTS = {
    dialect.path: dialect
    for name in openai_media.__all__
    if isinstance(dialect := getattr(openai_media, name), Dialect)
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Gateway(ThreadingHTTPServer):
    """Takes what a client sends as the gateway would, and answers as a provider that sends `answer` would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.content_type = b"", JSON
        self.received = b""

    def answered(self, path: str, content_type: str, body: bytes) -> bytes:
        dialect = DIALECTS[path.removeprefix("/v1")]
        peek = dialect.peek(body, Called(content_type=content_type))
        self.received = dialect.patch_request(body, peek, RequestEdits(model_routed="routed")).body
        assert (self.content_type == EVENTS) == peek.streamed
        if not peek.streamed:
            return dialect.splice_cost(dialect.read_answer(self.answer, self.content_type), COSTS, None)
        pipe = dialect.open_stream(peek)
        out = pipe.feed(self.answer) + pipe.close()
        if pipe.failure is None and pipe.finished:
            return out + pipe.end(COSTS, None)
        return out + pipe.break_off(b'{"error":{"message":"It broke."}}', COSTS, None)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gateway = cast(Gateway, self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        out = gateway.answered(self.path, self.headers["content-type"], body)
        self.send_response(200)
        self.send_header("content-type", gateway.content_type)
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library names it so
        """Say nothing."""


Opened = Callable[..., tuple[Any, Gateway]]


@pytest.fixture
def client() -> Iterator[Opened]:
    with Gateway() as gateway:
        serving = Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        openai = OpenAI(api_key="k", base_url=f"http://127.0.0.1:{gateway.server_port}/v1", max_retries=0)

        def opened(answer: bytes, content_type: str = JSON) -> tuple[Any, Gateway]:
            gateway.answer, gateway.content_type = answer, content_type
            return openai, gateway

        with openai:
            yield opened
        gateway.shutdown()
        serving.join()


def cost(usage: Any) -> Any:
    return usage.model_extra["total_cost_usd"]


def test_pictures_are_generated(client: Opened) -> None:
    openai, provider = client(
        b'{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":5,"output_tokens":9}}'
    )
    answer = openai.images.generate(model="asked", prompt="a cat")
    assert (answer.data[0].b64_json, answer.usage.output_tokens, cost(answer.usage)) == ("AAAA", 9, 0.01)
    assert b'"model":"routed"' in provider.received


def test_pictures_are_edited_in_a_form(client: Opened) -> None:
    openai, provider = client(b'{"created":1,"data":[{"b64_json":"AAAA"}]}')
    shown = [("a.png", io.BytesIO(PNG)), ("b.png", io.BytesIO(PNG))]
    answer = openai.images.edit(model="asked", prompt="green", image=shown, mask=("m.png", PNG), n=2)
    assert cost(answer.usage) == 0.01
    assert provider.received.count(PNG) == 3
    assert b'name="model"\r\n\r\nrouted\r\n' in provider.received


def test_pictures_are_streamed(client: Opened) -> None:
    events = (
        b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"AA"}\n\n'
        b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"BB",'
        b'"usage":{"input_tokens":5,"output_tokens":9,"total_tokens":14}}\n\n'
    )
    openai, _ = client(events, EVENTS)
    found = list(openai.images.generate(model="asked", prompt="a cat", stream=True, partial_images=1))
    assert [event.b64_json for event in found] == ["AA", "BB"]
    assert cost(found[-1].usage) == 0.01


def test_text_is_spoken(client: Opened) -> None:
    openai, provider = client(b"ID3\x04\xff\x00", "audio/mpeg")
    answer = openai.audio.speech.create(model="asked", input="Hello", voice="alloy")
    assert answer.content == b"ID3\x04\xff\x00"
    assert b'"model":"routed"' in provider.received


def test_a_sound_is_written_down(client: Opened) -> None:
    openai, provider = client(b'{"text":"Hello","usage":{"type":"duration","seconds":3}}')
    answer = openai.audio.transcriptions.create(model="asked", file=("a.wav", PNG), timestamp_granularities=["word"])
    assert (answer.text, answer.usage.seconds, cost(answer.usage)) == ("Hello", 3, 0.01)
    assert provider.received.count(PNG) == 1


def test_a_sound_is_written_down_as_text(client: Opened) -> None:
    openai, _ = client(b"Hello\n", "text/plain; charset=utf-8")
    assert openai.audio.transcriptions.create(model="asked", file=("a.wav", PNG), response_format="text") == "Hello\n"


def test_a_transcript_is_streamed(client: Opened) -> None:
    events = (
        b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n'
        b'data: {"type":"transcript.text.done","text":"Hel","usage":{"type":"tokens","input_tokens":5,"output_tokens":1,'
        b'"total_tokens":6}}\n\n'
    )
    openai, _ = client(events, EVENTS)
    found = list(openai.audio.transcriptions.create(model="asked", file=("a.wav", PNG), stream=True))
    assert [event.type for event in found] == ["transcript.text.delta", "transcript.text.done"]
    assert cost(found[-1].usage) == 0.01


def test_a_stream_that_breaks_raises(client: Opened) -> None:
    openai, _ = client(b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n', EVENTS)
    with pytest.raises(APIError, match=r"It broke\."):
        list(openai.audio.transcriptions.create(model="asked", file=("a.wav", PNG), stream=True))


def test_a_text_is_judged(client: Opened) -> None:
    openai, provider = client(b'{"id":"m","model":"omni","results":[]}')
    answer = openai.moderations.create(input="Hello")
    assert (answer.model, answer.results) == ("omni", [])
    assert provider.received.endswith(b'"model":"routed"}')
