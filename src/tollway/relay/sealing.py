"""Encryption of kept answers under what the client sends with every try, and Tollway does not store. No I/O.

The idempotency key and the request together make the secret: whoever reads the store has neither, and the client that
asks again has both. Imported at the first request that needs it: the library costs 30 ms and 8 MB.
"""

import secrets
import struct
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
DIGEST_BYTES = 32
AES_KEY_BYTES = 32

PURPOSE = b"tollway kept answer 1"

_OWNER = struct.Struct(">qq")
_LENGTHS = struct.Struct(">qq")
_BOUND_TO = struct.Struct(">q")


class Seal:
    """The names of one request under its idempotency key, and the key of its answer."""

    __slots__ = ("_cipher", "key_digest", "request_digest")

    def __init__(self, *, owner: tuple[int, int], key: str, target: bytes, body: bytes) -> None:
        """Take whose key it is (two ids), its text, and the request: method and path, and body."""
        name = key.encode("utf-8")
        self.key_digest = sha256(_OWNER.pack(*owner) + name).digest()
        said = sha256(_LENGTHS.pack(len(name), len(target)) + name + target)
        said.update(body)
        derive = HKDF(algorithm=SHA256(), length=DIGEST_BYTES + AES_KEY_BYTES, salt=self.key_digest, info=PURPOSE)
        derived = derive.derive(said.digest())
        # Of the same derivation and not of the request alone: a guess at the request cannot be tried without the key.
        self.request_digest = derived[:DIGEST_BYTES]
        self._cipher = AESGCM(derived[DIGEST_BYTES:])

    def close(self, head: bytes, packed: bytes, *, exchange_id: int) -> bytes:
        """Return head and body of an answer, encrypted, and bound to the exchange that gave it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = b"%b%b%b" % (len(head).to_bytes(4, "big"), head, packed)
        return nonce + self._cipher.encrypt(nonce, plain, _BOUND_TO.pack(exchange_id))

    def open(self, sealed: bytes, *, exchange_id: int) -> tuple[bytes, bytes]:
        """Return head and body; raises cryptography's InvalidTag when the bytes were altered in the store."""
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _BOUND_TO.pack(exchange_id))
        end = 4 + int.from_bytes(plain[:4], "big")
        return plain[4:end], plain[end:]
