"""The store that the benchmark fills is one that Tollway could have filled."""

import subprocess
import sys

import pytest

from tests.tidy.tree import ROOT
from tollway.store.store import Store


@pytest.mark.parametrize("charges", [7, 5_000])
def test_a_store_that_was_filled_has_clean_books(url: str, charges: int) -> None:
    size = ("--charges", str(charges), "--keys", "300", "--accounts", "40", "--days", "2", "--at-work", "60")
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "fill_store.py", url, *size], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    store = Store.open(url)
    report = store.check()
    store.close()
    assert report.problems == ()
    assert report.counts["exchanges"] == charges
