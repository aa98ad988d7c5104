"""What a client's headers say of on whose behalf it asks, and under which idempotency key. Knows no store and no socket."""

from collections.abc import Collection, Iterable

import msgspec

from tollway.errors import Refusal
from tollway.ledger.lines import NOBODY, Attribution
from tollway.neutral.wishes import MODELS_MAX, RETRIES_MAX, UNSTEERED, Steering

WORD_BYTES_MAX = 256
"""Of a tag, an end user, a session, an idempotency key: each lies in the store with every exchange."""

IDEMPOTENCY_KEY = b"idempotency-key"
BASELINE = b"x-baseline-model"
"""Of a service whose programs send it without a prefix."""

TIMEOUT_MS_MAX = 3_600_000
DIGITS_MAX = 9
SHOWN = 64


WORDS = {
    "user-id": "end_user",
    "session-id": "session",
    "tag": "tag",
    "provider": "provider",
    "translate": "translate",
    "fallback": "fallback",
    "timeout-ms": "timeout_ms",
    "retry-budget": "retries",
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
    steering: Steering = UNSTEERED
    """What they wish of models and providers."""


_STEERING = frozenset({"fallback", "baseline_model", "timeout_ms", "retries"})

ANONYMOUS = Caller(attribution=NOBODY, idempotency_key=None)


class CallerHeaders:
    """Reads what clients say in headers: lower-case names, as they arrive."""

    __slots__ = ("_names",)

    def __init__(self, header_prefixes: Iterable[str]) -> None:
        """Take the prefixes, such as `x-tollway`, under which a header means the same whatever the brand.

        Programs move here with the names of the service that they come from in them.
        """
        self._names: dict[bytes, str] = {IDEMPOTENCY_KEY: "idempotency_key", BASELINE: "baseline_model"}
        for prefix in header_prefixes:
            self._names |= {f"{prefix}-{word}".encode("ascii"): field for word, field in WORDS.items()}

    def read(
        self, headers: Collection[tuple[bytes, bytes]], *, sub_account_id: int | None, tag: str | None = None
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
            translate=self._translate(found.pop("translate", None), headers),
            steering=self._steering(found, headers) if _STEERING & found.keys() else UNSTEERED,
            attribution=Attribution(sub_account_id=sub_account_id, **found),
        )

    def name_provider(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a provider is named, whatever else is said."""
        return any(self._names.get(name) == "provider" for name, _ in headers)

    def _translate(self, word: str | None, headers: Iterable[tuple[bytes, bytes]]) -> bool | None:
        if word is None:
            return None
        if word.lower() not in ("true", "false"):
            header = next(name for name, _ in headers if self._names.get(name) == "translate")
            raise _wrong(header.decode("ascii"), "true or false", word)
        return word.lower() == "true"

    def _steering(self, found: dict[str, str], headers: Collection[tuple[bytes, bytes]]) -> Steering:
        """Return what the headers wish of models and providers, and take it out of what was found."""
        said = {self._names[name]: name.decode("ascii") for name, _ in headers if name in self._names}
        return Steering(
            fallbacks=_models(found.pop("fallback", None), said.get("fallback", "")),
            baseline_model=found.pop("baseline_model", None),
            timeout_ms=_whole(found.pop("timeout_ms", None), said.get("timeout_ms", ""), least=1, most=TIMEOUT_MS_MAX),
            retries=_whole(found.pop("retries", None), said.get("retries", ""), least=0, most=RETRIES_MAX),
        )


def idempotency_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the idempotency key that lower-case headers carry; raises Refusal for one that is none, and for two."""
    keys = {_word(name, value) for name, value in headers if name == IDEMPOTENCY_KEY}
    if len(keys) > 1:
        raise _ambiguous(IDEMPOTENCY_KEY)
    return keys.pop() if keys else None


def _models(word: str | None, header: str) -> tuple[str, ...]:
    """Return the models of a list with commas, without the space around each."""
    if word is None:
        return ()
    models = tuple(name.strip() for name in word.split(","))
    if not all(models) or len(set(models)) < len(models) or len(models) > MODELS_MAX:
        raise _wrong(header, f"1 to {MODELS_MAX} names of models, each once, with commas between them", word)
    return models


def _whole(word: str | None, header: str, *, least: int, most: int) -> int | None:
    if word is None:
        return None
    digits = word.isascii() and word.isdecimal() and len(word) <= DIGITS_MAX
    if not digits or not least <= int(word) <= most:
        raise _wrong(header, f"a whole number from {least} to {most}", word)
    return int(word)


def _wrong(header: str, must_be: str, word: str) -> Refusal:
    message = f"The header {header} must be {must_be}, not {word[:SHOWN]!r}."
    return Refusal("invalid_request", message, param=header)


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
