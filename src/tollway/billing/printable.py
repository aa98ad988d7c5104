"""Statements and receipts as pages to print: whole in themselves, without scripts, every text escaped. Pure."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from html import escape

from tollway.access.packages import render_quantity
from tollway.access.terms import PackageUnit
from tollway.billing.receipts import PAID_BY, Receipt
from tollway.ids import ACCOUNT, ORDER, TRANSFER, render_id
from tollway.ledger.statements import GROUP_OF, Group, PackageSum, Statement, signed_nanos
from tollway.limits.windows import render_moment
from tollway.money import render_amount

MEDIA_TYPE = "text/html; charset=utf-8"

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""For the header Content-Security-Policy of a page: nothing from elsewhere, and no script, whatever a text holds."""

STYLE = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #1a1a1a; font-weight: 600; } td { border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
.amount { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
.total td { border-top: 2px solid #1a1a1a; border-bottom: 0; font-weight: 600; }
thead { display: table-header-group; } tr { break-inside: avoid; } h2 { break-after: avoid; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } @page { margin: 18mm; } }
"""

GROUP_NAMES = {
    Group.TOP_UPS: "Top-ups",
    Group.VOUCHERS: "Vouchers",
    Group.OPERATOR_CREDITS: "Credits by the operator",
    Group.OPERATOR_DEBITS: "Debits by the operator",
    Group.REFUNDS: "Refunds",
    Group.DISPUTES: "Disputes",
    Group.PACKAGE_PURCHASES: "Packages bought",
    Group.USAGE: "Usage",
}

Cell = tuple[str, bool]
"""A text, and whether it is an amount."""


class Pages:
    """Writes pages in the name of a deployment."""

    def __init__(self, *, issuer: str, zone: tzinfo) -> None:
        """Take the deployment's name, and the timezone in which times are shown."""
        self._issuer = issuer
        self._zone = zone

    def statement(self, statement: Statement, *, made_ms: int) -> str:
        """Return an account's statement, made at a time."""
        account, currency = statement.account, statement.account.currency
        start_ms, end_ms = statement.span
        facts = {
            "Account": f"{account.name} ({render_id(ACCOUNT, account.id)})",
            "From": self._time(account.created_ms if start_ms is None else start_ms),
            "To": self._time(made_ms if end_ms is None else end_ms),
            "Currency": currency,
            "Made": self._time(made_ms),
        }
        parts = [_facts(facts), "<h2>Balance</h2>", _balance(statement)]
        if statement.transfers:
            parts += ["<h2>Movements</h2>", self._movements(statement)]
        if statement.usage:
            parts += ["<h2>Usage</h2>", _usage(statement)]
        packages = ((statement.tokens, PackageUnit.TOKENS), (statement.money, PackageUnit.MONEY))
        held = [(sums, unit) for sums, unit in packages if sums.opening or sums.granted]
        if held:
            parts += ["<h2>Packages</h2>", _packages(held, currency)]
        return self._page("Statement of account", parts)

    def receipt(self, receipt: Receipt) -> str:
        """Return the receipt of a top-up."""
        transfer, currency = receipt.transfer, receipt.transfer.currency
        facts = {
            "Receipt": render_id(TRANSFER, transfer.id),
            "Account": f"{receipt.account.name} ({render_id(ACCOUNT, receipt.account.id)})",
            "Date": self._time(transfer.created_ms),
            "By": PAID_BY[transfer.kind],
            "For": transfer.reason,
        }
        if receipt.order is not None:
            facts["Order"] = render_id(ORDER, receipt.order.order.id)
        if receipt.order is not None and receipt.order.order.payment_ref is not None:
            facts["Payment"] = receipt.order.order.payment_ref
        rows = [[_text("Paid"), _amount(transfer.amount_nanos)]]
        if receipt.returned_nanos:
            rows.append([_text("Given back"), _amount(-receipt.returned_nanos)])
        total = [_text("Total"), _amount(transfer.amount_nanos - receipt.returned_nanos)]
        table = _table([_text(""), (f"Amount in {currency}", True)], rows, total)
        return self._page("Receipt", [_facts(facts), "<h2>Amount</h2>", table])

    def _movements(self, statement: Statement) -> str:
        head = [_text("Time"), _text("What"), _text("Why"), (f"Amount in {statement.account.currency}", True)]
        rows = [
            [
                _text(self._time(transfer.created_ms)),
                _text(GROUP_NAMES[GROUP_OF[transfer.kind]]),
                _text(transfer.reason),
                _amount(signed_nanos(transfer, statement.account.id)),
            ]
            for transfer in statement.transfers
        ]
        return _table(head, rows)

    def _time(self, at_ms: int) -> str:
        return render_moment(at_ms, self._zone)

    def _page(self, title: str, parts: Iterable[str]) -> str:
        name, issuer = escape(title), escape(self._issuer)
        return "\n".join(
            (
                "<!doctype html>",
                f'<html lang="en"><head><meta charset="utf-8"><title>{name} · {issuer}</title>',
                f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
                f"<style>{STYLE}</style></head>",
                f"<body><p>{issuer}</p><h1>{name}</h1>",
                *parts,
                "</body></html>",
                "",
            )
        )


def _balance(statement: Statement) -> str:
    head = [_text(""), ("Number", True), (f"Amount in {statement.account.currency}", True)]
    rows = [[_text("Opening balance"), _text(""), _amount(statement.opening_nanos)]]
    for group in statement.groups:
        change = group.credit_nanos - group.debit_nanos
        rows.append([_text(GROUP_NAMES[group.group]), (str(group.count), True), _amount(change)])
    return _table(head, rows, [_text("Closing balance"), _text(""), _amount(statement.closing_nanos)])


def _usage(statement: Statement) -> str:
    names = ("Base", "Fee", "Written off", "By packages", "Total")
    head = [_text("Model"), ("Requests", True), *((name, True) for name in names)]
    rows = [
        [
            _text(f"{row.provider}/{row.model_routed}" if row.model_routed else "not answered"),
            (str(row.sums.requests), True),
            _amount(row.sums.base_nanos),
            _amount(row.sums.fee_nanos),
            _amount(-row.sums.written_off_nanos),
            _amount(-row.sums.package_paid_nanos),
            _amount(row.sums.balance_nanos),
        ]
        for row in statement.usage
    ]
    total = sum(row.sums.balance_nanos for row in statement.usage)
    requests = sum(row.sums.requests for row in statement.usage)
    return _table(head, rows, [_text("Total"), (str(requests), True), *[_text("")] * 4, _amount(total)])


def _packages(held: Sequence[tuple[PackageSum, PackageUnit]], currency: str) -> str:
    head = [_text(""), *((name, True) for name in ("Opening", "Granted", "Used", "Expired", "Closing"))]
    rows = [
        [
            _text("Tokens" if unit is PackageUnit.TOKENS else f"Money in {currency}"),
            *(
                (render_quantity(amount, unit), True)
                for amount in (sums.opening, sums.granted, -sums.used, -sums.expired, sums.closing)
            ),
        ]
        for sums, unit in held
    ]
    return _table(head, rows)


def _text(text: str) -> Cell:
    return text, False


def _amount(nanos: int) -> Cell:
    return render_amount(nanos), True


def _facts(facts: dict[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts.items())}</dl>"


def _table(head: Sequence[Cell], rows: Iterable[Sequence[Cell]], total: Sequence[Cell] = ()) -> str:
    body = "\n".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows)
    last = f'<tr class="total">{_cells(total, "td")}</tr>' if total else ""
    return f"<table><thead><tr>{_cells(head, 'th')}</tr></thead>\n<tbody>{body}{last}</tbody></table>"


def _cells(cells: Iterable[Cell], tag: str) -> str:
    return "".join(
        f'<{tag} class="amount">{escape(text)}</{tag}>' if is_amount else f"<{tag}>{escape(text)}</{tag}>"
        for text, is_amount in cells
    )
