"""The proof of the transfers: which legs each kind may have, in which currency, and what each stands for.

Orders, vouchers, packages and claims say what moved; the transfers must say the same. Runs in the caller's transaction.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, select

from tollway.access.terms import PackageUnit
from tollway.ids import ORDER, PACKAGE, TRANSFER, VOUCHER, IdError, parse_id, render_id
from tollway.ledger.orders import CREDITED
from tollway.ledger.records import (
    FUNDING,
    FUNDING_STRIPE,
    FUNDING_VOUCHER,
    PACKAGES_SOLD,
    TOKENS,
    TransferKind,
    account_leg,
    breakage,
    package_leg,
    packages_issued,
    purse_of_leg,
)
from tollway.store.check_claims import claim_problems
from tollway.store.paging import paged, pages
from tollway.store.tables import accounts, orders, packages, transfers, vouchers

ACCOUNT_LEG = account_leg(0).removesuffix("0")
PACKAGE_LEG = package_leg(0).removesuffix("0")
_PACKAGES_ISSUED = frozenset(packages_issued(unit) for unit in PackageUnit)
_BREAKAGE = frozenset(breakage(unit) for unit in PackageUnit)
_SOLD_TO = frozenset({ACCOUNT_LEG, PACKAGES_SOLD})
_CREDITED = frozenset(state.value for state in CREDITED)

Legs = frozenset[str]
LEGS: Mapping[str, tuple[Legs, Legs]] = {
    TransferKind.CREDIT: (frozenset({FUNDING}), frozenset({ACCOUNT_LEG})),
    TransferKind.DEBIT: (frozenset({ACCOUNT_LEG}), frozenset({FUNDING})),
    TransferKind.TOPUP: (frozenset({FUNDING_STRIPE}), frozenset({ACCOUNT_LEG})),
    TransferKind.REFUND: (_SOLD_TO, frozenset({FUNDING_STRIPE})),
    TransferKind.REFUND_FAILED: (frozenset({FUNDING_STRIPE}), _SOLD_TO),
    TransferKind.DISPUTE: (_SOLD_TO, frozenset({FUNDING_STRIPE})),
    TransferKind.DISPUTE_WON: (frozenset({FUNDING_STRIPE}), _SOLD_TO),
    TransferKind.VOUCHER: (frozenset({FUNDING_VOUCHER}), frozenset({ACCOUNT_LEG})),
    TransferKind.PURCHASE: (frozenset({ACCOUNT_LEG}), frozenset({PACKAGES_SOLD})),
    TransferKind.GRANT: (_PACKAGES_ISSUED, frozenset({PACKAGE_LEG})),
    TransferKind.BREAKAGE: (frozenset({PACKAGE_LEG}), _BREAKAGE),
}
"""Which legs may give and which may receive, for each kind of transfer."""


def transfer_problems(connection: Connection, received: defaultdict[int, int]) -> Iterator[str]:
    """Fold the transfers into `received`, by purse; yield what is wrong with each."""
    currencies = {row.id: row.currency for row in connection.execute(select(accounts.c.id, accounts.c.currency))}
    for row in connection.execute(select(packages.c.id, packages.c.unit, packages.c.currency)):
        currencies[row.id] = TOKENS if row.unit == PackageUnit.TOKENS else row.currency
    for row in paged(connection, select(transfers), transfers.c.id):
        name = f"transfer {render_id(TRANSFER, row.id)}"
        if row.amount_nanos <= 0 or row.debit_account == row.credit_account:
            yield f"{name} does not move money from one leg to another"
        sides = ((row.debit_account, -row.amount_nanos), (row.credit_account, row.amount_nanos))
        for (leg, amount), allowed in zip(sides, LEGS[row.kind], strict=True):
            purse_id = _purse_of(leg)
            if purse_id is not None:
                if purse_id not in currencies:
                    yield f"{name} names {leg}, which does not exist"
                    continue
                received[purse_id] += amount
                if currencies[purse_id] != row.currency:
                    yield f"{name} is in {row.currency}, {leg} in {currencies[purse_id]}"
            if (leg if purse_id is None else leg.partition(":")[0] + ":") not in allowed:
                yield f"{name} is a {row.kind}, but the other side of it is {leg}"


def paper_problems(connection: Connection) -> Iterator[str]:
    """Yield what orders, vouchers and packages say of money that the transfers do not, and the other way round."""
    yield from _package_problems(connection)
    yield from _purchase_problems(connection)
    yield from _order_problems(connection)
    yield from _voucher_problems(connection)
    yield from claim_problems(connection)


def _purse_of(leg: str) -> int | None:
    try:
        return purse_of_leg(leg)
    except ValueError:
        return None


def _package_problems(connection: Connection) -> Iterator[str]:
    """What a package held when it began is what was granted to it, once."""
    t = transfers.c
    for rows in pages(connection, select(packages), packages.c.id):
        legs = {package_leg(row.id): row for row in rows}
        grants = select(transfers).where(t.credit_account.in_(legs), t.kind == TransferKind.GRANT.value)
        granted: defaultdict[str, list[int]] = defaultdict(list)
        for grant in connection.execute(grants):
            granted[grant.credit_account].append(grant.amount_nanos)
        for leg, row in legs.items():
            if granted[leg] != [row.amount]:
                name = render_id(PACKAGE, row.id)
                yield f"package {name} began with {row.amount}, its grants make {sum(granted[leg])}"


def _purchase_problems(connection: Connection) -> Iterator[str]:
    """A purchase is of a package, and its account's."""
    t, p = transfers.c, packages.c
    for rows in pages(connection, select(transfers).where(t.kind == TransferKind.PURCHASE.value), t.id):
        numbers = [number for row in rows if (number := _package_of(row.reference)) is not None]
        owners = connection.execute(select(p.id, p.account_id).where(p.id.in_(numbers)))
        legs = {render_id(PACKAGE, row.id): account_leg(row.account_id) for row in owners}
        for row in rows:
            if legs.get(row.reference or "") != row.debit_account:
                name = render_id(TRANSFER, row.id)
                yield f"purchase {name} is of {row.reference}, no package of {row.debit_account}"


