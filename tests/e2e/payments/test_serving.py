"""Payments through a real `tollway serve`: pages, signed messages over HTTP, crashes, and what strangers may not do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import Provider
from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, signed
from tollway.http.payment_pages import BODY_BYTES_MAX, PATH

SECRETS = {
    "TEST_PROVIDER_KEY": "sk-provider-canary-0123456789",
    "TEST_STRIPE_KEY": SECRET_KEY,
    "TEST_STRIPE_SIGNING": WEBHOOK_SECRET,
}

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider of models."""
    provider = Provider().start()
    yield provider
    provider.stop()


def payments_of(server: StripeServer, *, signing: str = 'stripe_webhook_secret = "env:TEST_STRIPE_SIGNING"') -> str:
    return f"""
        [payments]
        stripe_secret_key = "env:TEST_STRIPE_KEY"
        {signing}
        success_url = "https://example.test/paid"
        api_base = "{server.url}"
        """


Serve = Callable[..., Deployment]


@pytest.fixture
def serve(
    tmp_path: Path, provider: Provider, stripe_server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Serve]:
    """Start a Tollway that takes payments through the stand-in."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    started: list[Deployment] = []

    def start(*, payments: str | None = None, server: str = "") -> Deployment:
        text = settings_for(provider.port, server=server)
        text += payments_of(stripe_server) if payments is None else payments
        deployment = Deployment(tmp_path, text).start()
        started.append(deployment)
        return deployment

    yield start
    for deployment in started:
        deployment.stop()


def deliver(tollway: Deployment, event: dict[str, Any]) -> httpx.Response:
    """Deliver an event as the provider does."""
    body, headers = signed(event)
    return tollway.client().post(PATH, content=body, headers=headers)


def session_of(stripe_server: StripeServer, order: str) -> str:
    """Return the page of an order."""
    (found,) = [
        name for name, session in stripe_server.sessions.items() if session["metadata"]["tollway_order"] == order
    ]
    return found


def test_a_top_up_from_the_page_to_the_receipt(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    account = tollway.account(None)
    made = tollway.command("checkout", account, "12.50")
    assert (made["state"], made["amount"], made["currency"]) == ("open", "12.50", "USD")
    session = session_of(stripe_server, made["id"])
    assert made["url"] == f"{stripe_server.url}/pay/{session}"
    assert deliver(tollway, stripe_server.pay(session)).json() == {"received": True, "outcome": "applied"}
    assert tollway.balance(account) == (Decimal("12.50"), 0)
    receipt = tollway.command("receipt", made["id"])
    assert (receipt["paid_amount"], receipt["net_amount"]) == ("12.50", "12.50")
    assert [transfer["kind"] for transfer in receipt["order"]["transfers"]] == ["topup"]
    assert tollway.command("order", "list", "--account", account)[0]["state"] == "paid"
    tollway.check()


def test_the_admin_api_sells_and_tells(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    account = tollway.account(None)
    admin = tollway.client(tollway.command("admin-key", "create", "--name", "t")["key"])
    below = f"/admin/v1/accounts/{account}"
    answer = admin.post(f"{below}/checkout", json={"amount": "20"})
    assert answer.status_code == 201
    order = answer.json()["id"]
    assert admin.get(f"/admin/v1/orders/{order}/receipt").status_code == 404
    deliver(tollway, stripe_server.pay(session_of(stripe_server, order)))
    assert admin.get(f"{below}/balance").json()["balance"] == "20.00"
    assert admin.get(f"/admin/v1/orders/{order}/receipt").json()["net_amount"] == "20.00"
    assert [each["id"] for each in admin.get("/admin/v1/orders", params={"account": account}).json()["data"]] == [order]
    assert admin.get(f"/admin/v1/orders/{order}").json()["state"] == "paid"
    assert admin.get("/admin/v1/orders/ord_000000000000000f").status_code == 404
    for body, said in (
        ({"amount": "0.001"}, "a top-up is"),
        ({"amount": "1e400"}, "too large"),
        ({"amount": "NaN"}, "not a decimal"),
        ({"amount": "-5"}, "a top-up is"),
        ({}, "name one of them"),
        ({"amount": "5", "save_card": True}, "auto-topup"),
    ):
        refused = admin.post(f"{below}/checkout", json=body)
        assert refused.status_code == 400, body
        assert said in refused.json()["error"]["message"]
    assert admin.post("/admin/v1/accounts/acct_000000000000000f/checkout", json={"amount": "5"}).status_code == 404


def test_lesson_67_strangers_credit_nothing(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    account = tollway.account(None)
    made = tollway.command("checkout", account, "10")
    event = stripe_server.pay(session_of(stripe_server, made["id"]))
    body, good = signed(event)
    client = tollway.client()
    for headers in (
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=1,v1=00"},
        signed(event, secret="")[1],
        signed(event, secret="whsec_guessed")[1],
        {"stripe-signature": "t=\xff,v1=\xff"},
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = client.post(PATH, content=body, headers=raw)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "invalid_request"
        assert answer.headers["x-request-id"].startswith("req_")
    assert client.post(PATH, headers=good).status_code == 400
    assert client.get(PATH).status_code == 404
    assert client.post(PATH, content=b"x" * (BODY_BYTES_MAX + 1), headers=good).status_code == 413
    chunks = (b"x" * 65536 for _ in range(8))
    assert client.post(PATH, content=chunks, headers=good).status_code == 413
    assert tollway.balance(account) == (0, 0)
    assert client.post(PATH, content=body, headers=good).status_code == 200
    assert tollway.balance(account) == (10, 0)
    log = tollway.log.read_text()
    assert "a payment message was refused" in log
    assert "a payment message was heard" in log
    for secret in SECRETS.values():
        assert secret not in log


def test_lesson_67_what_differs_is_answered_logged_and_moves_nothing(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    account = tollway.account(None)
    event = stripe_server.pay(session_of(stripe_server, tollway.command("checkout", account, "10")["id"]))
    event["data"]["object"]["amount_total"] = 1_000_000
    assert deliver(tollway, event).json() == {"received": True, "outcome": "differs"}
    assert tollway.balance(account) == (0, 0)
    log = tollway.log.read_text()
    assert "differs from the books" in log
    assert "it is about 1000000 of the smallest coins" in log


def test_without_payments_their_path_leads_nowhere(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve(payments="")
    body, headers = signed(stripe_server.event("customer.created", {"id": "cus_1"}))
    answer = tollway.client().post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    refused = tollway.command("checkout", tollway.account(), "10", status=1)
    assert refused == "tollway: payments are not configured: set [payments] stripe_secret_key\n"


def test_lesson_67_nothing_starts_without_the_webhook_secret(
    tmp_path: Path, provider: Provider, stripe_server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SECRETS, "TEST_STRIPE_SIGNING": ""}.items():
        monkeypatch.setenv(name, value)
    for signing, said in (
        ("", "[payments]: stripe_webhook_secret: is missing"),
        ('stripe_webhook_secret = "env:TEST_STRIPE_SIGNING"', "TEST_STRIPE_SIGNING is not set"),
    ):
        text = settings_for(provider.port) + payments_of(stripe_server, signing=signing)
        done = Deployment(tmp_path, text).run("serve")
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert said in line


def test_the_stripe_package_costs_only_those_who_use_it(
    serve: Serve, stripe_server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    tollway = serve(payments="")
    tollway.client().get("/readyz").raise_for_status()
    tollway.stop()
    imported = {line.rpartition("|")[2].strip() for line in tollway.log.read_text().splitlines() if "|" in line}
    assert "tollway.app" in imported
    assert not {name for name in imported if name.partition(".")[0] in {"stripe", "requests", "urllib3"}}


def test_lesson_67_identical_messages_at_the_same_moment_credit_once_in_every_worker(
    serve: Serve, stripe_server: StripeServer
) -> None:
    tollway = serve(server="workers = 2")
    account = tollway.account(None)
    event = stripe_server.pay(session_of(stripe_server, tollway.command("checkout", account, "10")["id"]))
    clients = [tollway.client() for _ in range(8)]
    body, headers = signed(event)
    start = threading.Barrier(len(clients))

    def post(client: httpx.Client) -> str:
        start.wait()
        return client.post(PATH, content=body, headers=headers).json()["outcome"]

    with ThreadPoolExecutor(len(clients)) as threads:
        outcomes = sorted(threads.map(post, clients))
    assert outcomes == ["applied", *["repeated"] * 7]
    assert tollway.balance(account) == (10, 0)
    tollway.check()


def test_lesson_67_every_payment_is_credited_once_however_often_the_server_is_killed(
    serve: Serve, stripe_server: StripeServer
) -> None:
    """The provider sends each message until it is answered; the server dies again and again meanwhile."""
    tollway = serve()
    account = tollway.account(None)
    orders = [tollway.command("checkout", account, str(units))["id"] for units in range(1, 9)]
    events = [stripe_server.pay(session_of(stripe_server, order)) for order in orders]
    (intent, *_) = stripe_server.intents
    events.append(stripe_server.event("refund.created", stripe_server.refund(intent, 100)))
    answered = threading.Semaphore(0)
    url = [tollway.url]

    def send(event: dict[str, Any]) -> None:
        body, headers = signed(event)
        accepted = 0
        while accepted < 2:  # each is sent once more after its answer, as when that was lost
            try:
                answer = httpx.post(url[0] + PATH, content=body, headers=headers, timeout=10)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                accepted += 1
                answered.release()

    with ThreadPoolExecutor(len(events)) as threads:
        sending = [threads.submit(send, event) for event in events]
        for _ in range(4):
            answered.acquire(timeout=30)
            tollway.kill()
            url[0] = tollway.start().url
        for each in sending:
            each.result(timeout=60)
    assert tollway.balance(account) == (sum(range(1, 9)) - 1, 0)
    kinds = [transfer["kind"] for order in orders for transfer in tollway.command("order", "show", order)["transfers"]]
    assert sorted(kinds) == ["refund", *["topup"] * 8]
    tollway.check()


def test_an_account_that_owes_is_refused_at_its_next_request(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    account = tollway.account(None)
    key = tollway.key(account)
    deliver(tollway, stripe_server.pay(session_of(stripe_server, tollway.command("checkout", account, "10")["id"])))
    client = tollway.client(key)
    assert client.post("/v1/chat/completions", json=HELLO).status_code == 200
    tollway.command("debit", account, "9", "--reason", "spent elsewhere")
    (intent,) = stripe_server.intents
    deliver(tollway, stripe_server.event("charge.dispute.created", stripe_server.dispute(intent)))
    for _ in range(100):  # what was lent to the worker comes back first
        if tollway.command("account", "show", account)["state"] == "suspended":
            break
    refused = client.post("/v1/chat/completions", json=HELLO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "account_suspended")
    assert tollway.balance(account)[0] == 0
    tollway.check()


def test_spending_below_the_threshold_tops_the_account_up(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve(server="workers = 2")
    account = tollway.account(None)
    tollway.command("auto-topup", "set", account, "--threshold", "2", "--amount", "20")
    made = tollway.command("checkout", account, "2", "--save-card")
    paid = stripe_server.pay(session_of(stripe_server, made["id"]))
    deliver(tollway, paid)
    deliver(tollway, stripe_server.intent_event(paid["data"]["object"]["payment_intent"]))
    assert tollway.command("auto-topup", "show", account)["state"] == "ready"
    charged = threading.Event()
    stripe_server.before = lambda path: charged.set() if path == "POST /v1/payment_intents" else None
    assert tollway.client(tollway.key(account)).post("/v1/chat/completions", json=HELLO).status_code == 200
    assert charged.wait(30)
    for _ in range(100):
        if tollway.balance(account)[0] > 20:
            break
    assert tollway.balance(account)[0] == Decimal(22) - Decimal("0.0012")
    kinds = [order["kind"] for order in tollway.command("order", "list")]
    assert kinds == ["auto_topup", "topup"]
    assert tollway.command("auto-topup", "end", account)["state"] == "off"
    tollway.check()
