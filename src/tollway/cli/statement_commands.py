"""The commands about statements and receipts: what an account is shown of its money, on paper too."""

from enum import StrEnum
from typing import Annotated, cast

import typer

from tollway import clock
from tollway.billing.receipts import view_receipt
from tollway.billing.views import View
from tollway.cli.office import Office
from tollway.cli.options import AccountId, Config, First, Json, Last, choose_settings
from tollway.cli.output import Shown, as_fields, as_table, show
from tollway.ids import ACCOUNT, parse_id

GROUP_COLUMNS = ("group", "count", "credits", "debits")
USAGE_COLUMNS = (
    "provider",
    "model_routed",
    "requests",
    "base_cost",
    "platform_fee",
    "written_off",
    "paid_by_packages",
    "paid_by_balance",
)


class StatementForm(StrEnum):
    """How a statement is printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


class ReceiptForm(StrEnum):
    """How a receipt is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def add_statement_commands(app: typer.Typer, office: Office) -> None:
    """Add `tollway statement` and `tollway receipt`."""

    @app.command()
    def statement(
        account: AccountId,
        first: First = None,
        last: Last = None,
        form: Annotated[StatementForm, typer.Option("--format", help="A page to print is html.")] = StatementForm.TEXT,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Print an account's statement: opening + credits - debits = closing, from the beginning until now unless you say."""
        with office.open_books(choose_settings(config)) as desk:
            statements = desk.statements
            made = statements.statement(parse_id(ACCOUNT, account), statements.span(first, last))
            if json or form is not StatementForm.HTML:
                view, lines = statements.view(made), statements.csv(made)
            else:
                view, lines = {}, desk.pages.statement(made, made_ms=clock.now_ms())
        if json or form in {StatementForm.JSON, StatementForm.TEXT}:
            show(Shown(document=view, text=_statement_text(view)), json=json or form is StatementForm.JSON)
        else:
            typer.echo(lines, nl=False)

    @app.command()
    def receipt(
        name: Annotated[
            str,
            typer.Argument(
                metavar="RECEIPT", help="A transfer that topped up, txn_…, or an order, ord_….", show_default=False
            ),
        ],
        form: Annotated[ReceiptForm, typer.Option("--format", help="A page to print is html.")] = ReceiptForm.TEXT,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Print the receipt of a top-up: by payment, by voucher, or by the operator."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.receipts.show(name)
            page = desk.pages.receipt(found)
        if form is ReceiptForm.HTML and not json:
            typer.echo(page, nl=False)
        else:
            show(as_fields(view_receipt(found)), json=json or form is ReceiptForm.JSON)


def _statement_text(view: View) -> str:
    sums = {name: view[name] for name in ("from", "to", "currency", "opening", "credits", "debits", "closing")}
    groups, usage = (cast("list[View]", view[name]) for name in ("groups", "usage"))
    parts = [
        as_fields(sums).text,
        as_table(groups, GROUP_COLUMNS, empty="Nothing moved.").text,
        as_table(usage, USAGE_COLUMNS, empty="Nothing was used.").text,
    ]
    return "\n\n".join(parts)
