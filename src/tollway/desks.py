"""The books opened for those who work on them: the command line, the admin API. Knows nothing that serves a request.

Every command imports this, so it imports no more than the books need.
"""

import contextlib
import importlib
from collections.abc import Generator
from zoneinfo import ZoneInfo

from tollway.access.limits import LimitScope
from tollway.billing.accounts import Accounts
from tollway.billing.admin_keys import AdminKeys
from tollway.billing.audit import Audit
from tollway.billing.auto_topups import AutoTopups
from tollway.billing.bills import Bills
from tollway.billing.budgets import Budgets
from tollway.billing.caps import Caps
from tollway.billing.ceilings import Ceilings
from tollway.billing.costs import Costs
from tollway.billing.desk import Desk
from tollway.billing.events import Events
from tollway.billing.insights import Insights
from tollway.billing.keys import Keys
from tollway.billing.management_keys import ManagementKeys
from tollway.billing.own_providers import OwnProviders
from tollway.billing.packages import Packages
from tollway.billing.payment_ports import PaymentProvider
from tollway.billing.payments import Payments, PaymentTerms
from tollway.billing.printable import Pages
from tollway.billing.products import Products
from tollway.billing.provider_health import ProviderHealth
from tollway.billing.rate_limits import RateLimitRules
from tollway.billing.receipts import Receipts
from tollway.billing.reports import Reports
from tollway.billing.repricing import Repricing
from tollway.billing.request_log import RequestLog
from tollway.billing.sealing import GivenKey, NoKey, Sealer
from tollway.billing.statements import Statements
from tollway.billing.sub_accounts import SubAccounts
from tollway.billing.vouchers import Vouchers
from tollway.billing.webhook_secrets import WebhookSecrets
from tollway.catalog.loader import own_terms
from tollway.settings import PaymentSettings, Settings, brands_of
from tollway.settings.load import SQLITE
from tollway.settings.secret import encryption_key
from tollway.store.key_file import KeyFile
from tollway.store.sqlite import database_path
from tollway.store.store import Store


@contextlib.contextmanager
def open_books(settings: Settings) -> Generator[Desk]:
    """Open the store for one piece of work, and close it; raises SetupError when it is of another schema version."""
    store = Store.open(settings.store.url, durability=settings.store.durability.value)
    try:
        yield open_desk(store, settings)
    finally:
        store.close()


def open_desk(store: Store, settings: Settings) -> Desk:
    """Return the use cases of an open store's books, for the command line and the admin API."""
    brands, billing, payments = brands_of(settings), settings.billing, settings.payments
    sealer = open_sealer(settings)
    ids, zone = store.ids(), ZoneInfo(billing.timezone)
    caps, reports = Caps(store, ids, zone), Reports(store, zone=zone)
    provider = open_payments(payments)
    limits = settings.limits
    rpm_max = {LimitScope.KEY: limits.key.rpm, LimitScope.SUB_ACCOUNT: limits.sub_account.rpm}
    terms = PaymentTerms(payments.amount_min, payments.amount_max, billing.packages_active_max)
    return Desk(
        accounts=Accounts(store, ids),
        sub_accounts=SubAccounts(store, ids, lambda account: brands.named(account.brand).key_prefix),
        keys=Keys(store, ids, lambda account: brands.named(account.brand).key_prefix),
        own_providers=OwnProviders(store, ids, sealer, own_terms(settings)),
        caps=caps,
        products=Products(store, ids),
        packages=Packages(store, ids, active_max=billing.packages_active_max),
        payments=Payments(store, ids, provider, terms),
        vouchers=Vouchers(store, ids),
        auto_topups=AutoTopups(store, ids, provider, terms),
        admin_keys=AdminKeys(store, ids, brands.default.key_prefix),
        statements=Statements(store, zone=zone),
        reports=reports,
        repricing=Repricing(store),
        receipts=Receipts(store),
        pages=Pages(issuer=brands.default.name, zone=zone),
        events=Events(store),
        costs=Costs(store),
        bills=Bills(store, ids),
        audit=Audit(store, zone=zone),
        management_keys=ManagementKeys(store, ids, lambda account: brands.named(account.brand).management_key_prefix),
        rate_limits=RateLimitRules(store, ids),
        budgets=Budgets(store, caps),
        ceilings=Ceilings(store, rpm_max),
        insights=Insights(store, reports, zone),
        request_log=RequestLog(store, zone=zone),
        provider_health=ProviderHealth(store),
        webhook_secrets=WebhookSecrets(store, ids, sealer),
    )


def open_sealer(settings: Settings) -> Sealer:
    """Return what seals secrets with the deployment's encryption key; nothing is read or made before the first of them."""
    given = settings.server.encryption_key
    if given is not None:
        return Sealer(GivenKey(encryption_key(given.reveal()) or b""))
    if settings.store.url.startswith(SQLITE):
        return Sealer(KeyFile(database_path(settings.store.url)))
    return Sealer(NoKey())


def open_payments(settings: PaymentSettings) -> PaymentProvider | None:
    """Return who takes payments; None where nobody does, or where secrets were left unread."""
    key = settings.stripe_secret_key
    if key is None or not key.reveal():
        return None
    # Stripe's package takes 0.2 s to import, which is for those to pay who are configured for it.
    return importlib.import_module("tollway.payments.stripe_provider").StripeProvider(settings)
