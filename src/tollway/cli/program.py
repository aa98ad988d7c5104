"""The program `tollway`: its commands, and what becomes of their errors. Opens nothing: an Office does."""

from collections.abc import Sequence

import typer
from typer.main import get_command

from tollway import __version__
from tollway.cli.admin_key_commands import admin_key_commands
from tollway.cli.audit_commands import audit_commands
from tollway.cli.bill_commands import add_cost_command, bill_commands
from tollway.cli.cap_commands import cap_commands
from tollway.cli.catalog_commands import add_catalog_commands, provider_commands
from tollway.cli.event_commands import event_commands
from tollway.cli.key_commands import key_commands
from tollway.cli.ledger_commands import ledger_commands
from tollway.cli.limit_commands import limit_commands
from tollway.cli.management_key_commands import management_key_commands
from tollway.cli.money_commands import account_commands, add_money_commands
from tollway.cli.office import Office
from tollway.cli.output import complain
from tollway.cli.own_provider_commands import own_provider_commands
from tollway.cli.package_commands import package_commands, product_commands
from tollway.cli.payment_commands import add_payment_commands, auto_topup_commands, order_commands
from tollway.cli.request_commands import request_commands
from tollway.cli.serving_commands import add_serving_commands, add_worker_command
from tollway.cli.statement_commands import add_statement_commands
from tollway.cli.sub_account_commands import sub_account_commands
from tollway.cli.usage_commands import add_usage_command
from tollway.cli.voucher_commands import voucher_commands
from tollway.errors import InputRefused, SetupError, TollwayError
from tollway.ids import IdError
from tollway.money import AmountError

REFUSED = 1


def build(office: Office) -> typer.Typer:
    """Return the program with all its commands, working on `office`."""
    # Plain help and plain errors: boxes of lines are slow to draw, and no program can read them.
    app = typer.Typer(
        name="tollway",
        help="Tollway, an AI gateway that keeps the books.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def tollway(
        version: bool = typer.Option(False, "--version", help="Print the version."),
    ) -> None:
        """Tollway, an AI gateway that keeps the books."""
        if version:
            typer.echo(__version__)
            raise typer.Exit

    add_serving_commands(app, office)
    app.add_typer(account_commands(office), name="account")
    app.add_typer(sub_account_commands(office), name="sub-account")
    app.add_typer(key_commands(office), name="key")
    app.add_typer(own_provider_commands(office), name="provider")
    app.add_typer(management_key_commands(office), name="management-key")
    app.add_typer(cap_commands(office), name="cap")
    app.add_typer(limit_commands(office), name="limit")
    app.add_typer(product_commands(office), name="product")
    app.add_typer(package_commands(office), name="package")
    add_money_commands(app, office)
    add_payment_commands(app, office)
    app.add_typer(order_commands(office), name="order")
    app.add_typer(voucher_commands(office), name="voucher")
    app.add_typer(auto_topup_commands(office), name="auto-topup")
    add_catalog_commands(app)
    app.add_typer(request_commands(office), name="requests")
    add_usage_command(app, office)
    add_statement_commands(app, office)
    add_cost_command(app, office)
    app.add_typer(bill_commands(office), name="bill")
    app.add_typer(ledger_commands(office), name="ledger")
    app.add_typer(event_commands(office), name="events")
    app.add_typer(audit_commands(office), name="audit")
    app.add_typer(provider_commands(office), name="providers")
    add_worker_command(app, office)
    app.add_typer(admin_key_commands(office), name="admin-key")
    return app


def run(argv: Sequence[str], office: Office) -> int:
    """Run one command and return its exit status: 0, 1 (refused, one line for each mistake) or 2 (wrong usage)."""
    try:
        get_command(build(office)).main(args=list(argv), prog_name="tollway")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (SetupError, InputRefused) as error:
        complain(error.mistakes)
        return REFUSED
    except OSError as error:
        complain((f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror or error),))
        return REFUSED
    except (TollwayError, AmountError, IdError) as error:
        complain((str(error),))
        return REFUSED
    return 0
