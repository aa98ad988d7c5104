"""Runs what a page of docs/guide shows, block after block: shell, Python, TypeScript, settings, and what each prints.

A page is read from its top. `sh` blocks run in bash, `python` blocks share the names that they define, `typescript` blocks run
as Node runs them, `toml` blocks must be settings without a mistake. A `text` or `json` block says what the block before it
prints: `…` stands for anything, white space for nothing. A block of any other language is a mistake: nobody would have run it.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tidy.tree import FENCE
from tollway.settings import SecretUse
from tollway.settings.load import load_settings

PRINTED = "http://127.0.0.1:8080"
"""Where the pages say that the gateway is."""

SET_UP = ("make ", "pip ", "npm ", "cd ")
"""Beginnings of lines that set up what the tests have: the build machine runs the first, the lock files say the others."""

COMMAND_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    line: int
    """Where it stands, from 1."""


@dataclass
class Page:
    """A page that is being run."""

    path: Path
    url: str
    """Of the gateway."""
    environment: Mapping[str, str]
    run_typescript: Callable[[str], str]
    """Runs a program and returns what it printed, or skips the test."""
    folder: Path
    """A scratch folder."""
    printed: str | None = None
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def run(self) -> None:
        """Run every block; fail at the first that does something else than the page says."""
        for block in blocks(self.path.read_text()):
            where = f"{self.path.name}:{block.line} ({block.language or 'no language'})"
            run = RUNS.get(block.language)
            assert run is not None, f"{where}: a block of this language is run by nobody"
            try:
                run(self, block)
            except Exception as error:
                raise AssertionError(f"{where}: {type(error).__name__}: {error}\n{block.text}") from error

    def local(self, text: str) -> str:
        """Return a block's text with the gateway that runs in the place of the one that the page names."""
        return text.replace(PRINTED, self.url)


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for fence in FENCE.finditer(markdown):
        line = markdown.count("\n", 0, fence.start()) + 1
        yield Block(language=fence["language"], text=fence["text"], line=line)


def run_shell(page: Page, block: Block) -> None:
    """Run a block in bash, which stops at the first command that fails."""
    lines = [line for line in page.local(block.text).splitlines() if not line.startswith(SET_UP)]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=page.folder,
        env={**page.environment, **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    page.printed = done.stdout


def run_python(page: Page, block: Block) -> None:
    """Run a block with the names of the blocks before it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.chdir(page.folder):
        exec(compile(page.local(block.text), f"{page.path.name}:{block.line}", "exec"), page.names)
    page.printed = said.getvalue()


def run_typescript(page: Page, block: Block) -> None:
    """Run a block as a program of its own."""
    page.printed = page.run_typescript(page.local(block.text))


def read_settings(page: Page, block: Block) -> None:
    """Read a block as a settings file."""
    file = page.folder / "tollway.toml"
    file.write_text(block.text)
    load_settings(file, secrets=SecretUse.LEAVE)


def compare_text(page: Page, block: Block) -> None:
    """Compare what the block before printed with what the page says."""
    assert page.printed is not None, "nothing stands before it that prints"
    said, shown = "".join(page.printed.split()), "".join(block.text.split())
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    assert re.fullmatch(pattern, said, re.DOTALL), f"printed is\n{page.printed}"


def compare_json(page: Page, block: Block) -> None:
    """Compare JSON in the same way; a block that follows nothing must be JSON itself."""
    if page.printed is None:
        json.loads(block.text)
    else:
        compare_text(page, block)


RUNS: Mapping[str, Callable[[Page, Block], None]] = {
    "sh": run_shell,
    "bash": run_shell,
    "python": run_python,
    "typescript": run_typescript,
    "toml": read_settings,
    "text": compare_text,
    "json": compare_json,
}
