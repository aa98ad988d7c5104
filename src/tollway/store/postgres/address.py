"""Where a PostgreSQL database is: what a URL says, and what each of the two drivers wants to be told. Opens nothing."""

import getpass
import os
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from tollway.errors import SetupError
from tollway.settings.secret import Secret

SCHEMES = ("postgresql", "postgres")
EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
PORT = 5432
OPTIONS = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert")
"""What may stand behind the question mark, by libpq's names; any other is refused, for it would do nothing."""

PLAIN = Secret("")


class Tls(StrEnum):
    """How far the connection is secured, in libpq's words."""

    DISABLE = "disable"
    PREFER = "prefer"
    """Where the server can; it is not asked who it is."""
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One database and who asks for it."""

    host: str
    """A name, an address, or, with a slash first, the folder of the server's socket."""
    port: int
    user: str
    password: Secret
    """Empty where the server asks for none."""
    database: str
    tls: Tls
    ca_file: str | None
    """Whose certificates `verify-…` trusts; None for the system's."""

    @property
    def shown(self) -> str:
        """How messages name the database: without the password."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def for_asyncpg(self) -> dict[str, Any]:
        """Return the arguments of asyncpg.connect."""
        tls: Any = "prefer" if self.tls is Tls.PREFER else self._context() or False
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password.reveal(),
            "database": self.database,
            "ssl": tls,
        }

    def for_pg8000(self) -> dict[str, Any]:
        """Return the arguments of pg8000.connect."""
        place: dict[str, Any] = {"host": self.host, "port": self.port}
        if self.host.startswith("/"):
            place = {"unix_sock": str(Path(self.host, f".s.PGSQL.{self.port}"))}
        tls: Any = None if self.tls is Tls.PREFER else self._context() or False
        return {
            **place,
            "user": self.user,
            "password": self.password.reveal(),
            "database": self.database,
            "ssl_context": tls,
        }

    def _context(self) -> ssl.SSLContext | None:
        """Return the context of a connection that must be secured; None for one that is not. Raises SetupError."""
        if self.tls is Tls.DISABLE:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise _wrong(f"the certificates of sslrootcert={self.ca_file} cannot be read: {error}") from None
        context.check_hostname = self.tls is Tls.VERIFY_FULL
        if self.tls is Tls.REQUIRE and self.ca_file is None:
            context.verify_mode = ssl.CERT_NONE
        return context


def is_postgres(url: str) -> bool:
    """Tell whether a URL means PostgreSQL."""
    return url.partition(":")[0] in SCHEMES


def parse_address(url: str) -> Address:
    """Return the address that a URL of libpq's kind names; raises SetupError, whose message never shows the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What exactly is wrong with it may be a piece of the password.
        raise _wrong(
            f"is not a URL such as {EXAMPLE}; in a password, write /, @, :, ? and # as %2F, %40, %3A …"
        ) from None
    options = _options(parts)
    host = options.get("host") or unquote(parts.hostname or "") or "localhost"
    user = options.get("user") or unquote(parts.username or "") or os.environ.get("PGUSER") or getpass.getuser()
    password = options.get("password") or unquote(parts.password or "") or os.environ.get("PGPASSWORD", "")
    database = options.get("dbname") or unquote(parts.path.removeprefix("/")) or user
    port = _port(options["port"]) if "port" in options else port or PORT
    return Address(
        host=host,
        port=port,
        user=user,
        password=Secret(password) if password else PLAIN,
        database=database,
        tls=_tls(options.get("sslmode"), host),
        ca_file=options.get("sslrootcert"),
    )


def _options(parts: SplitResult) -> dict[str, str]:
    try:
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise _wrong(f"what stands behind its ? is not name=value: write {EXAMPLE}") from None
    for name in options:
        if name not in OPTIONS:
            raise _wrong(f"the option {name!r} is not known; known here: {', '.join(OPTIONS)}")
    if "," in (options.get("host") or parts.netloc.rpartition("@")[2]):
        raise _wrong("name one host: which of several is the right one is for a proxy or a DNS name to say")
    return options


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise _wrong(f"{text!r} is not a port")
    return int(text)


def _tls(mode: str | None, host: str) -> Tls:
    if mode is None:
        return Tls.DISABLE if host.startswith("/") else Tls.PREFER
    try:
        return Tls(mode)
    except ValueError:
        raise _wrong(f"sslmode must be one of {', '.join(Tls)}, not {mode!r}") from None


def _wrong(what: str) -> SetupError:
    return SetupError((f"[store] url: {what}",))
