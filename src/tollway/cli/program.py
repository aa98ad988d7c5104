"""The program `tollway`: its commands, and what becomes of their errors. Opens nothing: an Office does."""

import importlib
from collections.abc import Sequence
from typing import NamedTuple

import typer
from typer.main import get_command

from tollway import __version__
from tollway.cli.office import Office
from tollway.cli.output import complain
from tollway.cli.plain_values import make_plainly
from tollway.errors import InputRefused, SetupError, TollwayError
from tollway.ids import IdError
from tollway.money import AmountError

REFUSED = 1


class Commands(NamedTuple):
    """Some commands of the program, and which function of which module makes them of an office.

    Only what a command line names is imported and made: all of it takes 0.1 s.
    """

    words: tuple[str, ...]
    """What the command line begins with. A single word with a function that does not `add_…` names a group of commands."""
    module: str
    function: str


COMMANDS = (
    Commands(("up", "serve", "check", "migrate"), "serving_commands", "add_serving_commands"),
    Commands(("account",), "money_commands", "account_commands"),
    Commands(("sub-account",), "sub_account_commands", "sub_account_commands"),
    Commands(("key",), "key_commands", "key_commands"),
    Commands(("provider",), "own_provider_commands", "own_provider_commands"),
    Commands(("management-key",), "management_key_commands", "management_key_commands"),
    Commands(("cap",), "cap_commands", "cap_commands"),
    Commands(("limit",), "limit_commands", "limit_commands"),
    Commands(("product",), "package_commands", "product_commands"),
    Commands(("package",), "package_commands", "package_commands"),
    Commands(("credit", "debit", "balance"), "money_commands", "add_money_commands"),
    Commands(("checkout",), "payment_commands", "add_payment_commands"),
    Commands(("order",), "payment_commands", "order_commands"),
    Commands(("voucher",), "voucher_commands", "voucher_commands"),
    Commands(("auto-topup",), "payment_commands", "auto_topup_commands"),
    Commands(("models", "prices"), "catalog_commands", "add_catalog_commands"),
    Commands(("requests",), "request_commands", "request_commands"),
    Commands(("usage",), "usage_commands", "add_usage_command"),
    Commands(("statement", "receipt"), "statement_commands", "add_statement_commands"),
    Commands(("costs",), "bill_commands", "add_cost_command"),
    Commands(("bill",), "bill_commands", "bill_commands"),
    Commands(("ledger",), "ledger_commands", "ledger_commands"),
    Commands(("events",), "event_commands", "event_commands"),
    Commands(("audit",), "audit_commands", "audit_commands"),
    Commands(("providers",), "catalog_commands", "provider_commands"),
    Commands(("worker",), "serving_commands", "add_worker_command"),
    Commands(("admin-key",), "admin_key_commands", "admin_key_commands"),
)


def build(office: Office, *, word: str | None = None) -> typer.Typer:
    """Return the program, working on `office`: with all its commands, or with what `word` begins when it begins one."""
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

    for commands in [each for each in COMMANDS if word in each.words] or COMMANDS:
        make = getattr(importlib.import_module(f"tollway.cli.{commands.module}"), commands.function)
        if commands.function.startswith("add_"):
            make(app, office)
        else:
            app.add_typer(make(office), name=commands.words[0])
    return app


def run(argv: Sequence[str], office: Office) -> int:
    """Run one command and return its exit status: 0, 1 (refused, one line for each mistake) or 2 (wrong usage)."""
    try:
        program = get_command(build(office, word=argv[0] if argv else None))
        make_plainly(program)
        program.main(args=list(argv), prog_name="tollway")
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
