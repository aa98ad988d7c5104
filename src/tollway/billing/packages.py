"""Packages: bought from the balance or given by the operator, spent by keys, and what is left when they end.

Knows no SQL and no surface. What a package holds comes from `packages:issued` and what an expired one still held goes to
`breakage`, so that tokens are kept in the books as exactly as money.
"""

from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.access.packages import (
    Package,
    PackageState,
    PackageUse,
    Product,
    ProductState,
    SaleOutcome,
    package_of,
    render_quantity,
    standing_of,
)
from tollway.access.terms import PackageUnit
from tollway.billing.accounts import Ids, checked_reason
from tollway.billing.calling_in import Pause, ask_again, sleep
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, PACKAGE, PRODUCT, render_id
from tollway.ledger.records import (
    PACKAGES_SOLD,
    TOKENS,
    Account,
    Balance,
    Transfer,
    TransferKind,
    account_leg,
    breakage,
    package_leg,
    packages_issued,
)
from tollway.money import render_amount

EXPIRED_AT_ONCE = 100
"""Packages that one round of the sweep ends; the rest come with the next."""


class PackageRows(Protocol):
    """What packages want from the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def product(self, product_id: int) -> Product | None:
        """Read one product."""
        ...

    def sell_package(
        self, package: Package, grant: Transfer, *, purchase: Transfer | None, active_max: int
    ) -> SaleOutcome:
        """Take the price from the account's balance, if there is one, and fill the package: all of it, or nothing."""
        ...

    def balance(self, account_id: int) -> Balance | None:
        """Read what an account has and holds."""
        ...

    def call_in(self, account_id: int, now_ms: int) -> None:
        """Have workers give back what lies idle with them of an account's balance."""
        ...

    def package(self, package_id: int) -> PackageUse | None:
        """Read one package, and what is left in it."""
        ...

    def packages(self, account_id: int | None) -> tuple[PackageUse, ...]:
        """Read the packages of an account, or all, newest first."""
        ...

    def end_package(self, package_id: int, ends_ms: int) -> None:
        """Let an active package expire at `ends_ms` unless it does before, in every worker."""
        ...

    def expired_packages(self, now_ms: int, limit: int) -> tuple[tuple[PackageUse, int], ...]:
        """Read packages whose time is over and that are not ended yet, each with what of it no worker has borrowed."""
        ...

    def close_package(self, package_id: int, remainder: Transfer | None) -> bool:
        """Move a remainder out, and call the package expired once it is empty; False when it has less by now."""
        ...


