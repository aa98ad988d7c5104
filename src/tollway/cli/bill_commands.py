"""The commands that hold our costs against what providers say and bill. Knows no SQL and no CSV."""

from pathlib import Path
from typing import Annotated

import typer

from tollway import clock
from tollway.billing.bill_files import BILL_BYTES_MAX, BillColumns, Rounding, read_bill
from tollway.billing.bills import Comparison
from tollway.billing.cost_views import view_bill, view_compared, view_comparison, view_cost, view_total
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, choose_settings
from tollway.cli.output import Shown, as_fields, as_table, show

COST_COLUMNS = (
    "day",
    "provider",
    "model",
    "requests",
    "ours",
    "currency",
    "theirs_usd",
    "difference",
    "relative",
)
BILL_COLUMNS = ("name", "provider", "first_day", "last_day", "lines", "amount", "currency", "imported")
COMPARED_COLUMNS = (
    "day",
    "model",
    "only",
    "billed",
    "ours",
    "difference",
    "relative",
    "currency",
    "billed_tokens",
    "our_tokens",
    "requests",
    "unpriced",
)
DEFAULTS = BillColumns()

BillName = Annotated[str, typer.Argument(metavar="NAME", help="The name it was imported by.", show_default=False)]


def add_cost_command(app: typer.Typer, office: Office) -> None:
    """Add `tollway costs`."""

    @app.command()
    def costs(
        provider: Annotated[str | None, typer.Option(help="Only this one's.", show_default=False)] = None,
        first: Annotated[
            str | None,
            typer.Option("--from", metavar="DAY", help="The first day, in UTC: 2026-01-31.", show_default=False),
        ] = None,
        last: Annotated[
            str | None, typer.Option("--to", metavar="DAY", help="The last day.  [default: today]", show_default=False)
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Show our costs beside those that providers reported, by day, provider and model; 30 days unless you say."""
        with office.open_books(choose_settings(config)) as desk:
            rows = desk.costs.report(desk.costs.span(first, last), provider=provider)
        views = [view_cost(row) for row in rows]
        show(as_table(views, COST_COLUMNS, empty="No provider reported a cost on these days."), json=json)


def bill_commands(office: Office) -> typer.Typer:
    """Return `tollway bill …`."""
    app = typer.Typer(help="Providers' bills, compared with what was recorded.", no_args_is_help=True)

    @app.command("import")
    def import_bill(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="The bill as CSV.", show_default=False)],
        provider: Annotated[str, typer.Option(help="Whose it is, by its name here.", show_default=False)],
        name: Annotated[str, typer.Option(help="What to call it, such as acme-2026-01.", show_default=False)],
        currency: Annotated[str, typer.Option(help="Of its amounts: USD or CNY.")] = "USD",
        day_column: Annotated[str, typer.Option(metavar="COLUMN", help="The day.")] = DEFAULTS.day,
        model_column: Annotated[str, typer.Option(metavar="COLUMN", help="The model.")] = DEFAULTS.model,
        amount_column: Annotated[str, typer.Option(metavar="COLUMN", help="The amount.")] = DEFAULTS.amount,
        tokens_column: Annotated[
            str | None, typer.Option(metavar="COLUMN", help="The tokens.  [default: not read]", show_default=False)
        ] = None,
        rounding: Annotated[
            Rounding, typer.Option(help="What becomes of amounts finer than a nano-unit.")
        ] = Rounding.REFUSE,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Keep a provider's bill for comparison: all of it, or nothing when a line is at fault."""
        settings = choose_settings(config)
        with file.open("rb") as opened:
            content = opened.read(BILL_BYTES_MAX + 1)
        columns = BillColumns(day=day_column, model=model_column, amount=amount_column, tokens=tokens_column)
        lines = read_bill(content, columns, now_ms=clock.now_ms(), rounding=rounding)
        with office.open_books(settings) as desk:
            bill, new = desk.bills.add(name, lines, provider=provider, currency=currency)
        show(as_fields(view_bill(bill) | {"new": new}), json=json)

    @app.command("list")
    def list_bills(json: Json = False, config: Config = None) -> None:
        """List the bills that were imported, the last one first."""
        with office.open_books(choose_settings(config)) as desk:
            bills = desk.bills.list()
        show(as_table([view_bill(bill) for bill in bills], BILL_COLUMNS, empty="There is no bill."), json=json)

    @app.command()
    def remove(name: BillName, json: Json = False, config: Config = None) -> None:
        """Forget a bill; what was recorded stays."""
        with office.open_books(choose_settings(config)) as desk:
            removed = desk.bills.remove(name)
        show(as_fields(view_bill(removed)), json=json)

    @app.command()
    def compare(name: BillName, json: Json = False, config: Config = None) -> None:
        """Show a bill beside what was recorded of its provider on its days, by day and model."""
        with office.open_books(choose_settings(config)) as desk:
            comparison = desk.bills.compare(name)
        show(_shown(comparison), json=json)

    return app


def _shown(comparison: Comparison) -> Shown:
    table = as_table([view_compared(row) for row in comparison.rows], COMPARED_COLUMNS, empty="")
    total = as_fields(view_total(comparison))
    return Shown(document=view_comparison(comparison), text=f"{table.text}\n\n{total.text}")
