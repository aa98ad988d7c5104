"""What the tests of payments share: a stand-in for Stripe, and what Tollway is told of it."""

from collections.abc import Iterator

import pytest

from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, serving
from tollway.settings import PaymentSettings, Secret


@pytest.fixture
def stripe_server() -> Iterator[StripeServer]:
    """A Stripe of its own."""
    yield from serving()


@pytest.fixture
def payment_settings(stripe_server: StripeServer) -> PaymentSettings:
    """What an operator would write to use it."""
    return PaymentSettings(
        stripe_secret_key=Secret(SECRET_KEY),
        stripe_webhook_secret=Secret(WEBHOOK_SECRET),
        success_url="https://example.test/paid",
        cancel_url="https://example.test/back",
        api_base=stripe_server.url,
    )
