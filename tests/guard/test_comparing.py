"""The guard itself: what it lets pass, what it finds, and what it writes down."""

import tomllib
from pathlib import Path

import pytest

from tests.guard import hot_path
from tests.guard.hot_path import KINDS, TITLES, differences, read_recorded, record

BEFORE = {"plain": {"opcodes": (1000.0, "As it was.")}}


@pytest.mark.parametrize("now", [951.0, 1000.0, 1050.0])
def test_a_number_within_five_percent_passes(now: float) -> None:
    assert list(differences(BEFORE, {"plain": {"opcodes": now}})) == []


@pytest.mark.parametrize(("now", "change"), [(1051.0, "+5.1%"), (949.0, "-5.1%"), (0.0, "-100.0%")])
def test_more_is_found_and_so_is_less(now: float, change: str) -> None:
    (found,) = differences(BEFORE, {"plain": {"opcodes": now}})
    assert found == f"plain: opcodes was 1000, is {now:g} ({change})"


def test_a_number_or_a_lane_that_was_not_there_is_found() -> None:
    found = list(differences(BEFORE, {"plain": {"opcodes": 1000.0, "writes": 3.0}, "stream-end": {"calls": 2.0}}))
    assert found == ["plain: writes was 0, is 3 (new)", "stream-end: calls was 0, is 2 (new)"]


def test_a_number_that_has_changed_gets_the_reason_and_others_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot_path, "RECORDED", tmp_path / "hot_path.toml")
    record({"plain": {"opcodes": 1000.0, "calls": 40.0}}, "As it was.")
    record({"plain": {"opcodes": 1020.0, "calls": 50.0}}, 'It says "more" now.')

    assert read_recorded() == {"plain": {"opcodes": (1020.0, "As it was."), "calls": (50.0, 'It says "more" now.')}}


def test_every_recorded_number_has_a_lane_that_is_counted_and_a_reason() -> None:
    lanes = tomllib.loads(hot_path.RECORDED.read_text())
    assert lanes.keys() == TITLES.keys()
    for kinds in lanes.values():
        assert kinds.keys() <= set(KINDS)
        assert all(each["reason"] for each in kinds.values())
