"""Products and packages in SQL, with the purses that packages are spent from. Knows no request."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from tollway.access.packages import (
    MICROS_PER_TOKEN,
    ModelRatio,
    Package,
    PackageState,
    PackageUse,
    Product,
    ProductState,
    SaleOutcome,
)
from tollway.access.terms import PackageUnit
from tollway.ledger.purses import PurseKind
from tollway.ledger.records import Transfer
from tollway.money import PPM
from tollway.store.account_rows import lock_account, post
from tollway.store.rows import fields_of
from tollway.store.tables import packages, products, purses
from tollway.store.transactions import Rows

ALERT_PPM = 800_000
"""An event says when 80 % of a package is spent."""

_read_models = msgspec.json.Decoder(tuple[ModelRatio, ...]).decode


class PackageRows(Rows):
    """The rows of products and packages; every call is one transaction."""

    def add_product(self, product: Product) -> None:
        """Write a product."""
        with self._writing() as connection:
            connection.execute(insert(products).values(_fields(product)))

    def product(self, product_id: int) -> Product | None:
        """Read one product."""
        with self._reading() as connection:
            return read_product(connection, product_id)

    def products(self) -> tuple[Product, ...]:
        """Read all products, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(select(products).order_by(products.c.id)).mappings()
            return tuple(_product(row) for row in rows)

    def retire_product(self, product_id: int) -> Product | None:
        """Sell a product no more; None when there is no such product."""
        with self._writing() as connection:
            retired = ProductState.RETIRED.value
            connection.execute(update(products).where(products.c.id == product_id).values(state=retired))
            return read_product(connection, product_id)

    def sell_package(
        self, package: Package, grant: Transfer, *, purchase: Transfer | None, active_max: int
    ) -> SaleOutcome:
        """Take the price from the account's balance, if there is one, and fill the package: all of it, or nothing."""
        with self._writing() as connection:
            return sell_package(connection, package, grant, purchase=purchase, active_max=active_max)

    def package(self, package_id: int) -> PackageUse | None:
        """Read one package, and what is left in it."""
        with self._reading() as connection:
            return read_package(connection, package_id)

    def packages(self, account_id: int | None) -> tuple[PackageUse, ...]:
        """Read the packages of an account, or all, newest first."""
        query = _USES.order_by(packages.c.id.desc())
        if account_id is not None:
            query = query.where(packages.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(_use(row) for row in connection.execute(query).mappings())

    def end_package(self, package_id: int, ends_ms: int) -> None:
        """Let an active package expire at `ends_ms` unless it does before, in every worker."""
        with self._changing() as connection:
            end_package(connection, package_id, ends_ms)

    def expired_packages(self, now_ms: int, limit: int) -> tuple[tuple[PackageUse, int], ...]:
        """Read packages whose time is over and that are not ended yet, each with what of it no worker has borrowed.

        Those that running requests have borrowed whole are left out: there is nothing to do about them yet.
        """
        p = purses.c
        over = and_(packages.c.state == PackageState.ACTIVE.value, packages.c.expires_ms <= now_ms)
        idle = or_(p.balance_nanos == 0, p.balance_nanos > p.leased_nanos)
        query = _USES.where(over, idle).order_by(packages.c.expires_ms).limit(limit)
        with self._reading() as connection:
            rows = connection.execute(query).mappings()
            return tuple((_use(row), row["balance_nanos"] - row["leased_nanos"]) for row in rows)

    def close_package(self, package_id: int, remainder: Transfer | None) -> bool:
        """Move a remainder out, and call the package expired once it is empty; False while it is not."""
        with self._writing() as connection:
            if remainder is not None and not post(connection, remainder):
                return False
            empty = select(purses.c.id).where(purses.c.id == package_id, purses.c.balance_nanos == 0).exists()
            ended = connection.execute(
                update(packages)
                .where(packages.c.id == package_id, packages.c.state == PackageState.ACTIVE.value, empty)
                .values(state=PackageState.EXPIRED.value)
            )
            return ended.rowcount == 1


def sell_package(
    connection: Connection, package: Package, grant: Transfer, *, purchase: Transfer | None, active_max: int
) -> SaleOutcome:
    """Take the price from the account's balance, if there is one, and fill the package, in the caller's transaction.

    An account has at most `active_max` active packages (0: any number). Unless the sale is done, nothing has changed.
    """
    lock_account(connection, package.account_id)
    if active_max and count_active(connection, package.account_id, package.bought_ms) >= active_max:
        return SaleOutcome.TOO_MANY
    if purchase is not None and not post(connection, purchase):
        return SaleOutcome.TOO_POOR
    grant_package(connection, package, grant)
    return SaleOutcome.DONE


def grant_package(connection: Connection, package: Package, grant: Transfer) -> None:
    """Write a package with its purse, and fill it by `grant` (billing.packages.grant_transfer).

    Runs in the caller's transaction, such as the one in which an order is paid. A package whose grant was posted before
    breaks the transaction: it is filled once.
    """
    connection.execute(
        insert(purses).values(
            id=package.id,
            kind=PurseKind.PACKAGE.value,
            account_id=package.account_id,
            balance_nanos=0,
            leased_nanos=0,
            alert_nanos=package.amount - package.amount * ALERT_PPM // PPM,
        )
    )
    connection.execute(insert(packages).values(_fields(package)))
    filled = post(connection, grant)
    assert filled, "a new purse takes any amount"


def end_package(connection: Connection, package_id: int, ends_ms: int) -> None:
    """Let an active package expire at `ends_ms` unless it does before; workers hear of it from the caller."""
    c = packages.c
    later = or_(c.expires_ms.is_(None), c.expires_ms > ends_ms)
    connection.execute(
        update(packages)
        .where(c.id == package_id, c.state == PackageState.ACTIVE.value, later)
        .values(expires_ms=ends_ms)
    )


def count_active(connection: Connection, account_id: int, now_ms: int) -> int:
    """Return how many packages an account could spend now."""
    c = packages.c
    query = (
        select(func.count())
        .select_from(packages.join(purses, purses.c.id == c.id))
        .where(c.account_id == account_id, c.state == PackageState.ACTIVE.value)
        .where(or_(c.expires_ms.is_(None), c.expires_ms > now_ms), _worth_something())
    )
    return connection.scalar(query) or 0


def read_product(connection: Connection, product_id: int) -> Product | None:
    """Return one product."""
    row = connection.execute(select(products).where(products.c.id == product_id)).mappings().first()
    return None if row is None else _product(row)


def read_package(connection: Connection, package_id: int) -> PackageUse | None:
    """Return one package, and what is left in it."""
    row = connection.execute(_USES.where(packages.c.id == package_id)).mappings().first()
    return None if row is None else _use(row)


def _worth_something() -> ColumnElement[bool]:
    """As access.packages.standing_of says it of what is left."""
    left = purses.c.balance_nanos
    return or_(left >= MICROS_PER_TOKEN, and_(packages.c.unit == PackageUnit.MONEY.value, left > 0))


_USES = select(*packages.columns, purses.c.balance_nanos, purses.c.leased_nanos).join_from(
    packages, purses, purses.c.id == packages.c.id
)


def _fields(thing: Product | Package) -> dict[str, Any]:
    fields = msgspec.structs.asdict(thing)
    fields["models"] = msgspec.json.encode(thing.models).decode()
    return {**fields, "unit": thing.unit.value, "state": thing.state.value}


def _product(row: Mapping[Any, Any]) -> Product:
    fields = fields_of(row)
    models, unit, state = _read_models(fields.pop("models")), fields.pop("unit"), fields.pop("state")
    return Product(**fields, models=models, unit=PackageUnit(unit), state=ProductState(state))


def _use(row: Mapping[Any, Any]) -> PackageUse:
    fields = {name: value for name, value in fields_of(row).items() if name in packages.columns}
    models, unit, state = _read_models(fields.pop("models")), fields.pop("unit"), fields.pop("state")
    package = Package(**fields, models=models, unit=PackageUnit(unit), state=PackageState(state))
    return PackageUse(package=package, left=row["balance_nanos"])
