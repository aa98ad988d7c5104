"""What an answer used, in disjoint units: no token stands in two of them. Knows no price and no wire format."""

from enum import StrEnum

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of tokens, each in one unit only. None is "not reported", which is never the same as zero."""

    input: int | None = None
    """Fresh input: neither read from a cache nor audio."""
    cached_input: int | None = None
    output: int | None = None
    """Visible output: neither reasoning nor audio."""
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


class Basis(StrEnum):
    """How the counts behind a charge are known."""

    REPORTED = "reported"
    """The provider said so."""
    COUNTED = "counted"
    """Tollway counted exactly what was delivered."""
    ESTIMATED = "estimated"
    """The provider reported nothing; the counts follow from the bytes that passed."""
    UNKNOWN = "unknown"
    """Nobody knows: the worker died before the answer did."""
