"""docs/services.md: every row of the services' pages has a test that exists, or says why it has none."""

import re

import pytest

from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "services.md").read_text()
ROWS_OF_PAGES = {"1.1": 24, "1.2": 23, "1.3": 23, "1.4": 27, "1.5": 15}
"""How many sentences each service's page has that ask for something."""
FEATURES = 40
SNIPPETS = 19
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")

ROWS = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in PAGE.splitlines() if line[:2] == "| "]
TESTS = sorted({match.groups() for match in NAMED.finditer(PAGE)}, key=str)


def test_every_row_is_there_once() -> None:
    numbered = [row[0] for row in ROWS if re.fullmatch(r"\d\.\d\.\d+", row[0])]
    assert numbered == [f"{page}.{row}" for page, rows in ROWS_OF_PAGES.items() for row in range(1, rows + 1)]
    headings = {"row", "feature", "snippet"}
    named = [row[0] for row in ROWS if row[0] not in {*numbered, *headings} and len(row) == 2]
    assert len(named) == FEATURES + SNIPPETS == len(set(named))


def test_every_row_says_what_shows_it_or_why_nothing_does() -> None:
    bare = [row[0] for row in ROWS if row[0] not in {"row", "feature", "snippet"} and not row[-1]]
    assert bare == []
    without = [row for row in ROWS if not NAMED.search(row[-1]) and row[-1] not in {"shown by", "test"}]
    assert [row[0] for row in without if not row[-1].startswith("not built: ")] == []


@pytest.mark.parametrize(("file", "name"), TESTS, ids=str)
def test_what_is_named_exists(file: str, name: str | None) -> None:
    found = [path for folder in ("tests", "tests/e2e") if (path := ROOT / folder / file).is_file()]
    assert found, f"there is no {file}"
    assert name is None or re.search(rf"^(async )?def {name}\(", found[0].read_text(), re.MULTILINE)
