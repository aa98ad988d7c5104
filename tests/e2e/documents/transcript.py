"""Runs what a document shows: the commands of its `console` blocks, in order, each against what it says they print.

A block holds commands after `$ ` (continued after `> `) and below each what it prints. In that, `…` stands for anything,
white space for nothing, and `$NAME` for a word that is kept under this name and must be the same wherever it stands
again. Commands of `tollway` run in this process, all others in a shell with the functions of the document's `sh` blocks.
A command after `: `, which a shell ignores, says what people elsewhere do; the test does it.
What only looks is asked again for a while when it does not say the right thing at once: readers are slow, too.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Template

from tests.tidy.tree import FENCE
from tollway.cli.program import run
from tollway.office import Office

PROMPT, MORE = "$ ", "> "
SHELL_WORDS = re.compile(r"[|;&<>()`]|^\w+=")
NAME = re.compile(r"\\?\$([A-Z][A-Z_]*)")
WORD = r"[\w.:-]+"
COMMAND_S = 60.0
LOOKS = (
    "tollway balance",
    "tollway requests",
    "tollway usage",
    "tollway statement",
    "tollway ledger",
    "tollway package",
)
LOOK_S = 20.0
SERVE = "tollway serve &"
DEED = ": "


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command, and what the document says that it prints."""

    command: str
    printed: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """What stands below one heading of the second level."""

    heading: str
    steps: tuple[Step, ...]


def sections(markdown: str) -> Iterator[Section]:
    """Yield the sections of a document that show commands."""
    for text in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
        blocks = (fence["text"] for fence in FENCE.finditer(text) if fence["language"] == "console")
        steps = tuple(step for block in blocks for step in steps_of(block))
        if steps:
            yield Section(heading=text.partition("\n")[0].strip(), steps=steps)


def steps_of(block: str) -> Iterator[Step]:
    """Yield the commands of one block."""
    command, printed = "", ""
    for line in block.splitlines():
        if line.startswith(PROMPT):
            if command:
                yield Step(command=command, printed=printed)
            command, printed = line.removeprefix(PROMPT), ""
        elif line.startswith(MORE) and not printed:
            command += "\n" + line.removeprefix(MORE)
        else:
            printed += line + "\n"
    if command:
        yield Step(command=command, printed=printed)


@dataclass
class Transcript:
    """Runs steps, and remembers the names that were given."""

    functions: str
    """Shell functions that the document defines."""
    serve: Callable[[], dict[str, str]]
    """What `tollway serve &` does: starts the gateway again, and returns names for it."""
    names: dict[str, str] = field(default_factory=dict[str, str])
    deeds: Mapping[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])
    """What people elsewhere do, by the words after `: `."""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def play(self, step: Step) -> None:
        """Run a command; fail when it prints something else than the document says."""
        give_up_at = time.monotonic() + (LOOK_S if step.command.startswith(LOOKS) else 0)
        while True:
            status, said = self._run(step.command)
            assert status == 0 or step.printed, f"$ {step.command}\nexit {status}\n{said}"
            found = re.fullmatch(self._pattern(step.printed), "".join(said.split()), re.DOTALL)
            if found or not step.printed:
                break
            assert time.monotonic() < give_up_at, f"$ {step.command}\nprints\n{said}\nand not\n{step.printed}"
            time.sleep(0.05)
        if found:
            self.names |= found.groupdict()

    def _run(self, command: str) -> tuple[int, str]:
        if command.startswith(DEED):
            self.deeds[command.removeprefix(DEED)]()
            return 0, ""
        if command == SERVE:
            self.names |= self.serve()
            return 0, ""
        if command.startswith("tollway ") and not SHELL_WORDS.search(command):
            return in_this_process(shlex.split(Template(command).substitute(self.names))[1:])
        script = ["bash", "-c", f"{self.functions}\n{command.removesuffix('&')}"]
        environment = {**os.environ, **self.names}
        if command.endswith("&"):
            null = subprocess.DEVNULL
            self.running.append(subprocess.Popen(script, env=environment, stdin=null, stdout=null, stderr=null))
            return 0, ""
        done = subprocess.run(
            script,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        return done.returncode, done.stdout

    def close(self) -> None:
        """Wait for what still runs behind `&`."""
        for process in self.running:
            process.wait(COMMAND_S)

    def _pattern(self, printed: str) -> str:
        known: set[str] = set()

        def word(match: re.Match[str]) -> str:
            name = match[1]
            if name in self.names:
                return re.escape(self.names[name])
            if name in known:
                return f"(?P={name})"
            known.add(name)
            return f"(?P<{name}>{WORD})"

        text = re.escape("".join(printed.split())).replace("…", ".*?")
        return NAME.sub(word, text)


def in_this_process(words: list[str]) -> tuple[int, str]:
    """Run `tollway` without its start-up; return the exit status and all that it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = run(words, Office())
    return status, out.getvalue()
