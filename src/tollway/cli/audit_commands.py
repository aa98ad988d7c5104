"""The commands about the audit trail: who changed what."""

from typing import Annotated

import typer

from tollway.access.audit import AuditQuery
from tollway.billing.audit import ENTRIES_MAX, OFFSET_MAX, parse_actor, view_entry
from tollway.cli.office import Office
from tollway.cli.options import Config, First, Json, Last, OfAccount, choose_settings
from tollway.cli.output import as_table, show
from tollway.ids import ACCOUNT, parse_id

COLUMNS = ("created", "actor", "actor_id", "ip_address", "action", "resource_id", "metadata")


def audit_commands(office: Office) -> typer.Typer:
    """Return `tollway audit …`."""
    app = typer.Typer(help="The audit trail: who changed what of an account.", no_args_is_help=True)

    @app.command("list")
    def list_entries(
        account: OfAccount = None,
        action: Annotated[str | None, typer.Option(help="Such as key.create.", show_default=False)] = None,
        resource_type: Annotated[str | None, typer.Option(help="Such as key.", show_default=False)] = None,
        resource: Annotated[str | None, typer.Option(metavar="ID", help="Such as key_….", show_default=False)] = None,
        actor: Annotated[
            str | None,
            typer.Option(help="operator, system, admin_key, management_key, key, or an id.", show_default=False),
        ] = None,
        first: First = None,
        last: Last = None,
        limit: Annotated[int, typer.Option(min=1, max=ENTRIES_MAX, help="How many, newest first.")] = 50,
        offset: Annotated[int, typer.Option(min=0, max=OFFSET_MAX, help="How many to leave out.")] = 0,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """List who changed what, newest first."""
        kind, actor_id = parse_actor(actor)
        with office.open_books(choose_settings(config)) as desk:
            since_ms, until_ms = desk.audit.period(first, last)
            query = AuditQuery(
                account_id=None if account is None else parse_id(ACCOUNT, account),
                action=action,
                resource_type=resource_type,
                resource_id=resource,
                actor_kind=kind,
                actor_id=actor_id,
                since_ms=since_ms,
                until_ms=until_ms,
            )
            page = desk.audit.list(query, limit, offset)
        show(as_table([view_entry(each) for each in page.entries], COLUMNS, empty="No change yet."), json=json)

    return app
