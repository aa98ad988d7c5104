"""Refunds and disputes: new transfers, once each, in whatever order messages come; and no purse below zero."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.payments.conftest import UNIT, Shop
from tollway.access.audit import SYSTEM, AuditQuery
from tollway.billing.audit import Audit
from tollway.billing.books import Books
from tollway.billing.payment_posting import LENT_MS_MAX
from tollway.billing.payments import Hearing
from tollway.errors import Refusal
from tollway.id_source import IdSource
from tollway.ledger.lines import Hold
from tollway.ledger.orders import ClaimState, OrderState
from tollway.ledger.records import AccountState, TransferKind
from tollway.money import AMOUNT_NANOS_MAX


def kinds(shop: Shop) -> list[tuple[TransferKind, int]]:
    return [(transfer.kind, transfer.amount_nanos // UNIT) for transfer in shop.transfers()]


def refund_event(shop: Shop, refund: dict[str, Any], kind: str = "refund.created") -> dict[str, Any]:
    return shop.server.event(kind, refund)


def dispute_event(shop: Shop, dispute: dict[str, Any], kind: str, status: str) -> dict[str, Any]:
    return shop.server.event(f"charge.dispute.{kind}", dispute | {"status": status})


def test_a_refund_is_a_transfer_that_names_it(shop: Shop) -> None:
    order, intent = shop.paid(10)
    refund = shop.server.refund(intent, 400)
    shop.deliver(refund_event(shop, refund))
    transfer = shop.transfers()[-1]
    assert transfer.kind is TransferKind.REFUND
    assert (transfer.debit_account, transfer.credit_account) == (f"account:{shop.account.id}", "funding:stripe")
    assert (transfer.amount_nanos, transfer.reference) == (4 * UNIT, refund["id"])
    assert shop.balance() == 6 * UNIT
    assert shop.payments.order(order.id).order.state is OrderState.PAID
    shop.deliver(refund_event(shop, shop.server.refund(intent, 600)))
    assert shop.payments.order(order.id).order.state is OrderState.REFUNDED
    assert (shop.balance(), shop.state(), shop.told()) == (0, AccountState.ACTIVE, {})


def test_lesson_67_every_message_about_one_refund_together_takes_it_once(shop: Shop) -> None:
    _, intent = shop.paid(10)
    refund = shop.server.refund(intent, 400)
    for kind in ("refund.created", "refund.updated", "charge.refund.updated"):
        shop.deliver(refund_event(shop, refund, kind))
    shop.deliver(shop.server.charge_refunded(intent))
    assert kinds(shop) == [(TransferKind.TOPUP, 10), (TransferKind.REFUND, 4)]


def test_a_refunded_charge_takes_each_of_its_refunds(shop: Shop) -> None:
    _, intent = shop.paid(10)
    for amount in (100, 200):
        shop.server.refund(intent, amount)
    assert shop.deliver(shop.server.charge_refunded(intent)).hearing is Hearing.APPLIED
    assert kinds(shop) == [(TransferKind.TOPUP, 10), (TransferKind.REFUND, 1), (TransferKind.REFUND, 2)]


def test_a_message_that_needs_an_answer_of_stripe_is_sent_again_until_there_is_one(shop: Shop) -> None:
    _, intent = shop.paid(10)
    shop.server.refund(intent, 100)
    event = shop.server.charge_refunded(intent)
    shop.server.lose_answers = 100
    with pytest.raises(Refusal) as caught:
        shop.deliver(event)
    assert caught.value.code == "upstream_unavailable"
    shop.server.lose_answers = 0
    assert shop.deliver(event).hearing is Hearing.APPLIED
    assert shop.balance() == 9 * UNIT


def test_a_won_dispute_that_no_balance_can_hold_is_told(shop: Shop) -> None:
    _, intent = shop.paid(10)
    dispute = shop.server.dispute(intent)
    shop.deliver(dispute_event(shop, dispute, "created", "needs_response"))
    shop.accounts.credit(shop.account.id, AMOUNT_NANOS_MAX, "all the money there is")
    won = dispute_event(shop, dispute, "closed", "won")
    assert shop.deliver(won).differences == ("the credit would exceed the largest balance kept",)
    shop.accounts.debit(shop.account.id, 10 * UNIT, "room for it")
    assert shop.deliver(won).hearing is Hearing.APPLIED
    assert shop.balance() == AMOUNT_NANOS_MAX


def test_lesson_67_a_refund_that_comes_before_its_payment_is_kept_until_then(shop: Shop) -> None:
    order = shop.order(10)
    paid = shop.pay(order)
    intent = paid["data"]["object"]["payment_intent"]
    shop.deliver(refund_event(shop, shop.server.refund(intent, 1000)))
    shop.now_ms += 1
    shop.deliver(dispute_event(shop, shop.server.dispute(intent, amount=100), "created", "needs_response"))
    assert shop.transfers() == []
    shop.deliver(paid)
    # The refund first: together they would be more than was paid, and that is told.
    assert kinds(shop) == [(TransferKind.TOPUP, 10), (TransferKind.REFUND, 10)]
    assert shop.payments.order(order.id).order.state is OrderState.REFUNDED
    (told,) = shop.told().values()
    assert "11.00 would be taken back of an order of 10.00 USD" in told["differences"][0]


def test_a_refund_of_something_else_in_the_same_stripe_account_takes_nothing(shop: Shop) -> None:
    shop.paid(10)
    shop.server.intents["pi_other"] = next(iter(shop.server.intents.values())) | {"id": "pi_other"}
    assert shop.deliver(refund_event(shop, shop.server.refund("pi_other", 500))).hearing is Hearing.APPLIED
    assert (shop.balance(), shop.told()) == (10 * UNIT, {})


def test_a_refund_that_fails_is_given_back(shop: Shop) -> None:
    order, intent = shop.paid(10)
    refund = shop.server.refund(intent, 1000, status="pending")
    shop.deliver(refund_event(shop, refund))
    assert shop.balance() == 0
    shop.deliver(refund_event(shop, refund | {"status": "failed"}, "refund.failed"))
    assert kinds(shop)[-1] == (TransferKind.REFUND_FAILED, 10)
    assert shop.transfers()[-1].reference == refund["id"]
    assert shop.payments.order(order.id).order.state is OrderState.PAID
    for late in (refund, refund | {"status": "failed"}):
        shop.deliver(refund_event(shop, late, "refund.updated"))
    assert shop.balance() == 10 * UNIT


def test_lesson_67_the_failure_of_a_refund_that_comes_first_means_that_it_takes_nothing(shop: Shop) -> None:
    _, intent = shop.paid(10)
    refund = shop.server.refund(intent, 1000)
    shop.deliver(refund_event(shop, refund | {"status": "failed"}, "refund.failed"))
    shop.deliver(refund_event(shop, refund | {"status": "pending"}))
    assert shop.balance() == 10 * UNIT


def test_a_dispute_takes_the_money_and_a_won_one_gives_it_back(shop: Shop) -> None:
    order, intent = shop.paid(10)
    dispute = shop.server.dispute(intent)
    shop.deliver(dispute_event(shop, dispute, "created", "warning_needs_response"))
    assert shop.balance() == 10 * UNIT
    shop.deliver(dispute_event(shop, dispute, "created", "needs_response"))
    shop.deliver(dispute_event(shop, dispute, "funds_withdrawn", "under_review"))
    assert shop.balance() == 0
    assert shop.payments.order(order.id).order.state is OrderState.DISPUTED
    shop.deliver(dispute_event(shop, dispute, "closed", "won"))
    shop.deliver(dispute_event(shop, dispute, "funds_reinstated", "won"))
    assert kinds(shop) == [(TransferKind.TOPUP, 10), (TransferKind.DISPUTE, 10), (TransferKind.DISPUTE_WON, 10)]
    assert {transfer.reference for transfer in shop.transfers()[1:]} == {dispute["id"]}
    assert shop.payments.order(order.id).order.state is OrderState.PAID


@pytest.mark.parametrize("status", ["won", "lost"])
def test_lesson_67_a_dispute_that_is_closed_before_it_is_opened_ends_the_same(shop: Shop, status: str) -> None:
    order, intent = shop.paid(10)
    dispute = shop.server.dispute(intent)
    shop.deliver(dispute_event(shop, dispute, "closed", status))
    shop.deliver(dispute_event(shop, dispute, "created", "needs_response"))
    won = status == "won"
    assert shop.balance() == (10 * UNIT if won else 0)
    assert shop.payments.order(order.id).order.state is (OrderState.PAID if won else OrderState.DISPUTED)


def test_what_was_spent_is_owed_and_the_account_is_suspended(shop: Shop) -> None:
    order, intent = shop.paid(10)
    shop.accounts.debit(shop.account.id, 7 * UNIT, "spent")
    dispute = shop.server.dispute(intent)
    shop.deliver(dispute_event(shop, dispute, "created", "needs_response"))
    assert (shop.balance(), shop.state()) == (0, AccountState.SUSPENDED)
    told = shop.told()["payment_owed", dispute["id"]]
    assert (told["owed"], told["currency"]) == ("7.00", "USD")
    (claim,) = shop.payments.order(order.id).claims
    assert (claim.state, claim.taken_nanos, claim.rest_nanos) == (ClaimState.OWED, 3 * UNIT, 7 * UNIT)
    (entry,) = Audit(shop.store).list(AuditQuery(action="account.suspend")).entries
    assert (entry.actor, entry.account_id) == (SYSTEM, shop.account.id)
    assert entry.metadata == {"reason": f"dispute {dispute['id']}", "owed": "7.00"}
    # Only what was taken comes back; whether the account may spend again is the operator's decision.
    shop.deliver(dispute_event(shop, dispute, "closed", "won"))
    assert (shop.balance(), shop.state()) == (3 * UNIT, AccountState.SUSPENDED)


def test_an_empty_account_owes_all_of_it(shop: Shop) -> None:
    _, intent = shop.paid(10)
    shop.accounts.debit(shop.account.id, 10 * UNIT, "spent")
    refund = shop.server.refund(intent, 1000)
    shop.deliver(refund_event(shop, refund))
    assert shop.told()["payment_owed", refund["id"]]["owed"] == "10.00"
    shop.deliver(refund_event(shop, refund | {"status": "failed"}, "refund.failed"))
    assert (shop.balance(), kinds(shop)[-1]) == (0, (TransferKind.DEBIT, 10))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": 1001}, "10.01 would be taken back of an order of 10.00 USD"),
        ({"currency": "cny"}, "is in CNY, the order in USD"),
        ({"currency": "xyz"}, "is about 1000 coins of XYZ"),
        ({"amount": 0}, "is about 0 coins of USD"),
        ({"amount": -5}, "is about -5 coins of USD"),
    ],
)
def test_lesson_67_a_refund_that_differs_moves_nothing_and_is_told(
    shop: Shop, fields: dict[str, Any], said: str
) -> None:
    _, intent = shop.paid(10)
    event = refund_event(shop, shop.server.refund(intent, 1000) | fields)
    assert said in shop.deliver(event).differences[0]
    assert ("payment_mismatch", event["id"]) in shop.told()
    assert shop.balance() == 10 * UNIT


def test_lesson_67_a_refund_whose_amount_changes_moves_nothing_more(shop: Shop) -> None:
    _, intent = shop.paid(10)
    refund = shop.server.refund(intent, 400)
    shop.deliver(refund_event(shop, refund))
    assert shop.deliver(refund_event(shop, refund | {"amount": 500}, "refund.updated")).hearing is Hearing.DIFFERS
    assert shop.balance() == 6 * UNIT


def test_lesson_67_a_refund_of_the_other_mode_moves_nothing(shop: Shop) -> None:
    _, intent = shop.paid(10)
    event = refund_event(shop, shop.server.refund(intent, 400)) | {"livemode": True}
    assert shop.deliver(event).hearing is Hearing.DIFFERS
    assert shop.balance() == 10 * UNIT


def lend(shop: Shop, units: int, body: Callable[[], None]) -> None:
    """Let a worker hold so many units while `body` runs."""

    async def run() -> None:
        worker = shop.store.register_worker(shop.now_ms)
        commits = shop.store.group_commit(worker)
        commits.start()
        await Books(commits).hold(
            Hold(
                exchange_id=IdSource(worker=worker.number, after=worker.last_id).next(),
                account_id=shop.account.id,
                payer_id=shop.account.id,
                key_id=1,
                worker_id=worker.id,
                amount_nanos=units * UNIT,
                model_asked="m",
                started_ms=shop.now_ms,
                expires_ms=shop.now_ms + 60_000,
            )
        )
        try:
            await asyncio.to_thread(body)
        finally:
            await commits.stop()

    asyncio.run(run())


def test_money_that_is_lent_to_a_worker_is_taken_when_it_comes_back(shop: Shop) -> None:
    order, intent = shop.paid(10)
    refund = shop.server.refund(intent, 1000)

    def while_lent() -> None:
        shop.deliver(refund_event(shop, refund))
        (claim,) = shop.payments.order(order.id).claims
        assert claim.state is ClaimState.TAKING
        assert claim.taken_nanos < 10 * UNIT
        assert shop.state() is AccountState.ACTIVE
        assert shop.payments.collect() == 0

    lend(shop, 4, while_lent)
    assert shop.payments.collect() == 1
    taken = [transfer for transfer in shop.transfers() if transfer.kind is TransferKind.REFUND]
    assert sum(transfer.amount_nanos for transfer in taken) == 10 * UNIT
    assert [transfer.reference for transfer in taken] == [refund["id"], f"{refund['id']}/{taken[0].amount_nanos}"]
    assert (shop.balance(), shop.state(), shop.told()) == (0, AccountState.ACTIVE, {})
    assert len(shop.payments.receipt(order.id).transfers) == 3
    assert shop.payments.collect() == 0


def test_money_that_stays_lent_is_owed_after_a_while(shop: Shop) -> None:
    order, intent = shop.paid(10)

    def while_lent() -> None:
        shop.deliver(refund_event(shop, shop.server.refund(intent, 1000)))
        shop.now_ms += LENT_MS_MAX
        assert shop.payments.collect() == 1
        (claim,) = shop.payments.order(order.id).claims
        assert claim.state is ClaimState.OWED
        assert shop.state() is AccountState.SUSPENDED

    lend(shop, 4, while_lent)
