"""A stand-in for Stripe: its API over HTTP as far as Tollway uses it, its idempotency keys, and its signed events.

It keeps its own books: what was paid, given back and disputed here is what Tollway's ledger is compared with. Objects have
the fields that Stripe's have in the version that the stripe package asks for; signing is written anew, not borrowed from it.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SECRET_KEY = "sk_test_canary_0123456789"
WEBHOOK_SECRET = "whsec_canary_0123456789"
GOOD_CARD = "pm_card_visa"
DECLINED_CARD = "pm_card_chargeDeclined"
SLOW_CARD = "pm_bank_debit"

Object = dict[str, Any]


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error}


class StripeServer:
    """One Stripe account."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Object, str | None]] = []
        """Path, parameters and idempotency key of each call, in order."""
        self.sessions: dict[str, Object] = {}
        self.intents: dict[str, Object] = {}
        self.refunds: dict[str, Object] = {}
        self.before: Callable[[str], None] = lambda path: None
        """Called before each call is carried out; may raise ApiError."""
        self.lose_answers = 0
        """How many next calls are carried out without being answered."""
        self._answers: dict[str, tuple[str, int, Object]] = {}
        self._running: set[str] = set()
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Call,), {"stripe": self}))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def start(self) -> "StripeServer":
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    # -- what people and banks do

    def pay(self, session_id: str, *, method: str = GOOD_CARD) -> Object:
        """Pay a session's page with a card; return the `checkout.session.completed` event."""
        session = self.sessions[session_id]
        intent = self._new_intent(
            amount=session["amount_total"],
            currency=session["currency"],
            metadata=session["_intent"].get("metadata", {}),
            payment_method=method,
            customer=session["customer"] or (self.name("cus") if session["customer_creation"] == "always" else None),
            setup_future_usage=session["_intent"].get("setup_future_usage"),
        )
        self._finish(intent, "processing" if method == SLOW_CARD else "succeeded")
        paid = "unpaid" if method == SLOW_CARD else "paid"
        session |= {"status": "complete", "payment_status": paid, "payment_intent": intent["id"]}
        session["customer"] = intent["customer"]
        return self.event("checkout.session.completed", shown(session))

    def settle(self, session_id: str, *, well: bool) -> Object:
        """End a slow payment; return the event."""
        session = self.sessions[session_id]
        self._finish(self.intents[session["payment_intent"]], "succeeded" if well else "requires_payment_method")
        session["payment_status"] = "paid" if well else "unpaid"
        kind = "checkout.session.async_payment_succeeded" if well else "checkout.session.async_payment_failed"
        return self.event(kind, shown(session))

    def expire(self, session_id: str) -> Object:
        """Let a session's day pass; return the event."""
        session = self.sessions[session_id]
        session["status"] = "expired"
        return self.event("checkout.session.expired", shown(session))

    def intent_event(self, intent_id: str) -> Object:
        """Return the event of a payment that has ended."""
        intent = self.intents[intent_id]
        kind = "payment_intent.succeeded" if intent["status"] == "succeeded" else "payment_intent.payment_failed"
        return self.event(kind, intent)

    def refund(self, intent_id: str, amount: int, *, status: str = "succeeded") -> Object:
        """Give money back in the dashboard; return the refund."""
        refund = {
            "id": self.name("re"),
            "object": "refund",
            "amount": amount,
            "currency": self.intents[intent_id]["currency"],
            "charge": self.intents[intent_id]["latest_charge"],
            "payment_intent": intent_id,
            "status": status,
            "metadata": {},
            "reason": None,
        }
        self.refunds[refund["id"]] = refund
        return refund

    def charge_refunded(self, intent_id: str) -> Object:
        """Return the event about a charge that was refunded, which does not list its refunds."""
        intent = self.intents[intent_id]
        mine = [refund for refund in self.refunds.values() if refund["payment_intent"] == intent_id]
        given_back = sum(refund["amount"] for refund in mine)
        return self.event(
            "charge.refunded",
            {
                "id": intent["latest_charge"],
                "object": "charge",
                "amount": intent["amount"],
                "amount_refunded": given_back,
                "currency": intent["currency"],
                "payment_intent": intent_id,
                "metadata": intent["metadata"],
                "refunded": given_back == intent["amount"],
                "livemode": False,
            },
        )

    def dispute(self, intent_id: str, *, amount: int | None = None, status: str = "needs_response") -> Object:
        """Let the payer's bank ask for the money; return the dispute."""
        intent = self.intents[intent_id]
        return {
            "id": self.name("du"),
            "object": "dispute",
            "amount": intent["amount"] if amount is None else amount,
            "currency": intent["currency"],
            "charge": intent["latest_charge"],
            "payment_intent": intent_id,
            "status": status,
            "livemode": False,
            "metadata": {},
        }

    def event(self, kind: str, about: Object) -> Object:
        """Return a new event about an object as it is now."""
        return {
            "id": self.name("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "livemode": False,
            "type": kind,
            "data": {"object": dict(about)},
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
        }

    def name(self, prefix: str) -> str:
        """Return a new id."""
        with self._lock:
            return f"{prefix}_test_{next(self._numbers):08d}"

    # -- the API

    def call(self, path: str, params: Object, key: str | None) -> tuple[int, Object]:
        """Carry out a call; the same idempotency key gives the first answer again."""
        self.calls.append((path, params, key))
        content = json.dumps([path, params], sort_keys=True)
        if key is None:
            return self._do(path, params)
        with self._lock:
            if key in self._running:
                raise ApiError(409, type="idempotency_error", code="idempotency_key_in_use", message="in use")
            if key in self._answers:
                first, status, answer = self._answers[key]
                if first != content:
                    raise ApiError(400, type="idempotency_error", message="Keys are for the same parameters only.")
                return status, answer
            self._running.add(key)
        try:
            status, answer = self._do(path, params)
            with self._lock:
                self._answers[key] = content, status, answer
            return status, answer
        finally:
            self._running.discard(key)

    def _do(self, path: str, params: Object) -> tuple[int, Object]:
        try:
            self.before(path)
            if path == "POST /v1/checkout/sessions":
                return 200, shown(self._new_session(params))
            if path == "POST /v1/payment_intents":
                return self._charge(params)
            if path == "GET /v1/refunds":
                mine = [refund for refund in self.refunds.values() if refund["charge"] == params["charge"]]
                return 200, {"object": "list", "url": "/v1/refunds", "has_more": False, "data": mine}
            raise ApiError(404, type="invalid_request_error", message=f"Unrecognized request URL ({path})")
        except ApiError as error:
            return error.status, error.body

    def _new_session(self, params: Object) -> Object:
        (item,) = params["line_items"].values()
        price = item["price_data"]
        session_id = self.name("cs")
        self.sessions[session_id] = {
            "id": session_id,
            "object": "checkout.session",
            "mode": params["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": int(item["quantity"]) * int(price["unit_amount"]),
            "currency": price["currency"],
            "client_reference_id": params["client_reference_id"],
            "metadata": params.get("metadata", {}),
            "payment_intent": None,
            "customer": params.get("customer"),
            "customer_creation": params.get("customer_creation"),
            "success_url": params["success_url"],
            "cancel_url": params["cancel_url"],
            "url": f"{self.url}/pay/{session_id}",
            "livemode": False,
            "_intent": params["payment_intent_data"],
            "_title": price["product_data"]["name"],
        }
        return self.sessions[session_id]

    def _charge(self, params: Object) -> tuple[int, Object]:
        if params.get("off_session") != "true" or params.get("confirm") != "true":
            raise ApiError(400, type="invalid_request_error", message="only off-session payments are stood in for")
        intent = self._new_intent(
            amount=int(params["amount"]),
            currency=params["currency"],
            metadata=params.get("metadata", {}),
            payment_method=params["payment_method"],
            customer=params["customer"],
        )
        if params["payment_method"] == DECLINED_CARD:
            self._finish(intent, "requires_payment_method")
            raise ApiError(
                402,
                type="card_error",
                code="card_declined",
                message="Your card was declined.",
                payment_intent=intent,
            )
        self._finish(intent, "processing" if params["payment_method"] == SLOW_CARD else "succeeded")
        return 200, intent

    def _new_intent(self, *, amount: int, currency: str, payment_method: str, **more: Any) -> Object:
        intent_id = self.name("pi")
        self.intents[intent_id] = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "currency": currency,
            "payment_method": payment_method,
            "latest_charge": None,
            "setup_future_usage": None,
            "livemode": False,
            **more,
        }
        return self.intents[intent_id]

    def _finish(self, intent: Object, status: str) -> None:
        intent["status"] = status
        intent["amount_received"] = intent["amount"] if status == "succeeded" else 0
        intent["latest_charge"] = intent["latest_charge"] or self.name("ch")


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stripe: StripeServer

    def do_GET(self) -> None:
        self._answer("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers.get("content-length", "0"))).decode())

    def _answer(self, method: str, form: str) -> None:
        try:
            if self.headers.get("authorization") != f"Bearer {SECRET_KEY}":
                raise ApiError(401, type="invalid_request_error", message="Invalid API Key provided: sk_test_******")
            path = f"{method} {urlsplit(self.path).path}"
            status, answer = self.stripe.call(path, nested(form), self.headers.get("idempotency-key"))
        except ApiError as error:
            status, answer = error.status, error.body
        if self.stripe.lose_answers:
            self.stripe.lose_answers -= 1
            self.close_connection = True
            return
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class calls it so
        pass


def nested(form: str) -> Object:
    """Return what a form says: `a[b][0]=c` is `{"a": {"b": {"0": "c"}}}`."""
    found: Object = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return found


def shown(session: Object) -> Object:
    """Return a session as the API shows it."""
    return {name: value for name, value in session.items() if not name.startswith("_")}


def signed(event: Object, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers with which an event is delivered."""
    body = json.dumps(event, indent=2).encode()
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), b"%d.%b" % (stamp, body), hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={stamp},v1={mac}", "content-type": "application/json; charset=utf-8"}


def serving() -> Iterator[StripeServer]:
    """Yield a running stand-in: the body of a fixture."""
    server = StripeServer().start()
    yield server
    server.stop()
