"""Lines of days long past, put where the store keeps them: what a report reads, without waiting for a month."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert

from tollway.ids import EPOCH_MS, SHIFT
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.neutral.usage import Basis
from tollway.store.rows import line_fields
from tollway.store.store import open_backend
from tollway.store.tables import exchanges

_sequence = iter(range(1 << 20))


def line_at(ended_ms: int, *, took_ms: int = 1000, **other: Any) -> ExchangeLine:
    """Return a line that ended at a time, its id of its beginning."""
    started_ms = ended_ms - took_ms
    fields: dict[str, Any] = {
        "exchange_id": ((started_ms - EPOCH_MS) << SHIFT) + next(_sequence),
        "account_id": 1,
        "key_id": 1,
        "worker_id": 1,
        "outcome": Outcome.COMPLETED,
        "status": 200,
        "started_ms": started_ms,
        "ended_ms": ended_ms,
        "streamed": False,
        "lane": "verbatim",
        "model_asked": "m",
        "provider": "p",
        "model_routed": "m",
        "basis": Basis.REPORTED,
        "card_id": 1,
        "hold_nanos": 0,
    }
    return ExchangeLine(**fields | other)


def write_lines(url: str, lines: Iterable[ExchangeLine]) -> None:
    """Write lines as they stand: no account pays for them, and no sum of usage is kept."""
    backend = open_backend(url, "normal")
    with backend.writing() as connection:
        connection.execute(insert(exchanges), [line_fields(line) for line in lines])
    backend.close()
