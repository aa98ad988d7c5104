"""One request as it arrived, before anything was decided about it. Values only."""

import msgspec

from tollway.access.credentials import ClientKey
from tollway.access.principal import Principal
from tollway.dialects.record import PLAIN_CALL, Called, Dialect
from tollway.ledger.lines import NOBODY, Attribution
from tollway.neutral.wishes import UNSTEERED, Steering
from tollway.relay.ports import Keeper, Models, Peer, ReplyHeads
from tollway.settings.brand import UsageChunk


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What the data plane hands to the relay."""

    exchange_id: int
    request_id: str
    """The text of `exchange_id`, as clients see it."""
    received_ms: int
    dialect: Dialect
    principal: Principal
    """Whose key it carries, checked."""
    heads: ReplyHeads
    """Of the brand that was asked."""
    stream_usage: UsageChunk = UsageChunk.LAST_CHOICE
    """The brand's word for where a stream tells its usage to a client that did not ask."""
    dollars_name: str | None = None
    """The brand's word for what an answer cost, if it has one of its own."""
    body: bytes
    called: Called = PLAIN_CALL
    """What path, query and headers say beside the body."""
    provider: str | None = None
    """The provider that the client's header names, before which no other is asked."""
    translate: bool | None = None
    """What the client's header says of translation; None leaves it to us."""
    passed: tuple[tuple[bytes, bytes], ...] = ()
    """Headers of the client that belong to its dialect."""
    steering: Steering = UNSTEERED
    """What its headers wish of models and providers."""
    attribution: Attribution = NOBODY
    """On whose behalf, as far as the key and the client's headers say."""
    models: Models | None = None
    """What may be asked for, as an account sees it that brought providers; None is what everybody sees."""
    client_key: ClientKey | None = None
    """For a provider that takes its clients' keys."""
    keeper: Keeper | None = None
    """Who keeps the answer, where the client has asked for that."""
    peer: Peer | None = None
    """Who sent it; None is nobody on a connection."""

    def asking(self, body: bytes | None) -> "Arrival":
        """Return the same with the body that providers may have; None leaves it as it came."""
        return self if body is None else msgspec.structs.replace(self, body=body)
