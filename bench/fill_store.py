"""Fills a new store with many charges, keys and accounts, consistently: `tollway ledger check` finds nothing wrong with it.

    .venv/bin/python bench/fill_store.py sqlite:////tmp/full.db --charges 10000000 --keys 100000 --accounts 1000

The charges lie evenly in the days before now. In each hour a few hundred keys are at work, in the next hour others; five
models, one of them in tiers; fees, discounts and rates of exchange; failures; packages of tokens and of money; caps by
day. The database makes the lines itself, by arithmetic on their numbers, at a few µs each.
"""

import argparse
import hashlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, TextClause, insert, select, text

from tollway import clock
from tollway.catalog.records import PriceCard, PriceTier
from tollway.ids import EPOCH_MS, PACKAGE, SHIFT, render_id
from tollway.ledger.purses import cap_purse_id
from tollway.ledger.records import FUNDING, TOKENS, account_leg, package_leg, packages_issued
from tollway.store import tables
from tollway.store.card_rows import add_cards
from tollway.store.check_sums import line_hours, make_sums
from tollway.store.store import Store, open_backend

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LINES_AT_ONCE = 500_000
"""Of one transaction: what waits to be moved from the log into the database stays below 100 MB."""
ROWS_AT_ONCE = 5_000

# Each kind of row has numbers of its own, all below those of any real id.
ACCOUNT, KEY, CREDIT, PRODUCT, CAP, TOKEN_PACKAGE, MONEY_PACKAGE = (number << 40 for number in range(1, 8))

CREDIT_NANOS = 10**16
PACKAGE_AMOUNT = 10**15
CAP_NANOS = 10**13
CAPPED_EVERY, CAPPED = 50, 2
PACKAGE_EVERY, PAID_BY_TOKENS, PAID_BY_MONEY = 20, 9, 11

CARDS = (
    PriceCard(id=1, provider="p0", model="m0", currency="USD", input=150_000_000, output=600_000_000, source="fill"),
    PriceCard(
        id=2,
        provider="p0",
        model="m1",
        currency="USD",
        input=400_000_000,
        output=10**9,
        cached_input=10**8,
        source="fill",
    ),
    PriceCard(
        id=3,
        provider="p1",
        model="m2",
        currency="USD",
        input=100_000_000,
        output=400_000_000,
        tiers=(PriceTier(above_tokens=3_000, input=200_000_000, output=600_000_000),),
        source="fill",
    ),
    PriceCard(
        id=4,
        provider="p1",
        model="m3",
        currency="USD",
        input=250_000_000,
        output=10**9,
        reasoning=1_200_000_000,
        cache_write_5m=300_000_000,
        source="fill",
    ),
    PriceCard(
        id=5, provider="p2", model="m4", currency="USD", input=10**8, output=3 * 10**8, call=10**11, source="fill"
    ),
)

MICRO = """
    CASE m WHEN 0 THEN fresh * 150000000 + output * 600000000
           WHEN 1 THEN fresh * 400000000 + cached * 100000000 + output * 1000000000
           WHEN 2 THEN CASE WHEN fresh > 3000 THEN fresh * 200000000 + output * 600000000
                            ELSE fresh * 100000000 + output * 400000000 END
           WHEN 3 THEN fresh * 250000000 + written * 300000000 + output * 1000000000 + reasoning * 1200000000
           ELSE fresh * 100000000 + output * 300000000 + 100000000000 END
"""

