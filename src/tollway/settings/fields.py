"""The kinds of values that settings hold, each with the sentence said when one is wrong. Knows no setting by name."""

import contextlib
import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Meta

from tollway.money import PPM, AmountError, parse_amount, parse_rate
from tollway.settings.mistakes import Mistakes
from tollway.settings.secret import ENVIRONMENT, FILE, SecretError, SecretUse, read_document, resolve_secret

FEE_PPM_MAX = 10_000_000
"""Ten times the base cost: more is a slip of the pen, and might not fit the 64 bits of an amount."""

STORE_URL_EXAMPLES = '"sqlite:///tollway-data/tollway.db", "postgresql://USER@HOST/DATABASE" or "env:NAME"'


class FieldError(ValueError):
    """A value is not of its kind; the message says what is wrong and what to write."""


class Reading(NamedTuple):
    """What every value of one file is read with."""

    mistakes: Mistakes
    folder: Path
    """What relative paths in the file are relative to."""
    secrets: SecretUse = SecretUse.RESOLVE


class Rule(NamedTuple):
    """How a value of one kind is read from what TOML gave; raises FieldError."""

    read: Callable[[object], object]


class OneOrMany(NamedTuple):
    """Marks a list of tables that may stand as its one table alone."""


class FileRule(NamedTuple):
    """How a value is read that means something only beside its file."""

    read: Callable[[object, Reading], object]


def text_rule(pattern: str, wanted: str) -> Rule:
    """Return the rule for texts that match `pattern` whole; `wanted` completes the sentence "must be …"."""
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise FieldError(f"must be {wanted}, not {show(value)}")
        return value

    return Rule(read)


