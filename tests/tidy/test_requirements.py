"""The pinned requirements: complete, with hashes, without addresses, and under licences that let anyone run Tollway."""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][\w.!+-]*)(?: ; [^\\]+)?(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)

ALLOWED = re.compile(
    r"MIT(?:-0| License)?|ISC(?: License)?(?: \(ISCL\))?|PSF-2\.0|Apache(?: Software License|[- ]2\.0)"
    r"|BSD(?:-[23]-Clause| [23]-Clause License| License)?|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)"
)
"""The words in which packages say MIT, BSD, Apache-2.0, ISC, PSF and MPL-2.0."""

WITHOUT_METADATA: dict[str, str] = {}
"""Packages whose metadata name no licence, and where it was read instead."""


def pins(lock: Path) -> dict[str, str]:
    """Return the versions that a lock file pins."""
    return {match["name"]: match["version"] for match in PIN.finditer(lock.read_text())}


def wanted(path: Path) -> list[str]:
    """Return the direct dependencies that an input file names."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def test_every_input_has_a_lock() -> None:
    assert [lock.stem for lock in LOCKS] == sorted(path.stem for path in FOLDER.glob("*.in"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_names_versions_and_hashes_and_nothing_else(lock: Path) -> None:
    assert PIN.sub("", lock.read_text()) == ""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_what_its_input_names(lock: Path) -> None:
    names = {re.split(r"[<>=!~;\[ ]", line)[0] for line in wanted(lock.with_suffix(".in"))}
    assert names <= pins(lock).keys()


def test_what_runs_is_tested_in_the_same_version() -> None:
    runtime, dev = pins(FOLDER / "runtime.txt"), pins(FOLDER / "dev.txt")
    assert runtime == {name: dev[name] for name in runtime}


def test_the_package_names_the_same_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == wanted(FOLDER / "runtime.in")


def test_what_runs_is_under_a_licence_that_lets_anyone_run_it() -> None:
    unclear: list[str] = []
    for name in (*pins(FOLDER / "runtime.txt"), *pins(FOLDER / "local-model.txt")):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        if name not in WITHOUT_METADATA and not permissive(found):
            unclear.append(name)
    assert unclear == []


def permissive(found: Distribution) -> bool:
    """Tell whether a package says, in one of the places for it, a licence that is allowed."""
    metadata = found.metadata
    for expression in metadata.get_all("License-Expression") or []:
        return all(
            any(ALLOWED.fullmatch(choice.strip(" ()")) for choice in part.split(" OR "))
            for part in expression.split(" AND ")
        )
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    return any(ALLOWED.fullmatch(said) for said in [*classifiers, *(metadata.get_all("License") or [])])
