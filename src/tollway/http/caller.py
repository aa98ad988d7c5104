"""What a client's headers say of on whose behalf it asks, and under which idempotency key. Knows no store and no socket."""

from collections.abc import Iterable

import msgspec

from tollway.errors import Refusal
from tollway.ledger.lines import NOBODY, Attribution

WORD_BYTES_MAX = 256
"""Of a tag, an end user, a session, an idempotency key: each lies in the store with every exchange."""

IDEMPOTENCY_KEY = b"idempotency-key"
SHOWN = 64


WORDS = {
    "user-id": "end_user",
    "session-id": "session",
    "tag": "tag",
    "provider": "provider",
    "translate": "translate",
}
"""What stands behind a prefix, and what it says."""


class Caller(msgspec.Struct, frozen=True):
    """What the headers say."""

    attribution: Attribution
    idempotency_key: str | None
    provider: str | None = None
    """The provider that is to answer."""
    translate: bool | None = None
    """Whether the request may be put into another dialect; None leaves it to us."""


ANONYMOUS = Caller(attribution=NOBODY, idempotency_key=None)


class CallerHeaders:
    """Reads what clients say in headers: lower-case names, as they arrive."""

    __slots__ = ("_names",)

    def __init__(self, header_prefixes: Iterable[str]) -> None:
        """Take the prefixes, such as `x-tollway`, under which a header means the same whatever the brand.

        Programs move here with the names of the service that they come from in them.
        """
        self._names: dict[bytes, str] = {IDEMPOTENCY_KEY: "idempotency_key"}
        for prefix in header_prefixes:
            self._names |= {f"{prefix}-{word}".encode("ascii"): field for word, field in WORDS.items()}

    def read(
        self, headers: Iterable[tuple[bytes, bytes]], *, sub_account_id: int | None, tag: str | None = None
    ) -> Caller:
        """Return what the headers say; raises Refusal for a word that is empty, too long or not printable.

        `tag` is that of requests which name none.
        """
        names = self._names
        found: dict[str, str] | None = None
        for name, value in headers:
            field = names.get(name)
            if field is not None:
                word = _word(name, value)
                if found is None:
                    found = {}
                if found.setdefault(field, word) != word:
                    raise _ambiguous(name)
        if found is None:
            if sub_account_id is None:
                return ANONYMOUS
            return Caller(attribution=Attribution(sub_account_id=sub_account_id, tag=tag), idempotency_key=None)
        if tag is not None:
            found.setdefault("tag", tag)
        key, provider = found.pop("idempotency_key", None), found.pop("provider", None)
        return Caller(
            idempotency_key=key,
            provider=provider,
            translate=_yes_or_no(found.pop("translate", None)),
            attribution=Attribution(sub_account_id=sub_account_id, **found),
        )


def idempotency_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the idempotency key that lower-case headers carry; raises Refusal for one that is none, and for two."""
    keys = {_word(name, value) for name, value in headers if name == IDEMPOTENCY_KEY}
    if len(keys) > 1:
        raise _ambiguous(IDEMPOTENCY_KEY)
    return keys.pop() if keys else None


def _yes_or_no(word: str | None) -> bool | None:
    if word is None:
        return None
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    raise Refusal("invalid_request", f"The header that asks for translation says true or false, not {word[:SHOWN]!r}.")


def _ambiguous(name: bytes) -> Refusal:
    header = name.decode("ascii")
    return Refusal("invalid_request", f"The header {header} stands twice with different values.", param=header)


def _word(name: bytes, value: bytes) -> str:
    text = value.decode("utf-8", "replace").strip()
    if text and len(value) <= WORD_BYTES_MAX and text.isprintable() and "\ufffd" not in text:
        return text
    header = name.decode("ascii")
    raise Refusal(
        "invalid_request",
        f"The header {header} must have 1 to {WORD_BYTES_MAX} bytes of printable text, not {text[:SHOWN]!r}.",
        param=header,
    )
