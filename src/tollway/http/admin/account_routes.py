"""The routes of accounts: make, list, show, change, suspend, credit, balance."""

from fastapi import APIRouter

from tollway.billing.accounts import brand_for, parse_fee, parse_price_share
from tollway.billing.views import View, view_account, view_balance, view_transfer
from tollway.errors import Refusal
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import NewAccount, NewCredit, NewTerms
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, parse_id
from tollway.money import CURRENCIES, parse_amount


def account_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/accounts`."""
    router = APIRouter(prefix="/accounts", tags=["accounts"])
    accounts = parts.desk.accounts

    def with_balance(number: int) -> View:
        account = found(lambda: accounts.show(number))
        return view_account(account) | view_balance(accounts.balance(number))

    @router.post("", status_code=201)
    def create_account(body: NewAccount, by: Acting) -> View:
        """Make an account, with a first credit or none."""
        if body.currency not in {None, *CURRENCIES}:
            raise Refusal("invalid_request", f"Accounts are in {' or '.join(CURRENCIES)}.", param="currency")
        brand = brand_for(parts.brands, body.brand)
        usual = parts.currency if brand is None else brand.currency
        account = accounts.create(body.name, body.currency or usual, parse_amount(body.credit), brand=brand, by=by)
        return with_balance(account.id)

    @router.get("")
    def list_accounts() -> View:
        """List all accounts with their balances, oldest first."""
        views = [view_account(account) | view_balance(accounts.balance(account.id)) for account in accounts.list()]
        return {"object": "list", "data": views}

    @router.get("/{account}")
    def show_account(account: str) -> View:
        """Show one account and its balance."""
        return with_balance(parse_id(ACCOUNT, account))

    @router.patch("/{account}")
    def change_account(account: str, body: NewTerms, by: Acting) -> View:
        """Give an account a platform fee, a discount or a markup of its own."""
        number = parse_id(ACCOUNT, account)
        found(lambda: accounts.show(number))
        share = parse_price_share(discount=body.discount, markup=body.markup)
        accounts.agree(number, fee_ppm=parse_fee(body.platform_fee), price_ppm=share, by=by)
        return with_balance(number)

    @router.get("/{account}/balance")
    def show_balance(account: str) -> View:
        """Show what an account has, and what running requests have set aside of it."""
        return view_balance(found(lambda: accounts.balance(parse_id(ACCOUNT, account))))

    @router.post("/{account}/credits", status_code=201)
    def create_credit(account: str, body: NewCredit) -> View:
        """Add money to the balance."""
        number = parse_id(ACCOUNT, account)
        found(lambda: accounts.show(number))
        return view_transfer(accounts.credit(number, parse_amount(body.amount), body.reason))

    @router.post("/{account}/debits", status_code=201)
    def create_debit(account: str, body: NewCredit) -> View:
        """Take money off the balance, as a correction; refused when more than is available."""
        number = parse_id(ACCOUNT, account)
        found(lambda: accounts.show(number))
        return view_transfer(accounts.debit(number, parse_amount(body.amount), body.reason))

    @router.post("/{account}/suspend")
    def suspend_account(account: str, by: Acting) -> View:
        """Refuse the account's keys from the next request on."""
        return view_account(found(lambda: accounts.suspend(parse_id(ACCOUNT, account), by=by)))

    @router.post("/{account}/resume")
    def resume_account(account: str, by: Acting) -> View:
        """Let the account's keys spend again."""
        return view_account(found(lambda: accounts.resume(parse_id(ACCOUNT, account), by=by)))

    return router
