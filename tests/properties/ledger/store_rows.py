"""The rows that the machine writes and reads by itself: caps and packages as they begin, purses and leases as they are."""

from collections.abc import Iterable

from sqlalchemy import insert, select

from tollway.billing.accounts import Ids
from tollway.ledger.purses import CapWindow, PurseKind
from tollway.ledger.records import TOKENS, package_leg, packages_issued
from tollway.store.store import Store
from tollway.store.tables import caps, leases, packages, products, purses, transfers


def write_caps(store: Store, windows: Iterable[CapWindow], *, now_ms: int) -> None:
    """Write the caps of which these are the windows."""
    with store._writing() as connection:
        for cap in windows:
            connection.execute(
                insert(caps).values(
                    id=cap.cap_id,
                    account_id=cap.account_id,
                    scope="tag",
                    subject=f"{cap.cap_id}",
                    window="total",
                    limit_nanos=cap.limit_nanos,
                    alert_ppm=800_000,
                    created_ms=now_ms,
                )
            )


def write_package(store: Store, ids: Ids, *, account_id: int, amount: int, now_ms: int) -> int:
    """Write a package of so many tokens, with the product it is of and its grant, and return its id."""
    package_id = ids.next()
    words = {"name": "p", "unit": "tokens", "amount": amount, "models": "[]", "currency": "USD"}
    moved = {"amount_nanos": amount, "currency": TOKENS, "reason": "grant", "created_ms": now_ms}
    with store._writing() as connection:
        product_id = ids.next()
        connection.execute(
            insert(products).values(id=product_id, price_nanos=0, state="active", created_ms=now_ms, **words)
        )
        connection.execute(
            insert(purses).values(
                id=package_id,
                kind=PurseKind.PACKAGE.value,
                account_id=account_id,
                balance_nanos=amount,
                leased_nanos=0,
            )
        )
        connection.execute(
            insert(packages).values(
                id=package_id,
                account_id=account_id,
                product_id=product_id,
                bought_ms=now_ms,
                state="active",
                **words,
            )
        )
        connection.execute(
            insert(transfers).values(
                id=ids.next(),
                kind="grant",
                debit_account=packages_issued("tokens"),
                credit_account=package_leg(package_id),
                reference=str(package_id),
                **moved,
            )
        )
    return package_id


def read_purses(store: Store) -> dict[int, tuple[int, int]]:
    """Return each purse's balance and what of it is leased, in nano-units, by its id."""
    with store._reading() as connection:
        rows = connection.execute(select(purses.c.id, purses.c.balance_nanos, purses.c.leased_nanos)).all()
    return {row[0]: (row[1], row[2]) for row in rows}


def read_leases(store: Store) -> dict[tuple[int, int], int]:
    """Return what is lent of each purse to each worker, in nano-units, by worker and purse."""
    with store._reading() as connection:
        return {(row.worker_id, row.purse_id): row.amount_nanos for row in connection.execute(select(leases))}
