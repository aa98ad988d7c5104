"""A key's one limit, beside the caps that make it."""

import pytest

from tollway.access.caps import Cap
from tollway.access.terms import CapScope, CapSpan
from tollway.billing.key_limits import KeyLimit, changed_limit, limit_cap


def cap(span: CapSpan, *, scope: CapScope = CapScope.KEY, subject: str = "7", limit_nanos: int = 5) -> Cap:
    """Return a cap."""
    return Cap(
        id=1,
        account_id=2,
        scope=scope,
        subject=subject,
        span=span,
        limit_nanos=limit_nanos,
        alert_ppm=1,
        created_ms=1,
    )


def test_one_limit_lifts_every_other_cap_of_the_key() -> None:
    assert KeyLimit(5, CapSpan.MONTH).caps == {CapSpan.DAY: 0, CapSpan.MONTH: 5, CapSpan.TOTAL: 0}


def test_the_limit_of_a_key_is_its_cap_for_the_longest_time() -> None:
    day, month = cap(CapSpan.DAY), cap(CapSpan.MONTH)
    assert limit_cap((day, month), 7) is month
    assert limit_cap((day,), 7) is day
    others = (cap(CapSpan.DAY, subject="8"), cap(CapSpan.DAY, scope=CapScope.SUB_ACCOUNT))
    assert limit_cap(others, 7) is None


@pytest.mark.parametrize(
    ("before", "limit_nanos", "span", "after"),
    [
        (None, None, None, KeyLimit(0)),
        (None, 9, None, KeyLimit(9)),
        (cap(CapSpan.DAY), 9, None, KeyLimit(9, CapSpan.DAY)),
        (cap(CapSpan.DAY), None, CapSpan.TOTAL, KeyLimit(5, CapSpan.TOTAL)),
        (cap(CapSpan.DAY), 0, None, KeyLimit(0, CapSpan.DAY)),
    ],
)
def test_what_is_not_said_of_a_limit_stays(
    before: Cap | None, limit_nanos: int | None, span: CapSpan | None, after: KeyLimit
) -> None:
    assert changed_limit(before, limit_nanos=limit_nanos, span=span) == after
