"""Several models, fallbacks, retries, policies and `auto`, as a client asks for them: who answers, who is charged, what is told."""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import Deployment, sse_data
from tests.e2e.gateway.provider import CONTENT, Line, Provider, Script, Seen, answer, event, well
from tests.waiting import until

CHAT = "/v1/chat/completions"
MESSAGES: list[Any] = [{"role": "user", "content": "Hello"}]
PRICES = {"m": ("1", "2"), "cheap": ("0.1", "0.2"), "dear": ("10", "20"), "down": ("3", "6")}
COSTS = {
    name: (Decimal(tokens_in) * 1000 + Decimal(tokens_out) * 100) / 10**6
    for name, (tokens_in, tokens_out) in PRICES.items()
}
"""Of the provider's 1000 tokens in and 100 out."""

SETTINGS = """
[server]
port = 0
[billing]
platform_fee = "10%"
[auto]
text = ["m", "cheap", "dear"]
[[brands]]
preset = "aigateway"
hosts = ["cents.test"]
"""


def settings(first: int, second: int) -> str:
    """Return a settings file with two providers: `p` serves every model, `q` serves them as well as a second target."""
    text = SETTINGS
    for name, port in (("p", first), ("q", second)):
        text += (
            f'[[providers]]\nname = "{name}"\npreset = "openai-compatible"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
        )
        text += 'api_key = "env:TEST_PROVIDER_KEY"\n'
    for name, (price_in, price_out) in PRICES.items():
        text += f'[[models]]\nid = "{name}"\ntargets = [{{ provider = "p", model = "{name}-2026" }}]\n'
        text += f'price = {{ input = "{price_in}", output = "{price_out}" }}\noutput_tokens_max = 1000\ncontext_tokens = 10000\n'
    text += '[[models]]\nid = "both"\ntargets = [{ provider = "p", model = "b" }, { provider = "q", model = "b", weight = 0 }]\n'
    text += (
        'price = { input = "1", output = "2" }\ndiscount = "50%"\noutput_tokens_max = 2000\ncontext_tokens = 10000\n'
    )
    text += '[[models]]\nid = "vector"\ntargets = [{ provider = "p", model = "v" }]\nprice = { input = "1", output = "0" }\n'
    return text


def status(line: str, **headers: str) -> Script:
    """Return a script that answers with a status."""

    async def script(_: Seen, to: Line) -> None:
        await to.whole(b'{"error":{"message":"no","type":"t","code":"c"}}', status=line, **headers)

    return script


async def cut_before_a_word(seen: Seen, to: Line) -> None:
    """Begin a stream, and break it before the model has said anything."""
    await to.start_stream()
    await to.piece(event(seen.body["model"], {"role": "assistant", "content": ""}))
    to.cut()


async def begun_in_silence(seen: Seen, to: Line) -> None:
    """Begin a stream, and say no word in it until the gateway gives up."""
    await to.start_stream()
    await to.piece(event(seen.body["model"], {"role": "assistant", "content": ""}))
    await to.gone.wait()


async def silent(_: Seen, to: Line) -> None:
    """Say nothing until the gateway gives up."""
    await to.gone.wait()


UNAVAILABLE = status("503 Service Unavailable")


@pytest.fixture(scope="module")
def second() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: Provider, second: Provider) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        folder = tmp_path_factory.mktemp("asked")
        deployment = Deployment(folder, settings(provider.port, second.port)).start()
        yield deployment
        deployment.stop()


@pytest.fixture(scope="module")
def books(tollway: Deployment) -> Bookkeeper:
    return Bookkeeper(tollway)


@pytest.fixture(scope="module")
def key(books: Bookkeeper) -> str:
    return str(books.key(books.account("1000"))["key"])


@pytest.fixture(autouse=True)
def fresh(provider: Provider, second: Provider) -> None:
    for each in (provider, second):
        each.scripts.clear()
        each.seen.clear()


@pytest.fixture
def client(tollway: Deployment, key: str) -> httpx.Client:
    return tollway.client(key)


@pytest.fixture
def sdk(tollway: Deployment, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=key, base_url=f"{tollway.url}/v1", max_retries=0) as client:
        yield client


def ask(client: httpx.Client, *, headers: dict[str, str] | None = None, **members: object) -> httpx.Response:
    body = {name.replace("x_", "x-"): value for name, value in members.items()}
    return client.post(CHAT, json={"messages": MESSAGES, "model": "m", **body}, headers=headers)


