"""What the tidy tests look at: the files of the repository, and the modules of the package as syntax trees."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "tollway"

FOLDERS = (".ci", "bench", "docs", "requirements", "src", "tests", "typings")

FENCE = re.compile(
    r"^ *(?P<mark>```+|~~~+) *(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *(?P=mark) *$", re.MULTILINE | re.DOTALL
)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, at any depth."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    @property
    def classes(self) -> Iterator[ast.ClassDef]:
        """Every class, at any depth."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


@cache
def modules() -> tuple[Module, ...]:
    """Return the modules of the package, by name."""
    found: list[Module] = []
    for path in sorted(SRC.rglob("*.py")):
        text = path.read_text()
        name = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
        found.append(Module(name=name, path=path, text=text, tree=ast.parse(text)))
    return tuple(found)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that are, or would be, committed; of an unpacked archive, those that its makers wrote."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        written = (*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")))
        paths = [path for path in written if "__pycache__" not in path.parts]
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def texts() -> dict[str, str]:
    """Return the text of every committed file that is one, by its path from the root."""
    found: dict[str, str] = {}
    for path in tracked():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text()
        except UnicodeDecodeError:
            continue
    return found


@cache
def documents() -> dict[str, str]:
    """Return the Markdown files."""
    return {name: text for name, text in texts().items() if name.endswith(".md")}


def fences(markdown: str, language: str) -> Iterator[str]:
    """Yield the fenced blocks of a language."""
    return (fence["text"] for fence in FENCE.finditer(markdown) if fence["language"] == language)


def code_lines(markdown: str) -> Iterator[str]:
    """Yield what a Markdown text shows as code: each line of a fenced block, and each span."""
    for fence in FENCE.finditer(markdown):
        for line in fence["text"].splitlines():
            yield line.strip().removeprefix("$ ")
    for span in SPAN.finditer(FENCE.sub("", markdown)):
        yield span.group(1).strip()
