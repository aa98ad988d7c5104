"""A secret that the settings refer to (`env:NAME`, `file:PATH`) and never contain. Its value is shown by `reveal` only."""

import base64
import binascii
import os
import re
from enum import StrEnum
from pathlib import Path

ENVIRONMENT = "env:"
FILE = "file:"

SECRET_BYTES_MAX = 16_384
"""A key goes into one HTTP header, and servers bound a header at 8 to 16 KiB: a longer file is some other file."""

ENCRYPTION_KEY_BYTES = 32

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_ADVICE = 'write "env:NAME" and put the secret into that environment variable, or "file:PATH"'


class SecretUse(StrEnum):
    """What a reader of the settings wants with the secrets in them."""

    RESOLVE = "resolve"
    """To use them: one that leads nowhere is a mistake."""
    LEAVE = "leave"
    """Nothing: commands about the books work in a shell that has no provider's key."""


class SecretError(ValueError):
    """A reference leads to no secret; the message says why and never repeats what may be one."""


class Secret:
    """A secret value. Its repr is a row of stars: a repr ends up in logs."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        """Show stars."""
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)


def resolve_secret(reference: str, *, folder: Path, use: SecretUse) -> Secret:
    """Return what `reference` stands for; a relative PATH is relative to `folder`. Raises SecretError.

    With SecretUse.LEAVE the reference itself is all that is checked, and the secret is empty.
    """
    if not reference.startswith((ENVIRONMENT, FILE)):
        raise SecretError(f"a secret does not stand in this file; {_ADVICE}")
    name = reference.removeprefix(ENVIRONMENT)
    if name != reference and not _NAME.fullmatch(name):
        # The text after env: may be the secret itself, pasted: it is not repeated.
        raise SecretError(f"what follows env: is not the name of an environment variable; {_ADVICE}")
    if use is SecretUse.LEAVE:
        return Secret("")
    value = _from_environment(name) if name != reference else _from_file(folder / reference.removeprefix(FILE))
    if not _VISIBLE_ASCII.fullmatch(value):
        raise SecretError(f"{reference} holds a space, a line break or a character outside ASCII, which no key has")
    return Secret(value)


def read_document(reference: str, *, folder: Path, use: SecretUse) -> Secret:
    """Return a secret of many lines, such as a key file: a path, with or without `file:`, or `env:NAME`. Raises SecretError.

    Unlike a key of one line, the name of its file tells nothing, so the path may stand alone.
    """
    if reference.lstrip().startswith(("{", "-----")):
        raise SecretError("a secret does not stand in this file; write the path of the file that holds it")
    name = reference.removeprefix(ENVIRONMENT)
    if name != reference and not _NAME.fullmatch(name):
        raise SecretError(f"what follows env: is not the name of an environment variable; {_ADVICE}")
    if use is SecretUse.LEAVE:
        return Secret("")
    return Secret(_from_environment(name) if name != reference else _from_file(folder / reference.removeprefix(FILE)))


def encryption_key(text: str) -> bytes | None:
    """Return the 32 bytes that a text stands for, in hexadecimal or base64 of either alphabet; None for any other text."""
    if len(text) == 2 * ENCRYPTION_KEY_BYTES:
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == ENCRYPTION_KEY_BYTES else None


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise SecretError(f"the environment variable {name} is not set; set it, or remove this line")
    return value


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}; write the secret into it") from None
    if len(content) > SECRET_BYTES_MAX:
        raise SecretError(f"{path} is larger than {SECRET_BYTES_MAX} bytes, so it is not a key")
    value = content.decode("utf-8", errors="replace").strip()
    if not value:
        raise SecretError(f"{path} is empty; write the secret into it")
    return value
