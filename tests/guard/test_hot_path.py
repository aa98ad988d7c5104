"""The hot path takes what is written down: more is found before it is merged, and less is written down as well.

Counted in instructions, which no load of the machine changes: see `hot_path.py`.
"""

import sys

import pytest

from tests.guard.hot_path import PYTHON, in_clean_process


@pytest.mark.skipif(
    sys.version_info[:2] != PYTHON, reason="the numbers are those of CPython 3.11: other versions have others"
)
def test_the_hot_path_takes_as_many_instructions_as_recorded() -> None:
    done = in_clean_process(())
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
