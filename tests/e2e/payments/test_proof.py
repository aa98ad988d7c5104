"""The proof of the books notices every refund, dispute and order that somebody changed."""

import pytest
from sqlalchemy import text

from tests.e2e.payments.conftest import Shop
from tollway.store.store import Store


@pytest.fixture
def told(store: Store, shop: Shop) -> Shop:
    """Books with a payment, of which a part was given back, and a refund of something else that failed."""
    _, intent = shop.paid(10)
    refund = shop.server.refund(intent, 400)
    shop.deliver(shop.server.event("refund.created", refund))
    failed = shop.server.refund(intent, 100)
    shop.deliver(shop.server.event("refund.created", failed))
    shop.deliver(shop.server.event("refund.failed", failed | {"status": "failed"}))
    shop.prove()
    return shop


@pytest.mark.parametrize(
    ("change", "back", "said"),
    [
        (
            "UPDATE payment_claims SET taken_nanos = 1 WHERE state = 'taken'",
            "UPDATE payment_claims SET taken_nanos = amount_nanos",
            "took 1 nano-units, its transfers make 4000000000",
        ),
        (
            "UPDATE payment_claims SET state = 'void' WHERE state = 'returned'",
            "UPDATE payment_claims SET state = 'returned' WHERE state = 'void'",
            "is void and took 1000000000 nano-units, but 1000000000 were given back",
        ),
        (
            "UPDATE payment_claims SET id = 're_other' WHERE state = 'taken'",
            None,
            "which is not in the books",
        ),
        (
            "UPDATE payment_claims SET amount_nanos = 9000000000 WHERE state = 'taken'",
            "UPDATE payment_claims SET amount_nanos = taken_nanos",
            "but 5000000000 nano-units of it were not",
        ),
        (
            "UPDATE payment_claims SET amount_nanos = 11000000000 WHERE state = 'taken'",
            "UPDATE payment_claims SET amount_nanos = taken_nanos",
            "11000000000 nano-units are taken back of order",
        ),
        (
            "UPDATE orders SET state = 'refunded'",
            "UPDATE orders SET state = 'paid'",
            "is refunded, what was taken back of it makes it paid",
        ),
        ("UPDATE orders SET state = 'open'", "UPDATE orders SET state = 'paid'", "which was not paid"),
        (
            "UPDATE payment_claims SET order_id = NULL WHERE state = 'taken'",
            "UPDATE payment_claims SET order_id = (SELECT id FROM orders)",
            "takes money of no order",
        ),
    ],
)
def test_what_was_changed_behind_the_books_is_noticed(told: Shop, change: str, back: str | None, said: str) -> None:
    with told.store._writing() as connection:
        (name,) = connection.scalars(text("SELECT id FROM payment_claims WHERE state = 'taken'"))
        connection.execute(text(change))
    assert said in "\n".join(told.store.check().problems)
    undo = back or f"UPDATE payment_claims SET id = '{name}' WHERE id = 're_other'"
    with told.store._writing() as connection:
        connection.execute(text(undo))
