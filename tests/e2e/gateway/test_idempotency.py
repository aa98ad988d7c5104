"""Requests with an Idempotency-Key: sent again, they get the same bytes, and nobody pays twice."""

import asyncio
import json
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import openai
import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import COST, Deployment, sse_data
from tests.e2e.gateway.provider import CONTENT, USAGE, Line, Provider, Seen, answer, event, events
from tests.e2e.gateway.test_http import BODY, connect, post
from tests.waiting import until

STREAM = json.dumps(json.loads(BODY) | {"stream": True}).encode()
REPLAY = "x-idempotent-replay"


class Got(NamedTuple):
    """One answer as it came over the wire, its body without the marks of its chunks."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error object."""
        return json.loads(self.body)["error"]

    @property
    def replayed(self) -> bool:
        """Whether it says that it was given before."""
        return self.headers.get(REPLAY) == "true"


def read(sock: socket.socket) -> Got:
    """Read one answer that ends with its connection."""
    head, _, rest = sock.makefile("rb").read().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Got(int(first.split()[1]), headers, dechunked(rest) if "transfer-encoding" in headers else rest)


def dechunked(data: bytes) -> bytes:
    """Return the body of a chunked answer, which must be whole."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            assert data == b"\r\n"
            return body
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


def begin(tollway: Deployment, key: str, body: bytes, name: str, **more: str) -> socket.socket:
    """Send a request with an idempotency key and return its connection."""
    sock = connect(tollway)
    sock.sendall(post(key, body, connection="close", idempotency_key=name, **more))
    return sock


def ask(tollway: Deployment, key: str, body: bytes, name: str, **more: str) -> Got:
    """Send a request with an idempotency key and return its answer."""
    with begin(tollway, key, body, name, **more) as sock:
        return read(sock)


def asking(model: str, *, stream: bool = False) -> bytes:
    """Return the body of a request for a model."""
    return json.dumps(json.loads(BODY) | {"model": model, "stream": stream}).encode()


def rows(tollway: Deployment) -> list[tuple[Any, ...]]:
    """Return what the store keeps of answers."""
    with closing(sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db")) as store:
        return store.execute("SELECT state, exchange_id, worker_id, length(body) FROM idempotency").fetchall()


class Office:
    """The admin API of one gateway: a command costs a process, and these tests look at the books again and again."""

    def __init__(self, tollway: Deployment) -> None:
        self.tollway = tollway
        self.admin_key = tollway.command("admin-key", "create", "--name", "test")["key"]

    def post(self, path: str, **body: str) -> Any:
        """Have something made."""
        return self._answer("POST", path, json=body)

    def get(self, path: str, **query: str) -> Any:
        """Look something up."""
        return self._answer("GET", path, params=query)

    def _answer(self, method: str, path: str, **sent: Any) -> Any:
        with httpx.Client(base_url=f"{self.tollway.url}/admin/v1", headers={"x-admin-key": self.admin_key}) as client:
            got = client.request(method, path, timeout=30, **sent)
        assert got.is_success, got.text
        return got.json()


class Asker:
    """An account with a key, and what it has been charged."""

    def __init__(self, office: Office, provider: Provider) -> None:
        self.office = office
        self.tollway = office.tollway
        self.provider = provider
        self.account = office.post("/accounts", name="test", credit="5.00")["id"]
        self.key = self.new_key()
        self._before = len(provider.seen)

    def __call__(self, body: bytes, name: str, **more: str) -> Got:
        return ask(self.tollway, self.key, body, name, **more)

    def new_key(self) -> str:
        """Make another key of the account."""
        return self.office.post("/keys", account=self.account, name="test")["key"]

    @property
    def sent(self) -> int:
        """How many requests the provider got."""
        return len(self.provider.seen) - self._before

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of the account that charge something, newest first."""
        listed = self.office.get("/requests", account=self.account, limit="1000")["data"]
        return [line for line in listed if Decimal(line["total_cost"])]

    def paid(self) -> Decimal:
        """Return what the account has paid; nothing is held."""
        balance = self.office.get(f"/accounts/{self.account}/balance")
        assert Decimal(balance["held"]) == 0
        assert self.office.get("/ledger/check")["problems"] == []
        return 5 - Decimal(balance["balance"])