def _package_of(reference: str | None) -> int | None:
    try:
        return parse_id(PACKAGE, reference or "")
    except IdError:
        return None


def _order_problems(connection: Connection) -> Iterator[str]:
    """An order is paid exactly when one top-up names it, of its amount and for its account."""
    t = transfers.c
    named = 0
    for rows in pages(connection, select(orders), orders.c.id):
        names = {render_id(ORDER, row.id): row for row in rows}
        topups = select(transfers).where(t.kind == TransferKind.TOPUP.value, t.reference.in_(names))
        paid = {topup.reference: topup for topup in connection.execute(topups)}
        named += len(paid)
        for name, row in names.items():
            if name in paid:
                yield from _differences(f"order {name}", row, paid[name])
            if (row.state in _CREDITED) != (name in paid):
                yield f"order {name} is {row.state}, but {'a' if name in paid else 'no'} top-up names it"
    every = select(func.count()).select_from(transfers).where(t.kind == TransferKind.TOPUP.value)
    if connection.scalar(every) != named:
        yield "there are top-ups that name no order"


def _voucher_problems(connection: Connection) -> Iterator[str]:
    """A voucher is redeemed exactly when it names a transfer of its amount to whoever redeemed it."""
    v, t = vouchers.c, transfers.c
    used = or_(v.redeemed_ms.is_not(None), v.transfer_id.is_not(None), v.account_id.is_not(None))
    named: set[int] = set()
    for rows in pages(connection, select(vouchers).where(used), v.id):
        ids = [row.transfer_id for row in rows if row.transfer_id is not None]
        moved = select(transfers).where(t.id.in_(ids), t.kind == TransferKind.VOUCHER.value)
        found = {transfer.id: transfer for transfer in connection.execute(moved)}
        named |= found.keys()
        for row in rows:
            name = f"voucher {render_id(VOUCHER, row.id)}"
            if row.transfer_id not in found or row.redeemed_ms is None or row.account_id is None:
                yield f"{name} was redeemed, but no transfer says so"
            else:
                yield from _differences(name, row, found[row.transfer_id])
    every = select(func.count()).select_from(transfers).where(t.kind == TransferKind.VOUCHER.value)
    if connection.scalar(every) != len(named):
        yield "there are transfers for vouchers that no redeemed voucher names"


def _differences(name: str, paper: Any, transfer: Any) -> Iterator[str]:  # noqa: ANN401  rows
    said = (paper.amount_nanos, paper.currency, account_leg(paper.account_id))
    moved = (transfer.amount_nanos, transfer.currency, transfer.credit_account)
    if said != moved:
        transfer_name = render_id(TRANSFER, transfer.id)
        yield (
            f"{name} is about {said[0]} nano-units in {said[1]} for {said[2]}, "
            f"its transfer {transfer_name} moved {moved[0]} in {moved[1]} to {moved[2]}"
        )
