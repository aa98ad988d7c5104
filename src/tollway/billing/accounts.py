"""Accounts: make them, top them up, correct them, suspend them. Knows no SQL and no surface."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import UNSET, UnsetType

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.billing.audit import NO_DETAILS, Notary
from tollway.billing.calling_in import Pause, ask_again, sleep
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, render_id
from tollway.ledger.records import FUNDING, Account, AccountState, Balance, Transfer, TransferKind, account_leg
from tollway.money import AMOUNT_NANOS_MAX, CURRENCIES, PPM, parse_rate, render_amount, render_rate
from tollway.settings.brand import Brand, Brands

NAME_CHARS_MAX = 200
REASON_CHARS_MAX = 1000

RATE_PPM_MAX = 10 * PPM
"""1000 %: a higher fee or markup is a slip of the pen, and might not fit the 64 bits of an amount."""

DEFAULT_FEE = "default"
"""The word for the deployment's fee."""


class Ids(Protocol):
    """Makes ids; shared between threads."""

    def next(self) -> int:
        """Return the next id."""
        ...


class AccountRows(Protocol):
    """What accounts want from the store; every call is one transaction."""

    def add_account(self, account: Account, credit: Transfer | None, entry: AuditEntry) -> None:
        """Write an account, its purse, and its first credit."""
        ...

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """Read all accounts, oldest first."""
        ...

    def set_account_state(self, account_id: int, state: AccountState, entry: AuditEntry) -> bool:
        """Change the state, with effect on the next request in every worker; False when nothing was to change."""
        ...

    def set_account_terms(self, account_id: int, entry: AuditEntry, *, fee_ppm: int | None, price_ppm: int) -> bool:
        """Change fee and prices, with effect on the next request in every worker; False when there is no such account."""
        ...

    def call_in(self, account_id: int, now_ms: int) -> None:
        """Have workers give back what lies idle with them of an account's balance."""
        ...

    def post(self, transfer: Transfer) -> bool:
        """Move money; False, and nothing changed, when a purse is missing, too small or would overflow."""
        ...

    def balance(self, account_id: int) -> Balance | None:
        """Read what an account has and holds."""
        ...


class Accounts:
    """The use cases of accounts, each one transaction. Errors are CommandRefused with a sentence."""

    def __init__(
        self, store: AccountRows, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms, pause: Pause = sleep
    ) -> None:
        """Work on `store`; `ids` may be shared between threads."""
        self._store = store
        self._ids = ids
        self._now_ms = now_ms
        self._pause = pause
        self._notary = Notary(ids.next, now_ms)

    def create(
        self,
        name: str,
        currency: str = "USD",
        credit_nanos: int = 0,
        *,
        brand: Brand | None = None,
        by: Actor = OPERATOR,
    ) -> Account:
        """Make an account with a first credit in nano-units (zero for none).

        Under a `brand` other than the deployment's default it has that brand's fee, and its keys begin as the brand's do.
        """
        name = checked_name(name)
        currency = checked_currency(currency)
        if not 0 <= credit_nanos <= AMOUNT_NANOS_MAX:
            raise CommandRefused(f"a first credit of {render_amount(credit_nanos)} is not zero or more")
        account = Account(
            id=self._ids.next(),
            name=name,
            currency=currency,
            created_ms=self._now_ms(),
            fee_ppm=None if brand is None else brand.platform_fee_ppm,
            brand=None if brand is None else brand.preset,
        )
        credit = self._credit(account, credit_nanos, "opening credit") if credit_nanos else None
        set_to = {"name": name, "currency": currency, "brand": account.brand, "credit": render_amount(credit_nanos)}
        self._store.add_account(account, credit, self._note(by, "account.create", account.id, set_to))
        return account

    def list(self) -> tuple[Account, ...]:
        """Return all accounts, oldest first."""
        return self._store.accounts()

    def show(self, account_id: int) -> Account:
        """Return one account."""
        account = self._store.account(account_id)
        if account is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        return account

    def suspend(self, account_id: int, *, by: Actor = OPERATOR) -> Account:
        """Refuse the account's keys from the next request on, in every worker."""
        return self._set_state(account_id, AccountState.SUSPENDED, self._note(by, "account.suspend", account_id))

    def resume(self, account_id: int, *, by: Actor = OPERATOR) -> Account:
        """Let the account's keys spend again."""
        return self._set_state(account_id, AccountState.ACTIVE, self._note(by, "account.resume", account_id))

    def agree(
        self,
        account_id: int,
        *,
        fee_ppm: int | UnsetType | None = UNSET,
        price_ppm: int | UnsetType = UNSET,
        by: Actor = OPERATOR,
    ) -> Account:
        """Give an account a platform fee of its own (None: the deployment's) and a share of prices that it pays.

        In parts per million; what is left out stays. Holds for requests that begin afterwards.
        """
        account = self.show(account_id)
        fee = account.fee_ppm if fee_ppm is UNSET else fee_ppm
        price = account.price_ppm if price_ppm is UNSET else price_ppm
        if fee is not None and not 0 <= fee <= RATE_PPM_MAX:
            raise CommandRefused(f"a fee is 0% to {RATE_PPM_MAX * 100 // PPM}%")
        if not 0 <= price <= PPM + RATE_PPM_MAX:
            raise CommandRefused(f"a discount is at most 100%, and a markup at most {RATE_PPM_MAX * 100 // PPM}%")
        set_to = {"platform_fee": None if fee is None else render_rate(fee), "price_share": render_rate(price)}
        entry = self._note(by, "account.update", account_id, set_to)
        self._store.set_account_terms(account_id, entry, fee_ppm=fee, price_ppm=price)
        return self.show(account_id)

    def credit(self, account_id: int, amount_nanos: int, reason: str) -> Transfer:
        """Add money to the balance; the amount is above zero."""
        account = self.show(account_id)
        transfer = self._credit(account, checked_amount(amount_nanos), checked_reason(reason))
        if not self._store.post(transfer):
            raise CommandRefused(f"a credit of {render_amount(amount_nanos)} would exceed the largest balance kept")
        return transfer

    def debit(self, account_id: int, amount_nanos: int, reason: str) -> Transfer:
        """Take money off the balance, as a correction; refused when more than is available, never in part."""
        account = self.show(account_id)
        transfer = Transfer(
            id=self._ids.next(),
            kind=TransferKind.DEBIT,
            debit_account=account_leg(account_id),
            credit_account=FUNDING,
            amount_nanos=checked_amount(amount_nanos),
            currency=account.currency,
            reason=checked_reason(reason),
            created_ms=self._now_ms(),
        )
        if not self._store.post(transfer) and not self._post_called_in(account_id, transfer):
            balance = self.balance(account_id)
            raise CommandRefused(
                f"{render_amount(amount_nanos)} {account.currency} is more than is available: the balance is "
                f"{render_amount(balance.balance_nanos)}, and part of it may be set aside for running requests"
            )
        return transfer

    def balance(self, account_id: int) -> Balance:
        """Return what the account has and holds, in nano-units."""
        balance = self._store.balance(account_id)
        if balance is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        return balance

    def _post_called_in(self, account_id: int, transfer: Transfer) -> bool:
        """Try again where the money is there, but lent to workers: they give back what they do not need."""
        if self.balance(account_id).balance_nanos < transfer.amount_nanos:
            return False
        self._store.call_in(account_id, self._now_ms())
        return ask_again(lambda: self._store.post(transfer), self._pause)

    def _note(self, by: Actor, action: str, account_id: int, set_to: Mapping[str, object] = NO_DETAILS) -> AuditEntry:
        return self._notary.note(by, action, account_id, render_id(ACCOUNT, account_id), set_to)

    def _set_state(self, account_id: int, state: AccountState, entry: AuditEntry) -> Account:
        self._store.set_account_state(account_id, state, entry)
        return self.show(account_id)

    def _credit(self, account: Account, amount_nanos: int, reason: str) -> Transfer:
        return Transfer(
            id=self._ids.next(),
            kind=TransferKind.CREDIT,
            debit_account=FUNDING,
            credit_account=account_leg(account.id),
            amount_nanos=amount_nanos,
            currency=account.currency,
            reason=reason,
            created_ms=self._now_ms(),
        )


