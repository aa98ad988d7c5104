"""Which key each route of the accounts' API needs: one table. What stands in no row cannot be reached, whatever routes exist.

Knows no key and no route's doing.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tollway.access.managing import Need

Methods = Mapping[str, Need]

READ_ONLY: Methods = {"GET": Need.READ}
EDITED: Methods = {"GET": Need.READ, "PUT": Need.WRITE, "PATCH": Need.WRITE, "DELETE": Need.WRITE}
LISTED: Methods = {"GET": Need.READ, "POST": Need.WRITE}

ROUTES: Mapping[str, Methods] = {
    "/api/v1/openapi.json": {"GET": Need.KEY},
    "/api/v1/keys": {"GET": Need.KEYS_READ, "POST": Need.KEYS_WRITE},
    "/api/v1/keys/{digest}": {"GET": Need.KEYS_READ, "PATCH": Need.KEYS_WRITE, "DELETE": Need.KEYS_WRITE},
    "/api/v1/keys/{key}/rotate": {"POST": Need.KEYS_WRITE},
    "/api/v1/whoami": {"GET": Need.KEY},
    "/api/v1/pricing": {"GET": Need.KEY},
    "/api/v1/public/pricing": {"GET": Need.OPEN},
    "/api/v1/usage/summary": READ_ONLY,
    "/api/v1/usage/timeseries": READ_ONLY,
    "/api/v1/usage/{by}": READ_ONLY,
    "/api/v1/budgets": LISTED,
    "/api/v1/budgets/{budget}": EDITED,
    "/api/v1/budgets/{budget}/status": READ_ONLY,
    "/api/v1/logs": READ_ONLY,
    "/api/v1/logs/{request}": READ_ONLY,
    "/api/logs": READ_ONLY,
    "/api/v1/audit": READ_ONLY,
    "/api/v1/providers": LISTED,
    "/api/v1/providers/{provider}": EDITED,
    "/v1/sub-accounts": LISTED,
    "/v1/sub-accounts/{sub_account}": EDITED,
    "/v1/sub-accounts/{sub_account}/usage": READ_ONLY,
    "/v1/usage/by-tag": READ_ONLY,
    "/v1/usage/by-sub-account": READ_ONLY,
    "/v1/usage/recent": READ_ONLY,
    "/v1/balance": READ_ONLY,
    "/v1/budgets": LISTED,
    "/v1/budgets/{budget}": {"GET": Need.READ, "DELETE": Need.WRITE},
    # It signs in the account's name: who may only read is not told it.
    "/v1/webhook-secret": {"GET": Need.WRITE},
    "/v1/webhook-secret/rotate": {"POST": Need.WRITE},
    "/v1/capabilities": {"GET": Need.KEY},
    "/v1/health/providers": {"GET": Need.KEY},
    "/v1/keys/{key}/rotate": {"POST": Need.WRITE},
}
"""By path and method."""

LATER_BELOW = (
    "/api/v1/prompts",
    "/api/v1/evals",
    "/api/v1/datasets",
    "/api/v1/playground",
    "/api/v1/ingest",
    "/api/v1/orgs",
    "/api/v1/org",
    "/api/v1/apps",
    "/api/v1/teams",
    "/api/v1/webhooks",
    "/api/v1/signup",
    "/api/v1/login",
)
"""What the services have at these paths and below, and Tollway has not: 501 says so."""


class Asked(NamedTuple):
    """What a request asks for."""

    need: Need
    """The least that any key has, where there is nothing."""
    found: bool
    later: bool = False
    """It is one of LATER_BELOW."""


_PATTERNS = tuple(
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in ROUTES.items() if "{" in path
)


def asked_at(path: str, method: str) -> Asked:
    """Return what a request for a decoded path asks for."""
    methods = ROUTES.get(path)
    if methods is None:
        methods = next((methods for pattern, methods in _PATTERNS if pattern.fullmatch(path)), None)
    if methods is not None and method in methods:
        return Asked(methods[method], found=True)
    later = any(path == start or path.startswith(f"{start}/") for start in LATER_BELOW)
    return Asked(Need.KEY, found=False, later=later)