@pytest.fixture(scope="module")
def office(tollway: Deployment) -> Office:
    """The admin API of this module's gateway."""
    return Office(tollway)


@pytest.fixture
def asker(office: Office, provider: Provider) -> Asker:
    """An account on this module's gateway."""
    return Asker(office, provider)


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["plain", "streamed"])
def test_lesson_15_the_same_request_gets_the_same_bytes_and_is_charged_once(asker: Asker, body: bytes) -> None:
    first, second, third = (asker(body, "same") for _ in range(3))
    assert (first.status, first.replayed) == (200, False)
    assert REPLAY not in first.headers
    assert second.body == third.body == first.body
    assert (second.status, second.headers) == (200, first.headers | {REPLAY: "true"})
    assert third.headers == second.headers
    assert asker.sent == 1
    (line,) = asker.lines
    assert line["id"] == second.headers["x-request-id"]
    assert asker.paid() == COST


def test_lesson_53_a_stream_that_is_given_again_shows_its_usage_and_its_cost(asker: Asker) -> None:
    first, second = (asker(STREAM, "usage") for _ in range(2))
    *_, last, done = sse_data(second.body.decode())
    assert (second.replayed, done) == (True, "[DONE]")
    usage = json.loads(last, parse_float=Decimal)["usage"]
    assert {name: usage[name] for name in USAGE} == USAGE
    (line,) = asker.lines
    assert usage["total_cost_usd"] == Decimal(line["total_cost"]) == asker.paid() == COST
    assert first.body == second.body


def test_the_official_client_gets_the_same_answer_twice(asker: Asker) -> None:
    with openai.OpenAI(base_url=f"{asker.tollway.url}/v1", api_key=asker.key, max_retries=0) as client:
        messages: list[Any] = [{"role": "user", "content": "Hello"}]
        sent = {"Idempotency-Key": "from-the-client"}
        wholes = [
            client.chat.completions.create(model="m", messages=messages, extra_headers=sent).model_dump()
            for _ in range(2)
        ]
        sent = {"Idempotency-Key": "streamed-from-the-client"}
        streams = [
            [
                chunk.model_dump()
                for chunk in client.chat.completions.create(
                    model="m", messages=messages, stream=True, extra_headers=sent
                )
            ]
            for _ in range(2)
        ]
        with pytest.raises(openai.ConflictError) as conflict:
            client.chat.completions.create(model="m", messages=[], extra_headers=sent)
    assert wholes[0] == wholes[1]
    assert streams[0] == streams[1]
    assert "".join(chunk["choices"][0]["delta"]["content"] or "" for chunk in streams[1]) == "".join(CONTENT)
    assert conflict.value.code == "idempotency_conflict"
    assert (asker.sent, asker.paid()) == (2, 2 * COST)


def test_another_body_or_path_under_the_same_key_is_a_conflict(asker: Asker) -> None:
    first = asker(BODY, "once")
    for got in (asker(STREAM, "once"), asker(BODY + b" ", "once"), asker(BODY, "once", path="/chat/completions")):
        assert (got.status, got.error["code"]) == (409, "idempotency_conflict")
        assert got.error["metadata"] == {"reason": "another_request", "request_id": first.headers["x-request-id"]}
        assert got.headers["x-should-retry"] == "false"
        assert "retry-after" not in got.headers
    assert (asker.sent, asker.paid()) == (1, COST)


def test_keys_of_two_accounts_and_of_two_sub_accounts_never_meet(asker: Asker, provider: Provider) -> None:
    other = Asker(asker.office, provider)
    mine, theirs = asker(BODY, "1"), other(BODY, "1")
    assert mine.status == theirs.status == 200
    assert not theirs.replayed
    assert (asker.paid(), other.paid()) == (COST, COST)
    # A second key of the same account is the same asker: a client that was given a new key may ask again.
    again = ask(asker.tollway, asker.new_key(), BODY, "1")
    assert again.replayed
    assert again.body == mine.body


