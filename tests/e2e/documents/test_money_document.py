"""docs/money.md does what it says: each of its sections is played against a gateway with the settings that it shows."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.documents.transcript import Section, Transcript, sections
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import CONTENT, Line, Provider, Seen, answer, event, events
from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, serving, signed
from tests.tidy.tree import ROOT, fences
from tollway.ledger.lines import BILLED_REASON

DOCUMENT = (ROOT / "docs" / "money.md").read_text()
PROVIDER, STRIPE = "http://127.0.0.1:9000", "http://127.0.0.1:9001"
"""Where the document says that its provider and its Stripe are."""


def written(seen: Seen) -> int:
    """Return how many tokens a model writes: a hundred, or as many as it may."""
    return min(100, seen.body.get("max_tokens", 100))


def usage(read: int, wrote: int, **details: dict[str, int]) -> dict[str, Any]:
    """Return what a provider reports."""
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote, **details}


async def story(seen: Seen, to: Line) -> None:
    """Read 20 tokens, write 100 or as many as it may."""
    await to.whole(answer("story", usage=usage(20, written(seen))))


async def rich(seen: Seen, to: Line) -> None:
    """Read mostly from the cache, and reason."""
    details = {"prompt_tokens_details": {"cached_tokens": 800}, "completion_tokens_details": {"reasoning_tokens": 40}}
    await to.whole(answer("rich", usage=usage(1000, 100, **details)))


async def broken(seen: Seen, to: Line) -> None:
    """Answer 500."""
    await to.whole(b'{"error": {"message": "out of order"}}', "500 Oops")


async def torn(seen: Seen, to: Line) -> None:
    """Break off behind the third word."""
    await to.start_stream()
    for word in CONTENT[:3]:
        await to.piece(event("torn", {"content": word}))
    to.cut()


async def slow(seen: Seen, to: Line) -> None:
    """Stream a word each tenth of a second."""
    await to.start_stream()
    for number in range(40):
        await to.piece(event("slow", {"content": CONTENT[number % len(CONTENT)]}))
        await asyncio.sleep(0.1)
    for piece in events("slow", usage=usage(20, written(seen)))[-3:]:
        await to.piece(piece)
    await to.end_stream()


async def saga(seen: Seen, to: Line) -> None:
    """Stream on and on, for longer than anybody here can pay."""
    await to.start_stream()
    for _ in range(20_000):
        await to.piece(event("saga", {"content": " and so on" * 10}))
        await asyncio.sleep(0)
    await to.end_stream()


async def wordy(seen: Seen, to: Line) -> None:
    """Write three times as much as it may."""
    await to.whole(answer("wordy", usage=usage(20, 3000)))


SCRIPTS = {
    "story": story,
    "rich": rich,
    "broken": broken,
    "torn": torn,
    "slow": slow,
    "saga": saga,
    "wordy": wordy,
}


class Bank:
    """What people and Stripe do, on the stand-in for Stripe."""

    def __init__(self, stripe: StripeServer, gateway: Deployment) -> None:
        self._stripe = stripe
        self._gateway = gateway
        self.deeds: dict[str, Callable[[], None]] = {
            "somebody pays on that page": self.pay,
            "Stripe says so once more": self.repeat,
            "somebody else says so, who does not know the secret": self.forge,
            "the operator gives 5.00 of it back in Stripe's dashboard": self.refund,
        }
        self._last: dict[str, Any] = {}

    def pay(self) -> None:
        self._last = self._stripe.pay(list(self._stripe.sessions)[-1])
        assert self._deliver(self._last) == 200

    def repeat(self) -> None:
        assert self._deliver(self._last) == 200

    def forge(self) -> None:
        assert self._deliver(self._last | {"id": "evt_forged"}, secret="whsec_guessed") == 400

    def refund(self) -> None:
        given_back = self._stripe.refund(list(self._stripe.intents)[-1], 500)
        assert self._deliver(self._stripe.event("refund.created", given_back)) == 200

    def _deliver(self, told: dict[str, Any], *, secret: str = WEBHOOK_SECRET) -> int:
        body, headers = signed(told, secret=secret)
        return httpx.post(f"{self._gateway.url}/webhooks/stripe", content=body, headers=headers).status_code


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeServer]:
    """A stand-in for Stripe."""
    yield from serving()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    tmp_path_factory: pytest.TempPathFactory, stripe: StripeServer, request: pytest.FixtureRequest
) -> Iterator[Deployment]:
    """The gateway of the document, whose provider and whose Stripe are where free ports were; on each kind of store."""
    provider = Provider().start()
    provider.scripts |= SCRIPTS
    shown = "\n".join(fences(DOCUMENT, "toml"))
    for there, here in {PROVIDER: f"http://127.0.0.1:{provider.port}", STRIPE: stripe.url}.items():
        assert there in shown, "the document names where its servers are"
        shown = shown.replace(there, here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIPE_SECRET_KEY", SECRET_KEY)
        patch.setenv("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
        store = request.getfixturevalue("postgres").empty_url() if request.param == "postgresql" else ""
        books = f'[store]\nurl = "{store}"\n' if store else ""
        deployment = Deployment(tmp_path_factory.mktemp("money"), f"[server]\nport = 0\n{books}{shown}").start()
        yield deployment
        deployment.stop()
    provider.stop()


def whereabouts(gateway: Deployment) -> dict[str, str]:
    """Return the names under which a document knows a running gateway."""
    assert gateway.process is not None
    return {"URL": gateway.url, "TOLLWAY": str(gateway.process.pid)}


@pytest.mark.parametrize("section", tuple(sections(DOCUMENT)), ids=lambda section: section.heading)
def test_the_example_does_what_it_says(
    section: Section, gateway: Deployment, stripe: StripeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOLLWAY_CONFIG", str(gateway.config))
    monkeypatch.chdir(tmp_path)

    def serve() -> dict[str, str]:
        gateway.kill()  # what is left of it
        gateway.start()
        return whereabouts(gateway)

    transcript = Transcript("\n".join(fences(DOCUMENT, "sh")), serve, whereabouts(gateway), Bank(stripe, gateway).deeds)
    try:
        for step in section.steps:
            transcript.play(step)
    finally:
        transcript.close()


def test_every_way_in_which_a_request_can_end_is_explained() -> None:
    for outcome, reason in BILLED_REASON.items():
        assert f"| `{outcome}` | {reason} |" in DOCUMENT
