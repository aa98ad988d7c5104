"""Statements, receipts, usage and listings of books in which everything happened once."""

import csv
import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.store.conftest import Tamper
from tests.e2e.store.full_books import TOPUP, VOUCHER, FullBooks
from tollway import clock
from tollway.access.packages import MICROS_PER_TOKEN
from tollway.billing.printable import Pages
from tollway.billing.receipts import Receipts, view_receipt
from tollway.billing.reports import Reports
from tollway.billing.statements import Statements
from tollway.errors import CommandRefused
from tollway.ids import ORDER, TRANSFER, IdError, render_id
from tollway.ledger.lines import Outcome
from tollway.ledger.records import TransferKind
from tollway.ledger.requests import RequestQuery
from tollway.ledger.statements import Group
from tollway.ledger.usage import ALL_TIME, Division, Span, UsageFilter
from tollway.store.store import Store

EVIL = "<script>alert('1')</script>"
DAY_MS = 86_400_000


@pytest.fixture
async def books(store: Store) -> FullBooks:
    books = FullBooks(store, name=EVIL)
    await books.use_everything()
    return books


@pytest.fixture
def statements(books: FullBooks) -> Statements:
    return Statements(books.store)


async def test_a_statement_of_all_time_opens_with_nothing_and_closes_with_the_balance(
    books: FullBooks, statements: Statements
) -> None:
    statement = statements.statement(books.account.id)
    moved = {group.group: (group.count, group.credit_nanos - group.debit_nanos) for group in statement.groups}
    assert moved == {
        Group.TOP_UPS: (1, TOPUP),
        Group.VOUCHERS: (1, VOUCHER),
        Group.OPERATOR_CREDITS: (1, 20_000),
        Group.REFUNDS: (2, -500),
        Group.DISPUTES: (2, 0),
        Group.PACKAGE_PURCHASES: (2, -200),
        Group.USAGE: (4, -30),
    }
    assert statement.opening_nanos == 0
    assert statement.closing_nanos == books.accounts.balance(books.account.id).balance_nanos
    tokens, money = statement.tokens, statement.money
    assert (tokens.granted, tokens.used, tokens.closing) == (
        1000 * MICROS_PER_TOKEN,
        10 * MICROS_PER_TOKEN,
        990 * MICROS_PER_TOKEN,
    )
    assert (money.opening, money.granted, money.used, money.expired, money.closing) == (0, 5_000, 40, 0, 4_960)


async def test_nothing_moves_in_a_period_after_everything(books: FullBooks, statements: Statements) -> None:
    later = clock.now_ms() + DAY_MS
    balance = books.accounts.balance(books.account.id).balance_nanos
    statement = statements.statement(books.account.id, Span(later, later + DAY_MS))
    assert (statement.opening_nanos, statement.groups, statement.closing_nanos) == (balance, (), balance)
    assert statement.tokens.opening == statement.tokens.closing == 990 * MICROS_PER_TOKEN


async def test_corrections_and_refunds_stand_on_a_statement_with_their_sign(
    books: FullBooks, statements: Statements
) -> None:
    books.accounts.debit(books.account.id, 5, "too much")
    groups = {group.group: group for group in statements.statement(books.account.id).groups}
    assert (groups[Group.OPERATOR_DEBITS].debit_nanos, groups[Group.OPERATOR_DEBITS].credit_nanos) == (5, 0)


async def test_the_lines_for_a_spreadsheet_add_up(books: FullBooks, statements: Statements) -> None:
    lines = list(csv.DictReader(io.StringIO(statements.csv(statements.statement(books.account.id)))))
    nanos = {name: sum(round(float(line[name] or 0) * 1e9) for line in lines) for name in ("credit", "debit")}
    assert (lines[0]["line"], lines[-1]["line"]) == ("opening", "closing")
    closing = round(float(lines[-1]["balance"]) * 1e9)
    assert closing == nanos["credit"] - nanos["debit"] == books.accounts.balance(books.account.id).balance_nanos


async def test_a_page_to_print_escapes_every_text_and_has_no_script(books: FullBooks, statements: Statements) -> None:
    books.accounts.credit(books.account.id, 1, f'"&{EVIL}')
    pages = Pages(issuer=f"A & B {EVIL}", zone=ZoneInfo("UTC"))
    statement = pages.statement(statements.statement(books.account.id), made_ms=0)
    transfer = statements.transfers(books.account.id, 1)[0]
    receipt = pages.receipt(Receipts(books.store).show(render_id(TRANSFER, transfer.id)))
    for page in (statement, receipt):
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;" in page
        assert page.count("<table>") == page.count("</table>") > 0
        assert "src=" not in page
        assert "http" not in page.replace("http-equiv", "")
    assert "Closing balance" in statement


