"""What a preset says of a provider's ways inside a dialect, and how what it says of some models is put on top. Pure."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.catalog.records import AfterLeave, Profile, Streaming, StreamUsage

Word = Annotated[str, Meta(min_length=1)]


class ProfileTable(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a profile in a preset; what is left out is as it would be without the table."""

    stream_usage: StreamUsage | None = None
    after_leave: AfterLeave | None = None
    streaming: Streaming | None = None
    renames: Mapping[str, str] = {}
    unsupported: frozenset[str] = frozenset()
    added: Mapping[str, object] = {}
    removed: frozenset[str] = frozenset()
    refused: Mapping[str, tuple[str, ...]] = {}
    output_limit: Word | None = None
    options: Mapping[str, str] = {}


class RuleTable(ProfileTable, frozen=True, kw_only=True):
    """`[[dialects.NAME.models]]`: where some models differ."""

    match: tuple[Word, ...]
    """Names, in which a star stands for anything."""
    supported: frozenset[str] = frozenset()
    """What these models take, though the others do not."""


def profile_with(table: ProfileTable, below: Profile, *, after_leave: AfterLeave | None) -> Profile:
    """Return the profile `below` with what a table says put on top; lists and tables grow, single words are replaced.

    `after_leave` is the operator's own word, which is the last one.
    """
    supported = table.supported if isinstance(table, RuleTable) else frozenset[str]()
    return Profile(
        stream_usage=table.stream_usage or below.stream_usage,
        after_leave=after_leave or table.after_leave or below.after_leave,
        streaming=table.streaming or below.streaming,
        renames={**below.renames, **table.renames},
        unsupported=(below.unsupported - supported) | table.unsupported,
        added={**below.added, **table.added},
        removed=below.removed | table.removed,
        refused={**below.refused, **table.refused},
        output_limit=table.output_limit or below.output_limit,
        options={**below.options, **table.options},
    )
