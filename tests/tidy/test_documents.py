"""The documents against the program: what they name exists, and what exists is in them."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tests.tidy.tree import ROOT, code_lines, documents, fences
from tollway.cli.office import Office
from tollway.cli.program import build
from tollway.errors import CODES
from tollway.settings import Settings
from tollway.settings.tables import RecordType, kinds_of

Command = TyperGroup | TyperCommand

MAKE = re.compile(r"make ([a-z][a-z-]*)")
TOLLWAY = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?tollway(?= |$)(.*)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")

each_document = pytest.mark.parametrize("name", documents())
each_code = pytest.mark.parametrize("code", CODES)


def page(name: str) -> str:
    """Return one document, saying plainly when it is missing."""
    text = documents().get(name)
    assert text is not None, f"{name} is missing"
    return text


@each_document
def test_every_make_target_that_is_named_exists(name: str) -> None:
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {match[1] for line in code_lines(documents()[name]) if (match := MAKE.match(line))}
    assert named <= known


def test_every_make_target_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"^[a-z][a-z-]*:(?!.* ## ).*", makefile, re.MULTILINE) == []


@each_document
def test_every_command_that_is_named_exists_with_its_options(name: str) -> None:
    wrong = [
        (line, complaint)
        for line in code_lines(documents()[name])
        if (match := TOLLWAY.match(line)) and (complaint := misuse(match[1].partition(" #")[0]))
    ]
    assert wrong == []


@cache
def program() -> Command:
    """Return the command line as a tree; its commands are only looked at, so nobody needs to be in the office."""
    return cast(Command, get_command(build(cast(Office, object()))))


def misuse(said: str) -> str | None:
    """Return what is wrong with the words after `tollway`, or None."""
    words = shlex.split(re.split(r"[|;&>]", said)[0])
    command = program()
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        word = words.pop(0)
        if word in {"…", "..."} or not word.islower():
            return None
        if word not in command.commands:
            return f"no command {word!r}"
        command = cast(Command, command.commands[word])
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - options - {"--help"}
    return f"no option {sorted(unknown)}" if unknown else None


def test_every_command_is_in_the_documents() -> None:
    text = "\n".join(line for document in documents().values() for line in code_lines(document))
    missing = [command for command in leaves(program(), "tollway") if not re.search(rf"{command}\b", text)]
    assert missing == []


def leaves(command: Command, path: str) -> Iterator[str]:
    """Yield the words of every command that does something."""
    if not isinstance(command, TyperGroup):
        yield path
        return
    for name, inner in command.commands.items():
        yield from leaves(cast(Command, inner), f"{path} {name}")


@each_code
def test_every_error_code_is_explained_with_its_status(code: str) -> None:
    lines = [line for line in page("docs/errors.md").splitlines() if f"`{code}`" in line]
    assert lines, f"docs/errors.md does not name {code}"
    assert any(re.search(rf"\b{CODES[code].status}\b", line) for line in lines), f"{code} stands without its status"


def tables(record: RecordType) -> dict[str, RecordType]:
    """Return the tables of the settings file."""
    return {name: kind.record for name, kind in kinds_of(record).items() if kind.record is not None}


def keys(record: RecordType) -> Iterator[str]:
    """Yield the keys of a table and of those within it."""
    for name, kind in kinds_of(record).items():
        yield name
        if kind.record is not None:
            yield from keys(kind.record)


@pytest.mark.parametrize("table", tables(Settings))
def test_every_setting_is_explained(table: str) -> None:
    sections = re.split(r"^## ", page("docs/settings.md"), flags=re.MULTILINE)
    heading = re.compile(rf"\[{table}\]")
    section = next((section for section in sections if heading.search(section.splitlines()[0])), None)
    assert section is not None, f"docs/settings.md has no heading with [{table}]"
    assert [key for key in keys(tables(Settings)[table]) if not re.search(rf"`{key}\b[^`]*`", section)] == []


@each_document
def test_settings_that_are_shown_exist(name: str) -> None:
    for block in fences(documents()[name], "toml"):
        assert unknown_settings(tomllib.loads(block), Settings) == [], f"{name}: {block}"


def unknown_settings(shown: Mapping[str, Any], record: RecordType) -> list[str]:
    """Return the keys of a table that the settings do not have."""
    kinds = kinds_of(record)
    unknown = [key for key in shown if key not in kinds]
    for key, value in shown.items():
        inner = kinds[key].record if key in kinds else None
        if inner is not None:
            for each in value if isinstance(value, list) else [value]:
                unknown += [f"{key}.{name}" for name in unknown_settings(each, inner)]
    return unknown


@each_document
def test_python_that_is_shown_is_python(name: str) -> None:
    for block in fences(documents()[name], "python"):
        ast.parse(block)


@each_document
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    assert [link for link in LINK.findall(documents()[name]) if not (folder / link).exists()] == []
