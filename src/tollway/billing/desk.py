"""The use cases of the books together, as the command line and the admin API are given them. Knows no surface."""

from typing import NamedTuple

from tollway.billing.accounts import Accounts
from tollway.billing.admin_keys import AdminKeys
from tollway.billing.audit import Audit
from tollway.billing.auto_topups import AutoTopups
from tollway.billing.bills import Bills
from tollway.billing.budgets import Budgets
from tollway.billing.caps import Caps
from tollway.billing.ceilings import Ceilings
from tollway.billing.costs import Costs
from tollway.billing.events import Events
from tollway.billing.insights import Insights
from tollway.billing.keys import Keys
from tollway.billing.management_keys import ManagementKeys
from tollway.billing.own_providers import OwnProviders
from tollway.billing.packages import Packages
from tollway.billing.payments import Payments
from tollway.billing.printable import Pages
from tollway.billing.products import Products
from tollway.billing.provider_health import ProviderHealth
from tollway.billing.rate_limits import RateLimitRules
from tollway.billing.receipts import Receipts
from tollway.billing.reports import Reports
from tollway.billing.repricing import Repricing
from tollway.billing.request_log import RequestLog
from tollway.billing.statements import Statements
from tollway.billing.sub_accounts import SubAccounts
from tollway.billing.vouchers import Vouchers
from tollway.billing.webhook_secrets import WebhookSecrets


class Desk(NamedTuple):
    """Everything an operator can do with the books of one open store. Its calls wait for the disk."""

    accounts: Accounts
    sub_accounts: SubAccounts
    keys: Keys
    own_providers: OwnProviders
    caps: Caps
    products: Products
    packages: Packages
    payments: Payments
    vouchers: Vouchers
    auto_topups: AutoTopups
    admin_keys: AdminKeys
    statements: Statements
    reports: Reports
    repricing: Repricing
    receipts: Receipts
    pages: Pages
    events: Events
    costs: Costs
    bills: Bills
    audit: Audit
    management_keys: ManagementKeys
    rate_limits: RateLimitRules
    budgets: Budgets
    ceilings: Ceilings
    insights: Insights
    request_log: RequestLog
    provider_health: ProviderHealth
    webhook_secrets: WebhookSecrets
