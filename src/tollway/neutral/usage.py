"""What an answer used, in disjoint units: no token stands in two of them. Knows no price and no wire format."""

from enum import StrEnum

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, each thing in one unit only. None is "not reported", which is never the same as zero."""

    input: int | None = None
    """Fresh input: neither read from a cache, nor written to one, nor audio."""
    cached_input: int | None = None
    output: int | None = None
    """Visible output: neither reasoning nor audio."""
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    cache_write_5m: int | None = None
    """Input that was written to a cache which keeps it for minutes; so too where nobody says for how long."""
    cache_write_1h: int | None = None
    """Input that was written to a cache which keeps it for an hour."""
    images: int | None = None
    """Pictures that were made, by piece."""
    calls: int | None = None
    """Requests that a provider charges by piece."""

    @property
    def tokens(self) -> int:
        """All tokens together, of every unit; what was not reported counts as none."""
        return (
            (self.input or 0)
            + (self.cached_input or 0)
            + (self.cache_write_5m or 0)
            + (self.cache_write_1h or 0)
            + (self.output or 0)
            + (self.reasoning or 0)
            + (self.audio_input or 0)
            + (self.audio_output or 0)
        )


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
