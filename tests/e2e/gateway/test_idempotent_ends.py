"""Requests with an Idempotency-Key that do not end well: what the next try gets, and what is charged."""

import asyncio
from decimal import Decimal

import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.provider import Line, Provider, Seen, event, events
from tests.e2e.gateway.test_idempotency import REPLAY, Asker, Gated, Got, Office, asking, begin, read, rows
from tests.e2e.gateway.test_interrupted import impatient
from tests.waiting import until
from tollway.relay.pump import KEEPALIVE_COMMENT

BROKEN = b"The client had left, and the answer was not read to its end."


def leave(asker: Asker, name: str, *, model: str = "p/gated") -> None:
    """Ask for a stream, and leave once it has begun."""
    with begin(asker.tollway, asker.key, asking(model, stream=True), name) as sock:
        assert sock.recv(1)


def settled(asker: Asker) -> None:
    """Wait until nothing runs."""
    until(lambda: asker.tollway.client().get("/health").json()["running_exchanges"] == 0)


def test_an_answer_that_is_not_read_to_its_end_is_paid_and_kept_as_far_as_it_came(
    deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "tollway.relay.exchange:DRAIN_S=0.3")
    asker = Asker(Office(deploy()), provider)
    gated = Gated(provider)
    leave(asker, "left")
    settled(asker)
    gated.open()
    got = asker(asking("p/gated", stream=True), "left")
    assert (got.status, got.replayed) == (200, True)
    assert b'"content":"Four"' in got.body
    assert BROKEN in got.body
    assert b"[DONE]" not in got.body
    (line,) = asker.lines
    assert (line["id"], line["outcome"], line["basis"]) == (got.headers["x-request-id"], "client_gone", "estimated")
    assert (asker.sent, asker.paid()) == (1, Decimal(line["total_cost"]))


def test_no_more_answers_are_read_on_than_drains_are_allowed(
    deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "tollway.relay.exchange:DRAINS_MAX=1")
    asker = Asker(Office(deploy()), provider)
    gated = Gated(provider)
    leave(asker, "first")
    leave(asker, "second")
    until(lambda: asker.tollway.client().get("/health").json()["running_exchanges"] == 1)
    gated.open()
    settled(asker)
    body = asking("p/gated", stream=True)
    first, second = asker(body, "first"), asker(body, "second")
    assert first.body.endswith(b"data: [DONE]\n\n")
    assert BROKEN in second.body
    assert (first.replayed, second.replayed, asker.sent, len(asker.lines)) == (True, True, 2, 2)
    assert asker.paid() == sum(Decimal(line["total_cost"]) for line in asker.lines)


def test_comments_of_a_silent_stream_are_repeated_and_a_failure_behind_them_is_free(
    deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "tollway.relay.pump:KEEPALIVE_S=0.1")
    asker = Asker(Office(deploy()), provider)
    failing = [True]
    gate = asyncio.Event()

    async def thinks(seen: Seen, to: Line) -> None:
        await gate.wait()
        gate.clear()
        if failing.pop() if failing else False:
            await to.whole(b'{"error":{"message":"overloaded"}}', status="500 Oops")
            return
        await to.start_stream()
        for piece in events("x"):
            await to.piece(piece)
        await to.end_stream()

    provider.scripts["thinks"] = thinks
    body = asking("p/thinks", stream=True)

    def think() -> Got:
        with begin(asker.tollway, asker.key, body, "silent") as sock:
            assert sock.recv(1)  # of the head, which came with the first comment
            provider.call(gate.set)
            got = read(sock)
        assert got.body.startswith(KEEPALIVE_COMMENT)
        return got

    failed = think()
    assert b'"error"' in failed.body
    assert (asker.paid(), rows(asker.tollway)) == (0, [])
    first = think()
    assert first.body.endswith(b"data: [DONE]\n\n")
    again = asker(body, "silent")
    assert (again.replayed, again.body) == (True, first.body)
    assert (asker.sent, len(asker.lines)) == (2, 1)
    assert asker.paid() == Decimal("0.0012")


def test_a_stream_whose_money_ended_is_told_the_same_way_again_however_rich_one_is_by_then(
    deploy: Deploy, provider: Provider
) -> None:
    open_ended = """
    [[models]]
    id = "open"
    targets = [{ provider = "p", model = "open" }]
    price = { input = "1", output = "2" }
    """
    asker = Asker(Office(deploy(more=open_ended)), provider)
    poor = asker.office.post("/accounts", name="poor", credit="0.01")["id"]
    key = asker.office.post("/keys", account=poor, name="poor")["key"]

    async def writes_on(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for _ in range(1000):
            await to.piece(event("open", {"content": " word" * 80}))
        await to.end_stream()

    provider.scripts["open"] = writes_on

    def ask() -> Got:
        with begin(asker.tollway, key, asking("open", stream=True), "poor") as sock:
            return read(sock)

    first = ask()
    assert b'"insufficient_quota"' in first.body
    assert b'"finish_reason":"length"' in first.body
    asker.office.post(f"/accounts/{poor}/credits", amount="5.00", reason="rich")
    again = ask()
    assert (again.status, again.body, again.headers) == (200, first.body, first.headers | {REPLAY: "true"})
    assert asker.sent == 1
    (line,) = asker.office.get("/requests", account=poor)["data"]
    assert line["outcome"] == "out_of_money"
    balance = Decimal(asker.office.get(f"/accounts/{poor}/balance")["balance"])
    assert balance == Decimal("5.01") - Decimal(line["total_cost"])


def test_a_stop_keeps_what_it_cuts_off(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(server="shutdown_grace_s = 1")
    asker = Asker(Office(tollway), provider)
    gated = Gated(provider)
    body = asking("p/gated", stream=True)
    with begin(tollway, asker.key, body, "stopped") as sock:
        assert sock.recv(1)
        assert tollway.process is not None
        tollway.process.terminate()
        cut = read(sock)
    tollway.stop()
    gated.open()
    tollway.start()
    again = asker(body, "stopped")
    assert (again.replayed, again.body) == (True, cut.body)
    (line,) = asker.lines
    assert line["outcome"] == "shut_down"
    assert (asker.sent, asker.paid()) == (1, Decimal(line["total_cost"]))


def test_an_admin_call_is_done_once_on_a_real_gateway(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(server="workers = 2")
    office = Office(tollway)
    account = office.post("/accounts", name="test", credit="1.00")["id"]
    with tollway.client() as client:
        headers = {"x-admin-key": office.admin_key, "idempotency-key": "salary"}
        sent = {"amount": "2.00", "reason": "r"}
        path = f"/admin/v1/accounts/{account}/credits"
        first = client.post(path, json=sent, headers=headers)
        assert first.status_code == 201
        for _ in range(20):
            headers["connection"] = "close"  # so that both workers are asked
            again = client.post(path, json=sent, headers=headers)
            assert (again.status_code, again.content) == (201, first.content)
            assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert Decimal(office.get(f"/accounts/{account}/balance")["balance"]) == 3