def told(response: Any) -> tuple[str | None, ...]:
    """Return who answered, whose provider, at which attempt."""
    return tuple(response.headers.get(f"x-tollway-{word}") for word in ("served-by", "provider", "attempts"))


def line_of(books: Bookkeeper, response: Any) -> dict[str, Any]:
    return books.call("GET", f"/requests/{response.headers['x-request-id']}")


def charged(cost: Decimal) -> dict[str, Decimal]:
    """Return what a line says of money: the cost, and a fee of a tenth."""
    return {"base_cost": cost, "platform_fee": cost / 10, "total_cost": cost * 11 / 10}


def money_of(line: dict[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(line[name]) for name in ("base_cost", "platform_fee", "total_cost")}


# -- several models, and fallbacks


def test_the_next_model_of_an_array_answers_and_is_the_one_that_is_charged(
    sdk: openai.OpenAI, provider: Provider, books: Bookkeeper
) -> None:
    provider.scripts["down-2026"] = UNAVAILABLE
    reply = sdk.chat.completions.with_raw_response.create(
        model="down",
        messages=MESSAGES,
        extra_body={"model": ["down", "dear"]},
    )
    completion = reply.parse()
    assert completion.choices[0].message.content == "".join(CONTENT)
    assert completion.usage is not None
    assert completion.usage.model_extra is not None
    assert Decimal(str(completion.usage.model_extra["total_cost_usd"])) == COSTS["dear"] * 11 / 10
    assert told(reply) == ("p/dear-2026", "p", "2")
    line = line_of(books, reply)
    assert (line["model_asked"], line["model_routed"], line["attempts"]) == ("down", "dear-2026", 2)
    assert money_of(line) == charged(COSTS["dear"])
    assert Decimal(line["hold"]) >= COSTS["dear"] * 11 / 10


def test_a_fallback_to_a_cheaper_model_costs_what_that_costs(
    client: httpx.Client, provider: Provider, books: Bookkeeper
) -> None:
    provider.scripts["dear-2026"] = UNAVAILABLE
    reply = ask(client, model="dear", fallbacks=["both"])
    assert told(reply) == ("p/b", "p", "2")
    assert money_of(line_of(books, reply)) == charged(COSTS["m"] / 2), "with the discount of the model that answered"


def test_nothing_that_speaks_to_the_gateway_goes_upstream(client: httpx.Client, provider: Provider) -> None:
    ask(
        client,
        model=["m"],
        fallbacks=["cheap"],
        routing={"policy": "pinned", "providers": ["p"], "allow_fallback": True, "max_cost_per_1m_input": 5},
        baseline_model="m",
        x_routing="cost",
        temperature=0.5,
    )
    assert [seen.body for seen in provider.seen] == [
        {"messages": MESSAGES, "model": "m-2026", "temperature": 0.5},
    ]
    assert not [name for seen in provider.seen for name in seen.headers if name.startswith("x-")]


def test_a_strict_key_is_not_bothered(tollway: Deployment, books: Bookkeeper) -> None:
    strict = books.key(books.account(), unsupported="refused")["key"]
    reply = ask(tollway.client(str(strict)), fallbacks=["cheap"], routing={"policy": "lowest_latency"})
    assert reply.status_code == 200
    assert "nothing is measured yet" in reply.headers["x-aig-warning"]


def test_a_stream_that_is_cut_before_the_first_word_goes_on_with_the_next_model(
    sdk: openai.OpenAI, provider: Provider, books: Bookkeeper
) -> None:
    provider.scripts["m-2026"] = cut_before_a_word
    with sdk.chat.completions.with_streaming_response.create(
        model="m",
        messages=MESSAGES,
        stream=True,
        extra_body={"fallbacks": ["cheap"]},
    ) as reply:
        said = [chunk.choices[0].delta.content for chunk in reply.parse() if chunk.choices]
        assert told(reply) == ("p/cheap-2026", "p", "2")
    assert "".join(word or "" for word in said) == "".join(CONTENT)
    line = line_of(books, reply)
    assert (line["model_asked"], line["model_routed"], line["attempts"]) == ("m", "cheap-2026", 2)
    assert money_of(line) == charged(COSTS["cheap"])


def test_a_stream_that_is_answered_at_once_says_so(client: httpx.Client) -> None:
    reply = ask(client, stream=True)
    assert told(reply) == ("p/m-2026", "p", "1")
    assert sse_data(reply.text)[-1] == "[DONE]"


@pytest.mark.parametrize("prefix", ["x-aig", "x-tollway", "x-ingate", "x-gogpu", "x-gonkagate"])
def test_a_header_names_fallbacks_under_every_prefix(client: httpx.Client, provider: Provider, prefix: str) -> None:
    provider.scripts["down-2026"] = provider.scripts["m-2026"] = UNAVAILABLE
    reply = ask(client, model="down", headers={f"{prefix}-fallback": "m, cheap"})
    assert told(reply) == ("p/cheap-2026", "p", "3")


@pytest.mark.parametrize("members", [{"fallbacks": False}, {"routing": {"allow_fallback": False}}])
def test_without_fallbacks_only_the_first_target_is_asked(
    client: httpx.Client, provider: Provider, second: Provider, members: dict[str, Any]
) -> None:
    provider.scripts["b"] = UNAVAILABLE
    reply = ask(client, model="both", headers={"x-aig-fallback": "m"}, **members)
    assert reply.status_code == 503
    assert (list(provider.models()), list(second.models())) == (["b"], [])
    assert told(ask(client, model="both")) == ("q/b", "q", "2")


def test_a_wrong_request_is_tried_nowhere_else(client: httpx.Client, provider: Provider) -> None:
    provider.scripts["m-2026"] = status("400 Bad Request")
    reply = ask(client, model=["m", "cheap"], headers={"x-aig-retry-budget": "5"})
    assert (reply.status_code, list(provider.models())) == (400, ["m-2026"])
    assert told(reply) == (None, "p", "1")


# -- the same target again


def test_a_retry_budget_is_used_up_and_told(client: httpx.Client, provider: Provider, books: Bookkeeper) -> None:
    provider.scripts["m-2026"] = UNAVAILABLE
    reply = ask(client, headers={"x-aig-retry-budget": "2"})
    assert (reply.status_code, list(provider.models())) == (503, ["m-2026"] * 3)
    assert told(reply) == (None, "p", "3")
    until(lambda: line_of(books, reply).get("attempts") == 3)  # the line of a failure is written after its answer
    assert len(provider.seen) == 3


def test_a_retry_that_succeeds_is_an_answer_like_any_other(client: httpx.Client, provider: Provider) -> None:
    async def first_not(seen: Seen, to: Line) -> None:
        await (UNAVAILABLE if len(provider.seen) == 1 else well)(seen, to)

    provider.scripts["m-2026"] = first_not
    reply = ask(client, stream=True, headers={"x-aig-retry-budget": "5"})
    assert told(reply) == ("p/m-2026", "p", "2")


def test_without_a_budget_nothing_is_asked_twice(client: httpx.Client, provider: Provider) -> None:
    provider.scripts["m-2026"] = UNAVAILABLE
    assert ask(client).status_code == 503
    assert len(provider.seen) == 1


def test_a_time_limit_ends_each_attempt(client: httpx.Client, provider: Provider) -> None:
    provider.scripts["m-2026"] = silent
    for streamed in (False, True):
        reply = ask(client, model=["m", "cheap"], stream=streamed, headers={"x-aig-timeout-ms": "100"})
        assert told(reply) == ("p/cheap-2026", "p", "2")
    provider.scripts["m-2026"] = begun_in_silence
    reply = ask(client, model=["m", "cheap"], stream=True, headers={"x-aig-timeout-ms": "100"})
    assert told(reply) == ("p/cheap-2026", "p", "2"), "a head is no answer"
    provider.scripts["m-2026"] = silent
    alone = ask(client, headers={"x-aig-timeout-ms": "100"})
    assert (alone.status_code, alone.json()["error"]["code"]) == (504, "upstream_timeout")


def test_a_time_limit_does_not_end_a_stream_that_has_begun(client: httpx.Client, provider: Provider) -> None:
    async def slow(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("m", {"role": "assistant", "content": "a"}))
        await asyncio.sleep(0.3)  # longer than the limit below: what is tested is time itself
        await to.piece(event("m", {"content": "b"}, "stop"))
        await to.end_stream()

    provider.scripts["m-2026"] = slow
    reply = ask(client, stream=True, headers={"x-aig-timeout-ms": "100"})
    assert '"b"' in reply.text


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-aig-retry-budget", "6"),
        ("x-aig-retry-budget", "-1"),
        ("x-aig-timeout-ms", "0"),
        ("x-tollway-timeout-ms", "soon"),
        ("x-aig-fallback", "a,,b"),
        ("x-aig-fallback", "a,a"),
        ("x-ingate-fallback", ",".join("abcdefghi")),
    ],
)
def test_a_header_that_is_wrong_is_named(client: httpx.Client, provider: Provider, header: str, value: str) -> None:
    reply = ask(client, headers={header: value})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, header)
    assert not provider.seen