async def test_every_top_up_has_a_receipt_by_its_transfer_or_order(books: FullBooks, statements: Statements) -> None:
    receipts = Receipts(books.store)
    by_kind = {transfer.kind: transfer for transfer in statements.transfers(books.account.id)}
    paid = {
        kind: receipts.show(render_id(TRANSFER, by_kind[kind].id))
        for kind in by_kind
        if kind.value in {"topup", "voucher", "credit"}
    }
    topup = view_receipt(paid[TransferKind.TOPUP])
    assert topup["receipt"] == by_kind[TransferKind.TOPUP].reference
    assert (topup["paid_amount"], topup["net_amount"], topup["paid_by"]) == ("0.000007", "0.0000065", "payment")
    assert receipts.show(str(by_kind[TransferKind.TOPUP].reference)) == paid[TransferKind.TOPUP]
    assert view_receipt(paid[TransferKind.VOUCHER])["paid_by"] == "voucher"
    assert view_receipt(paid[TransferKind.CREDIT])["order"] is None


async def test_there_is_no_receipt_of_what_is_no_top_up(books: FullBooks, statements: Statements) -> None:
    receipts = Receipts(books.store)
    purchase = next(each for each in statements.transfers(books.account.id) if each.kind is TransferKind.PURCHASE)
    for name in (render_id(TRANSFER, purchase.id), render_id(TRANSFER, 7), render_id(ORDER, 7)):
        with pytest.raises(CommandRefused):
            receipts.show(name)
    with pytest.raises(IdError):
        receipts.show("acct_0000000000000001")


async def test_a_statement_that_does_not_add_up_is_refused(
    books: FullBooks, statements: Statements, tamper: Tamper
) -> None:
    assert tamper(f"UPDATE purses SET balance_nanos = balance_nanos + 1 WHERE id = {books.account.id}") == 1
    with pytest.raises(CommandRefused, match="run tollway ledger check"):
        statements.statement(books.account.id)


async def test_statements_and_reports_have_their_bounds(
    books: FullBooks, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.billing.statements.TRANSFERS_MAX", 2)
    with pytest.raises(CommandRefused, match="at most 2 transfers"):
        statements.statement(books.account.id)
    monkeypatch.setattr("tollway.billing.statements.TRANSFERS_MAX", 100)
    monkeypatch.setattr("tollway.billing.statements.MODELS_MAX", 0)
    with pytest.raises(CommandRefused, match="0 models"):
        statements.statement(books.account.id)
    monkeypatch.setattr("tollway.billing.reports.ROWS_MAX", 1)
    with pytest.raises(CommandRefused, match="more than 1 lines"):
        Reports(books.store).usage((Division.KEY,))
    with pytest.raises(CommandRefused, match="there is no account"):
        statements.statement(7)


async def test_usage_is_divided_by_anything_that_a_request_carries(books: FullBooks) -> None:
    reports = Reports(books.store, zone=ZoneInfo("Asia/Kolkata"))
    (everything,) = reports.usage(())
    assert (everything.sums.requests, everything.sums.base_nanos, everything.sums.package_micros) == (4, 70, 10**7)
    assert (everything.sums.package_paid_nanos, everything.sums.balance_nanos) == (40, 30)
    by = tuple(Division)
    rows = [reports.view(row, by) for row in reports.usage(by)]
    assert {row["key"] for row in rows} == {f"key_{books.key.id:016x}", f"key_{books.token_key.id:016x}"}
    first = rows[0]
    assert (first["tag"], first["end_user"], first["session"]) == ("t", "u", "s")
    assert first["sub_account"] == f"sa_{books.sub_account.id:016x}"
    assert str(first["hour"]).endswith(":30:00+05:30")
    assert first["currency"] == "USD"
    (mine,) = reports.usage((), UsageFilter(key_id=books.token_key.id), ALL_TIME)
    assert reports.view(mine, ())["package_tokens"] == "10"


async def test_requests_are_found_by_whoever_asked_and_how_they_ended(books: FullBooks, statements: Statements) -> None:
    def count(outcome: Outcome | None = None, span: Span = ALL_TIME, **who: Any) -> int:
        return len(statements.requests(RequestQuery(who=UsageFilter(**who), outcome=outcome, span=span)))

    assert count() == count(account_id=books.account.id) == 4
    assert count(Outcome.FAILED) == count(Outcome.FAILED, account_id=books.account.id) == 1
    assert (count(key_id=books.token_key.id), count(key_id=books.key.id), count(key_id=7)) == (1, 3, 0)
    assert (count(tag="t"), count(tag="x"), count(session="s"), count(end_user="")) == (4, 0, 4, 0)
    assert count(sub_account_id=books.sub_account.id) == 4
    assert count(account_id=books.other.id) == 0
    before, after = Span(None, books.at_ms), Span(books.at_ms, books.at_ms + 1)
    assert (count(span=before), count(span=after), count(span=after, tag="t")) == (0, 4, 4)
    assert len(statements.requests(RequestQuery(who=UsageFilter(tag="t")), 2)) == 2


async def test_what_a_line_names_is_known(books: FullBooks, statements: Statements) -> None:
    lines = statements.requests()
    running = next(iter(books.desk.books._open.values()))
    facts = statements.facts((*lines, running))
    assert facts.currencies == {books.account.id: "USD"}
    assert facts.token_packages == {books.tokens.id}
    assert facts.caps[books.cap.purse_id].cap_id == books.cap.cap_id
