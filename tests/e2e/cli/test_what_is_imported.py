"""What a command imports before it does anything: each module costs every command, so those that serve stay out."""

import subprocess
import sys
from pathlib import Path

from tollway.store.migrate import migrate

PROGRAM = """
import sys
from tollway.__main__ import main

sys.argv = ["tollway", "account", "list", "--json"]
status = main()
print(*sys.modules, sep="\\n")
sys.exit(status)
"""

OF_SERVING = (
    "tollway.app",
    "tollway.serving",
    "tollway.dialects.known",
    "tollway.http",
    "tollway.relay",
    "tollway.store.ledger_writer",
    "tollway.upstream",
    "cryptography",
    "fastapi",
    "httptools",
    "pydantic",
    "rich",
    "sqlalchemy.dialects.postgresql",
    "stripe",
    "uvicorn",
    "uvloop",
)


def test_a_command_about_the_books_imports_nothing_that_serves(config: Path, tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/books/tollway.db")
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=config.parent, check=True)
    document, *modules = ran.stdout.splitlines()
    assert document == "[]"
    assert {"tollway.office", "tollway.store.store"} <= set(modules)
    assert [name for name in OF_SERVING if any(f"{module}.".startswith(f"{name}.") for module in modules)] == []
