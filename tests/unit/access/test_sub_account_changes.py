"""A change to a sub-account tells what was asked for, and nothing of what stays."""

from tollway.access.caps import SubAccountChanges


def test_what_is_taken_away_is_told_and_what_stays_is_not() -> None:
    assert SubAccountChanges(name="b", rpm=None, monthly_cap_nanos=0).told == {
        "name": "b",
        "rpm": None,
        "monthly_cap_nanos": 0,
    }
    assert SubAccountChanges().told == {}