class Packages:
    """The use cases of packages. Errors are CommandRefused with a sentence."""

    def __init__(
        self,
        store: PackageRows,
        ids: Ids,
        *,
        active_max: int = 1,
        now_ms: Callable[[], int] = clock.now_ms,
        pause: Pause = sleep,
    ) -> None:
        """Work on `store`; an account has at most `active_max` active packages, 0 for any number."""
        self._store = store
        self._ids = ids
        self._active_max = active_max
        self._now_ms = now_ms
        self._pause = pause

    def buy(self, account_id: int, product_id: int) -> PackageUse:
        """Buy a package from the balance; refused when that is too small, and then nothing has moved."""
        account, product = self._account(account_id), self.on_sale(product_id)
        if product.currency != account.currency:
            raise CommandRefused(
                f"product {product.name} is sold in {product.currency}, and the account pays in {account.currency}"
            )
        package, grant = self._new(account, product, "bought from the balance")
        purchase = None
        if product.price_nanos:
            purchase = Transfer(
                id=self._ids.next(),
                kind=TransferKind.PURCHASE,
                debit_account=account_leg(account_id),
                credit_account=PACKAGES_SOLD,
                amount_nanos=product.price_nanos,
                currency=account.currency,
                reason=f"package {product.name}",
                created_ms=package.bought_ms,
                reference=render_id(PACKAGE, package.id),
            )
        return self._sell(package, grant, purchase)

    def grant(self, account_id: int, product_id: int, reason: str) -> PackageUse:
        """Give a package, as the operator: a retired product too, and at no price."""
        account, product = self._account(account_id), self._product(product_id)
        package, grant = self._new(account, product, checked_reason(reason))
        return self._sell(package, grant, None)

    def on_sale(self, product_id: int) -> Product:
        """Return a product that can be bought."""
        product = self._product(product_id)
        if product.state is not ProductState.ACTIVE:
            raise CommandRefused(f"product {product.name} is not sold any more")
        return product

    def list(self, account_id: int | None = None) -> tuple[PackageUse, ...]:
        """Return the packages of an account, or all, newest first."""
        return self._store.packages(account_id)

    def show(self, package_id: int) -> PackageUse:
        """Return one package, and what is left in it."""
        found = self._store.package(package_id)
        if found is None:
            raise CommandRefused(f"there is no package {render_id(PACKAGE, package_id)}")
        return found

    def end(self, package_id: int) -> PackageUse:
        """Let a package expire now; what is left in it is forfeited, as with any that expires."""
        self.show(package_id)
        self._store.end_package(package_id, self._now_ms())
        self.expire()
        return self.show(package_id)

    def expire(self) -> int:
        """End what has expired, and return how many: to be called every few seconds.

        What running requests have set aside stays until they end; a later round takes what they leave.
        """
        now_ms, ended = self._now_ms(), 0
        for use, free in self._store.expired_packages(now_ms, EXPIRED_AT_ONCE):
            package = use.package
            remainder = None
            if free:
                remainder = Transfer(
                    id=self._ids.next(),
                    kind=TransferKind.BREAKAGE,
                    debit_account=package_leg(package.id),
                    credit_account=breakage(package.unit),
                    amount_nanos=free,
                    currency=package_currency(package),
                    reason=f"package {package.name} expired",
                    created_ms=now_ms,
                )
            ended += self._store.close_package(package.id, remainder)
        return ended

    def _account(self, account_id: int) -> Account:
        account = self._store.account(account_id)
        if account is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        return account

    def _product(self, product_id: int) -> Product:
        product = self._store.product(product_id)
        if product is None:
            raise CommandRefused(f"there is no product {render_id(PRODUCT, product_id)}")
        return product

    def _new(self, account: Account, product: Product, reason: str) -> tuple[Package, Transfer]:
        if product.unit is PackageUnit.MONEY and product.currency != account.currency:
            raise CommandRefused(
                f"product {product.name} holds {product.currency}, and the account is in {account.currency}"
            )
        package = package_of(
            product,
            package_id=self._ids.next(),
            account_id=account.id,
            bought_ms=self._now_ms(),
            reference=None,
        )
        return package, grant_transfer(package, transfer_id=self._ids.next(), reason=reason)

    def _sell(self, package: Package, grant: Transfer, purchase: Transfer | None) -> PackageUse:
        outcome = self._try_to_sell(package, grant, purchase)
        if outcome is SaleOutcome.TOO_POOR and self._has(package.account_id, purchase):
            # Lent to workers, who give back what they do not need.
            self._store.call_in(package.account_id, self._now_ms())
            outcome = ask_again(
                lambda: self._try_to_sell(package, grant, purchase),
                self._pause,
                good=lambda found: found is not SaleOutcome.TOO_POOR,
            )
        if outcome is SaleOutcome.TOO_MANY:
            raise CommandRefused(self._too_many(package.account_id))
        if outcome is SaleOutcome.TOO_POOR:
            assert purchase is not None, "only a price can be too high"
            raise CommandRefused(
                f"the price of {render_amount(purchase.amount_nanos)} {purchase.currency} is more than is available: "
                "top up the account, or wait for its running requests"
            )
        return self.show(package.id)

    def _try_to_sell(self, package: Package, grant: Transfer, purchase: Transfer | None) -> SaleOutcome:
        return self._store.sell_package(package, grant, purchase=purchase, active_max=self._active_max)

    def _has(self, account_id: int, purchase: Transfer | None) -> bool:
        balance = self._store.balance(account_id)
        return purchase is not None and balance is not None and balance.balance_nanos >= purchase.amount_nanos

    def _too_many(self, account_id: int) -> str:
        now_ms = self._now_ms()
        active = [use for use in self.list(account_id) if standing_of(use, now_ms=now_ms) == PackageState.ACTIVE]
        shown = "; ".join(
            f"{render_id(PACKAGE, use.package.id)} has {render_quantity(use.left, use.package.unit)} left"
            for use in active
        )
        return (
            f"an account has at most {self._active_max} active packages at a time ({shown}): use them up, "
            "or end one with `tollway package end`"
        )


def grant_transfer(package: Package, *, transfer_id: int, reason: str) -> Transfer:
    """Return the transfer that fills a new package; one for each package, ever."""
    return Transfer(
        id=transfer_id,
        kind=TransferKind.GRANT,
        debit_account=packages_issued(package.unit),
        credit_account=package_leg(package.id),
        amount_nanos=package.amount,
        currency=package_currency(package),
        reason=reason,
        created_ms=package.bought_ms,
        reference=render_id(PACKAGE, package.id),
    )


def package_currency(package: Package) -> str:
    """Return the currency of a package's transfers: TOKENS, or its money's."""
    return TOKENS if package.unit is PackageUnit.TOKENS else package.currency
