"""Which CPython runs the benchmark and Tollway: its version, who built it, and whether with profile-guided optimization."""

import platform
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUILDERS = {".pyenv": "pyenv", "pyenv": "pyenv", "uv": "uv", "hostedtoolcache": "a build machine's tool cache"}
"""By a folder on the way to the interpreter."""
PREFIXES = {"/usr": "the distribution", "/usr/local": "/usr/local"}
DEBIAN_PROFILED = frozenset({"x86_64", "aarch64", "armv7l", "i386", "i686", "ppc64le", "s390x"})
"""The processors for which Debian's rules, and so Ubuntu's, build with a profile."""


def facts_of_interpreter() -> str:
    """Return all of it in one line, without a path of this machine."""
    # A path of its own: in a virtual environment `sys.executable` is that of the environment.
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    profiled = profile(sysconfig.get_config_vars(), platform.machine())
    return (
        f"{platform.python_version()} ({platform.python_compiler()}, from {builder(base, sys.base_prefix)}; {profiled})"
    )


def builder(executable: Path, prefix: str) -> str:
    """Return who built an interpreter, by where it lies."""
    if (Path(prefix) / "conda-meta").is_dir():
        return "conda"
    named = (BUILDERS[part] for part in executable.parts if part in BUILDERS)
    return next(named, PREFIXES.get(prefix, "a folder of its own"))


def profile(variables: Mapping[str, Any], processor: str) -> str:
    """Return whether an interpreter was built with profile-guided optimization, and what says so.

    Debian's rules ask for it when they call make, which is written down nowhere; but they take the flags by which a
    profile is used out of what they install, and leave those by which it is made.
    """
    if "--enable-optimizations" in str(variables.get("CONFIG_ARGS")):
        return "profile-guided, as configured"
    made, used = variables.get("PGO_PROF_GEN_FLAG"), variables.get("PGO_PROF_USE_FLAG")
    if made and not used and processor in DEBIAN_PROFILED:
        return "profile-guided, as Debian's packages are"
    return "not configured as profile-guided"