@pytest.mark.parametrize(
    ("sent", "says"),
    [("", "1 to 256 bytes"), ("x" * 257, "1 to 256 bytes"), ("a\u200bb", "printable")],
    ids=["empty", "too long", "not printable"],
)
def test_a_key_that_is_none_is_refused(asker: Asker, sent: str, says: str) -> None:
    got = asker(BODY, sent)
    assert (got.status, got.error["code"], got.error["param"]) == (400, "invalid_request", "idempotency-key")
    assert says in got.error["message"]
    assert asker.sent == 0


def test_a_key_of_the_longest_length_is_one(asker: Asker) -> None:
    assert asker(BODY, "x" * 256).status == 200
    assert asker(BODY, "x" * 256).replayed
    assert asker.paid() == COST


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_what_failed_is_free_and_may_be_asked_again_under_its_key(
    asker: Asker, provider: Provider, stream: bool
) -> None:
    broken = [True]

    async def at_first(seen: Seen, to: Line) -> None:
        if broken.pop() if broken else False:
            await to.whole(b'{"error": {"message": "no"}}', status="500 Oops")
        elif stream:
            await to.start_stream()
            for piece in events("x"):
                await to.piece(piece)
            await to.end_stream()
        else:
            await to.whole(answer("x"))

    provider.scripts["at-first"] = at_first
    body = asking("p/at-first", stream=stream)
    assert asker(body, "retried").status == 502
    assert asker.paid() == 0
    second, third = asker(body, "retried"), asker(body, "retried")
    assert (second.status, second.replayed, third.replayed) == (200, False, True)
    assert third.body == second.body
    assert (asker.sent, asker.paid()) == (2, COST)


def test_a_refusal_leaves_the_key_free_also_for_another_request(asker: Asker) -> None:
    assert asker(asking("unheard-of"), "free").status == 404
    assert asker(b"{", "free").status == 400
    assert asker(BODY, "free").status == 200
    assert (asker.sent, asker.paid()) == (1, COST)


def test_a_stream_that_broke_off_is_charged_once_and_told_the_same_way_again(asker: Asker, provider: Provider) -> None:
    async def break_off(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("x", {"content": "Hello"}))
        to.cut()

    provider.scripts["breaks"] = break_off
    first, second = (asker(asking("p/breaks", stream=True), "broken") for _ in range(2))
    assert first.body == second.body
    assert b'"error"' in first.body
    assert b"[DONE]" not in first.body
    assert (second.replayed, asker.sent) == (True, 1)
    (line,) = asker.lines
    assert line["outcome"] == "upstream_broke"
    assert asker.paid() == Decimal(line["total_cost"]) > 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_answer_that_is_too_long_to_be_kept_is_given_once_and_never_charged_twice(
    asker: Asker, provider: Provider, stream: bool
) -> None:
    text = "x" * (4 * 1024 * 1024)

    async def long(seen: Seen, to: Line) -> None:
        if stream:
            await to.start_stream()
            for piece in (event("x", {"content": text}), *events("x")[1:]):
                await to.piece(piece)
            await to.end_stream()
        else:
            await to.whole(answer("x", text=text))

    provider.scripts["long"] = long
    first, second = (asker(asking("p/long", stream=stream), "long") for _ in range(2))
    assert first.status == 200
    assert text.encode() in first.body
    assert (second.status, second.error["code"]) == (409, "idempotency_conflict")
    assert second.error["metadata"] == {"reason": "not_kept", "request_id": first.headers["x-request-id"]}
    assert first.headers["x-request-id"] in second.error["message"]
    assert second.headers["x-should-retry"] == "false"
    assert (asker.sent, asker.paid()) == (1, COST)


