"""What a client gets, and what it pays, when a provider refuses, breaks, stalls or talks nonsense."""

import asyncio
import json
import socket
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from tests.e2e.gateway.conftest import PROVIDER_KEY, Deploy
from tests.e2e.gateway.deployment import Deployment, settings_for, sse_data
from tests.e2e.gateway.provider import CONTENT, USAGE, Line, Provider, Script, Seen, answer, event, events

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"
QUICK = "timeouts = { connect_s = 1, first_byte_s = 0.4, idle_s = 0.4, total_s = 3 }"


def ask(model: str, **more: object) -> dict[str, object]:
    """Return a request body."""
    return {"model": f"p/{model}", "messages": MESSAGES, **more}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Deployment]:
    """A Tollway with short timeouts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        deployment = Deployment(tmp_path_factory.mktemp("quick"), settings_for(provider.port, more=QUICK)).start()
        yield deployment
        deployment.stop()


@pytest.fixture
def account(quick: Deployment) -> str:
    """A fresh account with money."""
    return quick.account("5.00")


@pytest.fixture
def client(quick: Deployment, account: str) -> httpx.Client:
    """A client with a key of it."""
    return quick.client(quick.key(account))


def status(line: str, body: bytes = b'{"error":{"message":"no","type":"t","code":"c"}}', **headers: str) -> Script:
    """Return a script that answers with a status."""

    async def script(_: Seen, to: Line) -> None:
        await to.whole(body, status=line, **headers)

    return script


async def hang_up(_: Seen, to: Line) -> None:
    """Close without an answer."""
    to.cut()


async def stall(_: Seen, __: Line) -> None:
    """Say nothing for longer than anyone waits."""
    await asyncio.sleep(20)


async def talk_nonsense(_: Seen, to: Line) -> None:
    """Answer in no known protocol."""
    await to.send(b"EHLO what is this\r\n\r\n")


async def cut_the_body(_: Seen, to: Line) -> None:
    """Promise more than comes."""
    body = answer("x")
    await to.head(content_type="application/json", content_length=str(len(body) + 10))
    await to.send(body)
    to.cut()


FAILURES: list[tuple[str, Script, int, str]] = [
    ("says400", status("400 Bad Request"), 400, "invalid_request"),
    ("says401", status("401 Unauthorized"), 502, "upstream_error"),
    ("says403", status("403 Forbidden"), 502, "upstream_error"),
    ("says404", status("404 Not Found"), 404, "model_not_found"),
    ("says429", status("429 Too Many", retry_after="7"), 429, "rate_limit_exceeded"),
    ("says500", status("500 Oops"), 502, "upstream_error"),
    ("says503", status("503 Busy"), 503, "upstream_unavailable"),
    ("says302", status("302 Found", location="http://169.254.169.254/"), 502, "upstream_error"),
    ("hangs_up", hang_up, 502, "upstream_error"),
    ("stalls", stall, 504, "upstream_timeout"),
    ("nonsense", talk_nonsense, 502, "upstream_error"),
    ("cut", cut_the_body, 502, "upstream_error"),
    ("html", status("200 OK", b"<html>Network connection lost</html>"), 502, "upstream_error"),
    ("list", status("200 OK", b"[1,2]"), 502, "upstream_error"),
    (
        "not_utf8",
        status("200 OK", answer("x" * 20_000).replace(b'"usage"', b'"\xff":1,"usage"')),
        502,
        "upstream_error",
    ),
    ("packed", status("200 OK", b"\x1f\x8b", content_encoding="gzip"), 502, "upstream_error"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("name", "script", "expected", "code"), FAILURES, ids=[name for name, *_ in FAILURES])
def test_a_failure_before_the_first_byte_is_an_error_and_free(
    quick: Deployment,
    provider: Provider,
    account: str,
    client: httpx.Client,
    name: str,
    script: Script,
    expected: int,
    code: str,
    streamed: bool,
) -> None:
    provider.scripts[name] = script
    response = client.post(CHAT, json=ask(name, stream=streamed))
    assert response.status_code == expected, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert "'p'" in error["message"]
    assert response.headers.get("retry-after") == ("7" if name == "says429" else None)
    assert quick.balance(account) == (Decimal(5), 0)
    line = quick.command("requests", "show", response.headers["x-request-id"])
    assert line["outcome"] == "failed"
    assert Decimal(line["total_cost"]) == 0


def test_a_provider_that_is_not_there_is_a_503(deploy: Deploy) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        gone = (
            f'[[providers]]\nname = "gone"\npreset = "openai-compatible"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
            '[[models]]\nid = "gone"\ntargets = [{ provider = "gone", model = "x" }]\nprice = { input = "1", output = "1" }\n'
        )
        tollway = deploy(more=gone)
        client = tollway.client(tollway.key(tollway.account()))
        response = client.post(CHAT, json={"model": "gone", "messages": MESSAGES})
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "upstream_unavailable"


def test_the_next_target_answers_when_the_first_cannot(deploy: Deploy, provider: Provider) -> None:
    provider.scripts["first"] = status("500 Oops")
    both = (
        '[[models]]\nid = "two"\ntargets = [{ provider = "p", model = "first", weight = 1000000 }, '
        '{ provider = "p", model = "second" }]\nprice = { input = "1", output = "2" }\n'
    )
    tollway = deploy(more=both)
    client = tollway.client(tollway.key(tollway.account()))
    for streamed in (False, True):
        response = client.post(CHAT, json={"model": "two", "messages": MESSAGES, "stream": streamed})
        assert response.status_code == 200
        line = tollway.command("requests", "show", response.headers["x-request-id"])
        assert line["model_routed"] == "second"
        assert line["attempts"] == 2


def breaking(how: str) -> Script:
    """Return a script that begins a stream well and then breaks it."""

    async def script(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for text in CONTENT[:3]:
            await to.piece(event("x", {"content": text}))
        if how == "cut":
            to.cut()
        elif how == "end":
            await to.end_stream()
        elif how == "error":
            await to.piece(b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n')
            await to.end_stream()
        elif how == "stall":
            await asyncio.sleep(20)
        elif how == "half":
            await to.piece(event("x", {"content": " lost"})[:20])
            to.cut()

    return script


@pytest.mark.parametrize("how", ["cut", "end", "error", "stall", "half"])
def test_a_stream_that_breaks_ends_with_an_error_and_charges_what_was_delivered(
    quick: Deployment, provider: Provider, account: str, client: httpx.Client, how: str
) -> None:
    provider.scripts[how] = breaking(how)
    response = client.post(CHAT, json=ask(how, stream=True))
    assert response.status_code == 200
    *chunks, last = [json.loads(data, parse_float=Decimal) for data in sse_data(response.text)]
    assert "[DONE]" not in response.text
    assert 'finish_reason":"' not in response.text
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == list(CONTENT[:3])
    assert last["error"]["code"] in {"upstream_error", "upstream_timeout"}
    line = quick.command("requests", "show", response.headers["x-request-id"])
    assert line["outcome"] == "upstream_broke"
    assert line["basis"] == "estimated"
    assert Decimal(line["total_cost"]) == last["usage"]["total_cost_usd"] > 0
    assert quick.balance(account) == (5 - Decimal(line["total_cost"]), 0)
    quick.check()


def test_a_client_that_leaves_stops_the_provider_and_pays_for_what_was_generated(
    quick: Deployment, provider: Provider, account: str
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def script(seen: Seen, to: Line) -> None:
        await to.start_stream()
        try:
            while True:
                await to.piece(event("x", {"content": " more"}))
                begun.set()
                await asyncio.sleep(0.01)
        except ConnectionError:
            stopped.set()

    provider.scripts["endless"] = script
    with quick.client(quick.key(account)).stream("POST", CHAT, json=ask("endless", stream=True)) as response:
        request_id = response.headers["x-request-id"]
        next(response.iter_raw())
    done = asyncio.run_coroutine_threadsafe(asyncio.wait_for(stopped.wait(), 10), provider.loop)
    assert done.result(15)
    line = quick.command("requests", "show", request_id)
    assert line["outcome"] == "client_gone"
    assert line["status"] == 499
    assert Decimal(line["total_cost"]) > 0
    assert "client left" in line["billed_reason"]
    assert quick.balance(account)[1] == 0


def test_the_rest_of_the_provider_survives_one_broken_stream(provider: Provider, client: httpx.Client) -> None:
    provider.scripts["cut"] = breaking("cut")
    for _ in range(3):
        client.post(CHAT, json=ask("cut", stream=True))
        assert client.post(CHAT, json=ask("fine")).status_code == 200


def test_no_key_shows_in_any_reply_or_log(quick: Deployment, provider: Provider, account: str) -> None:
    leak = f'{{"error":{{"message":"bad key {PROVIDER_KEY}","code":"{PROVIDER_KEY}"}}}}'.encode()
    key = quick.key(account)
    client = quick.client(key)
    told = ""
    for line in ("400 Bad", "401 No", "500 Oops"):
        provider.scripts["leak"] = status(line, leak)
        told += client.post(CHAT, json=ask("leak")).text
    provider.scripts["leak"] = lambda seen, to: to.whole(b'data: {"error":"' + PROVIDER_KEY.encode() + b'"}\n\n')
    told += client.post(CHAT, json=ask("leak", stream=True)).text
    told += quick.client(key + "x").get("/v1/models").text
    told += quick.run("requests", "list").stdout + quick.run("key", "list").stdout + quick.run("check").stdout
    told += quick.log.read_text()
    assert PROVIDER_KEY not in told
    assert key not in told
    assert key.encode() not in (quick.folder / "tollway-data" / "tollway.db").read_bytes()


def test_usage_on_events_and_the_streams_own_ending_do_not_confuse_the_books(
    quick: Deployment, provider: Provider, account: str, client: httpx.Client
) -> None:
    async def script(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for piece in events("x", usage=None)[:-2]:
            await to.piece(piece)
        await to.piece(event("x", {}, "stop", usage=USAGE))
        await to.end_stream()  # no [DONE]: Perplexity and Gemini send none

    provider.scripts["nodone"] = script
    response = client.post(CHAT, json=ask("nodone", stream=True))
    assert sse_data(response.text)[-1] == "[DONE]"
    assert quick.balance(account) == (Decimal("4.9988"), 0)


def test_an_answer_is_charged_when_it_is_delivered_and_never_otherwise_however_deep_it_is(
    quick: Deployment, provider: Provider, account: str, client: httpx.Client
) -> None:
    expected = Decimal(5)
    for depth in (10, 900, *range(985, 1003), 5000):
        odd = b"[" * depth + b"]" * depth

        async def deep(seen: Seen, to: Line, odd: bytes = odd) -> None:
            await to.whole(answer("x").replace(b'"object"', b'"odd":' + odd + b',"object"'))

        provider.scripts["deep"] = deep
        response = client.post(CHAT, json=ask("deep"))
        if response.status_code == 200:
            expected -= Decimal("0.0012")
        assert quick.balance(account) == (expected, 0), f"depth {depth}: {response.status_code}"
