"""What the accounts' API is built from. Opens nothing itself."""

from collections.abc import Callable
from typing import NamedTuple

from tollway.access.credentials import KeyHeaders
from tollway.billing.desk import Desk
from tollway.catalog.catalog import Catalog
from tollway.errors import Refusal
from tollway.http.client_address import ClientAddresses
from tollway.http.model_pages import ModelList
from tollway.http.replies import BrandHeads
from tollway.relay.ports import KeyDirectory
from tollway.relay.stored_answers import StoredAnswers


class AccountParts(NamedTuple):
    """What app.py gives the accounts' API."""

    desk: Desk
    keys: KeyDirectory
    """Which principal a key stands for: the data plane's."""
    key_headers: KeyHeaders
    """Where keys stand in requests."""
    catalog: Catalog
    models: ModelList
    currency: str
    """The deployment's."""
    platform_fee_ppm: int
    """The deployment's, for accounts without one of their own."""
    opened_ms: int
    """Since when prices are what they are: when the settings were read."""
    addresses: ClientAddresses
    """Where clients are, behind proxies too."""
    heads: BrandHeads
    """The brands by host, and how each tells errors."""
    render_error: Callable[[Refusal], bytes]
    """Writes the same error object as the data plane."""
    next_id: Callable[[], int]
    """The source of request ids."""
    answers: StoredAnswers
    """What calls with an idempotency key were answered."""
