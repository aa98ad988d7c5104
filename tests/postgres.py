"""A real PostgreSQL for the tests, from the binaries of pgserver's wheel, in a folder that is gone with it.

Only the wheel's binaries are used, not its launcher: as root that makes a user in the system and opens every folder
above its own to everybody.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from pg8000.native import Connection

START_S = 60.0
STARTED = "database system is ready to accept connections"
UNPRIVILEGED = "nobody"
"""Whom the server runs as when we are root: PostgreSQL refuses to."""
SECRETIVE = "secretive"
"""A role that is asked for its password; the others are not."""
PASSWORD = "s p/a:c@e?"

WITH_ITS_STARTER = '"$@" >"$LOG" 2>&1 & read -r _; kill -QUIT $!; wait'
"""A shell that ends the server when its own input ends: however this process goes, the server goes too."""


def install() -> Path | None:
    """Return the folder of PostgreSQL's installation; None where the wheel does not exist."""
    spec = find_spec("pgserver")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    folders = [Path(place, "pginstall") for place in places]
    return next((folder for folder in folders if (folder / "bin" / "postgres").exists()), None)


class Server:
    """One server with as many databases as there are tests."""

    def __init__(self, installed: Path, *, durable: bool = False, options: tuple[str, ...] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tollway-pg-"))
        self._data = self._folder / "data"
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._bin = self._reachable(installed) / "bin"
        self._run(
            "initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "postgres", "-D", self._data
        )
        hba = self._data / "pg_hba.conf"
        hba.write_text(f"local all {SECRETIVE} scram-sha-256\n{hba.read_text()}")
        careless = () if durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
        self._words = ("-D", self._data, "-k", self._folder, "-h", "", *careless, "-c", "max_connections=300", *options)
        self._shell = self._start()
        self.run(f"CREATE ROLE {SECRETIVE} LOGIN CREATEDB PASSWORD '{PASSWORD}'")

    def _reachable(self, installed: Path) -> Path:
        """Return the installation, copied when the server's user may not enter the folder that it is in."""
        with suppress(PermissionError):
            subprocess.run(
                [installed / "bin" / "postgres", "--version"], user=self._user, check=True, capture_output=True
            )
            return installed
        # The programs find their libraries by the way from one to the other.
        wheel, libraries = self._folder / "wheel" / "pgserver", installed.parents[1] / "pgserver.libs"
        shutil.copytree(
            installed, wheel / installed.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
        )
        if libraries.exists():
            shutil.copytree(libraries, wheel.with_name(libraries.name))
        return wheel / installed.name

    def _run(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [self._bin / program, *words],
            check=False,
            user=self._user,
            capture_output=True,
            text=True,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stderr

    def _start(self) -> subprocess.Popen[bytes]:
        log = self._folder / "log"
        log.unlink(missing_ok=True)
        shell = subprocess.Popen(
            ["/bin/sh", "-c", WITH_ITS_STARTER, "sh", self._bin / "postgres", *self._words],
            stdin=subprocess.PIPE,
            env={**os.environ, "LOG": str(log)},
            user=self._user,
            cwd=self._folder,
        )
        give_up_at = time.monotonic() + START_S
        while not log.exists() or STARTED not in log.read_text():
            assert shell.poll() is None, log.read_text()
            assert time.monotonic() < give_up_at, log.read_text()
            time.sleep(0.02)
        return shell

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, by way of a socket in the file system."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def run(self, sql: str, database: str = "postgres") -> list[list[object]]:
        """Run one statement in a transaction of its own; return its rows."""
        connection = Connection(
            "postgres", unix_sock=str(self._folder / ".s.PGSQL.5432"), database=database, timeout=30
        )
        try:
            return connection.run(sql) or []
        finally:
            connection.close()

    def create(self, *, template: str = "template1") -> str:
        """Make a database like `template`; return its name."""
        name = f"t{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def empty_url(self) -> str:
        """Return the URL of a new database without any table; it stays until the server ends."""
        return self.url(self.create())

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.run(f"DROP DATABASE {database} WITH (FORCE)")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop every process of the server: its sockets stay open and nothing answers."""
        processes = self.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def processes(self) -> list[int]:
        """Return the ids of the server's processes, its first before all others."""
        first = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        return [first, *children(first)]

    def restart(self) -> None:
        """End the server at once, as a crash does, and start it again on what it kept."""
        self._end()
        self._shell = self._start()

    def stop(self) -> None:
        """End the server at once, and remove all that it kept."""
        try:
            self._end()
        finally:
            shutil.rmtree(self._folder)

    def _end(self) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(30)


def children(parent: int) -> list[int]:
    """Return the processes that another one started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in listed.splitlines())
    return [process for process, its_parent in pairs if its_parent == parent]


def reason_for_none() -> str:
    """Return the sentence of a test that is skipped."""
    return f"pgserver has no wheel with PostgreSQL for {sys.platform} and Python {sys.version_info[0]}.{sys.version_info[1]}"
