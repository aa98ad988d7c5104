"""A statement's arithmetic: opening + credits - debits = closing, by hand for one account with every kind of movement."""

from tollway.ledger.records import Account, Transfer, TransferKind, account_leg, package_leg, purse_of_leg
from tollway.ledger.repricing import Repriced
from tollway.ledger.statements import (
    Group,
    GroupSum,
    PackageMoves,
    PackageSum,
    StatementFacts,
    make_statement,
    signed_nanos,
)
from tollway.ledger.usage import Span, UsageRow, UsageSums

OWN = account_leg(1)


def transfer(kind: TransferKind, amount_nanos: int, *, to: str = OWN, out_of: str = "elsewhere") -> Transfer:
    return Transfer(
        id=1,
        kind=kind,
        debit_account=out_of,
        credit_account=to,
        amount_nanos=amount_nanos,
        currency="USD",
        reason="a test",
        created_ms=5,
    )


def used(requests: int, base_nanos: int, *, package_paid_nanos: int = 0, package_micros: int = 0) -> UsageRow:
    sums = UsageSums(
        requests=requests,
        base_nanos=base_nanos,
        package_paid_nanos=package_paid_nanos,
        package_micros=package_micros,
    )
    return UsageRow(currency="USD", sums=sums)


FACTS = StatementFacts(
    account=Account(id=1, name="acme", currency="USD", created_ms=1),
    balance_nanos=0,
    transferred_before_nanos=100,
    used_before=[used(2, 40, package_paid_nanos=10, package_micros=7)],
    transfers=[
        transfer(TransferKind.TOPUP, 50),
        transfer(TransferKind.TOPUP, 8),
        transfer(TransferKind.REFUND, 20, to="provider", out_of=OWN),
        transfer(TransferKind.REFUND_FAILED, 20),
    ],
    usage=[used(1, 30, package_paid_nanos=4, package_micros=3), used(1, 5)],
    tokens_before=PackageMoves(granted=100, expired=20),
    tokens=PackageMoves(granted=11, expired=1),
    money_before=PackageMoves(granted=30),
    money=PackageMoves(granted=2),
)


def test_what_came_and_went_leads_from_the_opening_to_the_closing() -> None:
    statement = make_statement(FACTS, Span(3, 9))
    assert statement.opening_nanos == 100 - (40 - 10)
    assert statement.credit_nanos == 50 + 8 + 20
    assert statement.debit_nanos == 20 + (30 - 4 + 5)
    assert statement.closing_nanos == 70 + 78 - 51


def test_movements_are_grouped_and_usage_stands_last() -> None:
    assert make_statement(FACTS, Span(3, 9)).groups == (
        GroupSum(group=Group.TOP_UPS, count=2, credit_nanos=58, debit_nanos=0),
        GroupSum(group=Group.REFUNDS, count=2, credit_nanos=20, debit_nanos=20),
        GroupSum(group=Group.USAGE, count=2, credit_nanos=0, debit_nanos=31),
    )


def test_packages_have_statements_of_their_own() -> None:
    statement = make_statement(FACTS, Span(3, 9))
    assert statement.tokens == PackageSum(opening=100 - 20 - 7, granted=11, used=3, expired=1)
    assert statement.tokens.closing == 73 + 11 - 3 - 1
    assert statement.money == PackageSum(opening=30 - 10, granted=2, used=4, expired=0)


def test_a_period_without_movements_has_no_groups_and_closes_as_it_opened() -> None:
    quiet = StatementFacts(
        account=FACTS.account, balance_nanos=9, transferred_before_nanos=9, used_before=[], transfers=[], usage=[]
    )
    statement = make_statement(quiet, Span(3, 9))
    assert statement.groups == ()
    assert (statement.opening_nanos, statement.closing_nanos) == (9, 9)


def test_a_transfer_to_oneself_moves_nothing() -> None:
    assert signed_nanos(transfer(TransferKind.CREDIT, 5, out_of=OWN), 1) == 0
    assert signed_nanos(transfer(TransferKind.CREDIT, 5), 2) == 0


def test_a_leg_names_the_purse_behind_it() -> None:
    assert [purse_of_leg(leg) for leg in (account_leg(12), package_leg(7), "funding:operator")] == [12, 7, None]


def test_what_other_prices_would_make_is_told_with_the_fee() -> None:
    repriced = Repriced(
        account_id=1,
        provider="p",
        model_routed="m",
        currency="USD",
        requests=2,
        base_nanos=10,
        fee_nanos=1,
        new_base_nanos=20,
        new_fee_nanos=3,
    )
    assert repriced.difference_nanos == 12
