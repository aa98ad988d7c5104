"""Payments through a real `tollway serve`: pages, signed messages over HTTP, crashes, and what strangers may not do."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway.deployment import COST, Deployment, settings_for
from tests.e2e.gateway.provider import Provider
from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, signed
from tollway.billing.payments import Heard, Hearing
from tollway.http.payment_pages import BODY_BYTES_MAX, PATH, payment_routes
from tollway.http.routes import Gate

SECRETS = {
    "TEST_PROVIDER_KEY": "sk-provider-canary-0123456789",
    "TEST_STRIPE_KEY": SECRET_KEY,
    "TEST_STRIPE_SIGNING": WEBHOOK_SECRET,
}

KILLS = 4

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


class Operator:
    """The admin API of a deployment: quicker than a command, which starts a program."""

    def __init__(self, tollway: Deployment) -> None:
        self._tollway = tollway
        self._key = tollway.command("admin-key", "create", "--name", "t")["key"]

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """Call below `/admin/v1`, and expect a status."""
        headers = {"authorization": f"Bearer {self._key}"}
        answer = self._tollway.client().request(method, f"/admin/v1{path}", headers=headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def account(self) -> str:
        """Make an account without money."""
        return self.ask("POST", "/accounts", 201, json={"name": "payer"})["id"]

    def order(self, account: str, amount: str, **more: Any) -> str:
        """Start a payment; return its order."""
        return self.ask("POST", f"/accounts/{account}/checkout", 201, json={"amount": amount, **more})["id"]

    def balance(self, account: str) -> Decimal:
        """Return a balance."""
        return Decimal(self.ask("GET", f"/accounts/{account}/balance")["balance"])

    def check(self) -> None:
        """Assert that the books are clean."""
        assert self.ask("GET", "/ledger/check")["problems"] == []


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
    admin = Operator(tollway)
    account = admin.account()
    order = admin.order(account, "20")
    admin.ask("GET", f"/orders/{order}/receipt", 404)
    deliver(tollway, stripe_server.pay(session_of(stripe_server, order)))
    assert admin.balance(account) == 20
    assert admin.ask("GET", f"/orders/{order}/receipt")["net_amount"] == "20.00"
    assert [each["id"] for each in admin.ask("GET", "/orders", params={"account": account})["data"]] == [order]
    assert admin.ask("GET", f"/orders/{order}")["state"] == "paid"
    admin.ask("GET", "/orders/ord_000000000000000f", 404)
    for body, said in (
        ({"amount": "0.001"}, "a top-up is"),
        ({"amount": "1e400"}, "too large"),
        ({"amount": "NaN"}, "too large"),
        ({"amount": "ten"}, "not a decimal"),
        ({"amount": "-5"}, "a top-up is"),
        ({}, "name one of them"),
        ({"amount": "5", "save_card": True}, "auto-topup"),
    ):
        refused = admin.ask("POST", f"/accounts/{account}/checkout", 400, json=body)
        assert said in refused["error"]["message"]
    admin.ask("POST", "/accounts/acct_000000000000000f/checkout", 404, json={"amount": "5"})
    taken = admin.ask("POST", f"/accounts/{account}/debits", 201, json={"amount": "5", "reason": "too much"})
    assert taken["kind"] == "debit"
    assert admin.balance(account) == 15


def test_the_admin_api_makes_lists_redeems_and_revokes_vouchers(serve: Serve) -> None:
    admin = Operator(serve())
    account = admin.account()
    batch = {"batch": "spring", "amount": "5", "count": 3, "expires": "2999-01-01"}
    codes = [each["code"] for each in admin.ask("POST", "/vouchers", 201, json=batch)["data"]]
    redeem = f"/accounts/{account}/vouchers"
    assert admin.ask("POST", redeem, 201, json={"code": codes[0].lower()})["amount"] == "5.00"
    again = admin.ask("POST", redeem, 400, json={"code": codes[0]})
    assert "was redeemed before" in again["error"]["message"]
    assert admin.ask("POST", "/vouchers/revoke", json={"batch": "spring"}) == {"batch": "spring", "revoked": 2}
    admin.ask("POST", "/vouchers/revoke", 404, json={"batch": "autumn"})
    listed = admin.ask("GET", "/vouchers", params={"batch": "spring"})["data"]
    assert sorted(each["state"] for each in listed) == ["redeemed", "revoked", "revoked"]
    assert not any(code in str(listed) for code in codes)
    assert admin.balance(account) == 5
    admin.check()


def test_lesson_67_strangers_credit_nothing(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    admin = Operator(tollway)
    account = admin.account()
    event = stripe_server.pay(session_of(stripe_server, admin.order(account, "10")))
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
    assert admin.balance(account) == 0
    assert client.post(PATH, content=body, headers=good).status_code == 200
    assert admin.balance(account) == 10
    log = tollway.log.read_text()
    assert "a payment message was refused" in log
    assert "a payment message was heard" in log
    for secret in SECRETS.values():
        assert secret not in log


def test_the_way_in_for_messages_is_open_and_reaches_no_model(serve: Serve, provider: Provider) -> None:
    (path, route), *others = payment_routes(lambda body, signature: Heard("", "", Hearing.IGNORED)).items()
    assert (path, others) == (PATH, [])
    assert (route.gate, route.dialect, route.body_bytes_max) == (Gate.OPEN, None, BODY_BYTES_MAX)
    seen = len(provider.seen)
    assert serve().client().post(PATH, json=HELLO).status_code == 400
    assert len(provider.seen) == seen


def test_lesson_67_what_differs_is_answered_logged_and_moves_nothing(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    admin = Operator(tollway)
    account = admin.account()
    event = stripe_server.pay(session_of(stripe_server, admin.order(account, "10")))
    event["data"]["object"]["amount_total"] = 1_000_000
    assert deliver(tollway, event).json() == {"received": True, "outcome": "differs"}
    assert admin.balance(account) == 0
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
    assert "tollway.http.data_plane" in imported
    assert not {name for name in imported if name.partition(".")[0] in {"stripe", "requests", "urllib3"}}


def test_lesson_67_identical_messages_at_the_same_moment_credit_once_in_every_worker(
    serve: Serve, stripe_server: StripeServer
) -> None:
    tollway = serve(server="workers = 2")
    admin = Operator(tollway)
    account = admin.account()
    event = stripe_server.pay(session_of(stripe_server, admin.order(account, "10")))
    clients = [tollway.client() for _ in range(8)]
    body, headers = signed(event)
    start = threading.Barrier(len(clients))

    def post(client: httpx.Client) -> str:
        start.wait()
        return client.post(PATH, content=body, headers=headers).json()["outcome"]

    with ThreadPoolExecutor(len(clients)) as threads:
        outcomes = sorted(threads.map(post, clients))
    assert outcomes == ["applied", *["repeated"] * 7]
    assert admin.balance(account) == 10
    admin.check()


def test_lesson_67_every_payment_is_credited_once_however_often_the_server_is_killed(
    serve: Serve, stripe_server: StripeServer
) -> None:
    """The provider sends each message until it is answered; the server dies again and again meanwhile."""
    tollway = serve()
    admin = Operator(tollway)
    account = admin.account()
    orders = [admin.order(account, str(units)) for units in range(1, 9)]
    events = [stripe_server.pay(session_of(stripe_server, order)) for order in orders]
    (intent, *_) = stripe_server.intents
    events.append(stripe_server.event("refund.created", stripe_server.refund(intent, 100)))
    answered = threading.Semaphore(0)
    up = threading.Event()
    up.set()

    def send(event: dict[str, Any]) -> None:
        body, headers = signed(event)
        accepted = 0
        with httpx.Client(timeout=30) as client:
            while accepted < 2:  # each is sent once more after its answer, as when that was lost
                assert up.wait(60)
                try:
                    answer = client.post(tollway.url + PATH, content=body, headers=headers)
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    accepted += 1
                    answered.release()

    with ThreadPoolExecutor(len(events)) as threads:
        sending = [threads.submit(send, event) for event in events]
        for _ in range(KILLS):
            assert answered.acquire(timeout=60)
            up.clear()
            tollway.kill()
            tollway.start()
            up.set()
        for each in sending:
            each.result(timeout=60)
    assert admin.balance(account) == sum(range(1, 9)) - 1
    kinds = [transfer["kind"] for order in orders for transfer in admin.ask("GET", f"/orders/{order}")["transfers"]]
    assert sorted(kinds) == ["refund", *["topup"] * 8]
    admin.check()


def test_an_account_that_owes_is_refused_at_its_next_request(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve()
    admin = Operator(tollway)
    account = admin.account()
    client = tollway.client(admin.ask("POST", "/keys", 201, json={"account": account, "name": "t"})["key"])
    deliver(tollway, stripe_server.pay(session_of(stripe_server, admin.order(account, "10"))))
    assert client.post("/v1/chat/completions", json=HELLO).status_code == 200
    admin.ask("POST", f"/accounts/{account}/debits", 201, json={"amount": "8", "reason": "spent elsewhere"})
    (intent,) = stripe_server.intents
    deliver(tollway, stripe_server.event("charge.dispute.created", stripe_server.dispute(intent)))
    # What was lent to the worker comes back first, within seconds.
    until(lambda: admin.ask("GET", f"/accounts/{account}")["state"] == "suspended")
    refused = client.post("/v1/chat/completions", json=HELLO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "account_suspended")
    assert admin.balance(account) == 0
    admin.check()


def test_spending_below_the_threshold_tops_the_account_up(serve: Serve, stripe_server: StripeServer) -> None:
    tollway = serve(server="workers = 2")
    admin = Operator(tollway)
    account = admin.account()
    allowed = f"/accounts/{account}/auto-topup"
    admin.ask("GET", allowed, 404)
    set_up = admin.ask("PUT", allowed, json={"threshold": "2", "amount": "20"})
    assert (set_up["state"], set_up["daily_max"], set_up["card_saved"]) == ("no_card", "100.00", False)
    paid = stripe_server.pay(session_of(stripe_server, admin.order(account, "2", save_card=True)))
    deliver(tollway, paid)
    deliver(tollway, stripe_server.intent_event(paid["data"]["object"]["payment_intent"]))
    assert admin.ask("GET", allowed)["state"] == "ready"
    key = admin.ask("POST", "/keys", 201, json={"account": account, "name": "t"})["key"]
    assert tollway.client(key).post("/v1/chat/completions", json=HELLO).status_code == 200
    until(lambda: admin.balance(account) > 20)
    assert admin.balance(account) == 22 - COST
    kinds = [order["kind"] for order in admin.ask("GET", "/orders")["data"]]
    assert kinds == ["auto_topup", "topup"]
    assert admin.ask("DELETE", allowed)["state"] == "off"
    admin.check()


def until(true: Callable[[], bool]) -> None:
    """Ask until something is so: what a person at a console would do."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came about"
