"""The official clients and what they are asked to do: runs each in a program of its own, many jobs at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.dialects.gateway import DIALECTS

PROGRAMS = Path(__file__).with_name("programs")
ROOT = Path(__file__).parents[3]

ANSWERED = ("text", "tools", "parallel", "history", "image", "reasoning", "schema")
REFUSED = ("e400", "e401", "e429", "e500")
BROKEN = ("broken", "cut", "short", "early")
"""These only differ from a refusal where a stream has begun."""


@dataclass(frozen=True)
class Client:
    """One official client as it is used in one dialect."""

    name: str
    program: str
    kind: str
    version: str
    """What its version begins with."""
    package: str | None = None
    """The folder of packages in which an older one of it lies."""
    cases: tuple[str, ...] = ANSWERED


NO_TOOLS = ("text", "image", "reasoning", "schema")

CLIENTS = (
    Client("openai", "openai_program", "chat", "3."),
    Client("openai-1", "openai_program", "chat", "1.", "openai-1"),
    Client("openai-completions", "openai_program", "completions", "3.", cases=("text",)),
    Client("openai-1-completions", "openai_program", "completions", "1.", "openai-1", cases=("text",)),
    Client("openai-responses", "openai_program", "responses", "3."),
    Client("openai-1-responses", "openai_program", "responses", "1.", "openai-1"),
    Client("anthropic", "anthropic_program", "messages", "2."),
    Client("anthropic-0", "anthropic_program", "messages", "0.", "anthropic-0"),
    Client("google-genai", "gemini_program", "gemini", "3."),
    Client("ollama", "ollama_program", "ollama_chat", "0."),
    Client("ollama-generate", "ollama_program", "ollama_generate", "0.", cases=NO_TOOLS),
    Client("mistralai", "mistral_program", "mistral", "3."),
)


@dataclass(frozen=True)
class Cell:
    """One square of the matrix."""

    client: Client
    provider: str
    case: str
    streamed: bool

    @property
    def mark(self) -> str:
        way = "streamed" if self.streamed else "whole"
        return f"{self.client.name}-{self.provider}-{self.case}-{way}"

    @property
    def job(self) -> dict[str, Any]:
        """What the program is told."""
        return {  # a provider that completes one text takes no system prompt beside it
            "mark": self.mark,
            "kind": self.client.kind,
            "model": f"{self.provider}/m-{self.case}",
            "case": self.case,
            "stream": self.streamed,
            "system": self.provider != "completions",
        }


def cells(cases: Iterable[str], *, streams_only: bool = False) -> list[Cell]:
    """Return the squares of some cases, of every client that can ask them."""
    return [
        Cell(client, provider, case, streamed)
        for client in CLIENTS
        for provider in DIALECTS
        for case in cases
        for streamed in ((True,) if streams_only else (False, True))
        if (case in client.cases or case not in ANSWERED) and readable(client, provider, case, streamed=streamed)
    ]


def readable(client: Client, provider: str, case: str, *, streamed: bool) -> bool:
    """Tell whether a client can read an answer at all: Mistral's own takes a streamed call only in one piece, as Mistral sends it."""
    in_pieces = client.kind == "mistral" and provider != "mistral" and streamed and case in {"tools", "parallel"}
    return not in_pieces or provider in {"completions", "generate"}


def run(client: Client, jobs: list[dict[str, Any]], *, url: str, key: str) -> Mapping[str, Any]:
    """Run jobs with one client; return what came of each, by its mark."""
    package = [str(Path(sys.prefix, "compat", client.package))] if client.package else []
    env = os.environ | {
        "TOLLWAY_URL": url,
        "TOLLWAY_KEY": key,
        "PYTHONPATH": os.pathsep.join([*package, str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / f"{client.program}.py")],
        input=json.dumps(jobs),
        env=env,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["version"].startswith(client.version), said["version"]
    return said["results"]
