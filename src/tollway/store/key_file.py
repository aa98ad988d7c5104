"""The encryption key of a deployment whose settings name none: a file beside the embedded store. Knows no cipher."""

import base64
import contextlib
import os
import secrets
from pathlib import Path

from tollway.errors import CommandRefused
from tollway.settings.secret import ENCRYPTION_KEY_BYTES, encryption_key

FILE_NAME = "encryption.key"


class KeyFile:
    """Satisfies billing's KeySource."""

    def __init__(self, store: Path) -> None:
        """Take the file of the store; the key lies in the same folder."""
        self._path = store.with_name(FILE_NAME)

    def find(self) -> bytes | None:
        """Return the key; None when there is no file yet. Raises CommandRefused for a file that cannot be read or holds none."""
        try:
            text = self._path.read_bytes().decode("latin-1")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandRefused(f"the encryption key {self._path} cannot be read: {error.strerror}") from None
        key = encryption_key(text.strip())
        if key is None:
            raise CommandRefused(f"{self._path} does not hold an encryption key: give back the one that was there")
        return key

    def make(self) -> bytes:
        """Return the key, made now where there is none: once, whoever else makes one at the same time.

        Raises CommandRefused where the file cannot be read or written.
        """
        found = self.find()
        if found is not None:
            return found
        try:
            self._write()
        except OSError as error:
            raise CommandRefused(f"the encryption key {self._path} cannot be written: {error.strerror}") from None
        found = self.find()
        assert found is not None, "it was just written"
        return found

    def _write(self) -> None:
        draft = self._path.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(ENCRYPTION_KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker, and its key counts
                os.link(draft, self._path)
        finally:
            draft.unlink()
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # before anything is sealed with it: a key lost in a power cut is a secret lost
        finally:
            os.close(folder)