def brand_for(brands: Brands, preset: str | None) -> Brand | None:
    """Return the brand that an account is to be made under, None for the deployment's own; raises CommandRefused."""
    try:
        return brands.other(preset)
    except KeyError:
        known = ", ".join(brand.preset for brand in brands.all)
        raise CommandRefused(
            f"this deployment has no brand {preset!r}: it has {known} ([[brands]] adds others)"
        ) from None


def checked_name(name: str) -> str:
    """Return a name without outer blanks; raises CommandRefused when it is empty, too long or not printable."""
    name = name.strip()
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise CommandRefused(f"a name has 1 to {NAME_CHARS_MAX} printable characters")
    return name


def checked_currency(currency: str) -> str:
    """Return a currency that accounts may be in; raises CommandRefused for any other."""
    if currency not in CURRENCIES:
        raise CommandRefused(f"{currency!r} is not a currency that is kept here: {', '.join(CURRENCIES)}")
    return currency


def parse_fee(text: str | None) -> int | UnsetType | None:
    """Return a fee in parts per million, None for the word `default`; UNSET stays so. Raises AmountError."""
    if text is None:
        return UNSET
    return None if text.strip() == DEFAULT_FEE else parse_rate(text)


def parse_price_share(*, discount: str | None, markup: str | None) -> int | UnsetType:
    """Return the share of prices, in parts per million, that a discount or a markup leaves; raises AmountError."""
    if discount is not None and markup is not None:
        raise CommandRefused("a discount and a markup at once: say one of the two")
    if discount is not None:
        return PPM - parse_rate(discount)
    return UNSET if markup is None else PPM + parse_rate(markup)


def checked_amount(amount_nanos: int) -> int:
    """Return an amount above zero that fits 64 bits; raises CommandRefused otherwise."""
    if not 0 < amount_nanos <= AMOUNT_NANOS_MAX:
        raise CommandRefused(f"an amount must be above zero, and {render_amount(amount_nanos)} is not")
    return amount_nanos


def checked_reason(reason: str) -> str:
    """Return a reason without outer blanks; raises CommandRefused when it is empty, too long or not printable."""
    reason = reason.strip()
    if not reason:
        raise CommandRefused("say the reason: it stands on the transfer for good")
    if len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        raise CommandRefused(f"a reason has 1 to {REASON_CHARS_MAX} printable characters, on one line")
    return reason
