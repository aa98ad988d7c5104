import ssl
from pathlib import Path

import pytest
import trustme

from tollway.errors import SetupError
from tollway.settings.secret import Secret
from tollway.store.postgres.address import Tls, is_postgres, parse_address


@pytest.fixture(autouse=True)
def no_defaults_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGUSER", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


def test_a_url_says_where_who_and_what() -> None:
    address = parse_address("postgresql://ada:s%20p%2Fa%3Ac%40e%3F@db.example:6432/books?sslmode=disable")
    assert (address.host, address.port, address.database) == ("db.example", 6432, "books")
    assert (address.user, address.password) == ("ada", Secret("s p/a:c@e?"))
    assert address.for_asyncpg() == {
        "host": "db.example",
        "port": 6432,
        "user": "ada",
        "password": "s p/a:c@e?",
        "database": "books",
        "ssl": False,
    }
    assert address.for_pg8000() == {
        "host": "db.example",
        "port": 6432,
        "user": "ada",
        "password": "s p/a:c@e?",
        "database": "books",
        "ssl_context": False,
    }


def test_a_socket_is_named_by_its_folder_as_libpq_does() -> None:
    address = parse_address("postgres://postgres:@/books?host=/run/pg")
    assert (address.host, address.user, address.password.reveal()) == ("/run/pg", "postgres", "")
    assert address.for_pg8000()["unix_sock"] == "/run/pg/.s.PGSQL.5432"
    assert address.for_asyncpg()["host"] == "/run/pg"
    assert address.tls is Tls.DISABLE


def test_options_win_over_the_rest_of_the_url() -> None:
    address = parse_address("postgresql://a:b@c:1/d?host=h&port=2&user=u&password=p&dbname=n")
    assert (address.host, address.port, address.user, address.database) == ("h", 2, "u", "n")
    assert address.password.reveal() == "p"


def test_what_is_left_out_comes_from_the_shell_as_with_psql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "eve")
    monkeypatch.setenv("PGPASSWORD", "apple")
    address = parse_address("postgresql://")
    assert (address.host, address.port, address.user, address.database) == ("localhost", 5432, "eve", "eve")
    assert address.password.reveal() == "apple"


def test_no_text_of_an_address_shows_the_password() -> None:
    address = parse_address("postgresql://ada:swordfish@db/books")
    assert "swordfish" not in repr(address) + str(address) + address.shown
    assert address.shown == "postgresql://ada@db:5432/books"


def test_a_password_with_a_slash_in_it_is_not_shown_either() -> None:
    with pytest.raises(SetupError, match="is not a URL") as refused:
        parse_address("postgresql://ada:hunter/2@db/books")
    assert "hunter" not in str(refused.value)


def test_over_the_network_tls_is_taken_where_it_is_offered() -> None:
    address = parse_address("postgresql://ada@db/books")
    assert address.tls is Tls.PREFER
    assert address.for_asyncpg()["ssl"] == "prefer"
    assert address.for_pg8000()["ssl_context"] is None


@pytest.mark.parametrize(
    ("mode", "checks_name", "verifies"),
    [("require", False, False), ("verify-ca", False, True), ("verify-full", True, True)],
)
def test_a_mode_of_tls_checks_what_its_name_says(mode: str, checks_name: bool, verifies: bool) -> None:
    address = parse_address(f"postgresql://ada@db/books?sslmode={mode}")
    for context in (address.for_asyncpg()["ssl"], address.for_pg8000()["ssl_context"]):
        assert isinstance(context, ssl.SSLContext)
        assert context.check_hostname is checks_name
        assert (context.verify_mode is ssl.CERT_REQUIRED) is verifies


def test_with_an_authority_named_require_verifies_too(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    address = parse_address(f"postgresql://ada@db/books?sslmode=require&sslrootcert={tmp_path / 'ca.pem'}")
    assert address.for_pg8000()["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    lost = parse_address(f"postgresql://ada@db/books?sslmode=require&sslrootcert={tmp_path / 'none.pem'}")
    with pytest.raises(SetupError, match="cannot be read"):
        lost.for_pg8000()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ada@db:port/books", "is not a URL"),
        ("postgresql://ada@[db/books", "is not a URL"),
        ("postgresql://ada@db/books?sslmode", "is not name=value"),
        ("postgresql://ada@db/books?pgbouncer=true", "'pgbouncer' is not known"),
        ("postgresql://ada@db/books?sslmode=maybe", "sslmode must be one of disable, prefer"),
        ("postgresql://ada@/books?port=0", "'0' is not a port"),
        ("postgresql://ada@/books?port=x", "'x' is not a port"),
        ("postgresql://ada@one,two/books", "name one host"),
        ("postgresql://ada@/books?host=one,two", "name one host"),
    ],
)
def test_a_url_that_means_nothing_is_refused_with_a_sentence(url: str, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        parse_address(url)


def test_only_its_own_schemes_are_postgres() -> None:
    assert is_postgres("postgres://x")
    assert is_postgres("postgresql://x")
    assert not is_postgres("sqlite:///x")
    assert not is_postgres("postgresql+psycopg://x")