LINES = {
    "exchange_id": "(started - :epoch) * :one_ms",
    "account_id": ":account + a",
    "key_id": ":key + k",
    "worker_id": "1",
    "outcome": "CASE WHEN failed = 1 THEN 'failed' ELSE 'completed' END",
    "status": "CASE WHEN failed = 1 THEN 502 ELSE 200 END",
    "started_ms": "started",
    "ended_ms": "started + (i * 37) % 30000",
    "first_byte_ms": "CASE WHEN failed = 0 THEN started + (i * 37) % 3000 END",
    "streamed": "i % 2",
    "lane": "'verbatim'",
    "model_asked": "'m' || m",
    "provider": "'p' || (m / 2)",
    "model_routed": "'m' || m",
    "model_answered": "CASE WHEN failed = 0 THEN 'm' || m || '-2026-01-01' END",
    "attempts": "1",
    "input_tokens": "CASE WHEN failed = 0 THEN fresh END",
    "cached_input_tokens": "CASE WHEN failed = 0 AND m = 1 THEN cached END",
    "output_tokens": "CASE WHEN failed = 0 THEN output END",
    "reasoning_tokens": "CASE WHEN failed = 0 AND m = 3 THEN reasoning END",
    "audio_input_tokens": "NULL",
    "audio_output_tokens": "NULL",
    "basis": "CASE WHEN failed = 1 THEN 'unknown' ELSE 'reported' END",
    "card_id": "CASE WHEN failed = 0 THEN m + 1 END",
    "fee_ppm": "fee_ppm",
    "hold_nanos": "CASE WHEN tokens_pay = 1 THEN 20000000000 ELSE 200000000 END",
    "base_nanos": "base",
    "fee_nanos": "(base * fee_ppm + 999999) / 1000000",
    "written_off_nanos": "0",
    "sub_account_id": "NULL",
    "tag": "CASE WHEN k % 4 = 1 THEN 'team-' || (k % 40) END",
    "end_user": "CASE WHEN k % 8 = 5 THEN 'user-' || ((r / :at_work) % 3) END",
    "session": "NULL",
    "package_id": "CASE WHEN tokens_pay = 1 THEN :token_package + k WHEN k % 20 = 11 THEN :money_package + k END",
    "package_micros": "CASE WHEN tokens_pay = 1 AND failed = 0 THEN tokens * 500000 ELSE 0 END",
    "ratio_ppm": "CASE WHEN tokens_pay = 1 THEN 500000 END",
    "caps": "CASE WHEN failed = 0 THEN caps END",
    "price_ppm": "CASE WHEN a % 10 = 1 THEN 900000 ELSE 1000000 END",
    "rate_nanos": "CASE WHEN a % 20 = 7 THEN 7100000000 END",
    "provider_cost_nanos": "CASE WHEN failed = 0 AND m = 3 THEN (micro + 999999) / 1000000 END",
    "cache_write_5m_tokens": "CASE WHEN failed = 0 AND m = 3 THEN written END",
    "cache_write_1h_tokens": "NULL",
    "images": "NULL",
    "calls": "NULL",
}
"""Each column of a line, by its number i, the hour h and its place r in it, the key k and its account a, the model m."""

