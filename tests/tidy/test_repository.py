"""What no committed file may hold: addresses of registries, paths of somebody's machine, promises to do something later."""

import re

import pytest

from tests.tidy.tree import ROOT, texts

OURSELVES = "tests/tidy/test_repository.py"

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted|pypi\.python|registry\.npmjs|npmmirror|yarnpkg\.com|crates\.io|rubygems\.org|conda\.anaconda"
    r"|^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links)\b",
    re.MULTILINE,
)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}/-])/(?:work|root|home|Users|tmp|opt|mnt)/")
LATER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
SECRETS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bsk-(?:proj-|ant-)[A-Za-z0-9_-]{24,}|\bAKIA[0-9A-Z]{16}\b")

RECORDED = ("tests/recordings/", "tests/golden/")
"""What others sent is kept as it came."""

ours = {name: text for name, text in texts().items() if name != OURSELVES and not name.startswith(RECORDED)}
built = {name: text for name, text in ours.items() if not name.startswith(("tests/", "docs/")) and name != "LICENSE"}


def found(pattern: re.Pattern[str], files: dict[str, str]) -> list[str]:
    """Return where a pattern stands, as file:line: text."""
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group().strip()}"
        for name, text in files.items()
        for match in pattern.finditer(text)
    ]


def test_no_file_names_a_registry() -> None:
    assert found(REGISTRIES, ours) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert found(MACHINE_PATHS, built) == []


def test_nothing_is_promised_for_later() -> None:
    assert found(LATER, ours) == []


def test_no_file_holds_a_key() -> None:
    assert found(SECRETS, ours) == []


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    assert names, "docs/decisions is empty"
    numbers = [re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", name) for name in names]
    assert all(numbers), names
    assert [int(match.group(1)) for match in numbers if match] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_the_files_that_people_look_for_are_there(name: str) -> None:
    assert (ROOT / name).is_file()
