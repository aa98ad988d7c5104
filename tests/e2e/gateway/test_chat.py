"""A request through the whole gateway: bytes, costs and lines."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import COST, Deployment, sse_data
from tests.e2e.gateway.provider import CONTENT, USAGE, Line, Provider, Seen, answer, event

MESSAGES: list[Any] = [{"role": "user", "content": "Hello"}]
ASK: dict[str, Any] = {"model": "m", "messages": MESSAGES}


@pytest.fixture(scope="module")
def account(tollway: Deployment) -> str:
    """An account with money."""
    return tollway.account("5.00")


@pytest.fixture(scope="module")
def key(tollway: Deployment, account: str) -> str:
    """A key of it."""
    return tollway.key(account)


def exact(text: str) -> dict[str, Any]:
    """Read JSON with exact numbers."""
    return json.loads(text, parse_float=Decimal)


def line_of(tollway: Deployment, response: httpx.Response) -> dict[str, Any]:
    """Return the ledger's line of a response."""
    return tollway.command("requests", "show", response.headers["x-request-id"])


def test_a_whole_answer_carries_its_exact_cost_and_the_ledger_says_the_same(tollway: Deployment, key: str) -> None:
    response = tollway.client(key).post("/v1/chat/completions", json=ASK)
    assert response.status_code == 200
    body = exact(response.text)
    assert body["choices"][0]["message"]["content"] == "".join(CONTENT)
    usage = body["usage"]
    assert {name: usage[name] for name in USAGE} == USAGE
    assert usage["total_cost_usd"] == COST
    assert usage["base_cost_usd"] == COST
    assert usage["platform_fee_usd"] == 0
    line = line_of(tollway, response)
    assert Decimal(line["total_cost"]) == COST
    assert line["outcome"] == "completed"
    assert line["basis"] == "reported"
    assert line["model_asked"] == "m"
    assert line["model_routed"] == "m-2026"


def test_everything_but_the_cost_comes_back_byte_for_byte(tollway: Deployment, provider: Provider, key: str) -> None:
    choices = b'"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]'
    usage = b'"usage" : {"prompt_tokens": 1,"completion_tokens":2 ,"total_tokens":3}'
    odd = b'{ "x" : [1.0, 1e5,"\\u00e9"], %b,\n %b , "z":null}\n' % (choices, usage)

    async def script(_: Seen, line: Line) -> None:
        await line.whole(odd)

    provider.scripts["odd"] = script
    response = tollway.client(key).post("/v1/chat/completions", json=ASK | {"model": "p/odd"})
    costs = b',"base_cost_usd":0.000005,"platform_fee_usd":0,"total_cost_usd":0.000005'
    assert response.content == odd.replace(b'"total_tokens":3', b'"total_tokens":3' + costs)


