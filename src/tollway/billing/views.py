"""What people see of the books: plain data with amounts as exact decimals, ids with their prefixes, times in UTC. Pure.

The command line and the admin API show the same, so it stands here once. No view holds a secret.
"""

from datetime import UTC, datetime

import msgspec

from tollway.access.key_view import AdminKeyView, KeyView
from tollway.access.packages import render_quantity
from tollway.access.terms import PackageUnit
from tollway.ids import ACCOUNT, CAP, CARD, EXCHANGE, KEY, PACKAGE, SUB_ACCOUNT, TRANSFER, render_id
from tollway.ledger.lines import BILLED_REASON, Attribution, ExchangeLine, Hold
from tollway.ledger.records import TOKENS, Account, Balance, LedgerReport, Transfer
from tollway.ledger.requests import NO_FACTS, CapCount, RequestFacts
from tollway.money import render_amount, render_rate

View = dict[str, object]

RUNNING = "running"
"""The outcome of a request that has none yet."""


def view_account(account: Account) -> View:
    """Show an account."""
    return {
        "id": render_id(ACCOUNT, account.id),
        "name": account.name,
        "currency": account.currency,
        "state": account.state.value,
        "platform_fee": None if account.fee_ppm is None else render_rate(account.fee_ppm),
        "price_share": render_rate(account.price_ppm),
        "brand": account.brand,
        "created": view_time(account.created_ms),
    }


def view_balance(balance: Balance) -> View:
    """Show what an account has, and how much of that running requests have set aside."""
    return {
        "balance": render_amount(balance.balance_nanos),
        "held": render_amount(balance.held_nanos),
        "currency": balance.currency,
    }


def view_transfer(transfer: Transfer) -> View:
    """Show a movement of money, or of tokens."""
    tokens = transfer.currency == TOKENS
    unit = PackageUnit.TOKENS if tokens else PackageUnit.MONEY
    return {
        "id": render_id(TRANSFER, transfer.id),
        "kind": transfer.kind.value,
        "from": transfer.debit_account,
        "to": transfer.credit_account,
        "amount": render_quantity(transfer.amount_nanos, unit),
        "currency": transfer.currency,
        "reason": transfer.reason,
        "reference": transfer.reference,
        "created": view_time(transfer.created_ms),
    }


def view_key(key: KeyView) -> View:
    """Show an API key without its text."""
    return {
        "id": render_id(KEY, key.id),
        "account": render_id(ACCOUNT, key.account_id),
        "sub_account": None if key.sub_account_id is None else render_id(SUB_ACCOUNT, key.sub_account_id),
        "name": key.name,
        "hint": key.hint,
        "billing": key.billing.value,
        "package": None if key.package_id is None else render_id(PACKAGE, key.package_id),
        "models": list(key.models),
        "routes": list(key.routes),
        "networks": list(key.networks),
        "unsupported": key.unsupported.value,
        "costs": key.costs.value,
        "expires": view_time(key.expires_ms),
        "old_text_until": view_time(key.old_expires_ms),
        "disabled": view_time(key.disabled_ms),
        "revoked": view_time(key.revoked_ms),
        "created": view_time(key.created_ms),
    }


def view_admin_key(key: AdminKeyView) -> View:
    """Show an admin key without its text."""
    return {
        "id": render_id(KEY, key.id),
        "name": key.name,
        "revoked": view_time(key.revoked_ms),
        "created": view_time(key.created_ms),
    }


def view_request(found: ExchangeLine | Hold, facts: RequestFacts = NO_FACTS) -> View:
    """Show a request: the line that closed it, or, while it runs, what is set aside for it.

    `facts` say what the line only names; without them caps are shown by their windows' numbers alone.
    """
    shown: View = {
        "id": render_id(EXCHANGE, found.exchange_id),
        "account": render_id(ACCOUNT, found.account_id),
        "key": render_id(KEY, found.key_id),
        **_view_attribution(found.attribution),
        "model_asked": found.model_asked,
        "started": view_time(found.started_ms),
    }
    if isinstance(found, Hold):
        package_id = None if found.payer_id == found.account_id else found.payer_id
        return shown | {
            "outcome": RUNNING,
            "package": None if package_id is None else render_id(PACKAGE, package_id),
            **_view_held(found.amount_nanos, in_tokens=found.payer_id in facts.token_packages),
            "currency": facts.currencies.get(found.account_id),
        }
    return shown | {
        "outcome": found.outcome.value,
        "billed_reason": BILLED_REASON[found.outcome],
        "status": found.status,
        "ended": view_time(found.ended_ms),
        "first_byte": view_time(found.first_byte_ms),
        "streamed": found.streamed,
        "lane": found.lane,
        "provider": found.provider,
        "model_routed": found.model_routed,
        "model_answered": found.model_answered,
        "attempts": found.attempts,
        "usage": msgspec.structs.asdict(found.usage),
        "basis": found.basis.value,
        "price_card": None if found.card_id is None else render_id(CARD, found.card_id),
        "price_share": render_rate(found.price_ppm),
        "rate": None if found.rate_nanos is None else render_amount(found.rate_nanos),
        "package": None if found.package_id is None else render_id(PACKAGE, found.package_id),
        "package_ratio": None if found.ratio_ppm is None else render_rate(found.ratio_ppm),
        "package_tokens": None
        if found.ratio_ppm is None
        else render_quantity(found.package_micros, PackageUnit.TOKENS),
        "caps": [_view_cap(purse_id, facts.caps.get(purse_id)) for purse_id in found.caps],
        "fee_rate": render_rate(found.fee_ppm),
        **_view_held(found.hold_nanos, in_tokens=found.ratio_ppm is not None),
        "base_cost": render_amount(found.base_nanos),
        "platform_fee": render_amount(found.fee_nanos),
        "written_off": render_amount(found.written_off_nanos),
        "total_cost": render_amount(found.total_nanos),
        "provider_cost": None if found.provider_cost_nanos is None else render_amount(found.provider_cost_nanos),
        "currency": facts.currencies.get(found.account_id),
    }


def _view_held(amount: int, *, in_tokens: bool) -> View:
    """Show what was set aside, in the unit of whoever pays."""
    unit = PackageUnit.TOKENS if in_tokens else PackageUnit.MONEY
    return {"hold": render_quantity(amount, unit), "hold_unit": unit.value}


def _view_cap(purse_id: int, count: CapCount | None) -> View:
    """Show a window of a cap in which a request was counted."""
    shown: View = {"counter": f"{purse_id:016x}"}
    if count is None:
        return shown
    return {
        "id": render_id(CAP, count.cap_id),
        "subject": count.subject,
        "from": view_time(count.start_ms),
        "until": view_time(count.end_ms),
        **shown,
    }


def _view_attribution(attribution: Attribution) -> View:
    sub_account_id = attribution.sub_account_id
    return {
        "sub_account": None if sub_account_id is None else render_id(SUB_ACCOUNT, sub_account_id),
        "tag": attribution.tag,
        "end_user": attribution.end_user,
        "session": attribution.session,
    }


def view_report(report: LedgerReport) -> View:
    """Show the outcome of a check of the ledger."""
    return {"clean": not report.problems, "problems": list(report.problems), "counts": dict(report.counts)}


def view_time(at_ms: int | None) -> str | None:
    """Show a time in UTC to the millisecond, such as ``2026-01-31T09:30:00.000Z``; None stays None."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
