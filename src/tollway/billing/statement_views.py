"""What people see of statements: plain data, and lines for a spreadsheet. Pure; knows no page."""

from collections.abc import Iterator
from datetime import tzinfo

from tollway.access.packages import render_quantity
from tollway.access.terms import PackageUnit
from tollway.billing.reports import view_sums
from tollway.billing.spreadsheets import csv_of
from tollway.billing.views import View, view_account, view_transfer
from tollway.ledger.records import Transfer
from tollway.ledger.statements import GROUP_OF, Group, GroupSum, PackageSum, Statement, signed_nanos
from tollway.ledger.usage import UsageRow
from tollway.limits.windows import render_moment
from tollway.money import render_amount

CSV_COLUMNS = (
    "line",
    "time",
    "id",
    "description",
    "requests",
    "base_cost",
    "platform_fee",
    "written_off",
    "paid_by_packages",
    "credit",
    "debit",
    "balance",
    "currency",
)


def view_statement(statement: Statement, zone: tzinfo) -> View:
    """Show a statement: opening + credits - debits = closing, and what each of them is made of."""
    account = statement.account
    return {
        "account": view_account(account),
        "from": view_moment(statement.span.start_ms, zone),
        "to": view_moment(statement.span.end_ms, zone),
        "currency": account.currency,
        "opening": render_amount(statement.opening_nanos),
        "credits": render_amount(statement.credit_nanos),
        "debits": render_amount(statement.debit_nanos),
        "closing": render_amount(statement.closing_nanos),
        "groups": [_view_group(group) for group in statement.groups],
        "transfers": [_view_entry(transfer, account.id) for transfer in statement.transfers],
        "usage": [view_model(row) for row in statement.usage],
        "packages": {
            PackageUnit.TOKENS.value: _view_packages(statement.tokens, PackageUnit.TOKENS),
            PackageUnit.MONEY.value: _view_packages(statement.money, PackageUnit.MONEY),
        },
    }


def view_model(row: UsageRow) -> View:
    """Show what was used of one model, and what of it the balance paid."""
    names = {"provider": row.provider, "model_routed": row.model_routed}
    return names | view_sums(row) | {"paid_by_balance": render_amount(row.sums.balance_nanos)}


def view_moment(at_ms: int | None, zone: tzinfo) -> str | None:
    """Show a time as the clocks of `zone` do; None stays None."""
    return None if at_ms is None else render_moment(at_ms, zone)


def statement_csv(statement: Statement, zone: tzinfo) -> str:
    """Return a statement as lines for a spreadsheet: the first balance, credits and debits, and the balance they make."""
    return csv_of(_lines(statement, zone), CSV_COLUMNS)


def _lines(statement: Statement, zone: tzinfo) -> Iterator[View]:
    currency, account_id = statement.account.currency, statement.account.id
    start, end = (view_moment(at_ms, zone) for at_ms in statement.span)
    yield {"line": "opening", "time": start, "balance": render_amount(statement.opening_nanos), "currency": currency}
    for transfer in statement.transfers:
        amount = signed_nanos(transfer, account_id)
        yield {
            "line": GROUP_OF[transfer.kind].value,
            "time": view_moment(transfer.created_ms, zone),
            "id": view_transfer(transfer)["id"],
            "description": transfer.reason,
            "credit" if amount >= 0 else "debit": render_amount(abs(amount)),
            "currency": currency,
        }
    for row in statement.usage:
        yield {
            "line": Group.USAGE.value,
            "time": end,
            "description": f"{row.provider}/{row.model_routed}",
            "requests": row.sums.requests,
            "base_cost": render_amount(row.sums.base_nanos),
            "platform_fee": render_amount(row.sums.fee_nanos),
            "written_off": render_amount(row.sums.written_off_nanos),
            "paid_by_packages": render_amount(row.sums.package_paid_nanos),
            "debit": render_amount(row.sums.balance_nanos),
            "currency": currency,
        }
    yield {"line": "closing", "time": end, "balance": render_amount(statement.closing_nanos), "currency": currency}


def _view_group(group: GroupSum) -> View:
    return {
        "group": group.group.value,
        "count": group.count,
        "credits": render_amount(group.credit_nanos),
        "debits": render_amount(group.debit_nanos),
    }


def _view_entry(transfer: Transfer, account_id: int) -> View:
    change = render_amount(signed_nanos(transfer, account_id))
    return {**view_transfer(transfer), "group": GROUP_OF[transfer.kind].value, "change": change}


def _view_packages(packages: PackageSum, unit: PackageUnit) -> View:
    return {
        "opening": render_quantity(packages.opening, unit),
        "granted": render_quantity(packages.granted, unit),
        "used": render_quantity(packages.used, unit),
        "expired": render_quantity(packages.expired, unit),
        "closing": render_quantity(packages.closing, unit),
    }
