"""What people see of what accounts agreed to: products, packages, caps, sub-accounts. Plain data, as in `views`. Pure."""

from collections.abc import Sequence

from tollway.access.caps import Cap, CapUse, SubAccount
from tollway.access.packages import ModelRatio, PackageUse, Product, render_quantity, standing_of
from tollway.access.terms import CapRule
from tollway.billing.caps import named_subject
from tollway.billing.views import View, view_time
from tollway.ids import ACCOUNT, CAP, PACKAGE, PRODUCT, SUB_ACCOUNT, render_id
from tollway.money import PPM, render_amount, render_rate

REMOVED = "removed"
"""The state of a sub-account that its owner removed, whatever it was before."""


def view_sub_account(sub_account: SubAccount) -> View:
    """Show a sub-account."""
    return {
        "id": render_id(SUB_ACCOUNT, sub_account.id),
        "account": render_id(ACCOUNT, sub_account.account_id),
        "name": sub_account.name,
        "external_ref": sub_account.external_ref,
        "state": sub_account.state.value if sub_account.removed_ms is None else REMOVED,
        "monthly_cap": render_amount(sub_account.monthly_cap_nanos),
        "rpm": sub_account.rpm,
        "tag": sub_account.tag,
        "models": list(sub_account.models),
        "created": view_time(sub_account.created_ms),
        "removed": view_time(sub_account.removed_ms),
    }


def view_rule(rule: CapRule) -> View:
    """Show a cap as it limits a key."""
    return {
        "id": render_id(CAP, rule.cap_id),
        "scope": rule.scope.value,
        "subject": named_subject(rule.scope, rule.subject),
        "window": rule.span.value,
        "limit": render_amount(rule.limit_nanos),
        "alert": render_rate(rule.alert_ppm),
        "set_by": rule.set_by.value,
    }


def view_cap(cap: Cap) -> View:
    """Show a cap as it was set."""
    return {
        **view_rule(cap.rule),
        "account": render_id(ACCOUNT, cap.account_id),
        "created": view_time(cap.created_ms),
        "removed": view_time(cap.removed_ms),
    }


def view_cap_use(use: CapUse) -> View:
    """Show what is spent of a cap in the window that runs, and when that ends."""
    cap = use.cap
    return {
        **view_rule(cap.rule),
        "subject": named_subject(cap.scope, use.subject),
        "account": render_id(ACCOUNT, cap.account_id),
        "currency": use.currency,
        "spent": render_amount(use.spent_nanos),
        "left": render_amount(use.left_nanos),
        "resets": view_time(use.resets_ms),
    }


def view_product(product: Product) -> View:
    """Show a product."""
    return {
        "id": render_id(PRODUCT, product.id),
        "name": product.name,
        "unit": product.unit.value,
        "amount": render_quantity(product.amount, product.unit),
        "models": view_ratios(product.models),
        "price": render_amount(product.price_nanos),
        "currency": product.currency,
        "validity_days": product.validity_days,
        "state": product.state.value,
        "created": view_time(product.created_ms),
    }


def view_package(use: PackageUse, *, now_ms: int) -> View:
    """Show a package, how it stands now, and what is left in it."""
    package = use.package
    return {
        "id": render_id(PACKAGE, package.id),
        "account": render_id(ACCOUNT, package.account_id),
        "product": render_id(PRODUCT, package.product_id),
        "name": package.name,
        "state": standing_of(use, now_ms=now_ms),
        "unit": package.unit.value,
        "amount": render_quantity(package.amount, package.unit),
        "left": render_quantity(use.left, package.unit),
        "currency": package.currency,
        "models": view_ratios(package.models),
        "bought": view_time(package.bought_ms),
        "expires": view_time(package.expires_ms),
    }


def view_ratios(models: Sequence[ModelRatio]) -> list[View]:
    """Show models with the part of a package that each takes for one token, or for one unit of money."""
    return [{"model": entry.model, "ratio": render_ratio(entry.ratio_ppm)} for entry in models]


def render_ratio(ppm: int) -> str:
    """Return the exact decimal of a ratio, such as ``0.5``."""
    whole, parts = divmod(ppm, PPM)
    return f"{whole}.{f'{parts:06d}'.rstrip('0')}" if parts else str(whole)
