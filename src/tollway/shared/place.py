"""Where the file of a host's counters lies: beside an embedded store, else in a folder for what only lives while the machine runs."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tollway.errors import SetupError
from tollway.settings.load import SQLITE

LAYOUT = 1
"""Moves with every change of the file's layout: two versions of Tollway may serve at a time."""


def counters_path(store_url: str, *, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the file that all workers of a store on this host count in; its folder is there.

    Raises SetupError when the folder is not ours alone.
    """
    if store_url.startswith(SQLITE):
        store = Path(store_url.removeprefix(SQLITE))
        return store.with_name(f"{store.name}.rates{LAYOUT}")
    folder = Path(environment.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"tollway-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        why = f"{folder} cannot be made, in which workers count requests: {error.strerror}"
        raise SetupError((f"{why}; set XDG_RUNTIME_DIR to a folder that can be written to",)) from error
    # Names in such a place can be foreseen: somebody else may have made the folder first, to look on or to lead astray.
    if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SetupError((f"{folder} must be a folder that nobody else may enter, for workers count requests in it",))
    return folder / f"{_name_of(store_url)}.rates{LAYOUT}"


def _name_of(store_url: str) -> str:
    """Return a name that is the same for every URL of a database that differs only in its password."""
    parts = urlsplit(store_url)
    options = sorted(pair for pair in parse_qsl(parts.query) if pair[0] != "password")
    said = repr((parts.hostname, parts.port, parts.username, parts.path, options))
    return hashlib.sha256(said.encode()).hexdigest()[:16]
