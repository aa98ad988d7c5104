"""Products: the packages that accounts can buy. Knows no SQL and no surface."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tollway import clock
from tollway.access.packages import MICROS_PER_TOKEN, ModelRatio, Product
from tollway.access.terms import PackageUnit
from tollway.billing.accounts import Ids, checked_currency, checked_name
from tollway.errors import CommandRefused
from tollway.ids import PRODUCT, render_id
from tollway.money import AMOUNT_NANOS_MAX, NANOS_PER_UNIT, PPM, AmountError, parse_amount, render_amount

VALIDITY_DAYS_MAX = 36_500
"""A century: what is bought for longer never expires."""

RATIO_PPM_MAX = 1000 * PPM
"""A thousand tokens of the package for one of a model: more is a slip of the pen, and the largest context times it fits
the 64 bits of an amount."""

MODELS_MAX = 500
"""Of one product: admission looks through them one after the other."""

TOKENS_MAX = AMOUNT_NANOS_MAX // MICROS_PER_TOKEN
"""About nine million million."""


class ProductTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a product to be made holds, covers and costs."""

    unit: PackageUnit
    amount: int
    """Micro-tokens, or nano-units of `currency`."""
    models: tuple[ModelRatio, ...] = ()
    price_nanos: int
    currency: str = "USD"
    validity_days: int | None = None


class ProductRows(Protocol):
    """What products want from the store; every call is one transaction."""

    def add_product(self, product: Product) -> None:
        """Write a product."""
        ...

    def product(self, product_id: int) -> Product | None:
        """Read one product."""
        ...

    def products(self) -> tuple[Product, ...]:
        """Read all products, oldest first."""
        ...

    def retire_product(self, product_id: int) -> Product | None:
        """Sell a product no more; None when there is no such product."""
        ...


class Products:
    """The use cases of products. Errors are CommandRefused with a sentence."""

    def __init__(self, store: ProductRows, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Work on `store`; `ids` may be shared between threads."""
        self._store = store
        self._ids = ids
        self._now_ms = now_ms

    def create(self, name: str, terms: ProductTerms) -> Product:
        """Offer a product. It is never changed afterwards: retire it, and offer another one."""
        if not 0 < terms.amount <= AMOUNT_NANOS_MAX:
            raise CommandRefused("what a product holds must be above zero, and small enough to be kept exactly")
        if not 0 <= terms.price_nanos <= AMOUNT_NANOS_MAX:
            raise CommandRefused(f"a price of {render_amount(terms.price_nanos)} is not zero or more")
        days = terms.validity_days
        if days is not None and not 0 < days <= VALIDITY_DAYS_MAX:
            raise CommandRefused(f"a product is valid for 1 to {VALIDITY_DAYS_MAX} days, or for ever: leave it out")
        product = Product(
            id=self._ids.next(),
            name=checked_name(name),
            unit=terms.unit,
            amount=terms.amount,
            models=checked_ratios(terms.models),
            price_nanos=terms.price_nanos,
            currency=checked_currency(terms.currency),
            validity_days=days,
            created_ms=self._now_ms(),
        )
        self._store.add_product(product)
        return product

    def list(self) -> tuple[Product, ...]:
        """Return all products, oldest first."""
        return self._store.products()

    def show(self, product_id: int) -> Product:
        """Return one product."""
        product = self._store.product(product_id)
        if product is None:
            raise CommandRefused(f"there is no product {render_id(PRODUCT, product_id)}")
        return product

    def retire(self, product_id: int) -> Product:
        """Sell a product no more; the packages that were bought stay as they are."""
        product = self._store.retire_product(product_id)
        if product is None:
            raise CommandRefused(f"there is no product {render_id(PRODUCT, product_id)}")
        return product


def checked_ratios(models: Sequence[ModelRatio]) -> tuple[ModelRatio, ...]:
    """Return the models of a product; raises CommandRefused when one is no id, has no proper ratio, or is never reached."""
    if len(models) > MODELS_MAX:
        raise CommandRefused(f"a product names at most {MODELS_MAX} models: a final * stands for many")
    for place, entry in enumerate(models):
        checked_model(entry.model)
        if not 0 < entry.ratio_ppm <= RATIO_PPM_MAX:
            raise CommandRefused(f"the ratio of {entry.model} must be above 0 and at most {RATIO_PPM_MAX // PPM}")
        for earlier in models[:place]:
            if earlier.model == entry.model or (
                earlier.model.endswith("*") and entry.model.startswith(earlier.model[:-1])
            ):
                raise CommandRefused(f"{entry.model} is never reached: {earlier.model} stands before it, and matches")
    return tuple(models)


def checked_model(model: str) -> str:
    """Return a model id, exact or ending in a star; raises CommandRefused when it is neither."""
    if not model or "," in model or "*" in model[:-1] or not model.isprintable():
        raise CommandRefused(f"{model!r} is not a model id, nor the beginning of one with a final *")
    return model


def parse_quantity(text: str, unit: PackageUnit) -> int:
    """Return what a package holds, in its unit, from a decimal text: whole tokens, or money; raises AmountError."""
    if unit is PackageUnit.MONEY:
        return parse_amount(text)
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit():
        raise AmountError(f"{text!r} is not a whole number of tokens such as 1000000")
    if len(digits) > len(str(TOKENS_MAX)) or int(digits) > TOKENS_MAX:
        raise AmountError(f"{text!r} tokens are too many to be kept exactly")
    return int(digits) * MICROS_PER_TOKEN


def parse_models(text: str) -> tuple[ModelRatio, ...]:
    """Return the models of a text such as ``"gpt-4o=2,gpt-*=0.5,other"``: 1 where no ratio stands; raises AmountError."""
    models: list[ModelRatio] = []
    for entry in text.split(",") if text.strip() else ():
        model, sign, ratio = entry.strip().rpartition("=")
        models.append(
            ModelRatio(model=model, ratio_ppm=parse_ratio(ratio)) if sign else ModelRatio(model=ratio, ratio_ppm=PPM)
        )
    return tuple(models)


def parse_ratio(text: str) -> int:
    """Return the parts per million of a ratio such as ``"0.5"`` or ``"2"``; raises AmountError."""
    ppm, finer = divmod(parse_amount(text), NANOS_PER_UNIT // PPM)
    if finer:
        raise AmountError(f"{text!r} is finer than a ratio is kept: six decimals")
    return ppm
