"""Google's own client, given what we say when something went wrong."""

from collections.abc import Callable

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.unit.dialects.gemini.gemini_chunks import COSTS, ESTIMATE, HI, peeked
from tollway.dialects.gemini import GEMINI
from tollway.errors import Refusal


def client(answer: Callable[[httpx.Request], httpx.Response]) -> genai.Client:
    transport = httpx.Client(transport=httpx.MockTransport(answer))
    return genai.Client(api_key="k", vertexai=False, http_options=types.HttpOptions(httpx_client=transport))


def test_a_refusal_is_its_error() -> None:
    refusal = Refusal("insufficient_quota", "The balance is used up.")
    body = GEMINI.render_error(refusal)
    with pytest.raises(errors.ClientError) as caught:
        client(lambda _request: httpx.Response(429, content=body)).models.generate_content(model="m", contents="?")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.message == "The balance is used up."


def test_an_error_inside_a_stream_is_raised_behind_the_text() -> None:
    pipe = GEMINI.open_stream(peeked())
    error = GEMINI.render_error(Refusal("upstream_error", "It broke."))
    stream = pipe.feed(HI) + pipe.break_off(error, COSTS, ESTIMATE)
    asked = client(lambda _request: httpx.Response(200, content=stream)).models
    chunks = asked.generate_content_stream(model="m", contents="?")
    assert next(chunks).text == "hällo"
    with pytest.raises(errors.ServerError, match="It broke"):
        next(chunks)
