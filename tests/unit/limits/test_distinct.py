"""Different members in an hour, beside a log of who came when."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from tollway.limits.distinct import MEMBERS_MAX, note, wait_ms
from tollway.limits.rates import CELLS

MINUTE_MS = 60_000
NOW_MS = 1_000_000_000


def empty() -> memoryview:
    return memoryview(array("q", bytes(8 * CELLS)))


def come(cells: memoryview, member: int, *, limit: int, at_ms: int) -> int:
    """Let a member in if there is room; return its wait."""
    wait = wait_ms(cells, member, limit=limit, now_ms=at_ms)
    if not wait:
        note(cells, member, now_ms=at_ms)
    return wait


def test_so_many_members_are_let_in_and_known_ones_always() -> None:
    cells = empty()
    assert [come(cells, member, limit=3, at_ms=NOW_MS) for member in (1, 2, 3, 1, 2, 3)] == [0] * 6
    wait = come(cells, 4, limit=3, at_ms=NOW_MS)
    assert 60 * MINUTE_MS < wait <= 61 * MINUTE_MS
    assert come(cells, 4, limit=3, at_ms=NOW_MS + wait - 1) == 1
    assert come(cells, 4, limit=3, at_ms=NOW_MS + wait) == 0


def test_who_comes_again_stays() -> None:
    cells = empty()
    for minute in range(0, 600, 50):
        assert come(cells, 1, limit=1, at_ms=NOW_MS + minute * MINUTE_MS) == 0
        assert come(cells, 2, limit=1, at_ms=NOW_MS + minute * MINUTE_MS) > 0


def test_a_counter_holds_as_many_as_it_says() -> None:
    cells = empty()
    assert sum(come(cells, member, limit=MEMBERS_MAX, at_ms=NOW_MS) for member in range(1, MEMBERS_MAX + 1)) == 0
    assert come(cells, 0, limit=MEMBERS_MAX, at_ms=NOW_MS) == 0, "nobody's hash is taken as another"
    assert come(cells, MEMBERS_MAX + 1, limit=MEMBERS_MAX, at_ms=NOW_MS) > 0


def test_after_hours_or_with_a_new_clock_nobody_is_known() -> None:
    for later_ms in (200 * MINUTE_MS, 256 * MINUTE_MS, 10**9 * MINUTE_MS, -NOW_MS + 5):
        cells = empty()
        come(cells, 1, limit=1, at_ms=NOW_MS)
        assert come(cells, 2, limit=1, at_ms=NOW_MS + later_ms) == 0
        assert come(cells, 1, limit=1, at_ms=NOW_MS + later_ms) > 0


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 70 * MINUTE_MS), st.integers(1, 9)), max_size=60),
)
def test_no_hour_has_more_members_than_the_limit(limit: int, steps: list[tuple[int, int]]) -> None:
    cells, now_ms = empty(), NOW_MS
    let_in: list[tuple[int, int]] = []
    for pause_ms, member in steps:
        now_ms += pause_ms
        last = {each: at_ms for at_ms, each in let_in}
        counting = {each for each, at_ms in last.items() if now_ms // MINUTE_MS - at_ms // MINUTE_MS <= 60}
        wait = come(cells, member, limit=limit, at_ms=now_ms)
        assert (wait == 0) == (member in counting or len(counting) < limit)
        if not wait:
            let_in.append((now_ms, member))
    for at_ms, _ in let_in:
        assert len({each for came_ms, each in let_in if at_ms - 60 * MINUTE_MS < came_ms <= at_ms}) <= limit


def test_who_came_long_ago_is_forgotten_however_often_another_comes() -> None:
    """A minute has eight bits: what is not forgotten would have come again after 256 of them."""
    cells = empty()
    for member in (1, 2, 3):
        assert come(cells, member, limit=3, at_ms=NOW_MS) == 0
    for minute in range(0, 260, 30):
        assert come(cells, 1, limit=3, at_ms=NOW_MS + minute * MINUTE_MS) == 0
    assert come(cells, 4, limit=3, at_ms=NOW_MS + 260 * MINUTE_MS) == 0
