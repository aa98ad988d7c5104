"""Values of the command line's words: the plain ones are made without pydantic, and are what pydantic would make."""

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from tests.e2e.cli.conftest import Shell
from tollway.cli.office import Office
from tollway.cli.plain_values import make_plainly
from tollway.cli.program import COMMANDS, build


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


def ran(*words: str, plainly: bool) -> object:
    """Return what a command was given for its words, or its exit status."""
    given: list[object] = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command()
    def paint(
        name: Annotated[str, typer.Argument()],
        colour: Annotated[Colour, typer.Option()] = Colour.RED,
        layers: Annotated[int, typer.Option(min=1, max=9)] = 2,
        shift: Annotated[int, typer.Option()] = 0,
        file: Annotated[Path | None, typer.Option()] = None,
        share: Annotated[float, typer.Option()] = 0.5,
        dry: bool = False,
    ) -> None:
        given.extend((name, colour, layers, shift, file, share, dry))

    command: Any = get_command(app)
    if plainly:
        make_plainly(command)
    try:
        command.main(args=list(words), prog_name="paint")
    except SystemExit as end:
        return given or end.code
    return given


@pytest.mark.parametrize(
    "words",
    [
        ("wall",),
        ("",),
        ("wall", "--colour", "dark-blue", "--layers", "9", "--file", "nowhere.txt", "--share", "0.25", "--dry"),
        ("wall", "--colour", "blue"),
        ("wall", "--colour", "DARK_BLUE"),
        ("wall", "--layers", "0"),
        ("wall", "--layers", "10"),
        ("wall", "--layers", "many"),
        ("wall", "--layers", "²"),
        ("wall", "--shift", "-3"),
        ("wall", "--shift", "+007"),
        ("wall", "--share", "much"),
        ("wall", "--file", ""),
        (),
    ],
)
def test_a_value_and_a_complaint_are_those_that_typer_makes(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = ran(*words, plainly=False), capsys.readouterr().err
    assert (ran(*words, plainly=True), capsys.readouterr().err) == expected


def test_a_file_is_a_path_whether_it_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for name in ("there", "not-there"):
        assert cast("list[object]", ran("wall", "--file", str(tmp_path / name), plainly=True))[4] == tmp_path / name


def test_each_word_of_the_table_makes_its_command_and_no_command_is_without() -> None:
    office = cast(Office, object())
    every = cast(TyperGroup, get_command(build(office))).commands
    assert sorted(every) == sorted(word for commands in COMMANDS for word in commands.words)
    for commands in COMMANDS:
        for word in commands.words:
            made = cast(TyperGroup, get_command(build(office, word=word))).commands
            assert sorted(made) == sorted(commands.words)


def test_a_command_that_is_named_almost_is_guessed(shell: Shell) -> None:
    said = shell("acount", "list")
    assert (said.status, "'account'" in said.err) == (2, True)


def test_help_imports_no_books_and_no_pydantic() -> None:
    program = "import sys, tollway.__main__ as m\nsys.argv = ['tollway', {!r}]\nm.main()\nprint(*sys.modules)"
    for word in ("--help", "--version"):
        ran = subprocess.run([sys.executable, "-c", program.format(word)], capture_output=True, text=True, check=True)
        imported = set(ran.stdout.splitlines()[-1].split())
        assert "tollway.cli.program" in imported
        assert {"sqlalchemy", "pydantic", "rich", "tollway.store.store"} & imported == set()
