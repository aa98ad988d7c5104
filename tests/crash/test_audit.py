"""The audit of the crash harness notices what it is there to notice: each kind of wrong in otherwise good books."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.crash.ask import Ask, Buyer, Reply, Wallet, Way
from tests.crash.audit import SUMS, Books, Findings, Purse, audit
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.lines import Attribution, ExchangeLine, Outcome
from tollway.neutral.usage import Basis, Usage

PURSE = 7
FUNDED = 10**9
COST = 72_214


def asked(way: Way = Way.PLAIN, **reply: Any) -> Ask:
    ask = Ask(
        number=1,
        buyer=Buyer(wallet=Wallet.AMPLE, account_id="acct_7", key="k"),
        way=way,
        delay_s=0,
        pieces=3,
        pace_s=0,
        input_tokens=123,
        cached_tokens=45,
        output_tokens=67,
        stop_after=1,
    )
    ask.served.add(67)
    whole: dict[str, Any] = {"status": 200, "content": True, "ended": True, "cost_nanos": COST}
    ask.replies.append(Reply(kills_before=0, request_id=render_id(EXCHANGE, 1), **(whole | reply)))
    return ask


def line_of(ask: Ask, **other: Any) -> ExchangeLine:
    whole: dict[str, Any] = {
        "exchange_id": 1,
        "account_id": PURSE,
        "key_id": 1,
        "worker_id": 1,
        "outcome": Outcome.COMPLETED,
        "status": 200,
        "started_ms": 1,
        "ended_ms": 2,
        "streamed": False,
        "lane": "verbatim",
        "model_asked": "m",
        "provider": "p",
        "model_routed": "m",
        "usage": Usage(input=123, cached_input=45, output=67),
        "basis": Basis.REPORTED,
        "hold_nanos": FUNDED,
        "base_nanos": COST,
        "attribution": Attribution(session=ask.name),
    }
    return ExchangeLine(**(whole | other))


def books_of(*lines: ExchangeLine) -> Books:
    paid = sum(line.paid for line in lines)
    return Books(
        lines=lines,
        purses=[Purse(id=PURSE, kind="account", balance=FUNDED - paid, leased=0, limit=None)],
        sums={name: sum(map(value_of, lines)) for name, value_of in SUMS.items()},
        leftovers={"holds": 0},
        problems=(),
    )


def findings(ask: Ask, books: Books) -> Findings:
    return audit([ask], books, funded={PURSE: FUNDED})


def test_an_answer_with_its_charge_is_in_order() -> None:
    ask = asked()
    found = findings(ask, books_of(line_of(ask)))
    assert (found.mismatches, found.leftovers, found.overspent_nanos) == ([], [], 0)
    assert found.figures["answered"] == found.figures["charges of answers"] == 1


def test_the_cost_of_an_ask_is_what_a_hand_computes() -> None:
    # 123 x 0.1234567 + 45 x 0.0512345 + 67 x 0.7654321 = 68,774.6773 nanos; the fee of 5 % is 3,438.75
    assert asked().cost_nanos(67) == COST == 68_775 + 3_439


INTERRUPTED = {"outcome": Outcome.INTERRUPTED, "base_nanos": 0}

WRONG: dict[str, tuple[Ask, Callable[[Ask], list[ExchangeLine]], str]] = {
    "a lost charge": (asked(), lambda ask: [], "was answered and has no line"),
    "a doubled charge": (
        asked(),
        lambda ask: [line_of(ask), line_of(ask, exchange_id=2)],
        "charged 2 times",
    ),
    "a charge that differs from the reply": (
        asked(cost_nanos=1),
        lambda ask: [line_of(ask)],
        "says 1 nanos, its line 72214",
    ),
    "a charge that differs from the price": (
        asked(cost_nanos=5),
        lambda ask: [line_of(ask, base_nanos=5)],
        "its line says 5 nanos",
    ),
    "an answer whose line says something else": (
        asked(cost_nanos=0),
        lambda ask: [line_of(ask, **INTERRUPTED)],
        "came to its end, its line says interrupted",
    ),
    "a charge for an interrupted request": (
        asked(ended=False, broke=True, kills_after=1),
        lambda ask: [line_of(ask, outcome=Outcome.INTERRUPTED)],
        "it is interrupted, and was charged",
    ),
    "bytes that left no line": (
        asked(ended=False, broke=True, kills_after=1),
        lambda ask: [],
        "reached its client and has no line",
    ),
    "a break that no kill explains": (
        asked(ended=False, broke=True),
        lambda ask: [line_of(ask)],
        "broke off though nobody was killed",
    ),
    "a refusal that was charged": (
        asked(status=429, cost_nanos=None, content=False, code="insufficient_quota"),
        lambda ask: [line_of(ask)],
        "was refused with 429 and charged",
    ),
    "a defect of the gateway": (
        asked(status=500, cost_nanos=None, content=False, code="internal_error"),
        lambda ask: [],
        "met a defect",
    ),
    "a line that nobody asked for": (
        asked(),
        lambda ask: [line_of(ask), line_of(ask, exchange_id=2, attribution=Attribution(session="x"))],
        "nobody asked for",
    ),
    "a broken stream with a completed line": (
        asked(Way.CUT, code="upstream_error"),
        lambda ask: [line_of(ask)],
        "ended with upstream_error, its line says completed",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_the_audit_notices(kind: str) -> None:
    ask, lines, said = WRONG[kind]
    mismatches = findings(ask, books_of(*lines(ask))).mismatches
    assert any(said in mismatch for mismatch in mismatches), mismatches


def test_a_repeated_request_is_charged_once_however_often_it_was_asked() -> None:
    ask = asked(Way.AGAIN, ended=False, broke=True, content=False, kills_after=1)
    ask.replies.append(
        Reply(kills_before=1, request_id="req_2", status=200, ended=True, replay=True, cost_nanos=1, kept=b"x")
    )
    line = line_of(ask)
    assert findings(ask, books_of(line)).mismatches == []
    twice = findings(ask, books_of(line, msgspec.structs.replace(line, exchange_id=2))).mismatches
    assert any("charged 2 times" in mismatch for mismatch in twice)
    assert any("charged 0 times" in mismatch for mismatch in findings(ask, books_of()).mismatches)
    ask.replies.append(replace(ask.replies[-1], kept=b"y"))
    assert any("two versions" in mismatch for mismatch in findings(ask, books_of(line)).mismatches)


def test_balances_that_are_not_the_fold_of_lines_are_noticed() -> None:
    ask = asked()
    books = books_of(line_of(ask))
    (purse,) = books.purses
    off = replace(books, purses=[replace(purse, balance=purse.balance + 1)])
    assert any("by its lines" in mismatch for mismatch in findings(ask, off).mismatches)
    off = replace(books, sums=dict(books.sums) | {"base_nanos": 1})
    assert any("usage_hours" in mismatch for mismatch in findings(ask, off).mismatches)
    off = replace(books, problems=["a problem"])
    assert "a problem" in findings(ask, off).mismatches


def test_money_beyond_what_was_there_and_rows_that_stay_are_noticed() -> None:
    ask = asked()
    books = books_of(line_of(ask))
    assert audit([ask], books, funded={PURSE: COST - 3}).overspent_nanos == 3
    (purse,) = books.purses
    left = replace(books, purses=[replace(purse, leased=2)], leftovers={"holds": 1, "leases": 0})
    assert findings(ask, left).leftovers == ["1 holds", "2 nanos lent of account 0000000000000007"]
