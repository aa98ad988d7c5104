"""Packages in the store: sold for money that is there, spent to the last token, and ended with nothing lost."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.e2e.store.conftest import Desk, tw
from tollway import clock
from tollway.access.packages import MICROS_PER_TOKEN, ModelRatio, Package, PackageState, Product, ProductState
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import PackageUnit
from tollway.billing.accounts import Accounts
from tollway.billing.keys import Keys, KeyTerms
from tollway.billing.packages import Packages
from tollway.billing.products import (
    MODELS_MAX,
    RATIO_PPM_MAX,
    TOKENS_MAX,
    VALIDITY_DAYS_MAX,
    Products,
    ProductTerms,
    parse_quantity,
    parse_ratio,
)
from tollway.billing.statements import Statements
from tollway.errors import CommandRefused, Shortage
from tollway.jobs.sweeps import Sweep
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.records import Account, TransferKind
from tollway.money import AMOUNT_NANOS_MAX, AmountError
from tollway.neutral.usage import Usage
from tollway.store.store import Store

NOBODY = 12345
TOKEN = MICROS_PER_TOKEN

TERMS = ProductTerms(
    unit=PackageUnit.TOKENS,
    amount=1000 * TOKEN,
    models=(ModelRatio(model="m*", ratio_ppm=500_000),),
    price_nanos=4000,
    validity_days=30,
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_ms = clock.now_ms()

    def now_ms(self) -> int:
        return self.at_ms


@pytest.fixture
def at() -> Clock:
    return Clock()


@pytest.fixture
def products(store: Store) -> Products:
    return Products(store, store.ids())


@pytest.fixture
def packages(store: Store, at: Clock) -> Packages:
    return Packages(store, store.ids(), now_ms=at.now_ms, pause=lambda _: None)


@pytest.fixture
def keys(store: Store) -> Keys:
    return Keys(store, store.ids(), tw)


@pytest.fixture
def product(products: Products) -> Product:
    return products.create("Thousand", TERMS)


def holding(desk: Desk, account: Account, package: Package, amount: int) -> Hold:
    return msgspec.structs.replace(desk.hold(account, amount), payer_id=package.id)


def taking(desk: Desk, hold: Hold, micros: int) -> ExchangeLine:
    """Return the line of an exchange that takes so much of its package: tokens at the smallest ratio there is."""
    return msgspec.structs.replace(
        desk.line(hold, 0), usage=Usage(input=micros), package_id=hold.payer_id, package_micros=micros, ratio_ppm=1
    )


async def spend(desk: Desk, account: Account, package: Package, micros: int) -> None:
    hold = holding(desk, account, package, micros)
    await desk.books.hold(hold)
    await desk.books.close(taking(desk, hold, micros))[1]


def look_of(desk: Desk) -> Callable[[], Awaitable[None]]:
    """Return what a serving worker does every 50 ms."""

    async def look() -> None:
        desk.commits.look_wanted()

    return look


def test_a_product_is_offered_and_retired(products: Products, product: Product) -> None:
    assert products.list() == (product,)
    assert (product.unit, product.amount, product.models) == (TERMS.unit, TERMS.amount, TERMS.models)
    assert products.show(product.id).state is ProductState.ACTIVE
    assert products.retire(product.id) == products.retire(product.id)
    assert products.show(product.id).state is ProductState.RETIRED


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": AMOUNT_NANOS_MAX + 1},
        {"price_nanos": -1},
        {"price_nanos": AMOUNT_NANOS_MAX + 1},
        {"currency": "EUR"},
        {"validity_days": 0},
        {"validity_days": VALIDITY_DAYS_MAX + 1},
        {"models": (ModelRatio(model="", ratio_ppm=1),)},
        {"models": (ModelRatio(model="a*b", ratio_ppm=1),)},
        {"models": (ModelRatio(model="a", ratio_ppm=0),)},
        {"models": (ModelRatio(model="a", ratio_ppm=RATIO_PPM_MAX + 1),)},
        {"models": (ModelRatio(model="a*", ratio_ppm=1), ModelRatio(model="ab", ratio_ppm=1))},
        {"models": (ModelRatio(model="a", ratio_ppm=1), ModelRatio(model="a", ratio_ppm=2))},
        {"models": tuple(ModelRatio(model=f"m{number}", ratio_ppm=1) for number in range(MODELS_MAX + 1))},
    ],
)
def test_a_product_that_makes_no_sense_is_refused(products: Products, wrong: dict[str, object]) -> None:
    with pytest.raises(CommandRefused):
        products.create("x", msgspec.structs.replace(TERMS, **wrong))
    with pytest.raises(CommandRefused):
        products.create(" ", TERMS)
    assert products.list() == ()


@pytest.mark.parametrize("text", ["-1", "1.5", "1e6", "nan", "inf", "", "١", str(TOKENS_MAX + 1), "9" * 5000, "1_000"])
def test_tokens_are_whole_and_few_enough_to_be_kept(text: str) -> None:
    with pytest.raises(AmountError):
        parse_quantity(text, PackageUnit.TOKENS)


def test_what_a_product_holds_is_read_exactly() -> None:
    assert parse_quantity(" 1000000 ", PackageUnit.TOKENS) == 10**12
    assert parse_quantity(str(TOKENS_MAX), PackageUnit.TOKENS) <= AMOUNT_NANOS_MAX
    assert parse_quantity("1.50", PackageUnit.MONEY) == 1_500_000_000
    assert (parse_ratio("0.5"), parse_ratio("2"), parse_ratio("0.000001")) == (500_000, 2_000_000, 1)
    for text in ("0.0000001", "nan", "x"):
        with pytest.raises(AmountError):
            parse_ratio(text)


def test_a_package_is_bought_from_the_balance_in_one_go(
    store: Store, packages: Packages, product: Product, accounts: Accounts, account: Account
) -> None:
    use = packages.buy(account.id, product.id)
    assert (use.left, use.package.amount, use.package.state) == (1000 * TOKEN, 1000 * TOKEN, PackageState.ACTIVE)
    assert use.package.expires_ms == use.package.bought_ms + 30 * 86_400_000
    assert accounts.balance(account.id).balance_nanos == 6000
    (purchase, _) = Statements(store).transfers(account.id)
    assert (purchase.kind, purchase.credit_account, purchase.amount_nanos) == (
        TransferKind.PURCHASE,
        "packages:sold",
        4000,
    )
    (grant,) = [found for found in Statements(store).transfers() if found.kind is TransferKind.GRANT]
    assert (grant.debit_account, grant.credit_account) == ("packages:issued:tokens", f"package:{use.package.id}")
    assert (grant.amount_nanos, grant.currency) == (1000 * TOKEN, "TOKENS")
    assert packages.list(account.id) == packages.list() == (use,)
    assert store.check().problems == ()


def test_a_package_that_cannot_be_paid_moves_nothing(
    store: Store, packages: Packages, products: Products, accounts: Accounts, account: Account
) -> None:
    dear = products.create("Dear", msgspec.structs.replace(TERMS, price_nanos=10_001))
    with pytest.raises(CommandRefused, match="more than is available"):
        packages.buy(account.id, dear.id)
    assert packages.list() == ()
    assert accounts.balance(account.id).balance_nanos == 10_000
    assert len(Statements(store).transfers()) == 1
    assert store.check().problems == ()


async def test_money_that_is_set_aside_buys_no_package(
    packages: Packages, product: Product, account: Account, desk: Desk
) -> None:
    await desk.held(account, 7000)
    with pytest.raises(CommandRefused, match="more than is available"):
        packages.buy(account.id, product.id)
    assert packages.list() == ()


async def test_money_that_lies_idle_with_a_worker_buys_a_package(
    store: Store, product: Product, accounts: Accounts, account: Account, desk: Desk
) -> None:
    await desk.close(await desk.held(account, 10), 10)
    desk.commits.on_wanted(desk.books.give_back_wanted)
    looking = Sweep("wanted", look_of(desk), every_s=0.01)
    looking.start()
    packages = Packages(store, store.ids())
    debited = await asyncio.to_thread(accounts.debit, account.id, 5990, "back to its owner")
    assert debited.amount_nanos == 5990
    await desk.close(await desk.held(account, 5), 0)
    use = await asyncio.to_thread(packages.buy, account.id, product.id)
    await looking.stop()
    assert use.left == 1000 * TOKEN
    assert accounts.balance(account.id).balance_nanos == 0
    assert store.check().problems == ()


def test_one_active_package_at_a_time(
    store: Store, packages: Packages, products: Products, product: Product, account: Account, at: Clock
) -> None:
    first = packages.buy(account.id, product.id)
    gift = products.create("Gift", msgspec.structs.replace(TERMS, price_nanos=0))
    for another in (
        lambda: packages.buy(account.id, product.id),
        lambda: packages.buy(account.id, gift.id),
        lambda: packages.grant(account.id, product.id, "sorry"),
    ):
        with pytest.raises(CommandRefused, match=r"at most 1 active packages at a time .pkg_.* has 1000 left"):
            another()
    assert packages.list() == (first,)
    at.at_ms = (first.package.expires_ms or 0) - 1
    with pytest.raises(CommandRefused):
        packages.buy(account.id, product.id)
    at.at_ms += 1
    second = packages.buy(account.id, product.id)
    assert packages.list() == (second, first)
    assert store.check().problems == ()


def test_any_number_of_active_packages_when_the_operator_says_so(
    store: Store, product: Product, account: Account
) -> None:
    packages = Packages(store, store.ids(), active_max=0)
    for _ in range(2):
        packages.buy(account.id, product.id)
    two = Packages(store, store.ids(), active_max=2)
    with pytest.raises(CommandRefused, match="at most 2 active"):
        two.grant(account.id, product.id, "x")


def test_two_who_buy_at_once_get_one_package(url: str, store: Store, product: Product, account: Account) -> None:
    stores = [Store.open(url) for _ in range(4)]
    bought: list[Package] = []
    refused: list[CommandRefused] = []
    start = threading.Barrier(len(stores))

    def buy(mine: Store) -> None:
        packages = Packages(mine, mine.ids())
        start.wait()
        try:
            bought.append(packages.buy(account.id, product.id).package)
        except CommandRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=buy, args=(mine,)) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(bought), len(refused)) == (1, 3)
    assert store.check().problems == ()
    for mine in stores:
        mine.close()


async def test_a_package_used_up_makes_room_for_the_next(
    packages: Packages, product: Product, account: Account, desk: Desk
) -> None:
    first = packages.buy(account.id, product.id).package
    await spend(desk, account, first, 1000 * TOKEN - 1)
    assert packages.show(first.id).left == 1
    packages.buy(account.id, product.id)


async def test_a_package_is_spent_to_the_last_micro_token(
    store: Store, packages: Packages, product: Product, accounts: Accounts, account: Account, desk: Desk
) -> None:
    package = packages.buy(account.id, product.id).package
    await spend(desk, account, package, 1000 * TOKEN - 3)
    with pytest.raises(Shortage):
        await desk.books.hold(holding(desk, account, package, 4))
    await spend(desk, account, package, 3)
    assert packages.show(package.id).left == 0
    assert accounts.balance(account.id).balance_nanos == 6000
    assert store.check().problems == ()


def test_the_operator_gives_a_package_with_a_reason(
    store: Store, packages: Packages, products: Products, product: Product, accounts: Accounts, account: Account
) -> None:
    products.retire(product.id)
    with pytest.raises(CommandRefused, match="not sold any more"):
        packages.buy(account.id, product.id)
    with pytest.raises(CommandRefused, match="say the reason"):
        packages.grant(account.id, product.id, " ")
    use = packages.grant(account.id, product.id, "an apology")
    assert use.left == 1000 * TOKEN
    assert accounts.balance(account.id).balance_nanos == 10_000
    (grant,) = [found for found in Statements(store).transfers() if found.kind is TransferKind.GRANT]
    assert grant.reason == "an apology"
    assert store.check().problems == ()


def test_what_does_not_exist_or_does_not_fit_is_refused(
    packages: Packages, products: Products, product: Product, accounts: Accounts, account: Account
) -> None:
    chinese = accounts.create("Bo", "CNY")
    money = products.create(
        "Money", msgspec.structs.replace(TERMS, unit=PackageUnit.MONEY, amount=5000, models=(), price_nanos=1)
    )
    refused = (
        lambda: packages.buy(NOBODY, product.id),
        lambda: packages.buy(account.id, NOBODY),
        lambda: packages.grant(NOBODY, product.id, "x"),
        lambda: packages.grant(account.id, NOBODY, "x"),
        lambda: packages.buy(chinese.id, product.id),
        lambda: packages.grant(chinese.id, money.id, "x"),
        lambda: packages.show(NOBODY),
        lambda: packages.end(NOBODY),
        lambda: products.show(NOBODY),
        lambda: products.retire(NOBODY),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()
    assert packages.grant(chinese.id, product.id, "tokens have no currency").left == 1000 * TOKEN


async def test_what_an_expired_package_still_held_goes_to_breakage(
    store: Store, packages: Packages, product: Product, account: Account, desk: Desk, at: Clock
) -> None:
    package = packages.buy(account.id, product.id).package
    await spend(desk, account, package, 400 * TOKEN)
    running = holding(desk, account, package, 100 * TOKEN)
    await desk.books.hold(running)
    assert packages.expire() == 0
    at.at_ms = package.expires_ms or 0
    assert packages.expire() == 0, "a running request has set some of it aside"
    lent = packages.show(package.id).left
    assert 100 * TOKEN <= lent < 600 * TOKEN
    assert packages.expire() == 0
    await desk.books.close(taking(desk, running, 60 * TOKEN))[1]
    for _ in range(2):
        desk.books.give_back_idle()
    assert await desk.commits.probe()
    assert packages.expire() == 1
    assert packages.show(package.id).left == 0
    assert packages.show(package.id).package.state is PackageState.EXPIRED
    assert packages.expire() == 0
    broken = [found for found in Statements(store).transfers() if found.kind is TransferKind.BREAKAGE]
    assert sum(found.amount_nanos for found in broken) == 540 * TOKEN
    assert {(found.debit_account, found.credit_account, found.currency) for found in broken} == {
        (f"package:{package.id}", "breakage:tokens", "TOKENS")
    }
    assert store.check().problems == ()


def test_a_package_of_money_breaks_in_its_currency(
    store: Store, packages: Packages, products: Products, account: Account, at: Clock
) -> None:
    money = products.create("Money", msgspec.structs.replace(TERMS, unit=PackageUnit.MONEY, amount=5000, models=()))
    package = packages.buy(account.id, money.id).package
    at.at_ms = package.expires_ms or 0
    assert packages.expire() == 1
    (broken,) = [found for found in Statements(store).transfers() if found.kind is TransferKind.BREAKAGE]
    assert (broken.amount_nanos, broken.currency, broken.credit_account) == (5000, "USD", "breakage:money")
    assert store.check().problems == ()


def test_a_package_may_be_ended_early(store: Store, packages: Packages, product: Product, account: Account) -> None:
    package = packages.buy(account.id, product.id).package
    ended = packages.end(package.id)
    assert (ended.left, ended.package.state) == (0, PackageState.EXPIRED)
    assert packages.end(package.id) == ended
    packages.buy(account.id, product.id)
    assert store.check().problems == ()


def test_a_package_without_an_end_never_expires(
    packages: Packages, products: Products, account: Account, at: Clock
) -> None:
    product = products.create("Ever", msgspec.structs.replace(TERMS, validity_days=None))
    package = packages.buy(account.id, product.id).package
    at.at_ms += 10**12
    assert (package.expires_ms, packages.expire()) == (None, 0)


def principal_of(store: Store, secret: str) -> Principal:
    principal = store.key_directory().find(hashlib.sha256(secret.encode()).digest())
    assert principal is not None
    return principal


def test_a_key_is_bound_to_one_package(
    store: Store, packages: Packages, product: Product, keys: Keys, account: Account
) -> None:
    package = packages.buy(account.id, product.id).package
    terms = KeyTerms(billing=BillingMode.PACKAGE, package_id=package.id)
    key, secret = keys.create(account.id, "k", terms=terms)
    assert (key.billing, key.package_id) == (BillingMode.PACKAGE, package.id)
    asks = principal_of(store, secret)
    assert asks.billing is BillingMode.PACKAGE
    assert asks.package is not None
    assert (asks.package.package_id, asks.package.name, asks.package.unit) == (package.id, "Thousand", "tokens")
    assert asks.package.models == (("m*", 500_000),)
    assert asks.package.expires_ms == package.expires_ms


def test_lesson_71_a_package_that_was_ended_shows_at_the_next_request(
    store: Store, packages: Packages, product: Product, keys: Keys, account: Account
) -> None:
    package = packages.buy(account.id, product.id).package
    _, secret = keys.create(account.id, "k", terms=KeyTerms(billing=BillingMode.PACKAGE, package_id=package.id))
    directory = store.key_directory()
    digest = hashlib.sha256(secret.encode()).digest()
    assert directory.find(digest) == directory.known(digest)
    packages.end(package.id)
    assert directory.known(digest) is None
    found = directory.find(digest)
    assert found is not None
    assert found.package is not None
    assert (found.package.expires_ms or 0) < (package.expires_ms or 0)


def test_a_binding_that_makes_no_sense_is_refused(
    store: Store, packages: Packages, product: Product, keys: Keys, accounts: Accounts, account: Account, at: Clock
) -> None:
    package = packages.buy(account.id, product.id).package
    eve = accounts.create("Eve")
    bound = KeyTerms(billing=BillingMode.PACKAGE, package_id=package.id)
    refused = (
        (account, KeyTerms(billing=BillingMode.PACKAGE), "name the package"),
        (account, KeyTerms(package_id=package.id), "billing mode package"),
        (account, KeyTerms(billing=BillingMode.PACKAGE, package_id=NOBODY), "has no package"),
        (eve, bound, "has no package"),
        (account, msgspec.structs.replace(bound, daily_cap_nanos=5), "costs no money"),
    )
    for owner, terms, said in refused:
        with pytest.raises(CommandRefused, match=said):
            keys.create(owner.id, "k", terms=terms)
    packages.end(package.id)
    with pytest.raises(CommandRefused, match="is over: buy another"):
        keys.create(account.id, "k", terms=bound)
    assert keys.list() == ()
