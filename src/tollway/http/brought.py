"""What accounts and clients bring of their own, as the data plane deals with it: keys, models, and paths that are none of ours.

Knows no socket and no SQL.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tollway.access.credentials import KeyHeaders
from tollway.access.principal import Principal
from tollway.dialects.record import Dialect
from tollway.http.caller import CallerHeaders
from tollway.http.doors import ACCOUNT_BELOW
from tollway.http.inbound import Inbound
from tollway.http.routes import Route
from tollway.relay.arrival import Arrival
from tollway.relay.client_keys import ClientKeys
from tollway.relay.exchange import Relay
from tollway.relay.own_models import AccountModels, OwnModels
from tollway.relay.proxied_call import ProxiedCalls
from tollway.relay.proxied_request import METHODS, Call, checked_path, checked_query

RESERVED = ("/api/v1", "/api/logs", "/admin", "/ui")
"""How paths begin, beside those that there are, that are this gateway's: whatever is not there is nowhere."""


class Brought(NamedTuple):
    """Who looks after it."""

    callers: CallerHeaders
    keys: KeyHeaders
    client_keys: ClientKeys
    models: OwnModels
    calls: ProxiedCalls
    dialect: Dialect
    """In whose form admission tells errors of a call that belongs to none."""

    async def pass_on(self, arrival: Arrival, inbound: Inbound, models: AccountModels | None) -> bool:
        """Pass a call on to the provider that is meant; False when none is. Raises Refusal."""
        provider = self.calls.finds(arrival.provider, models)
        if provider is None:
            return False
        path, _, query = inbound.head.url.partition(b"?")
        call = Call(
            method=inbound.head.method.decode("ascii"),
            path=checked_path(path),
            query=checked_query(query),
            headers=tuple(inbound.head.headers),
            body=inbound.body,
        )
        await self.calls.serve(arrival, call, provider, inbound)
        return True


def open_brought(
    relay: Relay, models: OwnModels, client_keys: ClientKeys, *, prefixes: Iterable[str], dialect: Dialect
) -> Brought:
    """Put it together; `prefixes` are those of all brands, under which headers are said to this gateway."""
    prefixes = tuple(prefixes)
    return Brought(
        callers=CallerHeaders(prefixes),
        keys=KeyHeaders(prefixes),
        client_keys=client_keys,
        models=models,
        calls=ProxiedCalls(relay, models, ours=tuple(f"{prefix}-".encode("ascii") for prefix in prefixes)),
        dialect=dialect,
    )


def is_passable(method: bytes, path: str, routes: Mapping[str, Route]) -> bool:
    """Tell whether a path that is no route may lead to a provider: not where it only looks like one of ours."""
    plain = path.rstrip("/").casefold()
    if not is_passed_on(method) or not path.startswith("/"):
        return False
    if plain.startswith(ACCOUNT_BELOW) or any(plain == start or plain.startswith(f"{start}/") for start in RESERVED):
        return False
    return plain not in routes and f"{plain}/" not in routes


def is_passed_on(method: bytes) -> bool:
    """Tell whether calls of this method are passed on at all."""
    return method.decode("latin-1") in METHODS


def has_default(principal: Principal) -> bool:
    """Tell whether an account has a provider that takes what leads nowhere else."""
    return any(provider.is_default for provider in principal.terms.providers)
