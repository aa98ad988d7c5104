"""Threads give way soon while there is work beside the event loop, and as usual when there is none."""

import sys

import pytest

from tollway.giving_way import WAY_S, giving_way


def test_threads_give_way_until_the_last_piece_of_work_is_over() -> None:
    usual_s = sys.getswitchinterval()
    first, second = giving_way(), giving_way()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(WAY_S)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_work_that_fails_is_over_as_well() -> None:
    usual_s = sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), giving_way():
        raise ValueError("broken")
    assert sys.getswitchinterval() == pytest.approx(usual_s)