INSERT = f"""
INSERT INTO exchanges ({", ".join(LINES)})
WITH RECURSIVE numbers (i) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < :last
), placed AS (
    SELECT i, i / :an_hour AS h, i % :an_hour AS r FROM numbers
), keyed AS (
    SELECT i, h, r, (h * 131 + r % :at_work) % :keys AS k, (r / :at_work) % 5 AS m,
           :start + h * 3600000 + r * (3600000 / :an_hour) AS started FROM placed
), used AS (
    SELECT i, r, k, m, started, k % :accounts AS a, (started / 86400000) AS day,
           100 + (i * 7919) % 4000 AS fresh, (i * 31) % 2000 AS cached, 20 + (i * 104729) % 900 AS output,
           (i * 13) % 300 AS reasoning, (i * 17) % 500 AS written,
           CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END AS failed, CASE WHEN k % 20 = 9 THEN 1 ELSE 0 END AS tokens_pay
    FROM keyed
), priced AS (
    SELECT used.*, {MICRO} AS micro, CASE WHEN a % 3 = 0 THEN 100000 ELSE 0 END AS fee_ppm,
           fresh + output + CASE m WHEN 1 THEN cached WHEN 3 THEN reasoning + written ELSE 0 END AS tokens FROM used
), charged AS (
    SELECT priced.*, fill_caps.caps,
           CASE WHEN failed = 1 OR tokens_pay = 1 THEN 0 WHEN a % 10 = 1 THEN (micro * 9 + 9999999) / 10000000
                WHEN a % 20 = 7 THEN (micro * 71 + 9999999) / 10000000 ELSE (micro + 999999) / 1000000 END AS base
    FROM priced LEFT JOIN fill_caps ON fill_caps.k = priced.k AND fill_caps.day = priced.day
)
SELECT {", ".join(LINES.values())} FROM charged
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to fill in."""

    charges: int
    keys: int
    accounts: int
    days: int
    at_work: int
    """Keys at work in an hour."""

    @property
    def an_hour(self) -> int:
        """Charges of an hour: at least one, so that a small store has fewer hours."""
        return max(1, self.charges // (self.days * 24))


def fill(url: str, size: Size) -> None:
    """Fill the store at `url`, which must be new."""
    Store.open(url).close()
    backend = open_backend(url, "normal")
    backend.join()
    start = (clock.now_ms() // HOUR_MS - -(-size.charges // size.an_hour)) * HOUR_MS
    try:
        with backend.writing() as connection:
            if connection.scalar(select(tables.exchanges.c.exchange_id).limit(1)) is not None:
                raise SystemExit("this store holds charges already: name a new one")
            add_cards(connection, CARDS, start)
            _add_people(connection, size, start)
            _add_caps(connection, size, start)
        for first in range(0, size.charges, LINES_AT_ONCE):
            with backend.writing() as connection:
                last = min(first + LINES_AT_ONCE, size.charges)
                connection.execute(_insert(_numbers(size, start) | {"first": first, "last": last}))
        with backend.writing() as connection:
            _add_sums(connection)
    finally:
        backend.close()


def _insert(numbers: dict[str, int]) -> TextClause:
    """Return the statement with its numbers in the text itself, where PostgreSQL sees of what kind they are."""
    return text(re.sub(r":(\w+)", lambda name: str(numbers[name[1]]), INSERT))


def _numbers(size: Size, start: int) -> dict[str, int]:
    return {
        "epoch": EPOCH_MS,
        "one_ms": 1 << SHIFT,
        "start": start,
        "an_hour": size.an_hour,
        "at_work": size.at_work,
        "keys": size.keys,
        "accounts": size.accounts,
        "account": ACCOUNT,
        "key": KEY,
        "token_package": TOKEN_PACKAGE,
        "money_package": MONEY_PACKAGE,
    }


def _add_people(connection: Connection, size: Size, start: int) -> None:
    _add(connection, tables.accounts, (_account(a, start) for a in range(size.accounts)))
    _add(connection, tables.purses, (_purse(ACCOUNT + a, ACCOUNT + a, CREDIT_NANOS) for a in range(size.accounts)))
    _add(connection, tables.transfers, (_credit(a, start) for a in range(size.accounts)))
    _add(connection, tables.products, (_product(unit, start) for unit in ("tokens", "money")))
    packages = [(k, _package(k, size, start)) for k in range(size.keys) if _package_of(k) is not None]
    _add(
        connection,
        tables.purses,
        (_purse(package["id"], package["account_id"], PACKAGE_AMOUNT, "package") for _, package in packages),
    )
    _add(connection, tables.packages, (package for _, package in packages))
    _add(connection, tables.transfers, (_grant(k, package) for k, package in packages))
    _add(connection, tables.keys, (_key(k, size, start) for k in range(size.keys)))


def _account(a: int, start: int) -> dict[str, Any]:
    currency = "CNY" if a % 20 == 7 else "USD"
    return {"id": ACCOUNT + a, "name": f"account {a}", "currency": currency, "state": "active", "created_ms": start}


def _purse(number: int, account_id: int, balance: int, kind: str = "account") -> dict[str, Any]:
    return {"id": number, "kind": kind, "account_id": account_id, "balance_nanos": balance, "leased_nanos": 0}


def _credit(a: int, start: int) -> dict[str, Any]:
    return {
        "id": CREDIT + a,
        "kind": "credit",
        "debit_account": FUNDING,
        "credit_account": account_leg(ACCOUNT + a),
        "amount_nanos": CREDIT_NANOS,
        "currency": "CNY" if a % 20 == 7 else "USD",
        "reason": "fill",
        "created_ms": start,
        "reference": None,
    }


def _product(unit: str, start: int) -> dict[str, Any]:
    return {
        "id": PRODUCT + (unit == "money"),
        "name": unit,
        "unit": unit,
        "amount": PACKAGE_AMOUNT,
        "models": '[{"model":"*","ratio_ppm":500000}]',
        "price_nanos": 0,
        "currency": "USD",
        "state": "active",
        "created_ms": start,
    }


def _package_of(k: int) -> int | None:
    return {PAID_BY_TOKENS: TOKEN_PACKAGE + k, PAID_BY_MONEY: MONEY_PACKAGE + k}.get(k % PACKAGE_EVERY)


def _package(k: int, size: Size, start: int) -> dict[str, Any]:
    money, a = k % PACKAGE_EVERY == PAID_BY_MONEY, k % size.accounts
    return {
        "id": _package_of(k),
        "account_id": ACCOUNT + a,
        "product_id": PRODUCT + money,
        "name": "money" if money else "tokens",
        "unit": "money" if money else "tokens",
        "amount": PACKAGE_AMOUNT,
        "models": '[{"model":"*","ratio_ppm":500000}]',
        "currency": "CNY" if a % 20 == 7 else "USD",
        "bought_ms": start,
        "state": "active",
        "reference": None,
    }


def _grant(k: int, package: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": CREDIT + (1 << 32) + k,
        "kind": "grant",
        "debit_account": packages_issued(package["unit"]),
        "credit_account": package_leg(package["id"]),
        "amount_nanos": PACKAGE_AMOUNT,
        "currency": TOKENS if package["unit"] == "tokens" else package["currency"],
        "reason": "fill",
        "created_ms": package["bought_ms"],
        "reference": render_id(PACKAGE, package["id"]),
    }


def key_text(k: int) -> str:
    """Return what a client sends as the key of this number."""
    return f"fill-{k}"


def pays_as_it_goes(k: int, accounts: int) -> bool:
    """Tell whether a key spends its account's dollars: what it is charged follows from the price alone."""
    return _package_of(k) is None and (k % accounts) % 20 != 7


def _key(k: int, size: Size, start: int) -> dict[str, Any]:
    package = _package_of(k)
    return {
        "id": KEY + k,
        "account_id": ACCOUNT + k % size.accounts,
        "name": f"key {k}",
        "digest": hashlib.sha256(key_text(k).encode()).digest(),
        "hint": "fill",
        "models": "",
        "created_ms": start,
        "billing": "payg" if package is None else "package",
        "package_id": package,
    }


def _add_caps(connection: Connection, size: Size, start: int) -> None:
    """Make the caps, and beside them the windows that lines will name, in which nothing is spent yet."""
    connection.execute(
        text("CREATE TABLE fill_caps (k BIGINT, day BIGINT, caps VARCHAR NOT NULL, PRIMARY KEY (k, day))")
    )
    capped = range(CAPPED, size.keys, CAPPED_EVERY)
    _add(
        connection,
        tables.caps,
        (
            {
                "id": CAP + k,
                "account_id": ACCOUNT + k % size.accounts,
                "scope": "key",
                "subject": str(KEY + k),
                "window": "day",
                "limit_nanos": CAP_NANOS,
                "alert_ppm": 800_000,
                "created_ms": start,
                "removed_ms": None,
            }
            for k in capped
        ),
    )
    windows: dict[tuple[int, int], int] = {}
    for hour in range(-(-size.charges // size.an_hour)):
        day = (start + hour * HOUR_MS) // DAY_MS
        for place in range(min(size.at_work, size.an_hour)):
            k = (hour * 131 + place) % size.keys
            if k % CAPPED_EVERY == CAPPED:
                windows[k, day] = cap_purse_id(CAP + k, str(KEY + k), day * DAY_MS)
    purse = {"leased_nanos": 0, "kind": "cap", "balance_nanos": CAP_NANOS, "limit_nanos": CAP_NANOS}
    _add(
        connection,
        tables.purses,
        (
            {
                **purse,
                "id": number,
                "account_id": ACCOUNT + k % size.accounts,
                "cap_id": CAP + k,
                "subject": str(KEY + k),
                "window_start_ms": day * DAY_MS,
                "window_end_ms": (day + 1) * DAY_MS,
            }
            for (k, day), number in windows.items()
        ),
    )
    naming = text("INSERT INTO fill_caps (k, day, caps) VALUES (:k, :day, :caps)")
    rows = [{"k": k, "day": day, "caps": f"[{number}]"} for (k, day), number in windows.items()]
    for first in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(naming, rows[first : first + ROWS_AT_ONCE])


def _add_sums(connection: Connection) -> None:
    """Keep what the lines add up to, by hour and by purse."""
    connection.execute(text("DROP TABLE fill_caps"))
    make_sums(connection)
    names = tables.usage_hours.columns.keys()
    sums = select(*(line_hours.c[name] for name in names))
    connection.execute(insert(tables.usage_hours).from_select(names, sums))
    connection.execute(
        text(
            "UPDATE purses SET balance_nanos = balance_nanos - CAST("
            "(SELECT sum(amount) FROM check_moved WHERE check_moved.purse_id = purses.id) AS BIGINT)"
            " WHERE id IN (SELECT purse_id FROM check_moved)"
        )
    )


def _add(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == ROWS_AT_ONCE:
            connection.execute(insert(table), waiting)
            waiting = []
    if waiting:
        connection.execute(insert(table), waiting)


def main() -> None:
    """Read the command line and fill."""
    parser = argparse.ArgumentParser(prog="bench/fill_store.py", description="Fill a new store with charges.")
    parser.add_argument("url", help="of the store, such as sqlite:////tmp/full.db")
    parser.add_argument("--charges", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--at-work", type=int, default=500, help="keys at work in an hour")
    asked = parser.parse_args()
    began = time.monotonic()
    size = Size(charges=asked.charges, keys=asked.keys, accounts=asked.accounts, days=asked.days, at_work=asked.at_work)
    fill(asked.url, size)
    print(f"{asked.charges} charges in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
