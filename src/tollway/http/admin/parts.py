"""What the admin API is built from. Opens nothing itself."""

from collections.abc import Callable
from typing import NamedTuple

from tollway.billing.desk import Desk
from tollway.catalog.catalog import Catalog
from tollway.errors import Refusal
from tollway.relay.stored_answers import StoredAnswers
from tollway.settings.brand import Brands

PREFIX = "/admin/v1"


class AdminParts(NamedTuple):
    """What app.py gives the admin API."""

    desk: Desk
    catalog: Catalog
    currency: str
    """The deployment's: every account is in it."""
    brands: Brands
    """How the deployment presents itself."""
    render_error: Callable[[Refusal], bytes]
    """Writes the same error object as the data plane."""
    next_id: Callable[[], int]
    """The source of request ids."""
    answers: StoredAnswers
    """What calls with an idempotency key were answered."""