# -- which target


def test_policies_order_the_models(client: httpx.Client, provider: Provider) -> None:
    asked = ["m", "dear", "cheap"]
    assert told(ask(client, model=asked, routing={"policy": "lowest_cost"}))[0] == "p/cheap-2026"
    assert told(ask(client, model=asked, routing={"policy": "pinned"}))[0] == "p/m-2026"
    assert told(ask(client, model=asked, routing={"policy": "lowest_cost", "allow_fallback": False}))[2] == "1"
    latency = ask(client, model=asked, routing={"policy": "lowest_latency"})
    assert told(latency)[0] == "p/m-2026"
    assert "nothing is measured yet" in latency.headers["x-tollway-warning"]
    provider.scripts["m-2026"] = UNAVAILABLE
    assert ask(client, model=asked, routing={"policy": "pinned"}).status_code == 503


def test_providers_are_chosen_and_put_in_order(client: httpx.Client) -> None:
    assert told(ask(client, model="both", routing={"providers": ["q"]}))[0] == "q/b"
    assert told(ask(client, model="both", routing={"providers": ["q", "p"]}))[0] == "q/b"
    nowhere = ask(client, model="m", routing={"providers": ["q"]})
    assert (nowhere.status_code, nowhere.json()["error"]["param"]) == (400, "routing")
    assert "it is at p" in nowhere.json()["error"]["message"]


