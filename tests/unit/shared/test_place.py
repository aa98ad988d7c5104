"""Where the file of the counters lies."""

from pathlib import Path

import pytest

from tollway.errors import SetupError
from tollway.shared.place import counters_path


def test_it_lies_beside_an_embedded_store() -> None:
    assert counters_path("sqlite:////var/lib/tollway/tollway.db") == Path("/var/lib/tollway/tollway.db.rates1")


def test_it_is_one_for_each_database_whatever_the_password(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    urls = (
        "postgresql://me:one@db.test/books",
        "postgresql://me:two@db.test/books",
        "postgresql://me@db.test/books?password=three",
        "postgresql://me:one@db.test:5433/books",
        "postgresql://me:one@db.test/others",
        "postgresql://me:one@/books?host=/run/postgresql",
    )
    paths = [counters_path(url, environment=environment) for url in urls]
    assert paths[0] == paths[1] == paths[2]
    assert len(set(paths)) == 4
    assert all(path.parent.parent == tmp_path for path in paths)
    assert paths[0].parent.stat().st_mode & 0o077 == 0


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    folder = counters_path("postgresql://db.test/books", environment=environment).parent
    folder.chmod(0o755)
    with pytest.raises(SetupError, match="nobody else may enter"):
        counters_path("postgresql://db.test/books", environment=environment)


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    folder = counters_path("postgresql://db.test/books", environment=environment).parent
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match="nobody else may enter"):
        counters_path("postgresql://db.test/books", environment=environment)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be made"):
        counters_path("postgresql://db.test/books", environment={"XDG_RUNTIME_DIR": str(tmp_path / "no" / "where")})
