"""The amounts that every reply shows: how they are called and written, the same in every dialect. Knows no dialect.

They stand in the object that a dialect has for usage, under names that no dialect has: `base_cost_usd`,
`platform_fee_usd`, `total_cost_usd`, and `package_tokens` where a package of tokens paid. A brand may have a name of its own
for the total.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Raw

from tollway.dialects.members import append_members, has_unicode_escape
from tollway.dialects.record import CostFields
from tollway.money import NANOS_PER_UNIT, render_json_number

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode

PACKAGE_TOKENS = "package_tokens"
"""The cost field of a key that spends a package of tokens: how many of them the answer took, by the model's ratio."""


class _Form(NamedTuple):
    """How the cost fields of a currency are called."""

    names: tuple[str, str, str]
    suffix: bytes
    members: bytes
    """To be filled with the three numbers."""


@lru_cache(maxsize=64)
def _form(currency: str) -> _Form:
    """Return the names for a currency; an account has one, and a deployment a handful."""
    suffix = f"_{currency.lower()}"
    names = (f"base_cost{suffix}", f"platform_fee{suffix}", f"total_cost{suffix}")
    return _Form(names, suffix.encode(), '"{}":%b,"{}":%b,"{}":%b'.format(*names).encode())


def cost_members(costs: CostFields) -> bytes:
    """Return the members of the cost fields, without braces: `"base_cost_usd":0.0012,…`."""
    numbers = (_json_number(costs.base_nanos), _json_number(costs.fee_nanos), _json_number(costs.total_nanos))
    members = _form(costs.currency).members % numbers
    if costs.total_name is not None:
        members = b'%b,"%b":%b' % (members, costs.total_name.encode(), numbers[-1])
    if costs.package_micros is None:
        return members
    # A micro-token is to a token what a thousand nano-units are to a unit: the same exact decimals.
    return b'%b,"%b":%b' % (members, PACKAGE_TOKENS.encode(), _json_number(costs.package_micros * 1000))


def _json_number(nanos: int) -> bytes:
    """Return `render_json_number` as bytes, in half the time for what nearly every reply costs: less than one unit."""
    if 0 < nanos < NANOS_PER_UNIT:
        return (b"0.%09d" % nanos).rstrip(b"0")
    return render_json_number(nanos).encode()


def has_names_of(costs: CostFields, found: bytes) -> bool:
    """Tell whether a usage object may have members of the cost fields' names already."""
    named_again = costs.total_name
    return (
        _form(costs.currency).suffix in found
        or (named_again is not None and named_again.encode() in found)
        or costs.package_micros is not None
        or has_unicode_escape(found)
    )


def with_costs(found: bytes, costs: CostFields) -> bytes:
    """Return a usage object with the cost fields behind its members; those of the same names are replaced."""
    if has_names_of(costs, found):
        named_again = () if costs.total_name is None else (costs.total_name,)
        found = _without(found, (*_form(costs.currency).names, PACKAGE_TOKENS, *named_again))
    return append_members(found, cost_members(costs))


def _without(found: bytes, names: tuple[str, ...]) -> bytes:
    """Return the object without the members of these names; the very bytes when it has none of them."""
    known = _MEMBERS.decode(found)
    kept = {name: value for name, value in known.items() if name not in names}
    return found if len(kept) == len(known) else _ENCODE(kept)
