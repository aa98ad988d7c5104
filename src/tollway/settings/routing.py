"""The settings `[routing]` and `[auto]`: what is tried again, and what the model `auto` is chosen from. Values only."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

RETRIES_MAX = 5


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[routing]`: how requests find a provider that answers."""

    retries: Annotated[int, Meta(ge=0, le=RETRIES_MAX)] = 0
    """How often one request may ask a target again that could not answer, where the client does not say."""


class AutoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[auto]`: what the model `auto` stands for, the preferred one first; empty takes every model that says that it can."""

    text: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    tts: tuple[str, ...] = ()
    stt: tuple[str, ...] = ()
    moderation: tuple[str, ...] = ()
    rerank: tuple[str, ...] = ()

    def by_modality(self) -> Mapping[str, tuple[str, ...]]:
        """Return all of it."""
        return msgspec.structs.asdict(self)