def test_a_request_that_needs_no_change_arrives_byte_for_byte(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    raw = b'{\n  "messages": [ {"content": "caf\\u00e9 \xc3\xa9", "role": "user"} ], "model":"m-2026","x":1.50 }'
    seen = len(provider.seen)
    tollway.command("models")
    response = tollway.client(key).post("/v1/chat/completions", content=raw.replace(b"m-2026", b"p/same"))
    assert response.status_code == 200
    assert provider.seen[seen].raw == raw.replace(b"m-2026", b"same")
    assert provider.seen[seen].path == "/v1/chat/completions"
    assert provider.seen[seen].headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert key not in str(provider.seen[seen].headers)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
@pytest.mark.parametrize("header", ["authorization", "X-API-Key", "x-api-key"])
def test_each_path_and_each_key_header_works(tollway: Deployment, key: str, path: str, header: str) -> None:
    value = f"Bearer {key}" if header == "authorization" else key
    response = tollway.client().post(path, json=ASK, headers={header: value})
    assert response.status_code == 200


def test_a_stream_ends_with_usage_and_cost_on_the_last_chunk_that_has_a_choice(tollway: Deployment, key: str) -> None:
    response = tollway.client(key).post("/v1/chat/completions", json=ASK | {"stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = sse_data(response.text)
    assert done == "[DONE]"
    read = [exact(chunk) for chunk in chunks]
    assert all(chunk["choices"] for chunk in read), "clients read choices[0] unguarded"
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in read) == "".join(CONTENT)
    assert all("usage" not in chunk for chunk in read[:-1])
    assert read[-1]["choices"][0]["delta"]["content"] == ""
    assert read[-1]["choices"][0]["finish_reason"] == "stop"
    assert read[-1]["usage"]["total_cost_usd"] == COST
    line = line_of(tollway, response)
    assert Decimal(line["total_cost"]) == COST
    assert line["streamed"] is True


def test_a_stream_whose_client_asked_for_usage_gets_openais_own_form(tollway: Deployment, key: str) -> None:
    ask = ASK | {"stream": True, "stream_options": {"include_usage": True}}
    response = tollway.client(key).post("/v1/chat/completions", json=ask)
    *chunks, done = sse_data(response.text)
    read = [exact(chunk) for chunk in chunks]
    assert done == "[DONE]"
    assert read[-1]["choices"] == []
    assert read[-1]["usage"]["prompt_tokens"] == 1000
    assert read[-1]["usage"]["total_cost_usd"] == COST
    assert all(chunk["choices"] for chunk in read[:-1])


def test_an_answer_without_usage_is_estimated_and_says_so(tollway: Deployment, provider: Provider, key: str) -> None:
    async def script(seen: Seen, line: Line) -> None:
        await line.whole(answer("silent", usage=None))

    provider.scripts["silent"] = script
    response = tollway.client(key).post("/v1/chat/completions", json=ASK | {"model": "p/silent"})
    usage = exact(response.text)["usage"]
    assert usage["estimated"] is True
    assert usage["total_cost_usd"] > 0
    line = line_of(tollway, response)
    assert line["basis"] == "estimated"
    assert Decimal(line["total_cost"]) == usage["total_cost_usd"]


def test_a_stream_without_usage_is_estimated_and_still_shows_its_cost(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    async def script(seen: Seen, line: Line) -> None:
        await line.start_stream()
        for text in CONTENT:
            await line.piece(event("mute", {"content": text}))
        await line.piece(event("mute", {}, "stop") + b"data: [DONE]\n\n")
        await line.end_stream()

    provider.scripts["mute"] = script
    response = tollway.client(key).post("/v1/chat/completions", json=ASK | {"model": "p/mute", "stream": True})
    *_, last, done = sse_data(response.text)
    assert done == "[DONE]"
    usage = exact(last)["usage"]
    assert usage["completion_tokens"] >= len(CONTENT)
    assert Decimal(line_of(tollway, response)["total_cost"]) == usage["total_cost_usd"] > 0


def test_events_split_at_every_byte_arrive_unchanged(tollway: Deployment, provider: Provider, key: str) -> None:
    async def script(seen: Seen, line: Line) -> None:
        await line.start_stream()
        text = event("drip", {"content": "é\u2028😀"}) + b": comment\n\n" + event("drip", {}, "stop", usage=USAGE)
        for byte in text + b"data: [DONE]\n\n":
            await line.piece(bytes([byte]))
        await line.end_stream()

    provider.scripts["drip"] = script
    response = tollway.client(key).post("/v1/chat/completions", json=ASK | {"model": "p/drip", "stream": True})
    assert event("drip", {"content": "é\u2028😀"}) in response.content
    assert b": comment\n\n" in response.content
    assert exact(sse_data(response.text)[-2])["usage"]["total_cost_usd"] == COST


def test_the_official_client_reads_answers_and_streams(tollway: Deployment, key: str) -> None:
    with openai.OpenAI(base_url=f"{tollway.url}/v1", api_key=key, max_retries=0) as client:
        whole = client.chat.completions.create(model="m", messages=MESSAGES)
        assert whole.choices[0].message.content == "".join(CONTENT)
        assert whole.usage is not None
        assert whole.usage.model_dump()["total_cost_usd"] == float(COST)
        text = ""
        for chunk in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            text += chunk.choices[0].delta.content  # type: ignore[operator]  # unguarded, as the services' own pages print it
        assert text == "".join(CONTENT)
        assert [model.id for model in client.models.list()] == ["m"]
        assert client.models.retrieve("p/x").id == "p/x"


async def test_the_official_async_client_runs_many_requests_with_one_key(tollway: Deployment, key: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{tollway.url}/v1", api_key=key, max_retries=0) as client:
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(40))
        )
        assert {answer.choices[0].message.content for answer in answers} == {"".join(CONTENT)}
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        pieces: list[Any] = [chunk.choices[0].delta.content async for chunk in stream]
        assert "".join(pieces) == "".join(CONTENT)


def test_balance_is_credit_less_the_sum_of_all_costs(tollway: Deployment, key: str) -> None:
    account = tollway.account("1.00")
    fresh = tollway.key(account)
    client = tollway.client(fresh)
    total = Decimal(0)
    for stream in (False, True, False):
        response = client.post("/v1/chat/completions", json=ASK | {"stream": stream})
        text = sse_data(response.text)[-2] if stream else response.text
        total += exact(text)["usage"]["total_cost_usd"]
    assert tollway.balance(account) == (Decimal(1) - total, 0)
    tollway.check()


def test_models_are_listed_with_prices_context_and_capabilities(tollway: Deployment, key: str) -> None:
    client = tollway.client(key)
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    entry = next(model for model in listed["data"] if model["id"] == "m")
    assert entry["object"] == "model"
    assert entry["context_length"] == 10000
    assert "pricing" in entry
    assert "capabilities" in entry
    assert client.get("/models").json() == listed
    shown = client.get("/v1/models/m").json()
    assert shown.pop("schema")["endpoint"]["path"] == "/v1/chat/completions"
    assert shown == entry
    assert client.get("/v1/models/p/some/name").json()["id"] == "p/some/name"
    assert client.get("/v1/models/p%2Fsome%2Fname").json()["id"] == "p/some/name"
    assert client.get("/v1/models/nothing").json()["error"]["code"] == "model_not_found"


def test_every_reply_has_a_request_id_of_its_own(tollway: Deployment, key: str) -> None:
    client = tollway.client(key)
    replies = [
        client.get("/livez"),
        client.get("/readyz"),
        client.get("/health"),
        client.get("/nowhere"),
        client.get("/v1/models"),
        client.post("/v1/chat/completions", content=b"junk"),
        client.post("/v1/chat/completions", json=ASK),
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 404, 200, 400, 200]
    ids = [reply.headers["x-request-id"] for reply in replies]
    assert len(set(ids)) == len(ids)
    assert all(reply.headers["x-tollway-request-id"] == reply.headers["x-request-id"] for reply in replies)