class Gated:
    """A provider that stops until it is let go: before its head, or behind the first content of a stream."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gate = asyncio.Event()
        provider.scripts["gated"] = self

    async def __call__(self, seen: Seen, to: Line) -> None:
        if not seen.body.get("stream"):
            await self._gate.wait()
            await to.whole(answer("gated"))
            return
        first, *rest = events("gated")[1:]
        await to.start_stream()
        await to.piece(first)
        await self._gate.wait()
        for piece in rest:
            await to.piece(piece)
        await to.end_stream()

    def open(self) -> None:
        """Let it go on."""
        self._provider.call(self._gate.set)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_while_the_first_request_runs_the_others_are_told_when_to_come_again(
    asker: Asker, provider: Provider, stream: bool
) -> None:
    gated = Gated(provider)
    body = asking("p/gated", stream=stream)
    with begin(asker.tollway, asker.key, body, "running") as sock:
        until(lambda: asker.sent == 1)
        early = asker(body, "running")
        assert (early.status, early.error["metadata"]["reason"]) == (409, "still_running")
        assert 1 <= int(early.headers["retry-after"]) <= 30
        assert early.headers["x-should-retry"] == "true"
        gated.open()
        first = read(sock)
    assert first.headers["x-request-id"] == early.error["metadata"]["request_id"]
    assert asker(body, "running").body == first.body
    assert (asker.sent, asker.paid()) == (1, COST)


def test_the_official_client_waits_for_an_answer_that_is_on_its_way(asker: Asker, provider: Provider) -> None:
    gated = Gated(provider)
    body = asking("p/gated")
    with (
        openai.OpenAI(base_url=f"{asker.tollway.url}/v1", api_key=asker.key, max_retries=5) as client,
        begin(asker.tollway, asker.key, body, "awaited") as sock,
        ThreadPoolExecutor() as threads,
    ):
        until(lambda: asker.sent == 1)
        sent = {"Idempotency-Key": "awaited", "Content-Type": "application/json"}
        posting = threads.submit(
            client.post, "/chat/completions", cast_to=object, content=body, options={"headers": sent}
        )
        gated.open()
        first = read(sock)
        assert posting.result(20) == json.loads(first.body)
    assert (asker.sent, asker.paid()) == (1, COST)


def test_of_fifty_at_once_one_reaches_the_provider_and_one_is_charged(asker: Asker, provider: Provider) -> None:
    gated = Gated(provider)
    body = asking("p/gated", stream=True)
    socks = [begin(asker.tollway, asker.key, body, "fifty") for _ in range(50)]
    until(lambda: asker.sent == 1)
    gated.open()
    got = [read(sock) for sock in socks]
    for sock in socks:
        sock.close()
    answered = [one for one in got if one.status == 200]
    refused = [one for one in got if one.status == 409]
    assert len(answered) + len(refused) == 50
    assert len({one.body for one in answered}) == 1
    assert [one.replayed for one in answered].count(False) == 1
    assert all(one.error["metadata"]["reason"] == "still_running" for one in refused)
    assert asker(body, "fifty").body == answered[0].body
    assert (asker.sent, len(asker.lines), asker.paid()) == (1, 1, COST)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_client_that_left_gets_the_whole_answer_when_it_asks_again(
    asker: Asker, provider: Provider, stream: bool
) -> None:
    gated = Gated(provider)
    body = asking("p/gated", stream=stream)
    with begin(asker.tollway, asker.key, body, "left") as sock:
        until(lambda: asker.sent == 1)
        if stream:
            assert sock.recv(1)
    until(lambda: asker.tollway.client().get("/livez").status_code == 200)
    gated.open()
    until(lambda: asker.tollway.client().get("/health").json()["running_exchanges"] == 0)
    got = asker(body, "left")
    assert (got.status, got.replayed) == (200, True)
    if stream:
        text = "".join(
            chunk["choices"][0]["delta"].get("content") or ""
            for chunk in map(json.loads, got.body.decode().replace("data: ", "").split("\n\n")[:-2])
        )
        assert text == "".join(CONTENT)
        assert got.body.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(got.body)["choices"][0]["message"]["content"] == "".join(CONTENT)
    (line,) = asker.lines
    assert (line["id"], line["outcome"]) == (got.headers["x-request-id"], "drained")
    assert (asker.sent, asker.paid()) == (1, COST)


def test_nothing_of_an_answer_or_a_key_can_be_read_from_the_store(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    asker = Asker(Office(tollway), provider)

    async def telling(seen: Seen, to: Line) -> None:
        await to.whole(answer("x", text="the canary sings"))

    provider.scripts["telling"] = telling
    assert b"the canary sings" in asker(asking("p/telling"), "a-key-with-a-canary").body
    assert [state for state, *_ in rows(tollway)] == ["done"]
    tollway.stop()
    for file in (tollway.folder / "tollway-data").iterdir():
        if file.is_file():
            content = file.read_bytes()
            assert b"canary sings" not in content
            assert b"with-a-canary" not in content


def test_a_key_is_free_again_after_a_day_and_its_answer_is_swept(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    asker = Asker(Office(tollway), provider)
    first = asker(BODY, "daily")
    asker(BODY, "other")
    asker(BODY, "young")
    assert asker(BODY, "daily").replayed
    store = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db")
    day_ms = 24 * 3600 * 1000
    with closing(store), store:  # as if two of them were of yesterday
        assert store.execute("SELECT DISTINCT expires_ms - created_ms FROM idempotency").fetchall() == [(day_ms,)]
        store.execute(
            "UPDATE idempotency SET created_ms = created_ms - ?, expires_ms = expires_ms - ? "
            "WHERE rowid IN (SELECT rowid FROM idempotency ORDER BY created_ms LIMIT 2)",
            (day_ms, day_ms),
        )
    second = asker(BODY, "daily")
    assert (second.status, second.replayed) == (200, False)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert (asker.sent, asker.paid()) == (4, 4 * COST)


def test_a_gateway_that_is_killed_charges_nothing_and_the_next_try_is_a_new_request(
    deploy: Deploy, provider: Provider
) -> None:
    tollway = deploy()
    asker = Asker(Office(tollway), provider)
    gated = Gated(provider)
    body = asking("p/gated", stream=True)
    with begin(tollway, asker.key, body, "killed") as sock:
        until(lambda: asker.sent == 1)
        assert sock.recv(1)
        assert [state for state, *_ in rows(tollway)] == ["running"]
        tollway.kill()
    gated.open()
    tollway.start()
    second, third = asker(body, "killed"), asker(body, "killed")
    assert (second.status, second.replayed, third.replayed) == (200, False, True)
    assert third.body == second.body
    assert (asker.sent, len(asker.lines), asker.paid()) == (2, 1, COST)


def test_a_gateway_that_is_killed_after_its_answer_gives_it_again(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    asker = Asker(Office(tollway), provider)
    first = asker(STREAM, "kept")
    tollway.kill()
    tollway.start()
    second = asker(STREAM, "kept")
    assert (second.replayed, second.body) == (True, first.body)
    assert (asker.sent, asker.paid()) == (1, COST)


def worker_of(got: Got) -> int:
    """Return the number of the worker that answered, which is a part of every request id."""
    return (int(got.headers["x-request-id"].removeprefix("req_"), 16) >> 12) & 1023


def test_two_workers_know_of_each_others_answers(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(server="workers = 2")
    asker = Asker(Office(tollway), provider)
    gated = Gated(provider)
    body = asking("p/gated", stream=True)
    with begin(tollway, asker.key, body, "shared") as sock:
        until(lambda: asker.sent == 1)
        refused = [asker(body, "shared") for _ in range(20)]
        gated.open()
        first = read(sock)
    assert {one.status for one in refused} == {409}
    assert all(1 <= int(one.headers["retry-after"]) <= 30 for one in refused)
    seen = {worker_of(one) for one in refused}
    while len(seen) < 2:  # the kernel chooses who takes a connection
        one = asker(body[:-1] + b" }", "shared")
        assert one.error["metadata"]["reason"] == "another_request"
        seen.add(worker_of(one))
    assert len(seen) == 2
    assert worker_of(first) in seen
    # A replay has the id of the first answer, so it does not say who gave it: fifty of them come from both.
    again = [asker(body, "shared") for _ in range(50)]
    assert {(one.status, one.body, one.replayed) for one in again} == {(200, first.body, True)}
    assert (asker.sent, len(asker.lines), asker.paid()) == (1, 1, COST)


def test_a_store_that_cannot_be_written_refuses_before_anything_is_bought(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    asker = Asker(Office(tollway), provider)
    assert asker(BODY, "before").status == 200
    other = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = asker(BODY, "locked")
    assert (refused.status, refused.error["code"]) == (503, "not_ready")
    assert asker.sent == 1
    other.execute("ROLLBACK")
    other.close()
    until(lambda: tollway.client().get("/readyz").status_code == 200)
    second, third = asker(BODY, "locked"), asker(BODY, "locked")
    assert (second.status, second.replayed, third.replayed) == (200, False, True)
    assert (asker.sent, asker.paid()) == (2, 2 * COST)