def show(value: object) -> str:
    """Return a short form of a wrong value for its message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        shown = repr(value)
        return shown if len(shown) <= 60 else f"{shown[:57]}…"
    return {"list": "a list", "dict": "a table"}.get(type(value).__name__, "a date or time")


def read_amount_text(value: object) -> str:
    """Return the text of an amount; raises FieldError for a number that TOML does not hold exactly."""
    if isinstance(value, float):
        raise FieldError(
            f'must be written as text: "{value}". A number with a fraction is not exact in TOML, and money is'
        )
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise FieldError(f'must be a decimal amount as text such as "0.15", not {show(value)}')
    return str(value)


def _read_money(value: object) -> int:
    try:
        nanos = parse_amount(read_amount_text(value))
    except AmountError as error:
        raise FieldError(str(error)) from None
    if nanos <= 0:
        raise FieldError("must be above zero")
    return nanos


def read_percentage(value: object, ppm_max: int) -> int:
    """Return the parts per million of a text such as "10%"; raises FieldError beyond `ppm_max`."""
    if not isinstance(value, str):
        raise FieldError(f'must be a rate as text such as "10%", not {show(value)}')
    try:
        ppm = parse_rate(value)
    except AmountError as error:
        raise FieldError(str(error)) from None
    if ppm > ppm_max:
        raise FieldError(f"must be at most {ppm_max * 100 // PPM}%")
    return ppm


def _read_fee(value: object) -> int:
    return read_percentage(value, FEE_PPM_MAX)


_HOST = re.compile(r"[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


def _read_fee_text(value: object) -> str:
    _read_fee(value)
    return str(value)


def _read_hosts(value: object) -> tuple[str, ...]:
    wanted = 'must be a list of host names such as ["api.example.com"], without ports'
    if not isinstance(value, list):
        raise FieldError(f"{wanted}, not {show(value)}")
    hosts = cast("list[object]", value)
    for host in hosts:
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise FieldError(f"{wanted}, in lower case, not {show(host)}")
    return tuple(str(host) for host in hosts)


def _read_members(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise FieldError(f'must be a table such as {{ code = 7, msg = "{{message}}" }}, not {show(value)}')
    members = cast("dict[str, object]", value)
    if "error" in members:
        raise FieldError("cannot have a member error: that one says what is wrong")
    return members


def _read_secret(value: object, reading: Reading) -> object:
    if not isinstance(value, str):
        # The wrong value is not shown: whatever stands here may be a key.
        raise FieldError('must be text such as "env:NAME" or "file:PATH"')
    try:
        return resolve_secret(value, folder=reading.folder, use=reading.secrets)
    except SecretError as error:
        raise FieldError(str(error)) from None


def _read_wanted_secret(value: object, reading: Reading) -> object:
    """Read a secret that commands about the books may need: where they have it, and else only once they do."""
    if reading.secrets is SecretUse.LEAVE:
        with contextlib.suppress(FieldError):
            return _read_secret(value, reading._replace(secrets=SecretUse.RESOLVE))
    return _read_secret(value, reading)


def _read_credentials(value: object, reading: Reading) -> object:
    if not isinstance(value, str):
        raise FieldError('must be the path of a file, or text such as "env:NAME"')
    try:
        return read_document(value, folder=reading.folder, use=reading.secrets)
    except SecretError as error:
        raise FieldError(str(error)) from None


def _read_texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise FieldError(f'must be a table such as {{ name = "text" }}, not {show(value)}')
    texts = cast("dict[str, object]", value)
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise FieldError(f"{name} must be text that is not empty, not {show(text)}")
    return cast("dict[str, str]", texts)


def _read_timezone(value: object) -> str:
    wanted = 'the name of a timezone such as "Asia/Shanghai"'
    if not isinstance(value, str):
        raise FieldError(f"must be {wanted}, not {show(value)}")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last two: a name that is a path, or a folder
        known = {name.lower(): name for name in available_timezones()}
        close = difflib.get_close_matches(value.lower(), known, n=3)
        hint = f"; did you mean {' or '.join(known[name] for name in close)}?" if close else ""
        raise FieldError(f"must be {wanted}, not {show(value)}{hint}") from None
    return value


def _read_store_url(value: object, reading: Reading) -> str:
    if not isinstance(value, str):
        raise FieldError(f"must be text such as {STORE_URL_EXAMPLES}, not {show(value)}")
    if not value.startswith((ENVIRONMENT, FILE)):
        return value
    try:
        # Whatever is done with the other secrets: no command does anything without the store.
        return resolve_secret(value, folder=reading.folder, use=SecretUse.RESOLVE).reveal()
    except SecretError as error:
        raise FieldError(str(error)) from None


def _read_networks(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise FieldError(f'must be a list of addresses such as ["10.0.0.0/8"], not {show(value)}')
    networks: list[str] = []
    for item in cast("list[object]", value):
        try:
            networks.append(str(ipaddress.ip_network(str(item))))
        except ValueError:
            raise FieldError(f"{show(item)} is not an address or network such as 10.0.0.0/8") from None
    return tuple(networks)


NAME_RULE = text_rule(
    r"(?!auto$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, dots, dashes, underscores, and not auto"
)
Name = Annotated[str, NAME_RULE]
"""A name that stands before the slash of a model id."""

ModelId = Annotated[
    str,
    text_rule(
        r"(?!auto$|auto/|eval:)([^\s*\x00-\x1f]{1,256}|[^\s*\x00-\x1f]{1,254}/\*)",
        "1 to 256 characters without spaces, with a star only as a final /*; auto, auto/… and eval:… are reserved",
    ),
]
"""What a client asks for."""

RoutedModel = Annotated[
    str, text_rule(r"[^\s*\x00-\x1f]{1,256}|\*", "the provider's name for the model, without spaces, or * alone")
]

KeyPrefix = Annotated[
    str, text_rule(r"[A-Za-z][A-Za-z0-9_-]{0,15}", "1 to 16 letters, digits, dashes, starting with a letter")
]
PageUrl = Annotated[str, text_rule(r"https?://[^\s/?#]+\S{0,2000}", "the whole URL of a page, with https://")]
"""Where a browser is sent."""
HeaderPrefix = Annotated[str, text_rule(r"x-[a-z0-9]+(-[a-z0-9]+)*", "a header name in lower case that starts with x-")]
HeaderName = Annotated[str, text_rule(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "a header name in lower case")]
MemberName = Annotated[str, text_rule(r"[a-z][a-z0-9_]{0,63}", "1 to 64 lower-case letters, digits, underscores")]
HostNames = Annotated[tuple[str, ...], Rule(_read_hosts)]
"""Names or addresses as clients send them in `Host`, lower case, without a port."""
Members = Annotated[Mapping[str, object], Rule(_read_members)]
"""Members of a JSON object."""
Networks = Annotated[tuple[str, ...], Rule(_read_networks)]
Money = Annotated[int, Rule(_read_money)]
"""Whole nano-units of the deployment's currency, above zero."""
Fee = Annotated[int, Rule(_read_fee)]
"""Parts per million."""
FeeText = Annotated[str, Rule(_read_fee_text)]
"""The same, as it is written."""
Timezone = Annotated[str, Rule(_read_timezone)]
"""A name of the IANA time zone database."""
SecretReference = FileRule(_read_secret)
WantedSecretReference = FileRule(_read_wanted_secret)
CredentialsReference = FileRule(_read_credentials)
Texts = Annotated[Mapping[str, str], Rule(_read_texts)]
"""Texts by name; whoever uses them knows the names."""
StoreUrl = Annotated[str, FileRule(_read_store_url)]
"""The URL of a store, or where it stands: with a password it is a secret."""
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
PositiveInt = Annotated[int, Meta(ge=1, le=2**53)]
