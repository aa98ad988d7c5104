"""What is no chat: embeddings, token counts, pictures, sound, moderation, ranking, lists; by the official clients where they have it."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from tests.e2e.dialects.asking import KINDS, ask
from tests.e2e.dialects.gateway import PRICE, deploy
from tests.e2e.dialects.others_endpoints import PICTURE, SOUND, TOKENS, VECTOR
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment
from tests.waiting import until

pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
"""Google's and Ollama's clients leave their connections to the garbage collector."""

MORE = f"""
[[models]]
id = "listed"
targets = [{{ provider = "gemini", model = "m-text" }}]
price = {PRICE}
context_tokens = 4096
output_tokens_max = 512
capabilities = ["chat", "tools"]
"""

CHATS = [kind for kind in KINDS if kind != "openai_completions"]


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: ManyTongued) -> Iterator[Deployment]:
    deployment = deploy(tmp_path_factory.mktemp("others"), provider.port, more=MORE, server="body_bytes_max = 100000")
    yield deployment
    deployment.stop()


@pytest.fixture
def official(tollway: Deployment, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{tollway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def google(tollway: Deployment, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=tollway.url))


def line_of(books: Bookkeeper, headers: Any) -> dict[str, Any]:
    """Return the line of a request; that of one that failed is written a moment after its reply."""
    sought = headers["x-request-id"]
    until(lambda: sought in {line["id"] for line in books.call("GET", "/requests?limit=20")["data"]})
    return books.call("GET", f"/requests/{sought}")


EMBEDDERS = {"chat": TOKENS, "ollama": TOKENS, "cohere": TOKENS, "gemini": None}
"""Providers of embeddings, and the tokens that they report."""


@pytest.mark.parametrize("place", EMBEDDERS)
def test_openais_client_gets_embeddings_of_every_provider(
    official: openai.OpenAI, books: Bookkeeper, place: str
) -> None:
    raw = official.embeddings.with_raw_response.create(model=f"{place}/m-e", input=["one", "two"])
    found = raw.parse()
    assert [each.embedding for each in found.data] == [VECTOR, VECTOR]
    assert [each.index for each in found.data] == [0, 1]
    line = line_of(books, raw.headers)
    assert line["basis"] == ("reported" if EMBEDDERS[place] else "estimated")
    assert found.usage.prompt_tokens == line["usage"]["input"] == (EMBEDDERS[place] or line["usage"]["input"])
    assert Decimal(str(found.usage.to_dict()["total_cost_usd"])) == Decimal(line["total_cost"]) > 0


@pytest.mark.parametrize("place", EMBEDDERS)
def test_googles_and_ollamas_clients_get_embeddings_of_every_provider(
    tollway: Deployment, google: genai.Client, key: str, place: str
) -> None:
    found = google.models.embed_content(model=f"{place}/m-e", contents=["one", "two"])
    assert [each.values for each in found.embeddings or []] == [VECTOR, VECTOR]
    local = ollama.Client(host=tollway.url, headers={"authorization": f"Bearer {key}"})
    assert [list(each) for each in local.embed(model=f"{place}/m-e", input=["one", "two"]).embeddings] == [VECTOR] * 2


def test_pictures_sound_moderation_and_ranking_pass_and_are_metered(
    official: openai.OpenAI, books: Bookkeeper, provider: ManyTongued
) -> None:
    picture: Any = official.images.with_raw_response.generate(model="chat/m-i", prompt="a hill")
    assert picture.parse().data[0].b64_json == PICTURE
    speech = official.audio.speech.with_raw_response.create(model="chat/m-s", voice="alloy", input="Hello")
    assert speech.content == SOUND
    assert speech.headers["content-type"] == "audio/mpeg"
    sound = ("a.wav", io.BytesIO(b"RIFF" + bytes(200)), "audio/wav")
    heard = official.audio.transcriptions.with_raw_response.create(model="chat/m-t", file=sound)
    assert heard.parse().text == "Four score and seven years ago"
    judged = official.moderations.with_raw_response.create(model="chat/m-m", input="Hello")
    assert judged.parse().results[0].flagged is False
    for reply in (picture, speech, heard, judged):
        line = line_of(books, reply.headers)
        assert line["provider"] == "chat"
        assert line["status"] == 200
    assert line_of(books, heard.headers)["usage"]["output"] == 5
    assert b"RIFF" in next(seen.raw for seen in provider.seen if seen.path.endswith("/transcriptions"))


@pytest.mark.parametrize("place", ["chat", "cohere"])
def test_documents_are_ranked(tollway: Deployment, books: Bookkeeper, key: str, place: str) -> None:
    body = {"model": f"{place}/m-r", "query": "q", "documents": ["a", "b"]}
    reply = tollway.client(key).post("/v1/rerank", json=body)
    assert reply.status_code == 200, reply.text
    assert [each["index"] for each in reply.json()["results"]] == [1, 0]
    assert line_of(books, reply.headers)["usage"]["calls"] == 1


def test_tokens_are_counted_for_nothing(
    tollway: Deployment, books: Bookkeeper, google: genai.Client, account: str, key: str
) -> None:
    before = books.balance(account)
    body = {"model": "claude/claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}]}
    reply = tollway.client(key).post("/v1/messages/count_tokens", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["input_tokens"] == TOKENS
    assert google.models.count_tokens(model="gemini/m-c", contents="Hello").total_tokens == TOKENS
    guessed = tollway.client(key).post("/v1/messages/count_tokens", json=body | {"model": "chat/m"})
    assert guessed.json()["input_tokens"] > 0, "a provider that cannot count is not asked"
    assert (google.models.count_tokens(model="chat/m", contents="Hello").total_tokens or 0) > 0
    assert books.balance(account) == before


@pytest.mark.parametrize("below", ["", "/anthropic"])
def test_anthropics_client_counts_lists_and_asks_at_both_addresses(tollway: Deployment, key: str, below: str) -> None:
    turns: Any = [{"role": "user", "content": "Hello"}]
    with anthropic.Anthropic(base_url=f"{tollway.url}{below}", api_key=key, max_retries=0) as client:
        counted = client.messages.count_tokens(model="claude/claude-sonnet-4-5", messages=turns)
        assert counted.input_tokens == TOKENS
        assert "listed" in {each.id for each in client.models.list()}
        message: Any = client.messages.create(model="listed", max_tokens=50, messages=turns)
        assert message.content[0].text.startswith("Four score")
        assert message._request_id.startswith("req_")
        with pytest.raises(anthropic.NotFoundError) as missing:
            client.messages.create(model="nothing-like-it", max_tokens=50, messages=turns)
        assert missing.value.request_id == missing.value.response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/audio/speech", {"model": "gemini/m", "input": "x", "voice": "v"}),
        ("/v1/images/generations", {"model": "messages/m", "prompt": "x"}),
        ("/v1/moderations", {"model": "cohere/m", "input": "x"}),
        ("/v1/rerank", {"model": "gemini/m", "query": "q", "documents": ["a"]}),
        ("/v1/embeddings", {"model": "messages/m", "input": "x"}),
        ("/v1beta/models/messages/m:embedContent", {"content": {"parts": [{"text": "x"}]}}),
        ("/api/embed", {"model": "messages/m", "input": "x"}),
    ],
)
def test_what_a_provider_does_not_have_is_a_501_in_the_clients_dialect(
    tollway: Deployment, provider: ManyTongued, books: Bookkeeper, key: str, path: str, body: dict[str, Any]
) -> None:
    seen = len(provider.seen)
    reply = tollway.client(key).post(path, json=body)
    assert reply.status_code == 501, reply.text
    assert "not_supported" in reply.text
    assert_envelope(path, reply)
    assert len(provider.seen) == seen
    assert Decimal(line_of(books, reply.headers)["total_cost"]) == 0


def assert_envelope(path: str, reply: httpx.Response) -> None:
    """Assert that an error has the form that the path's own client reads."""
    body = reply.json()
    if path.startswith("/api/"):
        assert isinstance(body["error"], str)
        assert isinstance(body["code"], str)
        return
    error = body["error"]
    assert error["message"]
    if path.startswith(("/v1/messages", "/anthropic")):
        assert body["type"] == "error"
        assert error["type"].endswith("_error") or error["type"] == "request_too_large", "their words"
    elif path.startswith(("/v1beta", "/v1/models/")):
        assert error["code"] == reply.status_code
        assert error["status"].isupper()
    else:
        assert {"message", "type", "code", "param", "metadata"} <= error.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_refusal_of_ours_has_the_form_of_the_clients_dialect(
    tollway: Deployment, books: Bookkeeper, key: str, kind: str
) -> None:
    poor = str(books.key(books.account("0"))["key"])
    client = tollway.client(key)
    refusals = {
        401: ask(tollway.client("tw-wrong"), kind, "listed"),
        404: ask(client, kind, "nothing-like-it"),
        413: ask(client, kind, "listed", prompt="x" * 200_000),
        429: ask(tollway.client(poor), kind, "listed"),
        400: client.post(str(ask(client, kind, "listed").request.url), content=b'{"model": "listed", '),
    }
    for status, reply in refusals.items():
        assert reply.status_code == status, reply.text
        assert_envelope(reply.request.url.path, reply)
        assert reply.headers["x-request-id"].startswith("req_")
    assert refusals[429].headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/messages/nothing", "/v1beta/nothing", "/api/nothing", "/anthropic/v1/nothing"]
)
def test_a_path_with_nothing_at_it_is_a_404_in_its_dialect(tollway: Deployment, key: str, path: str) -> None:
    reply = tollway.client(key).post(path, json={})
    assert reply.status_code == 404
    assert_envelope(path, reply)