def test_a_price_limit_leaves_what_costs_less_or_says_what_to_raise(client: httpx.Client) -> None:
    limit = {"max_cost_per_1m_input": 0.5}
    assert told(ask(client, model=["dear", "m", "cheap", "both"], routing=limit))[0] == "p/cheap-2026"
    assert told(ask(client, model="both", routing=limit))[0] == "p/b", "the model's discount counts"
    nothing = ask(client, model=["m", "dear"], routing=limit)
    assert (nothing.status_code, nothing.json()["error"]["param"]) == (400, "routing")
    assert "raise it to 1.00" in nothing.json()["error"]["message"]


# -- what cannot be asked


def test_unknown_models_are_all_named(client: httpx.Client, provider: Provider) -> None:
    reply = ask(client, model=["m", "nope", "cheap", "nada"])
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "'nope', 'nada'" in error["message"]
    assert ask(client, fallbacks=["nope"]).status_code == 404
    assert ask(client, headers={"x-aig-fallback": "nope"}).status_code == 404
    assert not provider.seen


def test_a_fallback_that_the_key_may_not_use_is_refused(tollway: Deployment, books: Bookkeeper) -> None:
    limited = tollway.client(str(books.key(books.account(), models=["m", "cheap"])["key"]))
    assert ask(limited, fallbacks=["cheap"]).status_code == 200
    refused = ask(limited, fallbacks=["dear"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")
    assert told(ask(limited, model="auto", x_routing="quality"))[0] == "p/m-2026", "dear is none of its models"


def test_a_hold_that_covers_the_dearest_model_may_be_too_much(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account("0.005")
    poor = tollway.client(str(books.key(account)["key"]))
    assert ask(poor, model="cheap", max_tokens=1000).status_code == 200
    lowered = ask(poor, model="cheap", fallbacks=["dear"], max_tokens=1000)
    assert lowered.status_code == 200
    assert "lowered: max_tokens" in lowered.headers["x-tollway-warning"]


def test_a_package_covers_every_model_at_its_own_ratio(
    tollway: Deployment, books: Bookkeeper, provider: Provider
) -> None:
    account = books.account("5.00")
    models = [{"model": "m", "ratio": "1"}, {"model": "cheap", "ratio": "0.25"}]
    package = books.package(account, amount="100000", models=models)
    packed = tollway.client(str(books.key(account, billing="package", package=package)["key"]))
    provider.scripts["m-2026"] = UNAVAILABLE
    reply = ask(packed, fallbacks=["cheap"])
    assert told(reply)[0] == "p/cheap-2026"
    line = line_of(books, reply)
    assert (line["package_ratio"], Decimal(line["package_tokens"])) == ("25%", Decimal(1100) / 4)
    assert books.left(package) == 100_000 - Decimal(1100) / 4
    refused = ask(packed, fallbacks=["dear"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")


# -- auto


def test_auto_answers_with_the_first_model_and_says_which(client: httpx.Client, books: Bookkeeper) -> None:
    for model in ("auto", "auto/text", None):
        reply = ask(client, model=model)
        assert told(reply) == ("p/m-2026", "p", "1")
        assert reply.headers["x-auto-routed"] == "true"
        assert reply.headers["x-routing-selected"] == "m"
        assert reply.headers["x-routing-reason"] == "the first of 3"
        assert line_of(books, reply)["model_asked"] == (model or "auto")


def test_auto_goes_by_price_where_the_client_says_so(client: httpx.Client, provider: Provider) -> None:
    assert told(ask(client, model="auto", x_routing="cost"))[0] == "p/cheap-2026"
    assert told(ask(client, model="auto", x_routing="quality"))[0] == "p/dear-2026"
    bounded = ask(client, model="auto", baseline_model="m", x_routing="quality")
    assert (told(bounded)[0], bounded.headers["x-routing-reason"]) == (
        "p/m-2026",
        "the dearest of 2 within the baseline",
    )
    by_header = ask(client, model="auto", headers={"x-baseline-model": "cheap"})
    assert told(by_header)[0] == "p/cheap-2026"
    provider.scripts["cheap-2026"] = UNAVAILABLE
    second = ask(client, model="auto", stream=True, x_routing="cost")
    assert (told(second), second.headers["x-routing-selected"]) == (("p/m-2026", "p", "2"), "m")


def test_auto_of_something_else_is_asked_elsewhere(client: httpx.Client) -> None:
    image = ask(client, model="auto/image").json()["error"]
    assert (image["code"], image["param"]) == ("invalid_request", "model")
    assert "/v1/images/generations" in image["message"]
    assert ask(client, model="auto/nonsense").status_code == 404
    assert ask(client, model="auto", baseline_model="nope").json()["error"]["param"] == "baseline_model"


def test_auto_without_anything_to_choose_from_says_what_to_configure(client: httpx.Client) -> None:
    reply = client.post("/v1/embeddings", json={"model": "auto", "input": "hi"})
    assert reply.status_code == 404
    assert "[auto] embedding" in reply.json()["error"]["message"]
    missing = client.post("/v1/embeddings", json={"input": "hi"})
    assert (missing.status_code, missing.json()["error"]["param"]) == (400, "model")


# -- what replies say


def test_a_brand_tells_the_cost_in_cents(client: httpx.Client, books: Bookkeeper) -> None:
    reply = ask(client, model="cheap", headers={"host": "cents.test"})
    assert Decimal(reply.headers["x-cost-cents"]) == COSTS["cheap"] * 11 / 10 * 100
    assert reply.headers["x-aig-served-by"] == "p/cheap-2026"
    assert "x-cost-cents" not in ask(client, model="cheap").headers


def test_with_other_wishes_the_same_idempotency_key_is_another_request(client: httpx.Client) -> None:
    headers = {"idempotency-key": "one"}
    assert ask(client, headers=headers).status_code == 200
    assert ask(client, headers=headers).headers["x-idempotent-replay"] == "true"
    other = ask(client, headers=headers | {"x-aig-fallback": "cheap"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_other_dialects_wish_the_same(tollway: Deployment, client: httpx.Client, provider: Provider) -> None:
    provider.scripts["down-2026"] = UNAVAILABLE
    asked = {"model": ["down", "m"], "max_tokens": 100, "messages": MESSAGES}
    reply = client.post("/v1/messages", json=asked)
    assert reply.json()["content"][0]["text"] == "".join(CONTENT)
    assert told(reply) == ("p/m-2026", "p", "2")
    assert provider.seen[-1].path == "/v1/chat/completions", "translated"
    assert "fallbacks" not in provider.seen[-1].body
    gemini = {"contents": [{"parts": [{"text": "hi"}]}]}
    by_header = client.post("/v1beta/models/down:generateContent", json=gemini, headers={"x-aig-fallback": "cheap"})
    assert told(by_header) == ("p/cheap-2026", "p", "2")
    responses = client.post("/v1/responses", json={"model": "down", "input": "hi", "fallbacks": ["cheap"]})
    assert told(responses) == ("p/cheap-2026", "p", "2")
    tollway.check()


def test_answers_keep_their_bytes(client: httpx.Client, provider: Provider) -> None:
    async def exact(_: Seen, to: Line) -> None:
        await to.whole(answer("m-2026"))

    provider.scripts["m-2026"] = exact
    plain, wished = ask(client), ask(client, fallbacks=["cheap"])
    assert json.loads(plain.content) == json.loads(wished.content)
