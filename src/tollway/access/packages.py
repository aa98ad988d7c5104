"""Packages: what is sold, what an account has of it, and which models it is good for. Pure; knows no store and no clock."""

from enum import StrEnum

import msgspec

from tollway.access.terms import PackageTerms, PackageUnit
from tollway.errors import Refusal
from tollway.ids import PACKAGE, render_id
from tollway.money import NANOS_PER_UNIT, PPM, render_amount

MICROS_PER_TOKEN = 1_000_000
"""Micro-tokens in a token: a token times a ratio in parts per million is a whole number of them."""

DAY_MS = 86_400_000


class ProductState(StrEnum):
    """Whether a product is still sold."""

    ACTIVE = "active"
    RETIRED = "retired"


class PackageState(StrEnum):
    """What became of a package; only an active one can be spent."""

    ACTIVE = "active"
    EXPIRED = "expired"
    """Its time is over, and what it still held has left it."""
    REFUNDED = "refunded"


EXHAUSTED = "exhausted"
"""What people are told of an active package in which nothing is left."""


class ModelRatio(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a package is good for, and how much of it a unit of that model takes."""

    model: str
    """An id, exact or ending in `*`."""
    ratio_ppm: int
    """Parts per million: at 500,000, a token of the model takes half a token of the package."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A package that accounts can buy."""

    id: int
    name: str
    unit: PackageUnit
    amount: int
    """Micro-tokens, or nano-units of `currency`."""
    models: tuple[ModelRatio, ...] = ()
    """The first that matches counts; empty covers every model at its full count."""
    price_nanos: int
    currency: str
    validity_days: int | None = None
    """Days of 24 hours from the purchase; None never expires."""
    state: ProductState = ProductState.ACTIVE
    created_ms: int


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What an account got of a product, on the product's terms of that moment."""

    id: int
    account_id: int
    product_id: int
    name: str
    unit: PackageUnit
    amount: int
    models: tuple[ModelRatio, ...] = ()
    currency: str
    bought_ms: int
    expires_ms: int | None = None
    state: PackageState = PackageState.ACTIVE
    reference: str | None = None
    """What it was bought with, such as an order."""


class SaleOutcome(StrEnum):
    """What became of a sale; only a done one has moved anything."""

    DONE = "done"
    TOO_POOR = "too_poor"
    """The price is more than is available."""
    TOO_MANY = "too_many"
    """The account has as many active packages as it may have."""


class PackageUse(msgspec.Struct, frozen=True, kw_only=True):
    """A package, and what is left in it."""

    package: Package
    left: int
    """In the package's unit, running requests included."""


def package_of(product: Product, *, package_id: int, account_id: int, bought_ms: int, reference: str | None) -> Package:
    """Return the package that an account gets of a product."""
    days = product.validity_days
    return Package(
        id=package_id,
        account_id=account_id,
        product_id=product.id,
        name=product.name,
        unit=product.unit,
        amount=product.amount,
        models=product.models,
        currency=product.currency,
        bought_ms=bought_ms,
        expires_ms=None if days is None else bought_ms + days * DAY_MS,
        reference=reference,
    )


def terms_of(package: Package) -> PackageTerms:
    """Return what admission reads of a package."""
    return PackageTerms(
        package_id=package.id,
        name=package.name,
        unit=package.unit,
        models=tuple((entry.model, entry.ratio_ppm) for entry in package.models),
        expires_ms=package.expires_ms,
    )


def standing_of(use: PackageUse, *, now_ms: int) -> str:
    """Return the word for how a package stands: a PackageState, or EXHAUSTED to the last whole token or nano-unit."""
    package = use.package
    if package.state is not PackageState.ACTIVE:
        return package.state.value
    if is_over(package, now_ms=now_ms):
        return PackageState.EXPIRED.value
    least = MICROS_PER_TOKEN if package.unit is PackageUnit.TOKENS else 1
    return PackageState.ACTIVE.value if use.left >= least else EXHAUSTED


def is_over(package: Package, *, now_ms: int) -> bool:
    """Tell whether a package cannot be spent any more, whatever is left in it."""
    return package.state is not PackageState.ACTIVE or (package.expires_ms is not None and package.expires_ms <= now_ms)


def render_quantity(amount: int, unit: PackageUnit) -> str:
    """Return an amount of a package as an exact decimal: tokens without needless decimals, or money."""
    if unit is PackageUnit.MONEY:
        return render_amount(amount)
    # A micro-token is to a token what a thousand nano-units are to a unit.
    return render_amount(amount * (NANOS_PER_UNIT // MICROS_PER_TOKEN)).removesuffix(".00")


def package_expired(package: PackageTerms) -> Refusal:
    """Return the refusal of a key whose package is over."""
    return Refusal(
        "insufficient_quota",
        f"The package {package_name(package)} of this API key has expired: buy another one and make a key for it, "
        "or use a pay-as-you-go key.",
        metadata=_facts(package),
    )


def package_exhausted(package: PackageTerms, *, left: int, needed: int) -> Refusal:
    """Return the refusal of a request that a package has too little left for; both in the package's unit."""
    unit = "tokens" if package.unit is PackageUnit.TOKENS else "money"
    shown_left, shown_needed = render_quantity(left, package.unit), render_quantity(needed, package.unit)
    return Refusal(
        "insufficient_quota",
        f"The package {package_name(package)} of this API key is exhausted: it has {shown_left} {unit} left, and this "
        f"request may take up to {shown_needed}. Lower max_tokens, buy another package and make a key for it, or use a "
        "pay-as-you-go key.",
        metadata={**_facts(package), "unit": package.unit.value, "left": shown_left, "needed": shown_needed},
    )


def model_not_covered(package: PackageTerms, model_asked: str) -> Refusal:
    """Return the refusal of a model that a package is not good for."""
    covered = [model for model, _ in package.models]
    return Refusal(
        "model_not_allowed",
        f"The package {package_name(package)} of this API key does not cover the model {model_asked!r}: "
        f"it is good for {', '.join(covered)}.",
        param="model",
        metadata=_facts(package),
    )


def deduction_ppm(package: PackageTerms, model_asked: str) -> int | None:
    """Return how much of a package a unit of a model takes, in parts per million; None when it is not covered."""
    if not package.models:
        return PPM
    for pattern, ratio_ppm in package.models:
        if matches(pattern, model_asked):
            return ratio_ppm
    return None


def matches(pattern: str, model_asked: str) -> bool:
    """Tell whether a model is the one that a pattern names, or begins as one that ends in `*` does."""
    return model_asked.startswith(pattern[:-1]) if pattern.endswith("*") else model_asked == pattern


def package_name(package: PackageTerms) -> str:
    """Return how a sentence names a package."""
    return f"{package.name!r} ({render_id(PACKAGE, package.package_id)})"


def _facts(package: PackageTerms) -> dict[str, object]:
    return {"package": render_id(PACKAGE, package.package_id), "package_name": package.name}
