"""How a deployment presents itself: one record, read from a preset in `brands/` and what the operator overrides.

Knows no request: what is done with a brand is done where replies are written and keys are made.
"""

import difflib
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tollway.money import parse_rate

BRANDS = Path(__file__).parent / "brands"

DEFAULT_PRESET = "tollway"


class UsageChunk(StrEnum):
    """Where a stream tells its usage to a client that did not ask for it in its dialect's own form."""

    LAST_CHOICE = "last_choice"
    """On the last chunk that has a choice: for clients that read `choices[0]` of every chunk."""
    OWN_CHUNK = "own_chunk"
    """On a chunk without choices, as if the client had asked."""


class ToldAs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a refusal of ours is told: None leaves what everybody is told."""

    status: int | None = None
    code: str | None = None
    type: str | None = None


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a deployment presents itself: data, never an `if`."""

    preset: str
    name: str
    logo: str
    """A small SVG drawing."""
    key_prefix: str
    management_key_prefix: str
    header_prefix: str
    """Before `-request-id`, `-warning` and what else replies say."""
    hosts: tuple[str, ...] = ()
    """The `Host` names under which it is asked; the default brand also answers for every other."""
    error_members: Mapping[str, Any] = {}
    """What stands beside `error` in the body of an error; texts may have `{message}`, `{code}`, `{status}`, `{request_id}`."""
    refusals: Mapping[str, ToldAs] = {}
    """By our code: which status, code and type are told instead."""
    cost_cents_header: str | None = None
    """The header that tells the cost of a whole answer in hundredths of the currency."""
    usage_cost_name: str | None = None
    """A further member of the usage of answers, which tells the total once more; of accounts in dollars only."""
    stream_usage: UsageChunk = UsageChunk.LAST_CHOICE
    currency: str = "USD"
    """Of accounts that are made under it."""
    platform_fee: str = "0%"
    """Of accounts that are made under it."""
    timezone: str = "UTC"
    """Of its users' days and months; a deployment has one, its default brand's unless the operator names another."""

    @property
    def platform_fee_ppm(self) -> int:
        """The fee in parts per million."""
        return parse_rate(self.platform_fee)


class Brands(msgspec.Struct, frozen=True):
    """The brands of one deployment."""

    default: Brand
    others: tuple[Brand, ...] = ()

    @property
    def all(self) -> tuple[Brand, ...]:
        """The default one first."""
        return (self.default, *self.others)

    def other(self, preset: str | None) -> Brand | None:
        """Return the brand that an account is to be made under; None for the default one; raises KeyError for no brand."""
        if preset is None or preset == self.default.preset:
            return None
        found = next((brand for brand in self.others if brand.preset == preset), None)
        if found is None:
            raise KeyError(preset)
        return found

    def named(self, preset: str | None) -> Brand:
        """Return the brand that an account was made under; the default for None, and for one that is gone."""
        return next((brand for brand in self.all if brand.preset == preset), self.default)


def brand_names() -> tuple[str, ...]:
    """Return the names of all presets."""
    return tuple(sorted(file.stem for file in BRANDS.glob("*.toml")))


@cache
def read_brand(preset: str) -> Brand:
    """Return a preset; raises KeyError for a name that is none."""
    if preset not in brand_names():
        raise KeyError(preset)
    facts = tomllib.loads((BRANDS / f"{preset}.toml").read_text(encoding="utf-8"))
    return msgspec.convert({"preset": preset, **facts}, Brand)


@cache
def header_prefixes() -> tuple[str, ...]:
    """Return the header prefixes of all presets: clients move here with these names in their programs."""
    return tuple(read_brand(name).header_prefix for name in brand_names())


def unknown_brand(preset: str) -> str:
    """Return the sentence about a preset that does not exist."""
    close = difflib.get_close_matches(preset, brand_names(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(brand_names())}"
    return f'"{preset}" is no preset; {hint}'