def test_models_are_listed_in_the_form_of_each_client(tollway: Deployment, google: genai.Client, key: str) -> None:
    client = tollway.client(key)
    plain = client.get("/v1/models").json()
    assert plain["object"] == "list"
    assert "listed" in {each["id"] for each in plain["data"]}
    assert client.get("/v1/models/listed").json()["id"] == "listed"
    headers = {"anthropic-version": "2023-06-01"}
    named = client.get("/v1/models", headers=headers).json()
    assert {each["type"] for each in named["data"]} == {"model"}
    assert client.get("/v1/models/listed", headers=headers).json()["display_name"] == "listed"
    for path in ("/v1beta/models", "/v1alpha/models"):
        shown = {each["name"]: each for each in client.get(path).json()["models"]}
        assert shown["models/listed"]["inputTokenLimit"] == 4096
    found = {each.name: each for each in google.models.list()}
    assert found["models/listed"].output_token_limit == 512
    assert google.models.get(model="listed").name == "models/listed"
    local = ollama.Client(host=tollway.url, headers={"authorization": f"Bearer {key}"})
    assert "listed" in {each.model for each in local.list().models}
    assert local.show("listed").capabilities == ["completion", "tools"]
    assert client.get("/api/version").json()["version"]
    assert client.get("/v1beta/models/none").status_code == 404
    assert json.loads(client.post("/api/show", json={"model": "none"}).text)["error"]


def test_googles_client_asks_at_every_version_of_its_api(tollway: Deployment, key: str) -> None:
    for version in ("v1", "v1beta", "v1alpha"):
        options = types.HttpOptions(base_url=tollway.url, api_version=version)
        client = genai.Client(api_key=key, http_options=options)
        assert (client.models.generate_content(model="listed", contents="Hello").text or "").startswith("Four score")
